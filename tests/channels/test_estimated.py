"""Beams from estimates leak into the own cell, by as much as the channels say, and every part of the game hears it."""

import math
from typing import Any

import numpy as np
import pytest

from multicell_env.blocks import Blocks
from multicell_env.channels.estimated import Estimated
from multicell_env.channels.rayleigh import draw_many
from multicell_env.channels.registry import composition
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import evaluate_allocations
from multicell_env.model.beamforming import zero_forcing
from multicell_env.vector_env import MulticellVectorEnv

SMALL: dict[str, Any] = {"num_antennas": 5, "num_users": (2, 3, 1), "num_bands": 3, "num_slots": 3, "num_iterations": 2}


def generators(count: int, first: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng(first + i) for i in range(count)]


def drawn(config: NetworkConfig, count: int = 2, *, num_threads: int = 1) -> Blocks:
    blocks = Blocks(config, count, keep_channels=True, num_threads=num_threads)
    blocks.draw(range(count), generators(count))
    return blocks


@pytest.mark.parametrize("error_db", [-20.0, -10.0, 0.0])
def test_the_error_of_an_estimate_has_its_variance_and_no_correlation(error_db: float) -> None:
    config = NetworkConfig(num_cells=2, num_antennas=8, num_users=4, num_bands=500, mean_gains=((1.0, 0.0), (0.0, 25.0)))
    own, _ = draw_many(config, generators(4))
    known = Estimated(error_db=error_db).estimate(generators(4, 100), own)
    e = 10 ** (error_db / 10)
    for cell, gain in enumerate((1.0, 25.0)):
        h, g = own[:, cell].astype(complex) / math.sqrt(gain), known[:, cell].astype(complex) / math.sqrt(gain)
        error = g - math.sqrt(1 - e) * h
        count = h.size
        assert np.mean(np.abs(error) ** 2) == pytest.approx(e, rel=5 / math.sqrt(count) + 0.002)
        assert np.mean(np.abs(g) ** 2) == pytest.approx(1.0, rel=10 / math.sqrt(count))
        assert abs(np.mean(error * h.conj())) < 5 * math.sqrt(e * 2 / count)
        assert abs(np.mean(g * h.conj()) - math.sqrt(1 - e)) < 5 * math.sqrt(2 / count)


def test_an_estimate_is_its_equation_with_the_generators_next_draws() -> None:
    config = NetworkConfig(dtype="float64", **SMALL)
    both = generators(2)
    own, _ = draw_many(config, both)
    known = Estimated(error_db=-10.0).estimate(both, own)
    repeated = generators(2)
    draw_many(config, repeated)
    shape = own.shape[1:]
    noise = draw_many(NetworkConfig(num_cells=3, num_antennas=5, num_users=3, num_bands=3, sir_db=math.inf, dtype="float64"), repeated)[0]
    assert noise.shape[1:] == shape
    for block in range(2):
        for cell, num_users in enumerate((2, 3, 1)):
            for user in range(num_users):
                h = own[block, cell, :, :, user]
                level = math.sqrt(sum(abs(number) ** 2 for number in h.flat) / h.size)
                expected = math.sqrt(0.9) * h + math.sqrt(0.1) * level * noise[block, cell, :, :, user]
                np.testing.assert_allclose(known[block, cell, :, :, user], expected, rtol=1e-12)
            assert not known[block, cell, :, :, num_users:].any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", ["estimated:error_db=-10", "geometric+correlated+estimated:error_db=-3"])
def test_beams_from_estimates_leak_into_the_own_cell_as_the_channels_say(text: str, dtype: Any) -> None:
    config = NetworkConfig(channel_model=text, dtype=dtype, mean_gains=((1.0, 0.0, 0.5), (2.0, 1.0, 0.0), (0.1, 0.0, 3.0)), **SMALL)
    blocks = drawn(config)
    made = composition(text)
    both = generators(2)
    own, cross = draw_many(config, both)
    placed = made.amplitudes(config, both, own, cross) if made.geometric else None
    own, cross = made.laid_over(own, cross, placed)
    assert made.estimated is not None
    known = made.estimated.estimate(both, own)
    np.testing.assert_array_equal(blocks.channels, known)
    beams = zero_forcing(known.astype(complex), config.user_mask)
    tolerance = 1e-9 if dtype == "float64" else 2e-4
    assert blocks.gains.interferers.tolist() == [[*row, cell] for cell, row in enumerate(config.interferers.tolist())]
    for b in range(2):
        for cell, users in enumerate((2, 3, 1)):
            for band in range(3):
                for user in range(users):
                    h = own[b, cell, band, :, user]
                    heard = [abs(np.vdot(beams[b, cell, band, :, other], h)) ** 2 for other in range(users)]
                    assert blocks.gains.signal_gains[b, cell, band, user] == pytest.approx(heard[user], rel=tolerance)
                    heard[user] = 0.0
                    np.testing.assert_allclose(blocks.gains.cross_gains[b, cell, -1, band, :users, user], heard, rtol=tolerance, atol=1e-6)
                    for i, sender in enumerate(config.interferers[cell]):
                        if sender >= 0:
                            h = cross[b, cell, i, band, :, user]
                            arrives = [abs(np.vdot(beams[b, sender, band, :, other], h)) ** 2 for other in range(3)]
                            np.testing.assert_allclose(
                                blocks.gains.cross_gains[b, cell, i, band, :, user], arrives, rtol=20 * tolerance, atol=1e-5
                            )
    assert np.all(blocks.gains.signal_gains[..., 2, :, 1:] == 1.0)
    np.testing.assert_allclose(blocks.inverse_gains, 1.0 / blocks.gains.signal_gains, rtol=1e-6)


def test_users_hear_the_leaks_of_their_own_cell() -> None:
    config = NetworkConfig(channel_model="estimated:error_db=-10", dtype="float64", sir_db=math.inf, **SMALL | {"num_users": 3})
    blocks = drawn(config)
    blocks.hear_prices()
    actions = np.random.default_rng(0).uniform(0.0, 0.5, blocks.powers.shape)
    blocks.play_slot(actions, num_iterations=0)
    powers, gains = blocks.powers, blocks.gains
    for b in range(2):
        for cell in range(3):
            for band in range(3):
                leaks, p = gains.cross_gains[b, cell, 0, band], powers[b, cell, band]
                noise = [1.0 + sum(leaks[other, user] * p[other] for other in range(3)) for user in range(3)]
                signal = gains.signal_gains[b, cell, band] * p
                np.testing.assert_allclose(blocks.ingr[b, cell, band], noise / gains.signal_gains[b, cell, band], rtol=1e-9)
                weights = [signal[user] / (noise[user] * (signal[user] + noise[user])) for user in range(3)]
                prices = [sum(leaks[beam, user] * weights[user] for user in range(3)) for beam in range(3)]
                np.testing.assert_allclose(blocks.prices[b, cell, band], prices, rtol=1e-9)
                assert min(prices) > 0.0


def test_a_larger_error_leaks_more_and_costs_rate() -> None:
    rates, leaks = [], []
    for error in ("-inf", "-30", "-20", "-10"):
        blocks = drawn(NetworkConfig(channel_model=f"estimated:error_db={error}", sir_db=20.0), 100)
        leaks.append(blocks.gains.cross_gains[:, :, 2:].sum())
        rates.append(blocks.play_slot(np.full(blocks.powers.shape, 1 / 6)).mean())
    assert leaks[0] == 0.0
    # The leak of a beam is e times the mean gain, for each of the three other users.
    np.testing.assert_allclose(np.array(leaks[1:]) / (100 * 3 * 6 * 4 * 3), [1e-3, 1e-2, 1e-1], rtol=0.15)
    assert np.all(np.diff(rates) < 0.0)


@pytest.mark.parametrize("text", ["estimated:error_db=-10", "geometric+estimated"])
def test_all_allocations_play_where_beams_leak(text: str) -> None:
    results = {r.name: r.per_slot for r in evaluate_allocations(NetworkConfig(channel_model=text), num_blocks=6, timed=False)}
    assert all(np.isfinite(per_slot).all() for per_slot in results.values())
    last = {name: per_slot[:, -1].mean() for name, per_slot in results.items()}
    assert max(last, key=last.__getitem__) in ("wmmse", "fp", "pricing", "pricing_from_plan")


def test_gradients_play_the_leaks_too() -> None:
    env = MulticellVectorEnv(3, channel_model="estimated:error_db=-10", observation="price", dtype="float64", num_iterations=2)
    planes, _ = env.reset(seed=0)
    game = env.differentiable()
    np.testing.assert_allclose(game.observations(), planes, rtol=1e-5, atol=1e-6)
    plain = MulticellVectorEnv(1, sir_db=math.inf, observation="price", dtype="float64", num_iterations=2)
    plain.reset(seed=9)
    both = type(game).stack([game, plain.differentiable()])
    actions = np.abs(np.sin(planes[:, :, 1]))
    other = np.full((1, *actions.shape[1:]), 0.1)
    played, also = env.step(actions), plain.step(other)
    rewards = both.rewards(np.concatenate([actions, other]))
    np.testing.assert_allclose(rewards, np.concatenate([played[1], also[1]]), rtol=1e-6)
    np.testing.assert_allclose(both.observations(), np.concatenate([played[0], also[0]]), rtol=1e-4, atol=1e-5)
