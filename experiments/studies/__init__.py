"""Policies on many networks: scenarios, and networks of all sizes."""
