"""IPPO of skrl: every base station learns from its own rewards, and all of them share one policy and one value network.

python examples/run.py skrl_ippo
"""

import argparse
import time
from typing import Any

import numpy as np
import torch
from report import RESULTS, report
from skrl.envs.wrappers.torch import MultiAgentEnvWrapper
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, GaussianMixin, Model
from skrl.multi_agents.torch.ippo import IPPO, IPPO_CFG
from skrl.trainers.torch import SequentialTrainer
from skrl.utils import set_seed
from torch import nn

from multicell_env import MulticellVectorEnv
from multicell_env.adapters import flat_env, flat_policy
from multicell_env.adapters.flat import from_vectors
from multicell_env.config import Action

NUM_ENVS, ROLLOUT = 64, 10  # blocks that are played together, and their slots before an update
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


def mlp(num_inputs: int, num_outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(num_inputs, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, num_outputs))


class Policy(GaussianMixin, Model):
    """A Gaussian around the network's output."""

    def __init__(self, observation_space, action_space, device):
        Model.__init__(self, observation_space=observation_space, action_space=action_space, device=device)
        GaussianMixin.__init__(self)
        self.net = mlp(self.num_observations, self.num_actions)
        self.log_std = nn.Parameter(torch.full((self.num_actions,), 0.7))

    def compute(self, inputs, role=""):
        """Mean and width of the actions."""
        return self.net(inputs["observations"]), {"log_std": self.log_std}


class Value(DeterministicMixin, Model):
    """What a base station expects to earn."""

    def __init__(self, observation_space, action_space, device):
        Model.__init__(self, observation_space=observation_space, action_space=action_space, device=device)
        DeterministicMixin.__init__(self)
        self.net = mlp(self.num_observations, 1)

    def compute(self, inputs, role=""):
        """The value."""
        return self.net(inputs["observations"]), {}


def main(num_steps: int, seed: int) -> None:
    """Train, then compare."""
    torch.set_num_threads(1)  # networks this small are fastest so
    set_seed(seed)
    env = SkrlEnv(NUM_ENVS, reward_scale=10.0, seed=seed)
    agents, observation_spaces, action_spaces = env.possible_agents, env.observation_spaces, env.action_spaces
    spaces = observation_spaces[agents[0]], action_spaces[agents[0]], env.device
    shared = {"policy": Policy(*spaces), "value": Value(*spaces)}
    config = IPPO_CFG(rollouts=ROLLOUT, learning_epochs=4, mini_batches=4, discount_factor=0.5, learning_rate=1e-3, value_clip=0.0)
    for name in ("observation_preprocessor", "state_preprocessor", "value_preprocessor", "learning_rate_scheduler"):
        setattr(config, f"{name}_kwargs", {agent: {} for agent in agents})  # skrl 2.1.1 refuses its own defaults here
    config.experiment.directory, config.experiment.experiment_name = str(RESULTS / "skrl_ippo"), "skrl"
    config.experiment.checkpoint_interval = 0
    learner = IPPO(
        possible_agents=agents,
        models=dict.fromkeys(agents, shared),
        memories={agent: RandomMemory(memory_size=ROLLOUT, num_envs=NUM_ENVS, device=env.device) for agent in agents},
        observation_spaces=observation_spaces,
        state_spaces=env.state_spaces,
        action_spaces=action_spaces,
        device=env.device,
        cfg=config,
    )
    begin = time.perf_counter()
    SequentialTrainer(env=env, agents=learner, cfg={"timesteps": num_steps // NUM_ENVS, "headless": True}).train()
    seconds = time.perf_counter() - begin

    def act(agent, rows):
        with torch.no_grad():
            return shared["policy"].net(torch.as_tensor(rows)).numpy()

    report("skrl_ippo", flat_policy(act), algorithm="ippo", packages=("skrl",), num_steps=num_steps, seconds=seconds, seed=seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-steps", type=int, default=48_000, help="slots to train for")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
