"""The set layer, whose gradient is written by hand, against its equation written with torch's own operations."""

import pytest
import torch
from torch import nn

from agents.set_linear import SetLinear, TwinLinear, to_tokens

BANDS, USERS, AGENTS, BATCH = 5, 4, 3, 2


def plain(layer: SetLinear, planes: torch.Tensor, mask: torch.Tensor, copy: int) -> torch.Tensor:
    """y = W x + W_u mean_u(x) + W_f mean_f(x) + W_uf mean_uf(x) + b, `[..., band, user, feature]`, zero for padding."""

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
@pytest.mark.parametrize(("linear", "copies"), [(nn.Linear, 1), (TwinLinear, 1), (TwinLinear, 2)])
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
