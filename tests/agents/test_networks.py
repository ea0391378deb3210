"""Actors, critics and the mixer."""

import math
from copy import deepcopy

import pytest
import torch

from agents.networks import FlatStateEncoder, MLPCritic, MonotonicMixer, SetActor, SetCritic, SetStateEncoder
from agents.set_linear import SetLinear, TwinLinear, to_tokens

PLANES, BANDS, USERS, AGENTS, BATCH = 3, 5, 4, 3, 2


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


@pytest.mark.parametrize("mask_axes", [None, 3, 4])
def test_actions_with_planes_are_read_and_written_by_the_same_set_family(mask_axes):
    actor, critic = SetActor(PLANES, (8, 8), (2,)), SetCritic(PLANES, (8, 8), (2,))
    observation, action = torch.randn(2, AGENTS, PLANES, BANDS, USERS), torch.rand(2, AGENTS, 2, BANDS, USERS)
    real = USERS if mask_axes is None else 2
    mask = None if mask_axes is None else torch.zeros(AGENTS, 2, BANDS, USERS, dtype=torch.bool)
    if mask is not None:
        mask[..., :real] = True
        mask = mask[:, 0] if mask_axes == 3 else mask
    assert actor(observation, mask).shape == action.shape
    bands, users = torch.randperm(BANDS), torch.randperm(real)
    permuted, moved = (array[..., bands, :][..., users] for array in (observation, action))
    torch.testing.assert_close(actor(permuted), actor(observation, mask)[..., bands, :][..., users])
    assert critic(permuted, moved).shape == (2, 2, AGENTS)
    torch.testing.assert_close(critic(permuted, moved), critic(observation, action, mask))


def test_only_the_first_plane_of_preferences_is_centred_over_the_bands():
    preferences = SetActor(PLANES, (8, 8), (2,)).preferences(torch.randn(2, AGENTS, PLANES, BANDS, USERS))
    means = preferences.mean(dim=-2)
    torch.testing.assert_close(means[..., 0, :], torch.zeros(2, AGENTS, USERS), atol=1e-6, rtol=0.0)
    assert means[..., 1, :].abs().min() > 1e-3


def test_the_set_critic_sees_every_plane_of_an_action():
    action = torch.rand(2, AGENTS, 2, BANDS, USERS, requires_grad=True)
    SetCritic(PLANES, (8, 8), (2,))(torch.randn(2, AGENTS, PLANES, BANDS, USERS), action).sum().backward()
    assert torch.all(action.grad.abs().amax(dim=(0, 1, 3, 4)) > 0.0)


def test_actions_stay_within_minus_one_and_one():
    assert SetActor(PLANES, (8,))(1e3 * torch.randn(AGENTS, PLANES, BANDS, USERS)).abs().max() <= 1.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("is_residual", [False, True])
def test_the_mixed_value_never_falls_when_an_agents_value_rises(seed, num_layers, is_residual):
    torch.manual_seed(seed)
    mixer = MonotonicMixer(8, 16, num_layers, is_residual=is_residual)
    cases = (
        (SetStateEncoder(PLANES, (8,)), torch.randn(32, AGENTS, PLANES, BANDS, USERS)),
        (FlatStateEncoder((7,), AGENTS, (8,)), torch.randn(32, 7)),
        (FlatStateEncoder((7,), AGENTS, (8, 8), in_parts=True), torch.randn(32, AGENTS, 7)),
    )
    for encoder, state in cases:
        values = (10 * torch.randn(2, 32, AGENTS)).requires_grad_()
        (slopes,) = torch.autograd.grad(mixer(values, encoder(state)).sum(), values)
        assert slopes.min() >= 0.0
        assert slopes.max() > 0.0


def test_the_mixer_does_weigh_agents_by_the_state():
    mixer, encoder = MonotonicMixer(8, 16), FlatStateEncoder((7,), AGENTS, (8,))
    values = torch.zeros(2, 2, AGENTS, requires_grad=True)
    (slopes,) = torch.autograd.grad(mixer(values, encoder(torch.randn(2, 7))).sum(), values)
    assert not torch.allclose(slopes[:, 0], slopes[:, 1])
    assert not torch.allclose(slopes[..., 0], slopes[..., 1])


def test_a_residual_mixer_weighs_agents_within_bounds():
    mixer, encoder = MonotonicMixer(8, 16, 2, is_residual=True), FlatStateEncoder((7,), AGENTS, (8,))
    values, state = torch.randn(2, 32, AGENTS, requires_grad=True), torch.randn(32, 7)
    optimiser = torch.optim.Adam([*mixer.parameters(), *encoder.parameters()], 1e-2)
    for _ in range(50):
        optimiser.zero_grad()
        loss = (mixer(values.detach(), encoder(state)) - 2.0 * values.detach()[..., 0]).square().mean()
        loss.backward()
        optimiser.step()
    (slopes,) = torch.autograd.grad(mixer(values, encoder(state)).sum(), values)
    assert slopes.min() >= 1.0 / AGENTS - 1e-6
    assert slopes.sum(dim=-1).max() <= 2.0 + 1e-5
    assert slopes[..., 0].mean() > slopes[..., 1:].mean() + 0.1


def test_masks_of_every_row_are_those_of_the_rows_alone():
    actor, critic, encoder = SetActor(PLANES, (8, 8)), SetCritic(PLANES, (8, 8)), SetStateEncoder(PLANES, (8,))
    observation, action = torch.randn(2, AGENTS, PLANES, BANDS, USERS), torch.rand(2, AGENTS, BANDS, USERS)
    masks = torch.rand(2, AGENTS, BANDS, USERS) < 0.7
    for row in range(2):
        one = slice(row, row + 1)
        torch.testing.assert_close(actor(observation, masks)[one], actor(observation[one], masks[row]))
        torch.testing.assert_close(critic(observation, action, masks)[:, one], critic(observation[one], action[one], masks[row]))
        torch.testing.assert_close(encoder(observation, masks)[:, one], encoder(observation[one], masks[row]))


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


def test_a_mixer_of_two_hidden_layers_is_what_one_computes_by_hand():
    mixer, values, features = MonotonicMixer(4, 5, 2), torch.randn(2, 1, AGENTS), torch.randn(2, 1, AGENTS, 4)
    mixed = mixer(values, features)
    mixer.requires_grad_(False)

    def layer(linear, twin, inputs):
        return [
            sum(float(w) * float(x) for w, x in zip(row, inputs, strict=True)) + float(b)
            for row, b in zip(linear.weight[twin], linear.bias[twin, 0], strict=True)
        ]

    def elu(x):
        return x if x > 0 else math.exp(x) - 1.0

    for twin in range(2):
        own = features[twin, 0].tolist()
        network = [sum(column) / AGENTS for column in zip(*own, strict=True)]
        rows, bias = [layer(mixer.first_weights, twin, of_agent) for of_agent in own], layer(mixer.first_bias, twin, network)
        first = [elu(sum(abs(rows[a][i]) * float(values[twin, 0, a]) for a in range(AGENTS)) + bias[i]) for i in range(5)]
        square, bias = layer(mixer.weights[0], twin, network), layer(mixer.biases[0], twin, network)
        second = [elu(sum(abs(square[5 * i + j]) * first[i] for i in range(5)) + bias[j]) for j in range(5)]
        last, (offset,) = layer(mixer.last_weights, twin, network), layer(mixer.last_bias[0], twin, network)
        assert mixed[twin, 0].item() == pytest.approx(sum(abs(w) * h for w, h in zip(last, second, strict=True)) + offset, rel=1e-4)


def test_an_encoder_of_parts_reads_each_agents_own_and_tells_the_agents_apart():
    encoder = FlatStateEncoder((2, 3), AGENTS, (8, 6), in_parts=True)
    state = torch.randn(1, 1, 2, 3).expand(4, AGENTS, 2, 3).clone().requires_grad_()
    features = encoder(state)
    assert features.shape == (2, 4, AGENTS, 6)
    assert not torch.allclose(features[:, :, 0], features[:, :, 1])
    (slopes,) = torch.autograd.grad(features[:, :, 1].sum(), state)
    assert slopes[:, 1].abs().max() > 0.0
    assert slopes[:, [0, 2]].abs().max() == 0.0


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_the_gradients_of_twin_layers_are_those_of_plain_ones(copies, bias):
    twins, x = TwinLinear(5, 4, bias), torch.randn(copies, 3, 2, 5, requires_grad=True)
    weigh = torch.randn(copies, 3, 2, 4)
    (twins(x) * weigh).sum().backward()
    for index in range(copies):
        plain, own = torch.nn.Linear(5, 4, bias), x.detach()[index].clone().requires_grad_()
        plain.weight.data = twins.weight.detach()[index].clone()
        if bias:
            plain.bias.data = twins.bias.detach()[index, 0].clone()
        (plain(own) * weigh[index]).sum().backward()
        torch.testing.assert_close(x.grad[index], own.grad)
        torch.testing.assert_close(twins.weight.grad[index], plain.weight.grad)
        if bias:
            torch.testing.assert_close(twins.bias.grad[index, 0], plain.bias.grad)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_twin_mixers_are_two_mixers_that_know_nothing_of_each_other(num_layers):
    mixer, values, features = MonotonicMixer(8, 16, num_layers), torch.randn(2, 4, AGENTS), torch.randn(2, 4, AGENTS, 8)
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


def plain(layer: SetLinear, planes: torch.Tensor, mask: torch.Tensor, copy: int) -> torch.Tensor:
    """The set layer's equation by torch's own operations, `[..., band, user, feature]`, zero for padding."""

    def of(parameter: torch.Tensor) -> torch.Tensor:
        return parameter[copy] if isinstance(layer.token, TwinLinear) else parameter

    def mean(axes: tuple[int, ...]) -> torch.Tensor:
        return (x * real).sum(axes, keepdim=True) / real.sum(axes, keepdim=True).clamp(min=1)

    x, real = planes.movedim(-3, -1), mask[..., None].to(planes.dtype)
    y = x @ of(layer.token.weight).T + of(layer.token.bias)
    y = y + mean((-2,)) @ of(layer.over_users.weight).T
    y = y + mean((-3,)) @ of(layer.over_bands.weight).T
    y = y + mean((-3, -2)) @ of(layer.over_both.weight).T
    return (torch.relu(y) if layer.rectify else y) * real


def masks(masked: bool) -> torch.Tensor:
    mask = torch.ones(AGENTS, BANDS, USERS, dtype=torch.bool)
    if masked:
        mask[0, :, 2:] = False  # fewer users
        mask[1, 3:, :] = False  # fewer bands
        mask[2, 1:, 1:] = False
    return mask


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize(("linear", "copies"), [(torch.nn.Linear, 1), (TwinLinear, 1), (TwinLinear, 2)])
def test_the_layer_and_all_its_gradients_are_those_of_the_plain_equation(linear, copies, rectify, masked):
    torch.manual_seed(0)
    layer = SetLinear(3, 6, linear, rectify=rectify).double()
    planes = torch.randn(BATCH, AGENTS, 3, BANDS, USERS, dtype=torch.float64, requires_grad=True)
    mask = masks(masked)
    tokens, padding = to_tokens(planes, mask if masked else None)
    fast = layer(tokens.expand(copies, -1, -1, -1, -1), padding).unflatten(3, (BATCH, AGENTS)).movedim((3, 4), (1, 2))
    slow = torch.stack([plain(layer, planes, mask, copy) for copy in range(copies)])
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(slow)
    for mine, theirs in zip(gradients(fast, weights, planes, layer), gradients(slow, weights, planes, layer), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
        assert mine.abs().max() > 0.0


def gradients(y: torch.Tensor, weights: torch.Tensor, planes: torch.Tensor, layer: SetLinear) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad((y * weights).sum(), [planes, *layer.parameters()], retain_graph=True)


def test_finite_differences_give_the_same_gradient_through_two_layers():
    torch.manual_seed(0)
    first, second = SetLinear(2, 3, rectify=True).double(), SetLinear(3, 2, TwinLinear).double()

    def through(planes: torch.Tensor) -> torch.Tensor:
        tokens, padding = to_tokens(planes, torch.tensor([[True, True], [True, False]]))
        return second(first(tokens, padding).expand(2, -1, -1, -1, -1), padding)

    assert torch.autograd.gradcheck(through, torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True))


def test_weights_that_need_no_gradient_get_none_and_the_tokens_get_theirs():
    layer = SetLinear(3, 6).requires_grad_(False)
    planes = torch.randn(BATCH, 3, BANDS, USERS, requires_grad=True)
    layer(*to_tokens(planes, None)).sum().backward()
    assert planes.grad is not None
    assert all(parameter.grad is None for parameter in layer.parameters())
