"""IPPO of AgileRL: base stations are one group of like agents, which share an actor and a critic.

python examples/run.py agilerl_ippo
"""

import argparse
import time

import numpy as np
import torch
from agilerl.algorithms import IPPO, ippo
from agilerl.training.train_multi_agent_on_policy import train_multi_agent_on_policy
from agilerl.vector import AsyncPettingZooVecEnv
from report import report

from multicell_env.adapters import flat_env, flat_policy

NUM_ENVS = 8
NETWORK = {"encoder_config": {"hidden_size": [128]}, "head_config": {"hidden_size": [128]}, "latent_dim": 128, "max_latent_dim": 128}


def slot_by_slot(experiences, space, actions=False):
    """Rows of all base stations in the order of their rewards; AgileRL 2.58.0 has them agent by agent, and so learns nothing in a group."""
    return torch.as_tensor(np.stack([np.asarray(rows) for rows in experiences.values()], axis=1)).reshape(-1, *space.shape)


ippo.concatenate_experiences_into_batches = slot_by_slot


def main(num_steps: int, seed: int) -> None:
    """Train, then compare."""
    torch.set_num_threads(1)  # networks this small are fastest so
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (AgileRL draws from it)
    env = AsyncPettingZooVecEnv([lambda: flat_env(reward_scale=10.0) for _ in range(NUM_ENVS)])
    learner = IPPO(
        observation_spaces=[env.single_observation_space(agent) for agent in env.agents],
        action_spaces=[env.single_action_space(agent) for agent in env.agents],
        agent_ids=env.agents,
        net_config=NETWORK,
        batch_size=120,
        lr=1e-3,
        learn_step=320,
        gamma=0.5,
        ent_coef=0.0,
        action_std_init=0.7,  # the logarithm of the width, in spite of its name
        update_epochs=8,
    )
    env.reset(seed=seed)  # what AgileRL resets later goes on from there
    begin = time.perf_counter()
    (learner,), _ = train_multi_agent_on_policy(
        env, "multicell", "IPPO", [learner], sum_scores=True, max_steps=num_steps, evo_steps=6_400, eval_steps=10
    )
    seconds = time.perf_counter() - begin
    (actor,) = learner.actors.values()

    def act(agent, rows):
        with torch.no_grad():
            return actor.head_net.wrapped(actor.extract_features(torch.as_tensor(rows))).numpy()

    report("agilerl_ippo", flat_policy(act), algorithm="ippo", packages=("agilerl",), num_steps=num_steps, seconds=seconds, seed=seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-steps", type=int, default=30_000, help="slots to train for")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
