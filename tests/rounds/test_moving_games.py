"""The differentiable game on channels that move, and in slots that restart, plays the environment's own rounds."""

from typing import Any

import numpy as np
import pytest
import torch

from multicell_env import MulticellVectorEnv
from multicell_env.differentiable import DifferentiableGame

SMALL: dict[str, Any] = {
    "num_antennas": 4,
    "num_users": (2, 4, 1),
    "num_bands": 5,
    "num_slots": 4,
    "rounds_per_slot": 3,
    "num_iterations": 0,
    "action": "price",
    "measuring_reward": 0.1,
    "dtype": "float64",
    "observation": "price",
}
GAMES: dict[str, dict[str, Any]] = {
    "restart": {"restart": True},
    "fading": {"channel_model": "fading:speed_kmh=30"},
    "redraw, estimated": {"channel_model": "redraw+estimated:error_db=-10"},
    "fading, going on": {"channel_model": "fading", "restart": False},
    "fading, fair": {"channel_model": "fading:speed_kmh=30", "fairness": 1.0},
    "redraw, going on, fair": {"channel_model": "redraw", "restart": False, "fairness": 2.0},
    "powers": {"channel_model": "fading", "action": "powers", "num_iterations": 2, "negotiation": "pricing"},
}
EVERY_GAME = pytest.mark.parametrize("changes", [pytest.param(changes, id=name) for name, changes in GAMES.items()])
ROUNDS = SMALL["num_slots"] * SMALL["rounds_per_slot"]


def actions_of(env: MulticellVectorEnv, generator: np.random.Generator) -> np.ndarray:
    return generator.uniform(*env.config.action_limits, env.action_space.shape)  # type: ignore[arg-type]


def begun(count: int = 3, **changes: Any) -> MulticellVectorEnv:
    env = MulticellVectorEnv(count, **(SMALL | changes))
    env.reset(seed=0)
    return env


@EVERY_GAME
@pytest.mark.parametrize("played", [0, 4])
@pytest.mark.parametrize("library", ["torch", "numpy"])
def test_all_rounds_to_the_end_are_the_environments_own(changes: dict[str, Any], played: int, library: str) -> None:
    env, generator = begun(**changes), np.random.default_rng(0)
    seen = env._observer.observe()
    for _ in range(played):
        seen, *_ = env.step(actions_of(env, generator))
    game = env.differentiable(torch.empty(0) if library == "torch" else None)
    mask = env.config.user_mask[:, None, None, :]
    for _ in range(played, ROUNDS):
        np.testing.assert_allclose(np.asarray(game.observations()) * mask, seen * mask, rtol=1e-5, atol=2e-5)
        actions = actions_of(env, generator)
        foreseen = env.differentiable_rewards(game._array(actions))
        rewards = game.rewards(game._array(actions))
        seen, paid, *_ = env.step(actions)
        np.testing.assert_allclose(rewards, paid, rtol=1e-9)
        np.testing.assert_allclose(foreseen, paid, rtol=1e-9)
        if not game.is_over:  # the environment has begun another block by then
            np.testing.assert_allclose(game._rows.power_budget, env._blocks.power_budget, rtol=1e-9)
    assert game.is_over


def test_a_game_of_moving_channels_leaves_the_environment_where_it_is() -> None:
    env, twin = begun(channel_model="redraw+estimated"), begun(channel_model="redraw+estimated")
    game = env.differentiable(torch.empty(0))
    for turn in range(ROUNDS):
        actions = actions_of(env, np.random.default_rng(turn))
        game.rewards(torch.from_numpy(actions))
        for one, other in zip(env.step(actions)[:2], twin.step(actions)[:2], strict=True):
            assert np.array_equal(one, other)


def test_rows_of_several_networks_that_move_play_as_alone() -> None:
    lopsided = {"mean_gains": ((2.0, 0.0, 0.7), (0.5, 0.3, 0.0), (1.5, 0.0, 1.0))}
    envs = [begun(2, channel_model="fading:speed_kmh=30+estimated", **change) for change in ({}, lopsided, {"num_slots": 3})]
    stacked = DifferentiableGame.stack([env.differentiable(torch.empty(0)) for env in envs])
    some, generator = stacked.take([5, 0, 0, 2]), np.random.default_rng(0)
    for turn in range(9):
        actions = torch.from_numpy(generator.uniform(-1.0, 1.0, (6, 3, 5, 4)))
        rewards, chosen = stacked.rewards(actions), some.rewards(actions[[5, 0, 0, 2]])
        np.testing.assert_allclose(chosen, rewards[[5, 0, 0, 2]], rtol=1e-10)
        for i, env in enumerate(envs):
            rows = slice(2 * i, 2 * i + 2)
            np.testing.assert_allclose(rewards[rows], env.step(actions[rows].numpy())[1], rtol=1e-9)
        if turn == 4:
            some = stacked.take([5, 0, 0, 2]).at(some.progress())


@EVERY_GAME
def test_gradients_through_slots_that_restart_are_those_of_small_differences(changes: dict[str, Any]) -> None:
    env, generator = begun(1, **changes), np.random.default_rng(1)
    low, high = env.config.action_limits
    actions = torch.from_numpy(generator.uniform(0.5 * low, 0.3 * high, (7, *env.action_space.shape)))  # type: ignore[arg-type]
    direction = torch.from_numpy(generator.standard_normal(actions.shape))

    def total(moved: torch.Tensor) -> torch.Tensor:
        game = env.differentiable(torch.empty(0))
        return torch.stack([game.step(action + 0.01 * game.observations()[:, :, 3].mean()) for action in moved]).sum()

    slope = torch.autograd.functional.vjp(total, actions)[1]
    step = 1e-6
    expected = (total(actions + step * direction) - total(actions - step * direction)) / (2 * step)
    assert expected.abs() > 1e-3
    assert (slope * direction).sum().item() == pytest.approx(expected.item(), rel=1e-4)


def test_games_that_restart_and_games_that_go_on_are_not_stacked() -> None:
    games = [begun(1, restart=restart).differentiable() for restart in (True, False)]
    with pytest.raises(ValueError, match="restart and move alike"):
        DifferentiableGame.stack(games)


def test_a_reward_with_gradients_draws_nothing_ahead() -> None:
    env = begun(channel_model="fading")
    game = DifferentiableGame(env._blocks, to_the_end=False)
    for _ in range(SMALL["rounds_per_slot"]):
        assert not game.is_over
        game.step(np.zeros(env.action_space.shape))  # type: ignore[arg-type]
    assert game.is_over
