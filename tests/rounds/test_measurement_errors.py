"""Errors of what is measured: lognormal, new in every round, from a stream of their own, and none where there are none."""

from typing import Any

import numpy as np
import pytest

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.blocks import Blocks
from multicell_env.evaluation.playing import draw_blocks, error_streams, evaluate_policy, play
from multicell_env.observation import observe
from multicell_env.streams import error_stream

GAME: dict[str, Any] = {"num_iterations": 0, "action": "price", "rounds_per_slot": 2, "num_slots": 2}


def measured(error_db: float) -> tuple[Blocks, np.ndarray]:
    """Blocks after a round, and errors of INGR, prices and leakage in dB."""
    config = NetworkConfig(measurement_error_db=error_db, dtype="float64", **GAME)
    blocks = Blocks(config, 50)
    blocks.draw(range(50), [np.random.default_rng(i) for i in range(50)])
    blocks.hear_prices()
    blocks.measure(range(50), [error_stream(np.random.default_rng(i)) for i in range(50)])
    blocks.play_slot(np.zeros(blocks.powers.shape))
    blocks.measure(range(50), [error_stream(np.random.default_rng(50 + i)) for i in range(50)])
    pairs = (
        (blocks.measured_ingr, blocks.ingr),
        (blocks.measured_prices, blocks.prices),
        (blocks.leakage_errors, np.ones(blocks.powers.shape)),
    )
    heard = blocks.prices > 0
    return blocks, np.stack([10 * np.log10(np.divide(one, other, where=heard, out=np.ones(heard.shape)))[heard] for one, other in pairs])


def test_errors_are_normal_in_decibels_and_independent() -> None:
    _, errors = measured(2.0)
    count = errors.shape[1]
    assert np.all(np.abs(errors.mean(axis=1)) < 5 * 2 / np.sqrt(count))
    np.testing.assert_allclose(errors.std(axis=1), 2.0, rtol=5 / np.sqrt(2 * count))
    assert np.all(np.abs(np.corrcoef(errors) - np.eye(3)) < 5 / np.sqrt(count))


def test_channels_and_rates_are_those_of_the_network_without_errors() -> None:
    envs = [MulticellVectorEnv(3, observation="gain", measurement_error_db=db, num_iterations=0) for db in (0.0, 3.0)]
    planes = [env.reset(seed=0)[0] for env in envs]
    assert np.array_equal(planes[0][:, :, 0], planes[1][:, :, 0])
    assert not np.any(planes[0][:, :, 1] == planes[1][:, :, 1])
    actions = np.random.default_rng(0).random(envs[0].action_space.shape)
    steps = [env.step(actions) for env in envs]
    assert np.array_equal(steps[0][1], steps[1][1])
    np.testing.assert_allclose(steps[0][0][:, :, 1], steps[1][0][:, :, 1], atol=3.0 / 10 * 6)
    assert not np.any(steps[0][0][:, :, 1] == steps[1][0][:, :, 1])


def test_errors_are_new_in_every_round_and_the_same_for_the_same_seed() -> None:
    env = multicell_v0.parallel_env(observation="price", measurement_error_db=1.0, **GAME)

    def episode(seed: int | None) -> list[np.ndarray]:
        seen = [env.reset(seed=seed)[0]["bs_0"]]
        while env.agents:
            seen.append(env.step(env.hold())[0]["bs_0"])
        return seen

    first, again, other, later = episode(3), episode(3), episode(4), episode(None)
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    leaked = [planes[4] for planes in (*first, *other, *later)]
    assert len({planes.tobytes() for planes in leaked}) == len(leaked)


def test_tilted_responses_answer_to_what_was_measured() -> None:
    blocks, _ = measured(3.0)
    twin = Blocks(NetworkConfig(dtype="float64", **GAME), 50)
    twin.draw(range(50), [np.random.default_rng(i) for i in range(50)])
    for name in ("ingr", "prices"):
        getattr(twin, name)[:] = getattr(blocks, f"measured_{name}")
    actions = np.random.default_rng(0).uniform(-1, 1, blocks.powers.shape)
    blocks.play_slot(actions)
    twin.play_slot(actions)
    np.testing.assert_allclose(blocks.powers, twin.powers, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["gain", "csi", "price"])
def test_the_global_state_and_observations_show_what_was_measured(kind: Any) -> None:
    env = multicell_v0.parallel_env(observation=kind, measurement_error_db=1.0, **GAME)
    observations, _ = env.reset(seed=0)
    plane = {"gain": 1, "csi": -2, "price": 1}[kind]
    shift = 2.0 if kind == "price" else 0.0
    expected = observe("gain", env._begun_blocks())[0, 0, 1] + shift
    np.testing.assert_allclose(observations["bs_0"][plane], expected, rtol=1e-5, atol=1e-6)


def test_a_policy_is_evaluated_on_the_errors_that_its_environment_has() -> None:
    config = NetworkConfig(measurement_error_db=2.0, **GAME)

    def policy(observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {agent: np.tanh(planes[..., 1, :, :] - planes[..., 3, :, :]) for agent, planes in observations.items()}

    result = evaluate_policy("some", policy, config, observation="price", num_blocks=2, seed=5, batched=True, timed=False)
    for block in range(2):
        env, rates = multicell_v0.parallel_env(config, observation="price"), []
        observations, _ = env.reset(seed=5 + block)
        while env.agents:
            observations, rewards, *_, infos = env.step(policy(observations))
            if infos["bs_0"]["transmitted"]:
                rates.append(np.mean(list(rewards.values())))
        np.testing.assert_allclose(result.per_slot[block], rates, rtol=1e-6)


def test_blocks_with_errors_are_not_played_without_them() -> None:
    config = NetworkConfig(measurement_error_db=2.0, **GAME)
    for network, errors in ((config, []), (NetworkConfig(), error_streams(config, 2))):
        with pytest.raises(ValueError, match="there must be errors for each of the blocks"):
            play(lambda seen: {}, draw_blocks(network, 2), "gain", errors=errors)
