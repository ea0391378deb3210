"""The same network in any unit is the same game, and what is given in a wrong unit is told."""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from agents.loading import load
from experiments.studies.own_game import own_network
from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.channels.plausible import ChannelWarning
from multicell_env.channels.pool import RecordedChannels
from multicell_env.evaluation import evaluate_allocations
from multicell_env.evaluation.playing import draw_blocks, play
from multicell_env.evaluation.policies import decide
from multicell_env.observation import Observer, observe

TX_DBM, NOISE_DBM = 44.0, -98.0
SIZES: dict[str, Any] = {"num_antennas": 4, "num_users": 2, "num_bands": 4}


def path_gains() -> np.ndarray:
    """A pool of channels with path losses of 80 to 105 dB; every user has its own."""
    generator = np.random.default_rng(0)
    shape = (16, 3, 3, 4, 4, 2)
    channels = (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)) / np.sqrt(2.0)
    loss_db = generator.uniform(80.0, 105.0, (16, 1, 3, 1, 1, 2)) + generator.uniform(0.0, 20.0, (16, 3, 3, 1, 1, 2))
    return channels * 10.0 ** (-loss_db / 20.0)


CHANNELS = path_gains()
NOISE_MW = 10.0 ** (NOISE_DBM / 10.0)
OWN_GAINS = np.diagonal(RecordedChannels(CHANNELS).fitted().mean_gain_matrix)
FORMS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "path gains, powers in dBm": (CHANNELS, {"tx_power_dbm": TX_DBM, "noise_dbm": NOISE_DBM}),
    "over the noise in mW": (CHANNELS / np.sqrt(NOISE_MW), {"tx_power_dbm": TX_DBM, "noise_dbm": 0.0}),
    "over the noise in W": (CHANNELS / np.sqrt(NOISE_MW / 1000.0), {"tx_power_dbm": TX_DBM, "noise_dbm": 30.0}),
    "noise 1, powers over it": (
        CHANNELS / np.sqrt(OWN_GAINS[0]),
        {"tx_power_dbm": TX_DBM - NOISE_DBM + 10.0 * np.log10(OWN_GAINS[0]), "noise_dbm": 0.0},
    ),
}


def played(form: str, actor: str, dtype: Any) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Rates of methods and an actor in every slot, its actions in the first, and what it saw."""
    channels, powers = FORMS[form]
    pool, policy = RecordedChannels(channels), load(actor)
    config = pool.fitted(NetworkConfig(dtype=dtype, **SIZES, **powers))
    results = evaluate_allocations(config, channels=pool, methods=("flwf", "pricing", "planned", "uniform", "wmmse"), timed=False)
    own = own_network(policy, config)
    sees: Any = policy.observation
    blocks = draw_blocks(own, 3, channels=pool.test)
    actions = decide(policy, Observer(sees, blocks), True)
    rates = [*(result.per_slot for result in results), play(policy, blocks, sees, batched=True)]
    return rates, actions, observe(sees, draw_blocks(own, 3, channels=pool.test))


@pytest.mark.parametrize("actor", ["td3mix", "rounds"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
def test_one_network_in_four_units_has_the_same_rates_and_actions(actor: str, dtype: str, tolerance: float) -> None:
    expected, expected_actions, expected_planes = played("path gains, powers in dBm", actor, dtype)
    for form in list(FORMS)[1:]:
        rates, actions, planes = played(form, actor, dtype)
        for one, other in zip(rates, expected, strict=True):
            # Of all blocks together: a negotiation that goes round in circles multiplies what it rounds, block by block.
            np.testing.assert_allclose(one.mean(axis=0), other.mean(axis=0), rtol=tolerance, err_msg=form)
        np.testing.assert_allclose(actions, expected_actions, atol=1e-5, err_msg=form)
        np.testing.assert_allclose(planes, expected_planes, atol=1e-5, err_msg=form)


def test_an_snr_and_unit_gains_are_one_more_form_of_absolute_powers() -> None:
    snr = NetworkConfig(snr_db=17.0)
    absolute = NetworkConfig(tx_power_dbm=17.0 + 10.0 * np.log10(4 * 6) - 95.0, noise_dbm=-95.0)
    np.testing.assert_allclose(absolute.nominal_powers, snr.nominal_powers)
    np.testing.assert_allclose(absolute.nominal_budgets, 10.0 ** ((absolute.tx_power_dbm + 95.0) / 10.0))


@pytest.mark.parametrize("observation", ["csi", "gain", "price"])
def test_scaled_gains_leave_observations_as_they_are(observation: Any) -> None:
    planes = []
    for scale in (1.0, 1e-6):
        gains = tuple(tuple(scale * gain for gain in row) for row in ((1.0, 0.3, 0.1), (0.2, 2.0, 0.5), (0.1, 0.1, 0.5)))
        env = MulticellVectorEnv(4, mean_gains=gains, observation=observation)
        seen, _ = env.reset(seed=1)
        planes += [seen, env.step(np.full(env.action_space.shape, 0.1))[0]]
    for one, other in zip(planes[:2], planes[2:], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_every_cell_may_have_its_own_power_which_a_file_keeps() -> None:
    config = NetworkConfig(num_users=(1, 2, 4), tx_power_dbm=[30.0, 33.0, 36.0], noise_dbm=-90.0)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(config.nominal_budgets, 10.0 ** (np.array([120.0, 123.0, 126.0]) / 10.0))
    assert NetworkConfig.from_json(json.loads(json.dumps(asdict(config)))) == config
    assert "P=30, 33, 36 dBm N=-90 dBm" in config.describe()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tx_power_dbm": 40.0}, r"tx_power_dbm and noise_dbm go together; got 40.0 and None. .* in W 30 dBm"),
        ({"noise_dbm": -90.0}, "go together; got None and -90.0"),
        ({"tx_power_dbm": 40.0, "noise_dbm": -90.0, "snr_db": 10.0}, "snr_db must be left out beside tx_power_dbm.*; got 10"),
        ({"tx_power_dbm": (40.0, 41.0), "noise_dbm": -90.0}, "one number or one per cell; got 2 for 3 cells"),
        ({"tx_power_dbm": np.nan, "noise_dbm": -90.0}, r"within \[-300, 300\] dBm; got nan"),
        ({"tx_power_dbm": 40.0, "noise_dbm": "low"}, r"noise_dbm must be a number .*; got 'low'"),
        ({"tx_power_dbm": 150.0, "noise_dbm": -90.0}, "SNR of at most 180 dB"),
    ],
)
def test_powers_that_no_network_has_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**fields)


def unit(seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.standard_normal((3, 3, 6, 8, 4)) + 1j * generator.standard_normal((3, 3, 6, 8, 4))) / np.sqrt(2.0)


ASYMMETRIC = ((1.0, 0.5, 0.01), (0.01, 1.0, 0.5), (0.5, 0.01, 1.0))
WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "path gains without powers in dBm": (
        lambda h: 1e-5 * h,
        {},
        r"mean gain -1\d\d dB from a_bb = 1 .*Divide the channels by the root of the",
    ),
    "noise in W": (lambda h: 300.0 * h, {}, r"mean gain \+\d+ dB from a_bb"),
    "powers in place of amplitudes": (
        lambda h: np.abs(h) ** 2,
        {},
        "must be complex amplitudes; got real numbers, which are probably powers",
    ),
    "sender and receiver swapped": (
        lambda h: (h * np.sqrt(ASYMMETRIC)[..., None, None, None]).swapaxes(0, 1),
        {"mean_gains": ASYMMETRIC},
        "which inverts the interference. Check the order of tx_cell and rx_cell",
    ),
    "the noise of another unit": (
        lambda h: h,
        {"tx_power_dbm": 44.0, "noise_dbm": -98.0},
        "mean SNR of 128 dB .* Give noise_dbm in the",
    ),
}


@pytest.mark.parametrize(("change", "fields", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_unit_is_told_with_a_number_and_a_remedy(change: Any, fields: dict[str, Any], message: str) -> None:
    env = multicell_v0.parallel_env(observation="price", **fields)
    with told_of(message):
        env.reset(options={"channels": change(unit())})


@contextlib.contextmanager
def told_of(message: str) -> Iterator[None]:
    """Something is told, whatever else is."""
    with pytest.warns(ChannelWarning) as told:
        yield
    assert any(re.search(message, str(warning.message)) for warning in told), [str(warning.message) for warning in told]


def test_what_is_right_is_told_nothing() -> None:
    gains = np.sqrt(ASYMMETRIC)[..., None, None, None]
    for channels, fields in ((unit(), {}), (unit() * gains, {"mean_gains": ASYMMETRIC}), (3.0 * unit(), {})):
        for observation in ("csi", "gain", "price"):
            multicell_v0.parallel_env(observation=observation, **fields).reset(options={"channels": channels})


def test_a_pool_is_told_of_as_a_block_is() -> None:
    pool = np.stack([unit(seed) for seed in range(4)])
    with pytest.warns(ChannelWarning, match="the array must be complex amplitudes"):
        RecordedChannels(np.abs(pool)).fitted()
    with pytest.warns(ChannelWarning, match="the array and powers make a mean SNR of 129 dB"):
        RecordedChannels(pool).fitted(NetworkConfig(tx_power_dbm=44.0, noise_dbm=-98.0))


@pytest.mark.parametrize("observation", ["csi", "gain", "price"])
def test_observations_at_their_limit_are_told_with_their_share(observation: Any) -> None:
    factor = {"csi": 1e4, "gain": 1e12, "price": 1e3}[observation]
    env = multicell_v0.parallel_env(observation=observation, dtype="float64")
    with told_of(rf"\d+ % of a plane of the observation '{observation}' are at their limit"):
        env.reset(options={"channels": factor * unit()})
    fields = {"mean_gains": np.ones((3, 3)).tolist(), "dtype": "float64"}
    with told_of("mean gain"):
        vector = MulticellVectorEnv(2, channels=factor * unit(), observation=observation, **fields)
    with told_of("are at their limit"):
        vector.reset(seed=0)


def test_a_near_miss_among_options_is_told_and_others_are_ignored() -> None:
    env, vector = multicell_v0.parallel_env(), MulticellVectorEnv(2)
    with pytest.warns(UserWarning, match=r"options has 'channel', which is ignored; did you mean 'channels'\?"):
        env.reset(options={"channel": unit()})
    with pytest.warns(UserWarning, match="did you mean 'reset_mask'"):
        vector.reset(seed=0, options={"resetmask": np.ones(2, bool)})
    env.reset(options={"options": 1, "seed": 3})
