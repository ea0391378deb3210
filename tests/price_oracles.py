"""Prices and the best response to them as slow scalar loops over ragged lists, beside `oracles.py` and in its forms."""

import math

from oracles import ingr


def prices(powers, signal, cross):
    """pi_{b,u}[f]: sum over the users of other cells of cross gain times S / (N (S + N))."""
    cells = range(len(signal))
    result = [[[0.0] * len(band) for band in cell] for cell in powers]
    for b in cells:
        for f in range(len(powers[b])):
            for u in range(len(powers[b][f])):
                for victim in cells:
                    if victim == b or cross[b][victim] is None:
                        continue
                    for v in range(len(powers[victim][f])):
                        received = signal[victim][f][v] * powers[victim][f][v]
                        noise = 1.0
                        for other in cells:
                            if other != victim and cross[other][victim] is not None:
                                for w in range(len(powers[other][f])):
                                    noise += cross[other][victim][f][w][v] * powers[other][f][w]
                        result[b][f][u] += cross[b][victim][f][u][v] * received / (noise * (received + noise))
    return result


def leakage(signal, cross):
    """Sum of the cross gains of each beam to all users of other cells."""
    return [
        [
            [
                sum(sum(cross[b][victim][f][u]) for victim in range(len(signal)) if victim != b and cross[b][victim] is not None)
                for u in range(len(signal[b][f]))
            ]
            for f in range(len(signal[b]))
        ]
        for b in range(len(signal))
    ]


def best_response(costs, c, budget):
    """One user's powers over its bands: (1 / (pi + lambda) - c)^+, lambda >= 0 by bisection."""

    def wanted(multiplier):
        return [max(0.0, 1.0 / (cost + multiplier) - level) for cost, level in zip(costs, c, strict=True)]

    if min(costs) > 0.0 and math.fsum(wanted(0.0)) <= budget:
        return wanted(0.0)
    low, high = 0.0, max(1.0 / level for level in c)  # where every band is closed
    for _ in range(400):
        middle = (low + high) / 2.0
        low, high = (middle, high) if math.fsum(wanted(middle)) > budget else (low, middle)
    return wanted(high)


def responses(costs, c, budgets):
    """The best response of every user of every cell."""
    result = [[[0.0] * len(band) for band in cell] for cell in c]
    for b in range(len(c)):
        for u in range(len(c[b][0])):
            bands = range(len(c[b]))
            for f, power in zip(
                bands, best_response([costs[b][f][u] for f in bands], [c[b][f][u] for f in bands], budgets[b][u]), strict=True
            ):
                result[b][f][u] = power
    return result


def negotiate(powers, signal, cross, budgets, num_iterations, damping=0.0):
    """All k iterations of pricing: everybody hears prices and INGR, then all move half-way to their best response."""
    kept = damping if isinstance(damping, list) else [[damping] * len(of_cell) for of_cell in budgets]
    for _ in range(num_iterations):
        answer = responses(prices(powers, signal, cross), ingr(powers, signal, cross), budgets)
        powers = [
            [
                [
                    kept[b][u] * powers[b][f][u] + (1.0 - kept[b][u]) * (0.5 * powers[b][f][u] + 0.5 * answer[b][f][u])
                    for u in range(len(powers[b][f]))
                ]
                for f in range(len(powers[b]))
            ]
            for b in range(len(powers))
        ]
    return powers


def tilted(actions, costs, c, budgets, p0):
    """The best response to (pi + 0.05 / p0) 10^(4 a), with a clipped to [-1, 1]."""
    tilted_costs = [
        [
            [(cost + 0.05 / p0[b]) * 10.0 ** (4.0 * min(max(a, -1.0), 1.0)) for a, cost in zip(*rows, strict=True)]
            for rows in zip(actions[b], costs[b], strict=True)
        ]
        for b in range(len(actions))
    ]
    return responses(tilted_costs, c, budgets)
