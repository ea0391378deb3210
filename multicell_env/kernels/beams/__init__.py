"""Zero-forcing of several bands at once, compiled."""
