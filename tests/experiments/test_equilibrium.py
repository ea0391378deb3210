"""The equilibrium: where single iterations end, block by block, as slow loops find it."""

import numpy as np
import oracles
import pytest
from scenarios import ASYMMETRIC, SMALL, ragged, ragged_cross_gains

from experiments.figures.equilibrium import TOLERANCE, Settling, settle
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import draw_blocks

TINY = SMALL | {"num_users": 2, "num_bands": 3}
NETWORKS = {
    "small": NetworkConfig(**TINY),
    "unequal users": NetworkConfig(**TINY | {"num_users": (2, 4, 1)}, mean_gains=ASYMMETRIC),
    "weak interference": NetworkConfig(**TINY, sir_db=10.0),
}
MOST = 400


def openings(config: NetworkConfig, num_blocks: int) -> np.ndarray:
    """Fractions of which some leave power unspent and others are scaled down."""
    return np.random.default_rng(3).random((num_blocks, config.num_cells, config.num_bands, config.max_users)) ** 2


def by_oracle(config: NetworkConfig, blocks, block: int, fractions: np.ndarray, most: int, forward_looking: bool = True) -> tuple:
    gains = ragged(config, blocks.gains.signal_gains[block]), ragged_cross_gains(config, blocks.gains.cross_gains[block])
    budgets = ragged(config, config.split_among_users(config.nominal_budgets))
    powers = oracles.opening_powers(ragged(config, fractions[block]), budgets)
    history, iteration = oracles.settle(powers, *gains, budgets, TOLERANCE, most, forward_looking)
    return np.mean(history, axis=1), iteration


@pytest.mark.parametrize("config", [pytest.param(config, id=name) for name, config in NETWORKS.items()])
def test_every_block_settles_where_and_when_slow_loops_do(config: NetworkConfig) -> None:
    blocks, fractions = draw_blocks(config, 5, 11), openings(config, 5)
    found = settle(blocks, fractions, most_iterations=MOST)
    for block in range(5):
        history, iteration = by_oracle(config, blocks, block, fractions, MOST)
        assert found.iterations[block] == iteration
        np.testing.assert_allclose(found.curve[block, : len(history)], history, rtol=1e-9)
        np.testing.assert_array_equal(found.curve[block, len(history) :], found.capacity[block])
    assert len(set(found.iterations[found.iterations > 0])) >= 3


def test_a_block_that_does_not_settle_is_left_where_it_is() -> None:
    config = NetworkConfig(**SMALL)
    blocks, fractions = draw_blocks(config, 3, 11), openings(config, 3)
    found = settle(blocks, fractions, most_iterations=20)
    for block in range(3):
        history, iteration = by_oracle(config, blocks, block, fractions, 20)
        assert found.iterations[block] == iteration == 0
        assert found.capacity[block] == pytest.approx(history[-1], rel=1e-9)


def test_iterative_water_filling_settles_as_slow_loops_do() -> None:
    config = NetworkConfig(**TINY, sir_db=10.0)
    blocks, fractions = draw_blocks(config, 2, 11), openings(config, 2)
    found = settle(blocks, fractions, negotiation="iwf")
    for block in range(2):
        history, iteration = by_oracle(config, blocks, block, fractions, 1000, forward_looking=False)
        assert found.iterations[block] == iteration
        assert found.capacity[block] == pytest.approx(history[-1], rel=1e-9)


def test_settling_spends_no_energy_and_uses_up_no_slot() -> None:
    config = NetworkConfig(**TINY)
    blocks = draw_blocks(config, 2, 11)
    before = blocks.power_budget.copy(), blocks.slots_left.copy()
    settle(blocks, openings(config, 2))
    np.testing.assert_array_equal(blocks.power_budget, before[0])
    np.testing.assert_array_equal(blocks.slots_left, before[1])


def test_a_capacity_is_there_when_it_leaves_its_end_no_more() -> None:
    curve = np.array([[50.0, 99.5, 98.0, 99.5, 100.0], [100.0] * 5, [99.5, 100.5, 101.5, 100.0, 100.0]])
    assert Settling(curve, np.zeros(3, dtype=np.int64)).iterations_to(0.01).tolist() == [4, 1, 4]
