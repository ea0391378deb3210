"""A sweep: what is finished is never measured again, and a setting more or less is another point."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiments.sweep import Point, sweep
from multicell_env.evaluation import writing

ROOT = Path(__file__).parents[2]


def measure(settings, policy):
    """Count the call in a file, because it happens in another process; fail where told to."""
    with open(settings["log"], "a") as file:
        file.write(f"{settings['x']} {os.getpid()}\n")
    if settings.get("fails") and Path(settings["fails"]).exists():
        raise RuntimeError("told to fail")
    return {"doubled": 2 * settings["x"], "policy": None if policy is None else policy(settings["x"])}


def triple():
    return lambda x: 3 * x


def points(folder, numbers, **settings):
    return [Point({"x": x, "log": str(folder / "log"), **settings}) for x in numbers]


def calls(folder):
    return [line.split() for line in (folder / "log").read_text().splitlines()]


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_sweep_goes_on_where_it_stood_and_never_measures_twice(tmp_path: Path, num_workers: int) -> None:
    sweep(points(tmp_path, [1, 2]), measure, tmp_path / "cache", num_workers=num_workers)
    results = sweep(points(tmp_path, [3, 2, 1, 3]), measure, tmp_path / "cache", num_workers=num_workers)
    assert [result["doubled"] for result in results] == [6, 4, 2, 6]
    assert sorted(x for x, _ in calls(tmp_path)) == ["1", "2", "3"]
    assert all((pid == str(os.getpid())) == (num_workers == 1) for _, pid in calls(tmp_path))


def test_what_was_finished_before_a_failure_is_kept(tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    wanted = points(tmp_path, [1]) + points(tmp_path, [2], fails=str(tmp_path / "broken"))
    with pytest.raises(RuntimeError, match="told to fail"):
        sweep(wanted, measure, tmp_path / "cache", num_workers=1)
    (tmp_path / "broken").unlink()
    assert [result["doubled"] for result in sweep(wanted, measure, tmp_path / "cache", num_workers=1)] == [2, 4]
    assert [x for x, _ in calls(tmp_path)] == ["1", "2", "2"]


def test_a_changed_setting_is_another_point_and_their_order_is_not() -> None:
    point = Point({"method": "flwf", "config": {"num_bands": 6, "sir_db": 0.0}})
    assert point.key == Point({"config": {"sir_db": 0.0, "num_bands": 6}, "method": "flwf"}).key
    others = [{"num_bands": 6, "sir_db": 3.0}, {"num_bands": 12, "sir_db": 0.0}, {"num_bands": 6}]
    assert len({point.key, *(Point({"method": "flwf", "config": config}).key for config in others)}) == 4


def test_a_policy_is_made_where_it_plays_and_the_file_tells_the_settings(tmp_path: Path) -> None:
    (point,) = points(tmp_path, [5])
    (result,) = sweep([Point(point.settings, triple)], measure, tmp_path / "cache", num_workers=2)
    assert result == {"doubled": 10, "policy": 15}
    (file,) = (tmp_path / "cache").iterdir()
    assert file.stem == point.key
    assert json.loads(file.read_text()) == {"settings": dict(point.settings), "result": result}


@pytest.mark.parametrize("content", ["", '{"settings": {}, "res', "[]", "{}", '{"result": "\\u001b[2J"}', "[" * 10**5])
def test_a_damaged_point_is_named_before_anything_is_measured(tmp_path: Path, content: str) -> None:
    done, other = points(tmp_path, [1, 2])
    (tmp_path / "cache").mkdir()
    file = tmp_path / "cache" / f"{done.key}.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=rf"{file.name} must be a point that was measured; it is damaged .*\. Delete it"):
        sweep([done, other], measure, tmp_path / "cache", num_workers=1)
    assert not (tmp_path / "log").exists()


def test_a_point_is_on_the_disk_before_it_takes_its_place_and_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order, take = [], os.replace
    monkeypatch.setattr(writing.os, "fsync", lambda number: order.append("sync"))
    monkeypatch.setattr(writing.os, "replace", lambda *paths: (order.append("replace"), take(*paths)))
    (point,) = points(tmp_path, [1])
    sweep([point], measure, tmp_path / "cache", num_workers=1)
    assert order == ["sync", "replace"]
    monkeypatch.setattr(writing.secrets, "token_hex", lambda size: "known")
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".known.partial").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError, match="must be written"):
        writing.write_text(tmp_path / "file", "theirs")
    assert (tmp_path / "victim").read_text() == "mine"


def test_an_error_says_at_which_point_it_arose(tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    for workers in (1, 2):
        (point, other) = points(tmp_path, [workers, 7], fails=str(tmp_path / "broken"))
        with pytest.raises(RuntimeError, match="told to fail") as failure:
            sweep([point, other], measure, tmp_path / "cache", num_workers=workers)
        assert failure.value.__notes__[0] in {f"while {one} was in work" for one in (point, other)}
        assert f"x {workers}" in str(point)


def die(settings, policy):
    """Measure, or end the process as the system does where memory runs out."""
    if settings["x"] == 2:
        time.sleep(1.0)  # the other point is finished by then
        os.kill(os.getpid(), signal.SIGKILL)
    return {"doubled": 2 * settings["x"]}


def test_a_worker_that_dies_is_an_error_that_names_its_point_and_loses_no_other(tmp_path: Path) -> None:
    first, second = points(tmp_path, [1, 2])
    with pytest.raises(ChildProcessError, match="What is finished is kept") as failure:
        sweep([first, second], die, tmp_path / "cache", num_workers=2)
    assert str(second) in str(failure.value)
    assert str(first) not in str(failure.value)
    assert json.loads((tmp_path / "cache" / f"{first.key}.json").read_text())["result"] == {"doubled": 2}


def test_any_executor_measures_and_this_process_writes(tmp_path: Path) -> None:
    two_at_once, lock, in_work, most = threading.Barrier(2), threading.Lock(), 0, 0

    def measure_in_pairs(settings, policy):
        nonlocal in_work, most
        with lock:
            in_work += 1
            most = max(most, in_work)
        two_at_once.wait(timeout=60.0)  # fails where points are measured one after the other
        with lock:
            in_work -= 1
        return measure(settings, policy)

    with ThreadPoolExecutor(3) as executor:
        wanted = points(tmp_path, range(6))
        results = sweep(wanted, measure_in_pairs, tmp_path / "cache", num_workers=2, executor=executor)
        assert executor.submit(int, "3").result() == 3  # it is left open
    assert [result["doubled"] for result in results] == [0, 2, 4, 6, 8, 10]
    assert len(list((tmp_path / "cache").iterdir())) == 6
    assert most == 2


def wait_long(settings, policy):
    """Say who measures, then take as long as a large point."""
    Path(settings["log"]).with_name(f"worker{os.getpid()}").touch()
    time.sleep(600.0)


def sweep_long(folder: str) -> None:
    """What the process does that is interrupted."""
    sweep(points(Path(folder), range(4)), wait_long, Path(folder) / "cache", num_workers=2)


def is_running(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_an_interruption_leaves_no_process(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path[:0] = {[str(ROOT), str(Path(__file__).parent)]}; import test_sweep; test_sweep.sweep_long({str(tmp_path)!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120.0
    while len(workers := [int(path.name[6:]) for path in tmp_path.glob("worker*")]) < 2:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    assert all(is_running(pid) for pid in workers)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=100.0) != 0
    assert not any(is_running(pid) for pid in workers)
