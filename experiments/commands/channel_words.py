"""The flag --channels: pools of recorded channels, and the networks on which they are played."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any

import tyro

from experiments.command_line import check_drawn, values_of
from multicell_env.channels.axes import AXES
from multicell_env.channels.files import split_key
from multicell_env.channels.pool import RecordedChannels
from multicell_env.config import NetworkConfig

AXES_HELP = f"Names of these arrays' axes in their order, if it is not {','.join(AXES)}."


@dataclass(frozen=True)
class ChannelArguments:
    """Recorded channels, instead of drawn ones. A pool determines the sizes and the mean gains of its network."""

    channels: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="FILE[:KEY]")] = ()
    """A pool of blocks in .npy, .npz, .mat, .h5 or .hdf5, scaled to noise power 1. Repeat the flag for more pools. 70 % of the blocks are
    for training, 10 % for the choice of the best actor, and 20 % for evaluations."""
    channel_axes: Annotated[str | None, tyro.conf.arg(metavar="NAMES", help=AXES_HELP)] = None

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "ChannelArguments":
        """The arguments that a file has stored, or no channels.

        Raises:
            TypeError: they are not text.
        """
        channels, axes = kept.get("channels", ()), kept.get("channel_axes")
        if not isinstance(channels, list | tuple) or not all(isinstance(word, str) for word in channels):
            raise TypeError(f"channels = {channels!r:.80}")
        if axes is not None and not isinstance(axes, str):
            raise TypeError(f"channel_axes = {axes!r:.80}")
        return cls(tuple(channels), axes)

    @property
    def pools(self) -> list[RecordedChannels]:
        """The pools. Each file is read once.

        Raises:
            FileNotFoundError, ValueError: there is no such file, or it holds no channels.
        """
        return [_opened(word, self.channel_axes) for word in self.channels]


@lru_cache(maxsize=32)
def _opened(word: str, axes: str | None) -> RecordedChannels:
    try:
        return RecordedChannels(word, axes=AXES if axes is None else axes)
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from error


def asked_channels(argv: list[str]) -> ChannelArguments:
    """The channel flags of a command line, read before the others, whose defaults depend on them."""
    axes = values_of("--channel-axes", argv)
    return ChannelArguments(tuple(values_of("--channels", argv)), axes[-1] if axes else None)


def name_of(pool: RecordedChannels) -> str:
    """A pool's name, in tables and as a file name."""
    path, key = split_key(str(pool.file))
    return path.stem if key is None else f"{path.stem}-{key.strip('/').replace('/', '-')}"


def network_of(pool: RecordedChannels, config: NetworkConfig) -> NetworkConfig:
    """The network of a pool, with the rules of `config`, and with its powers if the pool's file has none."""
    return pool.fitted(_sized(pool, config))


def _sized(pool: RecordedChannels, config: NetworkConfig) -> NetworkConfig:
    rules: dict[str, Any] = {**pool.powers, "snr_db": NetworkConfig.snr_db} if pool.powers else {}
    if pool.sizes["num_users"] > pool.sizes["num_antennas"] and config.schedule == "none":
        rules["schedule"] = "round-robin"  # not all can be served at once
    return replace(config, **pool.sizes, **rules, mean_gains=None, channel_model="rayleigh")


def usual_network(recorded: ChannelArguments, usual: NetworkConfig, *, beside_scenarios: bool) -> NetworkConfig:
    """The default values of network flags: the pool's network if one pool is played alone, else `usual`."""
    if len(recorded.channels) != 1 or beside_scenarios:
        return usual
    return _sized(recorded.pools[0], usual)


def checked_network(recorded: ChannelArguments, config: NetworkConfig, usual: NetworkConfig, *, beside_scenarios: bool) -> NetworkConfig:
    """The network, with the mean gains of its channels if one pool is played alone. Flags that contradict the channels are refused.

    Args:
        recorded: The channel flags.
        config: The network of the command line.
        usual: The network without any flags.
        beside_scenarios: Whether scenarios are played too; their networks have sizes of their own.

    Raises:
        ValueError: a flag for sizes or gains contradicts the pool, two pools have one name, or --channel-axes has no channels.
    """
    if recorded.channel_axes is not None and not recorded.channels:
        raise ValueError(f"--channel-axes names the axes of --channels; got {recorded.channel_axes} without. Give both.")
    pools = recorded.pools
    names = [name_of(pool) for pool in pools]
    if len(set(names)) < len(names):
        raise ValueError(f"--channels must be files with different names, which tables use; got {', '.join(names)}. Rename one.")
    if not pools:
        return config
    if config.sir_db != usual.sir_db:
        raise ValueError(f"the channels determine the mean gains; got --sir-db {config.sir_db:g} beside --channels. Leave it out.")
    if len(pools) == 1 and not beside_scenarios:
        return pools[0].fitted(config)
    decided = {name: getattr(config, name) for name in ("mean_gains", "channel_model", *pools[0].sizes)}
    check_drawn("--channels", replace(usual, **decided), usual)
    return config


def pools_and_networks(
    recorded: ChannelArguments, config: NetworkConfig, *, beside_scenarios: bool
) -> list[tuple[RecordedChannels, NetworkConfig]]:
    """Every pool with its network, with the powers and rules of the command line. For a single pool the network is `config` itself."""
    pools = recorded.pools
    if len(pools) == 1 and not beside_scenarios:
        return [(pools[0], pools[0].fitted(config))]
    return [(pool, network_of(pool, config)) for pool in pools]
