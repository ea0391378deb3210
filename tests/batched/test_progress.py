"""Where a batch stands, as numbers: it goes on from them bit for bit."""

import copy

import numpy as np
import pytest
from checkpoint_files import reread

from multicell_env import MulticellVectorEnv

NETWORKS = [
    {},
    {"num_users": (2, 4, 1)},
    {"channel_model": "redraw"},
    {"measurement_error_db": 2.0, "num_iterations": 0, "rounds_per_slot": 2},
    {"fairness": 1.0, "negotiation": "pricing"},
    {"autoreset_mode": "NEXT_STEP"},
]


def begun(observation, seed, **settings):
    env = MulticellVectorEnv(3, observation=observation, num_slots=3, **settings)
    env.reset(seed=seed)
    return env


@pytest.mark.parametrize("settings", NETWORKS, ids=str)
@pytest.mark.parametrize("observation", ["gain", "csi", "price"])
def test_a_batch_goes_on_from_its_numbers_bit_for_bit(settings, observation):
    env, other = begun(observation, 0, **settings), begun(observation, 5, **settings)
    actions = np.random.default_rng(0).random(env.action_space.shape, np.float32)
    for _ in range(4):
        env.step(actions)
    env.reset(options={"reset_mask": np.array([False, True, False])})
    other.load_state_dict(reread(env.state_dict()))
    np.testing.assert_array_equal(env.state(), other.state())
    for _ in range(6):
        for one, two in zip(env.step(actions)[:4], other.step(actions)[:4], strict=True):
            np.testing.assert_array_equal(one, two)


def test_what_is_saved_does_not_change_with_the_environments():
    env = begun("gain", 0)
    state = env.state_dict()
    before = copy.deepcopy(state)
    env.step(np.full(env.action_space.shape, 0.1, np.float32))
    env.reset()
    assert all(np.array_equal(state["arrays"][name], array) for name, array in before["arrays"].items())
    assert (state["generators"], state["numbers"], state["rows"]) == (before["generators"], before["numbers"], before["rows"])


def test_the_state_of_other_environments_is_refused_and_changes_nothing():
    env = begun("gain", 0)
    shown = env.state()
    for other in (begun("price", 0), begun("gain", 0, num_bands=5), begun("gain", 0, dtype="float64"), begun("gain", 0, fairness=1.0)):
        with pytest.raises(ValueError, match="must be of the same environments"):
            env.load_state_dict(other.state_dict())
    np.testing.assert_array_equal(env.state(), shown)
