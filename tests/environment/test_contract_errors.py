"""Every wrong call raises an error that names the value and the remedy, and changes nothing: the episode goes on as if it had not been."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from episodes import NETWORKS, play, play_on, random_actions, recorded_channels, same

from multicell_env import MulticellEnv, NetworkConfig, multicell_v0

BadCall = Callable[[MulticellEnv], Any]
NETWORK = NETWORKS["unequal users"] | {"num_slots": 4}


@pytest.fixture(params=[0, 5], ids=["k=0", "k=5"])
def make(request: pytest.FixtureRequest) -> Callable[..., MulticellEnv]:
    # Without negotiation a wrong power would show at once; with it, only if the generator or the budget moved.
    return lambda **overrides: multicell_v0.parallel_env(**{**NETWORK, "num_iterations": request.param, **overrides})


def episode_with(env: MulticellEnv, disturb: BadCall, after_slots: int) -> list[Any]:
    """A block, one that is disturbed after some slots and then played to its end, and a third on the same generator."""
    generator = np.random.default_rng(6)
    record = play(env, seed=2) + play(env, seed=3, slots=0) + play_on(env, generator, slots=after_slots)
    disturb(env)
    record += [(list(env.agents), env.state(), env.hold())]
    return record + play_on(env, generator) + play(env, seed=None)


def assert_refused_without_a_trace(
    make: Callable[..., MulticellEnv], bad_call: BadCall, error: type[Exception], message: str, after_slots: int = 2
) -> None:
    def disturb(env: MulticellEnv) -> None:
        for _ in range(2):
            with pytest.raises(error, match=message):
                bad_call(env)

    expected = episode_with(make(), lambda env: None, after_slots)
    assert same(episode_with(make(), disturb, after_slots), expected)


def actions_with(**changes: Any) -> BadCall:
    """A step in which all actions are right but the given ones; the environment meets them in the order of its agents."""

    def bad_step(env: MulticellEnv) -> Any:
        return env.step(random_actions(env, np.random.default_rng(0)) | changes)

    return bad_step


def first_entry(value: Any, dtype: Any = np.float64) -> np.ndarray:
    action = np.full((5, 1), 0.1, dtype=dtype)
    action[0, 0] = value
    return action


BAD_ACTIONS: dict[str, Any] = {
    "NaN": (first_entry(np.nan), r"bs_2.*\(5, 1\).*NaN.*\[0, 1\]"),
    "infinity": (first_entry(np.inf), r"bs_2.*infinity.*\[0, 1\]"),
    "minus infinity": (first_entry(-np.inf, np.float32), r"bs_2.*infinity.*\[0, 1\]"),
    "too many users": (np.zeros((5, 4)), r"bs_2.*\(5, 1\).*\(5, 4\)"),
    "too few bands": (np.zeros((4, 1)), r"bs_2.*\(5, 1\).*\(4, 1\)"),
    "transposed": (np.zeros((1, 5)), r"bs_2.*\(5, 1\).*\(1, 5\)"),
    "flat": (np.zeros(5), r"bs_2.*\(5, 1\).*\(5,\)"),
    "a batch axis too many": (np.zeros((1, 5, 1)), r"bs_2.*\(5, 1\).*\(1, 5, 1\)"),
    "a scalar, which NumPy would broadcast": (0.5, r"bs_2.*\(5, 1\).*\(\)"),
    "ragged lists": ([[0.1], [0.1, 0.2], [0.1], [0.1], [0.1]], r"bs_2.*\(5, 1\)"),
    "None": (None, "bs_2"),
    "words": (np.full((5, 1), "full"), r"bs_2.*no number"),
    "digits as text": (np.full((5, 1), "0.5"), r"bs_2.*no number"),
    "complex numbers": (first_entry(0.5 + 0.5j, np.complex128), r"bs_2.*no number"),
    "objects": (np.full((5, 1), {}, dtype=object), r"bs_2.*no number"),
}


@pytest.mark.parametrize(("action", "message"), BAD_ACTIONS.values(), ids=BAD_ACTIONS.keys())
def test_a_wrong_action_of_one_agent_is_refused_and_changes_nothing(make: Any, action: Any, message: str) -> None:
    # The last agent's, so that the others' right actions have been read by then.
    assert_refused_without_a_trace(make, actions_with(bs_2=action), ValueError, message)


def without_an_agent(env: MulticellEnv) -> Any:
    actions = random_actions(env, np.random.default_rng(0))
    del actions["bs_1"]
    return env.step(actions)


BAD_MAPPINGS: dict[str, tuple[BadCall, str]] = {
    "a missing agent": (without_an_agent, r"bs_0.*bs_1.*bs_2.*got \['bs_0', 'bs_2'\].*missing"),
    "no agent": (lambda env: env.step({}), r"got \[\].*missing"),
    "an unknown agent": (actions_with(bs_3=np.zeros((5, 1))), r"got .*bs_3.*remove"),
    "an agent that is no string": (lambda env: env.step({0: np.zeros((5, 2))}), r"got \['0'\].*missing"),
    "a list": (lambda env: env.step(list(random_actions(env, np.random.default_rng(0)).values())), "mapping.*got list"),  # type: ignore[arg-type]
    "an array": (lambda env: env.step(np.zeros((3, 5, 4))), "mapping.*got ndarray"),  # type: ignore[arg-type]
    "None": (lambda env: env.step(None), "mapping.*got NoneType"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("bad_call", "message"), BAD_MAPPINGS.values(), ids=BAD_MAPPINGS.keys())
def test_actions_that_are_not_one_for_each_agent_are_refused_and_change_nothing(make: Any, bad_call: BadCall, message: str) -> None:
    assert_refused_without_a_trace(make, bad_call, ValueError, message)


def test_a_step_after_the_end_is_refused_and_changes_nothing(make: Any) -> None:
    actions = random_actions(SimpleNamespace(agents=make().possible_agents, action_space=make().action_space), np.random.default_rng(0))
    for given in (actions, {}):
        assert_refused_without_a_trace(make, lambda env, given=given: env.step(given), RuntimeError, r"4 slots.*reset\(\)", after_slots=4)


BEFORE_RESET: dict[str, BadCall] = {
    "step": lambda env: env.step({agent: np.zeros(space.shape) for agent, space in env.action_spaces.items()}),
    "state": lambda env: env.state(),
    "hold": lambda env: env.hold(),
    "render": lambda env: env.render(),
}


@pytest.mark.parametrize("bad_call", BEFORE_RESET.values(), ids=BEFORE_RESET.keys())
@pytest.mark.parametrize("render_mode", ["ansi", "rgb_array"])
def test_a_call_before_reset_says_that_reset_comes_first_and_changes_nothing(make: Any, bad_call: BadCall, render_mode: str) -> None:
    env, twin = (make(render_mode=render_mode) for _ in range(2))
    for each in (env, twin):
        each.np_random = np.random.default_rng(8)
    with pytest.raises(RuntimeError, match=r"reset\(\)"):
        bad_call(env)
    assert env.agents == []
    assert same(play(env, seed=None), play(twin, seed=None))


def changed(where: Any, value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def change(dense: np.ndarray) -> np.ndarray:
        dense[where] = value
        return dense

    return change


def duplicate_user(dense: np.ndarray) -> np.ndarray:
    dense[0, 0, 2, :, 1] = dense[0, 0, 2, :, 0]
    return dense


BAD_CHANNELS: dict[str, tuple[Callable[[np.ndarray], Any], str]] = {
    "wrong number of cells": (lambda dense: dense[:2, :2], r"\(3, 3, 5, 4, 4\).*\(2, 2, 5, 4, 4\)"),
    "antenna and user swapped in a longer axis": (lambda dense: dense[..., :3, :], r"\(3, 3, 5, 4, 4\).*\(3, 3, 5, 3, 4\).*Reorder"),
    "a block axis too many": (lambda dense: dense[None], r"\(1, 3, 3, 5, 4, 4\)"),
    "no array": (lambda dense: "recording.npy", r"\(3, 3, 5, 4, 4\).*Reorder"),
    "objects": (lambda dense: dense.astype(object), "object"),
    "NaN of a real user": (changed((2, 1, 4, 3, 3), np.nan), r"finite.*\(2, 1, 4, 3, 3\).*Repair"),
    "infinity": (changed((1, 1, 0, 0, 0), np.inf), r"finite.*\(1, 1, 0, 0, 0\).*Repair"),
}
UNSERVED: dict[str, tuple[Callable[[np.ndarray], Any], str]] = {
    "a zero channel": (changed((1, 1, 0, slice(None), 2), 0.0), r"user 2 of cell 1 in band 0 is zero \(1 in all\)\. Remove the user"),
    "two users on one channel": (duplicate_user, "user 1 of cell 0 in band 2 cannot be separated from those of stronger users"),
}


@pytest.mark.parametrize(("change", "message"), BAD_CHANNELS.values(), ids=BAD_CHANNELS.keys())
@pytest.mark.parametrize("seed", [None, 77])
def test_bad_channels_are_refused_and_change_neither_the_block_nor_the_generator(
    make: Any, change: Callable[[np.ndarray], Any], message: str, seed: int | None
) -> None:
    channels = change(recorded_channels(NetworkConfig(**NETWORK)))
    assert_refused_without_a_trace(make, lambda env: env.reset(seed=seed, options={"channels": channels}), ValueError, message)


@pytest.mark.parametrize(("change", "message"), UNSERVED.values(), ids=UNSERVED.keys())
def test_users_without_a_beam_are_refused_where_that_is_asked_for(make: Any, change: Callable[[np.ndarray], Any], message: str) -> None:
    options = {"channels": change(recorded_channels(NetworkConfig(**NETWORK))), "strict": True}
    assert_refused_without_a_trace(make, lambda env: env.reset(options=options), ValueError, message)


def test_a_channel_between_cells_that_do_not_interfere_is_refused() -> None:
    network = NETWORKS["lopsided gains"]
    channels = recorded_channels(NetworkConfig(**network))
    channels[0, 2, 1, 2, 0] = 1e-3
    assert_refused_without_a_trace(
        lambda: multicell_v0.parallel_env(**network),
        lambda env: env.reset(options={"channels": channels}),
        ValueError,
        r"from cell 0 to cell 2.*mean_gains\[0\]\[2\]",
    )


@pytest.mark.filterwarnings("ignore::multicell_env.channels.plausible.ChannelWarning")
@pytest.mark.parametrize(("dtype", "weakest", "strongest"), [("float32", -9, 8), ("float64", -70, 70)])
def test_given_channels_far_from_the_noise_are_played_right_or_refused(dtype: str, weakest: int, strongest: int) -> None:
    network = {**NETWORK, "dtype": dtype}
    channels = recorded_channels(NetworkConfig(**network)).astype(np.complex128)
    for exponent in (weakest, strongest):
        env = multicell_v0.parallel_env(**network, num_iterations=1)
        env.reset(options={"channels": channels * 10.0**exponent})
        _, rewards, _, _, infos = env.step({agent: np.full(env.action_space(agent).shape, 0.1) for agent in env.agents})
        budgets = NetworkConfig(**network).nominal_budgets
        assert [float(info["power"].sum()) for info in infos.values()] == pytest.approx(budgets.tolist(), rel=1e-5)
        assert all(0.0 < reward < np.inf for reward in rewards.values())
    for exponent in (-160, 3 * weakest, 3 * strongest, 160):
        assert_refused_without_a_trace(
            lambda: multicell_v0.parallel_env(**network),
            lambda env, exponent=exponent: env.reset(options={"channels": channels * 10.0**exponent}),
            ValueError,
            f"scaled so that the noise power is 1: in {dtype}.*Divide the channels",
        )


@pytest.mark.parametrize("seed", [-1, "seven", 1.5, True])
def test_a_seed_that_is_no_natural_number_is_refused_and_changes_nothing(make: Any, seed: Any) -> None:
    assert_refused_without_a_trace(make, lambda env: env.reset(seed=seed), ValueError, "seed must be a whole number of at least 0")


def test_a_seed_may_be_a_number_of_numpys(make: Any) -> None:
    env = make()
    first, second = (env.reset(seed=seed)[0] for seed in (3, np.int64(3)))
    assert all(np.array_equal(first[agent], second[agent]) for agent in first)


CONSTRUCTORS = [multicell_v0.parallel_env, multicell_v0.env, multicell_v0.raw_env, MulticellEnv]
BAD_ARGUMENTS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a misspelt field": ({"num_cell": 3}, TypeError, "'num_cell'.*did you mean 'num_cells'"),
    "another misspelt field": ({"n_antennas": 8}, TypeError, "'n_antennas'.*did you mean 'num_antennas'"),
    "an argument like no other": ({"zzz": 1}, TypeError, "'zzz'.*num_cells"),
    "no such observation": ({"observation": "image"}, ValueError, "observation.*'csi'.*'gain'.*got 'image'"),
    "no such render mode": ({"render_mode": "video"}, ValueError, "render_mode.*rgb_array.*got 'video'"),
    "two lengths": ({"max_cycles": 5, "num_slots": 6}, ValueError, "max_cycles.*num_slots.*5 and 6.*one of them"),
    "no slots": ({"max_cycles": 0}, ValueError, "num_slots.*at least 1; got 0"),
    "a config that is none": ({"config": {"num_cells": 3}}, TypeError, "NetworkConfig; got dict.*num_cells=3"),
    "no such reward": ({"reward": "fair"}, ValueError, "reward.*'cell'.*'network'.*got 'fair'"),
    "more users than antennas": ({"num_users": 9}, ValueError, "U=9, M=8. Raise num_antennas or lower num_users"),
}


@pytest.mark.parametrize("constructor", CONSTRUCTORS, ids=["parallel_env", "env", "raw_env", "MulticellEnv"])
@pytest.mark.parametrize(("arguments", "error", "message"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS.keys())
def test_a_wrong_constructor_argument_is_refused_with_its_remedy(
    constructor: Any, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        constructor(**arguments)


def test_only_the_config_may_be_given_by_position() -> None:
    with pytest.raises(TypeError, match="positional"):
        multicell_v0.parallel_env(NetworkConfig(), "gain")  # type: ignore[call-arg,misc]


def test_overrides_replace_the_fields_of_the_config_and_leave_the_config_as_it_is() -> None:
    config = NetworkConfig(num_slots=3, snr_db=10.0)
    env = multicell_v0.parallel_env(config, num_slots=2)
    assert (env.config.num_slots, env.config.snr_db) == (2, 10.0)
    assert multicell_v0.parallel_env(config, max_cycles=4).config.num_slots == 4
    assert config == NetworkConfig(num_slots=3, snr_db=10.0)
