"""Where results and refusals go: standard output, standard error, files, and readers that leave."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from command_lines import ROOT, RULES, TRAINING, call

import evaluate
import train
from experiments.commands.training import begin
from experiments.commands.training_arguments import new_run


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


def test_runs_that_begin_within_a_second_have_directories_of_their_own(tmp_path):
    assert len({begin(new_run(["--runs", str(tmp_path)])).path for _ in range(5)}) == 5
