"""Actors, critics and the mixer."""

from copy import deepcopy

import pytest
import torch

from agents.networks import FlatStateEncoder, MLPCritic, MonotonicMixer, SetActor, SetCritic, SetStateEncoder
from agents.set_linear import TwinLinear

PLANES, BANDS, USERS, AGENTS = 3, 5, 4, 3


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_permuting_bands_and_users_permutes_the_set_actors_action():
    actor = SetActor(PLANES, (8, 8))
    observation = torch.randn(2, AGENTS, PLANES, BANDS, USERS)
    bands, users = torch.randperm(BANDS), torch.randperm(USERS)
    permuted = observation[..., bands, :][..., users]
    torch.testing.assert_close(actor(permuted), actor(observation)[..., bands, :][..., users])


def test_permuting_bands_and_users_leaves_the_set_critics_values():
    critic = SetCritic(PLANES, (8, 8))
    observation, action = torch.randn(2, AGENTS, PLANES, BANDS, USERS), torch.rand(2, AGENTS, BANDS, USERS)
    bands, users = torch.randperm(BANDS), torch.randperm(USERS)
    permuted = critic(observation[..., bands, :][..., users], action[..., bands, :][..., users])
    assert permuted.shape == (2, 2, AGENTS)
    torch.testing.assert_close(permuted, critic(observation, action))


def test_padded_users_change_nothing_whatever_stands_in_their_place():
    actor, critic = SetActor(PLANES, (8, 8)), SetCritic(PLANES, (8, 8))
    state_encoder = SetStateEncoder(PLANES, (8,))
    observation, action = torch.randn(2, 1, PLANES, BANDS, USERS), torch.rand(2, 1, BANDS, USERS)
    real = 2
    mask = torch.zeros(1, BANDS, USERS, dtype=torch.bool)
    mask[..., :real] = True
    torch.testing.assert_close(actor(observation, mask)[..., :real], actor(observation[..., :real]))
    torch.testing.assert_close(critic(observation, action, mask), critic(observation[..., :real], action[..., :real]))
    torch.testing.assert_close(state_encoder(observation, mask), state_encoder(observation[..., :real]))


def test_padded_bands_change_nothing_either():
    actor = SetActor(PLANES, (8, 8))
    observation = torch.randn(2, 1, PLANES, BANDS, USERS)
    mask = torch.zeros(1, BANDS, USERS, dtype=torch.bool)
    mask[:, :3, :2] = True
    torch.testing.assert_close(actor(observation, mask)[..., :3, :2], actor(observation[..., :3, :2]))


def test_the_same_set_actor_serves_any_number_of_agents_bands_and_users():
    actor = SetActor(PLANES, (8, 8))
    assert actor(torch.randn(AGENTS, PLANES, BANDS, USERS)).shape == (AGENTS, BANDS, USERS)
    assert actor(torch.randn(5, PLANES, 12, 16)).shape == (5, 12, 16)


def test_actions_stay_within_minus_one_and_one():
    assert SetActor(PLANES, (8,))(1e3 * torch.randn(AGENTS, PLANES, BANDS, USERS)).abs().max() <= 1.0


@pytest.mark.parametrize("seed", range(5))
def test_the_mixed_value_never_falls_when_an_agents_value_rises(seed):
    torch.manual_seed(seed)
    mixer = MonotonicMixer(8, 16)
    cases = (
        (SetStateEncoder(PLANES, (8,)), torch.randn(32, AGENTS, PLANES, BANDS, USERS)),
        (FlatStateEncoder((7,), AGENTS, 8), torch.randn(32, 7)),
    )
    for encoder, state in cases:
        values = (10 * torch.randn(2, 32, AGENTS)).requires_grad_()
        (slopes,) = torch.autograd.grad(mixer(values, encoder(state)).sum(), values)
        assert slopes.min() >= 0.0
        assert slopes.max() > 0.0


def test_the_mixer_does_weigh_agents_by_the_state():
    mixer, encoder = MonotonicMixer(8, 16), FlatStateEncoder((7,), AGENTS, 8)
    values = torch.zeros(2, 2, AGENTS, requires_grad=True)
    (slopes,) = torch.autograd.grad(mixer(values, encoder(torch.randn(2, 7))).sum(), values)
    assert not torch.allclose(slopes[:, 0], slopes[:, 1])
    assert not torch.allclose(slopes[..., 0], slopes[..., 1])


def one_of(twins: torch.nn.Module, index: int) -> torch.nn.Module:
    """A network whose both twins are one twin of another."""
    copy = deepcopy(twins)
    for parameter in copy.parameters():
        parameter.data.copy_(parameter.data[index].clone())
    return copy


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("critic", [SetCritic(PLANES, (8, 8)), MLPCritic((PLANES, BANDS, USERS), (BANDS, USERS), (8, 8))])
def test_twin_critics_are_two_critics_that_know_nothing_of_each_other(critic, masked):
    observation, action = torch.randn(2, AGENTS, PLANES, BANDS, USERS), torch.rand(2, AGENTS, BANDS, USERS)
    mask = torch.rand(AGENTS, BANDS, USERS) < 0.7 if masked else None
    values = critic(observation, action, mask)
    assert not torch.allclose(*values)
    torch.testing.assert_close(critic(observation, action, mask, twins=1), values[:1])
    for index in range(2):
        torch.testing.assert_close(one_of(critic, index)(observation, action, mask), values[[index, index]])


def test_twin_mixers_are_two_mixers_that_know_nothing_of_each_other():
    mixer, values, features = MonotonicMixer(8, 16), torch.randn(2, 4, AGENTS), torch.randn(2, 4, AGENTS, 8)
    mixed = mixer(values, features)
    assert not torch.allclose(*mixed)
    for index in range(2):
        torch.testing.assert_close(one_of(mixer, index)(values, features)[index], mixed[index])


def test_a_twin_linear_layer_is_two_linear_layers_that_begin_as_torchs_own():
    torch.manual_seed(3)
    layer = TwinLinear(4, 5)
    torch.manual_seed(3)
    alone = [torch.nn.Linear(4, 5) for _ in range(2)]
    x = torch.randn(2, 3, 7, 4)
    torch.testing.assert_close(layer(x), torch.stack([linear(own) for linear, own in zip(alone, x, strict=True)]))
