"""A block is the scalar game slot after slot: opening, k iterations, rates, and the roll-over of what stays unspent (5)."""

import numpy as np
import oracles
import pytest
from scenarios import CONFIGS, EVERY_CONFIG, assert_equal, draw_block, ragged, ragged_channels

from multicell_env.blocks import Blocks
from multicell_env.channels.rayleigh import draw_channels
from multicell_env.config import NetworkConfig
from multicell_env.observation import Observer


def draw_blocks(config, num_blocks, seed=0):
    generator = np.random.default_rng(seed)
    drawn = [draw_channels(config, generator) for _ in range(num_blocks)]
    return Blocks.of(config, *(np.stack(arrays) for arrays in zip(*drawn, strict=True))), drawn


def draw_fractions(config, num_blocks, seed=0, largest=1.0):
    generator = np.random.default_rng(seed)
    return generator.uniform(0, largest, (num_blocks, config.num_cells, config.num_bands, config.max_users))


def variant(config, **changes):
    fields = ("num_cells", "num_antennas", "num_users", "num_bands", "num_iterations", "sir_db", "snr_db", "mean_gains", "damping", "dtype")
    return NetworkConfig(**{name: getattr(config, name) for name in fields} | changes)


@EVERY_CONFIG
@pytest.mark.parametrize("num_iterations", [0, 1, 3])
def test_slots_are_those_of_the_scalar_game(config, num_iterations):
    config = variant(config, num_iterations=num_iterations)
    blocks, drawn = draw_blocks(config, 2)
    lists = [ragged_channels(config, *channels) for channels in drawn]
    beams = [oracles.beamformers(h) for h in lists]
    gains = [(oracles.signal_gains(h, w), oracles.cross_gains(h, w)) for h, w in zip(lists, beams, strict=True)]
    p0 = [oracles.nominal_power(config.snr_db, config.mean_gain_matrix[b, b]) for b in range(config.num_cells)]
    nominal = [config.users_per_cell[b] * config.num_bands * p0[b] for b in range(config.num_cells)]
    spent = [[[] for _ in nominal] for _ in range(2)]
    for slot in range(3):
        # Fractions from -0.3 to 0.6: some are clipped, some users ask for more than 1 in total and some for less.
        fractions = draw_fractions(config, 2, seed=slot, largest=0.9) - 0.3
        rates = blocks.play_slot(fractions)
        for i in range(2):
            budgets = budgets_after(spent[i], nominal, config.num_slots)
            powers, c, expected_rates, slot_spent = oracles.play_slot(
                ragged(config, fractions[i]), budgets, *gains[i], num_iterations, config.damping
            )
            for cell, power in enumerate(slot_spent):
                spent[i][cell].append(power)
            assert_equal(config, blocks.powers[i], powers)
            assert_equal(config, blocks.ingr[i], c)
            np.testing.assert_allclose(rates[i], expected_rates, rtol=1e-10)
            np.testing.assert_allclose(blocks.power_budget[i], budgets_after(spent[i], nominal, config.num_slots), rtol=1e-10)


def budgets_after(spent, nominal, num_slots):
    return [oracles.power_budget(num_slots * nominal[cell], before, num_slots) for cell, before in enumerate(spent)]


@pytest.mark.parametrize("num_slots", range(2, 13))
@pytest.mark.parametrize("rules", [{"num_iterations": 0}, {"damping": 0.6}, {"damping_in_action": True, "num_iterations": 2}])
def test_every_slots_budget_is_what_is_left_shared_by_the_slots_that_are_left(num_slots, rules):
    generator = np.random.default_rng(num_slots)
    users = tuple(generator.integers(1, 5, size=3).tolist())
    gains = generator.uniform(0.05, 3.0, (3, 3))
    config = NetworkConfig(num_users=users, num_slots=num_slots, mean_gains=gains, dtype="float64", **rules)
    blocks = Blocks(config, 4)
    blocks.draw(range(4), [np.random.default_rng(seed) for seed in range(4)])
    largest, spent = 0.0, [[[] for _ in range(3)] for _ in range(4)]
    for _ in range(num_slots):
        expected = np.array([budgets_after(each, config.nominal_budgets, num_slots) for each in spent])
        np.testing.assert_allclose(blocks.power_budget, expected, rtol=1e-12)
        largest = max(largest, (expected / config.nominal_budgets).max())
        shape = (4, 3, *config.action_shape(config.max_users))
        idle = generator.integers(0, 2, (4, 3, *[1] * (len(shape) - 2)))
        blocks.play_slot(generator.uniform(0.0, 1.2 / config.num_bands, shape) * idle)
        for each, powers in zip(spent, blocks.powers.sum(axis=(-2, -1)).tolist(), strict=True):
            for before, power in zip(each, powers, strict=True):
                before.append(power)
    assert np.all(np.sum(spent, axis=-1) <= num_slots * config.nominal_budgets * (1 + 1e-12))
    assert largest > 1.001  # something did roll over


def test_a_slot_that_does_not_transmit_is_measured_and_spends_nothing():
    config = variant(CONFIGS["unequal users"], num_iterations=2)
    (blocks, _), (other, _) = draw_blocks(config, 2), draw_blocks(config, 2)
    opening = draw_fractions(config, 2, largest=0.1)
    rates, others = blocks.play_slot(opening, transmit=False), other.play_slot(opening)
    np.testing.assert_array_equal(rates, others)
    np.testing.assert_array_equal(blocks.powers, other.powers)
    np.testing.assert_array_equal(blocks.ingr, other.ingr)
    np.testing.assert_array_equal(blocks.power_budget, np.tile(config.nominal_budgets, (2, 1)))
    assert blocks.slots_left.tolist() == [config.num_slots] * 2
    assert other.slots_left.tolist() == [config.num_slots - 1] * 2


@EVERY_CONFIG
def test_before_the_first_slot_nobody_transmits_and_budgets_are_nominal(config):
    blocks, _ = draw_blocks(config, 2)
    assert np.all(blocks.powers == 0)
    np.testing.assert_allclose(blocks.ingr, 1.0 / blocks.gains.signal_gains, rtol=1e-15)
    assert np.array_equal(blocks.power_budget, np.stack([config.nominal_budgets] * 2))


@EVERY_CONFIG
def test_each_user_has_an_equal_share_of_its_cells_budget_and_padded_users_nothing(config):
    blocks, _ = draw_blocks(config, 1)
    for cell, users in enumerate(config.users_per_cell):
        np.testing.assert_allclose(blocks.user_budgets[0, cell, :users], config.nominal_budgets[cell] / users, rtol=1e-15)
        assert np.all(blocks.user_budgets[0, cell, users:] == 0)


@EVERY_CONFIG
def test_without_iterations_unspent_power_rolls_over_in_full(config):
    config = variant(config, num_iterations=0, num_slots=5)
    blocks, _ = draw_blocks(config, 2)
    nominal = config.nominal_budgets
    shape = (2, config.num_cells, config.num_bands, config.max_users)
    # T = 5 slots of budget 5: 5/5, 5/4, 5/3, (5 - 5/12)/2 where a quarter of 5/3 was spent, and nothing new after all of it was.
    for slot, spent_share in enumerate((0.0, 0.0, 0.25, 1.0)):
        available = blocks.power_budget.copy()
        np.testing.assert_allclose(available, np.tile(nominal * (1, 5 / 4, 5 / 3, 55 / 24)[slot], (2, 1)), rtol=1e-12)
        blocks.play_slot(np.full(shape, spent_share / config.num_bands))
        np.testing.assert_allclose(blocks.powers.sum(axis=(-2, -1)), spent_share * available, rtol=1e-12)
    np.testing.assert_allclose(blocks.power_budget, np.tile(nominal * 55 / 24, (2, 1)), rtol=1e-12)


@EVERY_CONFIG
def test_with_iterations_nothing_rolls_over_but_the_damped_memory_of_an_idle_opening(config):
    # The water-filling spends all; with damping, k iterations keep damping^k of an opening that spent nothing.
    blocks, _ = draw_blocks(config, 2)
    blocks.play_slot(np.zeros(blocks.powers.shape))
    kept = config.damping**config.num_iterations
    assert kept == (0.125 if config is CONFIGS["damped"] else 0)
    np.testing.assert_allclose(blocks.powers.sum(axis=(-2, -1)), np.tile((1 - kept) * config.nominal_budgets, (2, 1)), rtol=1e-12)
    np.testing.assert_allclose(
        blocks.power_budget, np.tile((1 + kept / (config.num_slots - 1)) * config.nominal_budgets, (2, 1)), rtol=1e-12
    )


def test_unspent_power_of_one_user_is_shared_with_the_users_of_its_cell_only():
    config = variant(CONFIGS["unequal users"], num_iterations=0)
    blocks, _ = draw_blocks(config, 1)
    fractions = np.full(blocks.powers.shape, 1 / config.num_bands)
    fractions[0, 0, :, 1] = 0
    blocks.play_slot(fractions)
    per_user = config.num_bands * config.nominal_powers[0]
    more = 1 + 0.5 / (config.num_slots - 1)
    expected = [[more * per_user, more * per_user, 0, 0], [per_user] * 4, [per_user, 0, 0, 0]]
    np.testing.assert_allclose(blocks.user_budgets[0], expected, rtol=1e-12)


def test_no_user_can_spend_more_than_its_share():
    config = variant(CONFIGS["unequal users"], num_iterations=0)
    blocks, _ = draw_blocks(config, 3)
    budgets = blocks.user_budgets
    blocks.play_slot(draw_fractions(config, 3, largest=50.0))
    np.testing.assert_allclose(blocks.powers.sum(axis=-2), budgets, rtol=1e-12)
    assert np.all(np.swapaxes(blocks.powers, 2, 3)[:, ~config.user_mask] == 0)


@pytest.mark.parametrize("name", ["small", "one cell", "asymmetric, unequal users", "damped"])
@pytest.mark.parametrize("num_iterations", [0, 3])
def test_blocks_played_side_by_side_are_independent(name, num_iterations):
    config = variant(CONFIGS[name], num_iterations=num_iterations)
    together, drawn = draw_blocks(config, 4)
    alone = [Blocks.of(config, own[None], cross[None]) for own, cross in drawn]
    for slot in range(3):
        fractions = draw_fractions(config, 4, seed=slot, largest=0.5)
        rates = together.play_slot(fractions)
        for i, block in enumerate(alone):
            np.testing.assert_allclose(block.play_slot(fractions[i : i + 1])[0], rates[i], rtol=1e-10)
            assert_equal(config, together.powers[i], ragged(config, block.powers[0]))
            np.testing.assert_allclose(together.power_budget[i], block.power_budget[0], rtol=1e-10)


@EVERY_CONFIG
def test_hold_is_the_fractions_of_the_coming_budget_that_the_last_powers_are(config):
    config = variant(config, num_iterations=0)
    blocks, _ = draw_blocks(config, 2)
    assert np.all(blocks.hold() == 0)
    blocks.play_slot(draw_fractions(config, 2, largest=1 / config.num_bands))
    last = blocks.powers.copy()
    fractions = blocks.hold()
    assert np.all(np.swapaxes(fractions, 2, 3)[:, ~config.user_mask] == 0)
    blocks.play_slot(fractions)
    for i in range(2):
        assert_equal(config, blocks.powers[i], ragged(config, last[i]))


def test_playing_leaves_the_fractions_as_they_are():
    config = CONFIGS["small"]
    blocks, _ = draw_blocks(config, 2)
    fractions = draw_fractions(config, 2, largest=3.0) - 1.0
    before = fractions.copy()
    blocks.play_slot(fractions)
    assert np.array_equal(fractions, before)


def test_blocks_whose_channels_are_not_finite_are_refused():
    block = draw_block(CONFIGS["small"])
    own = np.stack([block.own, block.own])
    own[1, 2, 3, :, 0] = np.nan
    with pytest.raises(ValueError, match="channels must be finite"):
        Blocks.of(CONFIGS["small"], own, np.stack([block.cross, block.cross]))


@EVERY_CONFIG
@pytest.mark.parametrize("num_blocks", [1, 2, 7])
def test_cross_gains_begin_where_a_cache_line_does(config, num_blocks):
    cross_gains = Blocks(config, num_blocks).gains.cross_gains
    assert cross_gains.size == 0 or cross_gains.ctypes.data % 64 == 0
    assert cross_gains.flags.c_contiguous
    assert cross_gains.flags.writeable


@pytest.mark.parametrize("rows", [[2], [-1], [0, 7]])
def test_rows_that_do_not_exist_are_refused(rows):
    blocks, drawn = draw_blocks(CONFIGS["small"], 2)
    before = blocks.gains.cross_gains.copy()
    with pytest.raises(ValueError, match=r"rows must be within \[0, 2\)"):
        blocks.draw(rows, [np.random.default_rng(0)] * len(rows))
    with pytest.raises(ValueError, match=r"rows must be within \[0, 2\)"):
        blocks.begin(rows, *(np.stack([array] * len(rows)) for array in drawn[0]))
    assert np.array_equal(blocks.gains.cross_gains, before)


@pytest.mark.parametrize("num_generators", [1, 3])
def test_a_generator_for_each_row_or_none_is_drawn(num_generators):
    blocks, _ = draw_blocks(CONFIGS["small"], 2)
    before = blocks.gains.cross_gains.copy()
    with pytest.raises(ValueError, match=f"one generator for each row; got {num_generators} for 2 rows"):
        blocks.draw([0, 1], [np.random.default_rng(0)] * num_generators)
    assert np.array_equal(blocks.gains.cross_gains, before)


@EVERY_CONFIG
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["gain", "csi"])
@pytest.mark.parametrize("num_threads", [1, 3])
def test_a_slot_writes_what_an_observer_sees_after_it(config, dtype, kind, num_threads):
    blocks = Blocks(variant(config, dtype=dtype), 5, keep_channels=True, num_threads=num_threads)
    blocks.draw(range(5), [np.random.default_rng(i) for i in range(5)])
    observer, before = Observer(kind, blocks), None
    for slot in range(3):
        outputs = observer.outputs()
        blocks.play_slot(draw_fractions(config, 5, seed=slot, largest=0.4), outputs=outputs)
        assert np.array_equal(outputs.observations, observer.observe())
        assert np.array_equal(outputs.transmitted_powers, blocks.powers)
        if before is not None:  # they are nobody else's
            assert not np.shares_memory(outputs.observations, before.observations)
            assert not np.shares_memory(outputs.transmitted_powers, before.transmitted_powers)
        before = outputs
    blocks.runner.threads.close()


def test_outputs_of_other_blocks_are_refused():
    blocks, others = draw_blocks(NetworkConfig(), 2)[0], Blocks(NetworkConfig(), 3)
    with pytest.raises(ValueError, match="outputs must be for"):
        blocks.play_slot(np.zeros(blocks.powers.shape), outputs=Observer("gain", others).outputs())
