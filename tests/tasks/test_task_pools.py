"""Pools that tasks bring along: which block a seed plays, and on which network."""

from pathlib import Path

import numpy as np
import pytest

import multicell_env
from multicell_env import NetworkConfig, multicell_v0
from multicell_env.channels.pool import RecordedChannels
from multicell_env.streams import FIRST_SEED
from multicell_env.tasks import TASKS, pool

EXAMPLE = Path(__file__).parents[2] / "examples" / "umi-3.npz"
TASK = TASKS["umi-3-v0"]


def test_the_pool_of_the_task_is_the_example() -> None:
    assert (Path(pool.__file__).parent / EXAMPLE.name).read_bytes() == EXAMPLE.read_bytes()
    assert TASK.network_of(0) == RecordedChannels(EXAMPLE).fitted(NetworkConfig(channel_model="umi-3"))
    assert TASK.num_test_blocks == len(RecordedChannels(EXAMPLE).test)


@pytest.mark.parametrize(
    ("seed", "part"),
    [(0, "train"), (75, "train"), (FIRST_SEED, "test"), (FIRST_SEED + 21, "test"), (2_000_003, "validation"), (3_000_000, "train")],
)
def test_a_seed_says_the_part_and_the_block(seed: int, part: str) -> None:
    of_part = getattr(RecordedChannels(EXAMPLE), part)
    expected = multicell_v0.parallel_env(NetworkConfig(), channels=of_part, observation="gain").reset(seed=seed)[0]
    for agent, planes in multicell_env.make("umi-3-v0").reset(seed=seed)[0].items():
        np.testing.assert_array_equal(planes, expected[agent])


@pytest.mark.parametrize(("seed", "part"), [(None, "train"), (4, "train"), (FIRST_SEED, "test")])
def test_a_block_without_a_seed_is_of_the_part_of_its_environment(seed: int | None, part: str) -> None:
    env, of_part = multicell_env.make("umi-3-v0", observation="csi"), getattr(RecordedChannels(EXAMPLE), part)
    if seed is not None:
        env.reset(seed=seed)
    plain = multicell_v0.parallel_env(NetworkConfig(), channels=of_part, observation="csi")
    blocks = [plain.reset(seed=block)[0]["bs_1"] for block in range(len(of_part))]
    for _ in range(10):
        planes = env.reset()[0]["bs_1"]
        assert any(np.array_equal(planes, block) for block in blocks)


def test_a_pool_of_a_task_is_refused_on_another_network() -> None:
    for network in (NetworkConfig(channel_model="umi-3"), NetworkConfig(channel_model="umi-3", num_bands=3)):
        with pytest.raises(ValueError, match=r"'umi-3' must be played on its task's network; got B=3 .* Make umi-3-v0"):
            multicell_v0.parallel_env(network).reset(seed=0)
