"""What frameworks rely on, held over whole episodes."""

import copy
import math
import pickle
import random
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from episodes import NETWORKS, Make, arrays_in, play, play_on, random_actions, same, thrifty_actions

from multicell_env import multicell_v0


def test_the_same_seed_gives_the_same_episode_bit_for_bit(make: Make) -> None:
    assert same(play(make(), seed=7), play(make(), seed=7))


def test_one_environment_plays_the_same_episode_again_when_it_gets_the_same_seed(make: Make) -> None:
    env = make()
    first = play(env, seed=7)
    play(env, seed=8, slots=1)  # leaves a block half played
    assert same(play(env, seed=7), first)


def test_another_seed_gives_another_episode(make: Make) -> None:
    (first, _), _ = play(make(), seed=7)[0]
    (second, _), _ = play(make(), seed=8)[0]
    assert all(not np.array_equal(first[agent], second[agent]) for agent in first)


def test_without_a_seed_the_generator_of_the_first_seed_goes_on(make: Make) -> None:
    env, twin = make(), make()
    blocks = [play(env, seed=seed) for seed in (7, None, None)]
    assert not any(same(one, other) for one, other in combinations(blocks, 2))
    assert same([play(twin, seed=seed) for seed in (7, None, None)], blocks)


def test_environments_that_never_got_a_seed_differ(make: Make) -> None:
    assert not same(play(make(), seed=None), play(make(), seed=None))


def test_the_global_generators_are_neither_read_nor_set(make: Make) -> None:
    episodes = []
    for global_seed in (1, 2):
        random.seed(global_seed)
        np.random.seed(global_seed)  # noqa: NPY002 - the global generator is what this test is about
        # Drawing from a global generator would move it; setting it would differ from what stands here.
        before = random.getstate(), pickle.dumps(np.random.get_state())  # noqa: NPY002
        env = make()
        play(env, seed=None)
        episodes.append(play(env, seed=7))
        assert (random.getstate(), pickle.dumps(np.random.get_state())) == before  # noqa: NPY002
    assert same(*episodes)


def test_np_random_is_the_environments_own_generator() -> None:
    network = NETWORKS["equal users"]
    env, other, twin = (multicell_v0.parallel_env(**network) for _ in range(3))
    for each in (env, other, twin):
        each.reset(seed=7)
    assert isinstance(env.np_random, np.random.Generator)
    assert env.np_random is env.np_random
    assert env.np_random is not other.np_random
    env.np_random.random()
    moved, untouched, expected = (play(each, seed=None) for each in (env, other, twin))
    assert same(untouched, expected)
    assert not same(moved, expected)


def test_a_generator_given_to_np_random_is_the_one_that_draws_the_next_block() -> None:
    env, twin = (multicell_v0.parallel_env(**NETWORKS["equal users"]) for _ in range(2))
    for each in (env, twin):
        each.np_random = np.random.default_rng(5)
    assert same(play(env, seed=None), play(twin, seed=None))


def test_copies_of_one_environment_that_are_reset_with_different_seeds_differ(make: Make) -> None:
    env = make()
    env.reset(seed=1)  # a generator that the copies would share if they were shallow
    first, second = copy.deepcopy(env), copy.deepcopy(env)
    episodes = [play(each, seed=seed) for seed, each in enumerate((first, second, env))]
    assert not any(same(one, other) for one, other in combinations(episodes, 2))
    # Playing the others in between must not have touched the first.
    assert same(play(first, seed=0), episodes[0])


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"])
def test_a_clone_made_in_the_middle_of_an_episode_goes_on_identically_and_apart(make: Make, clone: Callable[[Any], Any]) -> None:
    env = make(num_slots=4)
    play(env, seed=6)
    play(env, seed=7, slots=2)
    twin = clone(env)
    assert twin.agents == env.agents
    assert same(twin.state(), env.state())
    ahead = play_on(twin, np.random.default_rng(3)) + play(twin, seed=None)
    assert same(play_on(env, np.random.default_rng(3)) + play(env, seed=None), ahead)


def test_a_copy_holds_one_block_however_many_were_played(make: Make) -> None:
    env = make()
    env.reset(seed=7)
    size = len(pickle.dumps(env))
    for _ in range(3):
        env.reset(seed=7)
    assert len(pickle.dumps(env)) == size


def test_a_clone_made_before_the_first_reset_plays_too(make: Make) -> None:
    assert same(play(pickle.loads(pickle.dumps(make())), seed=7), play(make(), seed=7))


def test_observations_and_state_stay_inside_their_spaces(make: Make) -> None:
    for act in (random_actions, thrifty_actions):
        env = make()
        for first, *rest in play(env, seed=3, act=act):
            for agent, observation in first[0].items():
                assert observation.dtype == np.float32
                assert env.observation_space(agent).contains(observation)
            assert rest[0].dtype == np.float32
            assert env.state_space.contains(rest[0])


@pytest.mark.parametrize("snr_db", [-10.0, 60.0])
@pytest.mark.parametrize("sir_db", [-10.0, 30.0, math.inf])
@pytest.mark.parametrize("num_iterations", [0, 5])
@pytest.mark.parametrize("observation", ["csi", "gain"])
def test_everything_is_finite_and_inside_its_space_at_the_ends_of_snr_and_sir(
    snr_db: float, sir_db: float, num_iterations: int, observation: Any
) -> None:
    env = multicell_v0.parallel_env(
        observation=observation, num_users=(3, 4, 1), num_slots=4, snr_db=snr_db, sir_db=sir_db, num_iterations=num_iterations
    )
    for act in (random_actions, thrifty_actions):
        reset, *steps = play(env, seed=5, act=act)
        assert all(np.all(np.isfinite(array)) for array in arrays_in([reset, steps]))
        for (observations, rewards, _, _, infos), state, _, _ in steps:
            assert all(env.observation_space(agent).contains(each) for agent, each in observations.items())
            assert env.state_space.contains(state)
            assert all(math.isfinite(reward) and reward >= 0 for reward in rewards.values())
            assert all(math.isfinite(info["sum_rate"]) and np.all(info["power"] >= 0) for info in infos.values())


def test_rewards_are_python_floats_and_flags_python_bools(make: Make) -> None:
    for (_, rewards, terminations, truncations, _), *_ in play(make())[1:]:
        assert {type(reward) for reward in rewards.values()} == {float}
        assert {type(flag) for flags in (terminations, truncations) for flag in flags.values()} == {bool}


def test_every_dictionary_has_exactly_the_agents_as_its_keys_in_their_order(make: Make) -> None:
    env = make()
    (reset, _), *steps = play(env)
    for given in (*reset, *(part for step, *_ in steps for part in step)):
        assert type(given) is dict
        # A "common" key, which PettingZoo allows, breaks frameworks that loop over infos.
        assert list(given) == env.possible_agents


def test_infos_have_the_same_numeric_keys_and_fixed_shapes_in_reset_and_step(make: Make) -> None:
    env = make()
    ((_, reset_infos), _), *steps = play(env)
    for agent in env.possible_agents:
        for infos in (reset_infos, *(step[4] for step, *_ in steps)):
            assert list(infos[agent]) == ["power", "sum_rate"]
            assert infos[agent]["power"].shape == env.action_space(agent).shape
            assert infos[agent]["power"].dtype == np.float64
            assert type(infos[agent]["sum_rate"]) is float
        assert not np.any(reset_infos[agent]["power"])  # nobody has transmitted yet
        assert reset_infos[agent]["sum_rate"] == 0.0


def test_no_array_is_shared_between_calls(make: Make) -> None:
    env = make()
    given: list[Any] = [env.reset(seed=0), env.reset(seed=0), env.state(), env.state(), env.hold(), env.hold()]
    actions = random_actions(env, np.random.default_rng(0))
    given.append(actions)
    while env.agents:
        given += [env.step(actions), env.state(), env.hold()]
    arrays = arrays_in(given)
    assert all(array.flags.writeable for array in arrays)
    assert not any(np.shares_memory(one, other) for one, other in combinations(arrays, 2))


def test_overwriting_what_was_returned_or_passed_changes_nothing_later(make: Make) -> None:
    env, vandalised = make(), make()
    expected = [*play(env, seed=7), play(env, seed=None, slots=1)]

    def wreck(*given: Any) -> None:
        for array in arrays_in(list(given)):
            array.fill(np.nan)
        for part in given:
            for each in part if isinstance(part, tuple) else [part]:
                if isinstance(each, dict):
                    for inner in each.values():
                        if isinstance(inner, dict):
                            inner.clear()
                    each.clear()

    def taken(given: Any) -> Any:
        """A copy of what was given, which is then wrecked before anything else is asked for."""
        kept = copy.deepcopy(given)
        wreck(given)
        return kept

    generator = np.random.default_rng(0)
    record = [(taken(vandalised.reset(seed=7)), taken(vandalised.state()))]
    while vandalised.agents:
        actions = random_actions(vandalised, generator)
        kept = copy.deepcopy(actions)
        step = taken(vandalised.step(actions))
        assert same(actions, kept)  # nor does the environment write into what it was passed
        wreck(actions)
        record.append((step, taken(vandalised.state()), taken(vandalised.hold()), list(vandalised.agents)))
    assert same([*record, play(vandalised, seed=None, slots=1)], expected)


def test_all_agents_truncate_together_after_the_last_slot_and_none_ever_terminates(make: Make) -> None:
    env = make()
    assert env.agents == []
    env.reset(seed=0)
    assert env.agents == env.possible_agents
    generator = np.random.default_rng(0)
    for slot in range(1, env.config.num_slots + 1):
        observations, rewards, terminations, truncations, infos = env.step(random_actions(env, generator))
        over = slot == env.config.num_slots
        assert list(truncations.values()) == [over] * env.config.num_cells
        assert list(terminations.values()) == [False] * env.config.num_cells
        assert env.agents == ([] if over else env.possible_agents)
        assert env.num_agents == len(env.agents)
    # The last slot's results are there for every agent, although no agent is left.
    assert all(set(given) == set(env.possible_agents) for given in (observations, rewards, infos))
    assert all(reward > 0 for reward in rewards.values())
    env.reset()
    assert env.agents == env.possible_agents
