"""The equations, readable, on any array library."""
