"""Channels on a device of torch to zero-forcing beams and gains, in operations whose order does not depend on how many blocks there are.

Complex numbers are pairs of real ones, which every device and compiler of torch takes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Parts(NamedTuple):
    """A complex array as its real and its imaginary part."""

    real: Float[Tensor, "*shape"]
    imaginary: Float[Tensor, "*shape"]

    def to(self, dtype: torch.dtype) -> "Parts":
        """In another precision."""
        return Parts(self.real.to(dtype), self.imaginary.to(dtype))


def ordered_sum(terms: Float[Tensor, "*shape"], axis: int) -> Float[Tensor, "*rest"]:
    """Sum over an axis by halves. The order of a device's own sum may depend on the other axes, and with it the last digit.

    Args:
        terms: What is summed.
        axis: Over which axis, counted from the last: negative.
    """
    while (size := terms.shape[axis]) > 1:
        half = size // 2
        paired = terms.narrow(axis, 0, half) + terms.narrow(axis, half, half)
        terms = paired if size == 2 * half else torch.cat([paired, terms.narrow(axis, 2 * half, 1)], dim=axis)
    return terms.squeeze(axis)


def _subtract(of: Parts, factors: Parts, arrays: Parts) -> Parts:
    """Difference of complex arrays: of - factors * arrays."""
    return Parts(
        of.real - (factors.real * arrays.real - factors.imaginary * arrays.imaginary),
        of.imaginary - (factors.real * arrays.imaginary + factors.imaginary * arrays.real),
    )


def zero_forcing(
    channels: Parts, user_mask: Bool[Tensor, "cell user"]
) -> tuple[Parts, Float[Tensor, "*batch cell band user"], Float[Tensor, "*batch cell band user"]]:
    """Zero-forcing beams (3)-(4), as `multicell_env.model.beamforming.zero_forcing` has them, by modified Gram-Schmidt.

        H = Q R,    W = Q R^-H, each column scaled to norm 1

    Computed in float64 where the device has it: close users cost digits.

    Args:
        channels: Own channels `[*batch, cell, band, antenna, user]`.
        user_mask: False for padded users, who come last in their cell and whose channels are zero.

    Returns:
        Beams, zero for padded users; gains |w^H h|^2, 1 for padded users; and the sine of the angle between each user's channel and the
        span of the others', 1 for padded users. NaN or 0 where there is no beam.
    """
    dtype, mask = channels.real.dtype, user_mask[:, None, :]
    wide = channels.to(torch.float32 if channels.real.device.type == "mps" else torch.float64)
    num_users = channels.real.shape[-1]
    strengths = ordered_sum(wide.real**2 + wide.imaginary**2, -2)
    rest, columns, factors, diagonal = wide, [], [], []
    for user in range(num_users):
        own = Parts(rest.real[..., 0], rest.imaginary[..., 0])
        length = torch.where(mask[..., user], torch.sqrt(ordered_sum(own.real**2 + own.imaginary**2, -1)), 1.0)[..., None]
        unit = Parts((own.real / length)[..., None], (own.imaginary / length)[..., None])
        rest = Parts(rest.real[..., 1:], rest.imaginary[..., 1:])
        # q^H a of the unit column and all that are left
        along = Parts(
            ordered_sum(unit.real * rest.real + unit.imaginary * rest.imaginary, -2)[..., None, :],
            ordered_sum(unit.real * rest.imaginary - unit.imaginary * rest.real, -2)[..., None, :],
        )
        rest = _subtract(rest, along, unit)
        columns.append(unit)
        factors.append(along)
        diagonal.append(length[..., None])
    beams: list[Parts] = []
    for user in reversed(range(num_users)):
        column = columns[user]
        for later, beam in enumerate(reversed(beams)):  # the users after this one, in their order
            along = Parts(factors[user].real[..., later : later + 1], -factors[user].imaginary[..., later : later + 1])
            column = _subtract(column, along, beam)
        beams.append(Parts(column.real / diagonal[user], column.imaginary / diagonal[user]))
    beams.reverse()
    whole = Parts(torch.cat([beam.real for beam in beams], dim=-1), torch.cat([beam.imaginary for beam in beams], dim=-1))
    squares = torch.where(mask, ordered_sum(whole.real**2 + whole.imaginary**2, -2), 1.0)
    inverse_lengths = (1.0 / torch.sqrt(squares))[..., None, :]
    scaled = Parts(whole.real * inverse_lengths, whole.imaginary * inverse_lengths).to(dtype)
    sines = torch.where(mask, 1.0 / torch.sqrt(squares * strengths), 1.0)
    return scaled, (1.0 / squares).to(dtype), sines


def cross_gains(
    beams: Parts, cross_channels: Parts, interferers: Int[Tensor, "cell interferer"]
) -> Float[Tensor, "*batch cell interferer band tx_user user"]:
    """Gains |w^H h|^2 of every beam at the users of other cells that it reaches, sum of (6a).

    Args:
        beams: From `zero_forcing`.
        cross_channels: `[*batch, cell, interferer, band, antenna, user]`; zero for padding.
        interferers: Cell of each interferer, -1 for padding.
    """
    sending = Parts(beams.real[..., interferers, :, :, :], beams.imaginary[..., interferers, :, :, :])
    real = imaginary = torch.zeros((), dtype=beams.real.dtype, device=beams.real.device)
    for antenna in range(beams.real.shape[-2]):
        w_re, w_im = sending.real[..., antenna, :, None], sending.imaginary[..., antenna, :, None]
        h_re, h_im = cross_channels.real[..., antenna, None, :], cross_channels.imaginary[..., antenna, None, :]
        real, imaginary = real + (w_re * h_re + w_im * h_im), imaginary + (w_re * h_im - w_im * h_re)
    return real**2 + imaginary**2
