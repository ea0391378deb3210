"""TD3-MIX, Algorithm 1 of the paper: hyperparameters, the learner, and its training on any ParallelEnv."""
