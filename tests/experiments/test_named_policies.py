"""Policies that a command line names: what is refused, what they are given, and where they stand."""

import json
from pathlib import Path

import pytest
from command_lines import RULES, call

import evaluate


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
        ("{stem}:waves", "for bs_0; got shape (6, 4) of complex128, which is no real number. Give fractions in [0, 1], [..., band, user]"),
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
    assert f"it raised RuntimeError: out of cheese ({rules.parent / 'broken.py'}, line 2). Correct it there." in said


def test_two_policies_of_one_name_are_refused_and_can_be_named_apart(rules):
    policy = f"{rules.stem}:spread"
    code, _, said = call(evaluate, "--policy", policy, "--policy", policy)
    assert code == 2
    assert f"Choose another: NAME={policy}." in said


def test_policies_stand_in_table_and_files_beside_the_actor_and_allocations(rules):
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
