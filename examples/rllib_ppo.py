"""PPO of RLlib, new API stack: one policy for all base stations.

python examples/run.py rllib_ppo
"""

import argparse
import logging
import os
import tempfile
import time

# Ray reads these when it is imported: no report to its makers, no token in the home directory, no warning about accelerators.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}

import ray
import torch
from ray.rllib.algorithms import Algorithm
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.tune.registry import register_env
from ray.tune.trainable import trainable
from report import RESULTS, report

from multicell_env.adapters import flat_env, flat_policy

BATCH = 640  # slots before an update: 64 blocks
SHARED = "base_station"


def main(num_steps: int, seed: int) -> None:
    """Configure."""
    torch.set_num_threads(1)  # networks this small are fastest so
    trainable.DEFAULT_STORAGE_PATH = str((RESULTS / "rllib_ppo" / "ray").resolve())  # ~/ray_results otherwise
    register_env("multicell", lambda _: ParallelPettingZooEnv(flat_env(reward_scale=10.0)))
    config = (
        PPOConfig()
        .environment("multicell")
        .multi_agent(policies={SHARED}, policy_mapping_fn=lambda agent, episode, **_: SHARED)
        .env_runners(num_env_runners=0, num_envs_per_env_runner=16)
        .training(gamma=0.5, lr=1e-3, num_epochs=8, train_batch_size_per_learner=BATCH, minibatch_size=192, use_kl_loss=False)
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[128, 128], vf_share_layers=False, free_log_std=True))
        .learners(num_learners=0)
        .debugging(seed=seed, log_level="ERROR")
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as sockets:
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, _temp_dir=sockets)
        train(config.build_algo(), num_steps, seed)
        ray.shutdown()


def train(algorithm: Algorithm, num_steps: int, seed: int) -> None:
    """Train, then compare."""
    # Wide noise to begin with opens bands fully or not at all.
    algorithm.learner_group.foreach_learner(lambda learner: torch.nn.init.constant_(learner.module[SHARED].pi.log_std, 0.7))
    begin, steps = time.perf_counter(), 0
    while steps < num_steps:
        result = algorithm.train()["env_runners"]
        steps = int(result["num_env_steps_sampled_lifetime"])
        print(f"{steps:7,} steps: a block earns {result['episode_return_mean'] / 10:.2f} in a slot", flush=True)
    seconds = time.perf_counter() - begin
    module = algorithm.get_module(SHARED)

    def act(agent, rows):
        with torch.no_grad():
            logits = module.forward_inference({"obs": torch.as_tensor(rows)})["action_dist_inputs"]
        return module.get_inference_action_dist_cls().from_logits(logits).to_deterministic().sample().numpy()

    report("rllib_ppo", flat_policy(act), algorithm="ppo", packages=("ray",), num_steps=steps, seconds=seconds, seed=seed)
    algorithm.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-steps", type=int, default=44_000, help="slots to train for")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
