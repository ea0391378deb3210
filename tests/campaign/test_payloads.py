"""Files with something to execute in them: of every kind that is read here, none runs it, each with a clear error or as inert text."""

import csv
import io as streams
import json
import os
import pickle
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from command_lines import refusal
from rich.console import Console
from scipy import io

import agents
from agents.checkpoints.trees import write_tree
from agents.networks import SetActor
from agents.run_directory import RunDirectory
from agents.saved_actor import ActorPolicy, save_actor
from experiments.executors.training_slices import _unpack
from experiments.figures.figure_files import read_figure
from experiments.leaderboard.page import make_page
from experiments.leaderboard.rules import read_json
from experiments.sweep import Point, sweep
from multicell_env import NetworkConfig
from multicell_env.channels.pool import RecordedChannels
from multicell_env.evaluation import evaluate_allocations
from multicell_env.evaluation.tables import print_table

pytestmark = pytest.mark.campaign
ROOT = Path(__file__).parents[2]
SHAPE = (2, 2, 2, 1, 2, 1)
"""Blocks, cells, cells, bands, antennas, users."""
POINT = Point({"x": 1})


class Payload:
    """What makes a folder `ran` where it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("ran",)


def objects(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    array = np.full(shape, 0.5, object)
    array.flat[0] = Payload()
    return array


@pytest.fixture(autouse=True)
def _nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "ran").exists()


def test_the_payload_runs_where_something_is_unpickled() -> None:
    pickle.loads(pickle.dumps(Payload()))
    assert Path("ran").is_dir()
    Path("ran").rmdir()


FORMS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda file: pickle.dump({"actor": Payload(), "channels": objects()}, file),
    "torch": lambda file: torch.save({"actor": Payload(), "metadata": {"algo": Payload()}}, file),
    "numpy": lambda file: np.save(file, objects(), allow_pickle=True),
    "numpy's archive": lambda file: np.savez(file, channels=objects(), tx_power_dbm=objects((1,))),
    "yaml": lambda file: file.write(b"!!python/object/apply:os.mkdir ['ran']\n"),
    "python": lambda file: file.write(b"__import__('os').mkdir('ran')\n"),
}
"""Files that some reader executes."""


def checkpoint(path: Path) -> Any:
    return RunDirectory(path.parent).load_checkpoint()


def points(path: Path) -> Any:
    return sweep([POINT], lambda settings, policy: {}, path.parent, num_workers=1)


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "actor": ("actor.safetensors", agents.load),
    "actor of an earlier version": ("actor.pt", agents.load),
    "checkpoint": ("run/checkpoint.safetensors", checkpoint),
    "checkpoint of an earlier version": ("run/checkpoint.pt", checkpoint),
    "configuration": ("run/config.json", lambda path: RunDirectory(path.parent).config()),
    "point of a sweep": (f"points/{POINT.key}.json", points),
    "figure": ("figure5.json", read_figure),
    "submission": ("mine.json", lambda path: make_page([path])),
    **{f"channels {suffix}": (f"pool.{suffix}", RecordedChannels) for suffix in ("npy", "npz", "h5", "hdf5", "mat")},
}
"""Every kind of file that is read: a name for it, and who reads it."""


@pytest.mark.parametrize("kind", READERS)
def test_no_file_that_is_read_is_unpickled_or_taken_for_code(kind: str) -> None:
    name, read = READERS[kind]
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    for write in FORMS.values():
        with open(path, "wb") as file:
            write(file)
        with pytest.raises(ValueError, match=r"must be|must hold|is of an earlier version") as refused:
            read(path)
        assert path.name in str(refused.value)


def test_metrics_are_written_and_never_read() -> None:
    directory = RunDirectory.create("run", {})
    with open(directory.metrics_path, "wb") as file:
        pickle.dump(Payload(), file)
    directory.save_checkpoint({"training": {"steps_done": 1}})
    assert directory.load_checkpoint() == {"training": {"steps_done": 1}}
    directory.write_metrics([{"step": 1.0}])
    with open(directory.metrics_path) as table:
        assert list(csv.DictReader(table)) == [{"step": "1.0"}]
    directory.release()


def save_hdf5(dtype: Any, value: Any, **settings: Any) -> None:
    with h5py.File("pool.h5", "w") as file:
        file.create_dataset("channels", SHAPE, dtype, **settings)[0, 0, 0, 0, 0, 0] = file.ref if value is None else value


TYPES: dict[str, tuple[Any, Any]] = {
    "text": (h5py.string_dtype(), "x"),
    "references": (h5py.ref_dtype, None),
    "arrays of any length": (h5py.vlen_dtype(np.float32), [1.0, 2.0]),
    "a field of any length": (np.dtype([("real", np.float32), ("imag", h5py.vlen_dtype(np.float32))]), (1.0, np.ones(2, np.float32))),
}


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("name", TYPES)
def test_what_has_no_fixed_size_in_hdf5_is_never_taken_for_addresses(name: str, is_chunked: bool) -> None:
    dtype, value = TYPES[name]
    save_hdf5(dtype, value, **({"chunks": SHAPE} if is_chunked else {}))
    assert "channels must be numbers; got /channels of pool.h5" in refusal(Path(), "evaluate.py", "--channels", "pool.h5")


@pytest.mark.parametrize("suffix", ["npy", "npz", "mat"])
def test_arrays_of_objects_and_fields_of_objects_are_refused(suffix: str) -> None:
    fields = np.zeros(SHAPE, [("real", np.float32), ("imag", object)])
    cells = np.empty(SHAPE, object)
    for index in np.ndindex(SHAPE):
        cells[index] = np.ones(2)
    for array in (fields, cells):
        if suffix == "npy":
            np.save("pool.npy", array, allow_pickle=True)
        elif suffix == "npz":
            np.savez("pool.npz", channels=array)
        else:
            io.savemat("pool.mat", {"channels": array})
        assert "must be" in refusal(Path(), "evaluate.py", "--channels", f"pool.{suffix}")


ESCAPE = "\x1b]0;mine\x07\x1b[31m"


@pytest.mark.parametrize("kind", ["configuration", "point of a sweep", "figure", "submission", "checkpoint"])
def test_text_that_a_terminal_would_obey_is_refused_wherever_it_stands(kind: str) -> None:
    name, read = READERS[kind]
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    figure = json.loads((ROOT / "docs/figures/figure5.json").read_text())
    figure["points"][0]["panel"] = ESCAPE
    submission = json.loads((ROOT / "docs/leaderboard/reuse.json").read_text())
    contents = {"figure": figure, "submission": {**submission, "command": ESCAPE}, "point of a sweep": {"result": {ESCAPE: 1}}}
    if kind == "checkpoint":
        write_tree(path, {"training": {"steps_done": 1}, "metrics": [{ESCAPE: 1.0}]})
    else:
        path.write_text(json.dumps(contents.get(kind, {"arguments": [ESCAPE]})))
    with pytest.raises(ValueError, match="control characters") as refused:
        read(path)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("pilots", [["<script>alert(1)</script>"], "ingr", None, [["ingr"]]])
def test_a_submission_has_pilots_that_its_page_can_name(pilots: Any) -> None:
    submission = read_json(ROOT / "docs/leaderboard/wmmse.json")
    next(iter(submission["tasks"].values()))["measurements"]["pilots"] = pilots
    Path("mine.json").write_text(json.dumps(submission))
    with pytest.raises(ValueError, match=r"mine\.json: pilots of paper-8x4-v0 must be of"):
        make_page([Path("mine.json")])


@pytest.mark.parametrize("algo", ["<script>alert(1)</script>", "[link=file:///etc/passwd]x[/nope]", "$\\frac$", "a b", "a|b", "", "n" * 81])
def test_an_actors_own_name_is_one_that_tables_and_pictures_show_as_it_is(algo: str) -> None:
    directory = RunDirectory.create("run", {})
    directory.release()
    save_actor(directory.best_path, ActorPolicy(SetActor(3, (4,)), np.zeros(1), np.ones(1), {"algo": algo}))
    assert "algo = " in refusal(Path(), "evaluate.py", "run")


def test_names_in_brackets_stand_in_tables_as_they_are() -> None:
    config = NetworkConfig(num_slots=2)
    (result,) = evaluate_allocations(config, methods=("uniform",), num_blocks=1, timed=False)
    printed = streams.StringIO()
    print_table([replace(result, name="[link=file:///x]mine[/nope]")], config, Console(file=printed, width=200), title="[/nope]")
    shown = printed.getvalue()
    assert "[link=file:///x]mine[/nope]" in shown
    assert shown.startswith("[/nope]")


def test_a_run_that_comes_back_writes_in_its_own_directory_alone() -> None:
    archive = streams.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("../ran"))
    with pytest.raises(tarfile.OutsideDestinationError):
        _unpack(archive.getvalue(), Path("run"))
