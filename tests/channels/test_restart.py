"""Whether a slot begins without powers is an option; by default it does where channels move."""

import math
from typing import Any

import numpy as np
import pytest

from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig
from multicell_env.evaluation import evaluate_allocations
from multicell_env.model.fairness import RATE_FLOOR, UNIT_RATE
from multicell_env.model.interference import ingr
from multicell_env.model.pricing import prices
from multicell_env.vector_env import MulticellVectorEnv

SMALL: dict[str, Any] = {"num_antennas": 5, "num_users": (2, 3, 1), "num_bands": 3, "num_slots": 4, "num_iterations": 2}


@pytest.mark.parametrize(("model", "restart", "restarts"), [("rayleigh", None, False), ("fading", None, True), ("rayleigh", True, True)])
def test_slots_restart_where_channels_move_unless_it_is_said(model: str, restart: Any, restarts: bool) -> None:
    assert Blocks(NetworkConfig(channel_model=model, restart=restart), 1).restarts is restarts
    assert Blocks(NetworkConfig(channel_model=model, restart=not restarts), 1).restarts is not restarts


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("observation", ["gain", "csi", "price"])
def test_restarting_on_channels_that_stay_is_fading_without_speed(observation: Any, rounds: int) -> None:
    fields: dict[str, Any] = SMALL | {"rounds_per_slot": rounds}
    still = MulticellVectorEnv(3, channel_model="fading:speed_kmh=0", observation=observation, **fields)
    env = MulticellVectorEnv(3, restart=True, observation=observation, **fields)
    assert np.array_equal(env.reset(seed=4)[0], still.reset(seed=4)[0])
    for _ in range(4 * rounds - 1):
        actions = np.random.default_rng(0).uniform(0.0, 0.4, env.action_space.shape).astype(np.float32)
        for one, other in zip(env.step(actions)[:2], still.step(actions)[:2], strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("observation", ["gain", "price"])
def test_going_on_over_channels_that_do_not_move_is_the_static_game(observation: Any) -> None:
    still = MulticellVectorEnv(3, channel_model="fading:speed_kmh=0", restart=False, observation=observation, **SMALL)
    env = MulticellVectorEnv(3, observation=observation, **SMALL)
    assert np.array_equal(env.reset(seed=4)[0], still.reset(seed=4)[0])
    for slot in range(3):
        actions = np.random.default_rng(slot).uniform(0.0, 0.2, env.action_space.shape).astype(np.float32)
        for one, other in zip(env.step(actions)[:2], still.step(actions)[:2], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_going_on_over_new_channels_measures_the_last_powers_there() -> None:
    config = NetworkConfig(channel_model="redraw+estimated", restart=False, dtype="float64", **SMALL)
    blocks = Blocks(config, 2)
    blocks.hear_prices()
    blocks.draw(range(2), [np.random.default_rng(seed) for seed in range(2)])
    blocks.play_slot(np.full(blocks.powers.shape, 0.2))
    powers, gains = blocks.powers.copy(), blocks.gains.cross_gains.copy()
    assert blocks.advance().tolist() == [0, 1]
    assert not np.any(blocks.gains.cross_gains[:, 0, 0, :, 0, 0] == gains[:, 0, 0, :, 0, 0])
    assert np.array_equal(blocks.powers, powers)
    np.testing.assert_allclose(blocks.ingr, ingr(powers, blocks.gains), rtol=1e-12)
    np.testing.assert_allclose(blocks.prices, prices(powers, blocks.gains), rtol=1e-12)
    np.testing.assert_allclose(10.0**blocks.log_ingr, blocks.ingr / config.nominal_powers[:, None, None], rtol=1e-10)


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_going_on_over_new_channels_weighs_users_by_their_rates_there(alpha: float) -> None:
    config = NetworkConfig(channel_model="redraw", restart=False, fairness=alpha, dtype="float64", **SMALL)
    blocks = Blocks(config, 2)
    blocks.hear_prices()
    blocks.draw(range(2), [np.random.default_rng(seed) for seed in range(2)])
    assert blocks.user_rates is not None
    past = np.zeros(blocks.user_rates.rates.shape)
    for slot in range(1, 4):
        blocks.play_slot(np.full(blocks.powers.shape, 0.2))
        past += blocks.user_rates.rates
        blocks.advance()
        for block, cell in np.ndindex(2, 3):
            for user in range(config.users_per_cell[cell]):
                powers, heard = (array[block, cell, :, user] for array in (blocks.powers, blocks.ingr))
                rate = sum(math.log2(1.0 + p / c) for p, c in zip(powers, heard, strict=True))
                assert blocks.user_rates.rates[block, cell, user] == pytest.approx(rate, rel=1e-12)
                average = (past[block, cell, user] + rate) / (slot + 1)
                expected = (UNIT_RATE / (RATE_FLOOR + average)) ** alpha
                assert blocks.user_rates.weights[block, cell, user] == pytest.approx(expected, rel=1e-9)
        np.testing.assert_allclose(blocks.prices, prices(blocks.powers, blocks.gains, blocks.user_rates.weights), rtol=1e-12)


def test_methods_decide_anew_in_every_slot_that_restarts() -> None:
    changes: list[dict[str, Any]] = [{"restart": True}, {"channel_model": "fading:speed_kmh=0"}, {}]
    restarts, still, goes_on = (
        evaluate_allocations(NetworkConfig(**SMALL, **fields), num_blocks=2, methods=("flwf", "reuse"), timed=False) for fields in changes
    )
    for one, other in zip(restarts, still, strict=True):
        assert np.array_equal(one.per_slot, other.per_slot)
    assert not np.array_equal(restarts[0].per_slot, goes_on[0].per_slot)


def test_what_is_no_choice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"restart must be True, False, or None \(only if channels move\); got 'yes'"):
        NetworkConfig(restart="yes")  # pyright: ignore[reportArgumentType]
