"""Actors, critics and the mixer."""

import pytest
import torch

from agents.networks import FlatStateEncoder, MonotonicMixer, SetActor, SetCritic, SetStateEncoder
from agents.set_linear import SetLinear

PLANES, BANDS, USERS, AGENTS = 3, 5, 4, 3


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_a_set_layer_is_a_linear_layer_on_each_token_and_its_three_means():
    layer = SetLinear(PLANES, 2)
    x = torch.randn(BANDS, USERS, PLANES)
    y = layer(x)
    for f in range(BANDS):
        for u in range(USERS):
            expected = layer.token.weight @ x[f, u] + layer.token.bias
            expected = expected + layer.over_users.weight @ (sum(x[f, v] for v in range(USERS)) / USERS)
            expected = expected + layer.over_bands.weight @ (sum(x[g, u] for g in range(BANDS)) / BANDS)
            expected = expected + layer.over_both.weight @ (sum(x[g, v] for g in range(BANDS) for v in range(USERS)) / (BANDS * USERS))
            torch.testing.assert_close(y[f, u], expected)


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
        values = (10 * torch.randn(32, AGENTS)).requires_grad_()
        (slopes,) = torch.autograd.grad(mixer(values, encoder(state)).sum(), values)
        assert slopes.min() >= 0.0
        assert slopes.max() > 0.0


def test_the_mixer_does_weigh_agents_by_the_state():
    mixer, encoder = MonotonicMixer(8, 16), FlatStateEncoder((7,), AGENTS, 8)
    values = torch.zeros(2, AGENTS, requires_grad=True)
    (slopes,) = torch.autograd.grad(mixer(values, encoder(torch.randn(2, 7))).sum(), values)
    assert not torch.allclose(slopes[0], slopes[1])
    assert not torch.allclose(slopes[:, 0], slopes[:, 1])
