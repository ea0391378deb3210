"""Evaluations as evaluate.py plays them: on one network, on scenarios, on recorded channels, on networks of all sizes."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from agents.loading import load
from agents.saved_actor import ActorPolicy
from experiments.commands.channel_words import name_of, pools_and_networks
from experiments.commands.evaluation_arguments import Evaluation
from experiments.commands.scenario_words import drawn_groups, scenario_names
from experiments.executors.engines import opened
from experiments.executors.jobs import Workers
from experiments.named_policies import named_policies
from experiments.studies.actor_curves import Asked, measure_curve
from experiments.studies.own_game import own_rules
from experiments.studies.scenario_comparison import EVERYWHERE, compare_all_scenarios, compare_on_scenario, generalise
from multicell_env.channels.pool import RecordedChannels
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.comparison import compare
from multicell_env.evaluation.pictures import STYLES, save_comparison
from multicell_env.evaluation.playing import METHODS
from multicell_env.evaluation.policies import Policy
from multicell_env.scenarios import draw_places, scenario_named
from multicell_env.tasks.places import places_of
from multicell_env.tasks.registry import task_named


def evaluate(asked: Evaluation) -> dict[str, Any]:
    """Play what was asked for, print the table, write the files. Returns what the JSON file holds, or what each of several holds."""
    torch.set_num_threads(asked.arguments.num_threads)
    with opened(asked.arguments.workers, asked.arguments.num_workers, usual=1) as workers:
        return _evaluate(asked, workers)


def _evaluate(asked: Evaluation, workers: Workers) -> dict[str, Any]:
    arguments, actor = asked.arguments, load(asked.actor)
    if arguments.curve is not None:
        names = scenario_names(arguments.scenarios or "all", EVERYWHERE)
        chosen = Asked(_name(actor), actor, arguments.num_blocks, arguments.seed, names, workers)
        return measure_curve(chosen, arguments.curve, arguments.output or Path("results"))
    given = arguments.policies
    # Importing them may print, which is shown where everything else is.
    taken = {*STYLES, *METHODS, _name(actor)}
    policies = named_policies(given.policy, taken=taken, observation=given.observation, batched=given.batched)
    blocks: dict[str, Any] = {"num_blocks": arguments.num_blocks, "seed": arguments.seed}
    if arguments.generalise:
        both: dict[str, Policy] = {"generalist": actor, "td3mix": load("td3mix")}  # in the order of the table
        output = arguments.output or Path("results")
        how: dict[str, Any] = {"train": arguments.train, "acting_slots": arguments.acting_slots, "workers": workers}
        return generalise(both, load, output=output, **how, **blocks)
    if arguments.scenarios is not None and arguments.is_everywhere:
        several = {"td3mix": load("td3mix"), "generalist": load("generalist") if own_rules(actor) else actor}
        several |= {_name(actor): actor} if own_rules(actor) else {}
        where: dict[str, Any] = {"output": arguments.output or Path("results/scenarios"), "train": arguments.train}
        where |= {"fairness": arguments.scenario.fairness, "workers": workers}
        return compare_all_scenarios(several, load, names=scenario_names(arguments.scenarios, EVERYWHERE), **where, **blocks)
    if arguments.scenarios is not None:
        (networks,) = drawn_groups(arguments.scenarios, arguments.num_blocks, arguments.seed, {"fairness": arguments.scenario.fairness})
        together = {_name(actor): actor, **policies}
        content = compare_on_scenario(together, arguments.scenarios, networks, seed=arguments.seed, output=asked.output, workers=workers)
        places = draw_places(scenario_named(arguments.scenarios), 0, arguments.seed)
        return _explored(asked, content, together, networks[0], name=arguments.scenarios, places=places)
    if arguments.task is not None and (own_rules(actor) or task_named(arguments.task).scenario):
        together, task = {_name(actor): actor, **policies}, task_named(arguments.task)
        networks = [task.network_of(arguments.seed + block) for block in range(arguments.num_blocks)]
        where = {"seed": arguments.seed, "output": asked.output, "workers": workers}
        content = compare_on_scenario(together, task.name, networks, kind="task", **where)
        return _explored(asked, content, together, networks[0], name=task.name, places=places_of(task, arguments.seed))
    pools = pools_and_networks(arguments.recorded, arguments.scenario, beside_scenarios=False)
    if len(pools) > 1 or (pools and (own_rules(actor) or arguments.run is None)):
        actors = [actor] if arguments.run is not None else [actor, load("rounds_3gpp")]
        together = {**{_name(one): one for one in actors}, **policies}
        settings = {"output": asked.output, "is_one": len(pools) == 1, **blocks}
        tables = {name_of(pool): compare_on_pool(together, pool, network, **settings) for pool, network in pools}
        if len(tables) > 1:
            return {"channels": tables}
        ((name, content),) = tables.items()
        return _explored(asked, content, together, pools[0][1], name=name, channels=pools[0][0].test)
    settings = {"channels": pools[0][0].test} if pools else {}
    content = evaluate_actor(actor, arguments.scenario, policies=policies, output=asked.output, **blocks, **settings)
    return _explored(asked, content, {_name(actor): actor, **policies}, arguments.scenario, name=arguments.task, **settings)


def _explored(
    asked: Evaluation, content: dict[str, Any], policies: Mapping[str, Policy], network: NetworkConfig, **known: Any
) -> dict[str, Any]:
    """The content, after the page of it is written where it was asked for. Other arguments as for `write_page`."""
    if asked.arguments.html:
        from experiments.page.writing import write_page

        write_page(content, policies, network, asked.output, **known)
    return content


def compare_on_pool(
    policies: Mapping[str, Policy],
    pool: RecordedChannels,
    network: NetworkConfig,
    *,
    num_blocks: int,
    output: Path,
    is_one: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    """Play policies and every allocation on blocks of a pool's test part; a table, a file and a picture.

    The files have the pool's name, unless it is the only one. Other arguments as for `compare_on_scenario`.
    """
    networks, name = [network] * min(num_blocks, len(pool.test)), name_of(pool)
    file, picture = ("results.json", "comparison.png") if is_one else (f"{name}.json", f"{name}.png")
    content = compare_on_scenario(policies, name, networks, channels=pool.test, output=output, file=file, **settings)
    save_comparison(content, output / picture)
    print(f"wrote {output / picture}")
    return content


def evaluate_actor(
    actor: ActorPolicy, config: NetworkConfig, *, policies: Mapping[str, Policy] = MappingProxyType({}), **settings: Any
) -> dict[str, Any]:
    """Play the actor, policies and the allocations, print the table, write `results.json` and `comparison.png`.

    Args:
        actor: A trained actor.
        config: The network to play on.
        policies: Others beside it, by name.
        **settings: As for `compare`.

    Returns:
        What `results.json` holds.
    """
    content = compare({_name(actor): actor, **policies}, config, settings={"observation": actor.observation}, **settings)
    if config != (trained_on := NetworkConfig.from_json(actor.metadata["config"])):
        print(f"note: this actor was trained on another network ({trained_on.describe()})")
    return content


def _name(actor: ActorPolicy) -> str:
    return actor.metadata.get("algo", "td3mix")
