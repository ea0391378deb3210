"""Any policies beside every other method on equal channels: one table, `results.json` and `comparison.png`."""

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from multicell_env.config import NetworkConfig
from multicell_env.evaluation import FIRST_SEED, METHODS, Policy, as_json, evaluate_allocations, evaluate_policy
from multicell_env.tables import print_table

OPENING = "_opening"
"""What the name of a policy ends in where it acts in the first slot only."""


def compare(
    policies: Mapping[str, Policy],
    config: NetworkConfig | None = None,
    *,
    num_blocks: int = 200,
    seed: int = FIRST_SEED,
    output: Path | str | None = None,
    methods: Collection[str] = METHODS,
    quiet: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    """Play policies and allocations on the same unseen blocks and print one table.

    Every policy plays twice: in every slot, and as `NAME_opening` in the first slot only, after which FLWF goes on alone (the paper's
    online algorithm).

    Args:
        policies: By name; from observations of all agents to their actions. A policy's attribute `observation` says what it sees ("gain"
            where it has none), `batched` whether it takes arrays `{agent: [block, ...]}` of all blocks at once (False).
        config: The network; the paper's (8, 4) network by default.
        num_blocks: Unseen blocks to play.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        output: Directory for `results.json` and `comparison.png`; None writes nothing.
        methods: Allocations to stand beside them, of `multicell_env.evaluation.METHODS`.
        quiet: True prints nothing.
        **settings: Kept in the result as they are.

    Returns:
        What `results.json` holds.

    Raises:
        ValueError: a policy has the name of an allocation, or returns something else than finite actions of the right shapes.
    """
    config = config or NetworkConfig()
    taken = {name for policy in policies for name in (policy, policy + OPENING)} & set(METHODS)
    if taken:
        raise ValueError(f"a policy must not have the name of an allocation; got {sorted(taken)}. Choose another name.")
    console = Console(width=None if sys.stdout.isatty() else 100, quiet=quiet)
    with console.status(f"playing {num_blocks} unseen blocks ..."):
        results = [
            evaluate_policy(
                name + mode,
                policy,
                config,
                observation=getattr(policy, "observation", "gain"),
                batched=getattr(policy, "batched", False),
                opening_only=mode == OPENING,
                num_blocks=num_blocks,
                seed=seed,
            )
            for name, policy in policies.items()
            for mode in ("", OPENING)
        ]
        results += evaluate_allocations(config, num_blocks=num_blocks, seed=seed, methods=methods)
    print_table(results, config, console)
    content = as_json(results, config, seed, num_blocks, **settings)
    if output is not None:
        _write(content, Path(output), console)
    return content


def _write(content: dict[str, Any], output: Path, console: Console) -> None:
    from multicell_env.figures import save_comparison

    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    save_comparison(content, output / "comparison.png")
    console.print(f"wrote {output / 'results.json'} and {output / 'comparison.png'}", highlight=False)
