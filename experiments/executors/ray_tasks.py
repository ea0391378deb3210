"""Tasks of Ray as an executor."""

import importlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

# Ray reads these when it is imported: no report to its makers, and no warning about accelerators.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


class RayTasks(Executor):
    """Tasks of one processor each on a Ray cluster, which sets `OMP_NUM_THREADS` to 1 for them.

    Args:
        address: The head's, `HOST:PORT`. None: that in `RAY_ADDRESS`, or the cluster that runs on this machine, or one for this process.
    """

    is_cluster = True

    def __init__(self, address: str | None = None) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        ray: Any = importlib.import_module("ray")  # an extra

        self._ray = ray
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        host = (address or "").rpartition(":")[0]
        if host.startswith("127."):
            settings["_node_ip_address"] = host  # Ray takes the host's outer address otherwise, at which no node of a loopback cluster is
        try:
            ray.init(address=address, **settings)
        except Exception as error:  # Ray has several, and a bare one
            raise ConnectionError(str(error)) from error
        # An executor of ours tries again itself, and counts.
        self._call = ray.remote(num_cpus=1, max_retries=0)(_call)
        self._references: dict[Future[Any], Any] = {}

    @property
    def num_workers(self) -> int:
        """Processors of the cluster."""
        return int(self._ray.cluster_resources().get("CPU", 1))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function in a task."""
        reference = self._call.remote(fn, args, kwargs)
        future: Future[Any] = reference.future()
        self._references[future] = reference
        future.add_done_callback(lambda done: self._references.pop(done, None) if not done.cancelled() else None)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; with `cancel_futures` the processes of tasks in work are ended before."""
        for reference in list(self._references.values()) if cancel_futures else ():
            self._ray.cancel(reference, force=True)
        self._ray.shutdown()


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return function(*arguments, **named)
