"""TorchRL: the batched environment passes its check, plays the same game, and begins anew where it is told to."""

import warnings

import numpy as np
import pytest
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule
from torchrl.envs import RewardSum, TransformedEnv, check_env_specs
from torchrl.modules import MultiAgentMLP

from multicell_env import MulticellEnv, MulticellVectorEnv
from multicell_env.adapters import row_env, torchrl_env, torchrl_policy
from multicell_env.adapters.torchrl import TorchRLEnv
from multicell_env.evaluation.playing import draw_blocks, play

with warnings.catch_warnings():
    # TorchRL derives from a class of its own that it has deprecated. Nothing of ours.
    warnings.filterwarnings("ignore", "Creating .* which inherits from WeightUpdaterBase", DeprecationWarning)
    from torchrl.collectors import Collector

SHAPES = [{}, {"observation": "csi"}, {"num_users": (2, 4, 3)}, {"damping_in_action": True}, {"flatten": False}]


def linear_actor(num_inputs: int, num_outputs: int) -> TensorDictModule:
    """An actor that writes what a policy of TorchRL writes."""
    torch.manual_seed(0)
    network = MultiAgentMLP(num_inputs, num_outputs, n_agents=3, centralised=False, share_params=False, depth=1, num_cells=8)
    module = torch.nn.Sequential(network, torch.nn.Tanh())
    return TensorDictModule(module, in_keys=[("agents", "observation")], out_keys=[("agents", "action")])


@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("arguments", SHAPES)
def test_torchrls_own_check_passes(arguments, num_envs):
    check_env_specs(torchrl_env(num_envs, seed=0, **arguments))


@pytest.mark.parametrize("arguments", SHAPES)
def test_a_rollout_plays_the_blocks_of_the_vector_environment_one_after_another(arguments):
    env = torchrl_env(2, seed=5, reward_scale=10.0, **arguments)
    kept = {"observation": "gain"} | {key: value for key, value in arguments.items() if key != "flatten"}
    plain = MulticellVectorEnv(2, **kept)
    real = plain.config.user_mask[:, None, None, :]
    torch.manual_seed(0)
    rollout = env.rollout(25, break_when_any_done=False)
    seen, _ = plain.reset(seed=5)
    for slot in range(25):
        now, after = rollout[:, slot], rollout["next"][:, slot]
        shape = now["agents", "observation"].shape
        np.testing.assert_array_equal(now["agents", "observation"], (seen * real).reshape(shape))
        np.testing.assert_array_equal(now["state"], (plain.state() * real).reshape(now["state"].shape))
        fractions = (now["agents", "action"].numpy() + 1.0) / 2.0
        seen, rewards, _, truncated, infos = plain.step(fractions.reshape(plain.action_space.shape))
        np.testing.assert_allclose(after["agents", "reward"][..., 0], rewards / 10.0, rtol=1e-6)
        last = infos["final_obs"] if truncated.all() else seen
        np.testing.assert_array_equal(after["agents", "observation"], (last * real).reshape(shape))
        for name, expected in (("done", truncated), ("truncated", truncated), ("terminated", np.zeros(2, bool))):
            np.testing.assert_array_equal(after[name][:, 0], expected)
            np.testing.assert_array_equal(after["agents", name][..., 0], np.repeat(expected[:, None], 3, axis=1))


def test_an_environment_of_the_batch_is_the_single_one_of_its_seed():
    env, single = torchrl_env(2, seed=9), MulticellEnv(observation="gain")
    rollout = env.rollout(10)
    observations, _ = single.reset(seed=10)
    for slot in range(10):
        for cell, agent in enumerate(single.possible_agents):
            np.testing.assert_array_equal(rollout["agents", "observation"][1, slot, cell], observations[agent].reshape(-1))
        fractions = (rollout["agents", "action"][1, slot].numpy() + 1.0) / 2.0
        observations, *_ = single.step({f"bs_{cell}": fractions[cell].reshape(6, 4) for cell in range(3)})


def test_a_seed_repeats_a_block_and_the_next_reset_goes_on():
    env = torchrl_env(2)
    env.set_seed(3)
    first, second = env.reset()["state"], env.reset()["state"]
    env.set_seed(3)
    np.testing.assert_array_equal(env.reset()["state"], first)
    np.testing.assert_array_equal(torchrl_env(2, seed=3).reset()["state"], first)
    assert not torch.equal(first, second)


def test_a_partial_reset_begins_anew_where_it_is_told_to_and_nowhere_else():
    env = torchrl_env(3, seed=0)
    td = env.rand_step(env.reset())["next"]
    mask = torch.tensor([[False], [True], [False]])
    again = env.reset(TensorDict({**td.exclude("agents"), "agents": td["agents"].exclude("reward"), "_reset": mask}, batch_size=[3]))
    changed = (again["agents", "observation"] != td["agents", "observation"]).flatten(1).any(dim=1)
    assert changed.tolist() == [False, True, False]
    # Environment 1 alone has all of its block before it.
    for _ in range(9):
        td = env.rand_step(again)["next"]
    assert td["done"][:, 0].tolist() == [True, False, True]
    assert td["agents", "done"][..., 0].all(dim=1).tolist() == [True, False, True]


def test_a_mask_of_the_agents_alone_resets_their_environments():
    env = torchrl_env(3, seed=0)
    before = env.rand_step(env.reset())["next"]
    masked = before.clone()
    masked["agents", "_reset"] = torch.tensor([False, True, False]).reshape(3, 1, 1).expand(3, 3, 1).clone()
    after = env.reset(masked)
    changed = (after["agents", "observation"] != before["agents", "observation"]).flatten(1).any(dim=1)
    assert changed.tolist() == [False, True, False]


def test_nothing_that_a_step_returned_changes_afterwards():
    env = torchrl_env(2, seed=0)
    kept = env.rand_step(env.reset())
    copy = kept.clone()
    for _ in range(3):
        env.rand_step(kept["next"].clone())
    assert bool((kept == copy).all())


def test_a_collector_gathers_blocks_and_their_returns():
    env = TransformedEnv(torchrl_env(4, seed=0), RewardSum(in_keys=[("agents", "reward")], out_keys=[("agents", "episode_reward")]))
    collector = Collector(env, linear_actor(72, 24), frames_per_batch=80, total_frames=160, auto_register_policy_transforms=False)
    batches = list(collector)
    collector.shutdown()
    assert [batch.shape for batch in batches] == [torch.Size([4, 20])] * 2
    rewards, totals = batches[0]["next", "agents", "reward"], batches[0]["next", "agents", "episode_reward"]
    torch.testing.assert_close(totals[:, 9], rewards[:, :10].sum(dim=1))
    torch.testing.assert_close(totals[:, 19], rewards[:, 10:].sum(dim=1))


@pytest.mark.parametrize("arguments", [{}, {"num_users": (2, 4, 3)}, {"num_users": (2, 4, 3), "damping_in_action": True}])
def test_a_policy_plays_what_it_plays_in_its_environment(arguments):
    env = torchrl_env(2, seed=7, **arguments)
    spec = env.full_action_spec["agents", "action"]
    actor = linear_actor(72, spec.shape[-1])
    rewards = env.rollout(10, actor)["next", "agents", "reward"].mean(dim=2).squeeze(-1)
    policy = torchrl_policy(actor)
    played = play(policy, draw_blocks(env.rows.env.config, 2, 7), "gain", batched=True)
    np.testing.assert_allclose(played, rewards, rtol=1e-3)  # float32 in another order, and the game repeats small differences


def test_environments_that_reset_themselves_are_refused():
    with pytest.raises(ValueError, match=r"leave resets to TorchRL; got AutoresetMode.SAME_STEP"):
        TorchRLEnv(row_env(1))
