"""Training TD3-MIX on any ParallelEnv. A run can be stopped and continued at any vector step."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pettingzoo import ParallelEnv
from tianshou.data import Batch, Collector
from tianshou.trainer import OffPolicyTrainerParams
from tianshou.utils import BaseLogger

from agents.joint import JointEnv, JointVectorEnv
from agents.networks import MLPActor, SetActor
from agents.replay_buffer import CompactReplayBuffer
from agents.stacked import StackedEnv, StackedVectorEnv
from agents.streams import seeds_of_parts
from agents.td3_mix import clock
from agents.td3_mix.algorithm import TD3Mix
from agents.td3_mix.baseline import with_baseline
from agents.td3_mix.config import TD3MixConfig, TrainingConfig


class Training:
    """A training run that can be stopped after any vector step, saved, and continued bit for bit.

    All random numbers are determined by the seed. The constructor seeds the global generators of Python, NumPy and torch, because Tianshou
    draws from them, and gives every environment a seed of its own.

    Args:
        make_env: Makes one environment. It is called `training.num_envs` times, or once if `stacked_env` is given.
        learner: Hyperparameters of TD3-MIX.
        training: Length of the run and number of environments.
        seed: Seed of all random numbers.
        logger: Tianshou's logger of losses and returns.
        stacked_env: A vectorised environment of `training.num_envs` environments, which then collects the experience.
        pool: The first run of the pool that this run is a member of; members share one learner. The first run itself has
            `pool="first"`.

    Raises:
        ValueError: the environment's spaces do not suit the learner.
    """

    def __init__(
        self,
        make_env: Callable[[], ParallelEnv[Any, Any, Any]],
        learner: TD3MixConfig,
        training: TrainingConfig,
        *,
        seed: int = 0,
        logger: BaseLogger | None = None,
        stacked_env: StackedEnv | None = None,
        pool: "Training | Literal['first'] | None" = None,
    ) -> None:
        clock.never_go_back()
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - Tianshou's buffer and noise draw from the global generator
        torch.manual_seed(seed)
        self.training = training
        env_seeds = seeds_of_parts(seed, training.num_envs)
        with_state = learner.mixer_state == "state"
        self.env = JointEnv(make_env(), with_state=with_state)
        if stacked_env is None:
            others = [JointEnv(make_env(), with_state=with_state) for _ in range(1, training.num_envs)]
            envs: JointVectorEnv | StackedVectorEnv = JointVectorEnv([self.env, *others], env_seeds)
        else:
            envs = StackedVectorEnv(stacked_env, env_seeds, with_state=with_state)
        check_memory(self.env, training)
        self.algorithm = pool.algorithm if isinstance(pool, Training) else TD3Mix(self.env, learner)
        self.is_pooled = pool is not None
        self.learner = learner
        buffer = CompactReplayBuffer(training.buffer_size, training.num_envs, random_seed=seed)
        self.collector = Collector(self.algorithm, with_baseline(envs, learner.baseline), buffer, exploration_noise=True)
        self.collector.reset()
        params = OffPolicyTrainerParams(
            training_collector=self.collector,
            epoch_num_steps=training.num_envs,
            collection_step_num_env_steps=training.num_envs,
            update_step_num_gradient_steps_per_sample=training.num_updates / training.num_envs,
            batch_size=learner.batch_size,
            logger=logger,
            show_progress=False,
            verbose=False,
        )
        self._trainer = self.algorithm.create_trainer(params)
        self._trainer.reset(reset_collectors=False)
        self.steps_done = 0
        self.last_losses: dict[str, float] = {}
        self._units: tuple[float, float] | None = None
        """Offset and scale of the critics for this run's rewards, if the first steps fix them."""

    @property
    def actor(self) -> SetActor | MLPActor:
        """The actor for evaluations."""
        return self.algorithm.judged_actor

    def warm_up(self) -> None:
        """Fill the buffer with random play, or with the actor's actions, and set the critics' scale from its rewards.

        Raises:
            ValueError: the target is "one-step", and every episode was cut off after its first step.
        """
        self.collector.collect(n_step=self.training.warmup_steps * self.training.num_envs, random=self.learner.warm_up == "random")
        buffer = self.collector.buffer
        stored = buffer.sample_indices(0)
        if self.algorithm.target_kind == "one-step" and buffer.truncated[stored].all():
            raise ValueError(
                "target 'one-step' (22) needs a second step in an episode; got episodes that are cut off after the first. Choose target "
                "'reward', or longer episodes."
            )
        self.algorithm.calibrate(buffer.rew[stored])

    def step(self) -> None:
        """Make one vector step and its updates."""
        if self.is_pooled:
            self.algorithm.switch_env(self.env)
        buffer = self.collector.buffer
        if len(buffer) == 0:
            self.warm_up()
        if self.is_pooled and self.learner.baseline == "middle":
            # With a baseline all rewards are near 0. Their spread in the first steps, with the same actor, measures their size.
            algorithm = self.algorithm
            self._units = self._units or (algorithm.value_offset.item(), algorithm.value_scale.item())
            for kept, value in zip((algorithm.value_offset, algorithm.value_scale), self._units, strict=True):
                kept.fill_(value)
        elif self.is_pooled:
            # Normalised by its own rewards, no environment weighs more because its rewards are larger, and the critics need not infer from
            # an observation which environment it is from.
            self.algorithm.calibrate(buffer.rew[buffer.sample_indices(0)], by_size=True)
        self.algorithm.scale_learning_rates(self.rate_share())
        stats = self._trainer.execute_epoch().training_stat
        if stats is not None:
            self.last_losses = stats.get_loss_stats_dict()
        self.steps_done += 1

    def rate_share(self) -> float:
        """Learning rates of the next step, relative to their full values."""
        return max(self.learner.final_rate, min(1.0, 2.0 - 2.0 * self.steps_done / self.training.num_steps))

    def state_dict(self) -> dict[str, Any]:
        """The full state of the run: networks, optimisers, replay buffer, environments, generators and counters."""
        trainer = self._trainer
        return {
            "algorithm": self.algorithm.state_dict(),
            "updates": (self.algorithm._cnt, self.algorithm.last_actor_loss),
            "collector": self._collected(),
            "trainer": (trainer._epoch, trainer._env_step, trainer._current_update_step),
            "generators": (random.getstate(), np.random.get_state(), torch.get_rng_state()),  # noqa: NPY002
            "steps_done": self.steps_done,
            "last_losses": self.last_losses,
            "units": self._units,
        }

    def _collected(self) -> dict[str, Any]:
        """State of the collector: environments, their observations, and the replay buffer."""
        collector: Any = self.collector
        return {
            "env": collector.env.state_dict(),
            "buffer": collector.buffer.state_dict(),
            "observations": dict(collector._pre_collect_obs_RO.items()),
            "counts": (collector.collect_step, collector.collect_episode, collector.collect_time),
        }

    def _collect_from(self, state: dict[str, Any]) -> None:
        collector: Any = self.collector
        collector.env.load_state_dict(state["env"])
        collector.buffer.load_state_dict(state["buffer"])
        collector._pre_collect_obs_RO = Batch(state["observations"])
        collector.collect_step, collector.collect_episode, collector.collect_time = state["counts"]

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved state.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: the state is of another network or incomplete.
        """
        self.algorithm.load_state_dict(state["algorithm"])
        self.algorithm._cnt, self.algorithm.last_actor_loss = state["updates"]
        self._collect_from(state["collector"])
        trainer = self._trainer
        trainer._epoch, trainer._env_step, trainer._current_update_step = state["trainer"]
        random.setstate(state["generators"][0])
        np.random.set_state(state["generators"][1])  # noqa: NPY002
        torch.set_rng_state(state["generators"][2])
        self.steps_done = state["steps_done"]
        self.last_losses = state["last_losses"]
        self._units = state.get("units")


def check_memory(env: JointEnv, training: TrainingConfig) -> None:
    """Refuse a replay buffer that does not fit into memory, before any work starts.

    Raises:
        ValueError: the buffer would need more than 80 % of the free memory.
    """
    state_size = 0 if env.state_box is None else np.prod(env.state_box.shape)
    numbers = np.prod(env.observation_box.shape) + state_size + np.prod(env.action_box.shape)
    needed = 4.0 * float(numbers) * training.buffer_size
    free = _available_memory()
    if free is not None and needed > 0.8 * free:
        raise ValueError(
            f"buffer_size must fit in memory; {training.buffer_size} transitions of this environment take {needed / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free. Lower buffer_size, or choose a smaller observation."
        )


def _available_memory() -> float | None:
    """Bytes that a program may use without swapping, with reclaimable caches; None if the system does not report it."""
    try:
        fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return 1024.0 * float(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return None
