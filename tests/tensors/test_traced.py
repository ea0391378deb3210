"""Compilers pass through the round of the game: torch.compile without a break, and the same numbers."""

from typing import Any

import numpy as np
import pytest
import torch

from multicell_env.tensors import TorchVectorEnv
from multicell_env.tensors.playing import play_for_rewards

NETWORK: dict[str, Any] = {"num_antennas": 3, "num_users": (1, 3, 2), "num_bands": 3, "num_slots": 3}
RULES: dict[str, dict[str, Any]] = {
    "powers": {"num_iterations": 0, "observation": "csi"},
    "flwf": {"num_iterations": 2, "rounds_per_slot": 2, "measuring_reward": 0.5},
    "iwf": {"num_iterations": 2, "negotiation": "iwf", "reward": "predicted"},
    "pricing": {"num_iterations": 1, "negotiation": "pricing", "damping_in_action": True, "observation": "price"},
    "multipliers": {"num_iterations": 1, "action": "price", "fairness": 2.0, "observation": "price", "reward": "network"},
}
IGNORE = pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`", "ignore:`torch.jit")


def played(rules: dict[str, Any]) -> tuple[TorchVectorEnv, torch.Tensor]:
    env = TorchVectorEnv(2, dtype="float64", **{"observation": "gain", **NETWORK, **rules})
    env.reset(seed=0)
    low, high = env.config.action_limits
    shape = env.action_space.shape or ()
    actions = torch.from_numpy(np.random.default_rng(0).uniform(low, high, shape).astype(np.float32))
    env.step(actions)
    return env, actions


@IGNORE
@pytest.mark.parametrize("folds", [False, True])
@pytest.mark.parametrize("rules", RULES.values(), ids=list(RULES))
def test_torch_compiles_a_round_without_a_break(rules, folds):
    torch._dynamo.reset()
    env, actions = played(rules)
    blocks = env._blocks
    assert blocks is not None
    arguments = env._beginning.on(blocks), blocks.progress, blocks.measured, actions

    def play(*arguments: Any) -> Any:
        return play_for_rewards(env.config, *arguments, checked=False, folds=folds)

    compiled = torch.compile(play, backend="aot_eager", fullgraph=True)
    expected = play_for_rewards(env.config, *arguments)
    for (round_, rewards), what in ((compiled(*arguments), "compiled"), (play(*arguments), "plain")):
        torch.testing.assert_close(rewards, expected[1], rtol=1e-9, atol=1e-12, msg=what)
        torch.testing.assert_close(round_.progress.powers, expected[0].progress.powers, rtol=1e-9, atol=1e-12, msg=what)
        torch.testing.assert_close(round_.measured.ingr, expected[0].measured.ingr, rtol=1e-9, atol=1e-12, msg=what)


@IGNORE
def test_torch_compiles_the_draw_of_blocks_without_a_break():
    torch._dynamo.reset()
    env, _ = played({"observation": "csi"})
    draw, arguments = env._beginning._of_seeds, (torch.arange(3), torch.tensor([0, 0, 5]))
    compiled = torch.compile(draw, backend="aot_eager", fullgraph=True)
    for one, two in zip(compiled(*arguments), draw(*arguments), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-12)


@IGNORE
@pytest.mark.release
@pytest.mark.parametrize("rules", RULES.values(), ids=list(RULES))
def test_the_compiled_environment_plays_the_plain_ones_game(rules):
    torch._dynamo.reset()
    arguments = {"observation": "gain", **NETWORK, **rules}
    compiled, plain = (TorchVectorEnv(3, compiled=which, **arguments) for which in (True, False))
    torch.testing.assert_close(compiled.reset(seed=0)[0], plain.reset(seed=0)[0])
    low, high = plain.config.action_limits
    for turn in range(2 * plain.config.num_steps):
        shape = plain.action_space.shape or ()
        actions = torch.from_numpy(np.random.default_rng(turn).uniform(low, high, shape).astype(np.float32))
        for one, two in zip(compiled.step(actions)[:4], plain.step(actions)[:4], strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)
