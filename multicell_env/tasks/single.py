"""The environment of a task. The seed of a block determines its network."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from multicell_env.env import InfoDict, MulticellEnv, ObsDict
from multicell_env.observation import Observation
from multicell_env.scenarios import Places
from multicell_env.tasks.places import places_of
from multicell_env.tasks.task import Task, by_rules


class TaskEnv(MulticellEnv):
    """A `MulticellEnv` whose `reset(seed=s)` starts a block on the task's network of seed s.

    Without a seed it keeps its network and draws new channels. All networks of a task have the same spaces.

    Args:
        task: The task.
        observation: "csi", "gain" or "price".
        render_mode: None, "rgb_array", "ansi" or "human".
        max_cycles: PettingZoo's name for the number of steps, which the task fixes.
        **rules: Fields of `NetworkConfig` from `RULES`.

    Raises:
        ValueError: a given field is fixed by the task or breaks its rule, or an unknown observation or render mode.
        TypeError: an argument that does not exist.
    """

    def __init__(
        self,
        task: Task,
        *,
        observation: Observation = "gain",
        render_mode: str | None = None,
        max_cycles: int | None = None,
        **rules: Any,
    ) -> None:
        network = by_rules(task.network_of(0), rules)
        super().__init__(network, observation=observation, render_mode=render_mode, max_cycles=max_cycles)
        self.task, self._rules = task, rules
        self._places = self._places_of(0)

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[ObsDict, InfoDict]:
        """Start a block on the network of a seed, or without a seed on the present network.

        Arguments and errors as for `MulticellEnv.reset`.
        """
        before = self.config, self._next_observer, self._places, self._map
        if isinstance(seed, int | np.integer) and seed >= 0:
            self.config = by_rules(self.task.network_of(int(seed)), self._rules)
            self._places, self._map = self._places_of(int(seed)), None
        if self._next_observer is not None and self._next_observer.blocks.network != self.config:
            self._next_observer = None
        try:
            return super().reset(seed, options)
        except BaseException:
            self.config, self._next_observer, self._places, self._map = before
            raise

    def _places_of(self, seed: int) -> Places | None:
        return None if self.render_mode is None else places_of(self.task, seed)
