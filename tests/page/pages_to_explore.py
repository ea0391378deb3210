"""Small pages that the tests of this folder read and open."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.page.writing import write_page
from multicell_env import NetworkConfig
from multicell_env.evaluation import compare

SCRIPT_NAME = "<script>alert('&')</script><b>"
"""The name of a policy that must be shown as it is."""
NETWORK = NetworkConfig(num_users=(2, 3, 2), num_antennas=4, num_bands=4, num_slots=3, num_iterations=2)
METHODS = ("flwf", "pricing", "planned", "wmmse", "uniform")


def first_bands(observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every cell opens on a band of its own."""
    return {agent: np.eye(planes.shape[-2])[int(agent[-1])][:, None] * np.ones(planes.shape[-1]) for agent, planes in observations.items()}


def written_page(folder: Path, *, num_blocks: int = 2) -> tuple[dict[str, Any], Path]:
    """Results on a small network with a policy of a wild name, and the file of their page."""
    policies = {SCRIPT_NAME: first_bands}
    results = compare(policies, NETWORK, num_blocks=num_blocks, methods=METHODS, output=folder, quiet=True)
    return results, write_page(results, policies, NETWORK, folder, name="a network <i>of</i> mine")
