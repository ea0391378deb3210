"""The executors: processes, Ray, Dask and SLURM, their requirements, and opening one."""

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from experiments.command_line import check_positive
from experiments.executors.jobs import HERE, Workers, closing
from experiments.executors.processes import Processes

Engine = Literal["process", "ray", "dask", "slurm"]
MODULES: dict[Engine, str] = {"ray": "ray", "dask": "distributed", "slurm": "submitit"}
"""The module that each engine needs. The package's extra has the engine's name."""
SLURM_FOLDER = Path("runs/slurm")
"""Folder for jobs of SLURM. All nodes must have access to it."""


@dataclass(frozen=True)
class ClusterArguments:
    """Where jobs run: networks that are played, and trainings."""

    executor: Engine = "process"
    """process: processes on this machine. ray, dask, slurm: a cluster, see docs/clusters.md."""
    cluster: Annotated[str | None, tyro.conf.arg(metavar="ADDRESS")] = None
    """Address of Ray's head or Dask's scheduler. Default: Ray's cluster on this machine if it runs, else a new local one. With slurm only
    'local' is possible, which runs the jobs as processes on this machine."""


PROCESSES = ClusterArguments()


def check_cluster(arguments: ClusterArguments) -> None:
    """Refuse an executor that cannot be opened.

    Raises:
        ValueError: the engine is not installed, or its cluster has no such address.
    """
    if arguments.executor == "process":
        if arguments.cluster is not None:
            raise ValueError(f"--cluster goes with --executor ray, dask or slurm; got {arguments.cluster} alone. Give one of them.")
        return
    module = MODULES[arguments.executor]
    if importlib.util.find_spec(module) is None:
        raise ValueError(
            f"--executor {arguments.executor} needs {module}, which is not installed. "
            f"pip install -c constraints.txt -e '.[train,{arguments.executor}]'"
        )
    if arguments.executor == "slurm" and arguments.cluster not in (None, "local"):
        raise ValueError(
            f"--cluster must be local or left out with --executor slurm; got {arguments.cluster}. Choose a partition by SBATCH_PARTITION."
        )


@contextmanager
def opened(arguments: ClusterArguments = PROCESSES, num_workers: int | None = None, *, usual: int | None = None) -> Iterator[Workers]:
    """Open the workers of a command line, and close them at the end. An interruption stops running jobs.

    Args:
        arguments: The executor and its address.
        num_workers: Number of parallel jobs; by default the number of processors of a cluster.
        usual: The default on this machine; by default its number of processors.

    Raises:
        ValueError: as `check_cluster`, or there is no cluster at the address.
    """
    check_cluster(arguments)
    if num_workers is not None:
        check_positive(num_workers=num_workers)
    here = num_workers or usual or os.cpu_count() or 2
    if arguments.executor == "process":
        if here == 1:
            yield HERE
        else:
            with closing(Processes(here)) as executor:
                yield Workers(executor, here)
        return
    try:
        if arguments.executor == "ray":
            from experiments.executors.ray_tasks import RayTasks

            cluster = RayTasks(arguments.cluster)
        elif arguments.executor == "dask":
            from experiments.executors.dask_tasks import DaskTasks

            cluster = DaskTasks(arguments.cluster, here)
        else:
            from experiments.executors.slurm_jobs import SlurmJobs

            cluster = SlurmJobs(SLURM_FOLDER, is_local=arguments.cluster == "local")
    except (ConnectionError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"--executor {arguments.executor} must reach its cluster; it does not ({reason}). See docs/clusters.md for how one is started."
        ) from error
    with closing(cluster):
        yield Workers(cluster, num_workers or (here if arguments.cluster == "local" else cluster.num_workers))
