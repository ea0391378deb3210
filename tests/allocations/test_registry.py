"""Every allocation is one entry that says all about it, and what contradicts itself is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scenarios import CONFIGS, EVERY_CONFIG, draw_block

from multicell_env import NetworkConfig
from multicell_env.allocations.registry import ALLOCATIONS, BEST_KNOWN, METHODS, QUICK_METHODS


def test_entries_stand_under_their_names_and_the_slow_ones_last():
    assert [allocation.name for allocation in ALLOCATIONS.values()] == list(ALLOCATIONS) == list(METHODS)
    assert (*QUICK_METHODS, "fp", "wmmse") == METHODS
    assert BEST_KNOWN in ALLOCATIONS


def test_every_method_has_a_style_of_its_own():
    looks = {(style["color"], style.get("marker"), style.get("linestyle")) for style in (a.style for a in ALLOCATIONS.values())}
    assert len(looks) == len({allocation.style["label"] for allocation in ALLOCATIONS.values()}) == len(ALLOCATIONS)


def test_every_method_that_needs_more_than_its_own_measurements_says_so_in_its_label():
    for allocation in ALLOCATIONS.values():
        assert allocation.style["label"].endswith(f"({allocation.knowledge} of all)") == (allocation.knowledge != "own")


@EVERY_CONFIG
@pytest.mark.parametrize("name", ALLOCATIONS)
def test_an_allocation_keeps_every_budget_and_gives_padded_users_nothing(config, name):
    block, generator = draw_block(config), np.random.default_rng(0)
    powers = ALLOCATIONS[name].allocate(block.gains, block.user_budgets, config, generator)
    assert powers.shape == block.gains.signal_gains.shape
    assert np.all(powers >= 0)
    assert np.all(powers.sum(axis=-2) <= block.user_budgets * (1 + 1e-9))


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_a_method_draws_where_it_is_drawn_anew_and_nowhere_else(name):
    allocation, config = ALLOCATIONS[name], next(iter(CONFIGS.values()))
    block, generator = draw_block(config), np.random.default_rng(0)
    first, second = (allocation.allocate(block.gains, block.user_budgets, config, generator) for _ in range(2))
    draws = allocation.kind == "redrawn" or allocation.num_starts > 1
    assert np.array_equal(first, second) == (not draws)


@pytest.mark.parametrize(("num_bands", "best", "greedy"), [(1, True, False), (16, True, False), (17, False, True)])
def test_one_exclusive_assignment_is_possible_on_every_network(num_bands, best, greedy):
    config = NetworkConfig(num_bands=num_bands)
    assert ALLOCATIONS["assignment_bound"].is_possible(config) == best
    assert ALLOCATIONS["greedy_assignment"].is_possible(config) == greedy
    assert all(a.is_possible(config) for name, a in ALLOCATIONS.items() if "assignment" not in name)


@pytest.mark.parametrize("changed", [{"kind": "static"}, {"kind": "redrawn"}, {"negotiation": None}])
def test_a_rule_of_negotiation_without_one_is_refused(changed):
    with pytest.raises(ValueError, match=r"must have a rule, and no other one; got kind '.*' with negotiation .* for flwf"):
        replace(ALLOCATIONS["flwf"], **changed)


@pytest.mark.parametrize(("name", "num_starts"), [("flwf", 0), ("sswf", 2)])
def test_a_number_of_starts_that_means_nothing_is_refused(name, num_starts):
    with pytest.raises(ValueError, match=f"num_starts must be at least 1, .* got {num_starts} for {name}"):
        replace(ALLOCATIONS[name], num_starts=num_starts)
