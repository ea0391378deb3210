"""Zero-forcing of as many bands at once as a vector has lanes: the roots, divisions and sums of one need not wait for each other.

Arrays are `[user, antenna, lane]`, in whole vectors of antennas. Sums over antennas are in the order of `sum_lanes`, so that every beam is
bit for bit that of `multicell_env.kernels.block`, which works on one band at a time.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

from typing import Any

from multicell_env.kernels.compiling import inner_call
from multicell_env.kernels.simd import LANES, load, multiply_add, splat, square_root, store

MOST_NUMBERS = 256
"""Users times antennas up to which the first-level cache holds a vector of bands."""


@inner_call
def load_lane(re, im, lane, channels, block, cell, band, num_users):
    """One band's channels into a lane, and zeros for the antennas that fill up a vector."""
    num_antennas = channels.shape[3]
    for m in range(num_antennas):
        for user in range(num_users):
            number = channels[block, cell, band, m, user]
            re[user, m, lane], im[user, m, lane] = number.real, number.imag
    for m in range(num_antennas, re.shape[1]):
        for user in range(num_users):
            re[user, m, lane], im[user, m, lane] = 0.0, 0.0


@inner_call
def unload_lane(re, im, lane, beams_re, beams_im, at, num_users, num_antennas):
    """One lane's rows to beams."""
    for user in range(num_users):
        for m in range(num_antennas):
            beams_re[at, user, m], beams_im[at, user, m] = re[user, m, lane], im[user, m, lane]


@inner_call
def _add_product(re: Any, im: Any, q: int, a: int, real: Any, imaginary: Any) -> Any:
    """Two sums with one antenna's part of q^H a added."""
    q_re, q_im, a_re, a_im = load(re, q), load(im, q), load(re, a), load(im, a)
    return multiply_add(q_re, a_re, multiply_add(q_im, a_im, real)), multiply_add(q_re, a_im, imaginary) - q_im * a_re


@inner_call
def _inner_product(re: Any, im: Any, first: Any, second: Any) -> Any:
    """q^H a of two rows."""
    zero = splat(0.0, load(re, 0))
    a, b, c, d, e, f, g, h = zero, zero, zero, zero, zero, zero, zero, zero
    s, t, u, v, w, x, y, z = zero, zero, zero, zero, zero, zero, zero, zero
    for m in range(0, re.shape[1], 8):
        one, two = (first * re.shape[1] + m) * LANES, (second * re.shape[1] + m) * LANES
        a, s = _add_product(re, im, one, two, a, s)
        b, t = _add_product(re, im, one + LANES, two + LANES, b, t)
        c, u = _add_product(re, im, one + 2 * LANES, two + 2 * LANES, c, u)
        d, v = _add_product(re, im, one + 3 * LANES, two + 3 * LANES, d, v)
        e, w = _add_product(re, im, one + 4 * LANES, two + 4 * LANES, e, w)
        f, x = _add_product(re, im, one + 5 * LANES, two + 5 * LANES, f, x)
        g, y = _add_product(re, im, one + 6 * LANES, two + 6 * LANES, g, y)
        h, z = _add_product(re, im, one + 7 * LANES, two + 7 * LANES, h, z)
    return ((a + e) + (c + g)) + ((b + f) + (d + h)), ((s + w) + (u + y)) + ((t + x) + (v + z))


@inner_call
def _subtract(re: Any, im: Any, target: Any, source: Any, factor_re: Any, factor_im: Any) -> None:
    """a_target -= factor a_source, rows."""
    for m in range(re.shape[1]):
        to, of = (target * re.shape[1] + m) * LANES, (source * re.shape[1] + m) * LANES
        of_re, of_im = load(re, of), load(im, of)
        store(re, to, load(re, to) - of_re * factor_re + of_im * factor_im)
        store(im, to, load(im, to) - of_re * factor_im - of_im * factor_re)


@inner_call
def _scale(re: Any, im: Any, row: Any, factor: Any) -> None:
    for m in range(re.shape[1]):
        at = (row * re.shape[1] + m) * LANES
        store(re, at, load(re, at) * factor)
        store(im, at, load(im, at) * factor)


@inner_call
def zero_force_lanes(re: Any, im: Any, r_re: Any, r_im: Any, gains: Any, sines: Any, num_users: Any) -> None:
    """Rows of channels to rows of unit beams (3)-(4), in place, as `_zero_force` of `multicell_env.kernels.block` makes them.

    Args:
        re: Real parts of the channels, `[user, antenna, lane]`.
        im: Imaginary parts.
        r_re: Room for R, `[user, user, lane]`.
        r_im: The same.
        gains: |w^H h|^2 is written, `[user, lane]`.
        sines: How far each user stands off the span of the others, as the sine of the angle, is written, `[user, lane]`.
        num_users: How many users there are.
    """
    stride = r_re.shape[1]
    zero = splat(0.0, load(re, 0))
    one = splat(1.0, zero)
    for user in range(num_users):
        store(gains, user * LANES, _inner_product(re, im, user, user)[0])
    for j in range(num_users):
        length = square_root(_inner_product(re, im, j, j)[0])
        store(r_re, (j * stride + j) * LANES, length)
        _scale(re, im, j, one / length)
        for k in range(j + 1, num_users):
            along_re, along_im = _inner_product(re, im, j, k)
            store(r_re, (j * stride + k) * LANES, along_re)
            store(r_im, (j * stride + k) * LANES, along_im)
            _subtract(re, im, k, j, along_re, along_im)
    for j in range(num_users - 1, -1, -1):
        for k in range(j + 1, num_users):
            at = (j * stride + k) * LANES
            _subtract(re, im, j, k, load(r_re, at), zero - load(r_im, at))
        _scale(re, im, j, one / load(r_re, (j * stride + j) * LANES))
    for j in range(num_users):
        length = _inner_product(re, im, j, j)[0]
        _scale(re, im, j, one / square_root(length))
        store(sines, j * LANES, one / square_root(length * load(gains, j * LANES)))
        store(gains, j * LANES, one / length)
