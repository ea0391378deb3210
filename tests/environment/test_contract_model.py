"""What actions, observations, rewards, infos and options mean, held against formulas written out here from the paper."""

import math
from typing import Any

import numpy as np
import pytest
from episodes import NETWORKS, play, play_on, random_actions, recorded_channels, same, thrifty_actions, users_of

from multicell_env import MulticellEnv, NetworkConfig, multicell_v0

Powers = dict[str, np.ndarray]


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def network(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


class Formulas:
    """The paper's formulas for one recording, cell by cell on plain lists, without the package's padding or interferer lists."""

    def __init__(self, config: NetworkConfig, dense: np.ndarray) -> None:
        self.cells = range(config.num_cells)
        self.bands = range(config.num_bands)
        users = users_of(config)
        self.h = [[[dense[tx, rx, f, :, : users[rx]] for f in self.bands] for rx in self.cells] for tx in self.cells]
        self.w = [[self._zero_forcing(self.h[b][b][f]) for f in self.bands] for b in self.cells]
        own_gains = [1.0 if config.mean_gains is None else config.mean_gains[b][b] for b in self.cells]
        self.own_gains = own_gains
        self.p0 = [10.0 ** (config.snr_db / 10.0) / gain for gain in own_gains]
        self.nominal_user_budget = [config.num_bands * p0 for p0 in self.p0]

    @staticmethod
    def _zero_forcing(h: np.ndarray) -> np.ndarray:
        columns = h @ np.linalg.inv(h.conj().T @ h)  # (3)
        return columns / np.sqrt(np.sum(np.abs(columns) ** 2, axis=0))  # (4)

    def signal_gain(self, b: int) -> np.ndarray:
        """|w^H h|^2, `[band, user]`."""
        return np.array([np.abs(np.sum(self.w[b][f].conj() * self.h[b][b][f], axis=0)) ** 2 for f in self.bands])

    def ingr(self, b: int, powers: list[np.ndarray]) -> np.ndarray:
        """(7), `[band, user]`."""
        heard = np.ones_like(powers[b])
        for f in self.bands:
            for tx in self.cells:
                if tx != b:
                    heard[f] += powers[tx][f] @ np.abs(self.w[tx][f].conj().T @ self.h[tx][b][f]) ** 2
        return heard / self.signal_gain(b)

    def sum_rate(self, b: int, powers: list[np.ndarray]) -> float:
        """(18), bit/s/Hz."""
        return float(np.sum(np.log2(1.0 + powers[b] / self.ingr(b, powers))))


def recorded(observation: Any, network: dict[str, Any], **overrides: Any) -> tuple[MulticellEnv, dict[str, Any], Formulas]:
    """An environment, options that make it play on recorded channels, and the formulas for those."""
    env = multicell_v0.parallel_env(observation=observation, **{**network, **overrides})
    dense = recorded_channels(env.config, seed=11)
    return env, {"channels": dense}, Formulas(env.config, dense)


def powers_of(infos: dict[str, dict[str, Any]]) -> list[np.ndarray]:
    return [info["power"] for info in infos.values()]


def budget_after(slots: list[list[np.ndarray]], formulas: Formulas, b: int, num_slots: int) -> float:
    """Slot budget (5) of a cell after the given slots, relative to nominal."""
    num_users = formulas.w[b][0].shape[1]
    nominal = num_users * formulas.nominal_user_budget[b]
    left = num_slots * nominal - sum(powers[b].sum() for powers in slots)
    if len(slots) == num_slots:  # nobody shares it: what the last slot had, and what it left
        return budget_after(slots[:-1], formulas, b, num_slots) + left / nominal
    return left / (num_slots - len(slots)) / nominal


@pytest.mark.parametrize("act", [random_actions, thrifty_actions])
def test_the_planes_of_the_gain_observation_are_log_gain_log_ingr_and_log_budget(network: dict[str, Any], act: Any) -> None:
    env, options, formulas = recorded("gain", network)
    ((observations, infos), _), *steps = play(env, options=options, act=act)
    history: list[list[np.ndarray]] = []
    for observed, info in [(observations, infos), *((step[0], step[4]) for step, *_ in steps)]:
        powers = powers_of(info)
        if observed is not observations:
            history.append(powers)
        for b, planes in enumerate(observed.values()):
            np.testing.assert_allclose(planes[0], np.log10(formulas.signal_gain(b) / formulas.own_gains[b]), rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(planes[1], np.log10(formulas.ingr(b, powers) / formulas.p0[b]), rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(
                planes[2], math.log10(budget_after(history, formulas, b, env.config.num_slots)), rtol=1e-5, atol=1e-5
            )


@pytest.mark.parametrize("act", [random_actions, thrifty_actions])
def test_the_planes_of_the_csi_observation_are_h_w_log_ingr_and_log_budget(network: dict[str, Any], act: Any) -> None:
    env, options, formulas = recorded("csi", network)
    gain_env, _, _ = recorded("gain", network)
    num_antennas = env.config.num_antennas
    csi, gain = (play(each, options=options, act=act) for each in (env, gain_env))
    for (given, *_), (gain_given, *_) in zip(csi, gain, strict=True):
        for b, (planes, gain_planes) in enumerate(zip(given[0].values(), gain_given[0].values(), strict=True)):
            h = np.array(formulas.h[b][b]).transpose(1, 0, 2)  # [antenna, band, user]
            w = np.array(formulas.w[b]).transpose(1, 0, 2)
            parts = np.split(planes, [num_antennas * n for n in (1, 2, 3, 4)])
            np.testing.assert_allclose(parts[0], h.real / math.sqrt(formulas.own_gains[b]), rtol=1e-6)
            np.testing.assert_allclose(parts[1], h.imag / math.sqrt(formulas.own_gains[b]), rtol=1e-6)
            np.testing.assert_allclose(parts[2], w.real, atol=1e-5)
            np.testing.assert_allclose(parts[3], w.imag, atol=1e-5)
            np.testing.assert_array_equal(parts[4], gain_planes[1:])


def test_before_the_first_slot_the_ingr_is_one_over_the_signal_gain(network: dict[str, Any]) -> None:
    env = multicell_v0.parallel_env(observation="gain", **network)
    observations, infos = env.reset(seed=4)
    for planes, info in zip(observations.values(), infos.values(), strict=True):
        np.testing.assert_allclose(planes[1], -planes[0] - env.config.snr_db / 10.0, atol=1e-5)  # g / a_bb, and p0 a_bb is the SNR
        np.testing.assert_array_equal(planes[2], 0.0)
        np.testing.assert_array_equal(info["power"], 0.0)


def test_state_is_the_gain_planes_of_all_cells(network: dict[str, Any]) -> None:
    env = multicell_v0.parallel_env(observation="gain", **network)
    csi = multicell_v0.parallel_env(observation="csi", **network)
    for (given, state, *_), (_, csi_state, *_) in zip(play(env), play(csi), strict=True):
        assert same(state, csi_state)  # whichever observation the agents have
        for cell, observation in zip(state, given[0].values(), strict=True):
            np.testing.assert_array_equal(cell[..., : observation.shape[-1]], observation)


def test_the_reward_is_the_cells_own_sum_rate_from_the_final_powers(network: dict[str, Any]) -> None:
    env, options, formulas = recorded("gain", network, reward="cell")
    for (_, rewards, _, _, infos), *_ in play(env, options=options)[1:]:
        powers = powers_of(infos)
        expected = [formulas.sum_rate(b, powers) for b in formulas.cells]
        assert list(rewards.values()) == pytest.approx(expected, rel=1e-9)
        assert list(rewards.values()) == [info["sum_rate"] for info in infos.values()]


def test_the_network_reward_is_the_mean_over_the_cells_for_every_agent(network: dict[str, Any]) -> None:
    env, options, formulas = recorded("gain", network, reward="network")
    for (_, rewards, _, _, infos), *_ in play(env, options=options)[1:]:
        powers = powers_of(infos)
        rates = [formulas.sum_rate(b, powers) for b in formulas.cells]
        assert list(rewards.values()) == pytest.approx([sum(rates) / len(rates)] * len(rates), rel=1e-9)
        assert [info["sum_rate"] for info in infos.values()] == pytest.approx(rates, rel=1e-9)  # infos stay the cell's own


def test_the_reward_is_all_that_the_choice_of_reward_changes() -> None:
    episodes = [play(multicell_v0.parallel_env(**NETWORKS["unequal users"], reward=reward)) for reward in ("cell", "network")]
    for (cell, *cell_rest), (network, *network_rest) in zip(episodes[0][1:], episodes[1][1:], strict=True):
        assert not same(cell[1], network[1])
        assert same((cell[0], *cell[2:], cell_rest), (network[0], *network[2:], network_rest))


def one_shot(env: MulticellEnv, actions: dict[str, np.ndarray]) -> tuple[Powers, tuple[Any, ...]]:
    """Play the given actions in the first slot of a fixed block."""
    env.reset(seed=9)
    step = env.step(actions)
    return {agent: info["power"] for agent, info in step[4].items()}, step


def untouched(**overrides: Any) -> MulticellEnv:
    """Three cells whose actions are played as they are (k = 0)."""
    return multicell_v0.parallel_env(**{**NETWORKS["no negotiation"], **overrides})


def uniform(env: MulticellEnv, fraction: float) -> dict[str, np.ndarray]:
    return {agent: np.full(space.shape, fraction) for agent, space in env.action_spaces.items()}


@pytest.mark.parametrize("num_iterations", [0, 5])
def test_actions_outside_zero_to_one_are_clipped(num_iterations: int) -> None:
    env = untouched(num_iterations=num_iterations)
    generator = np.random.default_rng(2)
    wild = {agent: generator.normal(0.2, 0.6, space.shape) for agent, space in env.action_spaces.items()}
    wild["bs_0"][0, 0] = -np.finfo(np.float64).max
    wild["bs_1"][0, 0] = np.finfo(np.float64).max
    assert min(action.min() for action in wild.values()) < 0 < 1 < max(action.max() for action in wild.values())
    tame = {agent: action.clip(0, 1) for agent, action in wild.items()}
    assert same(one_shot(env, wild), one_shot(env, tame))


def test_a_fraction_below_zero_lends_no_power_to_the_other_bands() -> None:
    env = untouched()
    actions = uniform(env, 0.0)
    actions["bs_0"][:, 0] = [-0.5, 0.6, 0.9]
    powers, _ = one_shot(env, actions)
    budget = env.config.num_bands * 10.0 ** (env.config.snr_db / 10.0)
    np.testing.assert_allclose(powers["bs_0"][:, 0], [0.0, 0.4 * budget, 0.6 * budget])


def test_users_whose_fractions_sum_to_more_than_one_are_scaled_down_each_alone() -> None:
    env = untouched()
    actions = uniform(env, 0.0)
    actions["bs_1"] = np.array([[1.0, 0.1, 0.5, 0.0], [1.0, 0.2, 0.5, 0.0], [0.5, 0.3, 0.0, 1.0]])
    powers, _ = one_shot(env, actions)
    budget = env.config.num_bands * 10.0 ** (env.config.snr_db / 10.0)
    expected = np.array([[0.4, 0.1, 0.5, 0.0], [0.4, 0.2, 0.5, 0.0], [0.2, 0.3, 0.0, 1.0]]) * budget
    np.testing.assert_allclose(powers["bs_1"], expected)
    np.testing.assert_array_equal(powers["bs_0"], 0.0)


def test_without_negotiation_unspent_power_rolls_over_to_the_next_slot() -> None:
    env = untouched(observation="gain", num_slots=4)
    env.reset(seed=0)
    nominal = env.config.num_bands * 10.0 ** (env.config.snr_db / 10.0)  # of each user
    budget, left = 1.0, 4.0
    for slots_left, fraction in ((3, 0.1), (2, 0.0), (1, 0.2)):
        spent = min(fraction * env.config.num_bands, 1.0)
        observations, _, _, _, infos = env.step(uniform(env, fraction))
        for info in infos.values():
            np.testing.assert_allclose(info["power"], spent / env.config.num_bands * budget * nominal)
        left -= spent * budget
        budget = left / slots_left
        for planes in observations.values():
            np.testing.assert_allclose(planes[-1], math.log10(budget), atol=1e-6)


@pytest.mark.parametrize("num_iterations", [1, 5])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 1.0])
def test_with_negotiation_the_water_filling_spends_the_whole_budget(num_iterations: int, fraction: float) -> None:
    env = untouched(observation="gain", num_iterations=num_iterations)
    env.reset(seed=0)
    nominal = env.config.num_bands * 10.0 ** (env.config.snr_db / 10.0)
    while env.agents:
        observations, _, _, _, infos = env.step(uniform(env, fraction))
        for agent, planes in observations.items():
            np.testing.assert_allclose(infos[agent]["power"].sum(axis=0), nominal)
            np.testing.assert_allclose(planes[-1], 0.0, atol=1e-6)


def test_held_actions_reproduce_the_last_powers_without_negotiation() -> None:
    env = untouched(num_slots=5)
    env.reset(seed=0)
    assert all(not np.any(action) for action in env.hold().values())  # before the first slot nobody transmits
    generator = np.random.default_rng(0)
    for _ in range(2):
        _, _, _, _, infos = env.step(thrifty_actions(env, generator))
        held = env.hold()
        _, _, _, _, again = env.step(held)
        for agent in env.possible_agents:
            assert env.action_space(agent).contains(held[agent])
            np.testing.assert_allclose(again[agent]["power"], infos[agent]["power"], rtol=1e-6)


def test_held_actions_stay_in_their_space_when_powers_are_beyond_the_coming_budget() -> None:
    env = untouched()
    env.reset(seed=0)
    env.step(uniform(env, 0.0))  # saves the whole budget ...
    actions = uniform(env, 0.0)
    actions["bs_0"][0] = 1.0
    env.step(actions)  # ... and spends twice the nominal one in a single band
    for agent, held in env.hold().items():
        assert env.action_space(agent).contains(held)


@pytest.mark.parametrize("observation", ["csi", "gain"])
def test_given_channels_are_played_whatever_the_seed(network: dict[str, Any], observation: Any) -> None:
    env, options, _ = recorded(observation, network)
    episode = play(env, seed=1, options=options)
    assert same(play(env, seed=2, options=options), episode)
    assert same(play(env, seed=None, options=options), episode)
    assert same(play(multicell_v0.parallel_env(observation=observation, **network), seed=1, options=options), episode)
    assert not same(play(env, seed=1), episode)


def test_given_channels_are_copied_and_left_as_they_are(network: dict[str, Any]) -> None:
    env, options, _ = recorded("csi", network)
    expected = play(env, options=options)
    dense = options["channels"].copy()
    env.reset(options={"channels": dense})
    assert same(dense, options["channels"])
    dense.fill(0.0)
    assert same(play_on(env, np.random.default_rng(0)), expected[1:])


def test_unknown_option_keys_are_ignored(network: dict[str, Any]) -> None:
    env = multicell_v0.parallel_env(**network)
    for options in ({}, {"options": 1}, {"channels": None, "colour": "blue"}):
        assert same(play(env, seed=3, options=options), play(env, seed=3))
