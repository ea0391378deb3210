"""Actors of several seeds on every setting of the paper's convergence figure: what the worst of them reaches.

    python benchmarks/paper_settings.py runs/seed0 runs/seed1 runs/seed2
    python benchmarks/paper_settings.py runs/f12_0 runs/f12_1 --settings paper-8x4-F12-0dB
    python benchmarks/paper_settings.py runs/damped0 runs/damped1 --damping 0.5 --own

Every actor, trained wherever it was, plays (M, U) = (8, 4) and (32, 16), F = 6 and 12, SIR 0 and 3 dB as it is. Beside it stand the
assignment bound, FLWF from the same number of random starts in every block, and the band of FLWF after 100 iterations (mean and standard
deviation over blocks and starts), which the paper draws. With --damping, all of them play the damped game;
with --own, every actor plays only the setting that it was trained at. Writes docs/paper_settings.json.
"""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro
from rich.console import Console
from rich.table import Table

from agents import load
from multicell_env.allocation import best_assignment
from multicell_env.config import NetworkConfig
from multicell_env.evaluation import FIRST_SEED, draw_blocks, play
from multicell_env.measurement import flwf_trajectories
from multicell_env.provenance import provenance
from multicell_env.scenarios import PAPER

ITERATIONS = 100
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Arguments:
    """Play actors of several seeds on the settings of the paper's convergence figure."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run directories of train.py, or files of actors."""
    num_blocks: int = 200
    """Unseen blocks of the actors."""
    band_blocks: int = 20
    """Blocks of FLWF's band and means, the first of those."""
    num_starts: int = 100
    """Random starts of FLWF in each of them."""
    seed: int = FIRST_SEED
    """Seed of the blocks and of FLWF's starts."""
    settings: tuple[str, ...] = tuple(PAPER)
    """Which settings; all of them by default."""
    damping: float = 0.0
    """Share of its last powers that a user keeps in each FLWF iteration, in every setting; 0 is the paper's game."""
    own: tyro.conf.FlagCreatePairsOff[bool] = False
    """Every actor plays only the setting that it was trained at, and settings that have no actor are left out."""
    output: Path = ROOT / "docs" / "paper_settings.json"
    """Where the numbers go."""


def measure(config: NetworkConfig, policies: dict[str, Any], arguments: Arguments) -> dict[str, Any]:
    """All numbers of one setting; capacities in bit/s/Hz."""
    blocks = draw_blocks(config, arguments.num_blocks, arguments.seed)
    bound = float(best_assignment(blocks.gains, blocks.user_budgets).sum_rates.mean())
    per_slot = {}
    for name, policy in policies.items():
        blocks.restart()
        per_slot[name] = play(policy, blocks, policy.metadata["observation"], batched=True)
    few = draw_blocks(config, arguments.band_blocks, arguments.seed)
    flwf = flwf_trajectories(few, arguments.num_starts, ITERATIONS, arguments.seed)
    slots = slice(config.num_iterations - 1, config.num_iterations * config.num_slots, config.num_iterations)
    flwf_slots = flwf[..., slots].mean(axis=(0, 1))
    mean_flwf = float(flwf_slots.mean())
    return {
        "bound": bound,
        "bound_over_mean_flwf": bound / mean_flwf,
        "band": {"mean": float(flwf[..., -1].mean()), "std": float(flwf[..., -1].std())},
        "mean_flwf": mean_flwf,
        "flwf_per_slot": flwf_slots.tolist(),
        "actors": {
            name: {
                "last_slot": float(capacities[:, -1].mean()),
                "percent_of_bound": 100.0 * float(capacities[:, -1].mean()) / bound,
                "first_slot_percent_of_bound": 100.0 * float(capacities[:, 0].mean()) / bound,
                "later_slots_percent_of_bound": 100.0 * float(capacities[:, 1:].mean()) / bound,
                "first_blocks_after_20_iterations": float(capacities[: arguments.band_blocks, 20 // config.num_iterations - 1].mean()),
                "first_blocks_over_mean_flwf": float(capacities[: arguments.band_blocks].mean()) / mean_flwf,
            }
            for name, capacities in per_slot.items()
        },
    }


def _trained_at(config: NetworkConfig, policies: dict[str, Any]) -> dict[str, Any]:
    return {name: policy for name, policy in policies.items() if NetworkConfig.from_json(policy.metadata["config"]) == config}


def main() -> None:
    """Run the command line."""
    arguments = tyro.cli(Arguments, description=Arguments.__doc__)
    if unknown := sorted(set(arguments.settings) - set(PAPER)):
        sys.exit(f"error: --settings must be some of {', '.join(PAPER)}; got {', '.join(unknown)}.")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    policies = {str(run): load(run) for run in arguments.runs}
    settings = {name: replace(PAPER[name], damping=arguments.damping) for name in PAPER if name in arguments.settings}
    players = {name: _trained_at(config, policies) if arguments.own else policies for name, config in settings.items()}
    found = {name: measure(config, players[name], arguments) for name, config in settings.items() if players[name]}
    columns = ("setting", "bound", "last slot, % of bound", "after 20 iterations", "FLWF's band: mean + std", "mean over slots / FLWF's")
    title = "worst of the actors of each setting" if arguments.own else f"worst of {len(policies)} actors"
    table = Table(*columns, box=None, title=title, title_justify="left")
    for name, numbers in found.items():
        actors = list(numbers["actors"].values())
        worst = {key: min(actor[key] for actor in actors) for key in actors[0]}
        band = numbers["band"]
        table.add_row(
            name,
            f"{numbers['bound']:.1f}",
            f"{worst['percent_of_bound']:.2f}",
            f"{worst['first_blocks_after_20_iterations']:.1f}",
            f"{band['mean']:.1f} + {band['std']:.1f} = {band['mean'] + band['std']:.1f}",
            f"{worst['first_blocks_over_mean_flwf']:.3f} (bound: {numbers['bound_over_mean_flwf']:.3f})",
        )
    Console(width=150).print(table)
    asked = {name: getattr(arguments, name) for name in ("num_blocks", "band_blocks", "num_starts", "seed", "damping", "own")}
    content = {**provenance(), **asked, "settings": found}
    arguments.output.write_text(json.dumps(content, indent=1) + "\n")
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
