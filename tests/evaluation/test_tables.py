"""Tables on terminals of any width: nothing is cut, and what a narrow one leaves out is named."""

import io

import pytest
from rich.console import Console

from multicell_env import NetworkConfig
from multicell_env.evaluation.playing import MethodResult, evaluate_allocations
from multicell_env.evaluation.tables import print_generalisation, print_table


@pytest.fixture(scope="module")
def results() -> list[MethodResult]:
    return evaluate_allocations(NetworkConfig(num_slots=2), num_blocks=2)


def printed(results: list[MethodResult], width: int, *, terminal: bool) -> str:
    file = io.StringIO()
    print_table(results, NetworkConfig(num_slots=2), Console(file=file, width=width, force_terminal=terminal, color_system=None))
    return file.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_number_is_cut(results, width, terminal):
    text = printed(results, width, terminal=terminal)
    assert "…" not in text
    bound = next(line for line in text.splitlines() if line.startswith("assignment_bound")).split()
    mean = next(result for result in results if result.name == "assignment_bound").last_slot["mean"]
    assert f"{mean:.2f}" in bound


def test_a_narrow_terminal_gets_lines_that_fit_and_the_names_of_what_is_left_out(results):
    text = printed(results, 80, terminal=True)
    assert max(map(len, text.splitlines())) <= 80
    assert "Not shown, because the terminal is narrow: starts, % best" in " ".join(text.split())
    assert "starts" not in text.splitlines()[1]


def test_a_wide_terminal_and_a_file_get_all_columns(results):
    for text in (printed(results, 120, terminal=True), printed(results, 20, terminal=False)):
        assert text.splitlines()[1].split()[-4:] == ["best", "starts", "ms", "CSI"]
        assert "Not shown" not in text


def test_networks_of_all_sizes_are_never_cut_either(results):
    file = io.StringIO()
    print_generalisation(
        {"a-network-with-a-long-name": results}, Console(file=file, width=30, force_terminal=True, color_system=None), 0.0, 3
    )
    assert "…" not in file.getvalue()
    assert "a-network-with-a-long-name" in file.getvalue()
