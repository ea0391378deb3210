"""The paper's figures 5 to 9, and two that answer what they ask: what each sweeps, which methods it shows, and in which quantity.

"Only results at the steady-state are provided" (section V): figures 5 to 8 show the equilibrium of every negotiation, and the last slot of
what does not negotiate. The mean over the slots stands beside it, because it says how soon a method is there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from experiments.sweep import Point, Result
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.policies import Policy

X = int | str | None
"""A position on the x axis; None where there is one alone."""
SMALL, LARGE = {"num_antennas": 8, "num_users": 4}, {"num_antennas": 32, "num_users": 16}
BOTH_SIZES = (("(M, U) = (8, 4)", SMALL), ("(M, U) = (32, 16)", LARGE))
NEGOTIATED = ("td3mix", "td3mix_opening", "flwf")
WITHOUT_GAME = ("td3mix_k0_mlp", "td3mix_k0")
"""TD3-MIX without FLWF (k = 0): the paper's baseline, whose global Q is the mean users' capacity in a slot (`--preset paper-k0`); and ours,
with the `set` network and the discounted sum of the rewards."""
FROM_GIVEN = ("flwf_from_assignment", "flwf_from_uniform")
"""FLWF that begins at the best assignment, and at uniform power."""
UNLEARNED = ("iwf", "sswf", "uniform", "random", "reuse", "planned", "assignment_bound")
OWN = ("own_k0", "own_k5", "own_damped")
"""TD3-MIX trained further at the very SIR: without the game, with it, and with the damping in the action."""
LEARNED = ("td3mix", "td3mix_opening", "td3mix_mlp", *WITHOUT_GAME, *OWN)
CHANGES = {**{key: {"num_iterations": 0} for key in (*WITHOUT_GAME, "own_k0")}, "own_damped": {"damping_in_action": True}}
"""What of the network is another for some methods."""
PAPER_FIGURES = (5, 6, 7, 8, 9)
"""Numbers of the paper's figures."""


@dataclass(frozen=True)
class PaperFigure:
    """One figure: panels side by side, each with all methods against what is swept."""

    title: str
    x_label: str
    sweep: tuple[tuple[X, Mapping[str, Any]], ...]
    """Where the points stand, and what of the network changes there."""
    panels: tuple[tuple[str, Mapping[str, Any]], ...]
    """Titles, and what of the network is another in each."""
    methods: tuple[str, ...]
    num_iterations: int = 0
    """Iterations to show one by one; 0 shows what is swept."""
    steady_state: bool = True
    """Whether to show what is swept where the negotiation settles, and its mean over the slots lighter; or that mean alone."""
    channels_per_start: int | None = None
    """Channels in a mean of which `std_over_starts` is the spread; None is all."""
    relative_to: str | None = None
    """The method in percent of which capacities are shown, or None for bit/s/Hz."""
    per_user: bool = False
    """Whether capacities are shown divided by U, capacity per user and slot."""

    @property
    def y_label(self) -> str:
        """What is shown, with its unit."""
        if self.relative_to:
            return f"average cell capacity [% of {self.relative_to.upper()}]"
        return "capacity per user and slot [bit/s/Hz]" if self.per_user else "average cell capacity [bit/s/Hz]"


FIGURES = {
    5: PaperFigure(
        "Capacity against the size of the network",
        "(antennas M, users U) of a cell",
        tuple((f"({m}, {u})", {"num_antennas": m, "num_users": u}) for m, u in ((8, 4), (16, 8), (24, 12), (32, 16))),
        (("SIR 0 dB, F = 6", {}),),
        (*NEGOTIATED, "td3mix_mlp", *WITHOUT_GAME, *UNLEARNED),
    ),
    6: PaperFigure(
        "Capacity against the number of bands",
        "bands F",
        tuple((bands, {"num_bands": bands}) for bands in (3, 6, 9, 12)),
        BOTH_SIZES,
        (*NEGOTIATED, *WITHOUT_GAME, *UNLEARNED),
    ),
    7: PaperFigure(
        "Capacity against the SIR",
        "SIR [dB]",
        tuple((sir, {"sir_db": float(sir)}) for sir in (0, 3, 6, 10, 15, 20)),
        BOTH_SIZES,
        (*NEGOTIATED, *WITHOUT_GAME, *UNLEARNED, "wmmse"),
    ),
    8: PaperFigure(
        "Capacity per user and slot against the length of a block",
        "slots T of a block",
        tuple((slots, {"num_slots": slots}) for slots in (5, 10, 20, 30, 40)),
        BOTH_SIZES,
        (*NEGOTIATED, *WITHOUT_GAME, *UNLEARNED),
        per_user=True,
    ),
    9: PaperFigure(
        "Convergence of the negotiation",
        "FLWF iterations (a slot has 5)",
        ((None, {"num_bands": 12}),),
        tuple((f"{title}, SIR {sir} dB", {**size, "sir_db": float(sir), "num_slots": 20}) for sir in (0, 3) for title, size in BOTH_SIZES),
        (*NEGOTIATED, *WITHOUT_GAME, "sswf", "random", "reuse", "assignment_bound"),
        num_iterations=100,
        channels_per_start=20,
    ),
    10: PaperFigure(
        "Why capacity falls: where the negotiation goes from good and bad openings, (M, U) = (8, 4)",
        "FLWF iterations (a slot has 5)",
        ((None, {}),),
        tuple((f"SIR {sir} dB", {"sir_db": float(sir), "num_slots": 20}) for sir in (0, 6, 10, 15)),
        (*FROM_GIVEN, "flwf", "uniform", "assignment_bound", "wmmse"),
        num_iterations=100,
    ),
    11: PaperFigure(
        "What high SIR needs: a say in how fast one moves, (M, U) = (8, 4)",
        "SIR [dB]",
        tuple((sir, {"sir_db": float(sir)}) for sir in (0, 3, 6, 10, 15, 20)),
        (("F = 6", {}),),
        (*OWN, "td3mix", "flwf", "uniform", "reuse", "planned", "wmmse"),
        steady_state=False,
        relative_to="wmmse",
    ),
}


@dataclass(frozen=True)
class Effort:
    """How many channels a figure averages over, and how many random starts."""

    num_blocks: int = 200
    num_large_blocks: int = 100
    """Blocks where a cell has more than 8 users."""
    num_starts: int = 100
    """Random starts of FLWF, "100 random initializations", and random allocations, in every block."""
    num_iwf_starts: int = 10
    """Random starts of IWF, which often never settles."""

    def blocks_of(self, config: NetworkConfig) -> int:
        """Blocks of a point."""
        return self.num_blocks if config.max_users <= 8 else self.num_large_blocks

    def starts_of(self, method: str) -> int | None:
        """Random starts of a method, or None where nothing is drawn."""
        return {"flwf": self.num_starts, "iwf": self.num_iwf_starts, "random": self.num_starts}.get(method)


FULL, QUICK = Effort(), Effort(num_blocks=20, num_large_blocks=20, num_starts=10, num_iwf_starts=2)


@dataclass(frozen=True)
class Actor:
    """A trained actor that stands for a method."""

    path: str
    sha256: str
    observation: Literal["gain", "csi"]
    make_policy: Callable[[], Policy]

    @property
    def settings(self) -> dict[str, str]:
        """What a point's settings tell of it."""
        return {"path": self.path, "sha256": self.sha256, "observation": self.observation}


Place = tuple[str, X, str]
"""Panel, position on the x axis, method."""


def networks(figure: PaperFigure) -> Iterator[tuple[str, X, NetworkConfig]]:
    """All networks of a figure with the panel and the position where they stand."""
    for title, panel in figure.panels:
        for x, swept in figure.sweep:
            yield title, x, NetworkConfig(**{**panel, **swept})


def points(
    figure: PaperFigure, effort: Effort, seed: int, actor_of: Callable[[str, NetworkConfig], Actor | None]
) -> tuple[dict[Place, Point], list[str]]:
    """Everything to measure for a figure.

    Args:
        figure: The figure.
        effort: How many channels.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        actor_of: The actor of a learned method for a network; None where there is no trained one.

    Returns:
        The points by their place, and the learned methods that are left out somewhere, because nothing is trained for them.
    """
    places: dict[Place, Point] = {}
    left_out: dict[str, None] = {}
    for title, x, network in networks(figure):
        for method in figure.methods:
            config = NetworkConfig(**{**asdict(network), **CHANGES.get(method, {})})
            actor = actor_of(method, config) if method in LEARNED else None
            if method in LEARNED and actor is None:
                left_out[method] = None
                continue
            settings = {
                "method": method,
                "config": asdict(config),
                "seed": seed,
                "num_blocks": effort.blocks_of(config),
                "num_iterations": figure.num_iterations,
                "num_starts": effort.starts_of(method),
                "channels_per_start": figure.channels_per_start,
                "observation": None if actor is None else actor.observation,
                "actor": None if actor is None else actor.settings,
            }
            places[title, x, method] = Point(settings, None if actor is None else actor.make_policy)
    return places, list(left_out)


def rows_of(places: Mapping[Place, Point], results: list[Result]) -> list[dict[str, Any]]:
    """What a figure's JSON lists: every point's place, settings and result."""
    return [
        {"panel": panel, "x": x, "method": method, "settings": point.settings, "result": result}
        for ((panel, x, method), point), result in zip(places.items(), results, strict=True)
    ]
