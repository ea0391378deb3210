"""Rewards with fairness are what a round adds to the utility of the users: the scalar ones, of every kind, and with gradients."""

from typing import Any

import fairness_oracles
import numpy as np
import oracles
import pytest
import torch
from scenarios import ragged, ragged_cross_gains

from multicell_env import MulticellVectorEnv, NetworkConfig
from multicell_env.differentiable import DifferentiableGame
from multicell_env.evaluation.playing import draw_blocks
from multicell_env.rewards import play_for_rewards

LOPSIDED: dict[str, Any] = {
    **{"num_antennas": 4, "num_users": (2, 4, 1), "num_bands": 5, "num_slots": 3, "dtype": "float64"},
    "mean_gains": ((2.0, 0.0, 0.7), (0.5, 0.3, 0.0), (1.5, 0.0, 1.0)),
}
ROUNDS: dict[str, Any] = {"rounds_per_slot": 2, "measuring_reward": 0.25}
GAMES: dict[str, dict[str, Any]] = {
    "flwf": {"num_iterations": 2},
    "pricing": {"num_iterations": 2, "negotiation": "pricing"},
    "multipliers": {"num_iterations": 0, "action": "price"},
    "multipliers, pricing": {"num_iterations": 1, "action": "price", "negotiation": "pricing"},
}
EVERY_GAME = pytest.mark.parametrize("game", [pytest.param(game, id=name) for name, game in GAMES.items()])
EVERY_REWARD = pytest.mark.parametrize("reward", ["cell", "network", "predicted", "user"])
EVERY_FAIRNESS = pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])


def drawn_actions(config: NetworkConfig, generator: np.random.Generator, num_blocks: int = 2) -> np.ndarray:
    low, high = config.action_limits
    return generator.uniform(low, 0.3 * high, (num_blocks, config.num_cells, *config.action_shape(config.max_users)))


@EVERY_GAME
@EVERY_FAIRNESS
def test_every_round_is_paid_what_it_adds_to_utility(game: dict[str, Any], alpha: float) -> None:
    config = NetworkConfig(**LOPSIDED, **ROUNDS, **game, fairness=alpha)
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    past: list[list[Any]] = [[], []]
    for turn in range(6):
        sums, rewards = play_for_rewards(blocks, drawn_actions(config, generator))
        for i in range(2):
            signal, cross = ragged(config, blocks.gains.signal_gains[i]), ragged_cross_gains(config, blocks.gains.cross_gains[i])
            powers = ragged(config, blocks.powers[i])
            now = oracles.rates(powers, oracles.ingr(powers, signal, cross))
            expected = np.array(fairness_oracles.reward(past[i], now, alpha, transmits=turn % 2 == 1))
            np.testing.assert_allclose(rewards[i], expected if turn % 2 == 1 else 0.25 * expected, rtol=1e-8, atol=1e-9)
            np.testing.assert_allclose(sums[i], [sum(rates) for rates in now], rtol=1e-9)
            if turn % 2 == 1:
                past[i].append(now)


@EVERY_FAIRNESS
def test_a_block_is_paid_its_slots_times_the_utility_of_average_rates(alpha: float) -> None:
    config = NetworkConfig(**LOPSIDED, num_iterations=0, action="price", fairness=alpha)
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    paid = sum(play_for_rewards(blocks, drawn_actions(config, generator))[1] for _ in range(3))
    assert blocks.user_rates is not None
    averages = blocks.user_rates.past_rates / 3.0
    for i in range(2):
        expected = [3.0 * sum(fairness_oracles.utility(r, alpha) for r in of_cell) for of_cell in ragged(config, averages[i])]
        np.testing.assert_allclose(paid[i], expected, rtol=1e-9)


@EVERY_GAME
@EVERY_REWARD
def test_foreseen_rewards_are_those_that_every_round_plays(game: dict[str, Any], reward: Any) -> None:
    config = NetworkConfig(**LOPSIDED, **ROUNDS, **game, reward=reward, fairness=1.0)
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    for _ in range(5):
        actions = drawn_actions(config, generator)
        foreseen = DifferentiableGame(blocks, "price", torch.empty(0)).rewards(torch.from_numpy(actions))
        np.testing.assert_allclose(play_for_rewards(blocks, actions)[1], foreseen, rtol=1e-8)


@EVERY_GAME
def test_kinds_of_reward_share_the_same_worth(game: dict[str, Any]) -> None:
    paid = {}
    for reward in ("cell", "network", "user"):
        config = NetworkConfig(**LOPSIDED, **game, reward=reward, fairness=1.0)  # type: ignore[arg-type]
        blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
        paid[reward] = np.stack([play_for_rewards(blocks, drawn_actions(config, generator))[1] for _ in range(3)])
    np.testing.assert_allclose(paid["user"], paid["cell"] / 7.0, rtol=1e-12)
    np.testing.assert_allclose(paid["network"], np.repeat(paid["cell"].mean(axis=-1, keepdims=True), 3, axis=-1), rtol=1e-12)


def test_predicted_rewards_count_what_users_believe() -> None:
    config = NetworkConfig(**LOPSIDED, num_iterations=1, negotiation="iwf", reward="predicted", fairness=1.0)
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    fractions = drawn_actions(config, generator)
    budgets = [ragged(config, of_block) for of_block in blocks.user_budgets]
    rewards = play_for_rewards(blocks, fractions)[1]
    for i in range(2):
        signal, cross = ragged(config, blocks.gains.signal_gains[i]), ragged_cross_gains(config, blocks.gains.cross_gains[i])
        last = oracles.opening_powers(ragged(config, fractions[i]), budgets[i])
        powers, c = oracles.negotiate(last, signal, cross, budgets[i], 1, forward_looking=False), oracles.ingr(last, signal, cross)
        believed = [
            [
                [oracles.believed_ingr(*numbers) for numbers in zip(*bands, strict=True)]
                for bands in zip(powers[b], last[b], c[b], signal[b], strict=True)
            ]
            for b in range(3)
        ]
        expected = fairness_oracles.reward([], oracles.rates(powers, believed), 1.0)
        np.testing.assert_allclose(rewards[i], expected, rtol=1e-8)


def test_a_small_fairness_pays_nearly_the_sum_rate() -> None:
    config = NetworkConfig(**LOPSIDED, num_iterations=0, action="price", fairness=1e-6)
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    for _ in range(3):
        rates, rewards = play_for_rewards(blocks, drawn_actions(config, generator))
        np.testing.assert_allclose(rewards, rates + 0.1 * config.users_per_cell, rtol=1e-4)


def test_a_preview_leaves_rates_and_weights_where_they_were() -> None:
    config = NetworkConfig(**LOPSIDED, num_iterations=2, negotiation="pricing", fairness=1.0)
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    blocks.play_slot(drawn_actions(config, generator))
    assert blocks.user_rates is not None
    before = blocks.user_rates.copy()
    blocks.preview(drawn_actions(config, generator), 1)
    for name in ("past_rates", "num_past", "rates", "weights"):
        assert np.array_equal(getattr(blocks.user_rates, name), getattr(before, name)), name


@EVERY_GAME
def test_gradients_of_rewards_over_slots_are_those_of_small_differences(game: dict[str, Any]) -> None:
    env = MulticellVectorEnv(1, observation="price", **LOPSIDED, **ROUNDS, **game, fairness=1.0)
    env.reset(seed=0)
    generator = np.random.default_rng(1)
    low, high = env.config.action_limits
    actions = torch.from_numpy(generator.uniform(0.5 * low, 0.3 * high, (4, *env.action_space.shape)))  # type: ignore[arg-type]
    direction = torch.from_numpy(generator.standard_normal(actions.shape))

    def total(moved: torch.Tensor) -> torch.Tensor:
        rounds = env.differentiable(torch.empty(0))
        # What is seen of the weights moves the actions too.
        return torch.stack([rounds.rewards(action + 0.01 * rounds.observations()[:, :, 9].mean()) for action in moved]).sum()

    slope = torch.autograd.functional.vjp(total, actions)[1]
    expected = (total(actions + 1e-6 * direction) - total(actions - 1e-6 * direction)) / 2e-6
    assert expected.abs() > 1e-3
    assert (slope * direction).sum().item() == pytest.approx(expected.item(), rel=1e-4)


def test_games_of_another_fairness_are_not_stacked() -> None:
    games = [DifferentiableGame(draw_blocks(NetworkConfig(**LOPSIDED, fairness=alpha), 1, 0), "gain") for alpha in (0.0, 1.0)]
    with pytest.raises(ValueError, match=r"with the same .*fairness"):
        DifferentiableGame.stack(games)


def test_where_channels_move_the_averages_stay_and_nobody_has_a_rate() -> None:
    config = NetworkConfig(**LOPSIDED, num_iterations=0, action="price", channel_model="redraw", fairness=1.0)
    blocks, generator = draw_blocks(config, 2, 0), np.random.default_rng(0)
    blocks.play_slot(drawn_actions(config, generator))
    blocks.advance()
    assert blocks.user_rates is not None
    assert blocks.user_rates.past_rates.any()
    assert not blocks.user_rates.rates.any()
    np.testing.assert_allclose(blocks.user_rates.weights, 10.0 / (0.1 + blocks.user_rates.past_rates / 2.0), rtol=1e-12)


@EVERY_GAME
def test_a_game_goes_on_from_where_its_progress_says(game: dict[str, Any]) -> None:
    config = NetworkConfig(**LOPSIDED, **ROUNDS, **game, fairness=1.0)
    begun, generator = DifferentiableGame(draw_blocks(config, 2, 0), "price", torch.empty(0)), np.random.default_rng(0)
    played = begun.take([0, 1])
    for _ in range(3):
        played.step(torch.from_numpy(drawn_actions(config, generator)))
    again, actions = begun.at(played.progress()), torch.from_numpy(drawn_actions(config, generator))
    assert torch.equal(again.observations(), played.observations())
    assert torch.equal(again.rewards(actions), played.rewards(actions))


def test_having_had_little_before_pays_in_no_round_that_measures() -> None:
    config = NetworkConfig(**LOPSIDED, **ROUNDS, num_iterations=0, action="price", fairness=1.0)
    generator, paid = np.random.default_rng(0), []
    actions = drawn_actions(config, generator)
    for share in (1.0, 0.1):
        blocks = draw_blocks(config, 2, 0)
        for _ in range(2):
            blocks.play_slot(actions)
        assert blocks.user_rates is not None
        blocks.user_rates.past_rates *= share
        paid.append(play_for_rewards(blocks, actions)[1])
    assert np.all(paid[0] > paid[1])
