"""Users without a channel of their own play no part, and nobody else notices."""

from typing import Any

import numpy as np
import pytest

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.blocks import Blocks
from multicell_env.channels.pool import RecordedChannels
from multicell_env.channels.rayleigh import draw_many
from multicell_env.evaluation import evaluate_allocations
from multicell_env.links import BLOCKED
from multicell_env.model.beamforming import MIN_SINE, served_users, zero_forcing

CONFIG = NetworkConfig(num_antennas=5, num_users=3, num_bands=4, dtype="float64")


def drawn(num_blocks: int = 2, config: NetworkConfig = CONFIG) -> tuple[np.ndarray, np.ndarray]:
    return draw_many(config, [np.random.default_rng(i) for i in range(num_blocks)])


CASES: dict[str, tuple[Any, list[int]]] = {
    "zero": (lambda h: np.stack([0 * h[:, 0], h[:, 1], h[:, 2]], 1), [0]),
    "a duplicate": (lambda h: np.stack([h[:, 0], h[:, 1], h[:, 0]], 1), [2]),
    "the weaker of two in line": (lambda h: np.stack([0.5j * h[:, 1], h[:, 1], h[:, 2]], 1), [0]),
    "a combination of stronger ones": (lambda h: np.stack([4 * h[:, 0], 0.1 * (h[:, 0] + h[:, 2]), 4 * h[:, 2]], 1), [1]),
    "three in line": (lambda h: np.stack([h[:, 0], 2 * h[:, 0], 3 * h[:, 0]], 1), [0, 1]),
    "all zero": (lambda h: 0 * h, [0, 1, 2]),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("change", "left_out"), CASES.values(), ids=CASES.keys())
def test_those_who_cannot_be_served_are_left_out_and_the_others_keep_their_beams(change: Any, left_out: list[int], dtype: Any) -> None:
    config = NetworkConfig(num_antennas=5, num_users=3, num_bands=4, dtype=dtype)
    own, cross = drawn(config=config)
    own[1, 2, 1] = change(own[1, 2, 1])
    expected = np.ones(own[..., 0, :].shape, bool)
    expected[1, 2, 1, left_out] = False
    assert np.array_equal(served_users(own), expected)
    blocks = Blocks.of(config, own, cross)
    assert np.array_equal(blocks.blocked, ~expected)
    kept = [user for user in range(3) if user not in left_out]
    beams = zero_forcing(own[1, 2, 1][None, None, :, kept])[0, 0]
    tolerance = {"rtol": 1e-9, "atol": 1e-9} if dtype == "float64" else {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(blocks.beamformers[1, 2, 1][:, kept], beams, **tolerance)
    gains = [abs(np.vdot(beams[:, k], own[1, 2, 1, :, user])) ** 2 for k, user in enumerate(kept)]
    np.testing.assert_allclose(blocks.gains.signal_gains[1, 2, 1, kept], gains, rtol=1e-4)
    for tx in range(2):
        for u, tx_user in enumerate(kept):
            for user in range(3):
                heard = abs(np.vdot(beams[:, u], cross[1, tx, list(config.interferers[tx]).index(2), 1, :, user])) ** 2
                assert blocks.gains.cross_gains[1, tx, list(config.interferers[tx]).index(2), 1, tx_user, user] == pytest.approx(
                    heard, rel=1e-4
                )
    assert not blocks.beamformers[1, 2, 1][:, left_out].any()
    assert not blocks.gains.cross_gains[1, 2, :, 1, :, left_out].any()
    assert not blocks.gains.cross_gains[1, :2, 1, 1, left_out].any()
    np.testing.assert_allclose(blocks.gains.signal_gains[1, 2, 1, left_out], BLOCKED / 100.0, rtol=1e-6)
    untouched = Blocks.of(config, *drawn(config=config))
    assert np.array_equal(blocks.gains.signal_gains[0], untouched.gains.signal_gains[0])


def test_users_that_stand_off_by_the_named_sine_are_served() -> None:
    for factor, is_served in ((0.5, False), (2.0, True)):
        channels = np.zeros((1, 1, 4, 2), complex)
        channels[0, 0, 0, 0] = 3.0
        channels[0, 0, :2, 1] = 1.0, 1j * factor * MIN_SINE
        assert served_users(channels)[0, 0].tolist() == [True, is_served]
        config = NetworkConfig(num_cells=1, num_antennas=4, num_users=2, num_bands=1, dtype="float64")
        blocks = Blocks.of(config, channels[None], np.zeros((1, 1, 0, 1, 4, 2), complex))
        assert blocks.blocked[0, 0, 0].tolist() == [False, not is_served]


def test_padded_users_are_neither_served_nor_blocked() -> None:
    config = NetworkConfig(num_antennas=5, num_users=(3, 2, 1), num_bands=4)
    own, cross = drawn(config=config)
    assert np.array_equal(served_users(own, config.user_mask), np.broadcast_to(config.user_mask[:, None], own[..., 0, :].shape))
    assert not Blocks.of(config, own, cross).blocked.any()


def dense(seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((3, 3, 4, 5, 3)) + 1j * generator.standard_normal((3, 3, 4, 5, 3))


@pytest.mark.parametrize("rules", [{}, {"num_iterations": 0}, {"negotiation": "pricing"}, {"action": "price", "rounds_per_slot": 3}])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_blocked_user_earns_radiates_and_disturbs_nothing(rules: dict[str, Any], dtype: Any) -> None:
    channels = dense()
    channels[:, 0, :, :, 1] = 0.0  # in all bands
    channels[2, 2, 3, :, 2] = channels[2, 2, 3, :, 0]  # in one
    fields = {"num_antennas": 5, "num_users": 3, "num_bands": 4, "dtype": dtype, **rules}
    env = multicell_v0.parallel_env(observation="price", **fields)
    observations, infos = env.reset(options={"channels": channels})
    weaker = 2 if np.linalg.norm(channels[2, 2, 3, :, 2]) <= np.linalg.norm(channels[2, 2, 3, :, 0]) else 0
    assert infos["bs_0"]["blocked"].tolist() == [[0.0, 1.0, 0.0]] * 4
    assert infos["bs_1"]["blocked"].sum() == 0.0
    assert infos["bs_2"]["blocked"].tolist() == [[0.0] * 3] * 3 + [[float(user == weaker) for user in range(3)]]
    generator = np.random.default_rng(1)
    while env.agents:
        actions = {agent: generator.random((4, 3)) / 2 for agent in env.agents}
        observations, rewards, _, _, infos = env.step(actions)
        assert not any(infos[agent]["power"][infos[agent]["blocked"] > 0].any() for agent in infos)
        assert all(np.isfinite(reward) and reward >= 0.0 for reward in rewards.values())
        for agent, planes in observations.items():
            assert np.all(np.isfinite(planes))
            assert env.observation_space(agent).contains(planes)
    blocks = env._begun_blocks()
    rates = np.log2(1.0 + blocks.powers / blocks.ingr)
    assert rates[blocks.blocked].max() < 1e-6


def test_others_play_as_if_the_blocked_user_were_not_there() -> None:
    channels = dense()
    channels[:, 0, :, :, 1] = 0.0
    fields = {"num_antennas": 5, "num_bands": 4, "dtype": "float64", "observation": "gain"}
    blocked = multicell_v0.parallel_env(num_users=3, **fields)
    blocked.reset(options={"channels": channels})
    two = blocked._begun_blocks()
    smaller = channels.copy()
    smaller[:, 0, :, :, 1] = channels[:, 0, :, :, 2]
    fewer = multicell_v0.parallel_env(num_users=(2, 3, 3), **fields)
    fewer.reset(options={"channels": smaller})
    budgets = fewer._begun_blocks().user_budgets[0, 0, :2], two.user_budgets[0, 0, [0, 2]]
    np.testing.assert_allclose(*budgets)  # each user has the same share whoever else there is
    for _ in range(3):
        few = fewer.step({"bs_0": np.full((4, 2), 0.25), "bs_1": np.full((4, 3), 0.25), "bs_2": np.full((4, 3), 0.25)})
        many = blocked.step({agent: np.full((4, 3), 0.25) for agent in blocked.agents})
        for agent in ("bs_0", "bs_1", "bs_2"):
            assert many[1][agent] == pytest.approx(few[1][agent], rel=1e-6), agent


def test_vector_environments_say_who_is_blocked_as_single_ones_do() -> None:
    pool = np.stack([dense(i) for i in range(6)])
    pool[::2, :, 1, 2, :, 0] = 0.0
    vector = MulticellVectorEnv(4, channels=pool, observation="gain", num_slots=2)
    single = multicell_v0.parallel_env(channels=pool, observation="gain", num_slots=2)
    _, infos = vector.reset(seed=0)
    assert infos["blocked"].sum() > 0
    assert infos["blocked"].shape == infos["power"].shape
    actions = np.full(vector.action_space.shape, 0.25)
    shown = [infos, *(vector.step(actions)[-1] for _ in range(3))]
    for env in range(4):
        infos = single.reset(seed=env)[1]
        for step in shown:
            for cell, agent in enumerate(single.possible_agents):
                assert np.array_equal(infos[agent]["power"], step["power"][env, cell])
                assert np.array_equal(infos[agent]["blocked"], step["blocked"][env, cell])
            if not single.agents:
                single.reset()
            infos = single.step({agent: actions[env, cell] for cell, agent in enumerate(single.possible_agents)})[-1]
    assert vector.as_dicts().reset(seed=0)[1]["bs_1"]["blocked"].shape == (4, 4, 3)
    assert "blocked" not in MulticellVectorEnv(1).reset(seed=0)[1]


@pytest.mark.parametrize("moving", ["redraw", "fading"])
def test_powers_in_infos_are_of_those_with_a_beam_in_the_slot_that_was_played(moving: str) -> None:
    pool = np.stack([dense(i) for i in range(6)])
    pool[::2, :, 1, 2, :, 0] = 0.0
    fields: dict[str, Any] = {"channels": pool, "channel_model": moving, "observation": "gain", "num_iterations": 0}
    vector, single = MulticellVectorEnv(3, **fields), multicell_v0.parallel_env(**fields)
    actions, was_blocked = np.full(vector.action_space.shape, 0.25), vector.reset(seed=0)[1]["blocked"]
    _, infos = single.reset(seed=0)
    changes = 0
    for _ in range(9):
        before = infos["bs_1"]["blocked"]
        *_, infos = single.step({agent: np.full((4, 3), 0.25) for agent in single.agents})
        assert np.array_equal(infos["bs_1"]["power"] == 0.0, before > 0)
        *_, told = vector.step(actions)
        assert np.array_equal(told["power"] == 0.0, was_blocked)
        changes += not np.array_equal(was_blocked, told["blocked"])
        was_blocked = told["blocked"]
    assert (changes > 0) is (moving == "redraw")


def test_every_method_is_finite_where_users_are_blocked() -> None:
    pool = np.stack([dense(i) for i in range(6)])
    pool[:, :, 1, 2, :, 0] = 0.0
    pool[:, :, 2, :, :, 1] = 0.0
    pool[:, 0, 0, 1, :, 2] = pool[:, 0, 0, 1, :, 0]
    results = evaluate_allocations(channels=pool, timed=False)
    assert len(results) > 8
    for result in results:
        assert np.all(np.isfinite(result.per_slot)), result.name
        assert np.all(result.per_slot > 0.0), result.name
    best = max(result.per_slot.mean() for result in results if result.knowledge == "channels")
    assert best >= max(result.per_slot.mean() for result in results) * 0.98


def test_a_strict_pool_names_the_block_the_cell_the_band_and_the_user() -> None:
    pool = np.stack([dense(i) for i in range(6)])
    pool[4, 2, 2, 3, :, 1] = 0.0
    with pytest.raises(
        ValueError, match=r"in block 4 that of user 1 of cell 2 in band 3 is zero \(1 in all\)\. Remove the user, or .*strict"
    ):
        RecordedChannels(pool, strict=True).fitted()
    pool[4, 2, 2, 3, :, 1] = 1.0
    assert RecordedChannels(pool, strict=True).fitted().num_users == 3
