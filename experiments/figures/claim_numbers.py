"""Numbers of the figures with 95 % intervals, their quotients, paired block by block, and the regions that claims allow."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from experiments.figures.paper_figures import X

Shown = Literal["settled", "all"]
"""The equilibrium, or the last slot of what does not negotiate; or the mean over the slots."""


class MissingError(LookupError):
    """A figure has no such number."""


@dataclass(frozen=True)
class Number:
    """A mean and the half-width of its 95 % interval over blocks."""

    mean: float
    ci95: float

    def __str__(self) -> str:
        digits = 3 if self.ci95 < 0.01 else 2 if self.ci95 < 1.0 and abs(self.mean) < 100.0 else 1
        return f"{self.mean:.{digits}f} ± {self.ci95:.{digits}f}"

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.mean - self.ci95

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + self.ci95

    def over(self, other: "Number") -> "Number":
        """The quotient of two independent numbers."""
        mean = self.mean / other.mean
        return Number(mean, abs(mean) * ((self.ci95 / self.mean) ** 2 + (other.ci95 / other.mean) ** 2) ** 0.5)


Outcome = Literal["holds", "fails", "undecided", "not measured"]
Numbers = Mapping[str, Number]
"""Numbers by what tells them apart, such as the size of a cell."""


class Region(NamedTuple):
    """The numbers that a claim allows, without its ends."""

    low: float
    high: float

    def judge(self, numbers: Iterable[Number]) -> Outcome:
        """It holds if all 95 % intervals lie within the region, and fails if one lies outside."""
        intervals = [(number.low, number.high) for number in numbers]
        if all(self.low < low and high < self.high for low, high in intervals):
            return "holds"
        return "fails" if any(high <= self.low or low >= self.high for low, high in intervals) else "undecided"


def at_least(low: float) -> Region:
    """Above a number."""
    return Region(low, math.inf)


@dataclass(frozen=True)
class Capacity:
    """A capacity of every block.

    Methods play on equal channels, and so do networks that differ in SIR or T alone: differences and quotients are those of each block.
    Where networks of equal size differ in F, their blocks are independent, and pairing them changes nothing but chance.
    """

    per_block: Float[np.ndarray, " block"]

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Capacity":
        """What a figure's JSON holds of it."""
        return cls(np.array(entry["per_block"]))

    @property
    def number(self) -> Number:
        """Its mean over the blocks."""
        return Number(float(self.per_block.mean()), _half_width(self.per_block))

    def minus(self, other: "Capacity") -> "Capacity":
        """The difference in every block."""
        return Capacity(self.per_block - other.per_block)

    def over(self, other: "Capacity") -> Number:
        """The quotient r of the means; to first order its error is that of the mean of (x - r y) over the mean of y."""
        scale = float(other.per_block.mean())
        ratio = float(self.per_block.mean()) / scale
        return Number(ratio, _half_width(self.per_block - ratio * other.per_block) / abs(scale))


def _half_width(values: Float[np.ndarray, " block"]) -> float:
    return float(1.96 * values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


class Capacities:
    """Capacities of the figures by figure, panel, place and method.

    Args:
        figures: What the figures' JSON files hold, by number.
        which: What is taken of each.
    """

    def __init__(self, figures: Mapping[int, Mapping[str, Any]], which: Shown = "settled") -> None:
        self.which: Shown = which
        self._results = {
            (number, entry["panel"], entry["x"], entry["method"]): entry["result"]
            for number, content in figures.items()
            for entry in content["points"]
        }

    def __call__(self, figure: int, panel: str, x: X, method: str) -> Capacity:
        """The capacity at a place, bit/s/Hz of a cell."""
        return Capacity.of(self.result(figure, panel, x, method)[self.which])

    def result(self, figure: int, panel: str, x: X, method: str) -> dict[str, Any]:
        """All that was measured at a place.

        Raises:
            MissingError: there is nothing.
        """
        try:
            return self._results[figure, panel, x, method]
        except KeyError:
            raise MissingError(f"{method} is not in figure {figure}; python evaluate.py --figure {figure} --train measures it") from None

    def places(self, figure: int, panel: str) -> list[X]:
        """Where a panel has points."""
        found = list(dict.fromkeys(key[2] for key in self._results if key[:2] == (figure, panel)))
        if not found:
            raise MissingError(f"figure {figure} is missing; python evaluate.py --figure {figure} --train makes it")
        return found
