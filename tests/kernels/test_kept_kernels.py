"""What was compiled before is used where it is whole, and passed over where it is not; long calls hear Ctrl-C between blocks."""

import errno
import hashlib
import pickle
import time

import numba
import numpy as np
import pytest

from multicell_env import MulticellVectorEnv
from multicell_env.kernels import compiling, running


def double(number):
    return 2.0 * number


@pytest.fixture
def kept_in(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiling._KeptFile, "has_failed", False)
    compiling.say_once.cache_clear()
    return tmp_path


def hits():
    dispatcher = compiling.compiled_entry(double)
    assert dispatcher(3.0) == 6.0
    return sum(dispatcher.stats.cache_hits.values())


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "flipped": lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
    "foreign": lambda content: b"nonsense" * 100,
}


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_what_was_compiled_is_passed_over_once_and_replaced(kept_in, capfd, suffix, damage):
    assert [hits(), hits()] == [0, 1]
    (file,) = kept_in.rglob(f"*{suffix}")
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert hits() == 0
    assert capfd.readouterr().err == f"multicell_env: what was compiled before is damaged ({file}), and is compiled again.\n"
    assert hits() == 1


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same_and_said_once(kept_in, capfd, monkeypatch):
    def full(self, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(compiling._KeptFile, "_open_for_write", full)
    assert [hits(), hits()] == [0, 0]
    said = capfd.readouterr().err
    assert said.count("cannot be kept") == 1
    assert "(No space left on device). Give a folder by NUMBA_CACHE_DIR." in said
    assert not compiling.is_kept(compiling.compiled_entry(double))


def test_a_file_that_may_not_be_read_is_compiled_again(kept_in, capfd, monkeypatch):
    assert hits() == 0

    read = compiling.Path.read_bytes

    def closed(path):
        if path.suffix == ".nbi":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr(compiling.Path, "read_bytes", closed)
    assert hits() == 0
    assert "cannot be read" in capfd.readouterr().err


def test_kernels_are_compiled_where_numba_is_told_not_to_compile(kept_in, capfd, monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    dispatcher = compiling.compiled_entry(double)
    assert dispatcher(3.0) == 6.0
    assert dispatcher.signatures
    assert numba.config.DISABLE_JIT == 1
    assert "NUMBA_DISABLE_JIT has no effect" in capfd.readouterr().err


def test_where_there_is_no_place_to_keep_it_the_message_names_the_variable(capsys, monkeypatch):
    monkeypatch.setattr(running, "PATIENCE", 0.0)
    monkeypatch.setattr(running, "is_kept", lambda kernel: False)
    with running.announced(compiling.compiled_entry(double), "a type of its own"):
        for _ in range(100):
            if said := capsys.readouterr().err:
                break
            time.sleep(0.02)
    assert "NUMBA_CACHE_DIR" in said
    assert "the next process finds it" not in said


def stepped(num_threads):
    env = MulticellVectorEnv(7, observation="gain", num_threads=num_threads)
    env.reset(seed=0)
    return env, np.random.default_rng(0).random(env.action_space.shape, np.float32)


@pytest.mark.parametrize("num_threads", [1, 3])
def test_a_batch_that_is_played_in_several_calls_gives_the_same_numbers(monkeypatch, num_threads):
    env, actions = stepped(num_threads)
    whole = env.step(actions)
    monkeypatch.setattr(running, "LONG_CALL", 10_000)
    env, actions = stepped(num_threads)
    parts = env.step(actions)
    assert env._blocks.runner._how[5][1] > 2
    for one, other in zip(whole[:4], parts[:4], strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_interruption_between_calls_leaves_no_block_half_played(monkeypatch):
    monkeypatch.setattr(running, "LONG_CALL", 10_000)
    env, actions = stepped(1)
    env.step(actions)
    play, calls = running.play_slots, []

    def interrupted(*arguments):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(play(*arguments))

    with monkeypatch.context() as patch:
        patch.setattr(running, "play_slots", interrupted)
        with pytest.raises(KeyboardInterrupt):
            env.step(actions)
    with pytest.raises(RuntimeError, match="call reset"):
        env.step(actions)
    env.reset(seed=0)
    again, actions = stepped(1)
    np.testing.assert_array_equal(env.step(actions)[0], again.step(actions)[0])


@pytest.mark.parametrize("name", ["numba.core.types.no_such_module Integer", "numba.core.types NoSuchType"])
def test_what_another_version_of_numba_kept_is_passed_over(tmp_path, name):
    pickled = b"c" + name.replace(" ", "\n").encode() + b"\n."  # the name of a class that is not there
    with pytest.raises((AttributeError, ImportError)):
        pickle.loads(pickled)
    (tmp_path / "kept").write_bytes(hashlib.sha256(pickled).digest() + pickled)
    assert compiling._KeptFile._read(object.__new__(compiling._KeptFile), str(tmp_path / "kept")) is None
