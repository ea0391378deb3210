"""Random networks with random rules, played by the kernels and by the environment on a device, on equal channels."""

from typing import Any, NamedTuple

import numpy as np
import torch

from multicell_env.blocks import Blocks
from multicell_env.channels.recorded import split_channels
from multicell_env.config import NetworkConfig
from multicell_env.observation import Observer
from multicell_env.rewards import play_for_rewards
from multicell_env.tensors import TorchVectorEnv

NUM_BLOCKS = 2
NUM_ROUNDS = 3


class Difference(NamedTuple):
    """Largest differences between the two games over all rounds."""

    power: float
    """Over the largest power of the user in the round or 1e-3 of its budget, whichever is more."""
    rate: float
    """Of a cell, over its rate or 1, whichever is more."""
    reward: float
    """The same of rewards."""
    plane: float
    """Of an entry of an observation."""


def random_config(generator: np.random.Generator, dtype: Any) -> tuple[NetworkConfig, str]:
    """A network with unequal users, k from 0 to 20 and any rules, and an observation."""
    num_cells, num_antennas = int(generator.integers(1, 5)), int(generator.integers(1, 7))
    rules: dict[str, Any] = {
        "negotiation": str(generator.choice(["flwf", "iwf", "pricing"])),
        "action": str(generator.choice(["powers", "price"])),
        "rounds_per_slot": int(generator.integers(1, 4)),
        "measuring_reward": float(generator.choice([0.0, 0.1])),
        "reward": str(generator.choice(["cell", "network", "predicted", "user"])),
        "fairness": float(generator.choice([0.0, 0.0, 0.5, 1.0, 2.0])),
    }
    damping = generator.integers(3)
    if damping == 1:
        rules["damping"] = float(generator.uniform(0.0, 0.9))
    elif damping == 2 and rules["action"] == "powers":
        rules["damping_in_action"] = True
    if generator.random() < 0.3:
        gains = generator.uniform(0.1, 2.0, (num_cells, num_cells)) * (generator.random((num_cells, num_cells)) < 0.7)
        np.fill_diagonal(gains, generator.uniform(0.3, 2.0, num_cells))
        rules["mean_gains"] = tuple(map(tuple, gains.tolist()))
    config = NetworkConfig(
        num_cells=num_cells,
        num_antennas=num_antennas,
        num_users=tuple(generator.integers(1, num_antennas + 1, num_cells).tolist()),
        num_bands=int(generator.integers(1, 8)),
        num_slots=int(generator.integers(2, 5)),
        num_iterations=int(generator.integers(0, 21)),
        sir_db=float(generator.uniform(-5.0, 20.0)),
        snr_db=float(generator.uniform(-10.0, 30.0)),
        dtype=dtype,
        **rules,
    )
    return config, str(generator.choice(["csi", "gain", "price"]))


def random_channels(config: NetworkConfig, generator: np.random.Generator) -> np.ndarray:
    """Rayleigh channels `[block, tx_cell, rx_cell, band, antenna, user]`."""
    shape = (NUM_BLOCKS, config.num_cells, config.num_cells, config.num_bands, config.num_antennas, config.max_users)
    parts = generator.standard_normal((2, *shape)) * np.sqrt(config.mean_gain_matrix / 2.0)[:, :, None, None, None]
    return (parts[0] + 1j * parts[1]) * config.user_mask[:, None, None, :]


def compare(seed: int, dtype: str = "float64") -> tuple[NetworkConfig, str, Difference]:
    """Play a random game both ways, with equal actions."""
    generator = np.random.default_rng(seed)
    config, observation = random_config(generator, dtype)
    channels = random_channels(config, generator)
    own, cross = (np.stack(arrays) for arrays in zip(*(split_channels(config, one) for one in channels), strict=True))
    blocks = Blocks.of(config, own, cross)
    observer: Any = Observer(observation, blocks)  # type: ignore[arg-type]
    env = TorchVectorEnv(NUM_BLOCKS, config, observation=observation)  # type: ignore[arg-type]
    planes, _ = env.reset(options={"channels": channels})
    apart = [np.zeros(4)]
    seen, low, high = observer.observe(), *config.action_limits
    shape, mask = env.action_space.shape or (), config.user_mask[:, None, :]
    for turn in range(min(NUM_ROUNDS, config.num_steps)):
        plane = np.abs(seen - planes.numpy()).max()
        actions = generator.uniform(low - 0.1, high + 0.1, shape).astype(np.float32)
        outputs = observer.outputs()
        budgets = config.split_among_users(blocks.power_budget)
        rates, rewards = play_for_rewards(blocks, actions, outputs)
        planes, own_rewards, _, over, infos = env.step(torch.from_numpy(actions))
        planes, seen = infos.get("final_obs", planes), outputs.observations
        assert over.all() == (turn + 1 == config.num_steps)
        powers = outputs.transmitted_powers
        scale = np.maximum(powers.max(axis=2), 1e-3 * budgets)[:, :, None]
        apart.append(
            np.array(
                [
                    (np.abs(infos["power"].numpy() - powers) / np.where(mask, scale, 1.0) * mask).max(),
                    (np.abs(infos["sum_rate"].numpy() - rates) / np.maximum(np.abs(rates), 1.0)).max(),
                    (np.abs(own_rewards.numpy() - rewards) / np.maximum(np.abs(rewards), 1.0)).max(),
                    max(plane, np.abs(seen - planes.numpy()).max()),
                ]
            )
        )
    return config, observation, Difference(*np.max(apart, axis=0).tolist())
