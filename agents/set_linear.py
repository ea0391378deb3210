"""The linear layer of the `set` family, on every (band, user) token and on the means of the tokens, with its gradient written by hand.

Autograd would walk the same equation as some thirty small operations, each with a pass over all tokens.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

Mask = Bool[Tensor, "agent *action"] | None
"""False where an action's entry is padding; None where nothing is padded."""

Tokens = Float[Tensor, "band user *batch feature"]
"""Features of every token. Bands and users lead, so that a sum over either adds long contiguous rows."""


def to_tokens(planes: Float[Tensor, "*batch plane band user"]) -> Tokens:
    """Image-like planes as tokens."""
    return planes.movedim((-2, -1, -3), (0, 1, -1)).contiguous()


class Padding(NamedTuple):
    """Which tokens are real, and how many of them each mean is over."""

    real: Float[Tensor, "band user *batch 1"] | None
    users: float | Float[Tensor, "band *batch 1"]
    bands: float | Float[Tensor, "user *batch 1"]
    both: float | Float[Tensor, "*batch 1"]

    @classmethod
    def of(cls, mask: Mask, tokens: Tokens) -> "Padding":
        """Padding of these tokens; `mask` is `[..., band, user]` and broadcasts against their batch axes."""
        if mask is None:
            bands, users = tokens.shape[:2]
            return cls(None, float(users), float(bands), float(bands * users))
        real = mask.movedim((-2, -1), (0, 1)).to(tokens.dtype)
        bands, users, *batch = real.shape
        real = real.reshape(bands, users, *[1] * (tokens.ndim - 3 - len(batch)), *batch, 1)
        counts = [real.sum(dim=axes).clamp(min=1.0) for axes in (1, 0, (0, 1))]
        return cls(real, *counts)

    def hide(self, tokens: Tokens) -> Tokens:
        """The tokens with zeros for padding."""
        return tokens if self.real is None else tokens * self.real

    def means(self, tokens: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        """Means over users, over bands and over both, of tokens that are zero where they are padding."""
        users, bands = tokens.sum(dim=1), tokens.sum(dim=0)
        both = users.sum(dim=0)
        return users.div_(self.users), bands.div_(self.bands), both.div_(self.both)


class SetLinear(nn.Module):
    """A linear layer on every (band, user) token and on its means over users, over bands and over both; ReLU follows where asked.

        y = W x + W_u mean_u(x) + W_f mean_f(x) + W_uf mean_uf(x) + b

    Padded tokens enter no mean and come out as zero.
    """

    def __init__(self, inputs: int, outputs: int, *, rectify: bool = False) -> None:
        super().__init__()
        self.rectify = rectify
        self.token = nn.Linear(inputs, outputs)
        self.over_users = nn.Linear(inputs, outputs, bias=False)
        self.over_bands = nn.Linear(inputs, outputs, bias=False)
        self.over_both = nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Float[Tensor, "band user *batch inputs"], mask: Mask = None) -> Float[Tensor, "band user *batch outputs"]:
        """Apply the layer; `mask` is `[..., band, user]`."""
        weights = (self.token.weight, self.over_users.weight, self.over_bands.weight, self.over_both.weight)
        y: Any = _SetLinear.apply(x, Padding.of(mask, x), self.rectify, self.token.bias, *weights)
        return y


class _SetLinear(torch.autograd.Function):
    """Each mean is a symmetric projection of the tokens, so the gradient of the tokens is the same layer with transposed weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, padding: Padding, rectify: bool, bias: Tensor, *weights: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        x = padding.hide(x)
        means = padding.means(x)
        y = padding.hide(_mapped(x, means, [weight.t() for weight in weights], bias))
        if rectify:
            y.relu_()
        ctx.save_for_backward(x, *means, y if rectify else None, *weights)
        ctx.padding = padding
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, users, bands, both, rectified, *weights = ctx.saved_tensors
        padding: Padding = ctx.padding
        if rectified is not None:
            # the gradient of a mean over the tokens arrives as one row with strides of 0, on which this operation crawls
            grad = torch.ops.aten.threshold_backward(grad.contiguous(), rectified, 0)
        grad = padding.hide(grad)
        means = padding.means(grad)
        of_x = _mapped(grad, means, weights) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[4]:
            return of_x, *[None] * 7
        sums = [mean * count for mean, count in zip(means, padding[1:], strict=True)]
        of_weights = [_flat(a).t().mm(_flat(b)).t() for a, b in zip((x, users, bands, both), (grad, *sums), strict=True)]
        return of_x, None, None, _flat(sums[2]).sum(dim=0), *of_weights


def _mapped(x: Tokens, means: Sequence[Tensor], weights: Sequence[Tensor], bias: Tensor | None = None) -> Tokens:
    """The layer's equation, with weights `[inputs, outputs]`."""
    users, bands, both = (mean @ weight for mean, weight in zip(means, weights[1:], strict=True))
    if bias is not None:
        both += bias
    users += both
    y = x @ weights[0]
    return y.add_(users.unsqueeze(1)).add_(bands)


def _flat(tokens: Tensor) -> Float[Tensor, "token feature"]:
    return tokens.reshape(-1, tokens.shape[-1])
