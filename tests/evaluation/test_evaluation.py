"""Methods compared on equal channels."""

from dataclasses import replace

import numpy as np
import pytest

from multicell_env import NetworkConfig, multicell_v0
from multicell_env.allocations.registry import ALLOCATIONS, METHODS, Allocation
from multicell_env.allocations.simple import uniform_allocation
from multicell_env.evaluation import playing
from multicell_env.evaluation import timing as timing_of
from multicell_env.evaluation.comparison import play_policy
from multicell_env.evaluation.pictures import STYLES, style_of
from multicell_env.evaluation.playing import draw_blocks, evaluate_allocations, evaluate_policy, play
from multicell_env.evaluation.results import as_json, percent_of_bound
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.model.negotiation import negotiate
from multicell_env.model.types import Gains

SMALL = NetworkConfig(num_antennas=4, num_users=2, num_bands=3, num_slots=4)
UNEQUAL = NetworkConfig(num_antennas=4, num_users=(1, 3, 2), num_bands=3, num_slots=4)


def strongest_band(observations):
    """All on each user's strongest band; works on single observations and on batches."""
    return {
        agent: (planes[..., 0, :, :] == planes[..., 0, :, :].max(axis=-2, keepdims=True)) * 1.0 for agent, planes in observations.items()
    }


@pytest.mark.parametrize("config", [SMALL, UNEQUAL])
@pytest.mark.parametrize("observation", ["gain", "csi"])
def test_playing_blocks_is_stepping_the_environment_with_the_same_seeds(config, observation):
    policy = strongest_band
    played = play(policy, draw_blocks(config, 3, seed=50), observation)
    for block in range(3):
        env = multicell_v0.parallel_env(config, observation=observation)
        observations, _ = env.reset(seed=50 + block)
        for slot in range(config.num_slots):
            observations, rewards, *_ = env.step(policy(observations))
            assert np.mean(list(rewards.values())) == pytest.approx(played[block, slot], rel=1e-12)


def test_a_batched_call_gives_what_single_calls_give():
    single, batched = (play(strongest_band, draw_blocks(UNEQUAL, 4), "gain", batched=flag) for flag in (False, True))
    np.testing.assert_array_equal(single, batched)


def test_a_policy_that_acts_in_one_slot_holds_while_the_negotiation_goes_on():
    calls = []

    def counted(observations):
        calls.append(1)
        return strongest_band(observations)

    played = play(counted, draw_blocks(SMALL, 2, seed=9), "gain", batched=True, acting_slots=1)
    assert len(calls) == 1
    env = multicell_v0.parallel_env(SMALL, observation="gain")
    observations, _ = env.reset(seed=9)
    actions = strongest_band(observations)
    for slot in range(SMALL.num_slots):
        _, rewards, *_ = env.step(actions)
        assert np.mean(list(rewards.values())) == pytest.approx(played[0, slot], rel=1e-5)  # hold() is float32
        actions = env.hold()


def test_a_policy_acts_in_as_many_slots_as_it_is_asked_to():
    calls = []

    def counting(observations):
        calls.append(len(observations))
        return strongest_band(observations)

    every, three, opening = (play(counting, draw_blocks(SMALL, 2), "gain", batched=True, acting_slots=slots) for slots in (None, 3, 1))
    assert len(calls) == SMALL.num_slots + 3 + 1
    np.testing.assert_array_equal(every[:, :3], three[:, :3])
    assert not np.array_equal(every[:, 3], three[:, 3])
    np.testing.assert_array_equal(every[:, :1], opening[:, :1])
    assert not np.array_equal(three[:, 1], opening[:, 1])


@pytest.mark.parametrize("slots", [0, -1])
def test_a_policy_must_act_in_some_slot(slots):
    with pytest.raises(ValueError, match=f"acting_slots must be at least 1; got {slots}"):
        play(strongest_band, draw_blocks(SMALL, 1), "gain", acting_slots=slots)


def test_a_result_says_in_how_many_slots_a_policy_acted():
    results = [play_policy("mine", strongest_band, SMALL, acting_slots=slots, num_blocks=1, timed=False) for slots in (None, 1, 3)]
    assert [(result.name, result.acting_slots) for result in results] == [("mine", None), ("mine_opening", 1), ("mine_3", 3)]


@pytest.mark.parametrize(("timing", "calls"), [(0.0, 2), (1e9, 16)])
def test_a_decision_is_timed_fewer_times_where_it_takes_long(monkeypatch, timing, calls):
    monkeypatch.setattr(timing_of, "TIMING", timing)
    blocks = []
    assert timing_of.median_ms(blocks.append, draw_blocks(SMALL, 1)) > 0.0
    assert len(blocks) == calls


class Counting:
    """All power on the band of the slot's number in its block, which it remembers itself."""

    def __init__(self, batched):
        self.batched, self.begun, self.slots = batched, [], np.zeros(0, int)

    def reset(self, num_blocks):
        self.begun.append(num_blocks)
        self.slots = np.zeros(num_blocks, int)

    def __call__(self, observations):
        bands = np.eye(SMALL.num_bands)[self.slots % SMALL.num_bands][..., None]
        self.slots += 1
        return {
            agent: np.broadcast_to(bands if self.batched else bands[0], planes[..., 0, :, :].shape)
            for agent, planes in observations.items()
        }


def test_a_policy_that_remembers_is_told_where_blocks_begin():
    together, alone = Counting(True), Counting(False)
    played = [
        evaluate_policy("mine", policy, SMALL, observation="gain", num_blocks=3, batched=policy.batched) for policy in (together, alone)
    ]
    np.testing.assert_array_equal(played[0].per_slot, played[1].per_slot)
    assert together.begun == [3, 1, 1, 1, 1]  # once to play, and for 16 decisions that are timed, in blocks of 4 slots
    assert alone.begun == [1, 1, 1, 1, 1, 1, 1]
    env = multicell_v0.parallel_env(SMALL, observation="gain")
    for block in range(3):
        env.reset(seed=1_000_000 + block)
        for slot in range(SMALL.num_slots):
            band = np.eye(SMALL.num_bands)[slot % SMALL.num_bands][:, None] * np.ones(SMALL.max_users)
            _, rewards, *_ = env.step(dict.fromkeys(env.agents, band))
            assert np.mean(list(rewards.values())) == pytest.approx(played[0].per_slot[block, slot], rel=1e-5)


def test_blocks_side_by_side_are_no_place_for_a_policy_of_one_block_that_remembers():
    with pytest.raises(ValueError, match=r"takes one block at a time plays one block; got 2.*batched=True"):
        play(Counting(False), draw_blocks(SMALL, 2), "gain")


def test_without_a_clock_the_numbers_are_the_same_and_the_time_is_unknown():
    timed, untimed = (evaluate_allocations(SMALL, num_blocks=2, methods=("reuse",), timed=flag)[0] for flag in (True, False))
    np.testing.assert_array_equal(timed.per_slot, untimed.per_slot)
    assert np.isnan(untimed.ms_per_decision)
    assert as_json([untimed], SMALL, 0, 2)["methods"]["reuse"]["ms_per_decision"] is None


def test_the_same_seed_gives_the_same_results_and_another_does_not():
    first, second, other = (evaluate_allocations(SMALL, num_blocks=3, seed=seed) for seed in (4, 4, 5))
    for one, two, three in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(one.per_slot, two.per_slot)
        assert not np.array_equal(one.per_slot, three.per_slot)


def test_the_summary_is_the_mean_and_a_normal_interval_over_blocks():
    result = evaluate_policy("mine", strongest_band, SMALL, observation="gain", num_blocks=7)
    last = result.per_slot[:, -1]
    assert result.per_slot.shape == (7, 4)
    assert result.last_slot["mean"] == pytest.approx(last.mean())
    assert result.last_slot["ci95"] == pytest.approx(1.96 * last.std(ddof=1) / np.sqrt(7))
    assert result.all_slots["mean"] == pytest.approx(result.per_slot.mean())


def test_no_exclusive_assignment_beats_the_bound_and_percentages_are_of_it():
    results = {result.name: result for result in evaluate_allocations(SMALL, num_blocks=5)}
    assert np.all(results["reuse"].per_slot <= results["assignment_bound"].per_slot * (1 + 1e-12))
    percent = percent_of_bound(results.values())
    expected = 100 * results["reuse"].last_slot["mean"] / results["assignment_bound"].last_slot["mean"]
    assert percent["reuse"] == pytest.approx(expected)


def test_wmmse_is_never_below_the_bound_nor_below_one_of_its_climbs():
    results = {result.name: result for result in evaluate_allocations(SMALL, num_blocks=5)}
    assert tuple(results) == tuple(name for name in METHODS if ALLOCATIONS[name].is_possible(SMALL))
    assert np.all(results["wmmse"].per_slot >= results["assignment_bound"].per_slot * (1 - 1e-12))
    assert np.all(results["fp"].per_slot <= results["wmmse"].per_slot * (1 + 1e-12))


def test_a_method_alone_gives_what_it_gives_among_others():
    every = {result.name: result.per_slot for result in evaluate_allocations(UNEQUAL, num_blocks=2)}
    for name in every:
        (alone,) = evaluate_allocations(UNEQUAL, num_blocks=2, methods=[name])
        np.testing.assert_array_equal(alone.per_slot, every[name])


@pytest.mark.parametrize("rule", ["flwf", "iwf", "pricing"])
def test_a_new_entry_negotiates_by_its_rule_from_its_opening(rule, monkeypatch):
    entry = Allocation(
        name="new",
        kind="negotiated",
        negotiation=rule,
        allocate=lambda gains, budgets, *_: uniform_allocation(gains, budgets),
        style={"color": "#123456", "label": "new"},
    )
    monkeypatch.setattr(playing, "ALLOCATIONS", {"new": entry})
    monkeypatch.setattr(playing, "METHODS", ("new",))
    (result,) = evaluate_allocations(SMALL, num_blocks=2, seed=5, methods=["new"], timed=False)
    assert (result.name, result.std_over_starts) == ("new", None)
    blocks = draw_blocks(SMALL, 2, 5)
    for block in range(2):
        gains = Gains(blocks.gains.signal_gains[block], blocks.gains.cross_gains[block], blocks.gains.interferers)
        powers, budgets = uniform_allocation(gains, blocks.user_budgets[block]), SMALL.nominal_budgets
        for slot in range(SMALL.num_slots):
            powers = negotiate(powers, gains, SMALL.split_among_users(budgets), SMALL.num_iterations, negotiation=rule)
            # (5): prices may leave power unspent.
            budgets = budgets + (budgets - powers.sum(axis=(-2, -1))) / max(SMALL.num_slots - 1 - slot, 1)
            assert result.per_slot[block, slot] == pytest.approx(sum_rates(powers, ingr(powers, gains)).mean(), rel=1e-3)


def test_allocations_play_whole_slots_of_powers_whatever_agents_of_the_network_do():
    plain = {result.name: result.per_slot for result in evaluate_allocations(UNEQUAL, num_blocks=2, timed=False)}
    in_rounds = replace(UNEQUAL, action="price", rounds_per_slot=3, negotiation="pricing")
    for result in evaluate_allocations(in_rounds, num_blocks=2, timed=False):
        np.testing.assert_array_equal(result.per_slot, plain[result.name])


def test_pricing_beats_flwf_from_random_starts():
    results = {result.name: result for result in evaluate_allocations(NetworkConfig(), num_blocks=4, timed=False)}
    assert results["pricing"].last_slot["mean"] > results["flwf"].last_slot["mean"]
    assert results["pricing"].std_over_starts is results["pricing_from_plan"].std_over_starts is None


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"methods must be some of .*; got \['magic'\]"):
        evaluate_allocations(SMALL, num_blocks=2, methods=["magic", "reuse"])


def test_flwf_plays_k_iterations_a_slot_and_gains_by_them():
    results = {result.name: result for result in evaluate_allocations(NetworkConfig(num_slots=3), num_blocks=4)}
    capacities = results["flwf"].per_slot.mean(axis=0)
    assert np.all(np.diff(capacities) > 0)
    assert results["flwf"].std_over_starts > 0
    assert results["sswf"].std_over_starts is None


def test_the_assignment_is_the_greedy_one_where_the_best_cannot_be_searched():
    config = NetworkConfig(num_antennas=2, num_users=1, num_bands=17, num_slots=1)
    results = {result.name: result for result in evaluate_allocations(config, num_blocks=2)}
    assert tuple(results) == tuple(name for name in METHODS if ALLOCATIONS[name].is_possible(config))
    assert np.all(results["greedy_assignment"].per_slot <= results["wmmse"].per_slot * (1 + 1e-12))


@pytest.mark.parametrize("actions", [{}, None, [0.5]])
def test_a_policy_that_returns_no_mapping_is_told_so(actions):
    with pytest.raises(ValueError, match=r"mapping with an action for each of \['bs_0', .*Return \{agent: action\}"):
        evaluate_policy("bad", lambda observations: actions, SMALL, observation="gain", num_blocks=1)


def test_an_unknown_observation_and_a_lack_of_blocks_are_refused():
    with pytest.raises(ValueError, match="observation must be 'csi'"):
        evaluate_policy("bad", strongest_band, SMALL, observation="foo", num_blocks=1)
    with pytest.raises(ValueError, match="num_blocks must be at least 1; got 0"):
        evaluate_allocations(SMALL, num_blocks=0)


@pytest.mark.parametrize(
    "policy",
    [
        lambda observations: dict.fromkeys(observations, np.zeros((1, 1))),
        lambda observations: {agent: np.full(planes.shape[1:], np.nan) for agent, planes in observations.items()},
        lambda observations: {agent: np.full(planes.shape[1:], 0.5 + 0j) for agent, planes in observations.items()},
        lambda observations: {agent: np.full(planes.shape[1:], "x") for agent, planes in observations.items()},
        lambda observations: {agent: np.full(planes.shape[1:], 0.5, dtype=object) for agent, planes in observations.items()},
        lambda observations: {agent: [[0.5, 0.5], [0.5]] for agent in observations},
    ],
)
def test_a_policy_that_returns_no_actions_is_told_what_was_expected(policy):
    with pytest.raises(ValueError, match=r"shape \(3, 2\) for bs_0.*Give fractions|action for bs_0 must be .* of shape \(3, 2\)"):
        evaluate_policy("bad", policy, SMALL, observation="gain", num_blocks=1)


def test_twenty_policies_of_ones_own_are_told_apart_and_keep_their_colour():
    names = [f"rule_{number}" for number in range(20)]
    both = [name + mode for name in names for mode in ("", "_opening")]
    looks = {(style["color"], style["marker"], style.get("linestyle")) for style in (style_of(name, ["td3mix", *both]) for name in both)}
    assert len(looks) == 40
    assert not {color for color, *_ in looks} & {style["color"] for style in STYLES.values()}
    assert style_of("rule_3", both)["color"] == style_of("rule_3_opening", both)["color"]
