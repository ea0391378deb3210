"""Parts of the vectorised environment: the view by agent, the autoreset mode, and saving and loading its state."""
