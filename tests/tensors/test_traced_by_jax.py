"""JAX passes through the round of the game: jit, vmap over blocks and grad give the numbers of the readable equations in NumPy."""

from typing import Any

import numpy as np
import pytest

from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig
from multicell_env.model.types import Gains
from multicell_env.tensors.playing import Measured, Network, Progress, measure, play_for_rewards, split_among_users
from multicell_env.tensors.showing import observations, static_planes

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.jax
NUM_BLOCKS = 3
RULES: dict[str, dict[str, Any]] = {
    "powers": {"num_iterations": 0},
    "flwf": {"num_iterations": 3, "rounds_per_slot": 2, "measuring_reward": 0.5},
    "iwf": {"num_iterations": 2, "negotiation": "iwf", "reward": "predicted"},
    "pricing": {"num_iterations": 2, "negotiation": "pricing", "fairness": 1.0},
    "multipliers": {"num_iterations": 1, "action": "price", "negotiation": "pricing", "reward": "network"},
}


@pytest.fixture(autouse=True)
def _double_precision():
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def arrays_of(config: NetworkConfig) -> tuple[Network, Progress, Measured, np.ndarray]:
    """Blocks before their first round, in NumPy, and an action."""
    blocks = Blocks(config, NUM_BLOCKS)
    blocks.draw(range(NUM_BLOCKS), [np.random.default_rng(seed) for seed in range(NUM_BLOCKS)])
    gains = Gains(blocks.gains.signal_gains, np.array(blocks.gains.cross_gains), np.array(config.interferers))
    of_cells = [config.nominal_powers, np.diagonal(config.mean_gain_matrix), config.users_per_cell.astype(float)]
    network = Network(gains, *of_cells, config.user_mask, config.nominal_budgets)
    counts = [np.full(NUM_BLOCKS, value) for value in (0.0, float(config.num_slots), 0.0, 0.0)]
    rates = np.zeros((NUM_BLOCKS, config.num_cells, config.max_users))
    progress = Progress(blocks.powers, blocks.power_budget, split_among_users(network, blocks.power_budget), rates, *counts)
    measured = measure(config, network, progress, blocks.ingr, rates, hears_prices=True)
    low, high = config.action_limits
    actions = np.random.default_rng(9).uniform(0.5 * low + 0.01, 0.4 * high, blocks.powers.shape)
    return network, progress, measured, actions


@pytest.mark.parametrize("rules", RULES.values(), ids=list(RULES))
def test_jit_vmap_and_grad_pass_through_a_round(rules):
    config = NetworkConfig(num_antennas=3, num_users=(1, 3, 2), num_bands=4, dtype="float64", **rules)
    network, progress, measured, actions = arrays_of(config)
    expected, rewards = play_for_rewards(config, network, progress, measured, actions)
    jnp = jax.numpy
    network, progress, measured = jax.tree.map(jnp.asarray, (network, progress, measured))

    def play(gains: Gains, progress: Progress, measured: Measured, action: Any) -> Any:
        own = network._replace(gains=gains)
        played, rewards = play_for_rewards(config, own, progress, measured, action, checked=False)
        planes = observations("price", config, own, played.progress, played.measured, static_planes("price", own))
        return played.progress.powers, rewards, planes

    gains = network.gains
    whole = jax.jit(play)(gains, progress, measured, actions)
    alone = jax.jit(jax.vmap(play, in_axes=(Gains(0, 0, None), 0, 0, 0)))(gains, progress, measured, actions)
    for powers, own_rewards, planes in (whole, alone):
        np.testing.assert_allclose(powers, expected.progress.powers, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(own_rewards, rewards, rtol=1e-9, atol=1e-12)
        assert np.isfinite(planes).all()

    def total(action: Any) -> Any:
        return play(gains, progress, measured, action)[1].sum()

    slope, direction = jax.jit(jax.grad(total))(actions), np.random.default_rng(1).standard_normal(actions.shape)
    expected_slope = (total(actions + 1e-6 * direction) - total(actions - 1e-6 * direction)) / 2e-6
    assert abs(expected_slope) > 1e-3
    assert float((slope * direction).sum()) == pytest.approx(float(expected_slope), rel=1e-4)
