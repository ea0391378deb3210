"""Command lines as the tests run them: in this process, or in one of their own."""

import contextlib
import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

import evaluate
import train
from experiments.command_line import run_command

ROOT = Path(__file__).parents[1]
RULES = """
import numpy as np


def spread(observations):
    return {agent: np.full(planes.shape[1:], 1 / planes.shape[1]) for agent, planes in observations.items()}


def first_band(observations):
    return {agent: np.eye(planes.shape[-2])[0][:, None] * np.ones(planes.shape[-1]) for agent, planes in observations.items()}


def all_blocks(observations):
    assert observations["bs_0"].ndim == 4
    return {agent: np.full((len(planes), *planes.shape[2:]), 0.1) for agent, planes in observations.items()}


def channels(observations):
    assert observations["bs_0"].shape[0] > 3
    return {agent: np.full(planes.shape[1:], 0.1) for agent, planes in observations.items()}


def raising(observations):
    return observations["bs_99"]


def nan(observations):
    return {agent: np.full(planes.shape[1:], np.nan) for agent, planes in observations.items()}


def flat(observations):
    return {agent: np.zeros(3) for agent in observations}


def waves(observations):
    return {agent: np.full(planes.shape[1:], 0.5 + 0j) for agent, planes in observations.items()}


def words(observations):
    return {agent: np.full(planes.shape[1:], "x") for agent, planes in observations.items()}


def factory():
    return spread


class Policy:
    pass


number = 3
"""
TRAINING = [
    *("--num-slots", "4", "--num-envs", "4", "--num-steps", "8", "--warmup-steps", "4", "--eval-interval", "4", "--eval-blocks", "3"),
    *("--final-blocks", "3", "--hidden-sizes", "8", "--batch-size", "8", "--buffer-size", "200"),
]
TINY_LEARNER = [
    *("--num-envs", "4", "--num-steps", "12", "--warmup-steps", "4", "--eval-interval", "4"),
    *("--eval-blocks", "5", "--final-blocks", "5", "--hidden-sizes", "8", "--batch-size", "8", "--buffer-size", "200"),
]
TINY = ["--num-slots", "4", *TINY_LEARNER]


def call(module, *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__ + ".py", *map(str, words)])
        try:
            run_command(module.main)
        except SystemExit as left:
            return int(left.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def command(script: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / script), *map(str, arguments)]


def run(cwd: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(script, *arguments), cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


def final_metrics(directory: Path) -> dict[str, str]:
    with open(directory / "metrics.csv") as file:
        row = list(csv.DictReader(file))[-1]
    del row["seconds"]
    return row


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def refusal(cwd: Path, script: str, *arguments: str) -> str:
    """What a command line says in one line where it refuses, with exit code 2. In this process: another takes seconds to import torch."""
    with contextlib.chdir(cwd):
        code, shown, said = call({"train.py": train, "evaluate.py": evaluate}[script], *arguments)
    assert (code, shown, len(said.splitlines())) == (2, "", 1)
    return said
