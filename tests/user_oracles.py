"""Measures of what users got as slow scalar loops, in the form of `oracles.py`. Shares no code with the package."""

import math


def percent_below(blocks, limit):
    """Percent of all users of all blocks whose rate is below a limit."""
    below = total = 0
    for rates in blocks:
        for rate in rates:
            total += 1
            below += rate < limit
    return 100.0 * below / total


def fifth_percentile(blocks):
    """The rate 5 % up the ordered list of all users' rates, in between two of them on a straight line."""
    ordered = sorted(rate for rates in blocks for rate in rates)
    place = 0.05 * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def jain(blocks):
    """Mean over blocks of (sum of rates)^2 / (users x sum of squares)."""
    indices = [sum(rates) ** 2 / (len(rates) * sum(rate * rate for rate in rates)) for rates in blocks]
    return sum(indices) / len(indices)


def geometric_mean(blocks, floor):
    """Of the rates with a floor added, which is taken away again; every block counts alike."""
    logs = [sum(math.log(rate + floor) for rate in rates) / len(rates) for rates in blocks]
    return math.exp(sum(logs) / len(logs)) - floor
