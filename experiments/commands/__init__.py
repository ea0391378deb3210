"""The command lines: their arguments, which are parsed without torch, and their work."""
