"""The paper's claims about its figures, in its own words, judged by the equilibria of ours."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from experiments.figures.claim_numbers import Capacities, Capacity, Number, Numbers, Region, at_least
from experiments.figures.paper_figures import X

ABOUT = 0.15
"""How far, relatively, a factor may be from the paper's "4 times"."""
SLIGHTLY, CONSIDERABLY, MUCH = 1.10, 1.10, 1.50
"""Factors: at most this is "very slightly" or "a little"; at least these are "considerably" and "much better"."""
FLAT = 0.05
"""What changes by less than this, relatively, "looks invariant"."""
TOP = 0.5
"""Standard deviations above FLWF's mean where "near the top end" of its band begins; as far below it "the mean" is still reached."""
FAST = 20
"""Iterations, the paper's."""
SMALL, LARGE = "(M, U) = (8, 4)", "(M, U) = (32, 16)"
OURS, BASELINE, SET_NETWORK = "td3mix_opening", "td3mix_k0_mlp", "td3mix_k0"
"""The paper's online algorithm; its TD3-MIX; and the same with our network."""
BENCHMARKS = (BASELINE, "sswf", "random")
NAMES = {"td3mix_k0_mlp": "TD3-MIX", "sswf": "SSWF", "random": "random", "flwf": "FLWF", "td3mix_opening": "TD3-MIX+FLWF"}


def about(factor: float) -> Region:
    """Near a number."""
    return Region(factor * (1.0 - ABOUT), factor * (1.0 + ABOUT))


@dataclass(frozen=True)
class Claim:
    """One claim."""

    name: str
    figure: int
    quote: str
    """The paper's words, section V."""
    what: str
    """Which quantity it speaks of."""
    claimed: str
    """What it must be."""
    region: Region
    axis: Literal["near one", "multiple", "std", "iterations"]
    """Where a picture shows it."""
    measure: Callable[[Capacities], Numbers]


SIZES = "SIR 0 dB, F = 6"


def _by_size(method: str, *others: str) -> Callable[[Capacities], Numbers]:
    """A method over the best of others, for each size of figure 5."""

    def measure(found: Capacities) -> Numbers:
        return {str(x): _over_best(found, 5, SIZES, x, method, others) for x in found.places(5, SIZES)}

    return measure


def _over_best(found: Capacities, figure: int, panel: str, x: X, method: str, others: Iterable[str]) -> Number:
    best = max((found(figure, panel, x, other) for other in others), key=lambda other: other.number.mean)
    return found(figure, panel, x, method).over(best)


def _considerably(found: Capacities) -> Numbers:
    return {"(32, 16)": found(5, SIZES, "(32, 16)", OURS).over(found(5, SIZES, "(32, 16)", "flwf"))}


def _multiple(panel: str, *bands: int) -> Callable[[Capacities], Numbers]:
    return lambda found: {f"F = {f}": found(6, panel, f, OURS).over(found(6, panel, f, BASELINE)) for f in bands}


def _beyond(found: Capacities) -> Numbers:
    """Of each size and method the smallest factor over all F."""
    smallest = {}
    for panel in (SMALL, LARGE):
        for method in ("flwf", OURS):
            factors = [_over_best(found, 6, panel, x, method, BENCHMARKS) for x in found.places(6, panel)]
            smallest[f"{NAMES[method]} {panel[9:]}"] = min(factors, key=lambda factor: factor.mean)
    return smallest


def _growth(found: Capacities) -> Numbers:
    growths = {}
    for panel in (SMALL, LARGE):
        first, *_, last = found.places(6, panel)
        growth = {m: found(6, panel, last, m).minus(found(6, panel, first, m)) for m in (OURS, "flwf", *BENCHMARKS)}
        ours = growth.pop(OURS)
        growths[panel[9:]] = ours.over(max(growth.values(), key=lambda other: other.number.mean))
    return growths


def _gain_by_size(found: Capacities) -> Numbers:
    small, large = ({x: _over_best(found, 6, panel, x, OURS, BENCHMARKS) for x in found.places(6, panel)} for panel in (SMALL, LARGE))
    return {f"F = {x}": large[x].over(small[x]) for x in small}


def _ends(found: Capacities, figure: int, panel: str, method: str) -> tuple[Capacity, Capacity]:
    first, *_, last = found.places(figure, panel)
    return found(figure, panel, first, method), found(figure, panel, last, method)


def _rise(found: Capacities, figure: int, panel: str, method: str) -> Number:
    first, last = _ends(found, figure, panel, method)
    return last.over(first)


def _others_with_sir(found: Capacities) -> Numbers:
    return {NAMES[method]: _rise(found, 7, LARGE, method) for method in ("flwf", *BENCHMARKS)}


def _ours_with_sir(found: Capacities) -> Numbers:
    first = found(7, LARGE, 0, OURS)
    return {f"{x} dB": found(7, LARGE, x, OURS).over(first) for x in (10, 20)}


def _gap(found: Capacities) -> Numbers:
    gaps = {}
    for method in (BASELINE, "sswf"):
        (near, far), (near_other, far_other) = _ends(found, 7, LARGE, OURS), _ends(found, 7, LARGE, method)
        gaps[f"to {NAMES[method]}"] = far.minus(far_other).over(near.minus(near_other))
    return gaps


def _in_time(*methods: str) -> Callable[[Capacities], Numbers]:
    def measure(found: Capacities) -> Numbers:
        several = len(methods) > 1
        return {f"{NAMES[m]} {panel[9:]}" if several else panel[9:]: _rise(found, 8, panel, m) for panel in (SMALL, LARGE) for m in methods}

    return measure


def _more_when_small(found: Capacities) -> Numbers:
    small, large = (_rise(found, 8, panel, OURS) for panel in (SMALL, LARGE))
    return {"(8, 4) / (32, 16)": small.over(large)}


def _place(size: str, sir: int) -> tuple[int, str, None]:
    """Where figure 9 has a panel's points."""
    return 9, f"{size}, SIR {sir} dB", None


def _iterations(found: Capacities, sir: int) -> Numbers:
    near = {size[9:]: found.result(*_place(size, sir), OURS)["iterations"]["near"] for size in (SMALL, LARGE)}
    return {size: Number(number["mean"], number["ci95"] or 0.0) for size, number in near.items()}


def _slower(found: Capacities) -> Numbers:
    fast, slow = _iterations(found, 0), _iterations(found, 3)
    return {size: slow[size].over(fast[size]) for size in fast}


def _height(*places: tuple[str, int]) -> Callable[[Capacities], Numbers]:
    """How many standard deviations of FLWF's band above its mean; the deviation itself counts as known."""

    def measure(found: Capacities) -> Numbers:
        heights = {}
        for size, sir in places:
            std = found.result(*_place(size, sir), "flwf")["settled"]["std_over_starts"]
            above = found(*_place(size, sir), OURS).minus(found(*_place(size, sir), "flwf")).number
            heights[f"{size[9:]}, {sir} dB"] = Number(above.mean / std, above.ci95 / std)
        return heights

    return measure


def _explored(found: Capacities) -> Numbers:
    factors = {}
    for size in (SMALL, LARGE):
        for sir in (0, 3):
            result = found.result(*_place(size, sir), "random")
            best, mean = (Capacity.of(result[key]) for key in ("best_draw", "settled"))
            factors[f"{size[9:]}, {sir} dB"] = best.over(mean)
    return factors


NO_MORE, MORE = Region(0.0, 1.0), at_least(1.0)
CLAIMS = (
    Claim(
        *("C1 SSWF", 5, "outperform the random, unoptimized approach only very slightly", "SSWF / random", "1 to 1.1"),
        *(Region(1.0, SLIGHTLY), "near one", _by_size("sswf", "random")),
    ),
    Claim(
        *("C1 TD3-MIX", 5, "Both methods also outperform the random, unoptimized approach", "TD3-MIX / random", "1 to 1.1"),
        *(Region(1.0, SLIGHTLY), "near one", _by_size(BASELINE, "random")),
    ),
    Claim(
        *("C1 DRL alone", 5, "fails to deliver better performance compared to the SSWF approach", "TD3-MIX / SSWF", "at most 1"),
        *(NO_MORE, "near one", _by_size(BASELINE, "sswf")),
    ),
    Claim(
        *("C1 set network", 5, "the same, asked of TD3-MIX with our network", "TD3-MIX, set network / SSWF", "at most 1"),
        *(NO_MORE, "multiple", _by_size(SET_NETWORK, "sswf")),
    ),
    Claim(
        *("C1 FLWF", 5, "much better than TD3-MIX, SSWF and surely the random methods", "FLWF / best of these", "at least 1.5"),
        *(at_least(MUCH), "multiple", _by_size("flwf", *BENCHMARKS)),
    ),
    Claim(
        *("C2", 5, "able to improve the capacity considerably for the (32, 16) case", "TD3-MIX+FLWF / FLWF", "at least 1.1"),
        *(at_least(CONSIDERABLY), "near one", _considerably),
    ),
    Claim(
        *("C3 beyond", 6, "continue to lift the capacity performance beyond the benchmarks", "smallest over F / best benchmark", "above 1"),
        *(MORE, "multiple", _beyond),
    ),
    Claim(
        *("C3 growth", 6, "the growth in capacity is the fastest", "growth, F = 3 to 12 / next best", "above 1"),
        *(MORE, "near one", _growth),
    ),
    Claim(
        *("C3 size", 6, "the case of (32, 16) appears to be greater than that for (8, 4)", "gain at (32, 16) / at (8, 4)", "above 1"),
        *(MORE, "near one", _gain_by_size),
    ),
    Claim(
        *("C3 F = 6", 6, "4 times the capacity of TD3-MIX", "TD3-MIX+FLWF / TD3-MIX, (32, 16)", "3.4 to 4.6"),
        *(about(4.0), "multiple", _multiple(LARGE, 6)),
    ),
    Claim(
        *("C3 F = 12", 6, "about 3 times the capacity", "TD3-MIX+FLWF / TD3-MIX, (32, 16)", "2.55 to 3.45"),
        *(about(3.0), "multiple", _multiple(LARGE, 12)),
    ),
    Claim(
        *("C3 small", 6, "more than two times the capacity of TD3-MIX", "TD3-MIX+FLWF / TD3-MIX, (8, 4)", "above 2"),
        *(at_least(2.0), "multiple", _multiple(SMALL, 6, 12)),
    ),
    Claim(
        *("C4 others", 7, "improves as the SIR increases ... for all the methods except", "20 dB / 0 dB", "above 1"),
        *(MORE, "multiple", _others_with_sir),
    ),
    Claim(
        *("C4 falls", 7, "the proposed algorithm performs worse when the SIR increases", "TD3-MIX+FLWF / itself at 0 dB", "below 1"),
        *(NO_MORE, "multiple", _ours_with_sir),
    ),
    Claim(
        *("C4 gap", 7, "the gap between the proposed algorithm and the benchmarks ... gets smaller", "gap, 20 dB / 0 dB", "below 1"),
        *(Region(-math.inf, 1.0), "multiple", _gap),
    ),
    Claim(
        *("C5 flat", 8, "look invariant against the number of time slots", "T = 40 / T = 5", "0.95 to 1.05"),
        *(Region(1.0 - FLAT, 1.0 + FLAT), "near one", _in_time(*BENCHMARKS)),
    ),
    Claim(
        *("C5 rise", 8, "does improve the normalized capacity as T increases", "TD3-MIX+FLWF, T = 40 / T = 5", "above 1"),
        *(MORE, "near one", _in_time(OURS)),
    ),
    Claim(
        *("C5 size", 8, "more capacity gain is obtained for the case of (8, 4) than (32, 16)", "rise at (8, 4) / at (32, 16)", "above 1"),
        *(MORE, "near one", _more_when_small),
    ),
    Claim(
        *("C6 speed", 9, "converges after less than 20 iterations when SIR = 0dB", "iterations to within 1 %", "below 20"),
        *(Region(0.0, FAST), "iterations", lambda found: _iterations(found, 0)),
    ),
    Claim(
        *("C6 slower", 9, "More iterations are required to converge if we have SIR = 3dB", "iterations, 3 dB / 0 dB", "above 1"),
        *(MORE, "near one", _slower),
    ),
    Claim(
        *("C6 top", 9, "near the top end of FLWF", "std of FLWF's band above its mean", "at least 0.5"),
        *(at_least(TOP), "std", _height((SMALL, 0), (LARGE, 0), (LARGE, 3))),
    ),
    Claim(
        *("C6 mean", 9, "less impressive but able to achieve the mean performance of FLWF", "the same, (8, 4) at 3 dB", "at least -0.5"),
        *(at_least(-TOP), "std", _height((SMALL, 3))),
    ),
    Claim(
        *(
            "C6 random",
            9,
            "100 random explorations for the power allocation only help a little",
            "best of the draws / their mean",
            "1 to 1.1",
        ),
        *(Region(1.0, SLIGHTLY), "near one", _explored),
    ),
)
