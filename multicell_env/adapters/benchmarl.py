"""BenchMARL: the environment as a task, batched."""

from collections.abc import Callable
from typing import Any

from benchmarl.environments.common import TaskClass  # pyright: ignore[reportMissingImports] - needs an older TorchRL than the tests have
from torchrl.data import Composite
from torchrl.envs import EnvBase

from multicell_env.adapters.torchrl import TorchRLEnv, torchrl_env


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
        """Slots of a block."""
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
