"""Play every shipped actor on unseen blocks of the network that it was trained on; writes agents/pretrained/README.md.

python benchmarks/shipped_actors.py
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import agents
from agents.loading import PRETRAINED
from agents.saved_actor import ActorPolicy
from experiments.command_line import check_positive, parse, run_command
from experiments.commands.scenario_words import TRAINED_ON, scenario_names
from experiments.studies.own_game import own_network
from experiments.studies.scenario_evaluation import evaluate_networks
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.comparison import play_policy
from multicell_env.evaluation.playing import FIRST_SEED, evaluate_allocations
from multicell_env.evaluation.results import MethodResult, percent_of_bound
from multicell_env.scenarios import draw_networks, scenario_named

COMMANDS = {
    "td3mix": "`python train.py --algo td3mix`",
    "k0_set": "`python train.py --num-iterations 0`",
    "damped": "`python train.py --damping-in-action --num-steps 650`",
    "rounds": "`python train.py --algo apg --preset rounds --scenarios all --seed 0`",
    "rounds_3gpp": (
        "three pools by `examples/sionna_pool.py` (`--model umi`; `--model uma --seed 1`; `--model umi --cells 7 --drops 1000 --seed 2`), "
        "then `python train.py --algo apg --preset rounds "
        "--scenarios paper,any-sir,many-users,unequal-load,asymmetric,irregular-7,irregular-12 "
        "--channels umi-3.npz --channels uma-3.npz --channels umi-7.npz --num-steps 4500 --eval-interval 4500 --name still`, and the same "
        "with `--start-from runs/still --also-moving fading:speed_kmh=30 --also-moving fading:speed_kmh=3+estimated:error_db=-20 "
        "--also-moving redraw --learning-rate 2e-3 --going-on 0.7 --num-steps 2500 --eval-interval 2500`"
    ),
    "rounds_fair": (
        "the same pools, then `python train.py --algo apg --preset rounds --fairness 1 "
        "--scenarios paper,unequal-load,asymmetric,irregular-7 "
        "--channels umi-3.npz --channels uma-3.npz --channels umi-7.npz --num-steps 2400 --eval-interval 2400 --going-on 0.8 "
        "--batch-growth 2`"
    ),
    "generalist": (
        "`python train.py --algo td3mix --scenarios mixture --num-networks 32 --num-envs 16 --num-steps 4000 --eval-interval 100 "
        "--eval-blocks 50 --start-from agents/pretrained/td3mix.safetensors --actor-rest 400`"
    ),
}
"""How actors were trained."""
INTRODUCTION = """# Actors that ship

`agents.load("NAME")` gives a policy from observations of all agents to their actions, without running any code of the file; so does
`agents.load("runs/NAME")` of what `train.py` wrote. Each file holds the weights and, as JSON in its header, the network that it was
trained on.

```python
import agents
from multicell_env.evaluation.comparison import compare

content = compare({name: agents.load(name) for name in ("td3mix", "generalist")}, num_blocks=50)
```

Scores are average cell capacities in bit/s/Hz on NUM unseen blocks of the actor's own network (of scenarios: NUM networks in all, one
block each), acting in every slot, with 95 % intervals over blocks, and in percent of the assignment bound on the same blocks. All from
`python benchmarks/shipped_actors.py`, which writes this file.

| name | algorithm | trained on | seed | step | size | last slot | all slots | % of bound, last / all |
|---|---|---|---:|---:|---:|---:|---:|---:|
"""


@dataclass(frozen=True)
class ShippedArguments:
    """Play every shipped actor on unseen blocks of its own network; writes agents/pretrained/README.md."""

    num_blocks: int = 200
    """Unseen blocks to play."""
    output: Path = PRETRAINED / "README.md"
    """File to write."""


def score(policy: ActorPolicy, num_blocks: int) -> dict[str, MethodResult]:
    """The actor and the assignment bound on what it was trained on, by name."""
    config, scenario = NetworkConfig.from_json(policy.metadata["config"]), policy.metadata.get("scenarios")

    def play(network: NetworkConfig, index: int, blocks: int = 1) -> list[MethodResult]:
        where: dict[str, Any] = {"num_blocks": blocks, "seed": FIRST_SEED + index, "timed": index == 0}
        return [play_policy("actor", policy, network, **where), *evaluate_allocations(network, methods=("assignment_bound",), **where)]

    if scenario is None:
        results = play(config, 0, num_blocks)
    else:
        share = num_blocks // len(names := scenario_names(scenario, TRAINED_ON))
        networks = [network for name in names for network in draw_networks(scenario_named(name), max(share, 1), FIRST_SEED)]
        results = evaluate_networks([own_network(policy, network) for network in networks], play)
    return {result.name: result for result in results}


def row(name: str, policy: ActorPolicy, results: dict[str, MethodResult]) -> str:
    """An actor in one line of the table."""
    metadata, actor, bound = policy.metadata, results["actor"], results["assignment_bound"]
    # There is no bound where scenarios have networks with fewer bands than cells, or where sharing bands pays.
    last = percent_of_bound(results.values()).get("actor")
    every = 100.0 * actor.all_slots["mean"] / bound.all_slots["mean"]
    of_bound = "no bound" if last is None else f"{last:.1f} / {every:.1f}"
    means = (f"{mean['mean']:.2f} ± {mean['ci95']:.2f}" for mean in (actor.last_slot, actor.all_slots))
    size = (PRETRAINED / f"{name}.safetensors").stat().st_size
    trained_on = ", ".join([describe(metadata["config"], metadata.get("scenarios")), *metadata.get("pools", ())])
    if "also_moving" in metadata:
        trained_on += f", and these pools with {', '.join(f'`{model}`' for model in metadata['also_moving'])}"
    numbers = f"{metadata['seed']} | {metadata['step']:,} | {size / 1000:.0f} kB | {' | '.join(means)} | {of_bound}"
    return f"| `{name}` | {metadata.get('algo', 'td3mix')} | {trained_on} | {numbers} |"


def describe(stored: dict[str, object], scenario: str | None) -> str:
    """A stored network, by its sizes, or a scenario, and what differs from the defaults."""
    config, default = NetworkConfig.from_json(stored), NetworkConfig()
    other = [field.name for field in fields(config) if getattr(config, field.name) != getattr(default, field.name)]
    beside = [f"`{name}={getattr(config, name)}`" for name in other if name not in ("num_iterations", "damping_in_action", "damping")]
    if scenario is None:
        return ", ".join([config.describe(), *beside])
    names = scenario_names(scenario, TRAINED_ON)
    return ", ".join([f"the scenario {scenario}" if len(names) == 1 else f"the scenarios {', '.join(names)}", *beside])


def main(argv: list[str]) -> None:
    """Run the command line."""
    arguments = parse(ShippedArguments, argv, ShippedArguments())
    check_positive(num_blocks=arguments.num_blocks)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    rows, commands = [], []
    for name in agents.shipped():
        policy = agents.load(name)
        rows.append(row(name, policy, score(policy, arguments.num_blocks)))
        commands.append(f"* `{name}`: {COMMANDS.get(name, 'not recorded')}.")
        print(rows[-1])
    kept = "To the best validation blocks of the run (of those with prices in rounds at the end alone); `step` is where that was."
    how = f"\n\n## How they were trained\n\n{kept}\n\n"
    text = INTRODUCTION.replace("NUM ", f"{arguments.num_blocks} ") + "\n".join(rows) + how + "\n".join(commands) + "\n"
    arguments.output.write_text(text)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    run_command(main)
