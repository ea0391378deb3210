"""Many blocks at once for skrl's multi-agent learners, as skrl knows it from simulators on a GPU."""

from typing import Any

import numpy as np
import torch
from skrl.envs.wrappers.torch import MultiAgentEnvWrapper  # pyright: ignore[reportMissingImports] - only its example installs skrl

from multicell_env.adapters.flat import flat_env, from_vectors
from multicell_env.config import Action
from multicell_env.vector_env import MulticellVectorEnv

Tensors = dict[str, torch.Tensor]


class SkrlEnv(MultiAgentEnvWrapper):
    """A `MulticellVectorEnv` of vectors: tensors `[env, feature]`, `[env, action]` in [-1, 1] and `[env, 1]` for each base station.

    The next block begins by itself in the slot that ends one, in all environments at once. The device is the CPU.
    What skrl sees after a block's last slot is the first observation of the next one: its on-policy learners cut there, and others should
    not bootstrap across it.

    Args:
        num_envs: Blocks that are played together.
        reward_scale: What rewards are divided by.
        seed: Environment i begins with the block that `seed + i` draws.
        **arguments: As for `MulticellVectorEnv`; observation "gain" unless said otherwise.
    """

    def __init__(self, num_envs: int, *, reward_scale: float = 1.0, seed: int | None = None, **arguments: Any) -> None:
        arguments = {"observation": "gain", **arguments}
        env = MulticellVectorEnv(num_envs, **arguments).as_dicts()
        super().__init__(env)
        single = flat_env(reward_scale=reward_scale, **{key: value for key, value in arguments.items() if key != "num_threads"})
        self._device = torch.device("cpu")
        self._spaces = single.observation_spaces, single.action_spaces, single.state_space
        self._shapes = {agent: single.env.action_space(agent).shape or () for agent in env.possible_agents}
        self._action: Action = env.env.config.action
        self._reward_scale = reward_scale
        self._seed = seed

    def reset(self) -> tuple[Tensors, dict[str, Any]]:
        """Begin a block everywhere."""
        seed, self._seed = self._seed, None
        observations, infos = self._env.reset(seed=seed)
        return self._rows(observations), infos

    def step(self, actions: Tensors) -> tuple[Tensors, Tensors, Tensors, Tensors, dict[str, Any]]:
        """Play one slot everywhere."""
        fractions = {
            agent: from_vectors(action.detach().clamp(-1, 1).numpy(), (self.num_envs, *self._shapes[agent]), self._action)
            for agent, action in actions.items()
        }
        observations, rewards, terminations, truncations, infos = self._env.step(fractions)
        scaled = {agent: reward / self._reward_scale for agent, reward in rewards.items()}
        return self._rows(observations), self._rows(scaled), self._rows(terminations), self._rows(truncations), infos

    def state(self) -> dict[str, torch.Tensor | None]:
        """Global state, the same for all base stations."""
        state = torch.as_tensor(self._env.state().reshape(self.num_envs, -1))
        return dict.fromkeys(self.possible_agents, state)

    def render(self, *args: Any, **kwargs: Any) -> None:
        """Many environments have no picture."""

    def close(self) -> None:
        """As `MulticellVectorEnv.close`."""
        self._env.close()

    @property
    def observation_spaces(self) -> dict[str, Any]:
        """Spaces of the vectors that the base stations see."""
        return self._spaces[0]

    @property
    def action_spaces(self) -> dict[str, Any]:
        """Spaces of the vectors by which they act."""
        return self._spaces[1]

    @property
    def state_spaces(self) -> dict[str, Any]:
        """Spaces of the global state."""
        return dict.fromkeys(self.possible_agents, self._spaces[2])

    def _rows(self, arrays: dict[str, np.ndarray]) -> Tensors:
        kinds = {"f": torch.float32, "b": torch.bool}
        return {agent: torch.tensor(array.reshape(self.num_envs, -1), dtype=kinds[array.dtype.kind]) for agent, array in arrays.items()}
