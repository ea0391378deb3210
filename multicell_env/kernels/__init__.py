"""The equations, compiled."""
