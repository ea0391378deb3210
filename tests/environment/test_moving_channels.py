"""Where channels move, every slot begins anew on its own channels: alone, in a batch, in rounds, and in an evaluation."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.blocks import Blocks
from multicell_env.channels.fading import Fading
from multicell_env.channels.rayleigh import draw_many
from multicell_env.channels.registry import CHANNEL_MODELS
from multicell_env.evaluation.playing import FIRST_SEED, draw_blocks, evaluate_allocations, evaluate_policy
from multicell_env.model.beamforming import beamforming_gains, zero_forcing
from multicell_env.observation import observe
from multicell_env.rendering import relative_powers

MOVING = [name for name, model in CHANNEL_MODELS.items() if model.moves]
SMALL: dict[str, Any] = {"num_antennas": 4, "num_users": (2, 4, 1), "num_bands": 3, "num_slots": 3, "num_iterations": 2}
UNPLAYED: dict[str, Any] = {"num_iterations": 0}


def single_step(env: Any, action: np.ndarray) -> tuple[Any, ...]:
    users = env.config.users_per_cell
    return env.step({agent: action[cell, ..., : users[cell]] for cell, agent in enumerate(env.possible_agents)})


def assert_same(stacked: Any, single: dict[str, np.ndarray]) -> None:
    for own, array in zip(stacked, single.values(), strict=True):
        assert np.array_equal(own[..., : array.shape[-1]], array)


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("observation", ["csi", "gain", "price"])
@pytest.mark.parametrize(
    "changes", [{}, {"rounds_per_slot": 2, "negotiation": "pricing"}, {"num_iterations": 0, "measurement_error_db": 2.0}]
)
def test_environment_i_of_a_batch_is_a_single_one_bit_for_bit(name: str, dtype: Any, observation: Any, changes: dict[str, Any]) -> None:
    config = NetworkConfig(channel_model=name, dtype=dtype, **SMALL | changes)
    vector = MulticellVectorEnv(4, config, observation=observation, num_threads=2)
    singles = [multicell_v0.parallel_env(config, observation=observation) for _ in range(4)]
    seeds = [11, 3, 999, 4]
    observations, _ = vector.reset(seed=seeds)
    expected = [env.reset(seed=seed)[0] for env, seed in zip(singles, seeds, strict=True)]
    generator = np.random.default_rng(0)
    for _ in range(2 * config.num_steps):  # through one automatic reset, and up to the next
        for own, single in zip(list(observations), expected, strict=True):
            assert_same(own, single)
        assert np.array_equal(vector.state(), np.stack([env.state() for env in singles]))
        actions = generator.random(vector.action_space.shape, dtype=np.float32)
        observations, rewards, _, truncations, infos = vector.step(actions)
        steps = [single_step(env, action) for env, action in zip(singles, actions, strict=True)]
        expected = [step[0] for step in steps]
        for i, (_, single_rewards, _, single_truncations, single_infos) in enumerate(steps):
            assert rewards[i].astype(float).tolist() == list(single_rewards.values())
            assert truncations[i] == single_truncations["bs_0"]
            assert_same(infos["power"][i], {agent: info["power"] for agent, info in single_infos.items()})
        if truncations.all():
            for own, single in zip(infos["final_obs"], expected, strict=True):
                assert_same(own, single)
            expected = [env.reset()[0] for env in singles]


@pytest.mark.parametrize("name", MOVING)
def test_a_masked_reset_leaves_the_other_blocks_where_they_are(name: str) -> None:
    envs = [MulticellVectorEnv(3, channel_model=name, autoreset_mode=AutoresetMode.DISABLED, **SMALL) for _ in range(2)]
    for env in envs:
        env.reset(seed=5)
    actions = np.random.default_rng(0).random((4, *envs[0].action_space.shape))
    for env in envs:
        env.step(actions[0])
    envs[0].reset(seed=50, options={"reset_mask": np.array([False, True, False])})
    for step in actions[1:3]:
        (planes, *_), (others, *_) = (env.step(step) for env in envs)
        assert np.array_equal(planes[[0, 2]], others[[0, 2]])
        assert not np.array_equal(planes[1], others[1])


@pytest.mark.parametrize("name", MOVING)
def test_beams_and_gains_of_every_slot_are_those_of_its_channels(name: str) -> None:
    config = NetworkConfig(channel_model=name, dtype="float64", **SMALL)
    blocks = Blocks(config, 2)
    blocks.draw(range(2), [np.random.default_rng(i) for i in range(2)])
    model, again = CHANNEL_MODELS[name], [np.random.default_rng(i) for i in range(2)]
    own, cross = (array.copy() for array in model.begin(config, again))
    for _ in range(config.num_slots):
        assert np.array_equal(blocks.channels, own)
        beams = zero_forcing(own, config.user_mask)
        gains = beamforming_gains(own, cross, beams, config.interferers, config.user_mask)
        np.testing.assert_allclose(blocks.beamformers, beams, atol=1e-9)
        np.testing.assert_allclose(blocks.gains.signal_gains, gains.signal_gains, rtol=1e-9)
        np.testing.assert_allclose(blocks.gains.cross_gains, gains.cross_gains, rtol=1e-9, atol=1e-12)
        blocks.play_slot(np.full(blocks.powers.shape, 0.2))
        blocks.advance()
        own, cross = (array.copy() for array in model.advance(config, again, own, cross))


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("name", MOVING)
def test_a_slot_begins_without_powers_and_with_the_budget_rolled_on(name: str, rounds: int) -> None:
    config = NetworkConfig(channel_model=name, rounds_per_slot=rounds, **SMALL | UNPLAYED)
    blocks = Blocks(config, 2)
    blocks.draw(range(2), [np.random.default_rng(i) for i in range(2)])
    blocks.hear_prices()
    for slot in range(config.num_slots):
        for round_ in range(rounds):
            gains = blocks.gains.signal_gains.copy()
            blocks.play_slot(np.full(blocks.powers.shape, 0.1))
            played, prices, budgets = blocks.powers.copy(), blocks.prices.copy(), blocks.power_budget.copy()
            moved = blocks.advance()
            is_between = round_ == rounds - 1 and slot < config.num_slots - 1
            assert moved.tolist() == ([0, 1] if is_between else [])
            assert np.array_equal(gains, blocks.gains.signal_gains) != is_between
            assert np.array_equal(blocks.powers, np.zeros_like(played) if is_between else played)
            assert np.array_equal(blocks.prices, np.zeros_like(prices) if is_between else prices)
            assert np.array_equal(blocks.power_budget, budgets)
            if is_between:
                np.testing.assert_allclose(blocks.ingr, 1 / blocks.gains.signal_gains, rtol=1e-6)
        if slot < config.num_slots - 1:
            assert np.all(blocks.power_budget > config.nominal_budgets)
        assert np.array_equal(blocks.slots_left, [config.num_slots - slot - 1] * 2)
    assert np.any(blocks.powers > 0)


@pytest.mark.parametrize("observation", ["csi", "gain", "price"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fading_at_speed_0_is_the_static_block_silenced_by_hand(observation: Any, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHANNEL_MODELS, "still", Fading(speed_kmh=0.0))
    env = MulticellVectorEnv(3, channel_model="still", observation=observation, dtype=dtype, **SMALL)
    static = Blocks(NetworkConfig(dtype=dtype, **SMALL), 3, keep_channels=True)
    planes, _ = env.reset(seed=2)
    static.draw(range(3), [np.random.default_rng(2 + i) for i in range(3)])
    shown = observe(observation, static)
    generator = np.random.default_rng(0)
    for slot in range(static.config.num_slots):
        shown = observe(observation, static)
        if observation == "price":
            shown[:, :, 7] = 1.0  # every slot has a first round
        assert np.array_equal(planes, shown)
        actions = generator.random(env.action_space.shape, dtype=np.float32)
        planes, rewards, *_ = env.step(actions)
        assert np.array_equal(rewards, static.play_slot(actions)), slot
        budgets = static.power_budget.copy(), static.log_budget.copy(), static.slots_left.copy()
        static.restart()
        static.power_budget[:], static.log_budget[:], static.slots_left[:] = budgets


@pytest.mark.parametrize("name", MOVING)
def test_a_copy_goes_on_as_the_environment_does(name: str) -> None:
    env = multicell_v0.parallel_env(channel_model=name, **SMALL)
    env.reset(seed=1)
    action = np.random.default_rng(0).random((3, 3, 4))
    single_step(env, action)
    others = copy.deepcopy(env), pickle.loads(pickle.dumps(env))
    planes = single_step(env, action)[0]
    for other in others:
        assert all(np.array_equal(own, planes[agent]) for agent, own in single_step(other, action)[0].items())


def test_the_picture_between_two_slots_shows_the_one_that_ended() -> None:
    config = NetworkConfig(channel_model="redraw", **SMALL)
    blocks = Blocks(config, 2)
    blocks.draw(range(2), [np.random.default_rng(i) for i in range(2)])
    blocks.play_slot(np.full(blocks.powers.shape, 0.3))
    before = relative_powers(blocks)
    blocks.advance()
    assert np.array_equal(relative_powers(blocks), before)
    assert np.all(before.sum(axis=-1) > 0)
    blocks.play_slot(np.full(blocks.powers.shape, 0.1), num_iterations=0, transmit=False)
    assert np.any(relative_powers(blocks) != before)


@pytest.mark.parametrize("name", MOVING)
def test_given_channels_are_refused_where_channels_move(name: str) -> None:
    config = NetworkConfig(channel_model=name)
    env = multicell_v0.parallel_env(config)
    with pytest.raises(ValueError, match=rf"given channels stay .* got channel_model '{name}', .*Give channel_model='rayleigh'"):
        env.reset(options={"channels": np.random.default_rng(0).standard_normal((3, 3, 6, 8, 4))})
    with pytest.raises(ValueError, match="given channels stay"):
        Blocks.of(config, *draw_many(config, [np.random.default_rng(0)]))


def test_an_unknown_model_is_refused_when_an_environment_is_made() -> None:
    for make in (multicell_v0.parallel_env, lambda **fields: MulticellVectorEnv(1, **fields)):
        with pytest.raises(ValueError, match=r"channel_model must be one of .*'fading'.*; got 'fadnig'\. Choose one"):
            make(channel_model="fadnig")
    with pytest.raises(ValueError, match="channel_model must be the name of a channel model; got 3"):
        NetworkConfig(channel_model=3)  # pyright: ignore[reportArgumentType]


def test_a_network_kept_without_the_field_has_rayleigh_channels() -> None:
    fields = {"mean_gains": None, "num_users": 4, "sir_db": 0.0}
    assert NetworkConfig.from_json(fields).channel_model == "rayleigh"
    assert NetworkConfig.from_json(fields | {"channel_model": "fading"}).channel_model == "fading"
    assert "fading" in NetworkConfig(channel_model="fading").describe()
    assert "rayleigh" not in NetworkConfig().describe()


@pytest.mark.parametrize("name", MOVING)
def test_an_evaluation_plays_the_slots_that_the_environment_plays(name: str) -> None:
    config = NetworkConfig(channel_model=name, **SMALL)

    def policy(observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {agent: np.abs(np.sin(planes[-2])) / 2 for agent, planes in observations.items()}

    result = evaluate_policy("sine", policy, config, observation="gain", num_blocks=3, timed=False)
    env = multicell_v0.parallel_env(config, observation="gain")
    for block in range(3):
        planes, _ = env.reset(seed=FIRST_SEED + block)
        for slot in range(config.num_slots):
            planes, rewards, *_ = env.step(policy(planes))
            assert result.per_slot[block, slot] == pytest.approx(np.mean(list(rewards.values())), rel=1e-6)


@pytest.mark.parametrize("name", MOVING)
def test_allocations_are_decided_anew_on_the_channels_of_every_slot(name: str) -> None:
    moving, static = NetworkConfig(channel_model=name, **SMALL), NetworkConfig(**SMALL)
    methods = ("flwf", "uniform", "wmmse")
    results = [
        {result.name: result.per_slot for result in evaluate_allocations(config, num_blocks=8, methods=methods, timed=False)}
        for config in (moving, static)
    ]
    assert set(results[0]) == set(methods)
    uniform, still = (result["uniform"] for result in results)
    np.testing.assert_allclose(uniform[:, 0], still[:, 0], rtol=1e-6)
    assert np.all(np.diff(uniform, axis=1) != 0)
    assert np.all(np.diff(still, axis=1) == 0)
    assert np.all(results[0]["wmmse"].mean(axis=0) > uniform.mean(axis=0))
    # The same slots for every method: uniform power on the blocks that the seed draws.
    blocks = draw_blocks(moving, 8)
    for slot in range(moving.num_slots):
        rates = blocks.play_slot(np.full(blocks.powers.shape, 1 / moving.num_bands), num_iterations=0)
        np.testing.assert_allclose(uniform[:, slot], rates.mean(axis=-1), rtol=1e-5)
        blocks.advance()
