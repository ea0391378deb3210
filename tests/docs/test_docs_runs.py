"""What the pages show works: every Python block and every command, in the order in which a reader meets them.

Python runs as it is printed. Commands run to their end with the flags that are printed, and those of `SMALL` after them, which make them
short. `pytest -n 0 -m release tests/test_docs_runs.py` runs every command as it is printed, for hours.
"""

import re
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import pytest
from pages import PAGES, ROOT, blocks, commands, name, unrolled

from experiments.figures import trainings
from experiments.studies import scenario_comparison

MADE = ROOT / "docs" / "tasks"  # tests/leaderboard/test_task_pages.py runs what these pages show
SHOWN = [page for page in PAGES if page.parent != MADE and {"python", "console"} & {language for language, _ in blocks(page)}]
ENVIRONMENT = ".ci/run makes an environment and installs into it"
CLUSTER = "tests/executors/test_clusters.py starts clusters"
NOT_RUN = {
    "python3 -m venv": ENVIRONMENT,
    "python3.11 -m venv": ENVIRONMENT,
    ". .venv/bin/activate": ENVIRONMENT,
    ". .venv-lowest/bin/activate": ENVIRONMENT,
    "bash .ci/lowest": "a part of what is running",
    "pip install": ENVIRONMENT,
    "pre-commit install": "it would change the reader's own clone",
    "ruff": ".ci/run",
    "pyright": ".ci/run",
    "sphinx-build": ".ci/run",
    "pytest": "what is running",
    "ray start": CLUSTER,
    "ray get-auth-token": CLUSTER,
    "export RAY_AUTH_MODE": CLUSTER,
    "dask worker": CLUSTER,
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=0 dask scheduler": CLUSTER,
    "export SBATCH_PARTITION": CLUSTER,
}
TRAIN = "--num-steps 2 --num-envs 2 --num-networks 2 --eval-interval 2 --eval-blocks 1 --final-blocks 2"
# How a command begins -> flags that make it short, and the files that it writes (none: it only prints). The first row that fits counts.
SMALL = {
    "train.py --resume": ("", "runs/**/results.json"),  # a resumed run keeps its settings
    "train.py .*--explain": ("", ""),
    "train.py --device cuda": (f"{TRAIN} --warmup-steps 1 --device cpu", "runs/**/results.json"),
    "train.py --algo td3mix --preset rounds": (f"{TRAIN} --warmup-steps 1", "runs/**/*.json"),
    "train.py .*--preset rounds": (f"{TRAIN} --num-blocks 4", "runs/**/irregular-7.json"),
    "train.py .*--algo apg": (TRAIN, "runs/**/results.json"),
    "train.py": (f"{TRAIN} --warmup-steps 1", "runs/**/results.json"),
    "make_drops.py": ("", "drops.npy"),
    "evaluate.py --figure all --quick": ("--num-blocks 2 --num-workers 1", "results/quick/figure11.png"),
    "evaluate.py --figure all --train": ("--num-blocks 2 --num-workers 1 --figure 5", "docs/figures/figure5.png"),  # 8 trainings of 32
    "evaluate.py --figure 5 --quick --executor": ("--executor process --cluster None --num-blocks 2 --num-workers 1", "**/figure5.png"),
    "evaluate.py --figure 5 --quick": ("--num-blocks 2 --num-workers 1", "results/quick/figure5.png"),
    "evaluate.py --figure 5 --from": ("--num-workers 1", ""),
    "evaluate.py --claims": ("", "docs/figures/claims.md"),
    "evaluate.py --generalise": ("--num-blocks 2", "**/generalise.json"),
    "evaluate.py rounds --curve rounds": ("--num-blocks 2 --scenarios asymmetric", "docs/curve_rounds.png"),
    "evaluate.py rounds --curve sir": ("--num-blocks 2", "docs/curve_sir.png"),
    "evaluate.py rounds --curve errors": ("--num-blocks 2 --scenarios asymmetric", "docs/curve_errors.png"),
    "evaluate.py rounds --scenarios irregular-57": ("--num-blocks 1", "results/results.json"),
    "evaluate.py rounds --scenarios irregular-133": ("--scenarios irregular-57 --num-blocks 1", "results/results.json"),
    "evaluate.py rounds(_fair)? --scenarios all": ("--num-blocks 2", "*/scenarios/scenarios.png"),
    "evaluate.py .*--task": ("--num-blocks 2", "results/results.json"),
    "evaluate.py --submit": ("--num-blocks 1 --task paper-8x4-v0", "results/leaderboard/*.json"),
    "evaluate.py --leaderboard": ("", "docs/leaderboard.md"),
    "evaluate.py --scenarios all": ("--num-blocks 2", "*/scenarios/scenarios.png"),
    "evaluate.py runs/first --sir-db 3": ("--num-blocks 2", "results/comparison.png"),  # on another network than the run's
    "evaluate.py runs/": ("--num-blocks 2", "runs/*/comparison.png"),
    "evaluate.py --html --output docs/benchmark": ("--num-blocks 2", "docs/benchmark/report.html"),
    "evaluate.py --html": ("--num-blocks 2", "results/report.html"),
    "evaluate.py": ("--num-blocks 2", "results/comparison.png"),
    "tests/campaign/run.py": ("--networks 1 --inputs 8 --kills 0 --steps 0", "campaign.json"),
    "benchmarks/ablations.py": ("--num-steps 2 --seeds 0 --variants mixer-sum", "docs/ablations.png"),
    "benchmarks/device_throughput.py": ("--ways eager --num-envs 1024 --repeats 1", "docs/device_throughput.json"),
    "benchmarks/throughput.py": ("--quick", "docs/throughput.png"),
    "benchmarks/torchrl_throughput.py": ("--num-envs 1 --num-slots 10 --repeats 1", "docs/torchrl_throughput.json"),
    "benchmarks/training.py": ("--network 8x4 --seeds 0 --max-steps 2", "docs/training.json"),
    "examples/animate_negotiation.py": ("--num-iterations 2 --num-blocks 2", "docs/pictures/negotiation.gif"),
    "examples/draw_negotiation.py": ("", "docs/pictures/rounds.png"),
}


def row_of(line: str) -> str:
    """The row of `SMALL` that a command belongs to."""
    (row, *_) = [begin for begin in SMALL if re.match(begin, line)] or [""]
    assert row, f"{line} is in no row of SMALL; say there what makes it short and what it writes"
    return row


def stamps(folder: Path, files: str) -> dict[Path, int]:
    """When files were written last."""
    return {path: path.stat().st_mtime_ns for path in folder.glob(files)}


def run(words: Sequence[str], clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a script in this process, which has torch already, as its command line would, but short."""
    line = " ".join(words)
    flags, files = SMALL[row_of(line)]
    before = files and stamps(clone, files)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", [*words, *flags.split()])
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(signal, "signal", lambda *_: None)  # signals are pytest's
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            patch.setenv(variable, "1")  # so that benchmarks, which set them too, do so for themselves alone
        try:
            runpy.run_path(str(clone / words[0]), run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise
    assert not files or stamps(clone, files) != before, f"{line} must write {files}"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project to write in, and the working directory."""
    for folder in ("agents", "benchmarks", "docs", "examples", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "multicell_env").symlink_to(ROOT / "multicell_env")  # with what numba compiled
    for script in ROOT.glob("*.py"):
        shutil.copy(script, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def short_trainings(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings that a command starts are as short as those of a page, in this process, one after another."""
    one_at_a_time = Lock()

    def train(words: Sequence[str], output: object = None) -> int:
        with one_at_a_time:
            run(["train.py", *words], clone, monkeypatch)
        return 0

    for module in (trainings, scenario_comparison):
        monkeypatch.setattr(module, "run_training", train)


def write_files_of(page: Path, clone: Path) -> None:
    """Write what the reader is told to put into a file."""
    for file, text in re.findall(r"say `(\w+\.py)`:\n\n```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
        (clone / file).write_text(text)


def expanded(words: Sequence[str], folder: Path) -> list[str]:
    """Words of a command with what a shell makes of patterns."""
    return [
        name for word in words for name in (sorted(str(path.relative_to(folder)) for path in folder.glob(word)) if "*" in word else [word])
    ]


def commands_of(page: Path) -> list[list[str]]:
    """The words of every command of a page."""
    return [words for language, text in blocks(page) if language == "console" for words in commands(text)]


@pytest.mark.usefixtures("short_trainings")
@pytest.mark.parametrize("page", SHOWN, ids=name)
def test_what_a_page_shows_works(page: Path, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files_of(page, clone)
    ours, namespace = stamps(ROOT / "docs", "**/*"), {}
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, str(page), "exec"), namespace)
        for words in commands(text) if language == "console" else ():
            if words[0] == "python":
                run(expanded(words[1:], clone), clone, monkeypatch)
    assert stamps(ROOT / "docs", "**/*") == ours


@pytest.mark.release
@pytest.mark.parametrize("page", SHOWN, ids=name)
def test_every_command_of_a_page_works_as_it_is_printed(page: Path, clone: Path) -> None:
    write_files_of(page, clone)
    for words in commands_of(page):
        if words[0] == "python" and "--executor" not in words:  # a cluster must be there
            assert subprocess.run([sys.executable, *expanded(words[1:], clone)], cwd=clone, check=False).returncode == 0, words


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_line_of_a_page_that_looks_like_python_escapes(page: Path) -> None:
    lines = re.findall(r"(?m)(?:^[ \t$>]*|&& *)(?:\w+=\S+ +)*python[\d.]* +\S+\.py", unrolled(page.read_text()))
    assert len(lines) == len([words for words in commands_of(page) if words[0] == "python"])


def test_every_command_is_run_or_has_a_reason_not_to_be_and_no_row_is_left_over() -> None:
    lines = [" ".join(words) for page in PAGES for words in commands_of(page)]
    assert {row_of(line.removeprefix("python ")) for line in lines if line.startswith("python ")} == set(SMALL)
    others = [line for line in lines if not line.startswith("python ")]
    assert [line for line in others if not line.startswith(tuple(NOT_RUN))] == []
    assert [begin for begin in NOT_RUN if not any(line.startswith(begin) for line in others)] == []


def test_a_command_that_is_refused_or_writes_nothing_fails_its_page(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        run(["evaluate.py", "--claims", "--no-such-flag"], clone, monkeypatch)
    monkeypatch.setitem(SMALL, "evaluate.py --claims", ("--figures elsewhere", "docs/figures/claims.md"))
    with pytest.raises(AssertionError, match=r"must write docs/figures/claims\.md"):
        run(["evaluate.py", "--claims"], clone, monkeypatch)


def test_patterns_are_expanded_as_a_shell_would(tmp_path: Path) -> None:
    for run in ("runs/b_1", "runs/b_0", "runs/c_0"):
        (tmp_path / run).mkdir(parents=True)
    assert expanded(["a.py", "runs/b_*", "--own"], tmp_path) == ["a.py", "runs/b_0", "runs/b_1", "--own"]


def test_commands_are_read_from_a_block_as_a_shell_would() -> None:
    text = "python a.py --b 'c d' \\\n    --e   # a comment\n\npip install x && python f.py\n"
    assert list(commands(text)) == [["python", "a.py", "--b", "c d", "--e"], ["pip", "install", "x"], ["python", "f.py"]]
    loop = "for S in 0 1; do\n    python a.py --seed $S \\\n        --name run$S\n    python $SS.py\ndone\npython b.py\n"
    turns = [[["python", "a.py", "--seed", turn, "--name", f"run{turn}"], ["python", "$SS.py"]] for turn in "01"]
    assert list(commands(loop)) == [*turns[0], *turns[1], ["python", "b.py"]]
