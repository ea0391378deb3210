"""What is laid over a model of channels: correlated antennas, users with places, estimates; each by its formula, and all together."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from multicell_env import multicell_v0
from multicell_env.blocks import Blocks
from multicell_env.channels.composition import Composition
from multicell_env.channels.correlated import Correlated
from multicell_env.channels.estimated import Estimated
from multicell_env.channels.fading import Fading
from multicell_env.channels.rayleigh import Rayleigh, draw_many
from multicell_env.channels.redraw import Redraw
from multicell_env.channels.registry import CHANNEL_MODELS, composition
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import draw_blocks
from multicell_env.networks.deployment import Deployment
from multicell_env.vector_env import MulticellVectorEnv

SMALL: dict[str, Any] = {"num_antennas": 5, "num_users": (2, 3, 1), "num_bands": 3, "num_slots": 3, "num_iterations": 2}
ALL = "geometric:shadowing_db=6+correlated+fading:speed_kmh=30+estimated:error_db=-10"


def generators(count: int, first: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng(first + i) for i in range(count)]


def drawn(config: NetworkConfig, count: int = 2, *, num_threads: int = 1) -> Blocks:
    blocks = Blocks(config, count, keep_channels=True, num_threads=num_threads)
    blocks.draw(range(count), generators(count))
    return blocks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rayleigh", Composition(model=Rayleigh())),
        ("fading", Composition(model=Fading())),
        ("fading:speed_kmh=30,slot_ms=1", Composition(model=Fading(speed_kmh=30.0, slot_ms=1.0))),
        ("estimated", Composition(model=Rayleigh(), estimated=Estimated())),
        (
            " correlated : correlation = 0.9 + redraw",
            Composition(model=Redraw(), correlated=Correlated(correlation=0.9)),
        ),
        (
            "geometric:layout=random,sectors=1,wraps=false,spacing_m=200+estimated:error_db=-inf+fading",
            Composition(
                model=Fading(),
                geometric=Deployment(layout="random", wraps=False, spacing_m=200.0),
                estimated=Estimated(error_db=-math.inf),
            ),
        ),
    ],
)
def test_a_text_says_the_model_and_what_is_laid_over_it(text: str, expected: Composition) -> None:
    assert composition(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jakes", r"one of \['fading', .*\]; got 'jakes'.* any of \['correlated', 'estimated', 'geometric'\] may be laid over"),
        ("fading+", "got ''. Choose one"),
        ("fading+redraw", r"one model, and the others once each; got 'fading\+redraw'. Leave 'redraw' out"),
        ("estimated+estimated", "Leave 'estimated' out"),
        ("fading:speed=3", r"'fading' has the fields \['carrier_ghz', 'slot_ms', 'speed_kmh'\]; got 'speed'. Write fading:field=value"),
        ("rayleigh:speed_kmh=3", r"'rayleigh' has the fields \[\]; got 'speed_kmh'"),
        ("fading:speed_kmh=fast", "speed_kmh of channel_model 'fading' must be a number; got 'fast'"),
        ("fading:speed_kmh=-1", "speed_kmh must be a number of at least 0; got -1.0"),
        ("geometric:sectors=1.5", "sectors of channel_model 'geometric' must be a whole number; got '1.5'"),
        ("geometric:wraps=maybe", "wraps of channel_model 'geometric' must be true or false; got 'maybe'"),
        ("correlated:correlation=1", r"correlation must be within \[0, 1\) .*; got 1.0"),
        ("correlated:correlation=nan", r"correlation must be within \[0, 1\)"),
        ("estimated:error_db=1", "error_db must be a number of at most 0 dB; got 1.0"),
    ],
)
def test_a_text_that_breaks_a_rule_is_refused_where_environments_are_made(text: str, message: str) -> None:
    makers: list[Callable[..., object]] = [multicell_v0.parallel_env, lambda **fields: MulticellVectorEnv(1, **fields)]
    for make in makers:
        with pytest.raises(ValueError, match=message):
            make(channel_model=text)


def test_cells_that_do_not_fit_the_deployment_are_refused() -> None:
    with pytest.raises(ValueError, match="num_cells must be a multiple of 3"):
        multicell_v0.parallel_env(num_cells=4, channel_model="geometric:sectors=3")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("estimated:error_db=-inf", "rayleigh"),
        ("correlated:correlation=0", "rayleigh"),
        ("redraw+estimated:error_db=-inf", "redraw"),
        ("fading+correlated:correlation=0+estimated:error_db=-inf", "fading"),
    ],
)
def test_nothing_laid_over_is_the_game_without_it_bit_for_bit(text: str, same_as: str, dtype: Any) -> None:
    envs = [MulticellVectorEnv(3, channel_model=model, dtype=dtype, **SMALL) for model in (text, same_as)]
    first, second = (env.reset(seed=5)[0] for env in envs)
    assert np.array_equal(first, second)
    for _ in range(7):  # blocks that follow in the same stream are the same too
        actions = np.full(envs[0].action_space.shape, 0.2, np.float32)
        for one, other in zip(*(env.step(actions)[:2] for env in envs), strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", ["estimated", "correlated", "geometric", "redraw+geometric+estimated", ALL])
def test_vector_environments_play_what_single_ones_do(text: str, dtype: Any) -> None:
    fields = SMALL | {"channel_model": text, "dtype": dtype}
    together = [MulticellVectorEnv(5, observation="price", num_threads=threads, **fields) for threads in (1, 2)]
    alone = [multicell_v0.parallel_env(observation="price", **fields) for _ in range(5)]
    planes = [env.reset(seed=11)[0] for env in together]
    single = [env.reset(seed=11 + i)[0] for i, env in enumerate(alone)]
    users = alone[0].config.users_per_cell
    for step in range(4):  # into the second block
        assert np.array_equal(planes[0], planes[1])
        for i in range(5):
            for cell, agent in enumerate(alone[i].possible_agents):
                assert np.array_equal(planes[0][i, cell, ..., : users[cell]], single[i][agent])
        actions = np.abs(np.sin(planes[0][:, :, 1]))
        planes = [env.step(actions)[0] for env in together]
        for i, env in enumerate(alone):
            single[i] = env.step({agent: actions[i, cell, :, : users[cell]] for cell, agent in enumerate(env.possible_agents)})[0]
            if step == 2:
                single[i] = env.reset()[0]


@pytest.mark.parametrize("r", [0.3, 0.9])
def test_correlated_antennas_have_the_exponential_covariance_and_keep_mean_gains(r: float) -> None:
    config = NetworkConfig(num_cells=2, num_antennas=6, num_users=5, num_bands=4000, mean_gains=((1.0, 0.25), (4.0, 2.0)))
    own, cross = (Correlated(correlation=r).across(array)[0] for array in draw_many(config, generators(1)))
    expected = r ** np.abs(np.arange(6)[:, None] - np.arange(6))
    for channels, gain in ((own[0], 1.0), (own[1], 2.0), (cross[0, 0], 4.0), (cross[1, 0], 0.25)):
        h = np.moveaxis(channels, 1, 0).reshape(6, -1) / math.sqrt(gain)
        covariance = h @ h.conj().T / h.shape[1]
        # Products of two unit circular Gaussians have a variance of at most 2; 20,000 of them.
        assert np.abs(covariance - expected).max() < 5 * math.sqrt(2 / h.shape[1])


def test_correlated_antennas_are_the_cholesky_factor_times_what_was_drawn() -> None:
    config = NetworkConfig(channel_model="correlated:correlation=0.7", dtype="float64", **SMALL)
    factor = np.linalg.cholesky(0.7 ** np.abs(np.arange(5.0)[:, None] - np.arange(5)))
    own, _ = draw_many(config, generators(2))
    np.testing.assert_allclose(drawn(config).channels, np.einsum("mn,bcfnu->bcfmu", factor, own), rtol=1e-12, atol=1e-12)


def test_fading_users_stay_where_they_are_and_fade_by_their_correlation() -> None:
    model = "geometric:shadowing_db=4+correlated+fading:speed_kmh=40"
    config = NetworkConfig(num_cells=3, num_antennas=8, num_users=4, num_bands=1000, num_slots=4, channel_model=model)
    blocks = drawn(config, 1)
    slots = [blocks.channels[0].copy()]
    for _ in range(3):
        blocks.play_slot(np.full(blocks.powers.shape, 1e-3), num_iterations=0)
        blocks.advance()
        slots.append(blocks.channels[0].copy())
    both = generators(1)
    draw_many(config, both)
    gains = Deployment(shadowing_db=4.0).drop(3, 4, both[0])
    rho = Fading(speed_kmh=40.0).correlation
    for lag, slot in enumerate(slots):
        for cell in range(3):
            for user in range(4):
                h, now = slots[0][cell, ..., user], slot[cell, ..., user]
                # Antennas are correlated by 1/2: some 4,800 independent ones of 8,000, with twice the variance at most.
                close = 5 * math.sqrt(2 / 4800)
                assert np.mean(np.abs(now) ** 2) / gains[cell, cell, user] == pytest.approx(1.0, abs=close)
                assert abs(np.mean(now * h.conj()) / gains[cell, cell, user] - rho**lag) < close


def test_users_are_dropped_anew_in_every_block() -> None:
    blocks = drawn(NetworkConfig(num_bands=50, channel_model="geometric"), 4)
    levels = (np.abs(blocks.channels) ** 2).mean(axis=(2, 3))
    assert np.ptp(10 * np.log10(levels), axis=0).min() > 3.0


def test_a_deployments_gains_are_factors_to_the_networks_own() -> None:
    plain = NetworkConfig(channel_model="geometric")
    scaled = NetworkConfig(channel_model="geometric", mean_gains=((4.0, 0.0, 1.0), (1.0, 4.0, 1.0), (1.0, 1.0, 4.0)))
    np.testing.assert_allclose(drawn(scaled).channels, 2.0 * drawn(plain).channels, rtol=1e-6)
    assert scaled.interferers.tolist() == [[1, 2], [2, -1], [0, 1]]


@pytest.mark.parametrize("text", ["correlated", "estimated", "geometric"])
def test_given_channels_are_refused_where_something_is_laid_over_channels(text: str) -> None:
    env = multicell_v0.parallel_env(channel_model=text)
    message = rf"given channels are what is received, and known; got channel_model '{text}', .* Give channel_model='rayleigh'"
    with pytest.raises(ValueError, match=message):
        env.reset(seed=0, options={"channels": np.ones((3, 3, 6, 8, 4), complex)})


def test_a_programs_own_model_takes_what_is_laid_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHANNEL_MODELS, "vehicle", Fading(speed_kmh=50.0))
    assert composition("vehicle:slot_ms=1+estimated") == Composition(model=Fading(speed_kmh=50.0, slot_ms=1.0), estimated=Estimated())
    assert draw_blocks(NetworkConfig(channel_model="vehicle+estimated"), 1).moves


def test_the_text_of_a_network_names_what_is_laid_over() -> None:
    assert re.search(rf"channels={re.escape(ALL)}", NetworkConfig(channel_model=ALL).describe())
