"""Fixtures that several files use: the contract is held on every network of `episodes.NETWORKS`, with both observations."""

from typing import Any

import pytest
from episodes import NETWORKS, Make

from multicell_env import multicell_v0


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def network(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


@pytest.fixture(params=["csi", "gain"])
def make(request: pytest.FixtureRequest, network: dict[str, Any]) -> Make:
    return lambda **overrides: multicell_v0.parallel_env(observation=request.param, **{**network, **overrides})
