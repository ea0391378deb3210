"""Where a cell has more users than it serves at once, each slot is the game of those whose turn it is."""

from typing import Any

import numpy as np
import pytest
from fairness_oracles import reward
from oracles import power_budget
from schedule_oracles import Queues, fairest, served_slot

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.blocks import Blocks
from multicell_env.evaluation import evaluate_allocations, evaluate_policy

UNEQUAL = (5, 2, 4)
SMALL: dict[str, Any] = {"num_antennas": 4, "num_bands": 3, "num_slots": 5, "observation": "gain"}
RULES: list[dict[str, Any]] = [
    {"schedule": "round-robin"},
    {"schedule": "proportional-fair", "fairness": 1.0},
    {"schedule": "proportional-fair", "fairness": 2.0},
    {"schedule": "proportional-fair"},
]


def dense(seed: int, users: int = 5) -> np.ndarray:
    generator = np.random.default_rng(seed)
    parts = generator.standard_normal((2, 3, 3, SMALL["num_bands"], SMALL["num_antennas"], users))
    return (parts[0] + 1j * parts[1]) * generator.uniform(0.2, 1.5, users)


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("most", [None, 2])
def test_slots_are_those_of_an_independent_scalar_oracle(rules: dict[str, Any], most: int | None) -> None:
    """Who is served, powers, rates, averages, budgets and rewards, from k = 0 and given channels, by the public interface alone."""
    env = multicell_v0.parallel_env(num_users=UNEQUAL, num_iterations=0, users_per_slot=most, dtype="float64", **SMALL | rules)
    config, h, alpha = env.config, dense(1), rules.get("fairness", 0.0)
    agents, served = env.possible_agents, [min(most or 4, users) for users in UNEQUAL]
    h_lists = [[[[list(antenna[: UNEQUAL[rx]]) for antenna in band] for band in h[tx][rx]] for rx in range(3)] for tx in range(3)]
    queues, generator = Queues(UNEQUAL, most or 4), np.random.default_rng(2)
    past: list[Any] = []
    spent: list[list[float]] = [[] for _ in range(3)]
    _, infos = env.reset(options={"channels": h})
    for _ in range(config.num_slots):
        averages = [[sum(slot[b][u] for slot in past) / (len(past) + 1) for u in range(UNEQUAL[b])] for b in range(3)]
        fair = [fairest(h_lists[b][b], averages[b], alpha or 1.0, served[b], 100.0) for b in range(3)]
        chosen = queues.next() if rules["schedule"] == "round-robin" else fair
        for b, agent in enumerate(agents):
            assert infos[agent]["scheduled"].tolist() == [float(user in chosen[b]) for user in range(UNEQUAL[b])]
        actions = {agent: generator.uniform(0.0, 0.3, (3, served[b])) for b, agent in enumerate(agents)}
        budgets = [power_budget(5 * served[b] * 3 * 100.0, spent[b], 5) for b in range(3)]
        powers, rates, used = served_slot(h_lists, chosen, [action.tolist() for action in actions.values()], budgets)
        _, rewards, _, _, infos = env.step(actions)
        every = [[0.0] * users for users in UNEQUAL]
        for b, agent in enumerate(agents):
            spent[b].append(used[b])
            expected = np.zeros((3, UNEQUAL[b]))
            expected[:, chosen[b]] = powers[b]
            np.testing.assert_allclose(infos[agent]["power"], expected, rtol=1e-9)
            assert expected.sum() <= budgets[b]
            for place, user in enumerate(chosen[b]):
                every[b][user] = rates[b][place]
            np.testing.assert_allclose(infos[agent]["user_rates"], every[b], rtol=1e-9)
            assert infos[agent]["sum_rate"] == pytest.approx(sum(rates[b]), rel=1e-9)
        paid = [sum(of_cell) for of_cell in every] if alpha == 0.0 else reward(past, every, alpha)
        np.testing.assert_allclose(list(rewards.values()), paid, rtol=1e-8)
        past.append(every)
        for b, agent in enumerate(agents):
            np.testing.assert_allclose(infos[agent]["average_rates"], np.mean([slot[b] for slot in past], axis=0), rtol=1e-9)


@pytest.mark.parametrize(("users", "most"), [(9, 4), (8, 4), (5, 2), (7, 3)])
def test_round_robin_serves_everybody_within_the_slots_that_it_takes(users: int, most: int) -> None:
    env = multicell_v0.parallel_env(num_users=users, schedule="round-robin", users_per_slot=most, **SMALL)
    _, infos = env.reset(seed=0)
    turns = -(-users // most)
    served = np.zeros(users)
    for _ in range(turns):
        assert infos["bs_1"]["scheduled"].sum() == most
        served += infos["bs_1"]["scheduled"]
        *_, infos = env.step({agent: np.full((3, most), 0.3) for agent in env.agents})
        assert np.array_equal(infos["bs_1"]["average_rates"] > 0.0, served > 0)
    assert served.min() >= 1
    assert served.max() - served.min() <= 1


@pytest.mark.parametrize("rules", [{"num_iterations": 3}, {"negotiation": "pricing"}, {"action": "price", "observation": "price"}])
def test_a_slot_is_bit_for_bit_the_game_of_those_who_are_served(rules: dict[str, Any]) -> None:
    fields = SMALL | rules
    many = multicell_v0.parallel_env(num_users=6, schedule="round-robin", users_per_slot=2, **fields)
    few = multicell_v0.parallel_env(num_users=2, **fields)
    h, generator = dense(3, 6), np.random.default_rng(0)
    planes, _ = many.reset(options={"channels": h})
    for slot in range(3):
        chosen = [2 * slot, 2 * slot + 1]
        expected, _ = few.reset(options={"channels": h[..., chosen]})
        if slot == 0:  # later budgets differ in their last digits
            assert all(np.array_equal(planes[agent], expected[agent]) for agent in few.agents)
        actions = {agent: generator.uniform(*many.config.action_limits, (3, 2)).astype(np.float32) for agent in few.agents}
        planes, rewards, _, _, infos = many.step(actions)
        _, of_few, _, _, infos_of_few = few.step(actions)
        for agent in few.possible_agents:
            power = infos[agent]["power"]
            np.testing.assert_allclose(power[:, chosen], infos_of_few[agent]["power"], rtol=1e-3, atol=1e-3)
            assert np.count_nonzero(np.delete(power, chosen, axis=1)) == 0
            assert rewards[agent] == pytest.approx(of_few[agent], rel=1e-3)
            if slot == 0:
                assert rewards[agent] == of_few[agent]
        if rules.get("negotiation") == "pricing" or "action" in rules:
            break  # what is not spent rolls over


@pytest.mark.parametrize("fields", [{"fairness": 1.0, "observation": "price"}, {"channel_model": "fading"}, {"num_users": (4, 2, 3)}, {}])
def test_who_can_serve_all_plays_the_game_without_a_schedule(fields: dict[str, Any]) -> None:
    both = [MulticellVectorEnv(2, schedule=schedule, **SMALL | fields) for schedule in ("none", "round-robin")]
    (planes, infos), (others, other_infos) = (env.reset(seed=1) for env in both)
    actions = np.random.default_rng(0).random((6, *both[0].action_space.shape), dtype=np.float32)
    for action in actions:
        assert np.array_equal(planes, others)
        assert set(infos) == set(other_infos)
        assert all(np.array_equal(infos[name], other_infos[name]) for name in infos)
        (planes, *results, infos), (others, *other_results, other_infos) = (env.step(action) for env in both)
        assert all(np.array_equal(*pair) for pair in zip(results, other_results, strict=True))


@pytest.mark.parametrize("model", ["rayleigh", "estimated", "fading:speed_kmh=0"])
def test_a_user_that_comes_again_has_the_same_channels_where_they_stay(model: str) -> None:
    config = NetworkConfig(num_users=6, schedule="round-robin", users_per_slot=3, channel_model=model, num_bands=3)
    blocks = Blocks(config, 2, keep_channels=True)
    blocks.draw(range(2), [np.random.default_rng(index) for index in range(2)])
    seen = []
    for _ in range(4):
        seen.append((blocks.channels.copy(), blocks.gains.cross_gains.copy(), blocks.gains.signal_gains.copy()))
        blocks.play_slot(np.full(blocks.powers.shape, 0.2))
        blocks.advance()
    for turn in range(2):
        assert all(np.array_equal(*pair) for pair in zip(seen[turn], seen[turn + 2], strict=True))
    assert not np.any(seen[0][0] == seen[1][0])


def log_utility(rates: Any) -> float:
    """Mean over blocks of the sum of the logarithms of users' average rates."""
    return float(np.mean([np.log(0.1 + of_block).sum() for of_block in rates]))


def test_proportional_fairness_starves_nobody_and_beats_round_robin() -> None:
    """Users of one cell have mean gains from 1 down to 1 %; channels are new in every slot, so that there are good ones to wait for."""
    gains = np.full((2, 2, 8), 0.01)
    gains[[0, 1], [0, 1]] = np.geomspace(1.0, 0.01, 8)
    fields: dict[str, Any] = {"num_cells": 2, "num_antennas": 4, "num_users": 8, "users_per_slot": 2, "num_bands": 3, "num_slots": 40}
    rates = {}
    for schedule in ("round-robin", "proportional-fair"):
        config = NetworkConfig(schedule=schedule, fairness=1.0, channel_model="redraw", mean_gains=gains, **fields)  # pyright: ignore[reportArgumentType]
        result = evaluate_allocations(config, num_blocks=8, methods=["flwf"], timed=False)[0]
        rates[schedule] = np.stack(result.user_rates)
    assert rates["proportional-fair"].shape[-1] == 16
    assert rates["proportional-fair"].min() > 0.5
    assert log_utility(rates["proportional-fair"]) > log_utility(rates["round-robin"]) + 0.5


def test_evaluations_count_the_rates_of_all_users() -> None:
    config = NetworkConfig(num_users=UNEQUAL, schedule="round-robin", users_per_slot=2, num_antennas=4, num_bands=3, num_slots=5)
    env = MulticellVectorEnv(4, config, observation="gain", autoreset_mode="DISABLED")

    def uniform(observations: Any) -> dict[str, np.ndarray]:
        return {agent: np.full(planes[..., 0, :, :].shape, 1.0 / 3.0) for agent, planes in observations.items()}

    uniform.batched = True  # pyright: ignore[reportFunctionMemberAccess]
    results = evaluate_policy("uniform", uniform, config, observation="gain", num_blocks=4, batched=True, timed=False)
    env.reset(seed=1_000_000)
    for _ in range(5):
        *_, infos = env.step(np.full(env.action_space.shape, 1.0 / 3.0, np.float32))
    expected = infos["average_rates"][:, config.user_mask]
    np.testing.assert_allclose(np.concatenate(results.user_rates), expected, rtol=1e-4)
    every = evaluate_allocations(config, num_blocks=4, timed=False)
    assert len(every) > 8
    for result in every:
        assert np.all(np.isfinite(result.per_slot)), result.name
        assert result.user_rates[0].shape[-1] == sum(UNEQUAL)
        total = np.mean([rates.sum(axis=-1).mean() for rates in result.user_rates])
        assert total / 3.0 == pytest.approx(result.per_slot.mean(), rel=1e-4), result.name


def test_an_absolute_power_is_that_of_those_who_are_served() -> None:
    fields: dict[str, Any] = {"num_users": 10, "schedule": "round-robin", "users_per_slot": 4, "tx_power_dbm": 20.0, "noise_dbm": 0.0}
    config = NetworkConfig(**fields)
    np.testing.assert_allclose(config.nominal_powers, 100.0 / (4 * 6))
    np.testing.assert_allclose(config.nominal_budgets, 100.0)
    env = multicell_v0.parallel_env(config, observation="gain")
    env.reset(seed=0)
    for _ in range(3):
        *_, infos = env.step({agent: np.full((6, 4), 0.25) for agent in env.agents})
        for info in infos.values():
            assert info["power"].sum() == pytest.approx(100.0, rel=1e-5)
            assert np.count_nonzero(info["power"].sum(axis=0)) == 4


def test_a_user_without_a_channel_has_its_turn_and_no_power() -> None:
    h = dense(4)
    h[:, 1, :, :, 0] = 0.0
    env = multicell_v0.parallel_env(num_users=5, schedule="round-robin", users_per_slot=2, **SMALL)
    _, infos = env.reset(options={"channels": h})
    assert infos["bs_1"]["blocked"].tolist() == [[1.0, 0.0, 0.0, 0.0, 0.0]] * 3
    for slot in range(5):
        *_, infos = env.step({agent: np.full((3, 2), 0.3) for agent in env.agents})
        assert np.count_nonzero(infos["bs_1"]["power"].sum(axis=0)) == (1 if slot in (0, 2) else 2)
        assert infos["bs_1"]["user_rates"][0] < 1e-6
    fair = multicell_v0.parallel_env(num_users=5, schedule="proportional-fair", fairness=1.0, users_per_slot=2, **SMALL)
    _, infos = fair.reset(options={"channels": h})
    while fair.agents:
        assert infos["bs_1"]["scheduled"][0] == 0.0
        *_, infos = fair.step({agent: np.full((3, 2), 0.3) for agent in fair.agents})
    with pytest.raises(ValueError, match="user 0 of cell 1 in band 0 is zero"):
        fair.reset(options={"channels": h, "strict": True})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_users": 9}, "num_users must not exceed num_antennas .*; got U=9, M=8.*schedule='round-robin'"),
        ({"schedule": "random"}, "schedule must be 'none', 'round-robin' or 'proportional-fair'; got 'random'"),
        ({"schedule": None}, "schedule must be 'none', .*; got None"),
        ({"users_per_slot": 3}, "users_per_slot must be left out without a schedule; got 3"),
        ({"schedule": "round-robin", "users_per_slot": 9}, "users_per_slot must not exceed num_antennas .*; got 9, M=8"),
        ({"schedule": "round-robin", "users_per_slot": 0}, "users_per_slot must be a whole number of at least 1; got 0"),
        ({"schedule": "round-robin", "users_per_slot": 2.0}, "users_per_slot must be a whole number"),
        ({"schedule": "round-robin", "num_users": 9, "restart": False}, "restart must not be False if .* got False with 9 users"),
    ],
)
def test_what_no_schedule_can_be_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**fields)


@pytest.mark.parametrize("gains", ["dense", "links"])
def test_a_slot_is_played_on_mean_gains_over_all_users(gains: str) -> None:
    num_cells = 3 if gains == "dense" else 66
    given = np.random.default_rng(0).uniform(0.5, 2.0, (num_cells, num_cells, 6))
    given[np.abs(np.subtract.outer(range(num_cells), range(num_cells))) > 1] = 0.0
    fields: dict[str, Any] = {"num_cells": num_cells, "num_users": 6, "num_antennas": 4, "num_bands": 2, "mean_gains": given}
    config = NetworkConfig(schedule="round-robin", users_per_slot=2, **fields)
    slot = config.slot_network
    assert slot.num_users == 2
    assert slot.schedule == "none"
    np.testing.assert_allclose(slot.mean_gain_matrix, given.mean(axis=-1), rtol=1e-12)
    assert np.array_equal(slot.interferers, config.interferers)
    np.testing.assert_allclose(slot.nominal_budgets, config.nominal_budgets)
    restored = NetworkConfig.from_json({**NetworkConfig(num_users=12, schedule="round-robin").__getstate__(), "sir_db": "inf"})
    assert restored.schedule == "round-robin"
    assert restored.slot_network.num_users == 8
