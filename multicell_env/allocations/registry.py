"""The registry of allocation methods: their functions, required knowledge, and plot styles.

`multicell_env.evaluation.evaluate_allocations` plays the entries in the order of `ALLOCATIONS`. To add a method, add an entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol, Required, TypedDict

import numpy as np
from jaxtyping import Float

from multicell_env.allocations.assignment import MAX_BANDS, Assignment, best_assignment
from multicell_env.allocations.climbing import Climb
from multicell_env.allocations.greedy_assignment import greedy_assignment
from multicell_env.allocations.planning import planned_allocation
from multicell_env.allocations.simple import random_allocation, reuse_allocation, uniform_allocation
from multicell_env.allocations.wmmse import START_NAMES, fractional_programming, wmmse
from multicell_env.config import Negotiation, NetworkConfig
from multicell_env.model.types import Gains, Powers
from multicell_env.model.waterfilling import selfish_water_fill

UserBudgets = Float[np.ndarray, "*#batch cell user"]
Knowledge = Literal["own", "statistics", "channels"]
"""Required knowledge: a station's own measurements, the mean gains and loads of all cells, or the channels of all cells."""
Pilot = Literal["ingr", "price"]
"""ingr: base stations transmit, and users measure their INGR (7). price: users transmit, and base stations measure prices."""
PILOTS: Mapping[Negotiation, tuple[Pilot, ...]] = MappingProxyType({"flwf": ("ingr",), "iwf": ("ingr",), "pricing": ("ingr", "price")})
"""Pilots in every iteration of a negotiation rule."""
Kind = Literal["static", "redrawn", "negotiated"]
"""static: constant over slots. redrawn: drawn anew in every slot. negotiated: initial powers, from which the stations negotiate."""
NUM_STARTS = 5
"""Number of random starts per block of negotiations with random initial powers."""


class Style(TypedDict, total=False):
    """Style of a method's line and bar, as Matplotlib properties."""

    color: Required[str]
    label: Required[str]
    marker: str
    linestyle: str | tuple[int, tuple[int, ...]]
    linewidth: float
    markerfacecolor: str


class Allocate(Protocol):
    """A function from gains, users' budgets (in sigma^2) and the network to powers, in sigma^2."""

    def __call__(self, gains: Gains, user_budgets: UserBudgets, config: NetworkConfig, generator: np.random.Generator, /) -> Powers:
        """Powers, in sigma^2. A deterministic method does not use the generator."""
        ...


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """An allocation method without learning.

    Raises:
        ValueError: the negotiation rule does not fit the kind, or `num_starts` does not.
    """

    name: str
    """The method's name in tables and files."""
    allocate: Allocate
    """The function that computes powers; for a negotiated method the initial powers."""
    style: Style
    """Style of its line in plots."""
    knowledge: Knowledge = "own"
    """Required knowledge."""
    kind: Kind = "static"
    """How powers change from slot to slot."""
    negotiation: Negotiation | None = None
    """The negotiation rule; None for methods that do not negotiate."""
    num_starts: int = 1
    """Number of random starts per block of a negotiated method."""
    is_quick: bool = True
    """Whether its computing time is negligible."""
    heeds_fairness: bool = False
    """Whether it maximises the utility of the network's fairness; otherwise it does not depend on fairness."""
    is_possible: Callable[[NetworkConfig], bool] = lambda config: True
    """Whether it can be played on a network."""
    is_bound: Callable[[NetworkConfig], bool] = lambda config: False
    """Whether it is an upper bound there for all methods in which no two cells share a band."""
    note: str = ""
    """A note for the caption of tables."""

    @property
    def pilots(self) -> tuple[Pilot, ...]:
        """Pilots in each iteration; none without negotiation, which needs only the channels for beamforming."""
        return () if self.negotiation is None else PILOTS[self.negotiation]

    def __post_init__(self) -> None:
        """Check the fields."""
        if (self.kind == "negotiated") != (self.negotiation is not None):
            raise ValueError(
                f"a negotiated allocation must have a rule, and no other one; got kind {self.kind!r} with negotiation {self.negotiation!r} "
                f"for {self.name}. Give both or neither."
            )
        if self.num_starts < 1 or (self.num_starts > 1 and self.kind != "negotiated"):
            raise ValueError(
                f"num_starts must be at least 1, and more only for a negotiated allocation; got {self.num_starts} for {self.name}. Give 1."
            )


def _of_gains(allocate: Callable[[Gains, UserBudgets], Powers]) -> Allocate:
    return lambda gains, user_budgets, _config, _generator: allocate(gains, user_budgets)


def _powers_of(search: Callable[[Gains, UserBudgets], Assignment]) -> Allocate:
    return lambda gains, user_budgets, _config, _generator: search(gains, user_budgets).powers


def _climbing(search: Callable[[Gains, UserBudgets, float], Climb]) -> Allocate:
    return lambda gains, user_budgets, config, _generator: search(gains, user_budgets, config.fairness).powers


def _random(gains: Gains, user_budgets: UserBudgets, _config: NetworkConfig, generator: np.random.Generator) -> Powers:
    return random_allocation(gains, user_budgets, generator)


def _planned(gains: Gains, user_budgets: UserBudgets, config: NetworkConfig, _generator: np.random.Generator) -> Powers:
    return planned_allocation(gains, user_budgets, config)


# Colours are Okabe and Ito's palette and two dark ones of Tol's, told apart with every common colour blindness; markers and dashes tell
# the rest.
ALLOCATIONS: Mapping[str, Allocation] = MappingProxyType(
    {
        allocation.name: allocation
        for allocation in (
            Allocation(
                name="flwf",
                allocate=_random,
                kind="negotiated",
                negotiation="flwf",
                num_starts=NUM_STARTS,
                style={"color": "#0072B2", "marker": "^", "label": "FLWF from random starts"},
            ),
            Allocation(
                name="iwf",
                allocate=_random,
                kind="negotiated",
                negotiation="iwf",
                num_starts=NUM_STARTS,
                style={"color": "#56B4E9", "marker": "v", "label": "IWF from random starts"},
            ),
            Allocation(
                name="pricing",
                allocate=_of_gains(uniform_allocation),
                kind="negotiated",
                negotiation="pricing",
                heeds_fairness=True,
                style={"color": "#5E4FA2", "marker": "p", "linestyle": "-.", "label": "pricing from uniform power"},
            ),
            Allocation(
                name="pricing_from_plan",
                allocate=_planned,
                kind="negotiated",
                negotiation="pricing",
                knowledge="statistics",
                heeds_fairness=True,
                style={
                    "color": "#A6761D",
                    "marker": "p",
                    "linestyle": "-.",
                    "label": "pricing from the best plan (statistics of all)",
                },
            ),
            Allocation(
                name="sswf",
                allocate=_of_gains(selfish_water_fill),
                style={"color": "#CC79A7", "marker": "x", "label": "SSWF"},
            ),
            Allocation(
                name="uniform",
                allocate=_of_gains(uniform_allocation),
                style={"color": "#999999", "linestyle": ":", "label": "uniform"},
            ),
            Allocation(
                name="random",
                allocate=_random,
                kind="redrawn",
                style={"color": "#B8A000", "marker": "+", "label": "random"},
            ),
            Allocation(
                name="reuse",
                allocate=_of_gains(reuse_allocation),
                style={"color": "#009E73", "linestyle": "-.", "label": "fixed reuse"},
            ),
            Allocation(
                name="planned",
                allocate=_planned,
                knowledge="statistics",
                heeds_fairness=True,
                style={"color": "#004D3A", "linestyle": (0, (5, 1, 1, 1, 1, 1)), "marker": "d", "label": "best plan (statistics of all)"},
            ),
            Allocation(
                name="assignment_bound",
                allocate=_powers_of(best_assignment),
                knowledge="channels",
                is_possible=lambda config: config.num_bands <= MAX_BANDS,
                is_bound=lambda config: config.num_bands >= config.num_cells,
                style={"color": "#000000", "linestyle": "--", "label": "best exclusive assignment (channels of all)"},
            ),
            # It replaces the best assignment where this cannot be searched.
            Allocation(
                name="greedy_assignment",
                allocate=_powers_of(greedy_assignment),
                knowledge="channels",
                is_possible=lambda config: config.num_bands > MAX_BANDS,
                style={"color": "#000000", "linestyle": ":", "marker": "1", "label": "greedy exclusive assignment (channels of all)"},
            ),
            Allocation(
                name="fp",
                allocate=_climbing(fractional_programming),
                knowledge="channels",
                is_quick=False,
                heeds_fairness=True,
                style={"color": "#7F3C00", "marker": "P", "linestyle": "-.", "label": "FP, one start (channels of all)"},
            ),
            Allocation(
                name="wmmse",
                allocate=_climbing(wmmse),
                knowledge="channels",
                is_quick=False,
                note=f"the best of {len(START_NAMES)} climbs",
                heeds_fairness=True,
                style={
                    "color": "#000000",
                    "linestyle": "-",
                    "marker": "*",
                    "label": f"WMMSE, best of {len(START_NAMES)} climbs (channels of all)",
                },
            ),
        )
    }
)
"""All allocation methods by name, in the order in which they are played."""
METHODS = tuple(ALLOCATIONS)
"""Names of all methods."""
QUICK_METHODS = tuple(name for name, allocation in ALLOCATIONS.items() if allocation.is_quick)
"""Names of methods with negligible computing time. The best known result also needs WMMSE."""
BEST_KNOWN = "wmmse"
"""The method that must be played for a result to count as the best known of a block."""
PLAN = "planned"
"""The methods that serve as references on each network."""
