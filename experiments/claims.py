"""The paper's claims about its figures, judged by the numbers of ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from experiments.figure_files import shown

ABOUT = 0.15
"""How far, relatively, a factor may be from the paper's "4 x"."""
SLIGHTLY, CONSIDERABLY, FAR = 1.10, 1.10, 1.50
"""Factors: at most this is "slightly above"; at least these are "considerably" and "far better"."""
FLAT = 0.05
"""What changes by less than this, relatively, is flat."""
CONVERGED = 0.99
"""Share of the last iteration's capacity that counts as converged."""
TOP = 0.5
"""Standard deviations of FLWF above its mean where the top of its band begins; within as many of the mean is "at the mean"."""
SMALL, LARGE = "(M, U) = (8, 4)", "(M, U) = (32, 16)"
OPENING, GAME_FREE, PAPER_NETWORK = "td3mix_opening", "td3mix_k0", "td3mix_k0_mlp"
RIVALS = ("flwf", "sswf", "random", GAME_FREE, PAPER_NETWORK)
"""The paper's other methods."""


@dataclass(frozen=True)
class Verdict:
    """One claim beside our number."""

    claim: str
    paper: str
    """What the paper says, in our words."""
    ours: str
    """Our number with its 95 % interval."""
    agrees: bool | None
    """None where a figure or a method is missing."""
    why: str


class Number(NamedTuple):
    """A mean and the half-width of its 95 % interval over blocks."""

    mean: float
    ci95: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.ci95:.2f}"

    def over(self, other: "Number") -> "Number":
        """The quotient. Errors are added as if independent; on equal channels they are not, so the interval is too wide if anything."""
        mean = self.mean / other.mean
        return Number(mean, abs(mean) * ((self.ci95 / self.mean) ** 2 + (other.ci95 / other.mean) ** 2) ** 0.5)

    def minus(self, other: "Number") -> "Number":
        """The difference, with the same reservation."""
        return Number(self.mean - other.mean, (self.ci95**2 + other.ci95**2) ** 0.5)


class MissingError(LookupError):
    """A figure has no such number."""


class Numbers:
    """Numbers of the figures by figure, panel, place and method.

    Args:
        figures: What the figures' JSON files hold, by number.
    """

    def __init__(self, figures: Mapping[int, Mapping[str, Any]]) -> None:
        self._rows = {(number, row["panel"], row["x"], row["method"]): row for number, content in figures.items() for row in shown(content)}

    def __call__(self, figure: int, panel: str, x: Any, method: str) -> Number:
        """What the figure shows at a place."""
        row = self.row(figure, panel, x, method)
        return Number(row["mean"], row["ci95"] or 0.0)

    def row(self, figure: int, panel: str, x: Any, method: str) -> dict[str, Any]:
        """Everything that is known of a place.

        Raises:
            MissingError: there is nothing.
        """
        try:
            return self._rows[figure, panel, x, method]
        except KeyError:
            raise MissingError(f"{method} is not in figure {figure}; python evaluate.py --figure {figure} --train measures it") from None

    def places(self, figure: int, panel: str) -> list[Any]:
        """Where a panel has points."""
        found = list(dict.fromkeys(key[2] for key in self._rows if key[:2] == (figure, panel)))
        if not found:
            raise MissingError(f"figure {figure} is missing; python evaluate.py --figure {figure} --train makes it")
        return found

    def methods(self, figure: int, panel: str) -> list[str]:
        """Which methods a panel has."""
        return list(dict.fromkeys(key[3] for key in self._rows if key[:2] == (figure, panel)))


Judged = tuple[str, bool, str]
"""Our number, whether it agrees, and why."""
SIZES = "SIR 0 dB, F = 6"


def _factors(number: Numbers, method: str, other: str) -> dict[str, Number]:
    return {x: number(5, SIZES, x, method).over(number(5, SIZES, x, other)) for x in number.places(5, SIZES)}


def _listed(factors: Mapping[Any, Number]) -> str:
    return ", ".join(f"{x}: {factor}" for x, factor in factors.items())


def _random_below_sswf(number: Numbers) -> Judged:
    factors = _factors(number, "sswf", "random")
    largest = max(factors.values())
    agrees = all(1.0 < factor.mean <= SLIGHTLY for factor in factors.values())
    return (
        f"SSWF / random {_listed(factors)}",
        agrees,
        f"at full power water-filling on the own gain moves little: {largest.mean:.2f} x at most",
    )


def _alone_no_better(method: str) -> Callable[[Numbers], Judged]:
    def judge(number: Numbers) -> Judged:
        factors = _factors(number, method, "sswf")
        above = [x for x, factor in factors.items() if factor.mean - factor.ci95 > 1.0]
        why = (
            f"without the game it beats SSWF at {', '.join(above)}: learned reuse alone is worth {max(factors.values()).mean:.2f} x"
            if above
            else f"it reaches {max(factors.values()).mean:.2f} x SSWF at best: this network finds no reuse from full CSI"
        )
        return f"TD3-MIX, k = 0 / SSWF {_listed(factors)}", not above, why

    return judge


def _flwf_far_better(number: Numbers) -> Judged:
    factors = _factors(number, "flwf", "sswf")
    bound = number(5, SIZES, "(32, 16)", "flwf").over(number(5, SIZES, "(32, 16)", "assignment_bound"))
    agrees = all(factor.mean - factor.ci95 > FAR for factor in factors.values())
    return (
        f"FLWF / SSWF {_listed(factors)}",
        agrees,
        f"the game finds who leaves which band: {100 * bound.mean:.0f} % of the bound at (32, 16)",
    )


def _opening_best(number: Numbers) -> Judged:
    rivals = [m for m in RIVALS if m in number.methods(5, SIZES)]
    factors = {}
    for x in number.places(5, SIZES):
        best = max(rivals, key=lambda method, x=x: number(5, SIZES, x, method).mean)
        factors[x] = number(5, SIZES, x, OPENING).over(number(5, SIZES, x, best))
    reuse = number(5, SIZES, "(32, 16)", "reuse").over(number(5, SIZES, "(32, 16)", OPENING))
    agrees = all(factor.mean - factor.ci95 > 1.0 for factor in factors.values())
    return (
        f"opening / best other {_listed(factors)}",
        agrees,
        f"of the paper's methods; fixed reuse, a plan, stands at {reuse.mean:.2f} x it at (32, 16)",
    )


def _considerable(number: Numbers) -> Judged:
    factor = number(5, SIZES, "(32, 16)", OPENING).over(number(5, SIZES, "(32, 16)", "flwf"))
    room = number(5, SIZES, "(32, 16)", "assignment_bound").over(number(5, SIZES, "(32, 16)", "flwf"))
    acting = number(5, SIZES, "(32, 16)", "td3mix").over(number(5, SIZES, "(32, 16)", "flwf"))
    why = f"the bound is {room.mean:.2f} x FLWF; acting in every slot gives {acting.mean:.2f} x"
    return f"opening / FLWF {factor}", factor.mean - factor.ci95 > 1.0 and factor.mean >= CONSIDERABLY, why


def _multiple(
    panel: str, bands: int, method: str, *, at_least: float | None = None, about: float | None = None
) -> Callable[[Numbers], Judged]:
    def judge(number: Numbers) -> Judged:
        with_game, alone = number(6, panel, bands, OPENING), number(6, panel, bands, method)
        factor = with_game.over(alone)
        low, high = factor.mean - factor.ci95, factor.mean + factor.ci95
        agrees = low > at_least if at_least is not None else low <= about * (1 + ABOUT) and high >= about * (1 - ABOUT)  # type: ignore
        sswf = number(6, panel, bands, "sswf")
        divisor = f"the divisor is {alone.over(sswf).mean:.2f} x SSWF"
        why = f"with the game {with_game.mean:.0f}, alone {alone.mean:.0f}, SSWF {sswf.mean:.0f} bit/s/Hz: {divisor}"
        return f"opening / alone {factor}", agrees, why

    return judge


def _grows_fastest(number: Numbers) -> Judged:
    rivals = [method for method in number.methods(6, LARGE) if method in RIVALS]
    growth = {method: number(6, LARGE, 12, method).minus(number(6, LARGE, 3, method)) for method in (OPENING, *rivals)}
    second = max(rivals, key=lambda method: growth[method].mean)
    lead = growth[OPENING].minus(growth[second])
    return f"F = 3 to 12: + {growth[OPENING]}", lead.mean - lead.ci95 > 0.0, f"next is {second} with + {growth[second]} at (32, 16)"


def _rise(number: Numbers, figure: int, panel: str, method: str) -> Number:
    first, *_, last = number.places(figure, panel)
    return number(figure, panel, last, method).over(number(figure, panel, first, method))


def _others_rise(number: Numbers) -> Judged:
    number.places(7, LARGE)
    methods = [method for method in number.methods(7, LARGE) if method in RIVALS]
    rises = {method: _rise(number, 7, LARGE, method) for method in methods}
    falling = [method for method, rise in rises.items() if rise.mean - rise.ci95 <= 1.0]
    why = f"not {', '.join(falling)}: its game still trades the same interference away" if falling else "less interference, more rate"
    return f"20 dB / 0 dB {_listed(rises)}", not falling, why


def _opening_falls(number: Numbers) -> Judged:
    curve = {x: number(7, LARGE, x, OPENING) for x in number.places(7, LARGE)}
    rise = _rise(number, 7, LARGE, OPENING)
    lowest = min(curve, key=lambda x: curve[x].mean)
    fell = rise.mean + rise.ci95 < 1.0
    flwf, uniform = (number(7, LARGE, lowest, method) for method in ("flwf", "uniform"))
    why = f"lowest at {lowest} dB with {curve[lowest]}; FLWF has {flwf}, uniform {uniform} there"
    return f"20 dB / 0 dB {rise}", fell, why


def _gap_narrows(method: str) -> Callable[[Numbers], Judged]:
    def judge(number: Numbers) -> Judged:
        first, *_, last = number.places(7, LARGE)
        gaps = [number(7, LARGE, x, OPENING).minus(number(7, LARGE, x, method)) for x in (first, last)]
        change = gaps[0].minus(gaps[1])
        return f"gap {gaps[0]} at {first} dB, {gaps[1]} at {last} dB", change.mean - change.ci95 > 0.0, f"it narrows by {change}"

    return judge


def _flat(number: Numbers) -> Judged:
    number.places(8, LARGE)
    methods = [m for m in ("sswf", "random", GAME_FREE, PAPER_NETWORK) if m in number.methods(8, LARGE)]
    rises = {f"{method} {panel[9:]}": _rise(number, 8, panel, method) for panel in (SMALL, LARGE) for method in methods}
    moving = [name for name, rise in rises.items() if abs(rise.mean - 1.0) >= FLAT]
    why = f"{', '.join(moving)} move by {100 * FLAT:.0f} % or more" if moving else "their slots do not build on each other"
    return f"T = 40 / T = 5 {_listed(rises)}", not moving, why


def _rises_more_when_small(number: Numbers) -> Judged:
    small, large = (_rise(number, 8, panel, OPENING) for panel in (SMALL, LARGE))
    agrees = small.mean - small.ci95 > 1.0 and large.mean - large.ci95 > 1.0 and small.mean > large.mean
    order = "more" if small.mean > large.mean else "less"
    return (
        f"T = 40 / T = 5: (8, 4) {small}, (32, 16) {large}",
        agrees,
        f"the first slots weigh less in a longer block; (8, 4) gains {order}",
    )


def _iterations(number: Numbers, panel: str) -> int:
    places = number.places(9, panel)
    last = number(9, panel, places[-1], OPENING).mean
    below = [place for place in places if number(9, panel, place, OPENING).mean < CONVERGED * last]
    return max(below, default=0) + 1


def _converges(number: Numbers) -> Judged:
    fast, slow = ([_iterations(number, f"{size}, SIR {sir} dB") for size in (SMALL, LARGE)] for sir in (0, 3))
    agrees = max(fast) < 20 and all(b > a for a, b in zip(fast, slow, strict=True))
    ours = f"0 dB: {fast[0]} and {fast[1]}; 3 dB: {slow[0]} and {slow[1]} iterations for (8, 4) and (32, 16)"
    return ours, agrees, f"to {100 * CONVERGED:.0f} % of where it stands after 100, mean over blocks; the slowest needs {max(fast + slow)}"


def _in_band(panel: str, *, top: bool) -> Callable[[Numbers], Judged]:
    def judge(number: Numbers) -> Judged:
        last = number.places(9, panel)[-1]
        band, ours = number.row(9, panel, last, "flwf"), number(9, panel, last, OPENING)
        height = (ours.mean - band["mean"]) / band["std"]
        acting = (number(9, panel, last, "td3mix").mean - band["mean"]) / band["std"]
        agrees = height >= TOP if top else abs(height) < TOP
        why = f"FLWF's band is {band['mean']:.1f} ± {band['std']:.1f} (1 std); acting in every slot ends at {acting:+.2f} std"
        return f"{ours}, {height:+.2f} std", agrees, why

    return judge


CLAIMS: tuple[tuple[str, str, Callable[[Numbers], Judged]], ...] = (
    ("C1 SSWF", "SSWF is only slightly above random", _random_below_sswf),
    ("C1 TD3-MIX, paper's network", "TD3-MIX without the game is no better than SSWF", _alone_no_better(PAPER_NETWORK)),
    ("C1 TD3-MIX, set network", "the same, asked of the method with our network", _alone_no_better(GAME_FREE)),
    ("C1 FLWF", "mean FLWF is far better than SSWF", _flwf_far_better),
    ("C1 best", "TD3-MIX + FLWF is the best", _opening_best),
    ("C2", "at (32, 16) TD3-MIX + FLWF improves considerably on mean FLWF", _considerable),
    ("C3 F = 6", "at (32, 16) TD3-MIX + FLWF is 4 x TD3-MIX", _multiple(LARGE, 6, PAPER_NETWORK, about=4.0)),
    ("C3 F = 12", "at (32, 16) about 3 x", _multiple(LARGE, 12, PAPER_NETWORK, about=3.0)),
    ("C3 small", "at (8, 4), F = 6 more than 2 x", _multiple(SMALL, 6, PAPER_NETWORK, at_least=2.0)),
    ("C3 small, set network", "the same, with our network", _multiple(SMALL, 6, GAME_FREE, at_least=2.0)),
    ("C3 growth", "it grows fastest with F", _grows_fastest),
    ("C4 others", "at (32, 16) capacity rises with SIR for every other method", _others_rise),
    ("C4 TD3-MIX + FLWF", "TD3-MIX + FLWF falls with SIR", _opening_falls),
    ("C4 gap", "the gap to TD3-MIX narrows", _gap_narrows(PAPER_NETWORK)),
    ("C4 gap, set network", "the same, with our network", _gap_narrows(GAME_FREE)),
    ("C5 flat", "SSWF, TD3-MIX and random are flat in T", _flat),
    ("C5 rise", "TD3-MIX + FLWF rises with T, more at (8, 4) than at (32, 16)", _rises_more_when_small),
    ("C6 speed", "converges in fewer than 20 iterations at 0 dB, in more at 3 dB", _converges),
    *(
        (f"C6 end {size[9:]}, {sir} dB", "ends near the top of FLWF's band", _in_band(f"{size}, SIR {sir} dB", top=True))
        for size, sir in ((SMALL, 0), (LARGE, 0), (LARGE, 3))
    ),
    ("C6 end (8, 4), 3 dB", "ends at the mean of FLWF's band", _in_band(f"{SMALL}, SIR 3 dB", top=False)),
)


def verdicts(figures: Mapping[int, Mapping[str, Any]]) -> list[Verdict]:
    """Judge every claim.

    Args:
        figures: What the figures' JSON files hold, by number; a claim whose figure is missing is not judged.
    """
    number, judged = Numbers(figures), []
    for claim, paper, judge in CLAIMS:
        try:
            judged.append(Verdict(claim, paper, *judge(number)))
        except MissingError as missing:
            judged.append(Verdict(claim, paper, "not measured", None, str(missing)))
    return judged


def as_markdown(judged: list[Verdict], figures: Mapping[int, Mapping[str, Any]]) -> str:
    """The verdicts as a table, with the commands that made the figures."""
    words = {True: "agrees", False: "**differs**", None: "not measured"}
    rows = [f"| {v.claim} | {v.paper} | {v.ours} | {words[v.agrees]} | {v.why} |" for v in judged]
    made = [f"figure {number}: `{_command(content)}`, seed {content['seed']}" for number, content in sorted(figures.items())]
    agreeing = sum(v.agrees is True for v in judged)
    counted = f"{agreeing} of {sum(v.agrees is not None for v in judged)} agree."
    return "\n".join(
        [
            "# The paper's claims and our numbers",
            "",
            "`python evaluate.py --claims` writes this from the figures' JSON. Intervals are 95 % over blocks; quotients as if both were "
            "independent. " + counted,
            "",
            "| claim | the paper says | ours | | why |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Made by {'; '.join(made)}." if made else "No figure is made yet.",
            "",
        ]
    )


def _command(content: Mapping[str, Any]) -> str:
    return " ".join(["python", "evaluate.py", *content["command"][1:]])
