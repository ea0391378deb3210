"""Files of runs and actors: whole, of one writer, on the disk, and of nobody's code."""

import errno
import json
import os
import pickle
import signal
import threading

import numpy as np
import pytest
import safetensors.numpy
import torch
from checkpoint_files import reread, size_of

import agents
from agents import files
from agents.checkpoints.trees import read_tree, write_tree
from agents.files import replace
from agents.networks import SetActor
from agents.run_directory import RunDirectory
from agents.saved_actor import ActorPolicy, save_actor
from agents.td3_mix import clock

TREE = {
    "number": 3,
    "large": 2**200,
    "share": 0.1,
    "infinite": float("inf"),
    "nothing": None,
    "words": "a ≥ b",
    7: (1, (True, False), [np.float32(0.5)]),
    "array": np.arange(6, dtype=np.uint64).reshape(2, 3),
    "waves": np.array([[1 + 2j, 3 - 4j]], np.complex64),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "tensor": torch.linspace(0, 1, 5),
    "generator": np.random.default_rng(0).bit_generator.state,
}


class Payload:
    """What would run if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def equal(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for parts in zip(one, other, strict=True):
            equal(*parts)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        np.testing.assert_array_equal(one, other)
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None)


def test_a_state_comes_back_as_it_was():
    equal(reread(TREE), TREE)


def test_an_array_that_is_there_twice_is_in_the_file_once():
    weights = torch.zeros(10_000)
    assert size_of({"first": weights, "second": weights.view(-1)}) < 1.1 * size_of({"first": weights})
    both = reread({"first": weights, "second": weights})
    both["first"][0] = 1.0
    assert both["second"][0] == 0.0


@pytest.mark.parametrize("wrong", [Payload("x"), {1, 2}, np.array([Payload("x")]), b"bytes", len])
def test_what_is_no_number_and_no_text_is_not_written(tmp_path, wrong):
    with pytest.raises(TypeError, match="must be numbers, text and arrays"):
        write_tree(tmp_path / "state", {"what": wrong})
    assert not list(tmp_path.iterdir())


def test_a_pickled_checkpoint_is_refused_and_not_opened(tmp_path):
    directory = RunDirectory.create(tmp_path / "run", {})
    (directory.path / "checkpoint.pt").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(ValueError, match=r"checkpoint.pt is of an earlier version.*--start-from"):
        directory.load_checkpoint()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "best.safetensors", "best.pt", "config.json"])
@pytest.mark.parametrize("saved", [pickle.dump, torch.save])
def test_no_file_of_a_run_executes_what_was_put_into_it(tmp_path, name, saved):
    directory = RunDirectory.create(tmp_path / "run", {})
    directory.metrics_path.touch()
    with open(directory.path / name, "wb") as file:
        saved({"actor": Payload(tmp_path / "ran"), "metadata": Payload(tmp_path / "ran")}, file)
    read = {"checkpoint.safetensors": directory.load_checkpoint, "config.json": directory.config}
    with pytest.raises(ValueError, match=r"damaged|must be"):
        read.get(name, lambda: agents.load(directory.path))()
    assert not (tmp_path / "ran").exists()


def actor_file(path, **changed):
    actor = SetActor(3, (4,))
    save_actor(path, ActorPolicy(actor, np.float32(0), np.float32(1), {"algo": "mine"}))
    with safetensors.safe_open(path, "np") as file:
        facts = json.loads(file.metadata()["actor"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    facts |= changed
    path.write_bytes(safetensors.numpy.save(arrays, {"actor": json.dumps(facts)}))
    return path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"arguments": {"num_planes": 3, "hidden_sizes": [70_000, 70_000]}}, "hidden_sizes|size mismatch|Error"),
        ({"arguments": {"num_planes": 10**30, "hidden_sizes": [4]}}, "no actor|must be an actor"),
        ({"arguments": {"num_planes": 3, "hidden_sizes": [4] * 10**5}}, "hidden_sizes of"),
        ({"arguments": {"num_planes": 3, "hidden_sizes": "many"}}, "hidden_sizes of"),
        ({"metadata": {"algo": "\x1b[31mred"}}, "control characters"),
        ({"metadata": {"\x1b[2J": 1}}, "control characters"),
        ({"network": ["set"]}, "must be an actor"),
        ({"metadata": None}, "must be an actor"),
    ],
)
def test_an_actors_file_is_refused_for_what_it_says_before_any_memory_is_taken(tmp_path, changed, message, monkeypatch):
    path = actor_file(tmp_path / "actor.safetensors", **changed)

    def without_memory(layer):
        assert layer.weight.is_meta

    monkeypatch.setattr(torch.nn.Linear, "reset_parameters", without_memory)
    with pytest.raises(ValueError, match=message) as refused:
        agents.load(path)
    assert "\x1b" not in str(refused.value)


def test_an_actor_whose_weights_are_not_finite_is_refused(tmp_path):
    actor = SetActor(3, (4,))
    with torch.no_grad():
        actor.head.token.weight[0, 0] = torch.nan
    save_actor(tmp_path / "actor.safetensors", ActorPolicy(actor, np.float32(0), np.float32(1), {}))
    with pytest.raises(ValueError, match="finite numbers"):
        agents.load(tmp_path / "actor.safetensors")


def test_a_run_has_one_writer_until_it_ends_or_dies(tmp_path):
    directory = RunDirectory.create(tmp_path / "run", {})
    with pytest.raises(BlockingIOError, match="must have one writer; another process is training there"):
        RunDirectory(directory.path).hold()
    directory.release()
    child = os.fork()
    if child == 0:
        RunDirectory(directory.path).hold()
        (directory.path / ".left.partial").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    next_one = RunDirectory(directory.path)
    next_one.hold()
    assert not (directory.path / ".left.partial").exists()
    next_one.release()


def test_two_writers_of_one_file_each_leave_it_whole(tmp_path):
    path, errors = tmp_path / "file", []

    def write(letter):
        try:
            for _ in range(50):
                replace(path, lambda file: [file.write(letter) for _ in range(1000)])
                content = path.read_bytes()
                assert len(content) == 1000
                assert len(set(content)) == 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=[letter]) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_in_the_place_of_a_temporary_file_is_not_written_through(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    monkeypatch.setattr(files.secrets, "token_hex", lambda size: "known")
    (tmp_path / ".known.partial").symlink_to(victim)
    with pytest.raises(FileExistsError, match="must be written"):
        replace(tmp_path / "file", lambda file: file.write(b"theirs"))
    assert victim.read_text() == "mine"


def test_a_file_is_on_the_disk_before_it_takes_its_place_and_its_name_after(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(files.os, "fsync", lambda number: order.append("sync"))
    take = os.replace
    monkeypatch.setattr(files.os, "replace", lambda *paths: (order.append("replace"), take(*paths)))
    directory = RunDirectory.create(tmp_path / "run", {})
    directory.write_metrics([{"step": 1.0}])
    directory.save_checkpoint({"training": {"steps_done": 1}})
    assert order == ["sync", "replace", "sync"] * 3
    directory.release()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_where_there_is_no_room_the_file_is_named_and_the_last_one_stays(tmp_path, number):
    path = tmp_path / "checkpoint"
    replace(path, lambda file: file.write(b"before"))

    def full(file):
        file.write(b"half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(OSError, match=f"checkpoint must be written; got: {os.strerror(number)}"):
        replace(path, full)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("checkpoint", b"before")]


def test_what_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    directory = RunDirectory.create(tmp_path / "run", {})
    directory.save_checkpoint({"training": {"steps_done": 1}})
    actor_file(directory.best_path)
    open_file = open

    def closed(path, *arguments, **options):
        if str(path).startswith(str(directory.path)):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return open_file(path, *arguments, **options)

    monkeypatch.setattr("builtins.open", closed)
    for read in (directory.config, directory.load_checkpoint, lambda: agents.load(directory.path)):
        with pytest.raises(PermissionError, match=r"must be readable; got: Permission denied\. It may well be whole"):
            read()


def test_durations_do_not_follow_the_time_of_day(monkeypatch):
    clock.never_go_back()
    times = iter([100.0, 50.0, 0.0])
    monkeypatch.setattr("time.time", lambda: next(times))
    for module in (clock.trainer, clock.algorithm_base, clock.collector):
        first = module.time.time()
        assert module.time.time() >= first


def test_a_tree_that_is_nested_too_deep_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    path.write_bytes(safetensors.numpy.save({}, {"state": "[" * 100_000 + "]" * 100_000}))
    with pytest.raises(ValueError, match="damaged or foreign"):
        read_tree(path)
