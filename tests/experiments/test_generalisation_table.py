"""The table of methods on networks of all sizes."""

import io

from rich.console import Console

from experiments.studies.generalisation_table import print_generalisation
from multicell_env import NetworkConfig
from multicell_env.evaluation.playing import evaluate_allocations


def test_networks_of_all_sizes_are_never_cut() -> None:
    results = evaluate_allocations(NetworkConfig(num_slots=2), num_blocks=2, methods=("uniform", "assignment_bound"), timed=False)
    file = io.StringIO()
    console = Console(file=file, width=30, force_terminal=True, color_system=None)
    print_generalisation({"a-network-with-a-long-name": results}, console, 3)
    assert "…" not in file.getvalue()
    assert "a-network-with-a-long-name" in file.getvalue()
