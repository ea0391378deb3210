"""TorchRL's parts put together to MAPPO: one actor that all base stations share, and a critic that sees all of them.

    python examples/run.py torchrl_mappo

As TorchRL's tutorial on multi-agent PPO, on the batched environment. What the game asks for: an effect ends soon (gamma 0.5), a block has
ten slots (one in each batch), and a cell's sum rate is some tens of bit/s/Hz (reward_scale). Wide noise to begin with (biased_softplus_2.0)
opens bands fully or not at all, and it is such openings that tell a base station what a band is worth.
"""

import argparse
import time

import torch
from report import report
from tensordict.nn import TensorDictModule
from tensordict.nn.distributions import NormalParamExtractor
from torchrl.collectors import Collector
from torchrl.modules import MultiAgentMLP, ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.objectives import ClipPPOLoss, ValueEstimators

from multicell_env.adapters import torchrl_env, torchrl_policy

parser = argparse.ArgumentParser(description="Train MAPPO from TorchRL's parts and compare it.")
parser.add_argument("--num-steps", type=int, default=64_000, help="slots that all base stations play")
parser.add_argument("--num-envs", type=int, default=64, help="networks side by side")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.set_num_threads(1)
torch.manual_seed(args.seed)

env = torchrl_env(args.num_envs, seed=args.seed, reward_scale=10.0)
observation, action = ("agents", "observation"), ("agents", "action")
num_agents, num_inputs = env.observation_spec[observation].shape[-2:]
num_outputs = env.action_spec[action].shape[-1]
sizes = {"n_agents": num_agents, "share_params": True, "depth": 2, "num_cells": 128, "activation_class": torch.nn.Tanh}

network = torch.nn.Sequential(
    MultiAgentMLP(num_inputs, 2 * num_outputs, centralised=False, **sizes), NormalParamExtractor("biased_softplus_2.0")
)
actor = ProbabilisticActor(
    TensorDictModule(network, in_keys=[observation], out_keys=[("agents", "loc"), ("agents", "scale")]),
    in_keys=[("agents", "loc"), ("agents", "scale")],
    out_keys=[action],
    distribution_class=TanhNormal,
    return_log_prob=True,
    log_prob_key=("agents", "log_prob"),
)
critic = ValueOperator(MultiAgentMLP(num_inputs, 1, centralised=True, **sizes), in_keys=[observation], out_keys=[("agents", "state_value")])
loss = ClipPPOLoss(actor, critic, clip_epsilon=0.2, entropy_coeff=0.0, normalize_advantage=True, normalize_advantage_exclude_dims=(-2,))
loss.set_keys(
    action=action,
    sample_log_prob=("agents", "log_prob"),
    value=("agents", "state_value"),
    reward=("agents", "reward"),
    done=("agents", "done"),
    terminated=("agents", "terminated"),
)
loss.make_value_estimator(ValueEstimators.GAE, gamma=0.5, lmbda=0.9)
optimizer = torch.optim.Adam(loss.parameters(), lr=1e-3)

frames, minibatches = 10 * args.num_envs, 5
num_steps = max(frames, args.num_steps // frames * frames)
collector = Collector(env, actor, frames_per_batch=frames, total_frames=num_steps, auto_register_policy_transforms=False)
begin = time.monotonic()
for iteration, batch in enumerate(collector, start=1):
    with torch.no_grad():
        loss.value_estimator(batch, params=loss.critic_network_params, target_params=loss.target_critic_network_params)
    data = batch.reshape(-1)
    for _ in range(10):
        for indices in torch.randperm(frames).chunk(minibatches):
            losses = loss(data[indices])
            optimizer.zero_grad()
            (losses["loss_objective"] + losses["loss_critic"]).backward()
            torch.nn.utils.clip_grad_norm_(loss.parameters(), 1.0)
            optimizer.step()
    if iteration % 10 == 0:
        rate = 10.0 * batch["next", "agents", "reward"].mean().item()
        print(f"{iteration * frames:8,} steps: {rate:.1f} bit/s/Hz over the block", flush=True)
seconds = time.monotonic() - begin
collector.shutdown()

policy = torchrl_policy(actor)
report("torchrl_mappo", policy, algorithm="torchrl_mappo", packages=("torchrl",), num_steps=num_steps, seconds=seconds, seed=args.seed)
