"""Draw docs/pictures/rounds.png: who transmits in which band, round by round, by FLWF, by pricing and by a trained actor.

python examples/draw_negotiation.py
python examples/draw_negotiation.py --scenario irregular-12 --seed 3 --output rounds.png
python examples/draw_negotiation.py --actor runs/<name> --methods iwf pricing_from_plan
python examples/draw_negotiation.py --num-cells 5 --sir-db 3        # a network without a scenario
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

import agents
from experiments.command_line import check_drawn, parse, run_command
from experiments.studies.own_game import own_network, own_rules
from multicell_env import NetworkConfig
from multicell_env.allocations.registry import METHODS
from multicell_env.evaluation import FIRST_SEED
from multicell_env.evaluation.rounds import follow_allocation, follow_policy, in_rounds
from multicell_env.evaluation.side_by_side import moments_of, save_picture, side_by_side
from multicell_env.rendering.network_map import map_of
from multicell_env.scenarios import SCENARIOS, draw_networks, draw_places, scenario_named

USUAL = "irregular-7"
SCENARIO_HELP = f"Draw the seed's first network of {', '.join(SCENARIOS)}; {USUAL} unless flags say which network it is."


@dataclass(frozen=True)
class Arguments:
    """Negotiations of one network side by side, round by round on its map, as a PNG file."""

    scenario: Annotated[str | None, tyro.conf.arg(metavar="NAME", help=SCENARIO_HELP)] = None
    seed: int = FIRST_SEED
    """Of the network and of its channels, which are those of env.reset(seed=seed); by default the first that evaluate.py evaluates."""
    actor: str = "rounds"
    """Trained actor: the name of a shipped one, a run directory or a file."""
    methods: tuple[str, ...] = ("flwf", "pricing")
    """Allocations beside it, by their names in tables."""
    output: Path = Path("docs/pictures/rounds.png")
    """PNG file to write."""
    network: tyro.conf.OmitArgPrefixes[NetworkConfig] = field(default_factory=NetworkConfig)
    """Network, where no scenario is given. Decibels where a name ends in -db; noise power is 1."""


def main(argv: list[str]) -> None:
    """Run the command line."""
    arguments = parse(Arguments, argv, Arguments())
    if unknown := sorted(set(arguments.methods) - set(METHODS)):
        raise ValueError(f"--methods must be some of {', '.join(METHODS)}; got {', '.join(unknown)}. Leave them out.")
    if arguments.seed < 0:
        raise ValueError(f"--seed must not be negative; got {arguments.seed}. Give 0 or more.")
    network, places, title = arguments.network, None, "network"
    if arguments.scenario is not None or network == NetworkConfig():
        title = arguments.scenario or USUAL
        scenario = scenario_named(title)
        check_drawn("--scenario", network, NetworkConfig())
        network, places = draw_networks(scenario, 1, arguments.seed)[0], draw_places(scenario, 0, arguments.seed)
    actor = agents.load(arguments.actor)
    game = own_network(actor, network)
    name = actor.metadata.get("algo", "actor") + ("_rounds" if own_rules(actor) else "")
    negotiations = {method: follow_allocation(method, game, arguments.seed) for method in arguments.methods}
    negotiations[name] = follow_policy(actor, game, arguments.seed)
    plan = follow_allocation("planned", game, arguments.seed)
    moments = moments_of(in_rounds(game))
    print(f"{network.describe()}, seed {arguments.seed}; average cell capacity, bit/s/Hz")
    print(f"{'':20s}" + "".join(f"{moment.label:>18s}" for moment in moments))
    for row, negotiation in {**negotiations, "planned": plan}.items():
        print(f"{row:20s}" + "".join(f"{negotiation.capacities[moment.step, 0]:18.1f}" for moment in moments))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    save_picture(side_by_side(title, map_of(network, places).lying, negotiations, moments, plan), arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    run_command(main)
