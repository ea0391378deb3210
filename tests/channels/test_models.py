"""Models of channels move as their formulas say, each by its own generators, and keep what was drawn bit for bit."""

import math
import re
from typing import Any

import numpy as np
import pytest

from multicell_env.blocks import Blocks
from multicell_env.channels.fading import Fading, bessel_j0
from multicell_env.channels.rayleigh import Rayleigh, draw_many
from multicell_env.channels.redraw import Redraw
from multicell_env.channels.registry import CHANNEL_MODELS, channel_model
from multicell_env.config import NetworkConfig

WIDE = NetworkConfig(num_cells=2, num_antennas=20, num_users=10, num_bands=100, mean_gains=((1.0, 0.25), (4.0, 2.0)))
"""20,000 channels of each pair of cells."""
OF_ANY_NETWORK = [name for name, model in CHANNEL_MODELS.items() if isinstance(model, Rayleigh)]
"""Models that draw the channels of any network; the others are pools of one."""


def generators(count: int, first: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng(first + i) for i in range(count)]


def slots_of(model: Any, config: NetworkConfig, num_slots: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Own and cross channels of one block in every slot."""
    generator = [np.random.default_rng(seed)]
    own, cross = (array.copy() for array in model.begin(config, generator))
    slots = [(own, cross)]
    for _ in range(num_slots - 1):
        own, cross = (array.copy() for array in model.advance(config, generator, own, cross))
        slots.append((own, cross))
    return slots


def correlation(one: np.ndarray, other: np.ndarray, mean_gain: float) -> complex:
    return complex(np.mean(one * other.conj()) / mean_gain)


def pairs(slot: tuple[np.ndarray, np.ndarray]) -> list[tuple[np.ndarray, float]]:
    """Channels of every pair of cells of `WIDE`, and their mean gain."""
    own, cross = (array[0] for array in slot)
    gains = WIDE.mean_gain_matrix
    return [(own[0], gains[0, 0]), (own[1], gains[1, 1]), (cross[0, 0], gains[1, 0]), (cross[1, 0], gains[0, 1])]


@pytest.mark.parametrize(
    ("x", "tabulated"),
    [
        (0.0, 1.0),
        (0.5, 0.938469807240813),
        (1.0, 0.765197686557967),
        (2.0, 0.223890779141236),
        (2.404825557695773, 0.0),
        (5.0, -0.177596771314338),
        (10.0, -0.245935764451348),
        (50.0, 0.055812327669252),
        (100.0, 0.019985850304223),
    ],
)
def test_j0_has_its_tabulated_values(x: float, tabulated: float) -> None:
    # Abramowitz and Stegun, table 9.1, and the first zero.
    assert bessel_j0(x) == pytest.approx(tabulated, abs=1e-14)
    assert bessel_j0(-x) == bessel_j0(x)


@pytest.mark.parametrize("speed", [0.0, 3.0, 30.0, 120.0])
def test_the_correlation_is_jakes_for_the_speed_the_carrier_and_the_slot(speed: float) -> None:
    x = 2.0 * math.pi * (speed * 1000.0 / 3600.0) / (299_792_458.0 / 2.1e9) * 0.004
    series = sum((-1) ** n * (x / 2.0) ** (2 * n) / math.factorial(n) ** 2 for n in range(60))
    assert Fading(speed_kmh=speed, carrier_ghz=2.1, slot_ms=4.0).correlation == pytest.approx(series, abs=1e-9)


def test_the_default_fading_is_a_pedestrians() -> None:
    # J0(2 pi 9.73 Hz 5 ms) = J0(0.3056)
    assert Fading().correlation == pytest.approx(0.97679, abs=1e-5)


@pytest.mark.parametrize("speed", [3.0, 30.0, 60.0])
def test_fading_slots_are_correlated_as_powers_of_the_correlation(speed: float) -> None:
    model = Fading(speed_kmh=speed)
    rho, slots = model.correlation, slots_of(model, WIDE, 5)
    for first in range(4):
        for later in range(first + 1, 5):
            for (one, gain), (other, _) in zip(pairs(slots[first]), pairs(slots[later]), strict=True):
                # A product of two unit circular Gaussians has a variance of at most 1 + rho^2 <= 2 for real and imaginary part.
                assert abs(correlation(one, other, gain) - rho ** (later - first)) < 5 * math.sqrt(2 / one.size)


@pytest.mark.parametrize("model", [Redraw(), Fading(), Fading(speed_kmh=60.0)])
def test_the_mean_gains_stay_and_channels_stay_gaussian(model: Any) -> None:
    for slot in slots_of(model, WIDE, 6):
        for channels, gain in pairs(slot):
            powers = np.abs(channels) ** 2 / gain
            assert np.mean(powers) == pytest.approx(1.0, abs=5 / math.sqrt(powers.size))
            assert np.mean(powers**2) == pytest.approx(2.0, abs=5 * math.sqrt(20 / powers.size))


def test_redrawn_slots_are_uncorrelated() -> None:
    slots = slots_of(Redraw(), WIDE, 4)
    for first in range(3):
        for later in range(first + 1, 4):
            for (one, gain), (other, _) in zip(pairs(slots[first]), pairs(slots[later]), strict=True):
                assert abs(correlation(one, other, gain)) < 5 / math.sqrt(one.size)


def test_redrawn_slots_are_the_generators_next_draws() -> None:
    generator = np.random.default_rng(7)
    for slot in slots_of(Redraw(), WIDE, 3, seed=7):
        for array, expected in zip(slot, draw_many(WIDE, [generator]), strict=True):
            assert np.array_equal(array, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fading_is_its_equation_with_the_generators_next_draws(dtype: Any) -> None:
    config = NetworkConfig(num_antennas=3, num_users=(1, 3, 2), num_bands=2, dtype=dtype)
    model, generator = Fading(speed_kmh=20.0), np.random.default_rng(7)
    slots, rho = slots_of(model, config, 3, seed=7), model.correlation
    expected = list(draw_many(config, [generator]))
    for slot in slots:
        for part in range(2):
            np.testing.assert_allclose(slot[part], expected[part], rtol=1e-5 if dtype == "float32" else 1e-12)
            assert slot[part].dtype == expected[part].dtype == np.result_type(dtype, np.complex64)
        innovations = draw_many(config, [generator])
        expected = [rho * old + math.sqrt(1 - rho**2) * new for old, new in zip(expected, innovations, strict=True)]


@pytest.mark.parametrize("name", OF_ANY_NETWORK)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_block_moves_by_its_own_generator_alone(name: str, dtype: Any) -> None:
    config = NetworkConfig(num_antennas=5, num_users=(2, 3, 1), num_bands=3, dtype=dtype)
    model, together = CHANNEL_MODELS[name], generators(5)
    own, cross = (array.copy() for array in model.begin(config, together))
    alone = [slots_of(model, config, 3, seed=i) for i in range(5)]
    for slot in range(3):
        for block in range(5):
            assert np.array_equal(own[block], alone[block][slot][0][0])
            assert np.array_equal(cross[block], alone[block][slot][1][0])
        own, cross = (array.copy() for array in model.advance(config, together, own, cross))


@pytest.mark.parametrize("name", OF_ANY_NETWORK)
def test_padded_users_and_interferers_have_zero_channels_in_every_slot(name: str) -> None:
    gains = ((1.0, 0.3, 0.0), (0.2, 2.0, 0.0), (0.7, 0.0, 1.0))
    config = NetworkConfig(num_antennas=5, num_users=(2, 3, 1), num_bands=3, mean_gains=gains)
    for own, cross in slots_of(CHANNEL_MODELS[name], config, 3):
        users = np.broadcast_to(config.user_mask[:, None, None, :], own.shape)
        assert np.array_equal(own != 0, users)
        assert np.array_equal(cross != 0, (users[:, :, None] & (config.interferers >= 0)[..., None, None, None]))


@pytest.mark.parametrize("name", OF_ANY_NETWORK)
def test_a_first_slot_is_the_rayleigh_draw_bit_for_bit(name: str) -> None:
    config = NetworkConfig(channel_model=name)
    blocks = Blocks(config, 3, keep_channels=True)
    blocks.draw(range(3), generators(3))
    assert np.array_equal(blocks.channels, draw_many(NetworkConfig(), generators(3))[0])


def test_rayleigh_channels_stay_and_touch_no_generator() -> None:
    model, used = Rayleigh(), generators(2)
    own, cross = (array.copy() for array in model.begin(WIDE, used))
    states = [generator.bit_generator.state for generator in used]
    same = model.advance(WIDE, used, own, cross)
    assert same[0] is own
    assert same[1] is cross
    assert [generator.bit_generator.state for generator in used] == states
    assert not model.moves


def test_a_model_is_found_by_its_name_and_an_unknown_one_is_refused() -> None:
    assert channel_model("fading") == Fading()
    known = re.escape(str(sorted(CHANNEL_MODELS)))
    with pytest.raises(ValueError, match=rf"channel_model must be one of {known}; got 'jakes'\. Choose one"):
        channel_model("jakes")


@pytest.mark.parametrize(("field", "least"), [("speed_kmh", "at least 0"), ("carrier_ghz", "more than 0"), ("slot_ms", "more than 0")])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, "3", True])
def test_fading_of_impossible_numbers_is_refused(field: str, least: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"{field} must be a number of {least}; got {value!r}\. Give such a number\."):
        Fading(**{field: value})
