"""Any policies beside every other method on equal channels: one table, `results.json` and `comparison.png`."""

import contextlib
import json
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import (
    FIRST_SEED,
    METHODS,
    Policy,
    decide,
    draw_blocks,
    evaluate_allocations,
    evaluate_policy,
)
from multicell_env.evaluation.policies import in_one_line
from multicell_env.evaluation.results import MethodResult, as_json
from multicell_env.evaluation.tables import print_table
from multicell_env.observation import Observation, Observer

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
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Play policies and allocations on the same unseen blocks and print one table.

    Every policy plays twice: in every slot, and as `NAME_opening` in the first slot only, after which FLWF goes on alone (the paper's
    online algorithm). A policy must not keep state between calls: it is asked on other blocks too, for a trial and to measure its time, and
    not told where a block begins.

    Args:
        policies: By name; from observations of all agents to their actions. A policy's attribute `observation` says what it sees ("gain"
            where it has none), `batched` whether it takes arrays `{agent: [block, ...]}` of all blocks at once (False).
        config: The network; the paper's (8, 4) network by default.
        num_blocks: Unseen blocks to play.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        output: Directory for `results.json` and `comparison.png`; None writes nothing.
        methods: Allocations to stand beside them, of `multicell_env.evaluation.playing.METHODS`.
        quiet: True prints nothing.
        settings: Kept in the result as they are.

    Returns:
        What `results.json` holds.

    Raises:
        ValueError: a policy has the name of another method, raises, or returns something else than finite actions of the right shapes;
            what can be seen in the first slot of two blocks is refused before the others are played.
    """
    config = config or NetworkConfig()
    names = [name + mode for name in policies for mode in ("", OPENING)]
    if taken := {name for name in names if name in METHODS or names.count(name) > 1}:
        raise ValueError(
            f"a policy must not have the name of an allocation or of another policy; got {sorted(taken)}. Choose another name."
        )
    for name, policy in policies.items():
        try_policy(name, policy, config)
    if output is not None:
        Path(output).mkdir(parents=True, exist_ok=True)  # where that cannot be, nothing is played for it
    console = Console(width=None if sys.stdout.isatty() else 100, quiet=quiet)
    with Console(stderr=True, quiet=quiet).status(f"playing {num_blocks} unseen blocks ..."):
        results = [
            play_policy(name, policy, config, ending=mode, acting_slots=1 if mode else None, num_blocks=num_blocks, seed=seed)
            for name, policy in policies.items()
            for mode in ("", OPENING)
        ]
        results += evaluate_allocations(config, num_blocks=num_blocks, seed=seed, methods=methods)
    content = as_json(results, config, seed, num_blocks, **(settings or {}))
    written = "" if output is None else _write(content, Path(output))  # before anything is printed, which may fail
    print_table(results, config, console)
    console.print(written, highlight=False, end="\n" if written else "")
    return content


def play_policy(name: str, policy: Policy, config: NetworkConfig, *, ending: str = "", **blocks: Any) -> MethodResult:
    """Play a policy as its attributes `observation` and `batched` say.

    Args:
        name: Its name.
        policy: The policy.
        config: The network.
        ending: What the name of the result ends in.
        **blocks: As for `evaluate_policy`.

    Raises:
        ValueError: the policy raises, or returns something else than finite actions of the right shapes.
    """
    sees: Observation = getattr(policy, "observation", None) or "gain"
    with _named(name):
        return evaluate_policy(name + ending, policy, config, observation=sees, batched=getattr(policy, "batched", False), **blocks)


def try_policy(name: str, policy: Policy, config: NetworkConfig) -> None:
    """Ask a policy for its actions in the first slot of two blocks.

    Raises:
        ValueError: its attributes are wrong, it raises, or it returns something else than finite actions of the right shapes.
    """
    sees = getattr(policy, "observation", None) or "gain"
    if sees not in ("gain", "csi"):
        raise ValueError(f"policy {name!r} must see 'gain' or 'csi'; got observation = {sees!r}. Choose one of the two.")
    with _named(name):
        decide(policy, Observer(sees, draw_blocks(config, 2)), getattr(policy, "batched", False))


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Errors say whose they are, in one line."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"policy {name!r}: {in_one_line(error).removeprefix('ValueError: ')}") from error
    except (Exception, SystemExit) as error:
        raise ValueError(f"policy {name!r} must return actions; it raised {in_one_line(error)}. Mend it there.") from error


def _write(content: dict[str, Any], output: Path) -> str:
    from multicell_env.evaluation.pictures import save_comparison

    (output / "results.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    save_comparison(content, output / "comparison.png")
    return f"wrote {output / 'results.json'} and {output / 'comparison.png'}"
