"""The equations of the model as readable functions, for any array library."""
