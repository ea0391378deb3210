"""The command lines: their arguments, which are read without torch, and what they do."""
