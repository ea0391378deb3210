"""The numbers that the project's design expects of an implementation, beside what ours gives.

    python benchmarks/reference_numbers.py

Averages over tens of channels with one random start each, in float64, as the design describes them: SSWF, uniform power, the best
exclusive assignment, and FLWF after 5, 20 and 100 iterations, which is played in three ways: as (15)-(16) are written; with every user
keeping half of its last powers in each iteration; and with such half steps at first, full ones afterwards. The expected numbers are
averages over tens of channels too, so a measured one agrees where the two differ by no more than the 95 % interval of a difference of two
such averages, sqrt(2) of the interval shown. Writes docs/reference_numbers.json.
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Float
from rich.console import Console
from rich.table import Table

from multicell_env.allocation import best_assignment, random_allocation, uniform_allocation
from multicell_env.blocks import Blocks
from multicell_env.config import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.evaluation import FIRST_SEED, draw_blocks, summary
from multicell_env.interference import ingr, sum_rates
from multicell_env.provenance import provenance
from multicell_env.waterfilling import negotiate, selfish_water_fill

ITERATIONS = (5, 20, 100)
EXPECTED = {
    "(8, 4)": (PAPER_8X4, {"SSWF": 18.3, "uniform": 18.1, "FLWF": (25.0, 52.0, 82.0), "assignment": 85.4}),
    "(32, 16)": (PAPER_32X16, {"SSWF": 60.8, "uniform": None, "FLWF": (68.0, 206.0, 389.0), "assignment": 395.6}),
}
"""Average cell capacity in bit/s/Hz that the design gives; FLWF after `ITERATIONS`."""
WAYS = ("as written", "half steps", "half steps, then full")
"""Ways of playing FLWF."""


@dataclass(frozen=True)
class Arguments:
    """Hold measured numbers beside the expected ones, with 95 % intervals over channels."""

    num_blocks: int = 30
    """Channels, each with one random start."""
    seed: int = FIRST_SEED
    """Seed of the channels and of the starts."""
    half_steps: int = 20
    """Iterations in which a user keeps half of its powers, in the third way of playing."""
    output: Path = Path(__file__).parents[1] / "docs" / "reference_numbers.json"
    """Where the numbers go."""


def measure(config: NetworkConfig, arguments: Arguments) -> dict[str, list[dict[str, float]]]:
    """Mean and 95 % interval over channels of every row, in bit/s/Hz; FLWF's three ways have one for each of `ITERATIONS`."""
    blocks = draw_blocks(replace(config, dtype="float64"), arguments.num_blocks, arguments.seed)
    known = (blocks.gains, blocks.user_budgets)
    levels = {
        "SSWF": [_capacity(selfish_water_fill(*known), blocks)],
        "uniform": [_capacity(uniform_allocation(*known), blocks)],
        "assignment": [best_assignment(*known).sum_rates.mean(axis=-1)],
    }
    for way, num_half in zip(WAYS, (0, ITERATIONS[-1], arguments.half_steps), strict=True):
        powers = random_allocation(*known, np.random.default_rng(arguments.seed))
        levels[way] = []
        for iteration in range(ITERATIONS[-1]):
            powers = negotiate(powers, *known, 1, damping=0.5 if iteration < num_half else 0.0)
            if iteration + 1 in ITERATIONS:
                levels[way].append(_capacity(powers, blocks))
    return {row: [summary(capacities) for capacities in over_time] for row, over_time in levels.items()}


def _capacity(powers: np.ndarray, blocks: Blocks) -> Float[np.ndarray, " block"]:
    return sum_rates(powers, ingr(powers, blocks.gains)).mean(axis=-1)


def rows(name: str, found: dict[str, list[dict[str, float]]]) -> list[tuple[str, ...]]:
    """Lines of the table of one network; what does not agree with the expected number has a mark."""
    expected = EXPECTED[name][1]

    def cell(way: str, wanted: float | None, place: int = 0) -> str:
        number = found[way][place]
        differs = wanted is not None and abs(number["mean"] - wanted) > math.sqrt(2.0) * number["ci95"]
        return f"{number['mean']:.2f} ± {number['ci95']:.2f}{' !' if differs else '  '}"

    lines = []
    for row, wanted in expected.items():
        if row == "FLWF":
            for place, iterations in enumerate(ITERATIONS):
                ways = [cell(way, wanted[place], place) for way in WAYS]
                lines.append((f"{name} FLWF, {iterations} iterations", f"{wanted[place]:g}", *ways))
        else:
            lines.append((f"{name} {row}", "" if wanted is None else f"{wanted:g}", cell(row, wanted), "", ""))
    return lines


def main() -> None:
    """Run the command line."""
    arguments = tyro.cli(Arguments, description=Arguments.__doc__)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    title = f"average cell capacity, bit/s/Hz, {arguments.num_blocks} channels; !: differs by more than chance takes (95 %)"
    table = Table("", "expected", *WAYS, box=None, title=title, title_justify="left")
    found = {name: measure(config, arguments) for name, (config, _) in EXPECTED.items()}
    for name, numbers in found.items():
        for line in rows(name, numbers):
            table.add_row(*line)
    Console(width=150).print(table)
    asked = {name: getattr(arguments, name) for name in ("num_blocks", "seed", "half_steps")}
    expected = {name: numbers for name, (_, numbers) in EXPECTED.items()}
    content = {**provenance(), **asked, "iterations": ITERATIONS, "expected": expected, "measured": found}
    arguments.output.write_text(json.dumps(content, indent=1) + "\n")
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
