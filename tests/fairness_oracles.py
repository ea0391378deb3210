"""Fairness among users as slow scalar loops over ragged lists, beside `price_oracles.py` and in its forms: `[cell][user]` for rates."""

import math

from oracles import ingr, rates
from price_oracles import responses


def weight(average, alpha):
    """What a user's rate counts: 1 with alpha 0, and 10 over its average rate and 0.1 with alpha 1."""
    return 1.0 if alpha == 0.0 else (10.0 / (0.1 + average)) ** alpha


def utility(average, alpha):
    """The alpha-fair utility of an average rate."""
    return math.log(average + 0.1) if alpha == 1.0 else (average + 0.1) ** (1.0 - alpha) / (1.0 - alpha)


def weights(past, now, alpha):
    """Of every user, by its rates in each past slot, `past[slot][cell][user]`, and in the running round."""
    return [
        [weight((sum(slot[b][u] for slot in past) + now[b][u]) / (len(past) + 1), alpha) for u in range(len(now[b]))]
        for b in range(len(now))
    ]


def earned(slots, b, alpha):
    """Of a cell: the sum of its users' utilities of their averages over the slots, times how many slots there are."""
    num_users = len(slots[0][b]) if slots else 0
    return math.fsum(len(slots) * utility(sum(slot[b][u] for slot in slots) / len(slots), alpha) for u in range(num_users))


def reward(past, now, alpha, transmits=True):
    """What each cell is paid for a round: what it has earned with it, and in the last round of a slot less what it had without."""
    return [earned([*past, now], b, alpha) - (earned(past, b, alpha) if transmits else 0.0) for b in range(len(now))]


def prices(powers, signal, cross, counts):
    """pi_{b,u}[f]: sum over the users of other cells of cross gain times what they count times S / (N (S + N))."""
    c = ingr(powers, signal, cross)
    result = [[[0.0] * len(band) for band in cell] for cell in powers]
    for b in range(len(signal)):
        for victim in range(len(signal)):
            if victim == b or cross[b][victim] is None:
                continue
            for f in range(len(powers[b])):
                for u in range(len(powers[b][f])):
                    for v in range(len(powers[victim][f])):
                        noise = c[victim][f][v] * signal[victim][f][v]
                        received = signal[victim][f][v] * powers[victim][f][v]
                        result[b][f][u] += cross[b][victim][f][u][v] * counts[victim][v] * received / (noise * (received + noise))
    return result


def _over_own(costs, counts):
    return [[[cost / count for cost, count in zip(band, counts[b], strict=True)] for band in costs[b]] for b in range(len(costs))]


def negotiate(powers, signal, cross, budgets, num_iterations, past, alpha):
    """All k undamped iterations of pricing: everybody hears prices, INGR and rates, then all move half-way to their best response."""
    for _ in range(num_iterations):
        c = ingr(powers, signal, cross)
        counts = weights(past, rates(powers, c), alpha)
        answer = responses(_over_own(prices(powers, signal, cross, counts), counts), c, budgets)
        powers = [
            [[0.5 * p + 0.5 * a for p, a in zip(*bands, strict=True)] for bands in zip(*cells, strict=True)]
            for cells in zip(powers, answer, strict=True)
        ]
    return powers


def tilted(actions, costs, c, budgets, p0, counts):
    """The best response to (pi + 0.05 / p0) 10^(4 a) of users that count so much, with a clipped to [-1, 1]."""
    tilted_costs = [
        [
            [(cost + 0.05 / p0[b]) * 10.0 ** (4.0 * min(max(a, -1.0), 1.0)) for a, cost in zip(*rows, strict=True)]
            for rows in zip(actions[b], costs[b], strict=True)
        ]
        for b in range(len(actions))
    ]
    return responses(_over_own(tilted_costs, counts), c, budgets)
