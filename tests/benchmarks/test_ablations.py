"""The study of variants: aggregates, resumption with commands that only pretend, and the report of made-up runs."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from ablations import GROUPS, Run, chosen, runs_of, train_missing
from ablations_report import as_markdown, collected, write_report
from aggregates import aggregate, interquartile_mean

BOUND = 80.0


def pretend_run(path: Path, percent: float, *, seed: int = 0, steps: int = 100) -> Path:
    """What train.py leaves behind, with `percent` of the bound in the last slot, half of it in the first and three quarters on average."""
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"arguments": {"seed": seed}, "git_commit": "abc"}))
    last = percent / 100.0 * BOUND
    actor = {"per_slot": [last / 2, last], "last_slot": {"mean": last}, "all_slots": {"mean": 0.75 * last}}
    methods = {"td3mix": actor, "assignment_bound": {"last_slot": {"mean": BOUND}}}
    (path / "results.json").write_text(json.dumps({"methods": methods, "num_blocks": 7}))
    with open(path / "metrics.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "env_steps", "seconds", "last_slot", "all_slots", "percent_of_bound"])
        writer.writerows([[step, 32 * step, 0.1 * step, last, 0.75 * last, percent] for step in range(50, steps + 1, 50)])
    return path


class Pretender:
    """Starts commands that only note themselves; each ends at its second poll, with results unless it is to fail."""

    def __init__(self, folder: Path, *, fails: str = "", interrupts: bool = False) -> None:
        self.folder, self.fails, self.interrupts = folder, fails, interrupts
        self.commands: list[list[str]] = []
        self.processes: list[PretendProcess] = []

    def __call__(self, command: list[str], log: Path) -> "PretendProcess":
        self.commands.append(command)
        name = Path(command[command.index("--resume" if "--resume" in command else "--name") + 1]).name
        self.processes.append(PretendProcess(self, name))
        return self.processes[-1]


class PretendProcess:
    def __init__(self, starter: Pretender, name: str) -> None:
        self.starter, self.name, self.polls, self.said = starter, name, 0, []

    def poll(self) -> int | None:
        self.polls += 1
        if self.starter.interrupts:
            raise KeyboardInterrupt
        assert sum(process.polls in (0, 1) for process in self.starter.processes) <= 2, "more than two at a time"
        if self.polls < 2:
            return None
        if self.name != self.starter.fails:
            path = self.starter.folder / self.name
            path.mkdir(exist_ok=True)
            (path / "results.json").write_text("{}")
        return 0

    def terminate(self) -> None:
        self.said.append("terminate")

    def wait(self) -> int:
        self.said.append("wait")
        return 0


def test_the_interquartile_mean_of_five_is_the_mean_of_the_middle_three() -> None:
    assert interquartile_mean(np.array([100.0, 1.0, 3.0, 2.0, -50.0])) == 2.0


def test_the_interquartile_mean_cuts_a_quarter_at_each_end_rounded_down() -> None:
    assert interquartile_mean(np.array([0.0, 1.0, 5.0, 9.0])) == 3.0
    assert interquartile_mean(np.array([0.0, 1.0, 8.0])) == 3.0
    assert interquartile_mean(np.array([-9.0, -9.0, 1.0, 2.0, 3.0, 4.0, 99.0, 99.0])) == 2.5


def test_every_point_of_a_curve_is_aggregated_by_itself() -> None:
    curves = np.array([[1.0, 50.0], [2.0, 10.0], [3.0, 20.0], [4.0, 30.0], [90.0, -7.0]])
    np.testing.assert_array_equal(interquartile_mean(curves), [3.0, 20.0])
    both, second = aggregate(curves), aggregate(curves[:, 1])
    assert (both.iqm[1], both.low[1], both.high[1]) == second


def test_the_interval_of_equal_seeds_is_a_point() -> None:
    assert aggregate(np.full(5, 3.0)) == (3.0, 3.0, 3.0)


def test_the_bootstrap_of_two_seeds_spans_them_and_of_one_is_itself() -> None:
    # Of two seeds every fourth draw is the lower one twice, and every fourth the higher.
    assert aggregate(np.array([1.0, 5.0])) == (3.0, 1.0, 5.0)
    assert aggregate(np.array([4.0])) == (4.0, 4.0, 4.0)


def test_the_bootstrap_finds_the_interval_that_all_resamples_of_five_have() -> None:
    # All 5^5 equally likely resamples, counted instead of drawn.
    scores = np.array([0.0, 1.0, 10.0, 11.0, 40.0])
    every = np.sort(scores[np.stack(np.meshgrid(*[np.arange(5)] * 5), axis=-1).reshape(-1, 5)], axis=1)[:, 1:4].mean(axis=1)
    _, low, high = aggregate(scores)
    assert [low, high] == list(np.percentile(every, [2.5, 97.5]))


@pytest.mark.parametrize("scores", [[], [1.0, np.nan]])
def test_scores_that_are_missing_or_not_finite_are_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        aggregate(np.array(scores))


def test_runs_of_equal_flags_are_one_and_seeds_come_in_turns() -> None:
    runs = runs_of(GROUPS, 500, (0, 1))
    assert len(runs) == len(set(runs)) == 2 * 13
    assert [run.seed for run in runs] == [0] * 13 + [1] * 13


def test_a_run_is_named_by_all_its_flags() -> None:
    runs = [run for steps in (500, 1000) for run in runs_of(GROUPS, steps, (0, 1))]
    assert len({run.path(Path()) for run in runs}) == len(runs)
    assert Run(("--mixer", "sum"), 500, 3).path(Path("x")) == Path("x/mixer-sum-num-steps-500-seed-3")


def test_variants_are_chosen_by_name_and_unknown_ones_refused() -> None:
    assert chosen(["mlp", "k=0"]) == {
        "network and observation": {"mlp": GROUPS["network and observation"]["mlp"]},
        "iterations a slot": {"k=0": ("--num-iterations", "0")},
    }
    assert chosen([]) == GROUPS
    with pytest.raises(ValueError, match="'transformer'"):
        chosen(["mlp", "transformer"])


def test_finished_runs_are_left_alone_stopped_ones_go_on_and_others_begin(tmp_path: Path) -> None:
    runs = [Run((), 100, seed) for seed in range(4)]
    pretend_run(runs[0].path(tmp_path), 90.0)
    stopped = runs[1].path(tmp_path)
    stopped.mkdir()
    (stopped / "config.json").write_text("{}")
    starter = Pretender(tmp_path)
    assert train_missing(runs, tmp_path, 2, begin=starter, pause=0.0) == []
    assert [command[1:] for command in starter.commands] == [
        ["train.py", "--resume", str(stopped)],
        *(
            ["train.py", "--runs", str(tmp_path), "--name", f"num-steps-100-seed-{seed}", "--num-steps", "100", "--seed", str(seed)]
            for seed in (2, 3)
        ),
    ]
    again = Pretender(tmp_path)
    assert train_missing(runs, tmp_path, 2, begin=again, pause=0.0) == []
    assert again.commands == []


def test_a_run_that_ends_unfinished_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    runs = [Run((), 100, seed) for seed in range(3)]
    starter = Pretender(tmp_path, fails=runs[0].path(tmp_path).name)
    assert train_missing(runs, tmp_path, 1, begin=starter, pause=0.0) == [runs[0]]
    assert [run.finished(tmp_path) for run in runs] == [False, True, True]


def test_an_interruption_asks_the_running_ones_once_to_stop_and_waits_for_them(tmp_path: Path) -> None:
    starter = Pretender(tmp_path, interrupts=True)
    with pytest.raises(KeyboardInterrupt):
        train_missing([Run((), 100, seed) for seed in range(3)], tmp_path, 2, begin=starter, pause=0.0)
    assert [process.said for process in starter.processes] == [["terminate", "wait"]] * 2


def test_steps_done_are_those_of_the_last_evaluation(tmp_path: Path) -> None:
    run = Run((), 100, 0)
    assert run.steps_done(tmp_path) == 0
    pretend_run(run.path(tmp_path), 90.0)
    assert run.steps_done(tmp_path) == 100


def test_the_table_is_in_percent_of_the_bound_without_what_has_not_finished(tmp_path: Path) -> None:
    good = [pretend_run(tmp_path / f"good{seed}", percent, seed=seed) for seed, percent in enumerate([90.0, 80.0, 88.0, 86.0, 10.0])]
    paths = {"mixer": {"default": good, "late": [tmp_path / "late"]}, "critic": {"one": [pretend_run(tmp_path / "one", 40.0)]}}
    groups = collected(paths, tmp_path / "nothing")
    assert list(groups["mixer"]) == ["default"]
    default = groups["mixer"]["default"]
    assert default["percent"]["last_slot"]["iqm"] == pytest.approx((80 + 88 + 86) / 3)
    np.testing.assert_allclose(default["curve"]["iqm"], [0.75 * (80 + 88 + 86) / 3] * 2)
    page = as_markdown(groups, "python x.py")
    assert "| critic | one | 1 | 20.0 [20.0, 20.0] | 40.0 [40.0, 40.0] | 30.0 [30.0, 30.0] | 10 |" in page
    assert "3,200 environment steps a run, 5 seeds" in page
    assert "late" not in page


def test_peers_stand_in_the_table_by_name_settings_and_environment_steps(tmp_path: Path) -> None:
    folder = tmp_path / "peers"
    folder.mkdir()
    for seed, last in enumerate((40.0, 60.0)):
        run = {"arguments": {"algorithm": "ppo", "settings": "library", "seed": seed}, "env_steps": 3200, "seconds": 5.0}
        scores = {"first_slot": {"mean": 8.0}, "last_slot": {"mean": last}, "all_slots": {"mean": last}}
        (folder / f"ppo{seed}.json").write_text(json.dumps(run | scores))
    (folder / "rounds-asymmetric-ppo.json").write_text(json.dumps({"scenario": "asymmetric", "methods": {}}))  # of another game
    groups = collected({"mixer": {"default": [pretend_run(tmp_path / "a", 90.0)]}}, folder)
    assert "| peers | ppo, library, 3,200 steps | 2 | 10.0 [10.0, 10.0] | 62.5 [50.0, 75.0] | 62.5 [50.0, 75.0] | 5 |" in as_markdown(
        groups, "x"
    )


def test_the_report_writes_its_three_files_and_refuses_to_report_nothing(tmp_path: Path) -> None:
    output = tmp_path / "docs"
    output.mkdir()
    with pytest.raises(ValueError, match="got none"):
        write_report({"mixer": {"default": [tmp_path / "a"]}}, output, "python x.py", tmp_path)
    pretend_run(tmp_path / "a", 90.0)
    write_report({"mixer": {"default": [tmp_path / "a"]}}, output, "python x.py", tmp_path)
    assert sorted(path.name for path in output.iterdir()) == ["ablations.json", "ablations.md", "ablations.png"]
    run = json.loads((output / "ablations.json").read_text())["groups"]["mixer"]["default"]["runs"][0]
    assert run["percent"] == {"first_slot": 45.0, "last_slot": 90.0, "all_slots": 67.5}
