"""Where many jobs run: this process, processes of this machine, or a cluster of Ray, Dask or SLURM."""
