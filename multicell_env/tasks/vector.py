"""The vectorised environment of a task. Environments on the same network are stepped together."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Float, Int

from multicell_env.arguments import checked_counts, reset_mask, seeds_of_each
from multicell_env.config import NetworkConfig
from multicell_env.config_checks import as_array
from multicell_env.observation import Observation
from multicell_env.tasks.task import Task, by_rules
from multicell_env.vector_env import DictFace, MulticellVectorEnv, Observations, Step


class Group(NamedTuple):
    """Environments of one network."""

    rows: Int[np.ndarray, " row"]
    """Their indices among all environments, ascending."""
    env: MulticellVectorEnv
    """Their vectorised environment."""


class TaskVectorEnv(VectorEnv[Observations, np.ndarray, np.ndarray]):
    """The `MulticellVectorEnv` of a task. Environment i equals a `TaskEnv` with the same seed bit for bit.

    A seed s at `reset` puts an environment on the task's network of seed s until it gets another seed. Before its first seed, environment
    i is on the network of seed i. Environments on the same network are stepped together, so many environments on few networks are fast.
    Spaces and arrays are those of `MulticellVectorEnv`.

    Args:
        num_envs: Number of environments, E.
        task: The task.
        observation: "csi", "gain" or "price".
        autoreset_mode: As for `MulticellVectorEnv`.
        num_threads: Threads that share the environments of a network. Results do not depend on it.
        **rules: Fields of `NetworkConfig` from `RULES`.

    Raises:
        ValueError: a given field is fixed by the task or breaks its rule, or `num_envs` or `num_threads` is not a positive integer.
        TypeError: an argument that does not exist.
    """

    def __init__(
        self,
        num_envs: int,
        task: Task,
        *,
        observation: Observation = "gain",
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
        num_threads: int = 1,
        **rules: Any,
    ) -> None:
        self.num_envs, num_threads = checked_counts(num_envs=num_envs, num_threads=num_threads)
        self.task, self.observation, self._rules = task, observation, rules
        self._settings: dict[str, Any] = {"observation": observation, "autoreset_mode": autoreset_mode, "num_threads": num_threads}
        self.config = by_rules(task.network_of(0), rules)
        first = MulticellVectorEnv(1, self.config, **self._settings)
        self.metadata, self.possible_agents = first.metadata, first.possible_agents
        self.action_spaces, self.observation_spaces = first.action_spaces, first.observation_spaces
        self.single_action_space, self.single_observation_space = first.single_action_space, first.single_observation_space
        self.single_state_space = first.single_state_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self._networks: list[NetworkConfig] = []
        """The network of each environment, from the first reset on."""
        self._groups: list[Group] = []

    def reset(
        self, *, seed: int | Sequence[int | None] | np.ndarray | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start new blocks in all environments, or in those that a mask selects.

        Args:
            seed: One seed per environment; a single number s gives environment i the seed s + i.
            options: `{"reset_mask": bool array [env]}` resets the environments where it is True.

        Raises:
            ValueError: a wrong number of seeds, a mask of another shape or type, or a mask with a seed that would move an
                environment to another network.
        """
        chosen, seeds = reset_mask(options, self.num_envs), seeds_of_each(seed, self.num_envs)
        networks = [self._network(index, own, bool(chosen[index])) for index, own in enumerate(seeds)]
        if networks != self._networks:
            if self._networks and not chosen.all():
                moved = [index for index, network in enumerate(networks) if network != self._networks[index]]
                raise ValueError(
                    f"seeds of a part of the environments must stay on their networks; got others for {moved}. Reset all of them, or give "
                    "None there."
                )
            self._regroup(networks)
        parts: list[tuple[Observations, dict[str, Any]]] = []
        for rows, env in self._groups:
            own: Any = [seeds[row] for row in rows]
            parts.append(env.reset(seed=own, options={"reset_mask": chosen[rows]}))
        return self._merged([planes for planes, _ in parts]), self._merged_infos([infos for _, infos in parts])

    def step(self, actions: Float[np.ndarray, "env cell *plane band user"]) -> Step:
        """Play one slot in every environment, or with `rounds_per_slot` > 1 one round of a slot.

        Args and results are those of `MulticellVectorEnv.step`.

        Raises:
            RuntimeError: an environment has no block, or its block has ended.
            ValueError: a wrong shape, NaN or infinity. The environments are then unchanged.
        """
        self._check_begun()
        given = as_array(actions, "actions", self.action_space.shape)
        if given.shape != self.action_space.shape or given.dtype.kind not in "fiub" or not np.isfinite(given).all():
            raise ValueError(
                f"actions must be finite real numbers [env, cell, ..., band, user] of shape {self.action_space.shape}; got "
                f"{given.dtype} of shape {given.shape}. Give {self.config.action_entries}."
            )
        steps: list[Any] = [env.step(given[rows]) for rows, env in self._groups]
        observations, rewards, terminations, truncations = (self._merged([step[part] for step in steps]) for part in range(4))
        return observations, rewards, terminations, truncations, self._merged_infos([step[4] for step in steps])

    def state(self) -> Float[np.ndarray, "env cell plane band user"]:
        """As `MulticellVectorEnv.state`."""
        self._check_begun()
        return self._merged([env.state() for _, env in self._groups])

    def hold(self) -> Float[np.ndarray, "env cell *plane band user"]:
        """As `MulticellVectorEnv.hold`."""
        self._check_begun()
        return self._merged([env.hold() for _, env in self._groups])

    def as_dicts(self) -> DictFace:
        """The same environments with arrays by agent, as `MulticellVectorEnv.as_dicts`."""
        stacked: Any = self
        return DictFace(stacked)

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the threads; `close()` calls this."""
        for _, env in getattr(self, "_groups", []):  # older versions of gymnasium also close an environment whose constructor raised
            env.close()

    def _check_begun(self) -> None:
        if not self._groups:
            raise RuntimeError("The environments have no block yet: call reset() first.")

    def _network(self, index: int, seed: int | None, is_reset: bool) -> NetworkConfig:
        if self._networks and (seed is None or not is_reset):
            return self._networks[index]
        return by_rules(self.task.network_of(index if seed is None else seed), self._rules)

    def _regroup(self, networks: list[NetworkConfig]) -> None:
        of_network: dict[NetworkConfig, list[int]] = {}
        for index, network in enumerate(networks):
            of_network.setdefault(network, []).append(index)
        kept = {(group.env.config, group.env.num_envs): group.env for group in self._groups}
        groups = []
        for network, rows in of_network.items():
            env = kept.pop((network, len(rows)), None) or MulticellVectorEnv(len(rows), network, **self._settings)
            groups.append(Group(np.array(rows), env))
        for env in kept.values():
            env.close()
        self._groups, self._networks = groups, networks

    def _merged(self, parts: Sequence[np.ndarray]) -> Any:
        if len(parts) == 1:
            return parts[0]
        whole = np.zeros((self.num_envs, *parts[0].shape[1:]), parts[0].dtype)
        for (rows, _), part in zip(self._groups, parts, strict=True):
            whole[rows] = part
        return whole

    def _merged_infos(self, infos: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for (rows, _), own in zip(self._groups, infos, strict=True):
            for key, part in own.items():
                whole = merged.setdefault(key, np.zeros((self.num_envs, *part.shape[1:]), part.dtype))
                whole[rows] = part
        return merged
