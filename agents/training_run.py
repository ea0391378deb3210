"""One training run on disk: learn, evaluate, save, and stop when told to."""

import math
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from agents.learner import LearnerRun
from agents.on_device.host import module_on_the_host
from agents.run_directory import BEST, RunDirectory
from agents.saved_actor import ActorPolicy, save_actor

Metrics = list[dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How a run is evaluated while it learns."""

    measure: Callable[[ActorPolicy], dict[str, float]]
    """Scores of an actor, by name."""
    judge: str
    """Which of the scores the best actor has the highest of."""
    draw: Callable[[Metrics], None]
    """Draws the evaluations so far."""
    describe: Callable[[dict[str, float]], str]
    """An evaluation in a few words."""
    interval: int
    """Vector steps between evaluations; each also writes a checkpoint."""


class TrainingRun:
    """A run that writes a checkpoint, metrics and the best actor into its directory, and that a signal stops.

    The actor that it begins with is evaluated too, so that the best one is never below it where it is judged.

    Args:
        training: The learner.
        directory: Where it is written.
        state: Checkpoint to go on from; None for a new run.
        writer: Where scores are logged.
        evaluation: How it is evaluated.
        num_steps: Vector steps in all.
        num_envs: Environments that a vector step steps.
        metadata: What is saved with an actor, beside the step that it is of.

    Raises:
        ValueError: the checkpoint is of another run.
    """

    def __init__(
        self,
        training: LearnerRun,
        directory: RunDirectory,
        state: Mapping[str, Any] | None,
        writer: SummaryWriter,
        evaluation: Evaluation,
        *,
        num_steps: int,
        num_envs: int,
        metadata: Mapping[str, Any],
    ) -> None:
        self.training, self.directory, self.writer, self.evaluation = training, directory, writer, evaluation
        self.num_steps, self.num_envs, self.metadata = num_steps, num_envs, metadata
        self.metrics: Metrics = []
        self.seconds_before = 0.0
        if state is not None:
            try:
                self.training.load_state_dict(state["training"])
                self.metrics, self.seconds_before = _checked_metrics(state["metrics"], evaluation.judge), float(state["seconds"])
            except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
                reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(":.")
                raise ValueError(
                    f"{directory.checkpoint_path} must fit the run's config.json; it does not ({reason}). Start a new run."
                ) from error
        self.stopped_by: str | None = None
        """Name of the signal that stopped it."""

    def learn(self) -> bool:
        """Train to the end. Returns False where a signal stopped it before."""
        training, path = self.training, self.directory.path
        begin = time.monotonic()
        previous = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        print(f"training in {path} (tensorboard --logdir {path.parent})")
        bar = tqdm(total=self.num_steps, initial=training.steps_done, desc="training", unit=" steps", dynamic_ncols=True)
        try:
            if training.steps_done == 0 and not self.metrics:
                self._evaluate(self.seconds_before + time.monotonic() - begin)  # what a run begins with may be its best actor
            self._show(bar)
            while training.steps_done < self.num_steps and self.stopped_by is None:
                training.step()
                bar.update()
                if training.steps_done % self.evaluation.interval == 0 or training.steps_done == self.num_steps:
                    self._evaluate(self.seconds_before + time.monotonic() - begin)
                    self._show(bar)
            if self.stopped_by is not None:
                self._save(self.seconds_before + time.monotonic() - begin)
        finally:
            bar.close()
            self.writer.close()
            for number, handler in previous.items():
                signal.signal(number, handler)
        if self.stopped_by is not None:
            print(f"stopped by {self.stopped_by} after {training.steps_done} steps. Continue: python train.py --resume {path}")
        elif not self.directory.best_path.exists():
            self._save_best()  # somebody removed the best one; the last is what there is
        return self.stopped_by is None

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped_by = signal.Signals(number).name
        signal.signal(number, signal.default_int_handler)  # a second one does not wait; what is on disk is whole

    def _policy(self) -> ActorPolicy:
        return ActorPolicy.of(
            module_on_the_host(self.training.actor), self.training.env, {**self.metadata, "step": self.training.steps_done}
        )

    def _evaluate(self, seconds: float) -> None:
        training, judge = self.training, self.evaluation.judge
        row = {
            "step": training.steps_done,
            "env_steps": training.steps_done * self.num_envs,
            "seconds": round(seconds, 3),
            **self.evaluation.measure(self._policy()),
            **training.last_losses,
        }
        for key, value in row.items():
            self.writer.add_scalar(f"evaluation/{key}", value, training.steps_done)
        if row[judge] > max((past[judge] for past in self.metrics), default=-math.inf):
            self._save_best()
        self.metrics.append(row)
        if training.steps_done == 0:
            return  # nothing is there to go on from: a run that is stopped here begins anew
        self._save(seconds)  # before the metrics, so that where there are metrics there is a checkpoint
        self.directory.write_metrics(self.metrics)
        self.evaluation.draw(self.metrics)

    def _save_best(self) -> None:
        save_actor(self.directory.path / BEST, self._policy())

    def _save(self, seconds: float) -> None:
        self.directory.save_checkpoint({"training": self.training.state_dict(), "metrics": self.metrics, "seconds": seconds})

    def _show(self, bar: tqdm) -> None:
        if self.metrics:
            bar.set_postfix_str(self.evaluation.describe(self.metrics[-1]))


def _checked_metrics(rows: Any, judge: str) -> Metrics:
    """Evaluations of a checkpoint.

    Raises:
        ValueError: they are no rows of numbers with a score to judge by.
    """
    if not isinstance(rows, list):
        raise ValueError(f"metrics must be a list of rows; got {type(rows).__name__}")
    for row in rows:
        if not isinstance(row, dict) or judge not in row or not all(isinstance(key, str) for key in row):
            raise ValueError(f"metrics must be rows with {judge}; got {row!r:.80}")
        if not all(isinstance(value, int | float) for value in row.values()):
            raise ValueError(f"metrics must be numbers; got {row!r:.80}")
    return rows
