"""Every kind of reward, round by round: under each rule, in rounds that only measure, and with gradients."""

from typing import Any

import numpy as np
import oracles
import price_oracles
import pytest
import torch
from scenarios import ragged, ragged_cross_gains

from multicell_env import NetworkConfig
from multicell_env.differentiable import DifferentiableGame
from multicell_env.evaluation.playing import draw_blocks
from multicell_env.rewards import play_for_rewards

UNEQUAL: dict[str, Any] = {"num_antennas": 4, "num_users": (2, 4, 1), "num_bands": 5, "num_slots": 2, "dtype": "float64"}
LOPSIDED: dict[str, Any] = {**UNEQUAL, "mean_gains": ((2.0, 0.0, 0.7), (0.5, 0.3, 0.0), (1.5, 0.0, 1.0))}
GAMES: dict[str, dict[str, Any]] = {
    "flwf": {"num_iterations": 3},
    "iwf": {"num_iterations": 2, "negotiation": "iwf"},
    "pricing": {"num_iterations": 2, "negotiation": "pricing", "damping": 0.25},
    "pricing once": {"num_iterations": 1, "negotiation": "pricing"},
    "multipliers": {"num_iterations": 2, "action": "price"},
    "multipliers, pricing": {"num_iterations": 2, "action": "price", "negotiation": "pricing"},
    "no iterations": {"num_iterations": 0, "action": "price"},
}
EVERY_GAME = pytest.mark.parametrize("game", [pytest.param(game, id=name) for name, game in GAMES.items()])
EVERY_REWARD = pytest.mark.parametrize("reward", ["cell", "network", "predicted", "user"])
ROUNDS: dict[str, Any] = {"rounds_per_slot": 3, "measuring_reward": 0.25}


def drawn_actions(config: NetworkConfig, generator: np.random.Generator) -> np.ndarray:
    low, high = config.action_limits
    return generator.uniform(low, 0.3 * high, (2, config.num_cells, *config.action_shape(config.max_users)))


@EVERY_GAME
@EVERY_REWARD
def test_foreseen_rewards_are_those_that_every_round_plays(game: dict[str, Any], reward: Any) -> None:
    config = NetworkConfig(**LOPSIDED, **ROUNDS, **game, reward=reward)
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    for _ in range(5):
        actions = drawn_actions(config, generator)
        foreseen = DifferentiableGame(blocks, "price", torch.empty(0)).rewards(torch.from_numpy(actions))
        np.testing.assert_allclose(play_for_rewards(blocks, actions)[1], foreseen, rtol=1e-8)


@EVERY_GAME
@EVERY_REWARD
def test_a_round_that_only_measures_is_paid_a_share(game: dict[str, Any], reward: Any) -> None:
    both = [
        draw_blocks(NetworkConfig(**UNEQUAL, **{**ROUNDS, **share}, **game, reward=reward), 2, 0)
        for share in ({}, {"measuring_reward": 1.0})
    ]
    generator = np.random.default_rng(0)
    for turn in range(6):
        actions = drawn_actions(both[0].config, generator)
        (rates, paid), (others, whole) = (play_for_rewards(blocks, actions) for blocks in both)
        assert np.array_equal(rates, others)
        assert np.all(whole > 0.0)
        np.testing.assert_allclose(paid, whole if turn % 3 == 2 else 0.25 * whole, rtol=1e-12)


@EVERY_GAME
@EVERY_REWARD
def test_the_reward_changes_nothing_of_the_rounds(game: dict[str, Any], reward: Any) -> None:
    blocks, plain = (draw_blocks(NetworkConfig(**UNEQUAL, **ROUNDS, **game, reward=each), 2, 0) for each in (reward, "cell"))
    generator = np.random.default_rng(0)
    for _ in range(6):
        actions = drawn_actions(plain.config, generator)
        assert np.array_equal(play_for_rewards(blocks, actions)[0], plain.play_slot(actions))
        for name in ("slots_left", "rounds", "powers", "ingr", "log_ingr", "prices", "power_budget", "log_budget"):
            assert np.array_equal(getattr(blocks, name), getattr(plain, name)), name


@pytest.mark.parametrize("num_iterations", [1, 3])
@pytest.mark.parametrize("rule", ["iwf", "pricing"])
def test_predicted_rewards_are_those_of_the_scalar_game_by_every_rule(rule: Any, num_iterations: int) -> None:
    config = NetworkConfig(**LOPSIDED, **ROUNDS, num_iterations=num_iterations, negotiation=rule, reward="predicted")
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    for turn in range(4):
        fractions = generator.uniform(-0.3, 0.6, blocks.powers.shape)
        budgets = [ragged(config, of_block) for of_block in blocks.user_budgets]
        _, rewards = play_for_rewards(blocks, fractions)
        for i in range(2):
            signal, cross = ragged(config, blocks.gains.signal_gains[i]), ragged_cross_gains(config, blocks.gains.cross_gains[i])
            opening = oracles.opening_powers(ragged(config, fractions[i]), budgets[i])
            powers = [played(rule, opening, signal, cross, budgets[i], k) for k in (num_iterations, num_iterations - 1)]
            expected = np.array(oracles.believed_sum_rates(*powers, signal, cross))
            np.testing.assert_allclose(rewards[i], expected if turn % 3 == 2 else 0.25 * expected, rtol=1e-9)


def played(rule: str, opening: Any, signal: Any, cross: Any, budgets: Any, num_iterations: int) -> Any:
    if rule == "pricing":
        return price_oracles.negotiate(opening, signal, cross, budgets, num_iterations)
    return oracles.negotiate(opening, signal, cross, budgets, num_iterations, forward_looking=False)


@EVERY_GAME
def test_a_preview_of_a_round_leaves_the_block_where_it_was(game: dict[str, Any]) -> None:
    config = NetworkConfig(**UNEQUAL, **ROUNDS, **game)
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    blocks.play_slot(drawn_actions(config, generator))
    actions, names = drawn_actions(config, generator), ("slots_left", "rounds", "powers", "ingr", "log_ingr", "prices", "power_budget")
    before = [getattr(blocks, name).copy() for name in names]
    powers, ingr = blocks.preview(actions, 2)
    assert all(np.array_equal(getattr(blocks, name), array) for name, array in zip(names, before, strict=True))
    assert not np.array_equal(powers, blocks.powers)
    blocks.play_slot(actions, num_iterations=2)
    assert np.array_equal(powers, blocks.powers)
    assert np.array_equal(ingr, blocks.ingr)


def test_users_of_stacked_networks_share_by_their_own_network() -> None:
    games = []
    for users in ((2, 4, 1), (4, 3, 4)):
        config = NetworkConfig(**{**UNEQUAL, "num_users": users}, num_iterations=1, reward="user")
        games.append(DifferentiableGame(draw_blocks(config, 2, 0), "gain"))
    stacked = DifferentiableGame.stack(games)
    actions = np.random.default_rng(0).random((4, 3, 5, 4))
    expected = [game.rewards(actions[2 * i : 2 * i + 2]) for i, game in enumerate(games)]
    np.testing.assert_allclose(stacked.rewards(actions), np.concatenate(expected), rtol=1e-12)
