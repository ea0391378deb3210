"""Which cells share which bands: a local search over all ways to give every cell a set of bands, or none."""

from math import log
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from multicell_env.kernels.compiling import compiled_entry, inner
from multicell_env.model.types import Gains

NUM_KICKS = 400
"""Times that `best_sharing` disturbs what it has found and searches on ..."""
KICKED_CELLS = 4
"""... and the cells that get other bands then."""


class FullPower(NamedTuple):
    """What users receive in a band in which cells spend their whole budget; with n bands a cell spends a share of 1/n in each."""

    signals: Float[np.ndarray, "cell band user"]
    """Received from the own beam, in sigma^2."""
    leaks: Float[np.ndarray, "tx_cell cell band user"]
    """Received from each other cell, in sigma^2; 0 from the own one."""
    weights: Float[np.ndarray, " cell"]
    """How many users each entry of the last axis stands for."""


class Sharing(NamedTuple):
    """Bands for cells."""

    owned: Bool[np.ndarray, "cell band"]
    """Which bands each cell uses; a cell without one is silent."""
    sum_rate: float
    """The network's sum rate, bit/s/Hz, where every cell spreads its budget evenly over its bands."""


def full_power(gains: Gains, user_budgets: Float[np.ndarray, "cell user"]) -> FullPower:
    """`FullPower` of one block, from its channels.

    Args:
        gains: Gains of the block.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.
    """
    num_cells, num_bands, num_users = gains.signal_gains.shape
    leaks = np.zeros((num_cells, num_cells, num_bands, num_users))
    for cell, others in enumerate(gains.interferers):
        for i, other in enumerate(others):
            if other >= 0 and other != cell:  # a search for shares counts other cells alone
                leaks[other, cell] = user_budgets[other] @ gains.cross_gains[cell, i].astype(np.float64)
    signals = gains.signal_gains.astype(np.float64) * user_budgets[:, None, :]
    return FullPower(signals, leaks, np.ones(num_cells))


def best_sharing(at_full_power: FullPower, starts: Bool[np.ndarray, "start cell band"], num_kicks: int = NUM_KICKS) -> Sharing:
    """The best of many local searches for the bands of every cell.

    With n_b bands for cell b and S, L, w of `FullPower`, the network's sum rate is

        sum over b, its bands f, its users u of w_b log2(1 + S_{b,u}[f] / n_b / (1 + I_{b,u}[f])),

    where I is the sum of L_{b',b,u}[f] / n_b' over the other cells b' that use band f.

    A search lets the cells in turn take the bands that are best for the network given those of the others. That step is exact: for a
    given number of bands, what one band adds does not depend on which the others are, so that the best n bands are the n that add most. A
    search ends when no cell can better the network. Then some neighbours get bands at random, and the search goes on from there; what
    it finds is kept if it is better. The random draws are always the same.

    Args:
        at_full_power: What users receive.
        starts: Where searches begin; the best end is disturbed.
        num_kicks: How often.

    Source: iterated local search (H. R. Lourenço, O. C. Martin and T. Stützle, in "Handbook of Metaheuristics", 2003).
    """
    owned = np.zeros(at_full_power.signals.shape[:2], bool)
    arrays = (np.ascontiguousarray(array, np.float64) for array in at_full_power)
    rate = _search(*arrays, *disturbances(at_full_power, num_kicks), np.ascontiguousarray(starts), owned)
    return Sharing(owned, float(rate) / log(2.0))


class Disturbances(NamedTuple):
    """Whom a change of a cell's bands concerns, and how a search is disturbed."""

    victims: Int[np.ndarray, "cell victim"]
    """The cells that each reaches, -1 for padding."""
    concerns: Bool[np.ndarray, "cell cell"]
    """The cells that each reaches, those that reach it, and those that reach a cell that it reaches."""
    kicked: Int[np.ndarray, "kick kicked_cell"]
    """The cells that get other bands."""
    kicks: Bool[np.ndarray, "kick kicked_cell band"]
    """The bands that they get."""


def disturbances(at_full_power: FullPower, num_kicks: int) -> Disturbances:
    """What a search needs beside `FullPower`: always the same random draws."""
    num_cells, num_bands = at_full_power.signals.shape[:2]
    reaches = np.any(at_full_power.leaks > 0.0, axis=(2, 3))
    concerns = np.eye(num_cells) + reaches + reaches.T + reaches.astype(np.float64) @ reaches.T > 0.0
    generator = np.random.default_rng(0)
    kicked = _neighbours(concerns, num_kicks, generator)
    density = generator.random((*kicked.shape, 1)) * 1.5 - 0.25  # so that a cell is often silent, and often has all bands
    kicks = generator.random((*kicked.shape, num_bands)) < density
    victims = np.where(np.sort(~reaches, axis=1), -1, np.argsort(~reaches, axis=1, kind="stable"))[:, : reaches.sum(axis=1).max()]
    return Disturbances(np.ascontiguousarray(victims), concerns, kicked, kicks)


def spread(owned: Bool[np.ndarray, "cell band"]) -> Float[np.ndarray, "cell band"]:
    """Which share of its budget a cell has in each band: the same in all its own ones."""
    return owned / np.maximum(owned.sum(axis=-1, keepdims=True), 1)


def _neighbours(concerns: Bool[np.ndarray, "cell cell"], count: int, generator: np.random.Generator) -> Int[np.ndarray, "count cell"]:
    """Random cells, and random ones among those that each concerns."""
    first = generator.integers(len(concerns), size=(count, 1))
    concerned, sizes = np.argsort(~concerns, axis=1, kind="stable"), concerns.sum(axis=1)
    places = (generator.random((count, KICKED_CELLS - 1)) * sizes[first]).astype(np.int64)
    return np.concatenate([first, concerned[first, places]], axis=1)


@inner
def _level(leaks, victims, owned, counts, heard):
    """Fills in what every user hears from the other cells."""
    num_cells, _, num_bands, num_users = leaks.shape
    heard[:] = 0.0
    for other in range(num_cells):
        for cell in victims[other]:
            if cell >= 0:
                for band in range(num_bands):
                    if owned[other, band]:
                        for user in range(num_users):
                            heard[cell, band, user] += leaks[other, cell, band, user] / counts[other]


@inner
def _hear(leaks, victims, owned, count, heard, cell, sign):
    """Adds what a cell leaks to what others hear, or takes it away."""
    for victim in victims[cell]:
        if victim >= 0:
            for band in range(owned.shape[1]):
                if owned[cell, band]:
                    for user in range(heard.shape[2]):
                        # Never below 0: differences leave rounding behind.
                        now = heard[victim, band, user] + sign * leaks[cell, victim, band, user] / count
                        heard[victim, band, user] = max(0.0, now)


@inner
def _rate(signals, weights, owned, counts, heard, cell, band):
    """Rate of a cell in a band, nats."""
    rate = 0.0
    for user in range(signals.shape[2]):
        rate += np.log1p(signals[cell, band, user] / counts[cell] / (1.0 + heard[cell, band, user]))
    return weights[cell] * rate


@inner
def _ascend(signals, leaks, weights, victims, concerns, owned, counts, heard, waiting, added, lost, order):
    """Lets waiting cells take their best bands until none can better the network."""
    num_cells, num_bands, num_users = signals.shape
    _level(leaks, victims, owned, counts, heard)
    busy = True
    while busy:
        busy = False
        for cell in range(num_cells):
            if not waiting[cell]:
                continue
            waiting[cell], busy = False, True
            if counts[cell] > 0:
                _hear(leaks, victims, owned, counts[cell], heard, cell, -1.0)
            # What the others have in each band while this cell is silent.
            for band in range(num_bands):
                order[band], lost[band] = band, 0.0
                for victim in victims[cell]:
                    if victim >= 0 and owned[victim, band]:
                        lost[band] += _rate(signals, weights, owned, counts, heard, victim, band)
            now, best, best_count = 0.0, 0.0, 0
            for count in range(1, num_bands + 1):
                for band in range(num_bands):
                    rate = -lost[band]
                    for user in range(num_users):
                        rate += weights[cell] * np.log1p(signals[cell, band, user] / count / (1.0 + heard[cell, band, user]))
                    for victim in victims[cell]:
                        if victim >= 0 and owned[victim, band]:
                            disturbed = 0.0
                            for user in range(num_users):
                                noise = 1.0 + heard[victim, band, user] + leaks[cell, victim, band, user] / count
                                disturbed += np.log1p(signals[victim, band, user] / counts[victim] / noise)
                            rate += weights[victim] * disturbed
                    added[count - 1, band] = rate
                if count == counts[cell]:
                    for band in range(num_bands):
                        if owned[cell, band]:
                            now += added[count - 1, band]
                # Best first; nearly sorted already, by the order for one band less.
                for i in range(1, num_bands):
                    band, place = order[i], i
                    while place > 0 and added[count - 1, order[place - 1]] < added[count - 1, band]:
                        order[place] = order[place - 1]
                        place -= 1
                    order[place] = band
                total = 0.0
                for i in range(count):
                    total += added[count - 1, order[i]]
                if total > best:
                    best, best_count = total, count
            # A hair above, so that rounding moves nobody.
            if best > now + 1e-9 * (abs(now) + 1.0) or (best_count == 0 and now < 0.0):
                for band in range(num_bands):
                    owned[cell, band] = False
                for _ in range(best_count):
                    # The best one that is not taken yet, in the order for this number of bands.
                    chosen = -1
                    for band in range(num_bands):
                        if not owned[cell, band] and (chosen < 0 or added[best_count - 1, band] > added[best_count - 1, chosen]):
                            chosen = band
                    owned[cell, chosen] = True
                counts[cell] = best_count
                for other in range(num_cells):
                    if concerns[cell, other] and other != cell:
                        waiting[other] = True
            if counts[cell] > 0:
                _hear(leaks, victims, owned, counts[cell], heard, cell, 1.0)
    total = 0.0
    for cell in range(num_cells):
        for band in range(num_bands):
            if owned[cell, band]:
                total += _rate(signals, weights, owned, counts, heard, cell, band)
    return total


@inner
def begin_run(run, starts, kicked, kicks, concerns, best_owned, owned, counts, waiting):
    """Bands that a run of the search has at first: a start, or the best so far, kicked; who has to look at its bands again."""
    num_cells, num_bands = owned.shape
    is_start = run < len(starts)
    kick = run - len(starts)
    for cell in range(num_cells):
        waiting[cell] = is_start
        for band in range(num_bands):
            owned[cell, band] = starts[run, cell, band] if is_start else best_owned[cell, band]
    if not is_start:
        for i in range(kicked.shape[1]):
            for band in range(num_bands):
                owned[kicked[kick, i], band] = kicks[kick, i, band]
            for other in range(num_cells):
                waiting[other] |= concerns[kicked[kick, i], other]
    for cell in range(num_cells):
        counts[cell] = 0
        for band in range(num_bands):
            counts[cell] += owned[cell, band]


@compiled_entry
def _search(signals, leaks, weights, victims, concerns, kicked, kicks, starts, best_owned):
    """`best_sharing`: fills in the bands; returns the sum rate in nats."""
    num_cells, num_bands, num_users = signals.shape
    owned, counts = np.zeros((num_cells, num_bands), np.bool_), np.zeros(num_cells, np.int64)
    heard, waiting = np.empty((num_cells, num_bands, num_users)), np.empty(num_cells, np.bool_)
    added, lost, order = np.empty((num_bands, num_bands)), np.empty(num_bands), np.empty(num_bands, np.int64)
    best = -1.0
    for run in range(len(starts) + len(kicks)):
        begin_run(run, starts, kicked, kicks, concerns, best_owned, owned, counts, waiting)
        rate = _ascend(signals, leaks, weights, victims, concerns, owned, counts, heard, waiting, added, lost, order)
        if rate > best * (1.0 + 1e-12) or best < 0.0:
            best = rate
            best_owned[:] = owned
    return best
