"""Analytic policy gradient: gradient ascent on the rewards of a differentiable environment."""
