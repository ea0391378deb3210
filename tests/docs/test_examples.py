"""The examples for frameworks: what each brings along, and what installs and runs them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from examples.run import REFERENCES, REQUIREMENTS, TOOLS, Outcome, constraints_beside, examples, main, python_of, table

ROOT = Path(__file__).parents[2]
# Other scripts of the folder draw pictures and compare nothing.
SCRIPTS = {path.stem: path for path in sorted((ROOT / "examples").glob("*.py")) if "from report import" in path.read_text()}
INSTALLED = SCRIPTS | {name: ROOT / "examples" / f"{name}.py" for name in TOOLS}
RESULT = {
    "algorithm": "ppo",
    "packages": {"framework": "1.2", "numpy": "2.0"},
    "training": {"num_steps": 2000, "seconds": 4.0},
    "methods": {
        "ppo": {"last_slot": {"mean": 80.04, "ci95": 0.56}, "all_slots": {"mean": 70.0, "ci95": 1.0}},
        **{name: {key: {"mean": 86.0, "ci95": 0.1} for key in ("last_slot", "all_slots")} for name in REFERENCES},
    },
}


def test_every_example_has_requirements_and_requirements_have_an_example():
    assert SCRIPTS
    assert examples() == sorted(INSTALLED)


@pytest.mark.parametrize("name", INSTALLED)
def test_an_example_says_how_it_is_run(name):
    docstring = ast.get_docstring(ast.parse(INSTALLED[name].read_text())) or ""
    lines = [line.strip().split(" -- ")[0] for line in docstring.splitlines()]
    assert f"python examples/run.py {name}" in lines


@pytest.mark.parametrize("name", INSTALLED)
def test_an_example_pins_what_it_requires(name):
    lines = [line for line in (REQUIREMENTS / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert [line for line in lines if "==" not in line] == []


def test_what_an_example_pins_wins_over_the_constraints():
    constraints = "# Versions\nnumpy==2.4.6\nImportlib_Metadata==10.2.0\ntorch==2.13.0\n"
    beside = constraints_beside("# numpy is old\nnumpy<2\nimportlib-metadata==8.0\nray[rllib]==2.60\n", constraints)
    assert beside == "# Versions\ntorch==2.13.0\n"
    assert constraints_beside("sphinx==1", constraints) == constraints


@pytest.mark.parametrize(
    ("words", "got"), [([], "got nothing"), (["unheard_of"], "got unheard_of"), (["--", "--seed", "1"], "got nothing")]
)
def test_a_name_that_is_no_example_is_refused_before_anything_is_installed(words, got, capsys):
    assert main(words) == 2
    said = capsys.readouterr().err
    assert got in said
    assert f"give --all, or some of {', '.join(sorted(INSTALLED))}" in said


def test_the_table_has_the_numbers_of_what_ran_and_the_error_of_what_did_not():
    head, _, ran, failed, *references = table([Outcome("one", RESULT), Outcome("two", None, "no such wheel")]).splitlines()
    assert [cell.strip() for cell in ran.strip("|").split("|")] == [
        *("[one](../examples/one.py)", "framework 1.2", "ppo", "2,000", "4", "500", "80.0 ± 0.6", "70.0 ± 1.0", "93.1 / 81.4")
    ]
    assert "[two](../examples/two.py) | does not run here: no such wheel" in failed
    assert [line.strip("| *").split("*")[0] for line in references] == list(REFERENCES)
    assert {line.count("|") for line in (head, ran, failed, *references)} == {head.count("|")}


@pytest.mark.release
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_runs_in_an_environment_of_its_own(name):
    command = [sys.executable, "examples/run.py", name, "--", "--num-steps", "1280"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"[{name}](../examples/{name}.py)" in done.stdout


@pytest.mark.release
@pytest.mark.parametrize("name", ["skrl_ippo", "xuance_mappo"])
def test_a_form_that_is_passed_over_here_holds_where_its_framework_is(name):
    python = python_of(name)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "pytest", "pytest-xdist"], check=True)
    test = f"tests/docs/test_{name}.py"
    done = subprocess.run([python, "-m", "pytest", "-n", "0", test], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
