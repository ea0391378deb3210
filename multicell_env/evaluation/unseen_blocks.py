"""The unseen blocks on which methods are compared."""

import numpy as np

from multicell_env import streams
from multicell_env.arguments import resolve_config
from multicell_env.blocks import Blocks
from multicell_env.channels.model import ChannelModel
from multicell_env.channels.pool import Channels, RecordedChannels, channels_of
from multicell_env.config import NetworkConfig
from multicell_env.streams import FIRST_SEED


def draw_blocks(
    config: NetworkConfig, num_blocks: int, seed: int = FIRST_SEED, *, keep_channels: bool = True, channels: ChannelModel | None = None
) -> Blocks:
    """Draw unseen blocks. Block i is the one that `env.reset(seed=seed + i)` draws.

    Args:
        config: The network; for recorded channels from `RecordedChannels.fitted`.
        num_blocks: Number of blocks.
        seed: Seed of the first block.
        keep_channels: Whether blocks keep their channels, which the observation "csi" needs.
        channels: Channel model, instead of the one that the network names.

    Raises:
        ValueError: fewer than one block.
    """
    if num_blocks < 1:
        raise ValueError(f"num_blocks must be at least 1; got {num_blocks}. Give a positive whole number.")
    blocks = Blocks(config, num_blocks, keep_channels=keep_channels, channels=channels)
    blocks.draw(np.arange(num_blocks), [np.random.default_rng(seed + block) for block in range(num_blocks)])
    return blocks


def error_streams(config: NetworkConfig, num_blocks: int, seed: int = FIRST_SEED) -> list[np.random.Generator]:
    """Generators of measurement errors for the blocks of `draw_blocks`, as in `env.reset(seed=seed + i)`; empty without errors."""
    with_errors = num_blocks if config.measurement_error_db > 0.0 else 0
    return [streams.error_stream(np.random.default_rng(seed + block)) for block in range(with_errors)]


def judged_on(config: NetworkConfig | None, channels: Channels | None, num_blocks: int) -> tuple[NetworkConfig, ChannelModel | None, int]:
    """The network, the channel model (of a pool the test part) and the number of blocks for a comparison.

    Each block of a pool is played at most once, so its size limits the number of blocks.

    Args:
        config: The network; by default the paper's, or that of recorded channels.
        channels: As for `compare`.
        num_blocks: Largest number of blocks.

    Raises:
        TypeError, ValueError: the channels are invalid, or do not fit the network.
    """
    model = channels_of(channels, "test")
    most = len(model) if isinstance(model, RecordedChannels) else num_blocks
    return resolve_config(config, channels=model), model, min(num_blocks, most)
