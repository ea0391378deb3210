"""The command lines as a person types them: help, refusals in one line, results for scripts, and policies of one's own."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import evaluate
import train
from experiments.command_line import EXIT_CODES, run_command
from multicell_env.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
RULES = """
import numpy as np


def spread(observations):
    return {agent: np.full(planes.shape[1:], 1 / planes.shape[1]) for agent, planes in observations.items()}


def first_band(observations):
    return {agent: np.eye(planes.shape[-2])[0][:, None] * np.ones(planes.shape[-1]) for agent, planes in observations.items()}


def all_blocks(observations):
    assert observations["bs_0"].ndim == 4
    return {agent: np.full((len(planes), *planes.shape[2:]), 0.1) for agent, planes in observations.items()}


def channels(observations):
    assert observations["bs_0"].shape[0] > 3
    return {agent: np.full(planes.shape[1:], 0.1) for agent, planes in observations.items()}


def raising(observations):
    return observations["bs_99"]


def nan(observations):
    return {agent: np.full(planes.shape[1:], np.nan) for agent, planes in observations.items()}


def flat(observations):
    return {agent: np.zeros(3) for agent in observations}


def waves(observations):
    return {agent: np.full(planes.shape[1:], 0.5 + 0j) for agent, planes in observations.items()}


def words(observations):
    return {agent: np.full(planes.shape[1:], "x") for agent, planes in observations.items()}


def factory():
    return spread


class Policy:
    pass


number = 3
"""
TRAINING = [
    *("--num-slots", "4", "--num-envs", "4", "--num-steps", "8", "--warmup-steps", "4", "--eval-interval", "4", "--eval-blocks", "3"),
    *("--final-blocks", "3", "--hidden-sizes", "8", "--batch-size", "8", "--buffer-size", "200"),
]


@pytest.fixture
def rules(tmp_path, monkeypatch) -> Path:
    """A working directory with a file of policies."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"rules_{tmp_path.name.replace('-', '_')}.py"  # a module is imported once in a process
    path.write_text(RULES)
    return path


def call(module, *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__ + ".py", *map(str, words)])
        try:
            run_command(module.main)
        except SystemExit as left:
            return int(left.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("module", "words", "groups"),
    [
        (train, [], ("network", "learner", "training", "reporting")),
        (train, ["--algo", "apg"], ("network", "learner", "training", "reporting")),
        (evaluate, [], ("network", "policies", "reporting")),
        (evaluate, ["--figure", "5"], ("reporting",)),
        (evaluate, ["--claims"], ("reporting",)),
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
    modes = call(module, "--figure", "5", "--help")[1] + call(module, "--claims", "--help")[1] if module is evaluate else ""
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
        (evaluate, "--qqqqq", "a flag must be one that there is; got --qqqqq. --help lists all."),
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
            "--generalise says which networks there are, so that no flag but --damping may change",
        ),
        (train, "--scenarios mixture --damping 0.5 --num-users 2", "no flag but --damping may change them; got --num-users 2 beside it"),
        (evaluate, "--acting-slots 5", "--acting-slots goes with --generalise; got 5 without"),
        (evaluate, "--output {file}", "--output must be a directory or one to be made; got"),
        (evaluate, "runs/none", "there is no run in runs/none"),
        (evaluate, "damed", "there is no actor 'damed'. Give one of ['damped', "),
        (train, "--num-user=4", "got --num-user. Did you mean --num-users?"),
        (train, "--gama 0.5 --seed 4", "Did you mean --gamma?"),
        (train, "extra", "got 'extra' beside them"),
        (train, "--algo foo", "invalid choice 'foo' for argument '--algo'. Expected one of ('td3mix', 'apg')"),
        (train, "--hidden-sizes a", "--hidden-sizes must be [INT [INT ...]]; got 'a'"),
        (train, "--buffer-size 1e5", "--buffer-size must be INT; got '1e5'"),
        (train, "--resume", "Missing value for argument '--resume'"),
        (train, "--start-from td3mi", "there is no actor 'td3mi'. Give one of ['damped', 'generalist', 'k0_set', 'td3mix']"),
        (train, "--runs {file}", "--runs must be a directory or one to be made"),
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
    ("policy", "message"),
    [
        ("{stem}", "a policy must be module:callable or path/to/file.py:callable; got"),
        ("none:spread", "a policy's module must exist; got none"),
        ("none.py:spread", "a policy's module must exist; got none.py, which is no file"),
        ("{stem}:sprad", "Did you mean spread?"),
        ("{stem}:number", "got number = 3. Name a function"),
        ("{stem}:Policy", "got the class Policy. Name an instance of it"),
        ("{stem}:factory", "policy 'factory' must return actions; it raised TypeError"),
        ("{stem}:raising", "policy 'raising' must return actions; it raised KeyError: 'bs_99' ({file}, line 24)"),
        ("{stem}:nan", "policy 'nan': the policy must return finite actions of shape (6, 4) for bs_0; got shape (6, 4) with NaN"),
        ("{stem}:flat", "policy 'flat': the policy must return finite actions of shape (6, 4) for bs_0; got shape (3,)"),
        ("{stem}:waves", "for bs_0; got shape (6, 4) of complex128, which is no real number. Give fractions [..., band, user] in [0, 1]"),
        ("{stem}:words", "policy 'words': the policy must return finite actions of shape (6, 4) for bs_0; got shape (6, 4) of <U1, which"),
        ("uniform={stem}:spread", "a policy must have a name of its own; got 'uniform'"),
        ("td3mix={stem}:spread", "a policy must have a name of its own; got 'td3mix'"),
        ("a b={stem}:spread", "a policy's name must be letters, digits"),
    ],
)
def test_a_policy_that_cannot_play_is_refused_in_one_line_before_anything_is_played(rules, policy, message):
    words = {"stem": rules.stem, "file": rules}
    code, shown, said = call(evaluate, "--policy", policy.format(**words), "--num-blocks", 2)
    assert (code, shown) == (2, "")
    assert message.format(**words) in said
    assert len([line for line in said.splitlines() if not line.startswith("multicell_env: compiling ")]) == 1  # a fresh clone compiles here
    assert not Path("results").exists()


def test_a_module_that_does_not_import_is_named_with_its_line(rules):
    Path("broken.py").write_text("x = 1\nraise RuntimeError('out of\\ncheese')\n")
    said = call(evaluate, "--policy", "broken.py:x")[2]
    assert f"it raised RuntimeError: out of cheese ({rules.parent / 'broken.py'}, line 2). Mend it." in said


def test_two_policies_of_one_name_are_refused_and_can_be_named_apart(rules):
    policy = f"{rules.stem}:spread"
    code, _, said = call(evaluate, "--policy", policy, "--policy", policy)
    assert code == 2
    assert f"Choose another: NAME={policy}." in said


def test_policies_stand_in_the_table_and_the_files_beside_the_actor_and_all_allocations(rules):
    words = ["--policy", f"{rules.stem}:spread", "--policy", f"{rules}:first_band", "--policy", f"other={rules.name}:spread"]
    code, shown, _ = call(evaluate, *words, "--num-blocks", 3, "--num-antennas", 32, "--output", "out")
    assert code == 0
    content = json.loads(Path("out/results.json").read_text())
    names = {"spread", "spread_opening", "first_band", "first_band_opening", "other", "td3mix", "wmmse", "reuse"}
    assert names <= set(content["methods"])
    assert content["config"]["num_antennas"] == 32
    assert content["methods"]["other"]["per_slot"] == content["methods"]["spread"]["per_slot"]
    assert content["methods"]["first_band"]["per_slot"] != content["methods"]["spread"]["per_slot"]
    assert all(name in shown for name in names)
    assert Path("out/comparison.png").stat().st_size > 10_000


@pytest.mark.parametrize(("name", "flags"), [("all_blocks", ["--batched"]), ("channels", ["--observation", "csi"])])
def test_a_plain_function_is_given_what_the_flags_say(rules, name, flags):
    assert call(evaluate, "--policy", f"{rules.stem}:{name}", *flags, "--num-blocks", 2, "--quiet")[0] == 0
    assert call(evaluate, "--policy", f"{rules.stem}:{name}", "--num-blocks", 2)[0] == 2


def test_what_a_policy_says_of_itself_wins_over_the_flags(rules):
    rules.write_text(RULES + "\nall_blocks.batched = True\n")
    assert call(evaluate, "--policy", f"{rules}:all_blocks", "--policy", f"{rules}:spread", "--num-blocks", 2, "--quiet")[0] == 0


def test_policies_play_on_a_scenario_too(rules):
    words = ["--scenarios", "unequal-load", "--policy", f"{rules.stem}:spread", "--num-blocks", 2, "--json", "--quiet"]
    code, shown, _ = call(evaluate, *words)
    assert code == 0
    assert {"spread", "spread_3", "spread_opening", "td3mix"} <= set(json.loads(shown)["methods"])
    assert "one network or scenario" in call(evaluate, "--scenarios", "all", "--policy", f"{rules.stem}:spread")[2]


def test_json_is_all_that_is_on_standard_output_and_quiet_silences_the_rest(rules):
    code, shown, said = call(train, "--name", "tiny", *TRAINING, "--json")
    assert code == 0
    result = json.loads(shown)
    assert (result["run"], result["steps_done"], result["stopped_by"]) == ("runs/tiny", 8, None)
    assert "td3mix_opening" in said
    assert "reporting" not in json.loads(Path("runs/tiny/config.json").read_text())["arguments"]
    code, shown, said = call(evaluate, "runs/tiny", "--num-blocks", 3, "--json", "--quiet")
    assert (code, said) == (0, "")
    assert json.loads(shown) == json.loads(Path("runs/tiny/results.json").read_text())
    assert call(train, "--resume", "runs/tiny", "--quiet") == (0, "", "")
    assert call(train, "--name", "next", *TRAINING, "--start-from", "runs/tiny", "--quiet") == (0, "", "")
    safetensors = "runs/tiny/best.safetensors"
    assert call(train, "--name", "third", *TRAINING, "--start-from", safetensors, "--quiet") == (0, "", "")
    assert Path("runs/next/metrics.csv").read_text().splitlines()[0] == Path("runs/third/metrics.csv").read_text().splitlines()[0]
    code, shown, said = call(evaluate, "--quiet", "--json", "--num-blocks", 0)
    assert (code, shown) == (2, "")
    assert said == "error: --num-blocks must be at least 1; got 0. Give a positive whole number.\n"


def test_what_a_policys_module_prints_is_not_on_standard_output_with_json(rules):
    Path("noisy.py").write_text("print('imported')\n" + RULES)
    words = ["--policy", "noisy.py:spread", "--num-blocks", 2, "--json"]
    code, shown, said = call(evaluate, *words)
    assert code == 0
    assert "spread" in json.loads(shown)["methods"]
    assert said.startswith("imported")
    assert call(evaluate, *words[:-1], "--quiet") == (0, "", "")


def test_a_reader_that_leaves_before_the_end_is_no_refusal():
    main = "from experiments.command_line import run_command\nrun_command(lambda _: print('line\\n' * 2 * 10**6))"
    process = subprocess.Popen([sys.executable, "-c", main], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def evaluated(cwd: Path, output: str, **surroundings: Any) -> subprocess.CompletedProcess[bytes]:
    """A short evaluation in a process of its own, where the streams are real."""
    words = [sys.executable, str(ROOT / "evaluate.py"), "--num-blocks", "1", "--num-slots", "1", "--output", output]
    return subprocess.run(words, cwd=cwd, stderr=subprocess.PIPE, check=False, **surroundings)


def test_a_reader_that_leaves_amid_a_table_is_no_refusal_either(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    assert (done := evaluated(tmp_path, "left", stdout=writing)).returncode == 141, done.stderr
    os.close(writing)
    assert done.stderr == b""
    assert (tmp_path / "left" / "results.json").exists()


def test_results_are_on_disk_before_a_table_that_cannot_be_printed(tmp_path):
    with open("/dev/full", "w") as full:
        assert evaluated(tmp_path, "full", stdout=full).returncode == 2
    assert json.loads((tmp_path / "full" / "results.json").read_text())["methods"]


def test_a_terminal_without_our_signs_and_one_that_is_closed_get_what_they_can_show(tmp_path):
    plain = evaluated(tmp_path, "plain", stdout=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert plain.returncode == 0, plain.stderr
    assert b"?" in plain.stdout
    closed = evaluated(tmp_path, "closed", preexec_fn=lambda: os.close(1))
    assert closed.returncode == 0, closed.stderr
    assert (tmp_path / "closed" / "results.json").exists()


def test_nothing_is_played_for_a_place_where_nothing_can_be_written(tmp_path):
    done = evaluated(tmp_path, "/proc/nowhere", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"/proc/nowhere" in done.stderr


def test_claims_are_json_too(rules):
    shown = call(evaluate, "--claims", "--figures", "empty", "--json", "--quiet")[1]
    assert json.loads(shown) == json.loads(Path("empty/claims.json").read_text())


def test_runs_without_a_name_that_begin_within_a_second_have_directories_of_their_own(tmp_path):
    assert len({train._begun(train._asked(["--runs", str(tmp_path)])).path for _ in range(5)}) == 5
