"""MAPPO of XuanCe: one actor for all base stations, and a critic that sees what all of them see.

python examples/run.py xuance_mappo
"""

import argparse
import time
from typing import Any

import numpy as np
import torch
from report import RESULTS, report
from xuance.common import get_arguments
from xuance.environment import REGISTRY_MULTI_AGENT_ENV, RawMultiAgentEnv, make_envs
from xuance.torch.agents import MAPPO_Agents

from multicell_env.adapters import flat_env, flat_policy

DIRECTORY = str(RESULTS / "xuance_mappo" / "xuance")
SETTINGS = {
    "env_name": "multicell",
    "env_id": "multicell-v0",
    "env_arguments": {"reward_scale": 10.0},
    "vectorize": "DummyVecMultiAgentEnv",
    "parallels": 32,
    "buffer_size": 320,  # slots in an update: one block of every environment
    "n_epochs": 8,
    "n_minibatch": 2,
    "gamma": 0.5,
    "learning_rate": 1e-3,
    "representation_hidden_size": [128],
    "actor_hidden_size": [128],
    "critic_hidden_size": [128],
    "activation_action": "tanh",  # actions lie in [-1, 1]
    "ent_coef": 0.0,
    "log_dir": DIRECTORY,
    "model_dir": DIRECTORY,
    "render": False,
    "render_mode": None,
}


class XuanceEnv(RawMultiAgentEnv):
    """A `FlatEnv` for XuanCe. Put it in `xuance.environment.REGISTRY_MULTI_AGENT_ENV` under a name and give that as `env_name`.

    Args:
        config: XuanCe's configuration. Its `env_seed` is the seed of the first block, and its `env_arguments`, a dict, where there is one,
            are what `flat_env` takes.
    """

    def __init__(self, config: argparse.Namespace) -> None:
        super().__init__()
        self.env = flat_env(**getattr(config, "env_arguments", {}))
        self.render_mode = self.env.render_mode
        self.agents = list(self.env.possible_agents)  # the environment's own list empties at a block's end
        self.num_agents = len(self.agents)
        self.agent_groups = [self.agents]
        self.observation_space, self.action_space = self.env.observation_spaces, self.env.action_spaces
        self.state_space = self.env.state_space
        self.max_episode_steps = self.env.env.config.num_steps
        self._seed: int | None = config.env_seed

    def reset(self, **kwargs: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin a block."""
        seed, self._seed = self._seed, None
        return self.env.reset(**{"seed": seed, **kwargs})

    def step(
        self, action_dict: dict[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, bool], bool, dict[str, Any]]:
        """Play one slot. All base stations are truncated together, so XuanCe's one flag says it for all."""
        observations, rewards, terminations, truncations, infos = self.env.step(action_dict)
        return observations, rewards, terminations, all(truncations.values()), infos

    def state(self) -> np.ndarray:
        """Global state, a vector."""
        return self.env.state()

    def avail_actions(self) -> None:
        """Every action is always there; XuanCe asks all the same."""

    def render(self, *args: Any, **kwargs: Any) -> Any:
        """As `MulticellEnv.render`."""
        return self.env.render()

    def close(self) -> None:
        """As `MulticellEnv.close`."""
        self.env.close()


def main(num_steps: int, seed: int) -> None:
    """Train, then compare."""
    torch.set_num_threads(1)  # networks this small are fastest so
    REGISTRY_MULTI_AGENT_ENV["multicell"] = XuanceEnv
    settings = argparse.Namespace(**SETTINGS, seed=seed, env_seed=seed, running_steps=num_steps)
    config = get_arguments("mappo", "mpe", "simple_spread_v3", parser_args=settings)  # XuanCe's settings where SETTINGS is silent
    envs = make_envs(config)
    learner = MAPPO_Agents(config, envs)
    for actor in learner.policy.actor.values():
        torch.nn.init.constant_(actor.logstd, 0.7)  # wide noise to begin with opens bands fully or not at all
    begin = time.perf_counter()
    learner.train(num_steps // config.parallels)
    seconds = time.perf_counter() - begin
    agents = learner.agent_keys

    def act(agent, rows):
        everybody = [dict.fromkeys(agents, row) for row in rows]  # XuanCe asks for all agents; only the one is used
        with torch.no_grad():
            actions = learner.get_actions(everybody, test_mode=True, deterministic=True)["actions"]
        return [own[agent] for own in actions]

    report("xuance_mappo", flat_policy(act), algorithm="mappo", packages=("xuance",), num_steps=num_steps, seconds=seconds, seed=seed)
    learner.finish()
    envs.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-steps", type=int, default=30_000, help="slots to train for")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
