"""The differentiable game plays the environment's own rounds, on one network or on several, and brings gradients back."""

from typing import Any

import numpy as np
import pytest
import torch

from multicell_env import MulticellVectorEnv, NetworkConfig
from multicell_env.differentiable import DifferentiableGame

UNEQUAL: dict[str, Any] = {"num_antennas": 4, "num_users": (2, 4, 1), "num_bands": 5}
LOPSIDED: dict[str, Any] = {**UNEQUAL, "mean_gains": ((2.0, 0.0, 0.7), (0.5, 0.3, 0.0), (1.5, 0.0, 1.0))}
RULES: dict[str, dict[str, Any]] = {
    "powers": {"num_iterations": 0},
    "flwf": {"num_iterations": 2},
    "iwf": {"num_iterations": 1, "negotiation": "iwf"},
    "pricing": {"num_iterations": 2, "negotiation": "pricing", "damping": 0.25},
    "own damping": {"num_iterations": 2, "damping_in_action": True},
    "multipliers": {"num_iterations": 0, "action": "price"},
    "multipliers, pricing": {"num_iterations": 1, "action": "price", "negotiation": "pricing", "reward": "network"},
    "fair multipliers": {"num_iterations": 0, "action": "price", "fairness": 1.0},
    "fair pricing": {"num_iterations": 2, "negotiation": "pricing", "fairness": 2.0, "reward": "network"},
}
TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
EVERY_RULE = pytest.mark.parametrize("rules", [pytest.param(rules, id=name) for name, rules in RULES.items()])


def actions_of(env: MulticellVectorEnv, generator: np.random.Generator) -> np.ndarray:
    low, high = env.config.action_limits
    return generator.uniform(low - 0.1, high + 0.1, env.action_space.shape).astype(env.config.dtype)  # type: ignore[arg-type]


@EVERY_RULE
@pytest.mark.parametrize("observation", ["gain", "price"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("network", [UNEQUAL, LOPSIDED], ids=["unequal", "lopsided"])
@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_two_slots_of_five_rounds_are_the_environments_own(
    network: dict[str, Any], dtype: Any, observation: Any, rules: dict[str, Any], library: str
) -> None:
    env = MulticellVectorEnv(
        3, observation=observation, dtype=dtype, num_slots=4, rounds_per_slot=5, measuring_reward=0.1, **network, **rules
    )
    seen, _ = env.reset(seed=0)
    generator, like = np.random.default_rng(0), torch.empty(0) if library == "torch" else None
    seen = [env.step(actions_of(env, generator)) for _ in range(7)][-1][0]  # from the middle of the second slot on
    before = env._blocks.powers.copy()
    game, mask = env.differentiable(like), env.config.user_mask[:, None, None, :]
    game.rewards(game._array(actions_of(env, np.random.default_rng(9))))
    assert np.array_equal(env._blocks.powers, before)
    game = env.differentiable(like)
    # What was rounded off grows from round to round, so that a game plays on from the environment's own in float32.
    tolerance = 4 * TOLERANCE[dtype]
    for turn in range(10):
        actions = actions_of(env, generator)
        observed = np.asarray(game.observations())
        np.testing.assert_allclose(observed * mask, seen * mask, rtol=1e-5, atol=2e-5)
        assert game.transmits.tolist() == [(turn + 7) % 5 == 4] * 3
        foreseen = env.differentiable_rewards(game._array(actions))
        rewards = game.rewards(game._array(actions))
        seen, played, *_ = env.step(actions)
        np.testing.assert_allclose(foreseen, played, rtol=10 * tolerance, atol=tolerance)
        np.testing.assert_allclose(rewards, played, rtol=10 * tolerance, atol=tolerance)
        np.testing.assert_allclose(game._rows.power_budget, env._blocks.power_budget, rtol=tolerance)
        if dtype == "float32":
            game = env.differentiable(like)


def test_rows_of_different_networks_play_as_alone() -> None:
    rules = {"num_iterations": 0, "action": "price", "rounds_per_slot": 2, "num_slots": 3, "dtype": "float64", "observation": "price"}
    changes: list[dict[str, Any]] = [{}, {"mean_gains": LOPSIDED["mean_gains"]}, {"snr_db": 10.0, "num_users": (4, 1, 3)}]
    envs = [MulticellVectorEnv(2, **{**UNEQUAL, **rules, **change}) for change in changes]
    for env in envs:
        env.reset(seed=0)
    stacked = DifferentiableGame.stack([env.differentiable(torch.empty(0)) for env in envs])
    assert len(stacked) == 6
    some = stacked.take([5, 0, 0])
    generator = np.random.default_rng(0)
    for _ in range(4):
        seen, of_some = np.asarray(stacked.observations()), np.asarray(some.observations())
        np.testing.assert_allclose(of_some, seen[[5, 0, 0]], rtol=1e-12, atol=1e-12)
        actions = torch.from_numpy(generator.uniform(-1, 1, (6, 3, 5, 4)))
        rates, chosen = stacked.step(actions), some.step(actions[[5, 0, 0]])
        np.testing.assert_allclose(chosen, rates[[5, 0, 0]], rtol=1e-12)
        for i, env in enumerate(envs):
            mask = env.config.user_mask[:, None, None, :]
            expected = env._observer.observe()
            np.testing.assert_allclose(seen[2 * i : 2 * i + 2] * mask, expected * mask, rtol=1e-5, atol=1e-5)
            played = env.step(actions[2 * i : 2 * i + 2].numpy())[4]["sum_rate"]
            np.testing.assert_allclose(rates[2 * i : 2 * i + 2], played, rtol=1e-10)


@EVERY_RULE
def test_gradients_through_rounds_and_slots_are_those_of_small_differences(rules: dict[str, Any]) -> None:
    env = MulticellVectorEnv(1, observation="price", dtype="float64", num_slots=3, rounds_per_slot=2, **LOPSIDED, **rules)
    env.reset(seed=0)
    low, high = env.config.action_limits
    generator = np.random.default_rng(1)
    actions = torch.from_numpy(generator.uniform(0.5 * low, 0.3 * high, (3, *env.action_space.shape)))  # type: ignore[arg-type]
    direction = torch.from_numpy(generator.standard_normal(actions.shape))

    def total(moved: torch.Tensor) -> torch.Tensor:
        game = env.differentiable(torch.empty(0))
        rates = [game.step(action + 0.01 * game.observations()[:, :, 3].mean()) for action in moved]
        return torch.stack(rates).sum()

    slope = torch.autograd.functional.vjp(total, actions)[1]
    step = 1e-6
    expected = (total(actions + step * direction) - total(actions - step * direction)) / (2 * step)
    assert expected.abs() > 1e-3
    assert (slope * direction).sum().item() == pytest.approx(expected.item(), rel=1e-4)


def test_what_has_no_gradients_is_refused() -> None:
    env = MulticellVectorEnv(1, num_iterations=0, measurement_error_db=1.0, observation="price")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"measurement_error_db must be 0.*got 1"):
        env.differentiable()
    env = MulticellVectorEnv(1)
    with pytest.raises(RuntimeError, match="no block"):
        env.differentiable()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="observation must be 'price' or 'gain' for gradients; got 'csi'"):
        env.differentiable()


def test_a_game_ends_with_its_blocks() -> None:
    env = MulticellVectorEnv(1, num_slots=1, rounds_per_slot=2, observation="gain")
    env.reset(seed=0)
    game = env.differentiable()
    for _ in range(2):
        assert not game.is_over
        game.step(np.zeros(env.action_space.shape))  # type: ignore[arg-type]
    assert game.is_over
    with pytest.raises(RuntimeError, match="A block has ended"):
        game.step(np.zeros(env.action_space.shape))  # type: ignore[arg-type]


def test_games_with_other_rules_are_not_stacked() -> None:
    games = []
    for rounds in (1, 2):
        env = MulticellVectorEnv(1, NetworkConfig(rounds_per_slot=rounds), observation="gain")
        env.reset(seed=0)
        games.append(env.differentiable())
    with pytest.raises(ValueError, match="games must be at least one, with the same"):
        DifferentiableGame.stack(games)
