"""Allocations as slow scalar loops over ragged lists, in the form of `oracles.py`. Shares no code with the package."""

import itertools
import math

from oracles import ingr, water_fill


def assignment_rates(owners, signal, budgets):
    """Sum rate of each cell if cell `owners[f]` alone transmits in band f and its users water-fill over the bands it owns."""
    totals = []
    for b in range(len(signal)):
        owned = [f for f in range(len(owners)) if owners[f] == b]
        total = 0.0
        for u in range(len(signal[b][0])):
            if owned:
                levels = [1.0 / signal[b][f][u] for f in owned]
                total += sum(math.log2(1.0 + p / level) for p, level in zip(water_fill(levels, budgets[b][u]), levels, strict=True))
        totals.append(total)
    return totals


def all_assignments(num_cells, num_bands):
    """Each of the B^F ways to give every band to exactly one cell."""
    return itertools.product(range(num_cells), repeat=num_bands)


def best_assignment(signal, budgets):
    """Owners and sum rates of the best of the B^F assignments."""
    options = ((assignment_rates(owners, signal, budgets), owners) for owners in all_assignments(len(signal), len(signal[0])))
    best_rates, best_owners = max(options, key=lambda option: sum(option[0]))
    return list(best_owners), best_rates


def _leaked(scores, cross, b, f, u):
    """What a beam leaks to the users of the other cells, each weighed by its score."""
    return sum(
        cross[b][other][f][u][v] * scores[other][f][v]
        for other in range(len(scores))
        if other != b and cross[b][other] is not None
        for v in range(len(scores[other][f]))
    )


def _everybody_alike(powers):
    return [[1.0] * len(cell[0]) for cell in powers]


def network_rate_slopes(powers, signal, cross, counts=None):
    """Derivative of the network's sum rate (19) by each power, bit/s/Hz per sigma^2; `counts[cell][user]` is what each rate counts."""
    c, counts = ingr(powers, signal, cross), counts or _everybody_alike(powers)
    # log2(1 + p / c): by p it is 1 / (c + p), and by the interference over the gain, which is c, it is 1 / (c + p) - 1 / c.
    lost = [
        [
            [count * (1.0 / ci - 1.0 / (ci + p)) / g for count, ci, p, g in zip(counts[b], *rows, strict=True)]
            for rows in zip(c[b], powers[b], signal[b], strict=True)
        ]
        for b in range(len(c))
    ]
    return [
        [
            [(counts[b][u] / (c[b][f][u] + powers[b][f][u]) - _leaked(lost, cross, b, f, u)) / math.log(2.0) for u in range(len(c[b][f]))]
            for f in range(len(c[b]))
        ]
        for b in range(len(c))
    ]


def fractional_programming_step(powers, signal, cross, budgets, counts=None):
    """One step of fractional programming: Lagrangian dual transform, quadratic transform, powers under each user's budget.

    gamma = p / c,  y = sqrt(v (1 + gamma) g p) / (g p + g c),
    p = ((y sqrt(v (1 + gamma) g)) / (y^2 g + sum over the others of G y^2 + mu))^2, mu >= 0 by bisection,

    where v is what a user's rate counts, `counts[cell][user]`.
    """
    c, counts = ingr(powers, signal, cross), counts or _everybody_alike(powers)
    cells = range(len(c))
    gamma = [[[p / ci for p, ci in zip(*rows, strict=True)] for rows in zip(powers[b], c[b], strict=True)] for b in cells]

    def auxiliary(b, f, u):
        g, p = signal[b][f][u], powers[b][f][u]
        return math.sqrt(counts[b][u] * (1.0 + gamma[b][f][u]) * g * p) / (g * p + g * c[b][f][u])

    y = [[[auxiliary(b, f, u) for u in range(len(c[b][f]))] for f in range(len(c[b]))] for b in cells]
    squares = [[[value * value for value in band] for band in cell] for cell in y]
    result = [[[0.0] * len(band) for band in cell] for cell in powers]
    for b in cells:
        for u in range(len(c[b][0])):
            bands = range(len(c[b]))
            tops = [y[b][f][u] * math.sqrt(counts[b][u] * (1.0 + gamma[b][f][u]) * signal[b][f][u]) for f in bands]
            floors = [squares[b][f][u] * signal[b][f][u] + _leaked(squares, cross, b, f, u) for f in bands]

            def poured(mu, tops=tops, floors=floors):
                return [(top / (floor + mu)) ** 2 if top > 0 else 0.0 for top, floor in zip(tops, floors, strict=True)]

            low, high = 0.0, 0.0
            if sum(poured(0.0)) > budgets[b][u]:
                high = math.sqrt(sum(top * top for top in tops) / budgets[b][u])  # enough even without the floors
                for _ in range(2000):
                    middle = (low + high) / 2.0
                    low, high = (middle, high) if sum(poured(middle)) > budgets[b][u] else (low, middle)
            for f, power in zip(bands, poured(high), strict=True):
                result[b][f][u] = power
    return result
