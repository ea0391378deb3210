"""PettingZoo's own tests, which others wrote, and its registry."""

import warnings
from typing import Any

import numpy as np
import pettingzoo
import pytest
from pettingzoo.utils import aec_to_parallel
from pettingzoo.utils.conversions import aec_to_parallel_wrapper
from pettingzoo.utils.env import AECEnv, ParallelEnv

from multicell_env import MulticellEnv, multicell_v0

with warnings.catch_warnings():
    # PettingZoo's tests import its connect_four, which warns that it is made in an old way. Nothing of ours.
    warnings.filterwarnings("ignore", "The old environment creation API", DeprecationWarning)
    from pettingzoo.test import (
        api_test,
        max_cycles_test,
        parallel_api_test,
        parallel_seed_test,
        render_test,
        seed_test,
        state_test,
    )

NETWORKS: dict[str, dict[str, Any]] = {
    "equal users": {"num_users": 4},
    "unequal users": {"num_users": (2, 4, 1)},
    "no negotiation": {"num_users": 4, "num_iterations": 0},
    "one cell": {"num_users": 2, "num_cells": 1},
    "damping in action": {"num_users": 4, "damping_in_action": True},
    "a schedule": {"num_users": 6, "schedule": "round-robin"},
}

# Cells may have different numbers of users, so their agents have spaces of different sizes.
different_spaces_are_meant = [
    pytest.mark.filterwarnings("ignore:Agents have different observation space sizes:UserWarning"),
    pytest.mark.filterwarnings("ignore:Observations are different shapes:UserWarning"),
]
# A cell with one user has observations [plane, band, 1], which PettingZoo takes for a grey picture. They hold logarithms.
one_user_is_no_picture = pytest.mark.filterwarnings("ignore:The observation contains negative numbers:UserWarning")
# The global state is [cell, plane, band, user].
state_has_four_axes = pytest.mark.filterwarnings("ignore:State has more than 3 dimensions:UserWarning")
# The environment says so where there is no screen; test_rendering.py holds that it does.
no_screen_here = pytest.mark.filterwarnings("ignore:render_mode='human' needs a screen:UserWarning")


@pytest.fixture(
    params=[
        pytest.param(network, id=name, marks=[*different_spaces_are_meant, one_user_is_no_picture] if name == "unequal users" else [])
        for name, network in NETWORKS.items()
    ]
)
def network(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"num_antennas": 4, "num_bands": 4, "num_slots": 6, **request.param}


@pytest.fixture(params=["csi", "gain"])
def arguments(request: pytest.FixtureRequest, network: dict[str, Any]) -> dict[str, Any]:
    return {"observation": request.param, **network}


class Constructors:
    """What PettingZoo's tests expect of an environment's module, with our arguments filled in."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments

    def parallel_env(self, **more: Any) -> MulticellEnv:
        """The parallel API."""
        return multicell_v0.parallel_env(**{**self.arguments, **more})

    def env(self, **more: Any) -> AECEnv:
        """The agent-environment-cycle API."""
        return multicell_v0.env(**{**self.arguments, **more})


def test_pettingzoos_parallel_api_test_passes(arguments: dict[str, Any]) -> None:
    env = multicell_v0.parallel_env(**arguments)
    parallel_api_test(env, num_cycles=20)
    assert env.agents == []  # 20 cycles reach past the end of the block


def test_pettingzoos_api_test_passes_on_the_aec_view(arguments: dict[str, Any]) -> None:
    api_test(multicell_v0.env(**arguments), num_cycles=20)


def test_pettingzoos_api_test_passes_on_the_raw_aec_view(arguments: dict[str, Any]) -> None:
    api_test(multicell_v0.raw_env(**arguments), num_cycles=20)


def test_pettingzoos_parallel_api_test_passes_on_the_aec_view_turned_parallel_again(arguments: dict[str, Any]) -> None:
    # aec_to_parallel would hand back the environment itself where it can; the conversion must hold too.
    for convert in (aec_to_parallel, aec_to_parallel_wrapper):
        env = convert(multicell_v0.env(**arguments))
        parallel_api_test(env, num_cycles=20)
        assert env.agents == []


def test_the_aec_view_turned_parallel_again_plays_the_same_episode(arguments: dict[str, Any]) -> None:
    direct = multicell_v0.parallel_env(**arguments)
    converted = aec_to_parallel_wrapper(multicell_v0.env(**arguments))
    first, second = direct.reset(seed=3)[0], converted.reset(seed=3)[0]
    generator = np.random.default_rng(0)
    for slot in range(6):
        for agent in direct.possible_agents:
            np.testing.assert_array_equal(first[agent], second[agent])
        actions = {agent: generator.random(space.shape) for agent, space in direct.action_spaces.items()}
        first, rewards, _, truncations, _ = direct.step(actions)
        second, converted_rewards, _, converted_truncations, _ = converted.step(actions)
        assert dict(converted_rewards) == rewards
        assert converted_truncations == truncations == dict.fromkeys(direct.possible_agents, slot == 5)


def test_pettingzoos_seed_tests_pass(arguments: dict[str, Any]) -> None:
    constructors = Constructors(arguments)
    seed_test(constructors.env, num_cycles=20)
    parallel_seed_test(constructors.parallel_env, num_cycles=20)


@state_has_four_axes
def test_pettingzoos_state_test_passes(arguments: dict[str, Any]) -> None:
    state_test(multicell_v0.env(**arguments), multicell_v0.parallel_env(**arguments), num_cycles=20)


def test_pettingzoos_max_cycles_test_passes(arguments: dict[str, Any]) -> None:
    del arguments["num_slots"]  # the test gives max_cycles
    max_cycles_test(Constructors(arguments))


@no_screen_here
@pytest.mark.parametrize(("observation", "num_users"), [("csi", 4), ("gain", (2, 4, 1))])
def test_pettingzoos_render_test_passes(observation: str, num_users: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for screen in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(screen, raising=False)  # a test that opens windows disturbs whoever runs it
    render_test(Constructors({"observation": observation, "num_users": num_users, "num_bands": 3}).env)


if hasattr(pettingzoo, "make"):  # PettingZoo has a registry from 1.26 on

    def test_pettingzoos_registry_makes_the_parallel_environment() -> None:
        env = pettingzoo.make("parallel", "multicell-v0", num_cells=2, observation="gain", render_mode="ansi")
        assert isinstance(env, ParallelEnv)
        assert isinstance(env, MulticellEnv)
        assert (env.config.num_cells, env.observation, env.render_mode) == (2, "gain", "ansi")
        parallel_api_test(env, num_cycles=20)

    def test_pettingzoos_registry_makes_the_aec_environment() -> None:
        env = pettingzoo.make("aec", "multicell-v0", num_cells=2, observation="gain")
        assert isinstance(env, AECEnv)
        assert isinstance(env.unwrapped, MulticellEnv)
        api_test(env, num_cycles=20)

    @pytest.mark.parametrize("api", ["parallel", "aec"])
    def test_pettingzoos_registry_passes_max_cycles_on(api: Any) -> None:
        assert pettingzoo.make(api, "multicell-v0", max_cycles=4).unwrapped.config.num_slots == 4
