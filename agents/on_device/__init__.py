"""Runs of learners that stay on a device of torch: environments, replay and networks there, and no copy to the host in a step."""
