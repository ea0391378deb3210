"""The linear layers of the learner: two side by side for twin critics, and the set layer with its gradient written by hand.

The networks are small, so calling operations would take most of an update. Twin critics are therefore one network whose weights have
a leading axis, and a set layer is one operation to autograd instead of some thirty.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

Mask = Bool[Tensor, "agent *action"] | None
"""False where an action's entry is padding; None where nothing is padded."""

Tokens = Float[Tensor, "copy band user row feature"]
"""Features of every token; a row is one observation. Bands and users lead, so that a sum over either adds long contiguous vectors."""


class TwinLinear(nn.Module):
    """Two linear layers side by side, each with weights of its own that begin as those of `nn.Linear`."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        layers = [nn.Linear(inputs, outputs, bias) for _ in range(2)]
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach()[None] for layer in layers])) if bias else None

    def forward(self, x: Float[Tensor, "copy *batch inputs"]) -> Float[Tensor, "copy *batch outputs"]:
        """Apply each layer to its copy of the input; one copy meets the first layer alone."""
        weight, bias = (None if array is None else stacked(array, len(x)) for array in (self.weight, self.bias))
        y: Any = _TwinLinear.apply(x.flatten(1, -2), weight, bias)
        return y.view(*x.shape[:-1], -1)


class _TwinLinear(torch.autograd.Function):
    """A linear layer for each copy. Written by hand, because autograd would transpose the gradient of large weights entry by entry."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(x, weight)
        return x.bmm(weight.mT) if bias is None else torch.baddbmm(bias, x, weight.mT)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        of_x = grad.bmm(weight) if ctx.needs_input_grad[0] else None
        of_weight = grad.mT.bmm(x) if ctx.needs_input_grad[1] else None
        return of_x, of_weight, grad.sum(dim=1, keepdim=True) if ctx.needs_input_grad[2] else None


def stacked(array: Any, copies: int) -> Float[Tensor, "copy _ inputs"]:
    """The first copies of a layer's weight or bias; a plain `nn.Linear` is one copy."""
    array = array if array.ndim == 3 else array.view(1, -1, array.shape[-1])
    return array if len(array) == copies else array[:copies]


class Padding(NamedTuple):
    """Which tokens are real, and one over how many of them each mean is. Tokens are zero where they are padding."""

    real: Float[Tensor, "1 band user row 1"] | None
    per_user: float | Float[Tensor, "1 band row 1"]
    per_band: float | Float[Tensor, "1 user row 1"]
    per_token: float | Float[Tensor, "1 row 1"]

    def hide(self, tokens: Tokens) -> Tokens:
        """The tokens with zeros for padding."""
        return tokens if self.real is None else tokens * self.real

    def means(self, tokens: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        """Means over users, over bands and over both."""
        users, bands = tokens.sum(dim=2), tokens.sum(dim=1)
        both = users.sum(dim=1)
        return users.mul_(self.per_user), bands.mul_(self.per_band), both.mul_(self.per_token)

    def mean_over_bands(self, tokens: Tokens) -> Float[Tensor, "copy 1 user row feature"]:
        """Mean over bands."""
        return (tokens.sum(dim=1) * self.per_band).unsqueeze(1)

    def mean_over_both(self, tokens: Tokens) -> Float[Tensor, "copy row feature"]:
        """Mean over bands and users."""
        return tokens.sum(dim=(1, 2)) * self.per_token


def to_tokens(planes: Float[Tensor, "*batch plane band user"], mask: Mask) -> tuple[Tokens, Padding]:
    """Image-like planes as one copy of tokens, a row for each entry of the batch, and their padding; `mask` is `[..., band, user]`."""
    *batch, _, bands, users = planes.shape
    tokens = planes.reshape(-1, *planes.shape[-3:]).permute(2, 3, 0, 1).contiguous()[None]
    if mask is None:
        return tokens, Padding(None, 1.0 / users, 1.0 / bands, 1.0 / (bands * users))
    real = mask.expand(*batch, bands, users).reshape(-1, bands, users).permute(1, 2, 0)[None, ..., None].to(planes.dtype)
    padding = Padding(real, *(1.0 / real.sum(dim=axes).clamp(min=1.0) for axes in (2, 1, (1, 2))))
    return padding.hide(tokens), padding


class SetLinear(nn.Module):
    """A linear layer on every (band, user) token and on its means over users, over bands and over both; ReLU follows where asked.

        y = W x + W_u mean_u(x) + W_f mean_f(x) + W_uf mean_uf(x) + b

    Padded tokens must be zero, and stay so.

    Args:
        inputs: Features of a token.
        outputs: Features of a token after the layer.
        linear: `nn.Linear` for one copy, `TwinLinear` for two.
        rectify: Whether ReLU follows.
    """

    def __init__(self, inputs: int, outputs: int, linear: Callable[..., Any] = nn.Linear, *, rectify: bool = False) -> None:
        super().__init__()
        self.rectify = rectify
        self.token = linear(inputs, outputs)
        self.over_users = linear(inputs, outputs, bias=False)
        self.over_bands = linear(inputs, outputs, bias=False)
        self.over_both = linear(inputs, outputs, bias=False)

    def forward(self, x: Float[Tensor, "copy band user row inputs"], padding: Padding) -> Float[Tensor, "copy band user row outputs"]:
        """Apply the layer."""
        token = self.token
        weights = [layer.weight for layer in (token, self.over_users, self.over_bands, self.over_both)]
        y: Any = _SetLinear.apply(x, padding, self.rectify, *(stacked(array, len(x)) for array in (token.bias, *weights)))
        return y


class _SetLinear(torch.autograd.Function):
    """Each mean is a symmetric projection of the tokens, so the gradient of the tokens is the same layer with transposed weights."""

    @staticmethod
    def forward(ctx: Any, x: Tokens, padding: Padding, rectify: bool, bias: Tensor, *weights: Tensor) -> Tokens:  # pyright: ignore[reportIncompatibleMethodOverride]
        means = padding.means(x)
        y = padding.hide(_mapped((x, *means), [weight.mT for weight in weights], bias))
        if rectify:
            y.relu_()
        ctx.save_for_backward(x, *means, y if rectify else None, *weights)
        ctx.padding = padding
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tokens) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        *inputs, rectified = ctx.saved_tensors[:5]
        weights, padding = ctx.saved_tensors[5:], ctx.padding
        grad = padding.hide(grad.contiguous() if rectified is None else torch.ops.aten.threshold_backward(grad, rectified, 0))
        means = padding.means(grad)
        of_x = _mapped((grad, *means), weights) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[4]:
            return of_x, *[None] * 7
        sums = [mean / scale for mean, scale in zip(means, padding[1:], strict=True)]
        of_weights = [_rows(x).mT.bmm(_rows(y)).mT for x, y in zip(inputs, (grad, *sums), strict=True)]
        return of_x, None, None, sums[2].sum(dim=1, keepdim=True), *of_weights


def _mapped(terms: Sequence[Tensor], weights: Sequence[Tensor], bias: Tensor | None = None) -> Tokens:
    """The layer's equation on the tokens and their means, with weights `[copy, inputs, outputs]`."""
    y, users, bands, both = (_rows(x).bmm(weight).view(*x.shape[:-1], -1) for x, weight in zip(terms, weights, strict=True))
    if bias is not None:
        both += bias
    bands += both.unsqueeze(1)
    return y.add_(users.unsqueeze(2)).add_(bands.unsqueeze(1))


def _rows(x: Float[Tensor, "copy *axes feature"]) -> Float[Tensor, "copy row feature"]:
    return x.flatten(1, -2)
