"""PPO of RLlib on the batched environment, in several processes or nodes: every base station of every network is one of its environments.

python examples/run.py rllib_vector_ppo

Each environment runner plays `--num-networks` networks in one `MulticellVectorEnv`. `--num-env-runners 0` plays in the learner's process.
`RAY_ADDRESS` names a cluster whose nodes take the runners.
"""

import argparse
import logging
import os
import tempfile
import time

# Ray reads these when it is imported: no report to its makers, no warning about accelerators, no low priority of workers.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_worker_niceness": "0"}
if "RAY_ADDRESS" not in os.environ:
    os.environ["RAY_AUTH_MODE"] = "disabled"  # no token in the home directory

import ray
import torch
from gymnasium.vector import AutoresetMode, VectorWrapper
from ray.rllib.algorithms import Algorithm
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.tune.registry import register_env
from ray.tune.trainable import trainable
from report import RESULTS, report

from multicell_env.adapters import flat_policy, row_env

CELLS = 3
BATCH = 640  # slots before an update: 64 blocks
MODULE = "default_policy"


class WithoutInfos(VectorWrapper):
    """RLlib reads an info of every environment in Python, in every step; it needs none."""

    def reset(self, *, seed=None, options=None):
        """As `RowEnv.reset`."""
        return super().reset(seed=seed, options=options)[0], {}

    def step(self, actions):
        """As `RowEnv.step`."""
        return *super().step(actions)[:-1], {}


def make_env(settings):
    """What RLlib asks for: as many rows as it says, three to a network. The step after a block's end begins the next one, as it wants."""
    return WithoutInfos(row_env(settings.get("num_envs", CELLS) // CELLS, reward_scale=10.0, autoreset_mode=AutoresetMode.NEXT_STEP))


def main(num_steps: int, num_env_runners: int, num_networks: int, seed: int) -> None:
    """Configure."""
    torch.set_num_threads(1)  # networks this small are fastest so
    trainable.DEFAULT_STORAGE_PATH = str((RESULTS / "rllib_vector_ppo" / "ray").resolve())  # ~/ray_results otherwise
    register_env("rows", make_env)
    config = (
        PPOConfig()
        .environment("rows")
        .env_runners(
            num_env_runners=num_env_runners,
            num_envs_per_env_runner=CELLS * num_networks,
            gym_env_vectorize_mode="vector_entry_point",  # else it steps networks one by one
        )
        .training(gamma=0.5, lr=1e-3, num_epochs=8, train_batch_size_per_learner=CELLS * BATCH, minibatch_size=192, use_kl_loss=False)
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[128, 128], vf_share_layers=False, free_log_std=True))
        .learners(num_learners=0)
        .debugging(seed=seed, log_level="ERROR")
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as sockets:
        address = os.environ.get("RAY_ADDRESS", "local")
        if address == "local":
            where = {"num_cpus": 1 + num_env_runners, "include_dashboard": False, "_temp_dir": sockets}
        else:
            host = address.rpartition(":")[0]
            where = {"_node_ip_address": host} if host.startswith("127.") else {}  # two nodes on one machine, for a trial
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **where)
        train(config.build_algo(), num_steps, seed)
        ray.shutdown()


def train(algorithm: Algorithm, num_steps: int, seed: int) -> None:
    """Train, then compare."""
    # Wide noise to begin with opens bands fully or not at all.
    algorithm.learner_group.foreach_learner(lambda learner: torch.nn.init.constant_(learner.module[MODULE].pi.log_std, 0.7))
    begin, steps = time.perf_counter(), 0
    while steps < num_steps:
        found = algorithm.train()
        steps = int(found["env_runners"]["num_env_steps_sampled_lifetime"]) // CELLS
        print(f"{steps:7,} steps: a base station earns {found['env_runners']['episode_return_mean']:.2f} bit/s/Hz in a slot", flush=True)
    seconds = time.perf_counter() - begin
    sampling = found["timers"]["env_runner_sampling_timer"]  # a moving average over rounds
    print(f"{BATCH} steps are played in {sampling:.2f} s, {BATCH / sampling:,.0f} steps/s; learning takes the rest of the time")
    module = algorithm.get_module(MODULE)

    def act(agent, rows):
        with torch.no_grad():
            logits = module.forward_inference({"obs": torch.as_tensor(rows)})["action_dist_inputs"]
        return module.get_inference_action_dist_cls().from_logits(logits).to_deterministic().sample().numpy()

    report("rllib_vector_ppo", flat_policy(act), algorithm="ppo", packages=("ray",), num_steps=steps, seconds=seconds, seed=seed)
    algorithm.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-steps", type=int, default=44_000, help="slots to train for")
    parser.add_argument("--num-env-runners", type=int, default=2)
    parser.add_argument("--num-networks", type=int, default=32, help="of each runner")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
