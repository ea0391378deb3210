"""The equations as slow scalar loops over ragged lists: what every numeric function of the package is held against.

Shares no code with the package. Cells have lists of their own lengths, so nothing is padded. Equation numbers are those of
the paper. Nesting follows the array shapes: `h[tx][rx][band][antenna][user]` (None where no channel exists),
`signal[cell][band][user]`, `cross[tx][rx][band][tx_user][user]`, `powers[cell][band][user]`, `budgets[cell][user]`.
"""

import itertools
import math

import numpy as np


def mean_gains(num_cells, sir_db):
    """a_{b',b} (23)."""
    return [[1.0 if tx == rx else 1.0 / 10.0 ** (sir_db / 10.0) for rx in range(num_cells)] for tx in range(num_cells)]


def interferers(a):
    """I_b: the other cells with a_{b',b} > 0, ascending."""
    return [[tx for tx in range(len(a)) if tx != rx and a[tx][rx] > 0] for rx in range(len(a))]


def nominal_power(snr_db, a_bb):
    """p0: the SNR before beamforming, times sigma^2 = 1, over the mean gain."""
    return 10.0 ** (snr_db / 10.0) / a_bb


def _solve(matrix, right):
    """Gaussian elimination with partial pivoting, in extended precision because the Gram matrix squares H's condition number."""
    n = len(matrix)
    rows = [[np.clongdouble(x) for x in matrix[i]] + [np.clongdouble(right[i])] for i in range(n)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            for col in range(i, n + 1):
                rows[r][col] = rows[r][col] - factor * rows[i][col]
    x = [np.clongdouble(0)] * n
    for i in reversed(range(n)):
        rest = rows[i][n]
        for col in range(i + 1, n):
            rest = rest - rows[i][col] * x[col]
        x[i] = rest / rows[i][i]
    return x


def zero_forcing(h):
    """Columns of H (H^H H)^-1, each scaled to norm 1 (3)-(4); H is a list of M rows of U entries."""
    num_antennas, num_users = len(h), len(h[0])
    h = [[np.clongdouble(x) for x in row] for row in h]
    gram = [[sum(np.conj(h[m][i]) * h[m][j] for m in range(num_antennas)) for j in range(num_users)] for i in range(num_users)]
    w = [[0j] * num_users for _ in range(num_antennas)]
    for u in range(num_users):
        column = _solve(gram, [1 if i == u else 0 for i in range(num_users)])
        beam = [sum(h[m][i] * column[i] for i in range(num_users)) for m in range(num_antennas)]
        norm = np.sqrt(sum(abs(x) ** 2 for x in beam))
        for m in range(num_antennas):
            w[m][u] = complex(beam[m] / norm)
    return w


def beamformers(h):
    """One zero-forcing matrix per cell and band."""
    return [[zero_forcing(h[b][b][f]) for f in range(len(h[b][b]))] for b in range(len(h))]


def power_gain(w, tx_user, h, user):
    """|w^H h|^2 of one beam at one user."""
    total = 0j
    for m in range(len(h)):
        total += complex(w[m][tx_user]).conjugate() * complex(h[m][user])
    return abs(total) ** 2


def signal_gains(h, w):
    """|w_{b,u}^H h_{b,(b,u)}|^2: the numerator of (6a)."""
    return [
        [[power_gain(w[b][f], u, h[b][b][f], u) for u in range(len(h[b][b][f][0]))] for f in range(len(h[b][b]))] for b in range(len(h))
    ]


def cross_gains(h, w):
    """|w_{b',u'}^H h_{b',(b,u)}|^2: the sum of (6a)."""
    cells = range(len(h))
    cross = [[None for _ in cells] for _ in cells]
    for tx in cells:
        for rx in cells:
            if tx == rx or h[tx][rx] is None:
                continue
            cross[tx][rx] = [
                [[power_gain(w[tx][f], v, h[tx][rx][f], u) for u in range(len(h[tx][rx][f][0]))] for v in range(len(w[tx][f][0]))]
                for f in range(len(h[tx][rx]))
            ]
    return cross


def ingr(powers, signal, cross):
    """c_{b,u}[f] (7)."""
    c = []
    for b in range(len(signal)):
        c.append([])
        for f in range(len(signal[b])):
            c[b].append([])
            for u in range(len(signal[b][f])):
                heard = 1.0
                for other in range(len(signal)):
                    if other != b and cross[other][b] is not None:
                        for v in range(len(powers[other][f])):
                            heard += cross[other][b][f][v][u] * powers[other][f][v]
                c[b][f].append(heard / signal[b][f][u])
    return c


def rates(powers, c):
    """R_{b,u} = sum_f log2(1 + p/c) (6a)."""
    return [
        [sum(math.log1p(powers[b][f][u] / c[b][f][u]) for f in range(len(c[b]))) / math.log(2.0) for u in range(len(c[b][0]))]
        for b in range(len(c))
    ]


def sum_rates(powers, c):
    """Sum of the rates of a cell's users (18)."""
    return [sum(of_users) for of_users in rates(powers, c)]


def water_fill(levels, budget):
    """One user's water over its bands (15).

    Poured water is sum_f (w - L_f)^+ = max over sets S of bands of sum_{f in S} (w - L_f). Setting that to the budget gives
    w = min over the non-empty sets S of (budget + sum_{f in S} L_f) / |S|: literally every set is tried.
    """
    bands = range(len(levels))
    water = min(
        math.fsum([budget, *(levels[f] for f in chosen)]) / size
        for size in range(1, len(levels) + 1)
        for chosen in itertools.combinations(bands, size)
    )
    return [max(0.0, water - levels[f]) for f in bands]


def phi(p, c):
    """Derivative of the INGR that a user expects (16)."""
    return -math.sqrt(c / (2.0 * c + p))


def forward_looking_level(p, c):
    """The level of (15)."""
    slope = phi(p, c)
    return (c * c + slope * p * p) / (c - slope * p)


def believed_ingr(p, last_p, last_c, gain):
    """c^B of one user in one band (9), (16), and not below its noise over its gain."""
    return max(last_c + phi(last_p, last_c) * (p - last_p), 1.0 / gain)


def predicted_sum_rates(opening, signal, cross, budgets, num_iterations, damping=0.0):
    """(18) as printed, with what users believe in when they make the last of k > 0 moves."""
    last = negotiate(opening, signal, cross, budgets, num_iterations - 1, damping=damping)
    return believed_sum_rates(iterate(last, signal, cross, budgets, damping=damping), last, signal, cross)


def believed_sum_rates(powers, last, signal, cross):
    """(18) with c^B of a move from the last powers."""
    c, totals = ingr(last, signal, cross), []
    for b in range(len(powers)):
        total = 0.0
        for f in range(len(powers[b])):
            for u in range(len(powers[b][f])):
                believed = believed_ingr(powers[b][f][u], last[b][f][u], c[b][f][u], signal[b][f][u])
                total += math.log2(1.0 + powers[b][f][u] / believed)
        totals.append(total)
    return totals


def _pour(levels, budgets):
    """Water-fill every user of every cell."""
    powers = []
    for b in range(len(levels)):
        num_bands, num_users = len(levels[b]), len(levels[b][0])
        users = [water_fill([levels[b][f][u] for f in range(num_bands)], budgets[b][u]) for u in range(num_users)]
        powers.append([[users[u][f] for u in range(num_users)] for f in range(num_bands)])
    return powers


def iterate(powers, signal, cross, budgets, forward_looking=True, damping=0.0):
    """One simultaneous iteration: all read c (7) from the last powers, then all move by (15). Damping is one number, or `[b][u]`."""
    kept = damping if isinstance(damping, list) else [[damping] * len(of_cell) for of_cell in budgets]
    c = ingr(powers, signal, cross)
    level = forward_looking_level if forward_looking else (lambda p, c: c)
    levels = [[[level(powers[b][f][u], c[b][f][u]) for u in range(len(c[b][f]))] for f in range(len(c[b]))] for b in range(len(c))]
    poured = _pour(levels, budgets)
    return [
        [[kept[b][u] * powers[b][f][u] + (1.0 - kept[b][u]) * poured[b][f][u] for u in range(len(c[b][f]))] for f in range(len(c[b]))]
        for b in range(len(c))
    ]


def negotiate(powers, signal, cross, budgets, num_iterations, forward_looking=True, damping=0.0):
    """All k iterations from an opening move."""
    for _ in range(num_iterations):
        powers = iterate(powers, signal, cross, budgets, forward_looking, damping)
    return powers


def settle(powers, signal, cross, budgets, tolerance, most_iterations, forward_looking=True):
    """Single iterations until no power changes by more than this share of its user's budget.

    Returns the sum rates (18) after each iteration, and after how many it settled, or 0.
    """
    history = []
    for iteration in range(1, most_iterations + 1):
        before, powers = powers, iterate(powers, signal, cross, budgets, forward_looking)
        history.append(sum_rates(powers, ingr(powers, signal, cross)))
        if all(
            abs(powers[b][f][u] - before[b][f][u]) <= tolerance * budgets[b][u]
            for b in range(len(powers))
            for f in range(len(powers[b]))
            for u in range(len(powers[b][f]))
        ):
            return history, iteration
    return history, 0


def selfish_water_fill(signal, budgets):
    """Every user pours its budget on sigma^2 / signal gain."""
    return _pour([[[1.0 / g for g in band] for band in cell] for cell in signal], budgets)


def opening_powers(fractions, budgets):
    """Powers of an action: fractions clipped to [0, 1], a user above 1 in total scaled down to 1."""
    powers = []
    for b in range(len(fractions)):
        num_bands, num_users = len(fractions[b]), len(fractions[b][0])
        cell = [[0.0] * num_users for _ in range(num_bands)]
        for u in range(num_users):
            clipped = [min(max(fractions[b][f][u], 0.0), 1.0) for f in range(num_bands)]
            scale = max(1.0, math.fsum(clipped))
            for f in range(num_bands):
                cell[f][u] = budgets[b][u] * clipped[f] / scale
        powers.append(cell)
    return powers


def play_slot(fractions, power_budget, signal, cross, num_iterations, damping=0.0):
    """One whole slot; returns the final powers, the INGR after it, the sum rates (18) and what each cell spent."""
    budgets = [[power_budget[b] / len(signal[b][0])] * len(signal[b][0]) for b in range(len(signal))]
    powers = negotiate(opening_powers(fractions, budgets), signal, cross, budgets, num_iterations, damping=damping)
    c = ingr(powers, signal, cross)
    return powers, c, sum_rates(powers, c), [math.fsum(p for band in powers[b] for p in band) for b in range(len(signal))]


def power_budget(block_budget, spent_before, num_slots):
    """P_b(t) (5): what the past slots, t - 1 of them, left of the block budget, shared by the T - t + 1 slots from t on."""
    slot = len(spent_before) + 1
    return (block_budget - math.fsum(spent_before)) / (num_slots - slot + 1)
