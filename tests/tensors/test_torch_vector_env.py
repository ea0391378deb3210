"""The environment on a device plays the kernels' game, resets itself, and copies nothing to the host in a step."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from host_copies import nothing_to_the_host
from random_games import compare, random_channels, rounding

from multicell_env.config import NetworkConfig
from multicell_env.tensors import TorchVectorEnv

RULES: list[dict[str, Any]] = [
    {"num_iterations": 2},
    {"num_iterations": 1, "negotiation": "pricing", "damping_in_action": True},
    {"num_iterations": 0, "action": "price", "observation": "price", "fairness": 1.0, "rounds_per_slot": 2},
]


def actions_of(env: TorchVectorEnv, seed: int = 0) -> torch.Tensor:
    low, high = env.config.action_limits
    shape = env.action_space.shape or ()
    return torch.from_numpy(np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32))


@pytest.mark.parametrize("seed", range(24))
def test_a_random_game_is_the_kernels_game(seed):
    assert max(compare(seed)[1]) < 1e-9
    assert max(compare(1000 + seed, "float32")[1][:3]) < 1e-5


@pytest.mark.release
def test_a_thousand_random_games_are_the_kernels_games():
    for seed in range(1000):
        game, apart = compare(seed)
        assert max(apart[:3]) < 1e-9, (seed, game.config, game.observation, apart)
        assert apart.plane < 1e-5, (seed, game.config, game.observation, apart)


@pytest.mark.release
def test_a_thousand_random_games_in_float32_differ_by_rounding():
    games, differences = zip(*(rounding(seed) for seed in range(1000)), strict=True)
    apart, of_tensors, of_kernels = np.array(differences).T
    few_iterations = np.array([game.config.num_iterations <= 5 for game in games])
    print(f"{few_iterations.sum()} games with k <= 5 differ by {apart[few_iterations].max():.1e} at most")
    for name, values in (("apart", apart), ("tensors from float64", of_tensors), ("kernels from float64", of_kernels)):
        print(f"{name}: {(values < 1e-5).sum()} games below 1e-5, {values.max():.1e} at most")
    assert apart[few_iterations].max() < 1e-5
    # What is rounded off grows from iteration to iteration where a game does not settle, in the kernels as in the tensors.
    assert (apart < 1e-5).mean() > 0.985
    assert apart.max() < 1e-3
    assert (of_tensors < 1e-5).mean() > (of_kernels < 1e-5).mean() - 0.005
    assert of_tensors.max() < 3.0 * of_kernels.max()


@pytest.mark.parametrize("rules", RULES)
def test_an_episode_is_followed_by_the_next_block_of_the_seed(rules):
    env, other = (TorchVectorEnv(2, num_slots=2, **rules) for _ in range(2))
    env.reset(seed=5)
    other.reset(seed=5)
    next_block, _ = other.reset()
    steps = [env.step(actions_of(env)) for _ in range(env.config.num_steps)]
    assert [step[3].tolist() for step in steps] == [[False] * 2] * (len(steps) - 1) + [[True] * 2]
    assert not any(step[2].any() for step in steps)
    assert torch.equal(steps[-1][0], next_block)
    assert "final_obs" not in steps[0][4]
    assert not torch.equal(steps[-1][4]["final_obs"], next_block)
    assert steps[-1][4]["_final_obs"].all()
    ahead = env.step(actions_of(env, 1))
    for one, two in zip(ahead[:2], other.step(actions_of(other, 1))[:2], strict=True):
        assert torch.equal(one, two)


def test_environments_out_of_step_reset_themselves_one_by_one():
    env = TorchVectorEnv(3, num_slots=3, observation="gain", num_iterations=1)
    env.reset(seed=0)
    env.step(actions_of(env))
    env.reset(options={"reset_mask": torch.tensor([False, True, False])})
    alone = TorchVectorEnv(1, num_slots=3, observation="gain", num_iterations=1)
    alone.reset(seed=1)
    seen = [alone.reset()[0]]
    for turn in range(4):
        planes, rewards, _, over, infos = env.step(actions_of(env, turn))
        mine, own_rewards, _, own_over, _ = alone.step(actions_of(env, turn)[1:2])
        torch.testing.assert_close(planes[1:2], mine)
        torch.testing.assert_close(rewards[1:2], own_rewards)
        assert over.tolist() == [turn == 1, bool(own_over), turn == 1]
        if turn == 1:
            assert infos["_final_obs"].tolist() == [True, False, True]
            torch.testing.assert_close(infos["final_obs"][1:2], mine)
        seen.append(mine)
    assert len({tensor[0, 0, 0].sum().item() for tensor in seen}) == 2  # two blocks, by their gains


def test_what_waits_for_a_reset_is_not_played():
    env = TorchVectorEnv(2, num_slots=1, autoreset_mode=AutoresetMode.DISABLED)
    with pytest.raises(RuntimeError, match="2 environments have no block"):
        env.step(actions_of(env))
    with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
        env.state()
    env.reset(seed=0, options={"reset_mask": np.array([True, False])})
    with pytest.raises(RuntimeError, match=r"1 environments have no block to play, the first \[1\]"):
        env.step(actions_of(env))
    env.reset(options={"reset_mask": np.array([False, True])})
    env.step(actions_of(env))
    with pytest.raises(RuntimeError, match="2 environments have no block"):
        env.step(actions_of(env))


@pytest.mark.parametrize("rules", RULES)
def test_a_step_and_the_next_block_ask_the_device_for_no_value(rules):
    env = TorchVectorEnv(3, num_slots=2, **rules)
    env.reset(seed=0)
    env.reset(options={"reset_mask": np.array([False, True, False])})
    actions = actions_of(env)
    with nothing_to_the_host():
        for _ in range(5):
            env.step(actions)
        env.state()
        env.hold()
    with pytest.raises(AssertionError, match="_local_scalar_dense"), nothing_to_the_host():
        actions.sum().item()
    with pytest.raises(AssertionError, match="numpy"), nothing_to_the_host():
        actions.numpy()


@pytest.mark.parametrize("rules", RULES)
def test_rewards_with_gradients_are_those_of_a_step(rules):
    env = TorchVectorEnv(2, num_slots=3, num_bands=3, dtype="float64", **rules)
    env.reset(seed=0)
    env.step(actions_of(env))
    actions = (0.3 * actions_of(env, 1)).double().requires_grad_()
    rewards = env.differentiable_rewards(actions)
    (slope,) = torch.autograd.grad(rewards.sum(), actions)
    direction = torch.from_numpy(np.random.default_rng(2).standard_normal(actions.shape))
    moved = [env.differentiable_rewards(actions.detach() + step * direction).sum() for step in (1e-6, -1e-6)]
    assert (slope * direction).sum().item() == pytest.approx((moved[0] - moved[1]).item() / 2e-6, rel=1e-4, abs=1e-6)
    torch.testing.assert_close(env.step(actions.detach())[1], rewards.detach())


def test_the_action_that_holds_opens_with_the_last_powers():
    for rules in ({"num_iterations": 0}, {"num_iterations": 0, "damping_in_action": True}):
        env = TorchVectorEnv(2, observation="gain", dtype="float64", **rules)
        env.reset(seed=0)
        power = env.step(actions_of(env))[4]["power"]
        torch.testing.assert_close(env.step(env.hold())[4]["power"], power, rtol=1e-6, atol=1e-6)


def test_the_state_is_the_gain_planes_of_all_cells():
    seeing = {kind: TorchVectorEnv(2, observation=kind) for kind in ("csi", "gain")}
    for env in seeing.values():
        env.reset(seed=0)
    assert torch.equal(seeing["csi"].state(), seeing["gain"].state())
    assert torch.equal(seeing["gain"].state(), seeing["gain"].step(actions_of(seeing["gain"]))[0]) is False
    assert seeing["gain"].state_is_observation
    assert not seeing["csi"].state_is_observation


def test_observations_and_infos_are_inside_their_spaces():
    for kind in ("csi", "gain", "price"):
        env = TorchVectorEnv(2, observation=kind, num_users=(1, 4, 2), rounds_per_slot=2)
        planes, infos = env.reset(seed=0)
        assert env.observation_space.contains(planes.numpy())
        assert set(infos) == {"power", "sum_rate", "transmitted"}
        planes, *_, infos = env.step(actions_of(env))
        assert env.observation_space.contains(planes.numpy())
        assert not infos["transmitted"].any()
        assert env.step(actions_of(env))[4]["transmitted"].all()


def test_what_is_wrong_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match=r"channel_model must be 'rayleigh' on a device; got 'redraw'"):
        TorchVectorEnv(1, channel_model="redraw")
    with pytest.raises(ValueError, match="measurement_error_db must be 0 on a device; got 1"):
        TorchVectorEnv(1, num_iterations=0, measurement_error_db=1.0)
    with pytest.raises(ValueError, match="autoreset_mode must be"):
        TorchVectorEnv(1, autoreset_mode=AutoresetMode.NEXT_STEP)
    env = TorchVectorEnv(2)
    env.reset(seed=0)
    with pytest.raises(TypeError, match="actions must be a tensor on cpu; got ndarray"):
        env.step(np.zeros((2, 3, 6, 4), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"actions must be .* of shape \(2, 3, 6, 4\); got \(2, 3, 6\)"):
        env.step(torch.zeros(2, 3, 6))
    channels = random_channels(NetworkConfig(), np.random.default_rng(0))
    with pytest.raises(ValueError, match="channels are given to all environments"):
        env.reset(options={"channels": channels, "reset_mask": np.array([True, False])})
    with pytest.raises(ValueError, match="channels must be of 2 blocks; got 1"):
        env.reset(options={"channels": channels[:1]})
    channels[1, 0, 0, 2, :, 1] = channels[1, 0, 0, 2, :, 0]
    with pytest.raises(ValueError, match="separate"):
        env.reset(options={"channels": channels})
