"""Environments whose cells serve some of their users in each slot: many of them in one, by agent, and in the forms of frameworks."""

from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from multicell_env import MulticellVectorEnv, multicell_v0
from multicell_env.adapters.flat import flat_env
from multicell_env.adapters.rows import row_env

UNEQUAL = (5, 2, 4)
SMALL: dict[str, Any] = {"num_antennas": 4, "num_bands": 3, "num_slots": 5, "observation": "gain"}


def dense(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((2, 3, 3, SMALL["num_bands"], SMALL["num_antennas"], 5))
    return parts[0] + 1j * parts[1]


COMPOSED: list[dict[str, Any]] = [
    {"schedule": "round-robin"},
    {"schedule": "proportional-fair", "fairness": 1.0, "observation": "price", "action": "price"},
    {"schedule": "round-robin", "channel_model": "fading+estimated", "observation": "csi"},
    {"schedule": "proportional-fair", "fairness": 0.5, "channel_model": "redraw+correlated", "rounds_per_slot": 2, "reward": "network"},
    {"schedule": "proportional-fair", "fairness": 2.0, "channel_model": "estimated+geometric", "dtype": "float64", "reward": "predicted"},
    {"schedule": "round-robin", "num_iterations": 0, "measurement_error_db": 2.0, "reward": "user"},
]
POOL = np.stack([dense(seed) for seed in range(7)])
RECORDED: list[dict[str, Any]] = [
    {"schedule": "proportional-fair", "fairness": 1.0, "channels": POOL},
    {"schedule": "round-robin", "channels": POOL, "channel_model": "fading"},
]


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("fields", [*COMPOSED, *RECORDED])
def test_environment_i_of_a_batch_is_a_single_one_bit_for_bit(fields: dict[str, Any], mode: AutoresetMode) -> None:
    sizes: dict[str, Any] = {} if "channels" in fields else {"num_users": UNEQUAL}
    arguments = SMALL | {"num_slots": 3, "num_iterations": 2, "users_per_slot": 3} | sizes | fields
    vector = MulticellVectorEnv(3, autoreset_mode=mode, num_threads=2, **arguments)
    singles = [multicell_v0.parallel_env(**arguments) for _ in range(3)]
    planes, told = vector.reset(seed=5)
    expected = [env.reset(seed=5 + index) for index, env in enumerate(singles)]
    generator, is_begun = np.random.default_rng(0), True
    for _ in range(2 * vector.config.num_steps + 2):
        for index, (of_agents, infos) in enumerate(expected):
            for cell, (agent, own) in enumerate(of_agents.items()):
                assert np.array_equal(planes[index, cell][..., : own.shape[-1]], own)
                assert singles[index].observation_space(agent).contains(own)
                names = {"scheduled"} if not is_begun else set(infos[agent]) - {"transmitted"}
                for name in names:
                    value = np.asarray(infos[agent][name])
                    assert np.array_equal(told[name][index, cell][tuple(map(slice, value.shape))], value)
        actions = generator.random(vector.action_space.shape, dtype=np.float32)
        planes, rewards, _, over, told = vector.step(actions)
        is_begun, steps = True, []
        for index, env in enumerate(singles):
            if not env.agents:  # NEXT_STEP begins in the step after
                steps.append(env.reset())
                assert not rewards[index].any()
                continue
            own = {agent: actions[index, cell][..., : env.action_space(agent).shape[-1]] for cell, agent in enumerate(env.possible_agents)}
            of_agents, paid, _, _, infos = env.step(own)
            assert list(paid.values()) == rewards[index].astype(float).tolist()
            if over[index] and mode is AutoresetMode.SAME_STEP:
                assert all(
                    np.array_equal(told["average_rates"][index, cell, : len(info["average_rates"])], info["average_rates"])
                    for cell, info in enumerate(infos.values())
                )
                of_agents, infos = env.reset()
                is_begun = False
            steps.append((of_agents, infos))
        expected = steps


def test_the_faces_and_adapters_have_places_for_those_who_are_served() -> None:
    fields = SMALL | {"num_users": UNEQUAL, "schedule": "round-robin", "users_per_slot": 3}
    dicts = MulticellVectorEnv(2, **fields).as_dicts()
    planes, infos = dicts.reset(seed=0)
    assert [planes[agent].shape[-1] for agent in dicts.agents] == [3, 2, 3]
    assert [infos[agent]["power"].shape for agent in dicts.agents] == [(2, 3, users) for users in UNEQUAL]
    planes, *_, infos = dicts.step({agent: np.full((2, *dicts.action_space(agent).shape), 0.2) for agent in dicts.agents})
    assert [infos[agent]["average_rates"].shape for agent in dicts.agents] == [(2, users) for users in UNEQUAL]
    rows = row_env(2, **fields)
    rows.reset(seed=0)
    assert rows.step(rows.action_space.sample())[4]["power"].shape == (6, 3, 5)
    flat = flat_env(**fields)
    flat.reset(seed=0)
    while flat.agents:
        flat.step({agent: flat.action_space(agent).sample() for agent in flat.agents})


def test_a_saved_batch_goes_on_bit_for_bit() -> None:
    fields = SMALL | {"num_users": 9, "schedule": "proportional-fair", "fairness": 1.0, "users_per_slot": 2}
    env, other = (MulticellVectorEnv(2, **fields) for _ in range(2))
    env.reset(seed=1)
    other.reset(seed=8)
    actions = np.random.default_rng(0).random((4, *env.action_space.shape))
    env.step(actions[0])
    other.load_state_dict(env.state_dict())
    for action in actions[1:]:
        (planes, *_, infos), (others, *_, other_infos) = env.step(action), other.step(action)
        assert np.array_equal(planes, others)
        assert np.array_equal(infos["average_rates"], other_infos["average_rates"])


def test_gradients_and_devices_refuse_a_schedule() -> None:
    env = MulticellVectorEnv(1, num_users=9, schedule="round-robin", observation="price")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"all users must be served in every slot for gradients; got schedule 'round-robin'"):
        env.differentiable()
    tensors = pytest.importorskip("multicell_env.tensors")
    with pytest.raises(ValueError, match="schedule must be 'none' on a device; got 'round-robin'"):
        tensors.TorchVectorEnv(1, num_users=9, schedule="round-robin")
