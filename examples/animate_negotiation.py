"""Draw docs/pictures/negotiation.gif: FLWF from the trained start beside FLWF from a random one, on the same unseen channels.

python examples/animate_negotiation.py
python examples/animate_negotiation.py --seed 0 --num-iterations 60 --output negotiation.gif
python examples/animate_negotiation.py --actor runs/<name>      # an actor that you trained
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

import agents
from experiments.command_line import check_positive, parse, run_command
from multicell_env import NetworkConfig
from multicell_env.allocations.assignment import best_assignment
from multicell_env.allocations.simple import random_allocation
from multicell_env.evaluation import FIRST_SEED, decide, draw_blocks, fractions_of
from multicell_env.evaluation.animation import Negotiation, follow, frames, save_gif
from multicell_env.observation import Observer
from multicell_env.rendering.network_map import map_of

SETTLED = 90.0
"""Percent of the assignment bound at which the printed lines call a negotiation settled."""


@dataclass(frozen=True)
class Arguments:
    """FLWF from the trained start beside FLWF from a random one, as an animated GIF."""

    seed: int = FIRST_SEED
    """The channels are those of env.reset(seed=seed); by default the first block on which evaluate.py evaluates, which no training saw."""
    num_iterations: int = 40
    """FLWF iterations to show."""
    num_blocks: int = 200
    """Blocks, from the seed on, whose mean is printed beside the one that is drawn, so that one sees whether it is an ordinary one."""
    actor: str = "td3mix"
    """Trained actor: the name of a shipped one, a run directory or a file."""
    output: Path = Path("docs/pictures/negotiation.gif")
    """GIF file to write."""


def main(argv: list[str]) -> None:
    """Run the command line."""
    arguments = parse(Arguments, argv, Arguments())
    check_positive(num_iterations=arguments.num_iterations, num_blocks=arguments.num_blocks)
    actor = agents.load(arguments.actor)
    config = NetworkConfig.from_json(actor.metadata["config"])
    blocks = draw_blocks(config, arguments.num_blocks, arguments.seed)
    random_powers = random_allocation(blocks.gains, blocks.user_budgets, np.random.default_rng([arguments.seed, 3]))
    openings = {
        "Trained start (TD3-MIX)": decide(actor, Observer(actor.metadata["observation"], blocks), batched=True),
        "Random start": fractions_of(random_powers, blocks),
    }
    negotiations = {name: follow(blocks, opening, arguments.num_iterations) for name, opening in openings.items()}
    blocks.restart()
    bounds = best_assignment(blocks.gains, blocks.user_budgets).sum_rates.mean(axis=-1)
    print(f"{config.describe()}, channels of seed {arguments.seed}")
    for name, negotiation in negotiations.items():
        print(f"{name:24s} {summary(negotiation, bounds)}")
    count = arguments.num_iterations + 1
    pictures = frames(map_of(config), negotiations, float(bounds[0]))
    save_gif(list(tqdm(pictures, "drawing", total=count, disable=not sys.stderr.isatty())), arguments.output)
    print(f"wrote {arguments.output} ({count} frames, {arguments.output.stat().st_size / 1e6:.2f} MB)")


def summary(negotiation: Negotiation, bounds: np.ndarray) -> str:
    """How long the drawn block and the mean of all take to settle."""
    percent = {"this block": 100.0 * negotiation.capacities[:, 0] / bounds[0]}
    percent[f"mean of {len(bounds)}"] = 100.0 * negotiation.capacities.mean(axis=1) / bounds.mean()
    return "; ".join(f"{name}: {settling(values)}, {values[-1]:.1f} % at last" for name, values in percent.items())


def settling(percent: np.ndarray) -> str:
    """When the curve first reaches `SETTLED`."""
    reached = np.flatnonzero(percent >= SETTLED)
    return f"{SETTLED:.0f} % of the bound after {reached[0]} iterations" if len(reached) else f"never {SETTLED:.0f} % of the bound"


if __name__ == "__main__":
    run_command(main)
