"""TorchRL on a device: the batched environment passes its check, and plays the blocks of the environment that it is made of."""

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from tensordict import TensorDict
from torchrl.envs import check_env_specs

from multicell_env.adapters import torchrl_tensor_env
from multicell_env.adapters.torchrl import TorchRLTensorEnv
from multicell_env.tensors import TorchVectorEnv

SHAPES = [{}, {"observation": "csi", "dtype": "float64"}, {"observation": "price", "action": "price", "num_iterations": 0}]


@pytest.mark.parametrize("arguments", [*SHAPES, {"num_users": (2, 4, 3), "damping_in_action": True, "num_iterations": 1}])
def test_torchrls_own_check_passes_on_tensors(arguments):
    check_env_specs(torchrl_tensor_env(2, seed=0, num_slots=3, **arguments))


@pytest.mark.parametrize("arguments", SHAPES)
def test_a_rollout_on_tensors_plays_block_after_block(arguments):
    env = torchrl_tensor_env(2, seed=5, reward_scale=10.0, num_slots=3, **arguments)
    plain = TorchVectorEnv(2, num_slots=3, **{"observation": "gain", **arguments})
    torch.manual_seed(0)
    rollout = env.rollout(7, break_when_any_done=False)
    seen, _ = plain.reset(seed=5)
    for slot in range(7):
        now, after = rollout[:, slot], rollout["next"][:, slot]
        assert torch.equal(now["agents", "observation"], seen)
        assert torch.equal(now["state"], plain.state())
        seen, rewards, _, truncated, infos = plain.step(now["agents", "action"])
        torch.testing.assert_close(after["agents", "reward"][..., 0], rewards / 10.0)
        assert torch.equal(after["agents", "observation"], infos.get("final_obs", seen))
        assert torch.equal(after["done"][:, 0], truncated)
        assert torch.equal(after["agents", "truncated"][..., 0], truncated[:, None].expand(2, 3))
        assert not after["terminated"].any()
        assert truncated.all() == (slot % 3 == 2)


def test_a_reset_of_some_begins_anew_there_and_nowhere_else():
    env = torchrl_tensor_env(3, seed=0, num_slots=4)
    before = env.rand_step(env.reset())["next"]
    mask = torch.tensor([[False], [True], [False]])
    kept = TensorDict({**before.exclude("agents"), "agents": before["agents"].exclude("reward"), "_reset": mask}, batch_size=[3])
    now = env.reset(kept)
    changed = (now["agents", "observation"] != before["agents", "observation"]).flatten(1).any(dim=1)
    assert changed.tolist() == [False, True, False]
    for _ in range(3):
        now = env.rand_step(now.exclude("reward"))["next"]
    assert now["done"][:, 0].tolist() == [True, False, True]


def test_tensors_that_reset_themselves_are_refused():
    with pytest.raises(ValueError, match=r"leave resets to TorchRL; got AutoresetMode.SAME_STEP"):
        TorchRLTensorEnv(TorchVectorEnv(1))


@pytest.mark.parametrize("seed", [3])
def test_a_seed_of_torchrl_repeats_a_block(seed):
    env = torchrl_tensor_env(2)
    env.set_seed(seed)
    first, second = env.reset()["state"], env.reset()["state"]
    plain = TorchVectorEnv(2, observation="gain", autoreset_mode=AutoresetMode.DISABLED)
    np.testing.assert_array_equal(plain.reset(seed=seed)[0], first)
    assert not torch.equal(first, second)
