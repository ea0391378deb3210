"""SuperSuit's wrappers, through which most PettingZoo users reach a learner, play whole episodes and return what they promise."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import supersuit
from gymnasium.spaces import Box

from multicell_env import MulticellEnv, multicell_v0

EQUAL = {"num_antennas": 4, "num_users": 3, "num_bands": 4, "num_slots": 4}
UNEQUAL = {**EQUAL, "num_users": (2, 4, 1)}
PLANES = {"csi": 4 * 4 + 2, "gain": 3}

Arrays = dict[str, np.ndarray]
Episode = list[tuple[Arrays, dict[str, float]]]


@pytest.fixture(params=["csi", "gain"])
def observation(request: pytest.FixtureRequest) -> str:
    return request.param


def make(observation: str, network: dict[str, Any] = EQUAL) -> MulticellEnv:
    return multicell_v0.parallel_env(observation=observation, **network)  # type: ignore[arg-type]


def some_actions(env: MulticellEnv) -> list[Arrays]:
    """Actions for every slot, partly outside [0, 1]."""
    generator = np.random.default_rng(0)
    return [
        {agent: generator.normal(0.3, 0.5, space.shape).astype(np.float32) for agent, space in env.action_spaces.items()}
        for _ in range(env.config.num_slots)
    ]


def play(env: Any, actions: list[Arrays]) -> Episode:
    """Observations and rewards of a whole episode, each a copy since SuperSuit's frame stack hands out the same array again and again."""
    observations, _ = env.reset(seed=5)
    episode: Episode = [({agent: np.array(each) for agent, each in observations.items()}, {})]
    for action in actions:
        observations, rewards, _, _, _ = env.step(action)
        episode.append(({agent: np.array(each) for agent, each in observations.items()}, rewards))
    assert env.unwrapped.agents == []
    return episode


def assert_wraps(
    wrap: Callable[[Any], Any], env: MulticellEnv, expected: Callable[[list[Arrays], str], np.ndarray], network: dict[str, Any] = EQUAL
) -> None:
    """Hold a wrapper's episode against ours: equal rewards, and in its space `expected(observations so far, agent)`."""
    actions = some_actions(env)
    plain = play(make(env.observation, network), actions)
    wrapped_env = wrap(env)
    wrapped = play(wrapped_env, actions)
    assert len(wrapped) == len(plain) == network["num_slots"] + 1
    for slot, ((observations, rewards), (_, plain_rewards)) in enumerate(zip(wrapped, plain, strict=True)):
        assert rewards == plain_rewards
        assert set(observations) == set(env.possible_agents)
        for agent, given in observations.items():
            assert wrapped_env.observation_space(agent).contains(given)
            np.testing.assert_allclose(given, expected([each for each, _ in plain[: slot + 1]], agent), rtol=1e-5, atol=1e-5)


def test_normalize_obs_brings_every_plane_into_zero_to_one(observation: str) -> None:
    env = make(observation)

    def expected(observations: list[Arrays], agent: str) -> np.ndarray:
        space = env.observation_space(agent)
        assert isinstance(space, Box)
        return (observations[-1][agent] - space.low) / (space.high - space.low)

    assert_wraps(lambda env: supersuit.normalize_obs_v0(env, env_min=0.0, env_max=1.0), env, expected)


def test_frame_stack_v1_stacks_slots_along_the_users_and_begins_with_zeros(observation: str) -> None:
    def expected(observations: list[Arrays], agent: str) -> np.ndarray:
        last = [each[agent] for each in observations[-3:]]
        return np.concatenate([np.zeros_like(last[0])] * (3 - len(last)) + last, axis=-1)

    assert_wraps(lambda env: supersuit.frame_stack_v1(env, stack_size=3), make(observation), expected)


def test_frame_stack_v2_stacks_slots_along_the_planes_and_begins_with_copies(observation: str) -> None:
    def expected(observations: list[Arrays], agent: str) -> np.ndarray:
        last = [each[agent] for each in observations[-3:]]
        return np.concatenate([last[0]] * (3 - len(last)) + last, axis=0)

    assert_wraps(lambda env: supersuit.frame_stack_v2(env, stack_size=3, stack_dim=0), make(observation), expected)


def test_flatten_gives_vectors(observation: str) -> None:
    assert_wraps(supersuit.flatten_v0, make(observation), lambda observations, agent: observations[-1][agent].reshape(-1))


def test_flatten_works_with_unequal_users(observation: str) -> None:
    assert_wraps(supersuit.flatten_v0, make(observation, UNEQUAL), lambda observations, agent: observations[-1][agent].ravel(), UNEQUAL)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_dtype_casts_the_observations(observation: str, dtype: Any) -> None:
    env = supersuit.dtype_v0(make(observation), dtype)
    assert all(each.dtype == dtype for given, _ in play(env, some_actions(make(observation))) for each in given.values())
    if dtype is np.float64:  # exact, as float16 is not
        assert_wraps(lambda env: supersuit.dtype_v0(env, dtype), make(observation), lambda observations, agent: observations[-1][agent])


def test_clip_actions_changes_nothing_because_the_environment_clips_too(observation: str) -> None:
    actions = some_actions(make(observation))
    assert min(action.min() for slot in actions for action in slot.values()) < 0
    assert_wraps(supersuit.clip_actions_v0, make(observation), lambda observations, agent: observations[-1][agent])


def test_agent_indicator_adds_a_column_for_every_agent(observation: str) -> None:
    env = make(observation)

    def expected(observations: list[Arrays], agent: str) -> np.ndarray:
        given = observations[-1][agent]
        columns = np.zeros((*given.shape[:2], len(env.possible_agents)))
        columns[..., env.possible_agents.index(agent)] = env.observation_spaces[agent].high.max()
        return np.concatenate([given, columns], axis=-1)

    # SuperSuit lets an indicator be at most the smallest limit of a plane, but sets it to the largest, so its own space does not
    # contain "csi" observations, whose planes have different limits. Normalised ones it does contain.
    if observation == "csi":
        wrapped = play(supersuit.agent_indicator_v0(env), some_actions(env))
        for (given, _), (raw, _) in zip(wrapped, play(make(observation), some_actions(env)), strict=True):
            for agent in env.possible_agents:
                np.testing.assert_array_equal(given[agent], expected([raw], agent))
    else:
        assert_wraps(supersuit.agent_indicator_v0, env, expected)


def test_agent_indicator_fits_its_space_on_normalised_observations(observation: str) -> None:
    env = supersuit.agent_indicator_v0(supersuit.normalize_obs_v0(make(observation)))
    for given, _ in play(env, some_actions(env.unwrapped)):
        for column, agent in enumerate(env.possible_agents):
            assert env.observation_space(agent).contains(given[agent])
            np.testing.assert_array_equal(given[agent][..., -3:], np.broadcast_to(np.eye(3)[column], (PLANES[observation], 4, 3)))


def test_black_death_passes_an_environment_on_in_which_nobody_dies_early(observation: str) -> None:
    # Its flags are not looked at: SuperSuit ends an episode only where agents are terminated and truncated at once.
    assert_wraps(supersuit.black_death_v3, make(observation), lambda observations, agent: observations[-1][agent])


def test_pad_observations_makes_the_observations_of_unequal_cells_alike(observation: str) -> None:
    def expected(observations: list[Arrays], agent: str) -> np.ndarray:
        given = observations[-1][agent]
        return np.pad(given, [(0, 0), (0, 0), (0, 4 - given.shape[-1])])

    env = supersuit.pad_observations_v0(make(observation, UNEQUAL))
    assert {env.observation_space(agent).shape for agent in env.possible_agents} == {(PLANES[observation], 4, 4)}
    assert_wraps(supersuit.pad_observations_v0, make(observation, UNEQUAL), expected, UNEQUAL)


def test_pad_action_space_lets_unequal_cells_take_actions_of_one_shape(observation: str) -> None:
    plain = make(observation, UNEQUAL)
    env = supersuit.pad_action_space_v0(make(observation, UNEQUAL))
    assert {env.action_space(agent).shape for agent in env.possible_agents} == {(4, 4)}
    actions = some_actions(plain)
    # What stands in the padding must not matter, so it is as large as an action may be.
    padded = [
        {agent: np.pad(action, [(0, 0), (0, 4 - action.shape[1])], constant_values=1.0) for agent, action in slot.items()}
        for slot in actions
    ]
    for (given, rewards), (expected, expected_rewards) in zip(play(env, padded), play(plain, actions), strict=True):
        assert rewards == expected_rewards
        for agent in plain.possible_agents:
            np.testing.assert_array_equal(given[agent], expected[agent])


def vectorised(observation: str, network: dict[str, Any]) -> Any:
    env: Any = make(observation, network)
    if network is UNEQUAL:
        env = supersuit.pad_action_space_v0(supersuit.pad_observations_v0(env))
    return supersuit.pettingzoo_env_to_vec_env_v1(env)


@pytest.mark.parametrize("network", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_the_vector_view_stacks_the_agents_and_resets_itself_after_the_last_slot(observation: str, network: dict[str, Any]) -> None:
    env, plain = vectorised(observation, network), make(observation, network)
    users = max(space.shape[1] for space in plain.action_spaces.values())
    assert (env.num_envs, env.observation_space.shape, env.action_space.shape) == (3, (PLANES[observation], 4, users), (4, users))

    stacked, _ = env.reset(seed=5)
    episode = play(plain, actions := some_actions(plain))
    for slot, action in enumerate(actions, start=1):
        for row, (agent, given) in zip(stacked, episode[slot - 1][0].items(), strict=True):
            np.testing.assert_array_equal(row[..., : given.shape[-1]], given, err_msg=agent)
        padded = np.stack([np.pad(each, [(0, 0), (0, users - each.shape[1])]) for each in action.values()])
        stacked, rewards, terminations, truncations, infos = env.step(padded)
        np.testing.assert_allclose(rewards, list(episode[slot][1].values()), rtol=1e-6)
        np.testing.assert_array_equal(terminations, 0)
        np.testing.assert_array_equal(truncations, slot == len(actions))
    for info, (agent, given) in zip(infos, episode[-1][0].items(), strict=True):
        np.testing.assert_array_equal(info["terminal_observation"][..., : given.shape[-1]], given, err_msg=agent)
    # A new block has begun by itself, with other channels and the nominal budget.
    assert env.par_env.agents == plain.possible_agents
    assert not np.array_equal(stacked[0][..., : episode[0][0]["bs_0"].shape[-1]], episode[0][0]["bs_0"])


@pytest.mark.parametrize("num_cpus", [0, 1])
@pytest.mark.parametrize("network", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
def test_concatenated_copies_play_different_blocks_each_as_if_alone(observation: str, num_cpus: int, network: dict[str, Any]) -> None:
    together = supersuit.concat_vec_envs_v1(vectorised(observation, network), 2, num_cpus=num_cpus, base_class="gymnasium")
    alone = [vectorised(observation, network) for _ in range(2)]
    assert together.num_envs == 6

    stacked, _ = together.reset(seed=9)
    expected = [env.reset(seed=9 + copy)[0] for copy, env in enumerate(alone)]
    np.testing.assert_array_equal(stacked, np.concatenate(expected))
    assert not np.array_equal(*expected)
    generator = np.random.default_rng(1)
    for slot in range(1, 5):
        actions = generator.random((6, *together.action_space.shape), dtype=np.float32)
        stacked, rewards, _, truncations, _ = together.step(actions)
        results = [env.step(part) for env, part in zip(alone, np.split(actions, 2), strict=True)]
        np.testing.assert_array_equal(rewards, np.concatenate([result[1] for result in results]))
        np.testing.assert_array_equal(truncations, slot == 4)
        # After the last slot come the first observations of the next block, drawn by each copy's own generator.
        np.testing.assert_array_equal(stacked, np.concatenate([result[0] for result in results]))
    together.close()
