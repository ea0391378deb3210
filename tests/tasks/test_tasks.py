"""Tasks: every id makes single and vector environments that keep the contract and play the same blocks."""

import pickle
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pettingzoo
import pytest
from gymnasium.vector import AutoresetMode
from pettingzoo.utils.env import AECEnv

import multicell_env
from multicell_env import MulticellEnv, NetworkConfig, multicell_v0
from multicell_env.scenarios import SCENARIOS, draw_networks
from multicell_env.streams import FIRST_SEED
from multicell_env.tasks import TASKS, make_aec, task_named
from multicell_env.tasks.task import RULES, networks_of_test

with warnings.catch_warnings():
    # PettingZoo's tests import its connect_four, which warns that it is made in an old way. Nothing of ours.
    warnings.filterwarnings("ignore", "The old environment creation API", DeprecationWarning)
    from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test

SEVERAL = "irregular-7-v0"
WARNINGS = ["Agents have different observation space sizes", "Observations are different shapes"]
unequal_cells_are_meant = [pytest.mark.filterwarnings(f"ignore:{words}:UserWarning") for words in WARNINGS]
tasks = pytest.mark.parametrize("name", [pytest.param(name, marks=unequal_cells_are_meant if "load" in name else []) for name in TASKS])


def random_actions(env: Any, generator: np.random.Generator) -> np.ndarray:
    return generator.random(env.action_space.shape, dtype=np.float32)


def by_agent(env: MulticellEnv, action: np.ndarray) -> dict[str, np.ndarray]:
    users = env.config.users_per_cell
    return {agent: action[cell, :, : users[cell]] for cell, agent in enumerate(env.possible_agents)}


@tasks
def test_the_single_environment_of_a_task_passes_pettingzoos_tests(name: str) -> None:
    env = multicell_env.make(name)
    parallel_api_test(env, num_cycles=12)
    parallel_seed_test(lambda: multicell_env.make(name), num_cycles=3)
    api_test(make_aec(name), num_cycles=3)
    assert env.metadata["name"] == "multicell_v0"


@tasks
def test_environment_i_of_a_tasks_vector_is_its_single_one_bit_for_bit(name: str) -> None:
    seeds = [3, FIRST_SEED, 3 + 64, 5]
    vector = multicell_env.make_vec(name, len(seeds))
    singles = [multicell_env.make(name) for _ in seeds]
    observations, _ = vector.reset(seed=seeds)
    expected = [env.reset(seed=seed)[0] for env, seed in zip(singles, seeds, strict=True)]
    generator = np.random.default_rng(0)
    for _ in range(vector.config.num_slots + 2):  # through an automatic reset
        assert observations.shape == vector.observation_space.shape
        for own, env, planes in zip(observations, singles, expected, strict=True):
            for cell, agent in enumerate(env.possible_agents):
                np.testing.assert_array_equal(own[cell, ..., : env.config.users_per_cell[cell]], planes[agent])
                assert env.observation_space(agent).contains(planes[agent])
        actions = random_actions(vector, generator)
        observations, rewards, _, truncations, infos = vector.step(actions)
        expected = []
        for i, env in enumerate(singles):
            planes, paid, _, over, own = env.step(by_agent(env, actions[i]))
            assert list(paid.values()) == rewards[i].astype(float).tolist()
            assert over["bs_0"] == truncations[i]
            np.testing.assert_array_equal(infos["power"][i, 0, :, : env.config.users_per_cell[0]], own["bs_0"]["power"])
            expected.append(env.reset()[0] if over["bs_0"] else planes)
        assert infos.keys() >= ({"final_obs", "_final_obs"} if truncations.any() else {"sum_rate"})
    vector.close()


@tasks
def test_all_networks_of_a_task_have_the_same_spaces(name: str) -> None:
    task, env = TASKS[name], multicell_env.make(name)
    for seed in (0, 1, 63, 64, FIRST_SEED, FIRST_SEED + 1):
        other = multicell_v0.parallel_env(task.network_of(seed), observation="gain")
        assert (other.observation_spaces, other.action_spaces) == (env.observation_spaces, env.action_spaces)
        assert (other.state_space, other.config.num_slots) == (env.state_space, env.config.num_slots)


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.scenario])
def test_test_networks_are_those_of_the_scenario_and_none_of_the_others(name: str) -> None:
    task = TASKS[name]
    expected = draw_networks(SCENARIOS[task.scenario], task.num_test_blocks, FIRST_SEED)
    assert networks_of_test(task) == expected
    trained = {task.network_of(seed) for seed in range(70)}
    assert len(trained) == 64
    assert trained.isdisjoint(expected)


def test_a_task_plays_the_block_of_its_network_and_seed() -> None:
    for seed in (2, FIRST_SEED + 4):
        env, plain = multicell_env.make(SEVERAL), multicell_v0.parallel_env(TASKS[SEVERAL].network_of(seed), observation="gain")
        env.reset(seed=9)
        for agent, planes in env.reset(seed=seed)[0].items():
            np.testing.assert_array_equal(planes, plain.reset(seed=seed)[0][agent])


def test_a_block_without_a_seed_stays_on_its_network() -> None:
    env = multicell_env.make(SEVERAL)
    first = env.reset(seed=1)[0]["bs_0"]
    env.reset(seed=2)
    env.reset(seed=1)
    second = env.reset()[0]["bs_0"]
    assert env.config == TASKS[SEVERAL].network_of(1)
    plain = multicell_v0.parallel_env(env.config, observation="gain")
    np.testing.assert_array_equal(first, plain.reset(seed=1)[0]["bs_0"])
    np.testing.assert_array_equal(second, plain.reset()[0]["bs_0"])
    assert env.state_space.contains(env.state())


def test_a_reset_that_is_refused_changes_nothing() -> None:
    env, untouched = multicell_env.make(SEVERAL), multicell_env.make(SEVERAL)
    for one in (env, untouched):
        one.reset(seed=1)
    with pytest.raises(ValueError, match="shape"):
        env.reset(seed=2, options={"channels": np.zeros(3)})
    assert env.config == untouched.config
    np.testing.assert_array_equal(env.reset()[0]["bs_0"], untouched.reset()[0]["bs_0"])


def test_a_copy_of_a_tasks_environment_goes_on_as_it_does() -> None:
    env = multicell_env.make(SEVERAL)
    env.reset(seed=1)
    again = pickle.loads(pickle.dumps(env))
    for seed in (None, 7):
        np.testing.assert_array_equal(env.reset(seed=seed)[0]["bs_3"], again.reset(seed=seed)[0]["bs_3"])


def test_a_mask_resets_some_environments_on_their_networks() -> None:
    vector = multicell_env.make_vec(SEVERAL, 3, autoreset_mode=AutoresetMode.DISABLED)
    before, _ = vector.reset(seed=10)
    mask = np.array([False, True, False])
    after, _ = vector.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal((after != before).any(axis=(1, 2, 3, 4)), mask)
    again, _ = vector.reset(seed=11, options={"reset_mask": np.array([True, True, True])})
    np.testing.assert_array_equal(again[0], before[1])
    with pytest.raises(ValueError, match=r"must stay on their networks; got others for \[1\]"):
        vector.reset(seed=[None, 40, None], options={"reset_mask": mask})


def test_a_vector_refuses_what_it_cannot_play_and_shows_dicts() -> None:
    vector = multicell_env.make_vec(SEVERAL, 2, num_threads=2)
    actions = random_actions(vector, np.random.default_rng(0))
    with pytest.raises(RuntimeError, match="call reset"):
        vector.step(actions)
    vector.reset(seed=0)
    with pytest.raises(ValueError, match=r"must be finite real numbers .* of shape \(2, 7, 6, 4\)"):
        vector.step(actions[0])
    actions[1, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        vector.step(actions)
    assert vector.state().shape == (*vector.hold().shape[:2], 3, 6, 4)
    observations, _ = vector.as_dicts().reset(seed=0)
    assert observations["bs_6"].shape == (2, 3, 6, 4)
    vector.close()


def test_a_player_chooses_the_rules_and_the_task_the_network() -> None:
    env = multicell_env.make(SEVERAL, observation="price", action="price", rounds_per_slot=5, num_iterations=1, negotiation="pricing")
    env.reset(seed=3)
    rules = {"action": "price", "rounds_per_slot": 5, "num_iterations": 1, "negotiation": "pricing"}
    assert env.config == replace(TASKS[SEVERAL].network_of(3), **rules)
    with pytest.raises(ValueError, match=r"a task fixes its networks; got num_bands = 3 beside it"):
        multicell_env.make(SEVERAL, num_bands=3)
    with pytest.raises(TypeError, match=r"no argument 'rewards'; did you mean 'reward'\? A task takes"):
        multicell_env.make_vec(SEVERAL, 2, rewards="cell")
    assert set(RULES) < set(vars(NetworkConfig()))


def test_an_unknown_task_is_told_its_neighbour() -> None:
    with pytest.raises(ValueError, match=r"a task must be one of paper-8x4-v0, .*; got 'iregular-7-v0'\. Did you mean irregular-7-v0\?"):
        task_named("iregular-7-v0")


if hasattr(pettingzoo, "make"):  # PettingZoo has a registry from 1.26 on

    def test_pettingzoos_registry_makes_tasks() -> None:
        env = pettingzoo.make("parallel", "multicell/asymmetric-v0", render_mode="ansi")
        assert isinstance(env, MulticellEnv)
        assert (env.config, env.render_mode) == (TASKS["asymmetric-v0"].network_of(0), "ansi")
        assert isinstance(pettingzoo.make("aec", "multicell/asymmetric-v0"), AECEnv)


def test_the_page_of_the_tasks_has_a_row_for_each_with_its_sizes() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text()
    rows = re.findall(r"(?m)^\| \[`(\S+)`\]\(tasks/(\S+)\.md\) \| (.*) \| (\d+) \| (\d+) \| ([\d, ]+) \| (\d+) \| (\d+) \| (\d+) \|$", page)
    for row, (name, task) in zip(rows, TASKS.items(), strict=True):
        network = task.network_of(0)
        users = network.num_users if isinstance(network.num_users, tuple) else [network.num_users]
        sizes = [network.num_cells, network.num_antennas, ", ".join(map(str, users)), network.num_bands]
        networks = len({task.network_of(seed) for seed in range(200)})
        assert row == (name, name, task.summary, *map(str, sizes), str(networks), str(task.num_test_blocks))
    assert sum(rule in page for rule in RULES) == len(RULES)
