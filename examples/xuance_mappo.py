"""MAPPO of XuanCe: one actor for all base stations, and a critic that sees what all of them see.

python examples/run.py xuance_mappo
"""

import argparse
import time

import torch
from report import RESULTS, report
from xuance.common import get_arguments
from xuance.environment import REGISTRY_MULTI_AGENT_ENV, make_envs
from xuance.torch.agents import MAPPO_Agents

from multicell_env.adapters import XuanceEnv, flat_policy

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
