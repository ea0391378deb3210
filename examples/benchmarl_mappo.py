"""BenchMARL's MAPPO: one actor that all base stations share, and a critic that sees the state.

    python examples/run.py benchmarl_mappo

`benchmarl_task()` is a task like BenchMARL's own, so any of its algorithms with continuous actions may stand here: IppoConfig and others.
What the game asks for: an effect ends soon (gamma 0.5), a block has ten slots (one in each batch), and a cell's sum rate is some tens of
bit/s/Hz (reward_scale). Wide noise to begin with (biased_softplus_2.0) opens bands fully or not at all, and it is such openings that tell a
base station what a band is worth.
"""

import argparse
import time
from pathlib import Path

import torch
from benchmarl.algorithms import MappoConfig
from benchmarl.experiment import Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig
from report import RESULTS, report

from multicell_env.adapters import benchmarl_task, torchrl_policy

parser = argparse.ArgumentParser(description="Train BenchMARL's MAPPO and compare it.")
parser.add_argument("--num-steps", type=int, default=64_000, help="slots that all base stations play")
parser.add_argument("--num-envs", type=int, default=64, help="networks side by side")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.set_num_threads(1)

config = ExperimentConfig.get_from_yaml()
config.gamma = 0.5
config.lr = 1e-3
config.max_n_frames = args.num_steps
config.on_policy_n_envs_per_worker = args.num_envs
config.on_policy_collected_frames_per_batch = 10 * args.num_envs
config.on_policy_minibatch_size = 2 * args.num_envs
config.on_policy_n_minibatch_iters = 10
config.evaluation, config.render, config.loggers, config.create_json = False, False, [], False
config.save_folder = RESULTS / "benchmarl_mappo"
Path(config.save_folder).mkdir(parents=True, exist_ok=True)

algorithm = MappoConfig.get_from_yaml()
algorithm.scale_mapping = "biased_softplus_2.0"
model = MlpConfig(num_cells=[128, 128], activation_class=torch.nn.Tanh, layer_class=torch.nn.Linear)
experiment = Experiment(
    task=benchmarl_task(reward_scale=10.0),
    algorithm_config=algorithm,
    model_config=model,
    critic_model_config=model,
    seed=args.seed,
    config=config,
)
begin = time.monotonic()
experiment.run()  # its "mean return" is a block's sum rate over reward_scale
seconds = time.monotonic() - begin

report(
    "benchmarl_mappo",
    torchrl_policy(experiment.policy),
    algorithm="benchmarl_mappo",
    packages=("benchmarl", "torchrl"),
    num_steps=experiment.total_frames,
    seconds=seconds,
    seed=args.seed,
)
