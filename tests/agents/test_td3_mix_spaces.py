"""Which spaces and hyperparameters TD3-MIX takes, and agents of different sizes."""

from typing import Any

import pytest
import torch
from games import MeetingGame

from agents import JointEnv, TD3Mix, TD3MixConfig, Training, TrainingConfig
from agents.networks import SetStateEncoder
from multicell_env import multicell_v0


def game() -> JointEnv:
    return JointEnv(MeetingGame())


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def test_the_set_family_refuses_spaces_that_are_not_image_like():
    with pytest.raises(ValueError, match=r"set.*plane, band, user.*mlp"):
        TD3Mix(game(), TD3MixConfig(network="set"))


@pytest.mark.parametrize("network", ["set", "mlp"])
@pytest.mark.parametrize(("observation", "damping_in_action"), [("gain", False), ("gain", True), ("csi", False)])
def test_agents_with_different_numbers_of_users_are_learned_on(network, observation, damping_in_action):
    def make() -> Any:
        game = {"observation": observation, "damping_in_action": damping_in_action}
        return multicell_v0.parallel_env(num_users=(2, 4, 1), num_slots=3, **game)

    learner = TD3MixConfig(network=network, hidden_sizes=(8,), batch_size=8)
    training = Training(make, learner, TrainingConfig(num_envs=2, warmup_steps=4, num_steps=4))
    before = weights(training.algorithm.policy.actor)
    for _ in range(4):
        training.step()
    after = weights(training.algorithm.policy.actor)
    assert torch.isfinite(after).all()
    assert not torch.equal(before, after)


@pytest.mark.parametrize("damping_in_action", [False, True])
def test_padded_entries_of_an_action_move_no_value(damping_in_action):
    env = JointEnv(multicell_v0.parallel_env(observation="gain", num_users=(2, 4, 1), damping_in_action=damping_in_action))
    observation = {key: torch.from_numpy(value)[None] for key, value in env.reset(seed=0)[0].items()}
    action = torch.rand(1, *env.action_space.shape)
    other = torch.where(torch.from_numpy(env.action_mask), action, -action)
    for network in ("set", "mlp"):
        algorithm = TD3Mix(env, TD3MixConfig(network=network, hidden_sizes=(8,)))
        torch.testing.assert_close(algorithm.critic(observation, action), algorithm.critic(observation, other))
        assert isinstance(algorithm.critic.state_encoder, SetStateEncoder) == (network == "set")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_sizes", ()),
        ("mixing_size", 0),
        ("mixing_layers", 0),
        ("mixer_state", "csi"),
        ("target", "return"),
        ("batch_size", 0),
        ("actor_delay", 0),
        ("exploration_noise", -1.0),
        ("actor_penalty", float("nan")),
        ("critic_learning_rate", 0.0),
        ("actor_learning_rate", -1.0),
        ("gamma", 1.0),
        ("tau", 0.0),
        ("network", "cnn"),
        ("actor_gradient", "none"),
        ("mixer", "vdn"),
        ("num_critics", 3),
    ],
)
def test_bad_hyperparameters_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"{field}.*got.*(Give|Try|Choose)"):
        TD3MixConfig(**{field: value})
