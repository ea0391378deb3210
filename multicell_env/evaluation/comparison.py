"""Comparison of policies and allocation methods on the same channels: tables, `results.json` and `comparison.png`."""

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from multicell_env.allocations.registry import METHODS
from multicell_env.channels.pool import Channels, RecordedChannels
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import evaluate_allocations, evaluate_policy
from multicell_env.evaluation.policies import AnyPolicy, is_batched, observation_of, shown_name, told_of
from multicell_env.evaluation.policies.trial import try_policy
from multicell_env.evaluation.results import MethodResult, as_json
from multicell_env.evaluation.unseen_blocks import FIRST_SEED, judged_on
from multicell_env.evaluation.writing import write_text

MODES = (None, 1)
"""Numbers of slots in which every policy acts: all (None), and the first only."""


def compare(
    policies: Mapping[str, AnyPolicy],
    config: NetworkConfig | None = None,
    *,
    num_blocks: int = 200,
    seed: int = FIRST_SEED,
    output: Path | str | None = None,
    methods: Collection[str] = METHODS,
    quiet: bool = False,
    settings: Mapping[str, Any] | None = None,
    channels: Channels | None = None,
) -> dict[str, Any]:
    """Compare policies and allocations on the same unseen blocks, and print two tables, of capacities and of users' rates.

    Every policy is played twice: in every slot, and as `NAME_opening` in the first slot only, after which FLWF continues without it (the
    paper's online algorithm).

    Args:
        policies: Policies by name: callables from observations of all agents to their actions, or torch modules. See `Policy`.
        config: The network; the paper's (8, 4) network by default, or that of recorded channels.
        num_blocks: Number of unseen blocks; for recorded channels at most the number of blocks in the part.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        output: Directory for `results.json` and `comparison.png`; None writes nothing.
        methods: Allocation methods to compare with, from `METHODS`.
        quiet: True prints nothing.
        settings: Additional data to store in the result.
        channels: A channel model, or a pool of recorded channels: an array, a file, or `RecordedChannels`, by default its test part.

    Returns:
        The content of `results.json`.

    Raises:
        ValueError: a policy has the name of another method, raises an error, does not return finite actions of the right shapes, or does
            not act the same when a block is repeated (tested on two blocks at the start); or the channels do not fit the network.
        ModuleNotFoundError: the extra `plots` is not installed.
    """
    try:
        from rich.console import Console

        from multicell_env.evaluation.pictures import save_comparison
        from multicell_env.evaluation.tables import print_table, print_users
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"compare draws tables and pictures with rich and matplotlib; got none ({error}). Install them: "
            "pip install 'multicell-env[plots]'.",
            name=error.name,
        ) from error
    config, model, num_blocks = judged_on(config, channels, num_blocks)
    names = [shown_name(name, slots) for name in policies for slots in MODES]
    if taken := {name for name in names if name in METHODS or names.count(name) > 1}:
        raise ValueError(
            f"a policy must not have the name of an allocation or of another policy; got {sorted(taken)}. Choose another name."
        )
    for name, policy in policies.items():
        try_policy(name, policy, config, model)
    if output is not None:
        Path(output).mkdir(parents=True, exist_ok=True)  # fails before anything is played
    console = Console(width=None if sys.stdout.isatty() else 100, quiet=quiet)
    with Console(stderr=True, quiet=quiet).status(f"playing {num_blocks} unseen blocks ..."):
        results = [
            play_policy(name, policy, config, acting_slots=slots, num_blocks=num_blocks, seed=seed, channels=model)
            for name, policy in policies.items()
            for slots in MODES
        ]
        results += evaluate_allocations(config, num_blocks=num_blocks, seed=seed, methods=methods, channels=model)
    pool = {"channels": model.description} if isinstance(model, RecordedChannels) else {}
    content = as_json(results, config, seed, num_blocks, **pool, **(settings or {}))
    written = ""
    if output is not None:  # before printing, which may fail
        file, picture = Path(output) / "results.json", Path(output) / "comparison.png"
        write_text(file, json.dumps(content, indent=2, allow_nan=False) + "\n")
        save_comparison(content, picture)
        written = f"wrote {file} and {picture}"
    print_table(results, config, console, title=f"{model.name}: {config.describe()}" if isinstance(model, RecordedChannels) else None)
    print_users(results, console, fairness=config.fairness)
    console.print(written, highlight=False, end="\n" if written else "")
    return content


def play_policy(
    name: str,
    policy: AnyPolicy,
    config: NetworkConfig,
    *,
    acting_slots: int | None = None,
    num_blocks: int = 200,
    seed: int = FIRST_SEED,
    timed: bool = True,
    channels: Channels | None = None,
) -> MethodResult:
    """Play a policy with the settings in its attributes. Arguments as for `evaluate_policy`.

    The name of the result includes the number of slots in which the policy acted.

    Raises:
        ValueError: the policy raises an error, or does not return finite actions of the right shapes.
    """
    with told_of(name, policy):
        return evaluate_policy(
            shown_name(name, acting_slots),
            policy,
            config,
            observation=observation_of(policy),
            batched=is_batched(policy),
            acting_slots=acting_slots,
            num_blocks=num_blocks,
            seed=seed,
            timed=timed,
            channels=channels,
        )
