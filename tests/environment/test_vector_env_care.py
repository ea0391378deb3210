"""What users do to a batch that a tidy loop does not: masks, seeds of every kind, copies, threads, forks."""

import os
import pickle
import sys
import threading
from types import FrameType
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from multicell_env import MulticellVectorEnv


def test_a_masked_reset_leaves_the_other_generators_alone() -> None:
    env, other = (MulticellVectorEnv(3, observation="gain") for _ in range(2))
    for each in (env, other):
        each.reset(seed=1)
    env.reset(seed=9, options={"reset_mask": np.array([False, True, False])})
    after, untouched = env.reset()[0], other.reset()[0]
    assert np.array_equal(after[[0, 2]], untouched[[0, 2]])
    assert not np.array_equal(after[1], untouched[1])


def test_environments_outside_of_the_first_mask_have_their_seeds_all_the_same() -> None:
    env = MulticellVectorEnv(2, observation="gain")
    env.reset(seed=5, options={"reset_mask": np.array([True, False])})
    with pytest.raises(RuntimeError, match="reset"):
        env.state()
    assert np.array_equal(env.reset(options={"reset_mask": np.array([False, True])})[0][1], env_of_one(6))


def env_of_one(seed: int, observation: Any = "gain") -> np.ndarray:
    return MulticellVectorEnv(1, observation=observation).reset(seed=seed)[0][0]


@pytest.mark.parametrize("observation", ["csi", "gain"])
def test_more_blocks_than_are_drawn_at_once_and_some_of_them_anew(observation: Any) -> None:
    env = MulticellVectorEnv(20, observation=observation, num_slots=3)
    seen, _ = env.reset(seed=0)
    for i in (0, 15, 16, 19):
        assert np.array_equal(seen[i], env_of_one(i, observation))
    mask = np.arange(20) == 18
    again, _ = env.reset(seed=[77] * 20, options={"reset_mask": mask})
    assert np.array_equal(again[18], env_of_one(77, observation))
    assert np.array_equal(again[~mask], seen[~mask])


def test_a_masked_reset_forgets_the_rates_of_the_new_blocks_alone() -> None:
    env = MulticellVectorEnv(2, observation="gain")
    env.reset(seed=0)
    _, rewards, _, _, infos = env.step(np.full(env.action_space.shape, 0.1, np.float32))
    expected = rewards[1].copy()
    rewards[:], infos["sum_rate"][:] = -1.0, -1.0  # nobody's business but the receiver's
    _, infos = env.reset(options={"reset_mask": np.array([True, False])})
    assert not infos["sum_rate"][0].any()
    assert np.array_equal(infos["sum_rate"][1], expected)


def test_every_array_is_one_of_its_own() -> None:
    env = MulticellVectorEnv(2, observation="gain", num_slots=1)
    env.reset(seed=0)
    _, rewards, _, over, infos = env.step(np.full(env.action_space.shape, 0.1, np.float32))
    assert not np.shares_memory(rewards, infos["sum_rate"])
    assert not np.shares_memory(over, infos["_final_obs"])
    face = env.as_dicts()
    face.reset(seed=0)
    *_, truncations, by_agent = face.step({agent: np.full((2, *space.shape), 0.1) for agent, space in face.action_spaces.items()})
    assert not np.shares_memory(truncations["bs_0"], truncations["bs_1"])
    assert not np.shares_memory(by_agent["bs_0"]["_final_obs"], by_agent["bs_1"]["_final_obs"])
    face.agents.clear()
    assert env.possible_agents == ["bs_0", "bs_1", "bs_2"]


def test_a_copy_of_threaded_environments_plays_on() -> None:
    env = MulticellVectorEnv(3, observation="gain", num_slots=3, num_threads=2)
    env.reset(seed=0)
    actions = np.full(env.action_space.shape, 0.1, np.float32)
    env.step(actions)
    copy = pickle.loads(pickle.dumps(env))
    for _ in range(4):
        for own, others in zip(env.step(actions)[:4], copy.step(actions)[:4], strict=True):
            assert np.array_equal(own, others)


def helpers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("multicell_env.kernels.threads")}


def test_closing_stops_the_threads_and_a_later_step_starts_them_again() -> None:
    before = helpers()
    env = MulticellVectorEnv(4, observation="gain", num_threads=3)
    env.reset(seed=0)
    assert len(helpers() - before) == 2
    env.close()
    assert helpers() <= before
    env.step(np.full(env.action_space.shape, 0.1, np.float32))
    assert len(helpers() - before) == 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_makes_threads_of_its_own() -> None:
    env = MulticellVectorEnv(4, observation="gain", num_threads=2)
    env.reset(seed=0)
    actions = np.full(env.action_space.shape, 0.1, np.float32)
    env.step(actions)
    child = os.fork()
    if child == 0:
        threading.Timer(60, os._exit, [1]).start()  # a pool without its threads would wait for ever
        env.step(actions)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_seeds_of_any_integer_kind_are_the_same_seeds() -> None:
    env = MulticellVectorEnv(2, observation="gain")
    expected, _ = env.reset(seed=[3, 4])
    for seed in (3, np.int64(3), np.array([3, 4]), (3, np.uint32(4))):
        assert np.array_equal(env.reset(seed=seed)[0], expected)
    for wrong in (1.5, "7", [1.0, 2.0]):
        with pytest.raises(ValueError, match="whole number"):
            env.reset(seed=wrong)


def test_one_negative_seed_leaves_all_generators_as_they_were() -> None:
    env, other = (MulticellVectorEnv(3, observation="gain") for _ in range(2))
    env.reset(seed=0), other.reset(seed=0)
    with pytest.raises(ValueError, match=r"seed must be a whole number of at least 0, or None; got -2"):
        env.reset(seed=[5, -2, 3])
    assert np.array_equal(env.reset()[0], other.reset()[0])


def test_dicts_of_actions_that_are_none_are_refused() -> None:
    env = MulticellVectorEnv(2, observation="gain").as_dicts()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"one entry for each of .*; got None"):
        env.step(None)  # pyright: ignore[reportArgumentType]


def test_options_that_a_batch_does_not_know_are_refused_where_silence_would_mislead() -> None:
    env = MulticellVectorEnv(2)
    with pytest.raises(ValueError, match="channels"):
        env.reset(options={"channels": np.zeros(3)})
    with pytest.raises(ValueError, match="mapping"):
        env.reset(options=[1])  # type: ignore[arg-type]
    env.reset(options={"anything else": 1})


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.DISABLED])
def test_a_reset_that_ctrl_c_ends_at_any_line_can_be_played_on_or_done_again(mode: AutoresetMode) -> None:
    actions = np.full((3, 3, 6, 4), 0.2, np.float32)

    def played(line: int) -> tuple[int, bool]:
        """How many lines `_begin` came to in a second reset, and whether it was interrupted before the given one."""
        env = MulticellVectorEnv(3, observation="gain", autoreset_mode=mode, num_slots=4)
        env.reset(seed=0)
        env.step(actions)
        count = 0

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal count
            if frame.f_code is not MulticellVectorEnv._begin.__code__:
                return None if event == "call" else trace
            if event == "line":
                count += 1
                if count == line:
                    raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            env.reset()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        interrupted = count == line
        steps = [env.step(actions) for _ in range(3)]
        if not steps[-1][3].any():  # the new blocks have a slot more than what was left of the old ones
            steps.append(env.step(actions))
        for _, _, _, over, infos in steps:
            assert over.tolist() == [over is steps[-1][3]] * 3
            assert ("final_obs" in infos) == (over[0] and mode == AutoresetMode.SAME_STEP)
        return count, interrupted

    lines, _ = played(0)
    assert lines > 2
    for line in range(1, lines + 1):
        assert played(line)[1]


def test_a_state_is_there_exactly_where_a_block_has_begun() -> None:
    env = MulticellVectorEnv(3, observation="gain", autoreset_mode=AutoresetMode.DISABLED, num_slots=1)
    env.reset(seed=0, options={"reset_mask": np.array([True, False, True])})
    with pytest.raises(RuntimeError, match="reset"):
        env.state()
    env.reset(seed=0, options={"reset_mask": np.array([False, True, False])})
    env.step(np.full((3, 3, 6, 4), 0.2, np.float32))
    assert env.state().shape == (3, 3, 3, 6, 4)  # after the last slot, too
