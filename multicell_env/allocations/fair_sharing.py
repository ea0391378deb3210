"""Which cells share which bands where single users count: the local search of `sharing` for a utility of the users' rates."""

import numpy as np
from jaxtyping import Bool

from multicell_env.allocations.sharing import NUM_KICKS, FullPower, Sharing, begin_run, disturbances
from multicell_env.kernels.compiling import compiled_entry, inner
from multicell_env.model.fairness import RATE_FLOOR


def fair_sharing(
    at_full_power: FullPower, starts: Bool[np.ndarray, "start cell band"], fairness: float, num_kicks: int = NUM_KICKS
) -> Sharing:
    """The best of many local searches for the bands of every cell, by the users' utility.

    With n_b bands for cell b and S, L, w of `FullPower`, the utility of the network is

        sum over b, its users u of w_b u(R_{b,u}),   R_{b,u} = sum over its bands f of log2(1 + S_{b,u}[f] / n_b / (1 + I_{b,u}[f])),

    where I is the sum of L_{b',b,u}[f] / n_b' over the other cells b' that use band f, and u is `alpha_fair_utility`.

    The utility is no sum over bands, so that a cell's best bands cannot be found one by one, as `best_sharing` does. Here the cells in
    turn take or leave one band, or change one for another, as long as that betters the network. Then some neighbours get bands at
    random, as there.

    Args:
        at_full_power: What users receive; entries without a signal count nobody.
        starts: Where searches begin; the best end is disturbed.
        fairness: alpha, above 0.
        num_kicks: How often.

    Returns:
        The bands, and the utility in the place of a sum rate.
    """
    owned = np.zeros(at_full_power.signals.shape[:2], bool)
    arrays = (np.ascontiguousarray(array, np.float64) for array in at_full_power)
    utility = _search(*arrays, *disturbances(at_full_power, num_kicks), np.ascontiguousarray(starts), float(fairness), RATE_FLOOR, owned)
    return Sharing(owned, float(utility))


@inner
def _utility(rate, fairness, floor):
    """Utility of a rate in nats."""
    average = rate / np.log(2.0) + floor
    return np.log(average) if fairness == 1.0 else average ** (1.0 - fairness) / (1.0 - fairness)


@inner
def _hear(leaks, owned, counts, cell, without, heard):
    """Fills in what the users of a cell hear from the other cells but one."""
    num_cells, num_bands = owned.shape
    heard[cell] = 0.0
    for other in range(num_cells):
        if other != without and counts[other] > 0:
            for band in range(num_bands):
                if owned[other, band]:
                    for user in range(heard.shape[2]):
                        heard[cell, band, user] += leaks[other, cell, band, user] / counts[other]


@inner
def _tabulate(signals, leaks, victims, owned, counts, heard, cell, own, theirs):
    """Fills in rates in nats in every band: a cell's own with 1, 2, ... bands, and its victims' where it has 0, 1, 2, ..."""
    num_bands, num_users = signals.shape[1:]
    _hear(leaks, owned, counts, cell, cell, heard)
    for i in range(victims.shape[1]):
        if victims[cell, i] >= 0:
            _hear(leaks, owned, counts, victims[cell, i], cell, heard)
    for count in range(num_bands + 1):
        for band in range(num_bands):
            for user in range(num_users):
                if count > 0:
                    own[count - 1, band, user] = np.log1p(signals[cell, band, user] / count / (1.0 + heard[cell, band, user]))
                for i in range(victims.shape[1]):
                    victim = victims[cell, i]
                    if victim >= 0 and owned[victim, band]:
                        noise = 1.0 + heard[victim, band, user]
                        if count > 0:
                            noise += leaks[cell, victim, band, user] / count
                        theirs[count, band, i, user] = np.log1p(signals[victim, band, user] / counts[victim] / noise)


@inner
def _worth(signals, weights, victims, owned, own, theirs, cell, fairness, floor):
    """Utility of a cell with the bands that it owns, and of its victims."""
    num_bands, num_users = signals.shape[1:]
    count = 0
    for band in range(num_bands):
        count += owned[cell, band]
    total = 0.0
    for user in range(num_users):
        if signals[cell, 0, user] > 0.0:
            rate = 0.0
            for band in range(num_bands):
                if owned[cell, band]:
                    rate += own[count - 1, band, user]
            total += weights[cell] * _utility(rate, fairness, floor)
    for i in range(victims.shape[1]):
        victim = victims[cell, i]
        if victim >= 0:
            for user in range(num_users):
                if signals[victim, 0, user] > 0.0:
                    rate = 0.0
                    for band in range(num_bands):
                        if owned[victim, band]:
                            rate += theirs[count if owned[cell, band] else 0, band, i, user]
                    total += weights[victim] * _utility(rate, fairness, floor)
    return total


@inner
def _improve(signals, weights, victims, owned, own, theirs, cell, fairness, floor):
    """Takes or leaves a band, or changes one for another, as long as that helps; returns whether anything did."""
    num_bands = owned.shape[1]
    now, moved = _worth(signals, weights, victims, owned, own, theirs, cell, fairness, floor), False
    while True:
        best, first, second = now + 1e-9 * (abs(now) + 1.0), -1, -1  # a hair above, so that rounding moves nobody
        for band in range(num_bands):
            owned[cell, band] = not owned[cell, band]
            for other in range(band + 1):
                # The band itself says that it alone changes.
                if other < band and owned[cell, other] != owned[cell, band]:
                    continue
                if other < band:
                    owned[cell, other] = not owned[cell, other]
                worth = _worth(signals, weights, victims, owned, own, theirs, cell, fairness, floor)
                if worth > best:
                    best, first, second = worth, band, other
                if other < band:
                    owned[cell, other] = not owned[cell, other]
            owned[cell, band] = not owned[cell, band]
        if first < 0:
            return moved
        owned[cell, first] = not owned[cell, first]
        if second < first:
            owned[cell, second] = not owned[cell, second]
        now, moved = best, True


@compiled_entry
def _search(signals, leaks, weights, victims, concerns, kicked, kicks, starts, fairness, floor, best_owned):
    """`fair_sharing`: fills in the bands; returns the utility."""
    num_cells, num_bands, num_users = signals.shape
    owned, counts = np.zeros((num_cells, num_bands), np.bool_), np.zeros(num_cells, np.int64)
    heard, waiting = np.empty((num_cells, num_bands, num_users)), np.empty(num_cells, np.bool_)
    own = np.empty((num_bands, num_bands, num_users))
    theirs = np.zeros((num_bands + 1, num_bands, victims.shape[1], num_users))
    best = -np.inf
    for run in range(len(starts) + len(kicks)):
        begin_run(run, starts, kicked, kicks, concerns, best_owned, owned, counts, waiting)
        busy = True
        while busy:
            busy = False
            for cell in range(num_cells):
                if not waiting[cell]:
                    continue
                waiting[cell], busy = False, True
                _tabulate(signals, leaks, victims, owned, counts, heard, cell, own, theirs)
                if _improve(signals, weights, victims, owned, own, theirs, cell, fairness, floor):
                    counts[cell] = 0
                    for band in range(num_bands):
                        counts[cell] += owned[cell, band]
                    for other in range(num_cells):
                        if concerns[cell, other] and other != cell:
                            waiting[other] = True
        total = 0.0
        for cell in range(num_cells):
            _hear(leaks, owned, counts, cell, cell, heard)
            for user in range(num_users):
                if signals[cell, 0, user] > 0.0:
                    rate = 0.0
                    for band in range(num_bands):
                        if owned[cell, band]:
                            rate += np.log1p(signals[cell, band, user] / counts[cell] / (1.0 + heard[cell, band, user]))
                    total += weights[cell] * _utility(rate, fairness, floor)
        if total > best + 1e-12 * abs(best) or run == 0:
            best = total
            best_owned[:] = owned
    return best
