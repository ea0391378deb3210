"""When the next block begins: in the same step, in the next one, or when it is asked for."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector as wrappers

from multicell_env import MulticellVectorEnv, multicell_v0
from multicell_env.adapters import row_env

NETWORKS = {
    "drawn": {},
    "errors": {"measurement_error_db": 2.0, "num_iterations": 0},
    "moving": {"channel_model": "redraw"},
    "rounds": {"rounds_per_slot": 2},
    "one slot": {"num_slots": 1},
}


@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_mode_may_be_given_by_its_name_or_its_value(mode):
    for word in (mode, mode.name, mode.value):
        assert MulticellVectorEnv(1, observation="gain", autoreset_mode=word).metadata["autoreset_mode"] is mode


@pytest.mark.parametrize("network", NETWORKS)
def test_next_step_begins_a_block_in_the_step_after_one_that_ended(network):
    settings = {"observation": "gain", "num_slots": 3, **NETWORKS[network]}
    env = MulticellVectorEnv(2, autoreset_mode="NEXT_STEP", **settings)
    singles = [multicell_v0.parallel_env(**settings) for _ in range(2)]
    seen, _ = env.reset(seed=4)
    for row, single in enumerate(singles):
        single.reset(seed=4 + row)
    env.reset(seed=9, options={"reset_mask": np.array([False, False])})  # nobody begins anew
    generator = np.random.default_rng(0)
    for _ in range(9):
        actions = generator.random(env.action_space.shape, np.float32)
        seen, rewards, terminations, truncations, infos = env.step(actions)
        assert not terminations.any()
        for row, single in enumerate(singles):
            if single.agents:
                expected, paid, _, over, about = single.step(dict(zip(single.possible_agents, actions[row], strict=True)))
                assert list(paid.values()) == rewards[row].tolist()
                assert truncations[row] == all(over.values())
                assert [info["sum_rate"] for info in about.values()] == infos["sum_rate"][row].tolist()
            else:
                expected, about = single.reset()
                assert not rewards[row].any()
                assert not truncations[row]
                assert not infos["sum_rate"][row].any()
            np.testing.assert_array_equal(np.stack(list(expected.values())), seen[row])
            np.testing.assert_array_equal(np.stack([info["power"] for info in about.values()]), infos["power"][row])


def test_blocks_that_are_out_of_step_begin_each_after_its_own_end():
    env = MulticellVectorEnv(2, observation="gain", num_slots=3, autoreset_mode="NEXT_STEP")
    env.reset(seed=0)
    actions = np.full(env.action_space.shape, 0.1, np.float32)
    env.step(actions)
    env.reset(options={"reset_mask": np.array([False, True])})
    ends = [env.step(actions)[3].tolist() for _ in range(8)]
    assert ends == [
        [False, False],
        [True, False],
        [False, True],
        [False, False],
        [False, False],
        [True, False],
        [False, True],
        [False, False],
    ]


def test_before_the_first_reset_no_mode_plays():
    for mode in AutoresetMode:
        env = MulticellVectorEnv(1, observation="gain", autoreset_mode=mode)
        with pytest.raises(RuntimeError, match="call reset"):
            env.step(np.zeros(env.action_space.shape, np.float32))


WRAPPERS = {
    "NormalizeObservation": (wrappers.NormalizeObservation, "NEXT_STEP"),
    "TransformObservation": (lambda env: wrappers.TransformObservation(env, lambda seen: seen), "NEXT_STEP"),
    "ClipAction": (wrappers.ClipAction, "SAME_STEP"),
    "FlattenObservation": (wrappers.FlattenObservation, "NEXT_STEP"),
    "DtypeObservation": (lambda env: wrappers.DtypeObservation(env, np.float64), "NEXT_STEP"),
}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")  # Gymnasium's, of its own bounds
@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_of_observations_and_actions_goes_on_the_batch_in_its_mode(name):
    wrap, mode = WRAPPERS[name]
    env = wrap(MulticellVectorEnv(2, observation="gain", num_slots=2, autoreset_mode=mode))
    env.reset(seed=0)
    for _ in range(5):
        observations, *_ = env.step(np.full(env.action_space.shape, 0.1, np.float32))
        assert np.isfinite(observations).all()
        assert observations.shape == env.observation_space.shape


@pytest.mark.parametrize("wrap", [wrappers.RecordEpisodeStatistics, wrappers.NormalizeReward])
def test_wrappers_that_want_one_reward_an_environment_go_on_rows(wrap):
    env: gymnasium.vector.VectorEnv = wrap(row_env(2, num_slots=2))
    env.reset(seed=0)
    for _ in range(4):
        _, rewards, *_ = env.step(np.zeros(env.action_space.shape, np.float32))
        assert np.isfinite(rewards).all()
