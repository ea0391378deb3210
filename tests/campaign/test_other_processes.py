"""Forked and spawned processes: what was begun goes on there, and what is made there is the same, without waiting for ever."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agents import TD3MixConfig, Training, TrainingConfig
from multicell_env import MulticellVectorEnv, multicell_v0

pytestmark = [pytest.mark.campaign, pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")]
PATIENCE = 120.0
"""Seconds after which a process hangs."""
Begun = dict[str, Any]


def begun() -> Begun:
    """Environments in the middle of their blocks: one, and many on three threads that have worked."""
    single = multicell_v0.parallel_env(observation="gain", num_slots=4)
    batch = MulticellVectorEnv(6, observation="gain", num_slots=4, num_threads=3)
    for env in (single, batch):
        env.reset(seed=3)
        _play(env, 1)
    return {"single": single, "batch": batch}


def _play(env: Any, steps: int) -> list[np.ndarray]:
    """Whole observations and rewards of some steps."""
    seen = []
    for _ in range(steps):
        if isinstance(env, MulticellVectorEnv):
            observations, rewards, *_ = env.step(np.full(env.action_space.shape, 0.1, np.float32))
            seen += [observations, rewards]
            continue
        if not env.agents:
            env.reset()
        by_agent, paid, *_ = env.step({agent: np.full(env.action_space(agent).shape, 0.1, np.float32) for agent in env.agents})
        seen += [np.stack(list(by_agent.values())), np.array(list(paid.values()))]
    return seen


def learner() -> Training:
    """A small run."""
    length = TrainingConfig(num_steps=100, num_envs=2, warmup_steps=4, buffer_size=64)
    return Training(lambda: multicell_v0.parallel_env(observation="gain"), TD3MixConfig(hidden_sizes=(8,), batch_size=8), length, seed=1)


def learned(run: Training, steps: int) -> list[np.ndarray]:
    """The actor's weights after some steps more."""
    for _ in range(steps):
        run.step()
    return [weights.detach().numpy().copy() for weights in run.actor.parameters()]


def outcome(given: Begun, learns: bool) -> list[np.ndarray]:
    """What environments that were handed over do next, and what is made, and perhaps learned, from seeds."""
    handed = [*_play(given["single"], 6), *_play(given["batch"], 6)]
    made = [part for env in begun().values() for part in _play(env, 6)]
    return [*handed, *made, *(learned(learner(), 3) if learns else [])]


def answer(send: Any, work: Callable[..., list[np.ndarray]], *arguments: Any) -> None:
    """What the other process does."""
    send.send(work(*arguments))
    send.close()


def elsewhere(method: str, work: Callable[..., list[np.ndarray]], *arguments: Any) -> list[np.ndarray]:
    """The result of work in another process; one that hangs is ended, and fails."""
    context: Any = multiprocessing.get_context(method)
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=answer, args=(send, work, *arguments), daemon=True)
    process.start()
    send.close()
    try:
        assert receive.poll(PATIENCE), "the process hangs"
        return receive.recv()
    finally:
        process.kill()
        process.join()
        receive.close()


def assert_same(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


ASKED = ("fork", "spawn", "forkserver") if int(os.environ.get("CAMPAIGN_SIZE", "1")) > 1 else ("fork", "spawn")
"""A fork server's processes import everything anew as spawned ones do, which takes as long once more."""
METHODS = [method for method in ASKED if method in multiprocessing.get_all_start_methods()]


@pytest.mark.parametrize("method", METHODS)
def test_environments_and_learners_are_the_same_in_another_process(method: str) -> None:
    given, learns = begun(), method != "fork"  # torch hangs in the fork of a process that has used its threads
    found = elsewhere(method, outcome, given, learns)
    assert_same(found, outcome(given, learns))  # here, and after the other process was begun
    given["batch"].close()


@pytest.mark.skipif("fork" not in METHODS, reason="needs fork")
def test_a_process_forked_while_threads_play_goes_on_by_itself() -> None:
    env = MulticellVectorEnv(64, observation="gain", num_threads=3, num_iterations=200)
    env.reset(seed=0)
    ends, plays = threading.Event(), threading.Thread(target=lambda: [_play(env, 1) for _ in iter(ends.is_set, True)])
    plays.start()
    try:
        time.sleep(0.05)
        for _ in range(3):
            found = elsewhere("fork", _fresh)
            assert_same(found, _fresh())
    finally:
        ends.set()
        plays.join()
        env.close()


def _fresh() -> list[np.ndarray]:
    env = MulticellVectorEnv(4, observation="gain", num_threads=3)
    env.reset(seed=7)
    seen = _play(env, 3)
    env.close()
    return seen
