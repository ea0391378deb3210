"""A sweep: what is finished is never measured again, and a setting more or less is another point."""

import json
import os
from pathlib import Path

import pytest

from experiments.sweep import Point, sweep


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
