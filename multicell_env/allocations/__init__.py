"""Allocation methods without learning."""
