"""A whole campaign: python tests/campaign/run.py --inputs 100000 --networks 5000 --kills 60 --steps 1000000 --output campaign.json."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE.parent / "executors"), str(HERE)]


def main() -> int:
    """Run what was asked for, print and write the figures. Returns 1 where a promise was broken."""
    import campaign_runs
    import killed_commands

    parser = argparse.ArgumentParser(description=__doc__)
    for name, what in (
        ("networks", "random networks against the loops, in each precision"),
        ("inputs", "wild inputs"),
        ("kills", "kills of trainings, evaluations, sweeps and of compiling"),
        ("steps", "steps of one environment, of a batch and of a training"),
        ("first", "seed of the first network and input"),
    ):
        parser.add_argument(f"--{name}", type=int, default=0, help=what)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    broken = []
    if asked.networks:
        figures["networks"] = campaign_runs.networks(asked.networks, asked.first)
        broken += [seed for of in figures["networks"].values() for seed in of["beyond"]]
    if asked.inputs:
        figures["inputs"] = campaign_runs.inputs(asked.inputs, asked.first)
        broken += figures["inputs"]["others"]
    if asked.kills:
        figures["kills"] = killed_commands.kills(asked.kills)
        broken += figures["kills"]["lost"]
    if asked.steps:
        figures["soaks"] = [campaign_runs.soak(asked.steps, kind) for kind in ("single", "vector", "training")]
        broken += [one for one in figures["soaks"] if one["megabytes_in_a_million_steps"] >= 1.0]
    text = json.dumps(figures, indent=1)
    print(text)
    if asked.output is not None:
        asked.output.write_text(text + "\n")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
