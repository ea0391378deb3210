"""The form of the environment that frameworks rely on: names, spaces, attributes, class."""

import re

import numpy as np
from episodes import Make, play, same
from gymnasium.spaces import Box
from pettingzoo import ParallelEnv

from multicell_env import MulticellEnv, multicell_v0


def test_possible_agents_are_fixed_and_named_as_pettingzoo_recommends(make: Make) -> None:
    env = make()
    names = list(env.possible_agents)
    assert names == [f"bs_{cell}" for cell in range(env.config.num_cells)]
    assert all(re.fullmatch("[a-z]+_[0-9]+", name) for name in names)
    play(env)
    assert env.possible_agents == names
    assert env.max_num_agents == len(names)


def test_the_agent_list_is_a_copy_of_possible_agents(make: Make) -> None:
    env = make()
    env.reset(seed=0)
    env.agents.clear()
    assert len(env.possible_agents) == env.config.num_cells


def test_the_spaces_are_float32_boxes_of_the_documented_shapes(make: Make) -> None:
    env = make()
    config = env.config
    planes = 4 * config.num_antennas + 2 if env.observation == "csi" else 3
    assert list(env.observation_spaces) == list(env.action_spaces) == env.possible_agents
    for agent, num_users in zip(env.possible_agents, config.users_per_cell, strict=True):
        # Seeding a space works only where the same object comes back.
        assert env.observation_space(agent) is env.observation_spaces[agent]
        assert env.action_space(agent) is env.action_spaces[agent]
        assert env.action_space(agent) == Box(0.0, 1.0, (config.num_bands, int(num_users)), np.float32)
        space = env.observation_space(agent)
        assert isinstance(space, Box)
        assert (space.shape, space.dtype) == ((planes, config.num_bands, num_users), np.float32)
        assert space.is_bounded()
    assert isinstance(env.state_space, Box)
    assert env.state_space.shape == (config.num_cells, 3, config.num_bands, config.max_users)
    assert env.state_space.dtype == np.float32
    assert env.state_space.is_bounded()


def test_the_environment_has_the_attributes_that_frameworks_read() -> None:
    env = multicell_v0.parallel_env(render_mode="ansi", num_slots=7)
    assert env.render_mode == "ansi"
    assert multicell_v0.parallel_env().render_mode is None
    assert env.metadata["name"] == "multicell_v0"
    assert set(env.metadata["render_modes"]) == {"human", "ansi", "rgb_array"}
    assert env.metadata["render_fps"] > 0
    assert env.metadata["is_parallelizable"] is True
    assert env.max_cycles == 7
    assert env.unwrapped is env


def test_the_environment_inherits_parallel_env_directly() -> None:
    assert MulticellEnv.__bases__ == (ParallelEnv,)
    assert type(multicell_v0.parallel_env()) is MulticellEnv


def test_max_cycles_is_another_name_for_num_slots(make: Make) -> None:
    env = make(max_cycles=2, num_slots=2)
    assert len(play(env)) == 1 + 2
    assert same(play(env), play(make(num_slots=2)))
    assert multicell_v0.parallel_env(max_cycles=2).config.num_slots == 2


def test_overwriting_max_cycles_changes_nothing(make: Make) -> None:
    # parallel_api_test overwrites the attribute on every environment that it plays.
    env = make()
    for value in (1, 10_000, None):
        env.max_cycles = value
        assert same(play(env), play(make()))
