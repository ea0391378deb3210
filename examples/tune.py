"""Hyperparameters of TD3-MIX, searched by Ray Tune over the dataclasses that train.py reads; trials that fall behind are stopped early.

python examples/run.py tune

What is reported is the validation curve: the average cell capacity over all slots on blocks that are neither trained on nor in the
table. Successive halving (ASHA) goes on with the better third at each mark. The first trial has train.py's own settings.
`RAY_ADDRESS` names a cluster to search on.
"""

import argparse
import dataclasses
import logging
import os
import tempfile
import time
from pathlib import Path

# Ray reads these when it is imported: no report to its makers, no warning about accelerators, no low priority of workers.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_worker_niceness": "0"}
if "RAY_ADDRESS" not in os.environ:
    os.environ["RAY_AUTH_MODE"] = "disabled"  # no token in the home directory

import ray
import torch
from gymnasium.vector import AutoresetMode
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import BasicVariantGenerator
from report import RESULTS, report

from agents.loading import load
from agents.saved_actor import ActorPolicy, save_actor
from agents.td3_mix.config import TD3MixConfig, TrainingConfig
from agents.td3_mix.training import Training
from experiments.studies.scenario_evaluation import Validation
from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0

SEARCHED = {
    "actor_learning_rate": tune.loguniform(3e-4, 1e-2),
    "critic_learning_rate": tune.loguniform(3e-4, 1e-2),
    "gamma": tune.choice([0.0, 0.3, 0.5, 0.8, 0.95]),
    "exploration_noise": tune.uniform(0.05, 0.6),
    "mixer": tune.choice(["qmix", "sum", "none"]),
}
"""Fields of `TD3MixConfig` and where they are looked for."""
VALIDATION_SEED, VALIDATION_BLOCKS = 2_000_000, 50
BEST = "best.safetensors"


def trial(found: dict, num_steps: int, interval: int, seed: int) -> None:
    """Train with what was drawn, and report the validation curve with the actor."""
    torch.set_num_threads(1)
    network = NetworkConfig()
    settings = dataclasses.replace(TrainingConfig(), num_steps=num_steps)
    many = MulticellVectorEnv(settings.num_envs, network, observation="gain", autoreset_mode=AutoresetMode.DISABLED)
    learner = dataclasses.replace(TD3MixConfig(), **found)
    training = Training(lambda: multicell_v0.parallel_env(network, observation="gain"), learner, settings, seed=seed, stacked_env=many)
    validation = Validation([network], VALIDATION_BLOCKS, VALIDATION_SEED, "gain")
    for step in range(1, num_steps + 1):
        training.step()
        if step % interval == 0:
            policy = ActorPolicy.of(training.actor, training.env, {"algo": "td3mix", "observation": "gain"})
            scores = validation.measure(policy)
            with tempfile.TemporaryDirectory() as folder:
                save_actor(Path(folder, BEST), policy)
                numbers = {"step": step, "all_slots": scores["all_slots"], "last_slot": scores["last_slot"]}
                tune.report(numbers, checkpoint=tune.Checkpoint.from_directory(folder))


def main(num_steps: int, num_trials: int, num_workers: int | None, seed: int) -> None:
    """Search, then play the best trial's actor beside the shipped one."""
    interval = max(1, num_steps // 6)
    usual = {name: getattr(TD3MixConfig(), name) for name in SEARCHED}
    begin = time.perf_counter()
    own = {} if "RAY_ADDRESS" in os.environ else {"num_cpus": num_workers, "include_dashboard": False}
    ray.init(os.environ.get("RAY_ADDRESS", "local"), log_to_driver=False, logging_level=logging.ERROR, **own)
    searched = tune.Tuner(
        tune.with_parameters(trial, num_steps=num_steps, interval=interval, seed=seed),
        param_space=SEARCHED,
        tune_config=tune.TuneConfig(
            metric="all_slots",
            mode="max",
            num_samples=num_trials,
            search_alg=BasicVariantGenerator(points_to_evaluate=[usual], random_state=seed),
            scheduler=ASHAScheduler(time_attr="step", max_t=num_steps, grace_period=2 * interval, reduction_factor=3),
        ),
        run_config=tune.RunConfig(name="search", storage_path=str((RESULTS / "tune").resolve()), verbose=1),
    ).fit()
    seconds = time.perf_counter() - begin
    steps = sum(int(one.metrics["step"]) for one in searched if one.metrics)
    for one in sorted((one for one in searched if one.metrics), key=lambda one: -one.metrics["all_slots"]):
        fields = ", ".join(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in one.config.items())
        print(f"{one.metrics['all_slots']:6.2f} bit/s/Hz after {one.metrics['step']:4} steps: {fields}")
    best = searched.get_best_result()
    with best.checkpoint.as_directory() as folder:
        policy = load(Path(folder, BEST))
    slots = steps * TrainingConfig().num_envs
    report("tune", policy, algorithm="tuned", packages=("ray",), num_steps=slots, seconds=seconds, seed=seed)
    ray.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-steps", type=int, default=400, help="vector steps of 32 environments of the longest trial")
    parser.add_argument("--num-trials", type=int, default=12)
    parser.add_argument("--num-workers", type=int, default=None, help="trials at once; as many as there are processors by default")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
