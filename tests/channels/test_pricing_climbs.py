"""WMMSE from the ends of pricing, on recorded channels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.studies.pricing_climbs import ITERATIONS, LEAK, NAME, wmmse_from_pricing
from experiments.studies.scenario_comparison import compare_on_scenario
from multicell_env import NetworkConfig
from multicell_env.allocations.climbing import climb
from multicell_env.allocations.planning import planned_allocation
from multicell_env.allocations.simple import uniform_allocation
from multicell_env.channels.pool import RecordedChannels
from multicell_env.evaluation.unseen_blocks import draw_blocks
from multicell_env.model.negotiation import negotiate

SEED = 3


@pytest.fixture
def pool() -> RecordedChannels:
    generator = np.random.default_rng(1)
    parts = generator.standard_normal((12, 3, 3, 2, 3, 2, 2))
    near = 10.0 * np.eye(3)[..., None, None, None] + generator.uniform(0.1, 3.0, (12, 3, 3, 1, 1, 2))
    return RecordedChannels(near * (parts[..., 0] + 1j * parts[..., 1]))


@pytest.fixture
def network(pool: RecordedChannels) -> NetworkConfig:
    return pool.fitted(NetworkConfig(**pool.sizes, tx_power_dbm=0.0, noise_dbm=0.0, dtype="float64", num_slots=4, num_iterations=2))


def test_it_is_the_best_climb_from_both_ends_of_pricing(pool: RecordedChannels, network: NetworkConfig) -> None:
    result = wmmse_from_pricing(network, num_blocks=2, seed=SEED, channels=pool.test)
    better = []
    for index in range(2):
        blocks = draw_blocks(network, 1, SEED + index, channels=pool.test)
        gains, budgets = blocks.gains, blocks.user_budgets
        uniform, climbed = uniform_allocation(gains, budgets), []
        for opening in (uniform, planned_allocation(gains, budgets, network)):
            end = negotiate(opening, gains, budgets, ITERATIONS, negotiation="pricing")
            climbed.append(climb(gains, budgets, (1 - LEAK) * end + LEAK * uniform).worth[0, -1] / 3)
        better.append(max(climbed))
    np.testing.assert_allclose(result.per_slot, np.array(better)[:, None] * np.ones(4), rtol=1e-4)
    np.testing.assert_allclose(np.sum(result.user_rates, axis=(1, 2)) / 3, better, rtol=1e-4)
    assert result.knowledge == "channels"


def test_it_stands_in_the_table_of_a_pool_and_belongs_to_the_best_known(
    pool: RecordedChannels, network: NetworkConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = [network] * 2
    settings: dict[str, Any] = {"seed": SEED, "output": tmp_path, "channels": pool.test}
    methods = compare_on_scenario({}, "drops", networks, methods=("pricing", "wmmse"), **settings)["methods"]
    assert list(methods) == ["pricing", "wmmse", NAME]
    assert "nan" not in capsys.readouterr().out
    highest = max(methods["wmmse"]["last_slot"]["mean"], methods[NAME]["last_slot"]["mean"])
    for method in methods.values():
        assert method["percent_of_best_known"] <= 100.0 * method["last_slot"]["mean"] / highest + 1e-9
    assert list(compare_on_scenario({}, "drops", networks, methods=("pricing",), **settings)["methods"]) == ["pricing"]
