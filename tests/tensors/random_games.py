"""Random networks with random rules, played by the kernels and by the environment on a device, on equal channels."""

from collections.abc import Iterator
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


class Played(NamedTuple):
    """What a round gave, in float64."""

    power: np.ndarray
    rate: np.ndarray
    reward: np.ndarray
    before: np.ndarray
    """Observations before the round."""
    after: np.ndarray
    """Observations after it."""
    budgets: np.ndarray
    """What each user could spend `[block, cell, user]`."""


class Game(NamedTuple):
    """A random game."""

    config: NetworkConfig
    observation: Any
    channels: np.ndarray
    actions: list[np.ndarray]
    """Of each round."""


def random_game(seed: int, dtype: str) -> Game:
    """A network with its rules, channels for some blocks, and actions for some rounds."""
    generator = np.random.default_rng(seed)
    config, observation = random_config(generator, dtype)
    channels, (low, high) = random_channels(config, generator), config.action_limits
    shape = (NUM_BLOCKS, config.num_cells, *config.action_shape(config.max_users))
    rounds = range(min(NUM_ROUNDS, config.num_steps))
    return Game(config, observation, channels, [generator.uniform(low - 0.1, high + 0.1, shape).astype(np.float32) for _ in rounds])


def played_by_kernels(game: Game) -> Iterator[Played]:
    """The rounds of a game, one after another."""
    config = game.config
    own, cross = (np.stack(arrays) for arrays in zip(*(split_channels(config, one) for one in game.channels), strict=True))
    blocks = Blocks.of(config, own, cross)
    observer = Observer(game.observation, blocks)
    seen = observer.observe()
    for actions in game.actions:
        outputs, budgets = observer.outputs(), config.split_among_users(blocks.power_budget)
        rates, rewards = play_for_rewards(blocks, actions, outputs)
        yield Played(*map(np.float64, (outputs.transmitted_powers, rates, rewards, seen, outputs.observations, budgets)))
        seen = outputs.observations


def played_by_tensors(game: Game) -> Iterator[Played]:
    """The same on a device."""
    env = TorchVectorEnv(NUM_BLOCKS, game.config, observation=game.observation)
    seen, _ = env.reset(options={"channels": game.channels})
    for turn, actions in enumerate(game.actions):
        planes, rewards, _, over, infos = env.step(torch.from_numpy(actions))
        assert over.all() == (turn + 1 == game.config.num_steps)
        after = infos.get("final_obs", planes)
        yield Played(*(part.double().numpy() for part in (infos["power"], infos["sum_rate"], rewards, seen, after)), np.empty(0))
        seen = planes


def difference(game: Game, one: list[Played], other: list[Played]) -> Difference:
    """How far a game that was played is from another way of playing it, by the kernels."""
    apart, mask = [np.zeros(4)], game.config.user_mask[:, None, :]
    for mine, true in zip(one, other, strict=True):
        scale = np.maximum(true.power.max(axis=2), 1e-3 * true.budgets)[:, :, None]
        apart.append(
            np.array(
                [
                    (np.abs(mine.power - true.power) / np.where(mask, scale, 1.0) * mask).max(),
                    (np.abs(mine.rate - true.rate) / np.maximum(np.abs(true.rate), 1.0)).max(),
                    (np.abs(mine.reward - true.reward) / np.maximum(np.abs(true.reward), 1.0)).max(),
                    max(np.abs(mine.before - true.before).max(), np.abs(mine.after - true.after).max()),
                ]
            )
        )
    return Difference(*np.max(apart, axis=0).tolist())


def compare(seed: int, dtype: str = "float64") -> tuple[Game, Difference]:
    """Play a random game both ways."""
    game = random_game(seed, dtype)
    return game, difference(game, list(played_by_tensors(game)), list(played_by_kernels(game)))


class Rounding(NamedTuple):
    """Largest differences of powers, rates and rewards in float32."""

    apart: float
    """Between tensors and kernels."""
    of_tensors: float
    """Between tensors and the game in float64."""
    of_kernels: float
    """Between kernels and the game in float64."""


def rounding(seed: int) -> tuple[Game, Rounding]:
    """Play a random game in float32 both ways, and in float64."""
    game, exact = random_game(seed, "float32"), random_game(seed, "float64")
    tensors, kernels, true = list(played_by_tensors(game)), list(played_by_kernels(game)), list(played_by_kernels(exact))
    pairs = (tensors, kernels), (tensors, true), (kernels, true)
    return game, Rounding(*(max(difference(game, one, other)[:3]) for one, other in pairs))
