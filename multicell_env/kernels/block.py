"""Channels of blocks to beams and gains, compiled: what `model/beamforming.py` says in NumPy."""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

from typing import Any

import numpy as np

from multicell_env.kernels.beams.side_by_side import MOST_NUMBERS, load_lane, unload_lane, zero_force_lanes
from multicell_env.kernels.compiling import compiled_entry, inner_call
from multicell_env.kernels.simd import (
    LANES,
    load,
    load_splat,
    multiply_add,
    splat,
    store,
    sum_lanes,
)


@inner_call
def _inner_product(re: Any, im: Any, first: Any, second: Any) -> Any:
    """q^H a of two rows."""
    zero = splat(0.0, load(re, 0))
    real, imaginary = zero, zero
    for m in range(0, re.shape[1], LANES):
        q, a = first * re.shape[1] + m, second * re.shape[1] + m
        q_re, q_im, a_re, a_im = load(re, q), load(im, q), load(re, a), load(im, a)
        real = multiply_add(q_re, a_re, multiply_add(q_im, a_im, real))
        imaginary = multiply_add(q_re, a_im, imaginary) - q_im * a_re
    return sum_lanes(real), sum_lanes(imaginary)


@inner_call
def _subtract(re, im, target, source, factor_re, factor_im):
    """a_target -= factor a_source, rows."""
    for m in range(0, re.shape[1], LANES):
        to, of = target * re.shape[1] + m, source * re.shape[1] + m
        of_re, of_im = load(re, of), load(im, of)
        store(re, to, load(re, to) - of_re * splat(factor_re, of_re) + of_im * splat(factor_im, of_im))
        store(im, to, load(im, to) - of_re * splat(factor_im, of_re) - of_im * splat(factor_re, of_im))


@inner_call
def _scale(re, im, row, factor):
    for m in range(0, re.shape[1], LANES):
        at = row * re.shape[1] + m
        value_re, value_im = load(re, at), load(im, at)
        store(re, at, value_re * splat(factor, value_re))
        store(im, at, value_im * splat(factor, value_im))


@inner_call
def _zero_force(re, im, r_re, r_im, gains, num_users):
    """Rows of channels to rows of unit beams (3)-(4), in place; writes |w^H h|^2. Returns the smallest sine that a user stands off by.

    Modified Gram-Schmidt gives H = Q R, and W = Q R^-H follows by substitution: nothing is squared, no matrix is inverted.
    """
    for user in range(num_users):
        gains[user] = _inner_product(re, im, user, user)[0]
    for j in range(num_users):
        r_re[j, j] = np.sqrt(_inner_product(re, im, j, j)[0])
        _scale(re, im, j, 1.0 / r_re[j, j])
        for k in range(j + 1, num_users):
            r_re[j, k], r_im[j, k] = _inner_product(re, im, j, k)
            _subtract(re, im, k, j, r_re[j, k], r_im[j, k])
    smallest = 1.0
    for j in range(num_users - 1, -1, -1):
        for k in range(j + 1, num_users):
            _subtract(re, im, j, k, r_re[j, k], -r_im[j, k])
        _scale(re, im, j, 1.0 / r_re[j, j])
    for j in range(num_users):
        length = _inner_product(re, im, j, j)[0]
        _scale(re, im, j, 1.0 / np.sqrt(length))
        sine = 1.0 / np.sqrt(length * gains[j])
        gains[j] = 1.0 / length
        if not sine >= smallest:
            smallest = sine if sine > 0.0 else 0.0  # NaN, from a zero channel, would let every later sine pass
    return smallest


@inner_call
def _load(re, im, row, channels, block, cell, band, user):
    """One user's channel as a row. Returns its squared norm."""
    total = 0.0
    for m in range(channels.shape[3]):
        number = channels[block, cell, band, m, user]
        re[row, m], im[row, m] = number.real, number.imag
        total += re[row, m] * re[row, m] + im[row, m] * im[row, m]
    return total


@inner_call
def _serve(re, im, r_re, r_im, gains, num_users, channels, block, cell, band, spare_re, spare_im, strengths, order, least_sine):
    """As `_zero_force`, for users of whom not all can be separated: the others have a beam and a gain of 0. See `served_users`."""
    re[:], im[:] = 0.0, 0.0  # NaN that a zero channel has left in what fills up the vectors
    for user in range(num_users):
        strengths[user] = _load(re, im, user, channels, block, cell, band, user)
    for user in range(num_users):  # the strongest first, and of equals the first
        place = user
        while place > 0 and strengths[order[place - 1]] < strengths[user]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = user
    left = 0
    for k in range(num_users):
        user = order[k]
        strength = _load(re, im, left, channels, block, cell, band, user)
        for j in range(left):
            product_re, product_im = _inner_product(re, im, j, left)
            _subtract(re, im, left, j, product_re, product_im)
        rest = _inner_product(re, im, left, left)[0]
        if strength > 0.0 and rest >= least_sine * least_sine * strength:
            _scale(re, im, left, 1.0 / np.sqrt(rest))
            order[left] = user
            left += 1
    while left > 0:
        for k in range(left):
            _load(re, im, k, channels, block, cell, band, order[k])
        if _zero_force(re, im, r_re, r_im, gains, left) >= least_sine:
            break
        re[:], im[:] = 0.0, 0.0
        left -= 1
    spare_re[:], spare_im[:] = 0.0, 0.0
    strengths[:] = 0.0
    for k in range(left):
        spare_re[order[k]], spare_im[order[k]], strengths[order[k]] = re[k], im[k], gains[k]
    re[:], im[:], gains[:] = spare_re, spare_im, strengths


@inner_call
def _cross(gains, first, beams_re, beams_im, beam, h_re, h_im, num_users, products):
    """|w^H h|^2 from every beam of a cell to every user of another."""
    num_antennas, width = h_re.shape
    stride = beams_re.shape[-1]
    for tx in range(0, num_users, 2):  # two beams at once: eight sums side by side, none of which waits for another
        one = beam + tx * stride
        two = beam + min(tx + 1, num_users - 1) * stride
        for user in range(0, width, LANES):
            zero = splat(0.0, load(h_re, 0))
            a, b, c, d, e, f, g, h = zero, zero, zero, zero, zero, zero, zero, zero
            for m in range(num_antennas):
                re, im = load(h_re, m * width + user), load(h_im, m * width + user)
                w_re, w_im = load_splat(beams_re, one + m, re), load_splat(beams_im, one + m, re)
                a, b = multiply_add(w_re, re, a), multiply_add(w_im, im, b)
                c, d = multiply_add(w_re, im, c), multiply_add(w_im, re, d)
                w_re, w_im = load_splat(beams_re, two + m, re), load_splat(beams_im, two + m, re)
                e, f = multiply_add(w_re, re, e), multiply_add(w_im, im, f)
                g, h = multiply_add(w_re, im, g), multiply_add(w_im, re, h)
            store(products, 0, (a + b) * (a + b) + (c - d) * (c - d))
            store(products, LANES, (e + f) * (e + f) + (g - h) * (g - h))
            for beside in range(min(2, num_users - tx)):
                at = first + (tx + beside) * num_users + user
                for lane in range(min(LANES, num_users - user)):
                    gains[at + lane] = products[beside, lane]


@compiled_entry
def beamform(
    rows,
    channels,
    cross_channels,
    interferers,
    users_per_cell,
    least_sine,
    blocked_gains,
    signal_gains,
    inverse_gains,
    cross_gains,
    beamformers,
    blocked,
):
    """`zero_forcing` and `beamforming_gains` of some blocks, into the given rows of `signal_gains`, its inverse and `cross_gains`.

    Arrays are C-contiguous and of one precision; `beamformers` is written where it is not empty. Zero-forcing is solved in float64
    whatever that is, because users that are nearly in line cost digits. A user that cannot be served (see `served_users`) has no beam,
    the gain of its cell in `blocked_gains`, and no cross gains; it is marked in `blocked`, where nobody else is unmarked.

    Returns:
        The smallest sine that a user's channel stands off the span of the others' by; 0 where one does not.
    """
    num_blocks, num_cells, num_bands, num_antennas, num_users = channels.shape
    padded_antennas, padded_users = -(-num_antennas // LANES) * LANES, -(-num_users // LANES) * LANES
    # Three axes each, because numba compiles an allocation for every number of axes.
    q, r, own_gains = np.zeros((2, num_users, padded_antennas)), np.zeros((2, num_users, num_users)), np.zeros((1, 1, num_users))[0, 0]
    q_re, q_im, r_re, r_im = q[0], q[1], r[0], r[1]
    is_side_by_side = num_users * padded_antennas <= MOST_NUMBERS
    together = LANES if is_side_by_side else 1
    lanes = np.zeros((2 * num_users, padded_antennas if is_side_by_side else 0, LANES))
    lanes_re, lanes_im = lanes[:num_users], lanes[num_users:]
    lanes_r = np.zeros((2 * num_users, num_users, LANES))
    lanes_r_re, lanes_r_im, lanes_of_users = lanes_r[:num_users], lanes_r[num_users:], np.zeros((2, num_users, LANES))
    lanes_gains, lanes_sines = lanes_of_users[0], lanes_of_users[1]
    beams = np.zeros((2 * together * num_cells, num_users, padded_antennas), signal_gains.dtype)
    beams_re, beams_im = beams[: together * num_cells], beams[together * num_cells :]
    h = np.zeros((2, num_antennas, padded_users), signal_gains.dtype)
    h_re, h_im, products = h[0], h[1], np.zeros((1, 2, LANES), signal_gains.dtype)[0]
    spare = np.zeros((2, num_users, padded_antennas))
    strengths, order, some_blocked = np.zeros((1, 1, num_users))[0, 0], np.zeros(num_users, np.int64), np.zeros(LANES, np.int64)
    smallest = 1.0
    flat_gains = cross_gains.reshape(-1)
    pairs = num_blocks * num_bands  # of a block and a band, which have beams of their own
    for first_pair in range(0, pairs, together):
        num_pairs = min(together, pairs - first_pair)
        some_blocked[:] = 0
        for cell in range(num_cells):
            users = users_per_cell[cell]
            if is_side_by_side:
                for lane in range(LANES):
                    pair = first_pair + min(lane, num_pairs - 1)
                    load_lane(lanes_re, lanes_im, lane, channels, pair // num_bands, cell, pair % num_bands, users)
                zero_force_lanes(lanes_re, lanes_im, lanes_r_re, lanes_r_im, lanes_gains, lanes_sines, users)
            for lane in range(num_pairs):
                block, band = (first_pair + lane) // num_bands, (first_pair + lane) % num_bands
                row, sine = rows[block], 1.0
                if is_side_by_side:
                    for user in range(users):
                        own_gains[user] = lanes_gains[user, lane]
                        if not lanes_sines[user, lane] >= sine:
                            sine = lanes_sines[user, lane] if lanes_sines[user, lane] > 0.0 else 0.0
                else:
                    for m in range(num_antennas):
                        for user in range(users):
                            number = channels[block, cell, band, m, user]
                            q_re[user, m], q_im[user, m] = number.real, number.imag
                    sine = _zero_force(q_re, q_im, r_re, r_im, own_gains, users)
                smallest, is_in_lanes = min(smallest, sine), is_side_by_side
                if not sine >= least_sine:
                    some_blocked[lane], is_in_lanes = 1, False
                    where = (channels, block, cell, band)
                    _serve(q_re, q_im, r_re, r_im, own_gains, users, *where, spare[0], spare[1], strengths, order, least_sine)
                    for user in range(users):
                        if own_gains[user] == 0.0:
                            own_gains[user], blocked[row, cell, band, user] = blocked_gains[cell], True
                elif is_side_by_side and beamformers.size:
                    q_re[:], q_im[:] = lanes_re[:, :, lane], lanes_im[:, :, lane]
                for user in range(num_users):
                    gain = own_gains[user] if user < users else 1.0
                    signal_gains[row, cell, band, user], inverse_gains[row, cell, band, user] = gain, 1.0 / gain
                at = lane * num_cells + cell
                if is_in_lanes:
                    unload_lane(lanes_re, lanes_im, lane, beams_re, beams_im, at, users, num_antennas)
                else:
                    for user in range(users):
                        for m in range(num_antennas):
                            beams_re[at, user, m], beams_im[at, user, m] = q_re[user, m], q_im[user, m]
                if beamformers.size:
                    for m in range(num_antennas):
                        for user in range(num_users):
                            beam = complex(q_re[user, m], q_im[user, m]) if user < users else complex(0.0, 0.0)
                            beamformers[row, cell, band, m, user] = beam
        for lane in range(num_pairs):
            block, band = (first_pair + lane) // num_bands, (first_pair + lane) % num_bands
            row = rows[block]
            for cell in range(num_cells):
                for i in range(interferers.shape[1]):
                    first = (((row * num_cells + cell) * interferers.shape[1] + i) * num_bands + band) * num_users * num_users
                    sender = interferers[cell, i]
                    if sender < 0:
                        flat_gains[first : first + num_users * num_users] = 0.0
                        continue
                    for m in range(num_antennas):
                        for user in range(num_users):
                            number = cross_channels[block, cell, i, band, m, user]
                            h_re[m, user], h_im[m, user] = number.real, number.imag
                    beam = (lane * num_cells + sender) * num_users * padded_antennas
                    _cross(flat_gains, first, beams_re, beams_im, beam, h_re, h_im, num_users, products)
                    if some_blocked[lane]:
                        for user in range(num_users):
                            if blocked[row, cell, band, user]:
                                flat_gains[first + user : first + num_users * num_users : num_users] = 0.0
    return smallest


@compiled_entry
def hear_beams(cross_channels, senders, beamformers, cross_gains):
    """The cross gains of one cell, bit for bit as `beamform` has them, from beams that it wrote.

    Args:
        cross_channels: Of one cell of one block, `[interferer, band, antenna, user]`.
        senders: The cells that they come from, -1 for padding.
        beamformers: Of all cells of the block, `[cell, band, antenna, user]`.
        cross_gains: What is written, `[interferer, band, tx_user, user]`.
    """
    num_interferers, num_bands, num_antennas, num_users = cross_channels.shape
    padded_antennas, padded_users = -(-num_antennas // LANES) * LANES, -(-num_users // LANES) * LANES
    beams = np.zeros((2, num_users, padded_antennas), cross_gains.dtype)
    h = np.zeros((2, num_antennas, padded_users), cross_gains.dtype)
    products = np.zeros((1, 2, LANES), cross_gains.dtype)[0]
    flat_gains = cross_gains.reshape(-1)
    for i in range(num_interferers):
        sender = senders[i]
        if sender < 0:
            flat_gains[i * num_bands * num_users * num_users : (i + 1) * num_bands * num_users * num_users] = 0.0
            continue
        for band in range(num_bands):
            for m in range(num_antennas):
                for user in range(num_users):
                    number, beam = cross_channels[i, band, m, user], beamformers[sender, band, m, user]
                    h[0, m, user], h[1, m, user] = number.real, number.imag
                    beams[0, user, m], beams[1, user, m] = beam.real, beam.imag
            first = (i * num_bands + band) * num_users * num_users
            _cross(flat_gains, first, beams[:1], beams[1:], 0, h[0], h[1], num_users, products)
