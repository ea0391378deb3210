"""Trainings that run entirely on a torch device: environments, replay buffer and networks."""
