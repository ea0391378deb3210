"""How every example ends: its policy beside TD3-MIX and every allocation on the same unseen blocks."""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import agents
from multicell_env.evaluation import Policy, compare

RESULTS = Path("results/examples")
"""Where examples leave their tables, pictures and numbers."""


def report(example: str, policy: Policy, *, algorithm: str, packages: tuple[str, ...], num_steps: int, seconds: float, seed: int) -> None:
    """Print the table and write `results.json` and `comparison.png` in a directory of the example's name.

    Args:
        example: The example's name.
        policy: What was learned.
        algorithm: Its name in the table.
        packages: Distributions whose versions are written down, the framework first.
        num_steps: Slots that all base stations played in training.
        seconds: Elapsed time of the training.
        seed: Of the training.
    """
    content = compare(
        {algorithm: policy, "td3mix": agents.load("td3mix")},
        output=RESULTS / example,
        settings={
            "algorithm": algorithm,
            "packages": {
                package: version(package) for package in (*packages, "multicell-env", "pettingzoo", "gymnasium", "numpy", "torch")
            },
            "python": platform.python_version(),
            "training": {"num_steps": num_steps, "seconds": round(seconds, 1), "seed": seed},
        },
    )
    method = content["methods"][algorithm]
    print(f"{num_steps:,} steps in {seconds:.0f} s, {num_steps / seconds:,.0f} steps/s; {json.dumps(content['packages'])}")
    print(f"{algorithm}: {method['last_slot']['mean']:.1f} bit/s/Hz in the last slot, {method['percent_of_bound']:.1f} % of the bound")
