"""skrl's form of the environment; runs where skrl is installed, as in build/examples/skrl_ippo."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from multicell_env.adapters import flat_env

pytest.importorskip("skrl")
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_environment_is_the_flat_one_of_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    env = importlib.import_module("skrl_ippo").SkrlEnv(2, reward_scale=10.0, seed=5, num_users=(2, 4, 3))
    observations, _ = env.reset()
    singles = [flat_env(reward_scale=10.0, num_users=(2, 4, 3)) for _ in range(2)]
    expected = [single.reset(seed=5 + i)[0] for i, single in enumerate(singles)]
    wanted: list[dict[str, float]] = [{}, {}]
    for _ in range(9):
        actions = {agent: torch.randn(2, *space.shape).clamp(-1, 1) for agent, space in env.action_spaces.items()}
        for i, single in enumerate(singles):
            for agent, rows in observations.items():
                np.testing.assert_allclose(rows[i].numpy(), expected[i][agent], rtol=1e-6)
            expected[i], wanted[i], *_ = single.step({agent: own[i].numpy() for agent, own in actions.items()})
        observations, rewards, terminated, truncated, _ = env.step(actions)
        for agent, column in rewards.items():
            np.testing.assert_allclose(column[:, 0].numpy(), [own[agent] for own in wanted], rtol=1e-5)
            assert not terminated[agent].any()
            assert not truncated[agent].any()
    *_, truncated, _ = env.step(actions)
    assert all(flags.all() for flags in truncated.values())
    env.step(actions)  # the next block has begun
    assert env.state()["bs_0"].shape == (2, *env.state_space("bs_0").shape)
    env.close()
