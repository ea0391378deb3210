"""The blocks on which methods are compared: which they are, and of what network."""

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
    """Unseen blocks; block i is the one that `env.reset(seed=seed + i)` draws. Observation "csi" needs them to keep their channels.

    Args:
        config: The network; with recorded channels a fitted one.
        num_blocks: How many.
        seed: Of the first one.
        keep_channels: Whether they keep their channels.
        channels: Where channels come from, in place of the model that the network names.

    Raises:
        ValueError: fewer than one block.
    """
    if num_blocks < 1:
        raise ValueError(f"num_blocks must be at least 1; got {num_blocks}. Give a positive whole number.")
    blocks = Blocks(config, num_blocks, keep_channels=keep_channels, channels=channels)
    blocks.draw(np.arange(num_blocks), [np.random.default_rng(seed + block) for block in range(num_blocks)])
    return blocks


def error_streams(config: NetworkConfig, num_blocks: int, seed: int = FIRST_SEED) -> list[np.random.Generator]:
    """Measurement errors of the blocks of `draw_blocks`, as `env.reset(seed=seed + i)` has them; none where the network has none."""
    with_errors = num_blocks if config.measurement_error_db > 0.0 else 0
    return [streams.error_stream(np.random.default_rng(seed + block)) for block in range(with_errors)]


def judged_on(config: NetworkConfig | None, channels: Channels | None, num_blocks: int) -> tuple[NetworkConfig, ChannelModel | None, int]:
    """What methods are judged on: the network, the source of channels, of a pool its test part, and the number of blocks.

    A part of a pool has no more blocks than it has: each is played at most once.

    Raises:
        TypeError, ValueError: the channels are none, or not of the network.
    """
    model = channels_of(channels, "test")
    most = len(model) if isinstance(model, RecordedChannels) else num_blocks
    return resolve_config(config, channels=model), model, min(num_blocks, most)
