"""Tables on terminals of any width: nothing is cut, and what a narrow one leaves out is named."""

import io

import pytest
from rich.console import Console

from multicell_env import NetworkConfig
from multicell_env.allocations.wmmse import starts
from multicell_env.evaluation.playing import draw_blocks, evaluate_allocations
from multicell_env.evaluation.results import MethodResult
from multicell_env.evaluation.tables import print_table


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
    assert "Not shown, because the terminal is narrow: starts, % bound" in " ".join(text.split())
    assert "starts" not in text.splitlines()[1]


def test_a_wide_terminal_and_a_file_get_all_columns(results):
    for text in (printed(results, 120, terminal=True), printed(results, 20, terminal=False)):
        assert text.splitlines()[1].split()[-8:] == ["%", "best", "known", "%", "bound", "starts", "ms", "needs"]
        assert "Not shown" not in text


def test_what_must_be_known_is_said_in_words_where_there_is_room(results):
    wide, narrow = printed(results, 200, terminal=True), printed(results, 100, terminal=False)
    for method, words, measured in (
        ("wmmse", "channels of all", ""),
        ("planned", "statistics of all", ""),
        ("flwf", "own measurements", ": 5 INGR"),
        ("pricing ", "own measurements", ": 5 INGR + price"),
    ):
        lines = [next(line for line in text.splitlines() if line.startswith(method)) for text in (wide, narrow)]
        assert lines[0].rstrip().endswith(f" {words}{measured}")
        assert lines[1].rstrip().endswith(f" {words.split()[0]}{measured}")


def test_the_caption_counts_the_climbs_of_wmmse_that_ran(results):
    block = draw_blocks(NetworkConfig(), 1)
    count = len(starts(block.gains, block.user_budgets))
    assert f"wmmse: the best of {count} climbs" in " ".join(printed(results, 200, terminal=True).split())


@pytest.mark.parametrize("config", [NetworkConfig(num_slots=2, sir_db=20.0), NetworkConfig(num_slots=2, num_bands=2)])
def test_percentages_of_no_bound_are_not_shown(config):
    file = io.StringIO()
    print_table(evaluate_allocations(config, num_blocks=2, timed=False), config, Console(file=file, width=120))
    assert "% bound" not in file.getvalue().splitlines()[1]
    assert "% best known" in file.getvalue().splitlines()[1]
    assert "no % bound: the best exclusive assignment is none" in " ".join(file.getvalue().split())


def test_a_caption_says_how_many_iterations_negotiate_where_the_network_has_none():
    config, captions = NetworkConfig(num_slots=2, num_iterations=0), []
    for methods in (("flwf", "iwf", "sswf"), ("iwf",), ("sswf",)):
        file = io.StringIO()
        print_table(evaluate_allocations(config, num_blocks=2, methods=methods, timed=False), config, Console(file=file, width=120))
        captions.append(" ".join(file.getvalue().split()))
    assert "flwf and iwf make 5 iterations a slot" in captions[0]
    assert "; iwf makes 5 iterations a slot" in captions[1]
    assert "iterations a slot" not in captions[2]
