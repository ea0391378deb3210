"""The environment of a task, in which the seed of a block says on which network it is played."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from multicell_env.env import InfoDict, MulticellEnv, ObsDict
from multicell_env.observation import Observation
from multicell_env.scenarios import Places
from multicell_env.tasks.places import places_of
from multicell_env.tasks.task import Task, by_rules


class TaskEnv(MulticellEnv):
    """A `MulticellEnv` whose `reset(seed=s)` begins a block on the task's network of s.

    Without a seed it stays on its network, and draws new channels. Spaces are those of all the task's networks.

    Args:
        task: The task.
        observation: "csi", "gain" or "price".
        render_mode: None, "rgb_array", "ansi" or "human".
        max_cycles: PettingZoo's name for the number of steps, which the task fixes.
        **rules: Of `RULES`.

    Raises:
        ValueError: something is given that the task fixes, a rule is broken, an unknown observation or render mode.
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
        """Begin a block on the network of a seed; without one, on the network of the block before.

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
