"""Tasks of Dask as an executor: `Client.get_executor()`, and what an interruption needs."""

import importlib
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from experiments.executors.training_slices import end_trainings, owned


class DaskTasks(Executor):
    """Tasks on a Dask cluster.

    Args:
        address: The scheduler's, `tcp://HOST:PORT`. None: a cluster for this process alone.
        num_workers: Of that cluster.
    """

    is_cluster = True

    def __init__(self, address: str | None = None, num_workers: int | None = None) -> None:
        dask: Any = importlib.import_module("dask")  # an extra
        distributed: Any = importlib.import_module("distributed")  # an extra

        self._own = None
        if address is None:
            # Who hands out jobs tries again, and counts.
            dask.config.set({"distributed.scheduler.allowed-failures": 0})
            self._own = distributed.LocalCluster(n_workers=num_workers, threads_per_worker=1, dashboard_address=None)
        self._client = distributed.Client(address or self._own)
        self._executor = self._client.get_executor(pure=False)
        self._name = uuid.uuid4().hex

    @property
    def num_workers(self) -> int:
        """Threads of the cluster."""
        return max(1, sum(self._client.nthreads().values()))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function in a task."""
        return self._executor.submit(owned, self._name, fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; with `cancel_futures` what waits is cancelled, and trainings in work are ended.

        Dask cannot end a measurement in work: a worker of another's cluster finishes it, and forgets it.
        """
        self._executor.shutdown(wait=not cancel_futures)
        if cancel_futures:
            self._client.run(end_trainings, self._name, on_error="ignore")
        self._client.close()
        if self._own is not None:
            self._own.close()
