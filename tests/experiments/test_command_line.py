"""The command lines as a person types them: help, and refusals in one line."""

import re
import subprocess
import sys

import pytest
from command_lines import ROOT, call

import evaluate
import train
from experiments.command_line import EXIT_CODES
from multicell_env.scenarios import SCENARIOS


@pytest.mark.parametrize(
    ("module", "words", "groups"),
    [
        (train, [], ("network", "learner", "training", "reporting")),
        (train, ["--algo", "apg"], ("network", "learner", "training", "reporting")),
        (evaluate, [], ("network", "policies", "reporting")),
        (evaluate, ["--figure", "5"], ("reporting",)),
        (evaluate, ["--claims"], ("reporting",)),
        (evaluate, ["--submit", "td3mix"], ("reporting",)),
        (evaluate, ["--leaderboard"], ("reporting",)),
    ],
)
def test_help_is_grouped_and_shows_exit_codes_and_units(module, words, groups):
    code, shown, _ = call(module, *words, "--help")
    assert code == 0
    for group in groups:
        assert f" {group} options " in shown
    assert EXIT_CODES.splitlines()[-1] in shown
    if "network" in groups:
        assert "dB" in shown


@pytest.mark.parametrize("module", [train, evaluate])
def test_the_help_names_every_scenario(module):
    shown = re.sub(r"[\s│|]+", " ", call(module, "--help")[1])
    assert f"of {', '.join(SCENARIOS)}," in shown


@pytest.mark.parametrize("module", [train, evaluate])
def test_every_flag_in_the_examples_of_the_help_is_one_that_there_is(module):
    shown = call(module, "--help")[1]
    kinds = (["--figure", "5"], ["--claims"], ["--submit", "td3mix"], ["--leaderboard"]) if module is evaluate else ()
    modes = "".join(call(module, *kind, "--help")[1] for kind in kinds)
    flags = set(re.findall(r"^[│| ]*(?:-h, )?(--[a-z-]+)", shown + modes, flags=re.MULTILINE))
    examples = [line for line in shown.splitlines() if line.strip().startswith("python ")]
    assert len(examples) >= 5
    assert {flag for line in examples for flag in re.findall(r"--[a-z][a-z-]*", line)} <= flags | {"--figure", "--claims"}


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        (evaluate, "--figures 5", "got --figures. Did you mean --figure?"),
        (evaluate, "--num-user 4", "got --num-user. Did you mean --num-users?"),
        (evaluate, "--polcy rules:spread", "Did you mean --policy?"),
        (evaluate, "--claims --figuers x", "Did you mean --figures?"),
        (evaluate, "--qqqqq", "unknown flag; got --qqqqq. --help lists all flags."),
        (evaluate, "--num-blocks x", "--num-blocks must be INT; got 'x'. See --help."),
        (evaluate, "--sir-db loud", "--sir-db must be FLOAT; got 'loud'"),
        (evaluate, "--sir-db 900", "sir_db must be a number within [-300, 300] dB"),
        (evaluate, "--mean-gains [[1,2]", "--mean-gains must be a JSON list of lists of numbers, a row for each sending cell, such as [["),
        (evaluate, "--mean-gains 5", "such as [[1, 0.5], [0.5, 1]]; got '5'. See --help."),
        (train, "--mean-gains nonsense", "such as [[1, 0.5], [0.5, 1]]; got 'nonsense'. See --help."),
        (train, "--mean-gains [['1',2]]", """such as [[1, 0.5], [0.5, 1]]; got "[['1',2]]". See --help."""),
        (evaluate, "--num-users 3 4", "got 2 numbers for 3 cells"),
        (evaluate, "--scenarios", "Missing value for argument '--scenarios'"),
        (evaluate, "--figure 12", "invalid choice '12' for argument '--figure'"),
        (evaluate, "--seed -3", "--seed must not be negative; got -3"),
        (evaluate, "--train", "--train goes with --generalise or --scenarios all"),
        (
            evaluate,
            "--generalise --sir-db 3",
            "--generalise determines the networks, so no flag may change them; got --sir-db 3.0 beside it.",
        ),
        (train, "--scenarios mixture --num-users 2", "no flag may change them; got --num-users 2 beside it"),
        (train, "--scenarios mixture --damping 0.5", "no flag may change them; got --damping 0.5 beside it"),
        (evaluate, "--scenarios all --damping 0.5", "no flag may change them; got --damping 0.5 beside it"),
        (evaluate, "--generalise --damping 0.5", "no flag may change them; got --damping 0.5 beside it"),
        (evaluate, "--acting-slots 5", "--acting-slots goes with --generalise; got 5 without"),
        (evaluate, "--output {file}", "--output must be a directory, existing or new; got"),
        (evaluate, "runs/none", "there is no run in runs/none"),
        (evaluate, "damed", "there is no actor 'damed'. Give one of ['damped', "),
        (train, "--num-user=4", "got --num-user. Did you mean --num-users?"),
        (train, "--gama 0.5 --seed 4", "Did you mean --gamma?"),
        (train, "extra", "got 'extra' beside them"),
        (train, "--algo foo", "invalid choice 'foo' for argument '--algo'. Expected one of ('td3mix', 'apg')"),
        (train, "--hidden-sizes a", "--hidden-sizes must be [INT [INT ...]]; got 'a'"),
        (train, "--buffer-size 1e5", "--buffer-size must be INT; got '1e5'"),
        (train, "--resume", "Missing value for argument '--resume'"),
        (train, "--start-from td3mi", "there is no actor 'td3mi'. Give one of ['damped', 'generalist', 'k0_set', 'rounds', 'rounds_3gpp',"),
        (train, "--runs {file}", "--runs must be a directory, existing or new"),
        (train, "--num-users", "num_users must be one number or one per cell"),
    ],
)
def test_a_wrong_command_line_is_refused_in_one_line(rules, module, words, message):
    code, shown, said = call(module, *(word.format(file=rules) for word in words.split()))
    assert (code, shown) == (2, "")
    assert said.startswith("error: ")
    assert message in said
    assert len(said.splitlines()) == 1
    assert [path.name for path in rules.parent.iterdir() if path.name != "__pycache__"] == [rules.name]


@pytest.mark.parametrize(
    ("script", "words", "message"),
    [
        ("train.py", ["--no-is-centered"], "got --no-is-centered. Did you mean --no-is-centred?"),
        ("evaluate.py", ["--num-slot"], "got --num-slot. Did you mean --num-slots?"),
        ("train.py", ["--num-users", "9"], "got U=9, M=8. Raise num_antennas or lower num_users."),
        ("train.py", ["--scenarios", "mars"], "scenarios must be one of mixture"),
        ("train.py", ["--start-from", "td3mi"], "there is no actor 'td3mi'"),
        ("train.py", ["--resume", "runs/none"], "there is no run in runs/none"),
        ("evaluate.py", ["runs/none"], "there is no run in runs/none"),
        ("evaluate.py", ["--num-blocks", "0"], "--num-blocks must be at least 1"),
        ("evaluate.py", ["--figure", "5", "--no-such-flag"], "got --no-such-flag."),
        ("evaluate.py", ["--claims", "--figuers", "x"], "Did you mean --figures?"),
    ],
)
def test_a_refusal_waits_for_no_library_that_takes_seconds_to_import(tmp_path, script, words, message):
    code = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print({'torch', 'tianshou', 'matplotlib', 'tensorboard'} & set(sys.modules)))\n"
        f"sys.argv = {[script, *words]}\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        f"runpy.run_path({str(ROOT / script)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "set()\n"), done.stderr
    assert message in done.stderr


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_the_scripts_themselves_are_thin(script):
    assert len((ROOT / script).read_text().splitlines()) < 40
