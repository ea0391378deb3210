"""Stable-Baselines3's PPO: one policy that all base stations share.

    python examples/run.py sb3_ppo

Every base station of 32 networks is one environment of a `VecEnv`. The library's defaults, but for what the game asks for: an effect ends
soon (gamma 0.5), a block has ten slots (n_steps), and a cell's sum rate is some tens of bit/s/Hz (reward_scale). Wide noise to begin with
(log_std_init) opens bands fully or not at all, and it is such openings that tell a base station what a band is worth.
"""

import argparse
import time

import torch
from report import report
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from multicell_env.adapters import flat_policy, sb3_vec_env

parser = argparse.ArgumentParser(description="Train Stable-Baselines3's PPO and compare it.")
parser.add_argument("--num-steps", type=int, default=48_000, help="slots that all base stations play")
parser.add_argument("--num-envs", type=int, default=32, help="networks side by side")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.set_num_threads(1)

env = VecMonitor(sb3_vec_env(args.num_envs, reward_scale=10.0))
model = PPO(
    "MlpPolicy",
    env,
    gamma=0.5,
    n_steps=10,
    batch_size=192,
    learning_rate=1e-3,
    policy_kwargs={"net_arch": [128, 128], "log_std_init": 0.7},
    seed=args.seed,
    device="cpu",
    verbose=1,
)
begin = time.monotonic()
rows_per_step = env.num_envs // args.num_envs
model.learn(args.num_steps * rows_per_step, log_interval=10)
seconds = time.monotonic() - begin

policy = flat_policy(lambda agent, observations: model.predict(observations, deterministic=True)[0])
steps = model.num_timesteps // rows_per_step
report("sb3_ppo", policy, algorithm="sb3_ppo", packages=("stable-baselines3",), num_steps=steps, seconds=seconds, seed=args.seed)
env.close()
