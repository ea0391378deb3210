"""Training on a device: nothing leaves it in a step, TD3-MIX learns there as it does elsewhere, and a run goes on bit for bit."""

import numpy as np
import pytest
import torch
from checkpoint_files import reread
from games import MeetingGame
from host_copies import nothing_to_the_host

from agents import APGConfig, APGTraining, TD3MixConfig, TrainingConfig
from agents.on_device.host import check_device, module_on_the_host, on_the_host
from agents.on_device.td3_mix import DeviceTraining
from multicell_env import multicell_v0
from multicell_env.tensors import TorchVectorEnv

SMALL = {"num_bands": 3, "num_antennas": 3, "num_users": 2, "num_slots": 3, "num_iterations": 1}
LEARNERS = {
    "usual": TD3MixConfig(hidden_sizes=(8,), batch_size=8),
    "one-step": TD3MixConfig(hidden_sizes=(8,), batch_size=8, target="one-step", mixer="none", baseline="middle"),
    "reward": TD3MixConfig(hidden_sizes=(8,), batch_size=8, target="reward", mixer="sum", warm_up="actor", averaging=0.1),
}


def td3_mix(learner=LEARNERS["usual"], seed=0, num_envs=4, num_updates=2, **rules):
    rules = {"observation": "gain", **SMALL, **rules}
    length = TrainingConfig(num_envs=num_envs, num_updates=num_updates, warmup_steps=5, buffer_size=10 * num_envs, num_steps=100)
    return DeviceTraining(lambda: multicell_v0.parallel_env(**rules), TorchVectorEnv(num_envs, **rules), learner, length, seed=seed)


def apg(seed=0, **rules):
    rules = {"observation": "gain", **SMALL, **rules}
    envs = TorchVectorEnv(4, **rules)
    return APGTraining(lambda: multicell_v0.parallel_env(**rules), envs, APGConfig(hidden_sizes=(8,)), seed=seed)


def steps(run, count):
    for _ in range(count):
        run.step()
    return run


def weights(run):
    return torch.nn.utils.parameters_to_vector(run.actor.parameters()).detach().numpy()


@pytest.mark.parametrize("make", [apg, *(lambda one=one: td3_mix(one) for one in LEARNERS.values())], ids=["apg", *LEARNERS])
def test_a_step_of_training_copies_nothing_to_the_host(make):
    run = steps(make(), 1)
    before = weights(run).copy()
    with nothing_to_the_host():
        steps(run, 7)  # blocks begin within them
    assert not np.array_equal(weights(run), before)
    assert all(np.isfinite(loss) for loss in run.last_losses.values())


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=list(LEARNERS))
def test_a_saved_run_goes_on_bit_for_bit(learner):
    whole = weights(steps(td3_mix(learner), 11))
    state = reread(steps(td3_mix(learner), 4).state_dict())
    continued = td3_mix(learner, seed=5)
    continued.load_state_dict(state)
    assert continued.steps_done == 4
    assert continued.last_losses == state["last_losses"]
    np.testing.assert_array_equal(weights(steps(continued, 7)), whole)


def test_what_is_stored_is_what_was_played():
    run, alone = td3_mix(num_updates=1), TorchVectorEnv(4, observation="gain", **SMALL)
    seen, _ = alone.reset(seed=[int(seed) for seed in run.envs._seeds])
    run.warm_up()
    for turn in range(5):
        played = {name: run.replay.stored(name)[turn] for name in ("observation", "action", "reward", "following", "ended", "terminated")}
        assert torch.equal(played["observation"], seen)
        assert played["action"].abs().max() <= 1.0
        seen, rewards, _, over, infos = alone.step((played["action"] + 1.0) / 2.0)
        torch.testing.assert_close(played["reward"], rewards.sum(dim=-1))
        torch.testing.assert_close(played["following"], infos.get("final_obs", seen))
        assert torch.equal(played["ended"] > 0.5, over)
        assert not played["terminated"].any()
        assert over.all() == (turn == 2)


def test_rewards_less_those_of_the_middle_are_nothing_where_the_middle_is_played():
    run = td3_mix(LEARNERS["one-step"])
    run._random_actions = lambda: torch.zeros_like(run._middle)
    run.warm_up()
    assert torch.equal(run.replay.stored("reward"), torch.zeros(5, 4))


def test_targets_are_rewards_and_those_of_the_next_slot_where_there_is_one():
    learner = TD3MixConfig(hidden_sizes=(8,), batch_size=400, target="one-step", gamma=0.5)
    run = td3_mix(learner)
    run.warm_up()
    torch.manual_seed(3)
    batch = run._batch()
    torch.manual_seed(3)
    _, places = run.replay.draw(400)
    rewards, ended = run.replay.stored("reward"), run.replay.stored("ended")
    known = []
    for target, weight, place in zip(batch.returns, batch.weight, places.tolist(), strict=True):
        step, env = divmod(place, 4)
        follows = step != 4 and ended[step, env] == 0.0
        expected = rewards[step, env] + (0.5 * rewards[step + 1, env] if follows else 0.0)
        assert (target * run.algorithm.value_scale + run.algorithm.value_offset).item() == pytest.approx(expected.item(), rel=1e-4)
        known.append(follows)
        assert (weight > 0.0) == follows
    assert 0 < sum(known) < 400
    assert batch.weight.sum().item() == pytest.approx(1.0)


class MeetingTensors:
    """Eight meeting games as tensors."""

    num_envs, device, state_is_observation = 8, torch.device("cpu"), True

    def reset(self, *, seed):
        return torch.eye(2).expand(8, 2, 2).clone(), {}

    def step(self, actions):
        x, y = actions[:, 0, 0], actions[:, 1, 0]
        reward, over = 1.0 - (x - 0.4) ** 2 - (x + y) ** 2, torch.ones(8, dtype=torch.bool)
        observations = self.reset(seed=[])[0]
        infos = {"final_obs": observations.clone(), "_final_obs": over}
        return observations, torch.stack([reward, reward], dim=1), over, torch.zeros_like(over), infos


@pytest.mark.release
def test_td3_mix_finds_the_known_optimum_of_a_game_of_tensors():
    learner = TD3MixConfig(network="mlp", hidden_sizes=(32, 32), critic_learning_rate=2e-3, actor_learning_rate=2e-3, exploration_noise=0.2)
    run = DeviceTraining(MeetingGame, MeetingTensors(), learner, TrainingConfig(num_envs=8, num_steps=1000, buffer_size=4000))
    steps(run, 1000)
    with torch.no_grad():
        actions = run.actor(torch.eye(2)[None], None).flatten().numpy()
    np.testing.assert_allclose(actions, MeetingGame.BEST, atol=0.1)


def test_a_mixer_reads_no_state_that_is_not_observed():
    with pytest.raises(ValueError, match="on a device the mixer reads what is observed"):
        td3_mix(observation="csi")
    td3_mix(TD3MixConfig(hidden_sizes=(8,), network="mlp", mixer_state="observations"), observation="csi")


def test_a_replay_on_a_device_keeps_the_newest():
    run = steps(td3_mix(), 8)
    assert run.replay.num_stored == 10
    assert {place // 4 for place in run.replay.draw(2000)[1].tolist()} == set(range(10))
    newest = (5 + 8 - 1) % 10
    assert torch.equal(run.replay.stored("ended")[newest] > 0.5, torch.tensor([(5 + 8) % 3 == 0] * 4))
    follows = run.replay.following("reward", torch.tensor([4 * newest, 4 * 9 + 1]))
    assert follows[1].tolist() == [0.0, 1.0]
    assert follows[0][1] == run.replay.stored("reward")[0, 1]
    with pytest.raises(ValueError, match="room for 10 steps of 4"):
        run.replay.load_state_dict({"fields": {"reward": torch.zeros(11, 4)}, "newest": 0})


def test_what_is_on_the_host_stays_as_it_is():
    network = torch.nn.Linear(2, 1)
    assert module_on_the_host(network) is network
    meta = torch.nn.Linear(2, 1, device="meta")
    with pytest.raises(NotImplementedError):  # it has no numbers to copy
        module_on_the_host(meta)
    state = {"a": [torch.ones(2, requires_grad=True), 3], "b": (1, None)}
    assert not on_the_host(state)["a"][0].requires_grad
    assert on_the_host(state)["b"] == (1, None)


def test_a_device_that_is_not_there_is_refused():
    check_device("cpu")
    for device in ("cuda:99", "somewhere", "meta"):
        with pytest.raises(ValueError, match=f"--device must be a device that torch has here; got '{device}'"):
            check_device(device)
