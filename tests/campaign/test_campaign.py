"""A short slice of the campaign, the same one in every run; CAMPAIGN_SIZE makes it longer."""

import os

import pytest
from campaign_runs import TOLERANCES, soak
from oracle_game import largest_error
from wild_inputs import ATTACKS, NotClearError, attacked, outcome

SIZE = int(os.environ.get("CAMPAIGN_SIZE", "1"))
pytestmark = pytest.mark.campaign


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_random_networks_play_as_the_loops_say(dtype):
    errors = {seed: largest_error(seed, dtype)[0] for seed in range(12 * SIZE)}
    assert {seed: error for seed, error in errors.items() if not error <= TOLERANCES[dtype]} == {}


FOUND = [
    *(
        ("channel_files", 29069),
        ("command_lines", 2030),
        ("command_lines", 20398),
        ("command_lines", 39134),
        ("actions_and_options", 26593),
    ),
    *(
        ("actions_and_options", 3913),
        ("actions_and_options", 4585),
        ("constructors", 5552),
        ("constructors", 51120),
        ("constructors", 83960),
    ),
]
"""Inputs that once had another outcome."""


@pytest.mark.parametrize(("name", "seed"), FOUND)
def test_what_once_was_no_clear_error_is_one(name, seed):
    assert attacked(name, seed) == "refused"


@pytest.mark.parametrize("name", ATTACKS)
def test_wild_inputs_give_a_finite_result_or_a_clear_error(name):
    outcomes = [attacked(name, seed) for seed in range(25 * SIZE)]
    assert "refused" in outcomes


def test_what_is_neither_a_result_nor_a_clear_error_is_told_apart():
    def crash():
        raise KeyError("num_slots")

    def murmur():
        raise ValueError("setting an array element with a sequence.")

    for act in (crash, murmur, lambda: float("nan"), lambda: {"a": [float("inf")]}):
        with pytest.raises(NotClearError):
            outcome(act)
    assert outcome(lambda: {"a": [1.0]}) == "result"


def test_a_soak_measures_the_memory_of_what_it_steps():
    found = soak(500 * SIZE, "vector")
    assert found["megabytes"] > 10.0
    assert abs(found["megabytes_in_a_million_steps"]) < 1e6
