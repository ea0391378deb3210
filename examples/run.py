"""Install and run an example in a virtual environment of its own.

    python examples/run.py sb3_ppo           # one
    python examples/run.py sb3_ppo -- --num-steps 1000   # what follows -- goes to the example
    python examples/run.py --all             # all frameworks, and the table in docs/frameworks.md
    python examples/run.py sionna_pool -- --output umi-3.npz   # a pool of channels, which needs no training

What `requirements/NAME.txt` pins wins over constraints.txt, because frameworks differ in what they want of the same packages.
"""

import hashlib
import json
import re
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "examples" / "requirements"
ENVIRONMENTS = ROOT / "build" / "examples"
RESULTS = ROOT / "results" / "examples"
TABLE = ROOT / "docs" / "frameworks.md"
TOOLS = ("sionna_pool",)
"""Examples that make something and compare nothing: they stand in no table."""
REFERENCES = ("td3mix", "flwf", "assignment_bound")
"""Methods that stand below the examples in the table."""
MARKS = ("<!-- table -->", "<!-- end of table -->")


@dataclass(frozen=True)
class Outcome:
    """What became of an example: its numbers, or the last lines of what went wrong."""

    name: str
    result: dict[str, Any] | None
    error: str = ""


def examples() -> list[str]:
    """Names of all examples, each with a file of requirements."""
    return sorted(path.stem for path in REQUIREMENTS.glob("*.txt"))


def python_of(name: str) -> Path:
    """The interpreter of the example's virtual environment, installed on the first call and when its requirements have changed.

    Raises:
        RuntimeError: pip could not install it, with its last error.
    """
    directory, wanted = ENVIRONMENTS / name, REQUIREMENTS / f"{name}.txt"
    constraints = directory / "constraints.txt"
    python = directory / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    state = hashlib.sha256(
        wanted.read_bytes() + (ROOT / "constraints.txt").read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    ).hexdigest()
    installed = directory / "installed"
    if installed.exists() and installed.read_text() == state:
        return python
    venv.create(directory, with_pip=True, clear=True)
    constraints.write_text(constraints_beside(wanted.read_text(), (ROOT / "constraints.txt").read_text()))
    command = [python, "-m", "pip", "install", "--quiet", "-c", constraints, "-e", f"{ROOT}[train]", "-r", wanted]
    pip = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if pip.returncode:
        print(pip.stderr, file=sys.stderr)
        raise RuntimeError(f"pip: {last_error(pip.stderr)}")
    installed.write_text(state)
    return python


def constraints_beside(requirements: str, constraints: str) -> str:
    """The project's constraints, without those that an example's requirements pin otherwise."""
    pinned = {_normal(line) for line in requirements.splitlines() if line and not line.startswith(("#", "-"))}
    return "".join(f"{line}\n" for line in constraints.splitlines() if line.startswith("#") or _normal(line) not in pinned)


def last_error(output: str) -> str:
    """The last line of pip's output that names an error and is not pip's word on a build whose own error stands above it."""
    lines = [line.strip() for line in output.splitlines()]
    named = [
        line for line in lines if "error" in line.lower() and "subprocess-exited-with-error" not in line and not line.startswith("note:")
    ]
    return (named or lines or [""])[-1]


def run(name: str, words: list[str]) -> Outcome:
    """Install and run one example. The outcome of one of `TOOLS` has no numbers."""
    begin, log = time.monotonic(), RESULTS / name / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f"{name}: installing, then running ...", flush=True)
    try:
        python = python_of(name)
        with open(log, "w") as file:
            process = subprocess.Popen(
                [python, ROOT / "examples" / f"{name}.py", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                file.write(line)
        if process.wait():
            return Outcome(name, None, " ".join(log.read_text().splitlines()[-1:]))
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        return Outcome(name, None, str(error))
    print(f"{name}: done in {time.monotonic() - begin:.0f} s", flush=True)
    return Outcome(name, {} if name in TOOLS else json.loads((RESULTS / name / "results.json").read_text()))


def table(outcomes: list[Outcome]) -> str:
    """All outcomes in Markdown."""
    rows = [
        "| example | framework | algorithm | steps | seconds | steps/s | last slot [bit/s/Hz] | all slots [bit/s/Hz] | % bound |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for outcome in outcomes:
        link = f"[{outcome.name}](../examples/{outcome.name}.py)"
        if outcome.result is None:
            rows.append(f"| {link} | does not run here: {outcome.error} | | | | | | | |")
            continue
        result, training = outcome.result, outcome.result["training"]
        framework, number = next(iter(result["packages"].items()))
        rows.append(
            f"| {link} | {framework} {number} | {result['algorithm']} | {training['num_steps']:,} | {training['seconds']:.0f} | "
            f"{training['num_steps'] / training['seconds']:,.0f} | {_scores(result, result['algorithm'])} |"
        )
    ran = [outcome.result for outcome in outcomes if outcome.result is not None]
    rows += [f"| | | *{name}* | | | | {_scores(ran[0], name)} |" for name in REFERENCES if ran]
    return "\n".join(rows)


def _scores(result: dict[str, Any], name: str) -> str:
    method, bound = result["methods"][name], result["methods"]["assignment_bound"]["last_slot"]["mean"]
    capacities = [method[key] for key in ("last_slot", "all_slots")]
    shown = [f"{capacity['mean']:.1f} ± {capacity['ci95']:.1f}" for capacity in capacities]
    return " | ".join([*shown, " / ".join(f"{100 * capacity['mean'] / bound:.1f}" for capacity in capacities)])


def write_table(outcomes: list[Outcome]) -> None:
    """Put the table between its marks in docs/frameworks.md."""
    begin, end = MARKS
    text = TABLE.read_text()
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    TABLE.write_text(pattern.sub(lambda _: f"{begin}\n{table(outcomes)}\n{end}", text))
    print(f"wrote {TABLE}")


def _normal(line: str) -> str:
    """The distribution that a requirement names."""
    return re.split(r"[\[=<>!~; ]", line.strip(), maxsplit=1)[0].lower().replace("_", "-")


def main(argv: list[str]) -> int:
    """Run the command line."""
    words, rest = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    if words in (["--help"], ["-h"]):
        print(f"{__doc__}\nExamples: {', '.join(examples())}.\nExit codes: 0 all ran; 1 one did not; 2 refused.")
        return 0
    names = [name for name in examples() if name not in TOOLS] if words == ["--all"] else words
    if not names or set(names) - set(examples()):
        print(f"error: give --all, or some of {', '.join(examples())}; got {' '.join(words) or 'nothing'}.", file=sys.stderr)
        return 2
    outcomes = [run(name, rest) for name in names]
    for outcome in outcomes:
        if outcome.name in TOOLS and outcome.result is None:
            print(f"error: {outcome.name} does not run here: {outcome.error}", file=sys.stderr)
    if compared := [outcome for outcome in outcomes if outcome.name not in TOOLS]:
        print(table(compared))
    if words == ["--all"] and not rest:
        write_table(outcomes)
    return int(any(outcome.result is None for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
