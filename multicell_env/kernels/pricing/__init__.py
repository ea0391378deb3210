"""Prices in the kernels: hearing them, and responding to them. What `model/pricing.py` says in NumPy."""
