"""BenchMARL's MAPPO: one actor that all base stations share, and a critic that sees the state.

    python examples/run.py benchmarl_mappo

`benchmarl_task()` is a task like BenchMARL's own, so any of its algorithms with continuous actions may stand here: IppoConfig and others.
What the game asks for: an effect ends soon (gamma 0.5), a block has ten slots (one in each batch), and a cell's sum rate is some tens of
bit/s/Hz (reward_scale). Wide noise to begin with (biased_softplus_2.0) opens bands fully or not at all, and it is such openings that tell a
base station what a band is worth.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from benchmarl.algorithms import MappoConfig
from benchmarl.environments.common import TaskClass
from benchmarl.experiment import Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig
from report import RESULTS, report
from torchrl.data import Composite
from torchrl.envs import EnvBase

from multicell_env.adapters import TorchRLEnv, torchrl_env, torchrl_policy


class MulticellTask(TaskClass):
    """A task on `torchrl_env`; its config holds that function's arguments. Continuous actions alone, observations and state as vectors."""

    def get_env_fun(self, num_envs: int, continuous_actions: bool, seed: int | None, device: Any) -> Callable[[], EnvBase]:
        """What makes a batch of `num_envs` environments.

        Raises:
            ValueError: discrete actions, or another device than the CPU.
        """
        if not continuous_actions:
            raise ValueError(
                "actions are continuous; got discrete ones. Set prefer_continuous_actions, and choose an algorithm that has them."
            )
        if str(device) != "cpu":
            raise ValueError(f"environments run on the CPU; got {device}. Set the experiment's sampling_device to 'cpu'.")
        return lambda: torchrl_env(num_envs, seed=seed, **self.config)

    def supports_continuous_actions(self) -> bool:
        """They are the only ones."""
        return True

    def supports_discrete_actions(self) -> bool:
        """There are none."""
        return False

    def max_steps(self, env: EnvBase) -> int:
        """Steps of a block."""
        return _batch(env).rows.env.config.num_steps

    def has_render(self, env: EnvBase) -> bool:
        """Batches have no picture."""
        return False

    def group_map(self, env: EnvBase) -> dict[str, list[str]]:
        """All base stations in one group."""
        return _batch(env).group_map

    def observation_spec(self, env: EnvBase) -> Composite:
        """Observations of the group, without the state."""
        spec = env.full_observation_spec_unbatched.clone()
        del spec["state"]
        return spec

    def info_spec(self, env: EnvBase) -> Composite | None:
        """There are no infos."""
        return None

    def state_spec(self, env: EnvBase) -> Composite | None:
        """The global state, for centralised critics."""
        return Composite({"state": env.full_observation_spec_unbatched["state"]})

    def action_spec(self, env: EnvBase) -> Composite:
        """Actions of the group."""
        return env.full_action_spec_unbatched

    def action_mask_spec(self, env: EnvBase) -> Composite | None:
        """Every action is allowed."""
        return None

    @staticmethod
    def env_name() -> str:
        """The family of tasks that this one is of."""
        return "multicell"


def benchmarl_task(**arguments: Any) -> MulticellTask:
    """A task for BenchMARL's experiments, observation "gain" unless said otherwise.

    Args:
        **arguments: As for `torchrl_env`: `reward_scale`, `num_threads`, `observation`, fields of `NetworkConfig`.
    """
    return MulticellTask("multicell", arguments)


def _batch(env: Any) -> TorchRLEnv:
    """The environment below TorchRL's transforms."""
    return env if isinstance(env, TorchRLEnv) else _batch(env.base_env)


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
