"""A good exclusive assignment of bands to cells for any number of bands: bands handed over and swapped until nothing helps."""

from math import prod

import numpy as np
from jaxtyping import Float

from multicell_env.assignment import Assignment, assigned
from multicell_env.beamforming import Gains
from multicell_env.simd import compiled_entry
from multicell_env.vector_loops import inner


def greedy_assignment(gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"]) -> Assignment:
    """An exclusive band-to-cell assignment that neither another owner of one band nor a swap of two bands can better.

    A centralised reference that needs every cell's channels, where `best_assignment` would take too long. The bands go one after
    another to the cell that gains most. Then single bands change their owner and pairs of bands swap theirs, as long as that raises the
    network's sum rate, with every user's water-filling in full. A local optimum: never above `best_assignment`.

    Args:
        gains: Gains of the blocks.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.
    """
    *batch, num_cells, num_bands, num_users = gains.signal_gains.shape
    blocks = prod(batch)
    levels = np.ascontiguousarray(1.0 / gains.signal_gains.astype(np.float64)).reshape(blocks, num_cells, num_bands, num_users)
    budgets = np.ascontiguousarray(np.broadcast_to(user_budgets, (*batch, num_cells, num_users)), np.float64)
    order = np.ascontiguousarray(np.argsort(levels, axis=-2))
    owners = np.full((blocks, num_bands), -1, np.int64)
    _assign(levels, np.log(levels), order, budgets.reshape(blocks, num_cells, num_users), owners)
    return assigned(owners.reshape(*batch, num_bands), gains, user_budgets)


@inner
def _rate_with(levels, logs, order, budgets, owners, cell, more, less):
    """Rate of a cell in nats on its bands, with one more and one less; -1 for none."""
    num_bands, num_users = levels.shape[1:]
    rate = 0.0
    for user in range(num_users):
        budget = budgets[cell, user]
        if budget <= 0.0:
            continue
        # From the lowest level up: one more band either opens, or lies above the water and so do all after it.
        num_open, total, log_total, water = 0, 0.0, 0.0, np.inf
        for i in range(num_bands):
            band = order[cell, i, user]
            if (owners[band] == cell and band != less) or band == more:
                level = levels[cell, band, user]
                if level >= water:
                    break
                num_open += 1
                total += level
                log_total += logs[cell, band, user]
                water = (budget + total) / num_open
        if num_open > 0:
            rate += num_open * np.log(water) - log_total
    return rate


@compiled_entry
def _assign(all_levels, all_logs, all_orders, all_budgets, all_owners):
    """`greedy_assignment` for all blocks; fills in the owners, where every band had none."""
    num_blocks, num_cells, num_bands, _ = all_levels.shape
    rates = np.empty(num_cells)
    for block in range(num_blocks):
        levels, logs, order = all_levels[block], all_logs[block], all_orders[block]
        budgets, owners = all_budgets[block], all_owners[block]
        rates[:] = 0.0
        for band in range(num_bands):
            most, winner, with_it = -1.0, 0, 0.0
            for cell in range(num_cells):
                rate = _rate_with(levels, logs, order, budgets, owners, cell, band, -1)
                if rate - rates[cell] > most:
                    most, winner, with_it = rate - rates[cell], cell, rate
            owners[band] = winner
            rates[winner] = with_it

        total = rates.sum()
        better = True
        while better:
            better = False
            for band in range(num_bands):
                owner = owners[band]
                without = _rate_with(levels, logs, order, budgets, owners, owner, -1, band)
                # A hair above, so that rounding moves no band.
                most, winner, with_it = rates[owner] - without + 1e-12 * total, owner, 0.0
                for cell in range(num_cells):
                    if cell != owner:
                        rate = _rate_with(levels, logs, order, budgets, owners, cell, band, -1)
                        if rate - rates[cell] > most:
                            most, winner, with_it = rate - rates[cell], cell, rate
                if winner != owner:
                    owners[band] = winner
                    rates[owner], rates[winner] = without, with_it
                    better = True
            for band in range(num_bands):
                for other in range(band):
                    one, two = owners[band], owners[other]
                    if one == two:
                        continue
                    of_one = _rate_with(levels, logs, order, budgets, owners, one, other, band)
                    of_two = _rate_with(levels, logs, order, budgets, owners, two, band, other)
                    if of_one + of_two > rates[one] + rates[two] + 1e-12 * total:
                        owners[band], owners[other] = two, one
                        rates[one], rates[two] = of_one, of_two
                        better = True
