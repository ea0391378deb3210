"""Any policies beside every other method on equal channels: tables, `results.json` and `comparison.png`."""

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
"""In how many slots every policy acts: in all, and in the first alone."""


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
    """Play policies and allocations on the same unseen blocks and print two tables: of capacities, and of what single users got.

    Every policy plays twice: in every slot, and as `NAME_opening` in the first slot only, after which FLWF goes on alone (the paper's
    online algorithm).

    Args:
        policies: By name; from observations of all agents to their actions, or torch modules. `Policy` says which attributes one may have.
        config: The network; the paper's (8, 4) network by default, or that of recorded channels.
        num_blocks: Unseen blocks to play; of a pool of recorded channels no more than the part has.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        output: Directory for `results.json` and `comparison.png`; None writes nothing.
        methods: Allocations to stand beside them, of `METHODS`.
        quiet: True prints nothing.
        settings: Kept in the result as they are.
        channels: A model of channels, or a pool of recorded ones: an array, a file, or `RecordedChannels`, by default its test part.

    Returns:
        What `results.json` holds.

    Raises:
        ValueError: a policy has the name of another method, raises, or returns something else than finite actions of the right shapes, or
            acts otherwise when a block is played again; this is tried on two blocks before others are played. The channels are not of the
            network.
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
        Path(output).mkdir(parents=True, exist_ok=True)  # where that cannot be, nothing is played for it
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
    if output is not None:  # before anything is printed, which may fail
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
    """Play a policy as its attributes say; arguments as for `evaluate_policy`.

    The result has the name that says in how many slots it acted.

    Raises:
        ValueError: the policy raises, or returns something else than finite actions of the right shapes.
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
