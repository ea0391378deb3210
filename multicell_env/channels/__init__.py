"""Channel models and recorded channels."""
