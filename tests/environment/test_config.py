"""A NetworkConfig derives what a network is from its fields, and refuses fields that break a rule."""

import dataclasses
import math

import numpy as np
import oracles
import pytest
from scenarios import ASYMMETRIC, EVERY_CONFIG

from multicell_env.config import PAPER_8X4, PAPER_32X16, NetworkConfig


@EVERY_CONFIG
def test_interferers_are_the_other_cells_with_a_positive_gain_ascending_then_padding(config):
    expected = oracles.interferers(config.mean_gain_matrix.tolist())
    width = max(len(row) for row in expected)
    assert config.interferers.shape == (config.num_cells, width)
    assert config.interferers.tolist() == [row + [-1] * (width - len(row)) for row in expected]


@pytest.mark.parametrize("sir_db", [-10.0, 0.0, 7.0, 30.0, math.inf])
def test_mean_gains_are_1_inside_a_cell_and_1_over_sir_between_cells(sir_db):
    config = NetworkConfig(num_cells=4, sir_db=sir_db)
    np.testing.assert_allclose(config.mean_gain_matrix, oracles.mean_gains(4, sir_db), rtol=1e-14)


def test_given_mean_gains_replace_the_sir():
    config = NetworkConfig(mean_gains=ASYMMETRIC, sir_db=17)
    assert config.mean_gain_matrix.tolist() == [list(row) for row in ASYMMETRIC]
    assert config.interferers.tolist() == [[1, 2], [-1, -1], [0, -1]]


def test_nobody_interferes_where_sir_is_infinite_or_the_cell_is_alone():
    assert NetworkConfig(sir_db=math.inf).interferers.shape == (3, 0)
    assert NetworkConfig(num_cells=1).interferers.shape == (1, 0)


@EVERY_CONFIG
def test_slot_budget_is_users_times_bands_times_nominal_power(config):
    for cell in range(config.num_cells):
        p0 = oracles.nominal_power(config.snr_db, config.mean_gain_matrix[cell, cell])
        assert config.nominal_powers[cell] == pytest.approx(p0, rel=1e-14)
        assert config.nominal_budgets[cell] == pytest.approx(config.users_per_cell[cell] * config.num_bands * p0, rel=1e-14)


def test_budget_is_split_evenly_among_users_and_padding_gets_nothing():
    config = NetworkConfig(num_users=(2, 4, 1))
    expected = [[6, 6, 0, 0], [2, 2, 2, 2], [5, 0, 0, 0]]
    assert config.split_among_users(np.array([12.0, 8.0, 5.0])).tolist() == expected
    batch = config.split_among_users(np.array([[12.0, 8.0, 5.0], [24.0, 16.0, 10.0]]))
    assert batch.tolist() == [expected, (2 * np.array(expected)).tolist()]


def test_user_mask_marks_the_users_of_each_cell():
    config = NetworkConfig(num_users=(2, 4, 1))
    assert config.max_users == 4
    assert config.users_per_cell.tolist() == [2, 4, 1]
    assert config.user_mask.astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]


def test_presets_are_the_papers_networks():
    for preset, size in ((PAPER_8X4, (8, 4)), (PAPER_32X16, (32, 16))):
        assert (preset.num_antennas, preset.num_users) == size
        assert (preset.num_cells, preset.num_bands, preset.sir_db, preset.snr_db, preset.damping) == (3, 6, 0.0, 20.0, 0.0)


def test_numpy_numbers_and_arrays_become_plain_fields_that_compare_and_hash():
    plain = NetworkConfig(num_cells=2, num_users=(1, 2), mean_gains=((1.0, 0.5), (0.0, 1.0)))
    converted = NetworkConfig(num_cells=np.int64(2), num_users=[1, np.int32(2)], mean_gains=np.array([[1, 0.5], [0, 1]]))
    assert plain == converted
    assert hash(plain) == hash(converted)
    assert type(converted.num_cells) is int


def test_fields_cannot_be_changed():
    config = NetworkConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.num_cells = 4  # pyright: ignore[reportAttributeAccessIssue]


WHOLE = "must be a whole number of at least"
BAD_FIELDS = [
    *(
        (name, value, rf"{name} {WHOLE} {least}; got {shown}\. Give such a number")
        for name, least in (
            ("num_cells", 1),
            ("num_antennas", 1),
            ("num_users", 1),
            ("num_bands", 1),
            ("num_slots", 1),
            ("num_iterations", 0),
        )
        for value, shown in ((True, "True"), (-1, "-1"), (2.0, r"2\.0"), ("3", "'3'"), (None, "None"), (math.nan, "nan"))
    ),
    *((name, 0, rf"{name} {WHOLE} 1; got 0\. Give") for name in ("num_cells", "num_antennas", "num_users", "num_bands", "num_slots")),
    ("num_users", 9, r"num_users must not exceed num_antennas .*M >= U.*; got U=9, M=8\. Raise num_antennas or lower num_users"),
    ("num_users", (1, 9, 2), r"num_users must not exceed num_antennas .*; got U=9, M=8\. Raise num_antennas or lower num_users"),
    ("num_users", (4, 4), r"num_users must be one number or one per cell; got 2 numbers for 3 cells\. Give 3 numbers"),
    ("num_users", (4, 4, 4, 4), r"num_users .* one per cell; got 4 numbers for 3 cells\. Give 3 numbers"),
    ("num_users", (), r"num_users .* one per cell; got 0 numbers for 3 cells\. Give 3 numbers"),
    ("num_users", (4, 0, 4), rf"num_users {WHOLE} 1; got 0\. Give"),
    ("num_users", (4, True, 4), rf"num_users {WHOLE} 1; got True\. Give"),
    ("snr_db", math.nan, r"snr_db must be a number .*; got nan\. Give the ratio in decibels"),
    ("snr_db", math.inf, r"snr_db must be a number .*; got inf\. Give the ratio in decibels"),
    ("snr_db", 301, r"snr_db must be a number within \[-300, 300\] dB; got 301\. Give"),
    ("snr_db", None, r"snr_db must be a number .*; got None\. Give"),
    ("sir_db", math.nan, r"sir_db must be a number .*or inf for no interference; got nan\. Give the ratio in decibels"),
    ("sir_db", -math.inf, r"sir_db must be a number .*or inf for no interference; got -inf\. Give"),
    ("sir_db", "loud", r"sir_db must be a number .*; got 'loud'\. Give"),
    ("mean_gains", ((1.0, 1.0), (1.0, 1.0)), r"mean_gains must be a square matrix .*got shape \(2, 2\) for 3 cells\. Give 3 rows of 3"),
    ("mean_gains", ((1.0, 1.0, 1.0), (1.0,)), r"mean_gains must be a square matrix .* for 3 cells\. Give 3 rows of 3"),
    ("mean_gains", 1.0, r"mean_gains must be a square matrix .*got shape \(\) for 3 cells\. Give 3 rows of 3"),
    ("mean_gains", ((1, 0, 0), (-0.5, 1, 0), (0, 0, 1)), r"mean_gains must be finite and non-negative .*-0\.5.*Convert decibels"),
    ("mean_gains", ((1, math.nan, 0), (0, 1, 0), (0, 0, 1)), r"mean_gains must be finite and non-negative .*nan.*Convert decibels"),
    ("mean_gains", ((1, math.inf, 0), (0, 1, 0), (0, 0, 1)), r"mean_gains must be finite and non-negative .*inf.*Convert decibels"),
    (
        "mean_gains",
        ((1, 0, 0), (0, 0, 0), (0, 0, 1)),
        r"mean_gains must be positive on its diagonal .*\[1\.0, 0\.0, 1\.0\]\. Give each cell",
    ),
    ("damping", 1, r"damping must be in \[0, 1\) .*; got 1\. Give 0 for the paper's game"),
    ("damping", -0.1, r"damping must be in \[0, 1\) .*; got -0\.1\. Give 0"),
    ("damping", math.nan, r"damping must be in \[0, 1\) .*; got nan\. Give 0"),
    ("damping", "0.5", r"damping must be in \[0, 1\) .*; got '0\.5'\. Give 0"),
    ("damping", None, r"damping must be in \[0, 1\) .*; got None\. Give 0"),
    ("damping_in_action", 1, r"damping_in_action must be True or False; got 1\. Give one of the two"),
    ("reward", "team", r"reward must be one of \('cell', 'network', 'predicted', 'user'\); got 'team'\. Choose 'cell'"),
    ("reward", None, r"reward must be one of .*; got None\. Choose 'cell'"),
]


@pytest.mark.parametrize(("field", "value", "message"), BAD_FIELDS, ids=lambda x: str(x)[:40] if not isinstance(x, tuple) else None)
def test_a_field_that_breaks_its_rule_is_refused_with_value_rule_and_remedy(field, value, message):
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**{field: value})


@pytest.mark.parametrize(
    ("fields", "ending"), [({}, "k=5"), ({"damping": 0.5}, "k=5 damping=0.5"), ({"damping_in_action": True}, "k=5 damping=action")]
)
def test_the_line_on_a_network_says_which_game_it_is(fields, ending):
    assert NetworkConfig(**fields).describe().endswith(ending)


def test_fairness_is_a_number_that_the_network_says_in_its_line():
    assert NetworkConfig().fairness == 0.0
    assert "fairness" not in NetworkConfig().describe()
    assert "fairness=1.0" in NetworkConfig(fairness=1).describe()


@pytest.mark.parametrize("value", [-0.5, math.nan, math.inf, True, "1"])
def test_a_fairness_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match=r"fairness must be a number within \[0, 5\]; got"):
        NetworkConfig(fairness=value)
