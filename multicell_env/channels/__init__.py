"""Where channels come from."""
