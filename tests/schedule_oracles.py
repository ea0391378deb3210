"""Whom a schedule serves, and what a block of such slots is, as slow scalar loops over lists; beside `oracles.py` and in its forms."""

import math
from collections import deque

import oracles


class Queues:
    """Round robin as base stations with a queue each: those at its head are served and go to its end."""

    def __init__(self, users_per_cell, most):
        self.queues, self.most = [deque(range(users)) for users in users_per_cell], most

    def next(self):
        """Who is served in the next slot, by cell."""
        chosen = []
        for queue in self.queues:
            served = [queue.popleft() for _ in range(min(self.most, len(queue)))]
            queue.extend(served)
            chosen.append(sorted(served))
        return chosen


def fairest(h_own, averages, alpha, num_served, p0):
    """The users of a cell with the largest w r; `h_own[band][antenna][user]`, `averages[user]`."""
    num_antennas, num_users = len(h_own[0]), len(h_own[0][0])
    worth = []
    for user in range(num_users):
        rate = 0.0
        for band in h_own:
            strength = sum(abs(complex(antenna[user])) ** 2 for antenna in band)
            rate += math.log2(1.0 + p0 * strength * (num_antennas - num_served + 1) / num_antennas)
        worth.append((10.0 / (0.1 + averages[user])) ** alpha * rate)
    return sorted(sorted(range(num_users), key=lambda user: -worth[user])[:num_served])


def of_chosen(h, chosen):
    """`h[tx][rx][band][antenna][user]` with the chosen users of each cell alone."""
    return [
        [[[[antenna[user] for user in chosen[rx]] for antenna in band] for band in h[tx][rx]] for rx in range(len(h))]
        for tx in range(len(h))
    ]


def served_slot(h, chosen, fractions, budget):
    """A slot without negotiation: powers `[cell][band][place]`, rates `[cell][place]` and what each cell spent."""
    part = of_chosen(h, chosen)
    beams = oracles.beamformers(part)
    gains = oracles.signal_gains(part, beams), oracles.cross_gains(part, beams)
    powers, c, _, spent = oracles.play_slot(fractions, budget, *gains, 0)
    return powers, oracles.rates(powers, c), spent
