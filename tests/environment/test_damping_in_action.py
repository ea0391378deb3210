"""The second plane of an action: how much of its powers each user keeps in every iteration of the slot."""

from dataclasses import replace
from typing import Any

import numpy as np
import oracles
import pytest
from episodes import play, random_actions, same
from scenarios import CONFIGS, assert_equal, draw_block, ragged

from multicell_env import PAPER_8X4, MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.blocks import Blocks
from multicell_env.evaluation.playing import draw_blocks, evaluate_policy
from multicell_env.evaluation.playing import play as play_policy
from multicell_env.model.negotiation import negotiate

UNDAMPED = {name: config for name, config in CONFIGS.items() if config.damping == 0.0}
EVERY_CONFIG = pytest.mark.parametrize("config", [pytest.param(config, id=name) for name, config in UNDAMPED.items()])
EVERY_DTYPE = pytest.mark.parametrize("dtype", ["float32", "float64"])
UNEQUAL = {"num_antennas": 4, "num_users": (2, 4, 1), "num_bands": 5, "num_slots": 3, "damping_in_action": True}


def blocks_of(config: NetworkConfig) -> Blocks:
    return draw_blocks(config, 3, seed=0)


def openings(blocks: Blocks) -> np.ndarray:
    """Some users ask for all of their budget, some for less."""
    return np.random.default_rng(1).uniform(0.0, 1.5 / blocks.config.num_bands, blocks.powers.shape)


def with_damping(opening: np.ndarray, damping: np.ndarray | float) -> np.ndarray:
    return np.stack([opening, np.broadcast_to(damping, opening.shape)], axis=2)


def assert_same_slot(blocks: Blocks, other: Blocks, rates: np.ndarray, others: np.ndarray) -> None:
    assert np.array_equal(rates, others)
    for name in ("powers", "ingr", "log_ingr", "power_budget", "log_budget"):
        assert np.array_equal(getattr(blocks, name), getattr(other, name)), name


@EVERY_DTYPE
@EVERY_CONFIG
def test_without_damping_it_is_the_game_of_the_paper_bit_for_bit(config: NetworkConfig, dtype: Any) -> None:
    blocks, other = (blocks_of(replace(config, dtype=dtype)) for _ in range(2))
    opening = openings(blocks)
    for _ in range(2):
        assert_same_slot(blocks, other, blocks.play_slot(with_damping(opening, 0.0)), other.play_slot(opening))


@EVERY_DTYPE
@EVERY_CONFIG
def test_users_that_keep_all_hold_their_opening_bit_for_bit_as_with_k_of_0(config: NetworkConfig, dtype: Any) -> None:
    blocks, other = (blocks_of(replace(config, dtype=dtype)) for _ in range(2))
    opening = openings(blocks)
    for _ in range(2):  # what was not spent in the first slot is there in the second
        assert_same_slot(blocks, other, blocks.play_slot(with_damping(opening, 1.0)), other.play_slot(opening, num_iterations=0))
    assert np.any(blocks.power_budget > config.nominal_budgets)


@EVERY_CONFIG
def test_every_user_has_a_damping_of_its_own_as_in_the_scalar_game(config: NetworkConfig) -> None:
    block = draw_block(config)
    blocks = Blocks.of(config, block.own[None], block.cross[None])
    opening = openings(blocks)
    plane = np.random.default_rng(2).uniform(-0.5, 1.5, opening.shape)  # what is outside [0, 1] is clipped before the mean
    damping = plane.clip(0.0, 1.0).mean(axis=-2)[0]
    for k in (1, 2, 5):
        blocks.restart()
        blocks.play_slot(np.stack([opening, plane], axis=2), num_iterations=k)
        start = opening[0] / np.maximum(opening[0].sum(axis=-2, keepdims=True), 1.0) * block.user_budgets[:, None, :]
        expected = oracles.negotiate(ragged(config, start), block.signal, block.heard, block.budgets, k, damping=ragged(config, damping))
        assert_equal(config, negotiate(start, block.gains, block.user_budgets, k, damping=damping), expected)
        assert_equal(config, blocks.powers[0], expected)
        unspent = config.nominal_budgets - [sum(map(sum, cell)) for cell in expected]
        np.testing.assert_allclose(blocks.power_budget[0], config.nominal_budgets + unspent / (config.num_slots - 1), rtol=1e-10)


def test_one_user_that_holds_leaves_the_others_to_negotiate() -> None:
    blocks = blocks_of(replace(PAPER_8X4, dtype="float64"))
    opening = np.full(blocks.powers.shape, 0.5 / 6)
    damping = np.zeros(opening.shape)
    damping[:, 1, :, 2] = 1.0
    blocks.play_slot(with_damping(opening, damping))
    spent = blocks.powers.sum(axis=-2) / (6 * blocks.config.nominal_powers[:, None])
    expected = np.ones(spent.shape)
    expected[:, 1, 2] = 0.5
    np.testing.assert_allclose(spent, expected)
    np.testing.assert_allclose(blocks.powers[:, 1, :, 2], 0.5 * blocks.config.nominal_powers[1])


@pytest.mark.parametrize("damping", [-0.1, 1.1, np.nan, np.array([[0.0, 2.0]])])
def test_a_negotiation_refuses_what_is_no_share(damping: Any) -> None:
    block = draw_block(CONFIGS["small"])
    with pytest.raises(ValueError, match=r"damping must be within \[0, 1\]; got"):
        negotiate(
            np.zeros((3, 4, 3)), block.gains, block.user_budgets, 1, damping=damping if np.ndim(damping) == 0 else np.full((3, 3), 2.0)
        )


@EVERY_DTYPE
@pytest.mark.parametrize(
    "network", [UNEQUAL, {"num_antennas": 23, "num_users": 21, "num_bands": 3, "num_slots": 2, "damping_in_action": True}]
)
def test_one_environment_the_batch_and_its_dicts_play_the_same_game_bit_for_bit(network: dict[str, Any], dtype: Any) -> None:
    config = NetworkConfig(**network, dtype=dtype)
    single = multicell_v0.parallel_env(config, observation="gain")
    vector, dicts = MulticellVectorEnv(3, config, observation="gain"), MulticellVectorEnv(3, config, observation="gain").as_dicts()
    assert single.action_space("bs_1").shape == (2, config.num_bands, config.users_per_cell[1])
    assert vector.action_space.shape == (3, 3, 2, config.num_bands, config.max_users)
    single.reset(seed=5)
    vector.reset(seed=[4, 5, 6])
    dicts.reset(seed=[4, 5, 6])
    generator = np.random.default_rng(0)
    for _ in range(config.num_slots - 1):
        actions = generator.random(vector.action_space.shape, dtype=np.float32)
        of_agents = {agent: actions[:, cell, ..., : config.users_per_cell[cell]] for cell, agent in enumerate(single.agents)}
        observations, rewards, *_ = vector.step(actions)
        seen, earned, *_ = dicts.step(of_agents)
        own_seen, own_earned, *_ = single.step({agent: action[1] for agent, action in of_agents.items()})
        for cell, agent in enumerate(single.possible_agents):
            assert own_earned[agent] == rewards[1, cell] == earned[agent][1]
            assert np.array_equal(own_seen[agent], observations[1, cell, ..., : config.users_per_cell[cell]])
            assert np.array_equal(own_seen[agent], seen[agent][1])
    held = vector.hold()
    assert held.dtype == np.float32
    assert held in vector.action_space
    for cell, (agent, own) in enumerate(single.hold().items()):
        assert own in single.action_space(agent)
        assert np.array_equal(own, held[1, cell, ..., : config.users_per_cell[cell]])


def test_an_episode_is_reproducible_and_depends_on_the_second_plane() -> None:
    def undamped(env: Any, generator: np.random.Generator) -> dict[str, np.ndarray]:
        return {agent: action * np.array([1.0, 0.0])[:, None, None] for agent, action in random_actions(env, generator).items()}

    env = multicell_v0.parallel_env(observation="gain", **UNEQUAL)
    assert same(play(env), play(env))
    assert not same(play(env)[1][0][0], play(env, act=undamped)[1][0][0])


def test_holding_goes_on_with_the_undamped_negotiation() -> None:
    config = NetworkConfig(num_antennas=4, num_users=2, num_bands=3, num_slots=4)
    damped = replace(config, damping_in_action=True)
    opening = np.random.default_rng(0).random((3, 3, 2)) / 3

    def policy(observations: dict[str, np.ndarray], planes: int = 1) -> dict[str, np.ndarray]:
        actions = {agent: opening[cell] for cell, agent in enumerate(observations)}
        return actions if planes == 1 else {agent: np.stack([action, np.zeros((3, 2))]) for agent, action in actions.items()}

    expected = play_policy(policy, draw_blocks(config, 2), "gain", acting_slots=1)
    played = play_policy(lambda observations: policy(observations, 2), draw_blocks(damped, 2), "gain", acting_slots=1)
    np.testing.assert_array_equal(played, expected)
    assert np.all(np.diff(played.mean(axis=0)) != 0)
    env = multicell_v0.parallel_env(damped, observation="gain")
    env.reset(seed=1)
    env.step({agent: np.stack([opening[cell], np.ones((3, 2))]) for cell, agent in enumerate(env.agents)})
    assert all(np.any(held[0] > 0) and not np.any(held[1]) for held in env.hold().values())


def test_a_policy_must_give_both_planes() -> None:
    config = NetworkConfig(num_antennas=4, num_users=2, num_bands=3, num_slots=2, damping_in_action=True)
    with pytest.raises(ValueError, match=r"finite actions of shape \(2, 3, 2\) for bs_0"):
        evaluate_policy("bad", lambda seen: dict.fromkeys(seen, np.zeros((3, 2))), config, observation="gain", num_blocks=1)


def test_one_damping_for_all_and_one_for_each_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"damping must be 0 with damping_in_action .*; got 0\.5\. Give one of the two"):
        NetworkConfig(damping=0.5, damping_in_action=True)
