"""Play a trained actor and every allocation on the same unseen channels: one table, `results.json` and `comparison.png`.

python evaluate.py                     # the actor that ships with the project
python evaluate.py runs/<name>         # your own run
python evaluate.py --num-antennas 32 --num-users 16 --num-blocks 50
"""

import json
import math
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
import tyro
from rich.console import Console
from rich.table import Table

from agents.run_directory import RunDirectory
from agents.saved_actor import ActorPolicy, load_actor
from multicell_env.assignment import MAX_BANDS
from multicell_env.config import NetworkConfig
from multicell_env.evaluation import (
    FIRST_SEED,
    METHODS,
    MethodResult,
    as_json,
    evaluate_allocations,
    evaluate_policy,
    percent_of_best_known,
    percent_of_bound,
)

PRETRAINED = Path(__file__).parent / "agents" / "pretrained" / "td3mix.pt"
MeanGains = tuple[tuple[float, ...], ...]
Arguments = TypeVar("Arguments")


@dataclass(frozen=True)
class EvaluateArguments:
    """Play a trained actor and every allocation on the same unseen channels."""

    run: tyro.conf.Positional[Path | None] = None
    """Run directory made by train.py; without it, the actor that ships with the project."""
    num_blocks: int = 200
    """Unseen blocks to play."""
    seed: int = FIRST_SEED
    """Block i is the one that env.reset(seed=seed + i) draws."""
    output: Path | None = None
    """Where results.json and comparison.png go; the run directory, or results/ without a run or on another network than the run's."""
    num_threads: int = 1
    """Threads of torch; small networks are fastest on one."""
    scenario: tyro.conf.OmitArgPrefixes[NetworkConfig] = field(default_factory=NetworkConfig)
    """Network to play on; the run's own unless said otherwise."""


def main(argv: list[str]) -> None:
    """Run the command line."""
    # The run must be known before the command line is read, because the network that it was trained on is the default.
    words = [word for before, word in pairwise(["", *argv]) if before != "--output" and not word.startswith("-")]
    run = next((Path(word) for word in words if (Path(word) / "config.json").exists()), None)
    actor = load_actor(PRETRAINED if run is None else RunDirectory(run).best_path)
    defaults = EvaluateArguments(scenario=network_config(actor.metadata["config"]))
    arguments = parse(EvaluateArguments, argv, defaults)
    if arguments.run != run:
        RunDirectory(arguments.run or Path()).config()  # says what is wrong with it
        raise ValueError(f"it is not clear which run to evaluate: {run} or {arguments.run}. Give the run directory first.")
    check_positive(num_blocks=arguments.num_blocks, num_threads=arguments.num_threads)
    if arguments.seed < 0:
        raise ValueError(f"--seed must not be negative; got {arguments.seed}. Give 0 or more.")
    torch.set_num_threads(arguments.num_threads)
    own = run is not None and arguments.scenario == defaults.scenario
    output = arguments.output or (run if run is not None and own else Path("results"))
    evaluate_actor(actor, arguments.scenario, num_blocks=arguments.num_blocks, seed=arguments.seed, output=output)


def evaluate_actor(
    actor: ActorPolicy, config: NetworkConfig, *, num_blocks: int, seed: int, output: Path, methods: Collection[str] = METHODS
) -> dict[str, Any]:
    """Play the actor and the allocations, print the table, write `results.json` and `comparison.png`.

    Returns:
        What `results.json` holds.
    """
    from multicell_env.figures import save_comparison

    output.mkdir(parents=True, exist_ok=True)
    observation = actor.metadata["observation"]
    settings: dict[str, Any] = {"observation": observation, "num_blocks": num_blocks, "seed": seed, "batched": True}
    console = Console() if sys.stdout.isatty() else Console(width=100)
    with console.status(f"playing {num_blocks} unseen blocks ..."):
        results = [
            evaluate_policy("td3mix", actor, config, **settings),
            evaluate_policy("td3mix_opening", actor, config, opening_only=True, **settings),
            *evaluate_allocations(config, num_blocks=num_blocks, seed=seed, methods=methods),
        ]
    print_table(results, config, console)
    if config != (trained_on := network_config(actor.metadata["config"])):
        console.print(f"note: this actor was trained on another network ({describe(trained_on)})", highlight=False)
    content = as_json(results, config, seed, num_blocks, observation=observation)
    (output / "results.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    save_comparison(content, output / "comparison.png")
    console.print(f"wrote {output / 'results.json'} and {output / 'comparison.png'}", highlight=False)
    return content


def print_table(results: list[MethodResult], config: NetworkConfig, console: Console) -> None:
    """Print the results, best last slot first."""
    percent, of_best = percent_of_bound(results), percent_of_best_known(results)
    title = describe(config)
    caption = (
        "average cell capacity in bit/s/Hz in the first slot, the last, and over all: mean ± 95 % confidence interval over blocks; "
        "% bound: last slot / all slots; % best: last slot, of the higher one of WMMSE and the bound in every block; "
        "starts: std of the last slot over random starts; ms: median time of one decision for all cells"
    )
    if config.num_iterations == 0:
        caption += "; flwf and iwf make 5 iterations a slot"
    if not percent:
        caption += f"; % bound: not searched beyond {MAX_BANDS} bands"
    table = Table(
        title=title, caption=caption, title_justify="left", caption_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("method", no_wrap=True)
    for header in ("first", "last slot", "all slots", "% bound", "% best", "starts", "ms"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("CSI", no_wrap=True)
    for result in sorted(results, key=lambda result: -result.last_slot["mean"]):
        last, every = result.last_slot, result.all_slots
        table.add_row(
            result.name,
            f"{result.per_slot[:, 0].mean():.1f}",
            _with_interval(last),
            _with_interval(every),
            f"{percent[result.name]:.1f}/{percent[result.name] * every['mean'] / last['mean']:.1f}" if percent else "",
            f"{of_best[result.name]:.1f}" if of_best else "",
            "" if result.std_over_starts is None else f"{result.std_over_starts:.2f}",
            f"{result.ms_per_decision:.2g}",
            "global" if result.needs_global_knowledge else "local",
        )
    console.print(table)


def describe(config: NetworkConfig) -> str:
    """A network in one line."""
    interference = "given mean gains" if config.mean_gains is not None else f"SIR={config.sir_db:g} dB"
    return (
        f"B={config.num_cells} M={config.num_antennas} U={config.num_users} F={config.num_bands} "
        f"{interference} SNR={config.snr_db:g} dB T={config.num_slots} k={config.num_iterations}"
    )


def _with_interval(summary: dict[str, float]) -> str:
    return f"{summary['mean']:.2f}" + ("" if math.isnan(summary["ci95"]) else f" ± {summary['ci95']:.2f}")


def network_config(fields: dict[str, Any]) -> NetworkConfig:
    """A NetworkConfig from its JSON form."""
    gains = fields.get("mean_gains")
    users = fields["num_users"]
    fields = {**fields, "mean_gains": None if gains is None else tuple(map(tuple, gains))}
    return NetworkConfig(**{**fields, "num_users": tuple(users) if isinstance(users, list) else users})


def parse(kind: type[Arguments], argv: list[str], defaults: Arguments) -> Arguments:
    """Read a command line into a dataclass."""
    registry = tyro.constructors.ConstructorRegistry()

    @registry.primitive_rule
    def _mean_gains(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[Any] | None:
        if info.type != MeanGains:
            return None
        return tyro.constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar="JSON",
            instance_from_str=lambda words: tuple(tuple(float(gain) for gain in row) for row in json.loads(words[0])),
            is_instance=lambda value: isinstance(value, tuple),
            str_from_instance=lambda gains: [json.dumps(gains)],
        )

    with registry:
        return tyro.cli(kind, args=argv, default=defaults, description=kind.__doc__)


def check_positive(**numbers: int) -> None:
    """Refuse numbers below 1.

    Raises:
        ValueError: one is.
    """
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1; got {number}. Give a positive whole number.")


def run_command(main: Callable[[list[str]], None]) -> None:
    """Run a command line. A refusal is one line on standard error and exit code 2; an interruption outside of training exits with 130."""
    try:
        main(sys.argv[1:])
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; what was written before is whole", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    run_command(main)
