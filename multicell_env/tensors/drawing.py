"""Random channels on a device of torch, by counters: every number is a function of its seed, its block and its place, and of nothing else.

Source: J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
LOW = 0xFFFFFFFF
"""The lower 32 bits of an int64, in which whole numbers of 32 bits are kept: torch has no arithmetic on unsigned ones on every device."""
PER_CALL = 2
"""Complex numbers that one call of the generator gives."""


def philox(
    counter: tuple[Int[Tensor, "*shape"], ...], key: tuple[Int[Tensor, "*#shape"], Int[Tensor, "*#shape"]]
) -> tuple[Int[Tensor, "*shape"], ...]:
    """Philox4x32-10: four random numbers of 32 bits from a counter of four and a key of two.

    Args:
        counter: Numbers within [0, 2^32), int64.
        key: The same.
    """
    (first, second, third, fourth), (key_first, key_second) = counter, key
    for _ in range(ROUNDS):
        # The product of two numbers of 32 bits wraps around in an int64, which keeps all of its bits.
        one, two = first * MULTIPLIERS[0], third * MULTIPLIERS[1]
        first, second, third, fourth = (
            (two >> 32 & LOW) ^ second ^ key_first,
            two & LOW,
            (one >> 32 & LOW) ^ fourth ^ key_second,
            one & LOW,
        )
        key_first, key_second = (key_first + KEY_STEPS[0]) & LOW, (key_second + KEY_STEPS[1]) & LOW
    return first, second, third, fourth


def complex_normal(
    seeds: Int[Tensor, " row"], blocks: Int[Tensor, " row"], count: int
) -> tuple[Float[Tensor, "row number"], Float[Tensor, "row number"]]:
    """Independent complex normal numbers of variance 1, real and imaginary parts in float32 (Box and Muller).

        h = sqrt(-ln u) e^(2 pi i v),    u and v uniform on (0, 1]

    A row is the same whatever the others are, and how many there are.

    Args:
        seeds: Of each row, int64.
        blocks: Which block of the seed each row draws, int64, from 0 on.
        count: Numbers of a row.
    """
    places = torch.arange(-(-count // PER_CALL), device=seeds.device)
    zeros = torch.zeros_like(places)
    counter = places, (blocks & LOW)[:, None] + zeros, (blocks >> 32 & LOW)[:, None] + zeros, zeros
    bits = philox(counter, ((seeds & LOW)[:, None], (seeds >> 32 & LOW)[:, None]))
    uniform = [(word.to(torch.float32) + 0.5) * 2.0**-32 for word in bits]
    radius = torch.cat([torch.sqrt(-torch.log(uniform[0])), torch.sqrt(-torch.log(uniform[2]))], dim=1)
    angle = torch.cat([uniform[1], uniform[3]], dim=1) * (2.0 * math.pi)
    return (radius * torch.cos(angle))[:, :count], (radius * torch.sin(angle))[:, :count]
