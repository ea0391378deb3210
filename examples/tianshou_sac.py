"""Tianshou's SAC: one policy that all base stations share.

    python examples/run.py tianshou_sac

Every base station of 32 networks is one environment of what Tianshou's Collector drives; Tianshou's own multi-agent manager does not take
Box actions. What the game asks for: an effect ends soon (gamma 0.5), and a cell's sum rate is some tens of bit/s/Hz (reward_scale).
"""

import argparse
import time

import numpy as np
import torch
from report import report
from tianshou.algorithm.modelfree.sac import SAC, SACPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, Collector, VectorReplayBuffer
from tianshou.trainer import OffPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorProbabilistic, ContinuousCritic

from multicell_env.adapters import flat_policy, tianshou_env

parser = argparse.ArgumentParser(description="Train Tianshou's SAC and compare it.")
parser.add_argument("--num-steps", type=int, default=16_000, help="slots that all base stations play")
parser.add_argument("--num-envs", type=int, default=32, help="networks side by side")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.set_num_threads(1)
np.random.seed(args.seed)  # noqa: NPY002 - Tianshou's buffer draws from the global generator
torch.manual_seed(args.seed)

envs = tianshou_env(args.num_envs, seed=args.seed, reward_scale=10.0)
space, sizes = envs.action_space[0], [128, 128]
space.seed(args.seed)
state_shape, action_shape = envs.observation_space[0].shape, space.shape
actor = ContinuousActorProbabilistic(
    preprocess_net=Net(state_shape=state_shape, hidden_sizes=sizes), action_shape=action_shape, unbounded=True, conditioned_sigma=True
)
critics = [
    ContinuousCritic(preprocess_net=Net(state_shape=state_shape, action_shape=action_shape, hidden_sizes=sizes, concat=True))
    for _ in range(2)
]
algorithm = SAC(
    policy=SACPolicy(actor=actor, action_space=space),
    policy_optim=AdamOptimizerFactory(lr=1e-3),
    critic=critics[0],
    critic_optim=AdamOptimizerFactory(lr=1e-3),
    critic2=critics[1],
    critic2_optim=AdamOptimizerFactory(lr=1e-3),
    gamma=0.5,
    alpha=0.01,
)
buffer = VectorReplayBuffer(1_000 * len(envs), len(envs))
collector = Collector(algorithm, envs, buffer)
collector.reset()
collector.collect(n_step=20 * len(envs), random=True)
trainer = algorithm.create_trainer(
    OffPolicyTrainerParams(
        training_collector=collector,
        epoch_num_steps=10 * len(envs),
        collection_step_num_env_steps=len(envs),
        update_step_num_gradient_steps_per_sample=4 / len(envs),
        batch_size=256,
        show_progress=False,
        verbose=False,
    )
)
trainer.reset(reset_collectors=False)
begin = time.monotonic()
blocks = max(1, args.num_steps // (10 * args.num_envs))
for block in range(1, blocks + 1):
    trainer.execute_epoch()
    if block % 5 == 0:
        rate = 10.0 * buffer.rew[buffer.last_index].mean()
        print(f"{10 * args.num_envs * block:8,} steps: {rate:.1f} bit/s/Hz in the last slot, explored", flush=True)
steps, seconds = 10 * args.num_envs * blocks, time.monotonic() - begin


def act(agent, observations):
    """Actions without exploration."""
    algorithm.policy.eval()
    with torch.no_grad():
        return algorithm.policy(Batch(obs=observations, info=Batch())).act.numpy()


report("tianshou_sac", flat_policy(act), algorithm="tianshou_sac", packages=("tianshou",), num_steps=steps, seconds=seconds, seed=args.seed)
