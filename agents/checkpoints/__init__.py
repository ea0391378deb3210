"""Checkpoints: the state of a run as numbers and text."""
