"""TorchRL: many environments as one batched `EnvBase`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode
from tensordict import TensorDict, TensorDictBase
from torchrl.data import Bounded, Categorical, Composite, Unbounded
from torchrl.envs import EnvBase
from torchrl.envs.utils import ExplorationType, set_exploration_type

from multicell_env.adapters.flat import checked_scale, from_vectors, pad_users
from multicell_env.adapters.rows import RowEnv, row_env
from multicell_env.config import Action
from multicell_env.tensors.vector_env import TorchVectorEnv

GROUP = "agents"
"""Name of the group of all base stations."""
ACTION = (GROUP, "action")


class TorchRLEnv(EnvBase):
    """A `RowEnv` as TorchRL's batched multi-agent environment, batch size `[env]`, on the CPU.

    * `("agents", "observation")`: `[env, agent, plane * band * user]`, or `[env, agent, plane, band, user]` with `flatten=False`; float32.
    * `("agents", "action")`: `[env, agent, band * user]` in [-1, 1]: twice the fraction of the user's budget minus 1.
    * `("agents", "reward")`: `[env, agent, 1]`, that of the environment over the `reward_scale` of the rows.
    * `"state"`: the "gain" planes of all cells, `[env, cell * plane * band * user]`, or `[env, cell, plane, band, user]`.
    * `done`, `terminated` (always False) and `truncated`: `[env, 1]` at the root, and `[env, agent, 1]` in the group.

    Environments that are done wait for `reset`, of all or by `"_reset"` of some, as TorchRL's rollouts and collectors do. If cells have
    different numbers of users, they are padded to the largest, as in `RowEnv`.

    Args:
        rows: The base stations, which must not reset automatically (DISABLED).
        flatten: Whether observations and state are flattened to vectors.
        seed: Seed of the first reset. `set_seed` changes it.

    Raises:
        ValueError: the environments reset automatically, so that the last observation of an episode would be lost.
    """

    def __init__(self, rows: RowEnv, *, flatten: bool = True, seed: int | None = None) -> None:
        if rows.metadata["autoreset_mode"] != AutoresetMode.DISABLED:
            raise ValueError(
                f"the environments must leave resets to TorchRL; got {rows.metadata['autoreset_mode']}. "
                "Give autoreset_mode=AutoresetMode.DISABLED."
            )
        num_envs, num_agents = rows.env.num_envs, rows.num_cells
        super().__init__(device=torch.device("cpu"), batch_size=torch.Size([num_envs]))
        self.rows = rows
        self.group_map = {GROUP: list(rows.env.possible_agents)}
        """Names of the agents in their group, for TorchRL's multi-agent tools."""
        self._seed = seed
        self._shape = (num_envs, num_agents, *((-1,) if flatten else rows.planes))
        self._state_shape = (num_envs, *((-1,) if flatten else rows.env.single_state_space.shape or ()))
        observation = rows.single_observation_space
        own = observation if flatten else _reshaped(observation, rows.planes)
        state = rows.env.single_state_space
        self.observation_spec = Composite(
            {
                GROUP: Composite({"observation": _bounded(own, num_envs, num_agents)}, shape=(num_envs, num_agents)),
                "state": _bounded(_reshaped(state, (-1,)) if flatten else state, num_envs),
            },
            shape=(num_envs,),
        )
        self.action_spec = _in_group("action", _bounded(rows.single_action_space, num_envs, num_agents))
        self.reward_spec = _in_group("reward", Unbounded(shape=torch.Size([num_envs, num_agents, 1]), dtype=torch.float32))
        self.done_spec = Composite(
            {**_flags(num_envs), GROUP: Composite(_flags(num_envs, num_agents), shape=(num_envs, num_agents))}, shape=(num_envs,)
        )

    def _reset(self, tensordict: TensorDictBase | None = None, **kwargs: Any) -> TensorDictBase:
        mask = None if tensordict is None else tensordict.get("_reset", None)
        if mask is None and tensordict is not None and (by_agent := tensordict.get((GROUP, "_reset"), None)) is not None:
            mask = by_agent.any(dim=1)  # all agents of an environment are reset together
        whole = mask is None or bool(mask.all())
        if whole:
            options, seed, self._seed = None, self._seed, None
        else:
            assert mask is not None
            options, seed = {"reset_mask": np.repeat(mask.reshape(-1).numpy(), self.rows.num_cells)}, None
        observations, _ = self.rows.reset(seed=seed, options=options)
        over = torch.zeros((self.rows.env.num_envs, 1), dtype=torch.bool)
        # TorchRL keeps the values of environments outside of the mask.
        return self._content(observations, over, {})

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        actions = tensordict.get(ACTION).detach().numpy()
        observations, rewards, _, truncations, _ = self.rows.step(actions.reshape(self.rows.num_envs, -1))
        over = torch.from_numpy(truncations[:: self.rows.num_cells]).unsqueeze(-1)
        return self._content(observations, over, {"reward": torch.from_numpy(rewards).view(*self._shape[:2], 1)})

    def _set_seed(self, seed: int | None) -> None:
        """Give environment i the seed + i at the next reset of all environments."""
        self._seed = seed

    def close(self, *, raise_if_closed: bool = True) -> None:
        """Stop the threads."""
        super().close(raise_if_closed=raise_if_closed)
        self.rows.close()

    def _content(self, observations: np.ndarray, over: torch.Tensor, own: dict[str, torch.Tensor]) -> TensorDict:
        """All entries after a reset or a step. No two share memory, because TorchRL writes some in place."""
        own["observation"] = torch.from_numpy(observations.reshape(self._shape))
        by_agent = over.unsqueeze(1).expand(*self._shape[:2], 1)
        group = TensorDict(own | _flag_values(by_agent), batch_size=self._shape[:2])
        return TensorDict({GROUP: group, "state": self._state(observations), **_flag_values(over)}, batch_size=self.batch_size)

    def _state(self, observations: np.ndarray) -> torch.Tensor:
        env = self.rows.env
        rows = observations.copy() if env.state_is_observation else self.rows.as_rows(env.state())
        return torch.from_numpy(rows.reshape(self._state_shape))


def torchrl_env(num_envs: int, *, seed: int | None = None, reward_scale: float = 1.0, flatten: bool = True, **arguments: Any) -> TorchRLEnv:
    """A `TorchRLEnv` of new environments, by default with the observation "gain".

    Args:
        num_envs: Number of environments, the batch size.
        seed: Seed of the first reset: environment i gets seed + i.
        reward_scale: Divisor of rewards.
        flatten: Whether observations and state are flattened to vectors; otherwise they are planes over bands and users.
        **arguments: As for `MulticellVectorEnv`: `num_threads`, `observation`, fields of `NetworkConfig`.
    """
    rows = row_env(num_envs, reward_scale=reward_scale, autoreset_mode=AutoresetMode.DISABLED, **arguments)
    return TorchRLEnv(rows, flatten=flatten, seed=seed)


class TorchRLTensorEnv(EnvBase):
    """A `TorchVectorEnv` as TorchRL's batched multi-agent environment, batch size `[env]`, on any device.

    Entries are those of `TorchRLEnv`, but not flattened: `("agents", "observation")` is
    `[env, agent, plane, band, user]`, and `("agents", "action")` `[env, agent, *plane, band, user]` in the units of the game: fractions
    of users' budgets, or with `action="price"` price multipliers. A step copies nothing to the host; a reset of some environments copies
    its mask.

    Args:
        env: The environments, which must not reset automatically (DISABLED).
        reward_scale: Divisor of rewards.
        seed: Seed of the first reset. `set_seed` changes it.

    Raises:
        ValueError: the environments reset automatically, so that the last observation of an episode would be lost; or
            `reward_scale` is not positive.
    """

    def __init__(self, env: TorchVectorEnv, *, reward_scale: float = 1.0, seed: int | None = None) -> None:
        if env.metadata["autoreset_mode"] != AutoresetMode.DISABLED:
            raise ValueError(
                f"the environments must leave resets to TorchRL; got {env.metadata['autoreset_mode']}. "
                "Give autoreset_mode=AutoresetMode.DISABLED."
            )
        num_envs, num_agents = env.num_envs, env.config.num_cells
        super().__init__(device=env.device, batch_size=torch.Size([num_envs]))
        self.env, self._seed, self._scale, self._agents = env, seed, checked_scale(reward_scale), num_agents
        self.group_map = {GROUP: list(env.possible_agents)}
        """Names of the agents in their group, for TorchRL's multi-agent tools."""
        spaces: tuple[Any, ...] = env.single_observation_space, env.single_action_space, env.single_state_space
        observation, actions, state = (_bounded(space, num_envs) for space in spaces)
        specs = {GROUP: Composite({"observation": observation}, shape=(num_envs, num_agents)), "state": state}
        self.observation_spec = Composite(specs, shape=(num_envs,)).to(env.device)
        self.action_spec = _in_group("action", actions).to(env.device)
        self.reward_spec = _in_group("reward", Unbounded(shape=torch.Size([num_envs, num_agents, 1]), dtype=self._dtype)).to(env.device)
        self.done_spec = Composite(
            {**_flags(num_envs), GROUP: Composite(_flags(num_envs, num_agents), shape=(num_envs, num_agents))}, shape=(num_envs,)
        ).to(env.device)

    @property
    def _dtype(self) -> torch.dtype:
        return torch.float64 if self.env.config.dtype == "float64" else torch.float32

    def _reset(self, tensordict: TensorDictBase | None = None, **kwargs: Any) -> TensorDictBase:
        mask = None if tensordict is None else tensordict.get("_reset", None)
        if mask is None and tensordict is not None and (by_agent := tensordict.get((GROUP, "_reset"), None)) is not None:
            mask = by_agent.any(dim=1)  # all agents of an environment are reset together
        if mask is None:
            seed, self._seed = self._seed, None
            observations, _ = self.env.reset(seed=seed)
        else:
            observations, _ = self.env.reset(options={"reset_mask": mask.reshape(-1)})
        # TorchRL keeps the values of environments outside of the mask.
        return self._content(observations, torch.zeros((self.env.num_envs, 1), dtype=torch.bool, device=self.env.device), {})

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        observations, rewards, _, truncations, _ = self.env.step(tensordict.get(ACTION))
        return self._content(observations, truncations.unsqueeze(-1), {"reward": (rewards / self._scale).unsqueeze(-1)})

    def _set_seed(self, seed: int | None) -> None:
        """Give environment i the seed + i at the next reset of all environments."""
        self._seed = seed

    def _content(self, observations: torch.Tensor, over: torch.Tensor, own: dict[str, torch.Tensor]) -> TensorDict:
        """All entries after a reset or a step. No two share memory, because TorchRL writes some in place."""
        state = observations.clone() if self.env.state_is_observation else self.env.state()
        shape = self.env.num_envs, self._agents
        by_agent = over.unsqueeze(1).expand(*shape, 1)
        group = TensorDict(own | {"observation": observations} | _flag_values(by_agent), batch_size=shape)
        return TensorDict({GROUP: group, "state": state, **_flag_values(over)}, batch_size=self.batch_size)


def torchrl_tensor_env(num_envs: int, *, seed: int | None = None, reward_scale: float = 1.0, **arguments: Any) -> TorchRLTensorEnv:
    """A `TorchRLTensorEnv` of new environments, by default with the observation "gain".

    Args:
        num_envs: Number of environments, the batch size.
        seed: Seed of the first reset: environment i gets seed + i.
        reward_scale: Divisor of rewards.
        **arguments: As for `TorchVectorEnv`: `device`, `compiled`, `observation`, fields of `NetworkConfig`.
    """
    env = TorchVectorEnv(num_envs, autoreset_mode=AutoresetMode.DISABLED, **{"observation": "gain", **arguments})
    return TorchRLTensorEnv(env, reward_scale=reward_scale, seed=seed)


def torchrl_policy(
    actor: Callable[[TensorDictBase], TensorDictBase], *, flatten: bool = True, action: Action = "powers"
) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """A policy for `multicell_env.evaluation.compare` from an actor that was trained on a `TorchRLEnv`. It acts without exploration.

    Args:
        actor: Reads `("agents", "observation")` of a batch of blocks and writes `("agents", "action")`, as TorchRL's actors do.
        flatten: As for the environment.
        action: `NetworkConfig.action` of the network.
    """

    def policy(observations: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        most = max(planes.shape[-1] for planes in observations.values())
        stacked = np.stack([pad_users(planes, most) for planes in observations.values()], axis=1)
        seen = torch.from_numpy(stacked.reshape(*stacked.shape[:2], -1) if flatten else stacked)
        batch = TensorDict({GROUP: TensorDict({"observation": seen}, batch_size=seen.shape[:2])}, batch_size=seen.shape[:1])
        with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
            flat = actor(batch).get(ACTION).numpy()
        dampings = () if flat.shape[-1] == np.prod(stacked.shape[-2:]) else (2,)
        fractions = from_vectors(flat, (*stacked.shape[:2], *dampings, *stacked.shape[-2:]), action)
        return {agent: fractions[:, cell, ..., : planes.shape[-1]] for cell, (agent, planes) in enumerate(observations.items())}

    policy.batched = True  # type: ignore[attr-defined]
    return policy


def _reshaped(space: Box, shape: tuple[int, ...]) -> Box:
    return Box(space.low.reshape(shape), space.high.reshape(shape), dtype=np.float32)


def _bounded(space: Box, *batch: int) -> Bounded:
    """The space for every element of a batch, without copying its bounds."""
    low, high = (torch.from_numpy(bound).expand(*batch, *space.shape) for bound in (space.low, space.high))
    return Bounded(low=low, high=high, shape=low.shape, dtype=torch.float32)


def _in_group(name: str, spec: Bounded | Unbounded) -> Composite:
    return Composite({GROUP: Composite({name: spec}, shape=spec.shape[:2])}, shape=spec.shape[:1])


def _flags(*batch: int) -> dict[str, Categorical]:
    return {name: Categorical(2, shape=torch.Size((*batch, 1)), dtype=torch.bool) for name in ("done", "terminated", "truncated")}


def _flag_values(over: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"done": over.clone(), "terminated": torch.zeros_like(over), "truncated": over.clone()}
