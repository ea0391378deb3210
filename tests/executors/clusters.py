"""Clusters of two nodes on loopback addresses, drivers in sessions of their own, and ending both by process ids."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import work

NODES = ("127.0.0.2", "127.0.0.3")
BIN = Path(sys.executable).parent
VARIABLES = {
    "RAY_AUTH_MODE": "token",  # of these processes' own: Ray writes one into the home directory otherwise
    "RAY_AUTH_TOKEN": uuid.uuid4().hex * 2,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    "OMP_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
    "PYTHONPATH": os.pathsep.join([str(work.ROOT), str(Path(work.__file__).parent)]),
}
MARK = "CLUSTER_TEST"
"""Variable of the environment by which all processes of a test are found: who starts a process hands it on."""


@dataclass
class Cluster:
    """Two nodes of one processor each."""

    address: str
    mark: str
    nodes: "list[subprocess.Popen[bytes]]"

    def kill_a_node(self) -> None:
        """SIGKILL the second node with all of its workers."""
        kill_tree(self.nodes[-1].pid)


@contextmanager
def cluster(engine: str) -> Iterator[Cluster]:
    """Two nodes of Ray or Dask."""
    port, mark = free_port(), new_mark()
    folder = tempfile.mkdtemp(prefix="ray-")  # sockets need a short path, and a cluster of the user's is another one
    head, address, nodes = _commands(engine, port, folder)
    try:
        with processes(head, mark=mark):
            work.wait_until(lambda: _listens(port))
            with processes(*nodes, mark=mark) as started:
                yield Cluster(address, mark, started)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _commands(engine: str, port: int, folder: str) -> tuple[list[str], str, list[list[str]]]:
    """How a head and its nodes are started, and the address."""
    address = f"{NODES[0]}:{port}"
    if engine == "ray":
        start = [str(BIN / "ray"), "start", "--num-cpus", "1", "--block"]
        head = [*start, "--head", "--node-ip-address", NODES[0], "--port", str(port), "--include-dashboard", "false", "--temp-dir", folder]
        return head, address, [[*start, "--address", address, "--node-ip-address", NODES[1]]]
    head = [str(BIN / "dask"), "scheduler", "--host", NODES[0], "--port", str(port), "--no-dashboard"]
    worker = [str(BIN / "dask"), "worker", f"tcp://{address}", "--nthreads", "1", "--no-dashboard", "--host"]
    return head, f"tcp://{address}", [[*worker, node] for node in NODES]


@contextmanager
def driver(what: str, engine: str, address: str, folder: Path, count: int, mark: str) -> Iterator["subprocess.Popen[bytes]"]:
    """driver.py in a session of its own; what it says is in the folder's `said`."""
    words = [what, engine, address, str(folder), str(count)]
    with processes([sys.executable, str(Path(work.__file__).parent / "driver.py"), *words], mark=mark, cwd=folder) as (process,):
        yield process


@contextmanager
def processes(*commands: list[str], mark: str, cwd: Path | None = None) -> Iterator["list[subprocess.Popen[bytes]]"]:
    """Commands in sessions of their own, which are ended by their ids with all that they started."""
    started = []
    try:
        with open(os.devnull if cwd is None else cwd / "said", "a") as said:
            for command in commands:
                started.append(
                    subprocess.Popen(
                        command,
                        cwd=cwd,
                        env={**os.environ, **VARIABLES, MARK: mark},
                        stdin=subprocess.DEVNULL,
                        stdout=said,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
        yield started
    finally:
        for process in reversed(started):
            kill_tree(process.pid)
            process.wait()


def run(command: list[str], words: str) -> None:
    """Run a command to its end, with words at its standard input."""
    subprocess.run(command, input=words, text=True, env={**os.environ, **VARIABLES}, stdout=subprocess.DEVNULL, check=True)


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all that descends from it."""
    for one in tree_of(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def tree_of(pid: int) -> list[int]:
    """A process and all that descends from it."""
    tree, below = [pid], _children()
    for one in tree:
        tree += below.get(one, [])
    return tree


def new_mark() -> str:
    """One that no other test has."""
    return uuid.uuid4().hex


def marked(mark: str) -> list[int]:
    """Living processes that were started with a mark in their environment, by their ids."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in (path / "environ").read_bytes().split(b"\0") and work.is_running(int(path.name)):
                found.append(int(path.name))
    return found


def command_line(pid: int) -> str:
    """What a process was started with; empty where it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def parent_of(pid: int) -> int:
    """Who started a process."""
    return next(parent for parent, pids in _children().items() if pid in pids)


def _children() -> dict[int, list[int]]:
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
            below.setdefault(parent, []).append(int(path.parent.name))
    return below


def free_port() -> int:
    """A port of the first node at which nothing listens."""
    with socket.socket() as found:
        found.bind((NODES[0], 0))
        return found.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex((NODES[0], port)) == 0
