"""Ctrl-C in a step: what is computed ends first, and no block is played on from where it may be."""

import os
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.config_checks import LONGEST_STEP
from multicell_env.observation import Observer

pytestmark = pytest.mark.campaign
LONG = NetworkConfig(num_slots=3, num_iterations=150_000)
"""A block whose step takes some tenths of a second in one call, which nothing can divide."""


def single() -> Any:
    env = multicell_v0.parallel_env(LONG, observation="gain")
    env.reset(seed=0)
    return env


def batch(num_threads: int) -> Any:
    env = MulticellVectorEnv(num_threads, LONG, observation="gain", num_threads=num_threads, autoreset_mode="DISABLED")
    env.reset(seed=0)
    return env


ENVIRONMENTS = {"single": single, "a batch of one": lambda: batch(1), "a batch on two threads": lambda: batch(2)}


def step(env: Any, share: float) -> list[np.ndarray]:
    """Observations and rewards of a step."""
    if isinstance(env, MulticellVectorEnv):
        return list(env.step(np.full(env.action_space.shape, share, np.float32))[:2])
    seen, paid, *_ = env.step({agent: np.full(env.action_space(agent).shape, share, np.float32) for agent in env.possible_agents})
    return [np.stack(list(seen.values())), np.array(list(paid.values()))]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_ctrl_c_in_the_one_call_of_a_step_is_heard_at_its_end_and_asks_for_a_reset(name: str) -> None:
    env, again = ENVIRONMENTS[name](), ENVIRONMENTS[name]()
    since = time.monotonic()
    expected = step(again, 0.1)
    seconds = time.monotonic() - since
    timer = threading.Timer(0.2 * seconds, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        step(env, 0.1)
    timer.join()
    with pytest.raises(RuntimeError, match=r"call reset\(\)"):
        step(env, 0.1)
    env.reset(seed=0)
    for one, other in zip(step(env, 0.1), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("mode", ["SAME_STEP", "NEXT_STEP", "DISABLED", None])
@pytest.mark.parametrize("network", [{}, {"channel_model": "redraw"}, {"measurement_error_db": 2.0, "num_iterations": 0}])
def test_an_interruption_after_the_slot_leaves_no_block_between_two(mode: Any, network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        settings = {"observation": "gain", "num_slots": 3, **network}
        return multicell_v0.parallel_env(**settings) if mode is None else MulticellVectorEnv(2, autoreset_mode=mode, **settings)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    for steps in range(3):
        env, again = make(), make()
        env.reset(seed=0)
        for _ in range(steps):
            step(env, 0.1)
        with monkeypatch.context() as patch:
            patch.setattr(Observer, "after_round", interrupted)
            with pytest.raises(KeyboardInterrupt):
                step(env, 0.1)
        with pytest.raises(RuntimeError, match=r"call reset\(\)"):
            step(env, 0.1)
        for one in (env, again):
            one.reset(seed=5)
        for one, other in zip(step(env, 0.1), step(again, 0.1), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_step_that_would_take_minutes_in_one_call_is_refused() -> None:
    sizes: dict[str, int] = {"num_cells": 50, "num_users": 16, "num_antennas": 32}
    most = next(k for k in range(10**6, 0, -1) if 50 * 49 * 6 * 16**2 * k <= LONGEST_STEP)
    assert NetworkConfig(**sizes, num_iterations=most).num_iterations == most
    with pytest.raises(ValueError, match=f"num_iterations must be at most {most} on this network.*Ctrl-C"):
        NetworkConfig(**sizes, num_iterations=most + 1)
