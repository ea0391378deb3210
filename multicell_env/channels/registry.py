"""Models of channels by name: what `NetworkConfig.channel_model` chooses from."""

from multicell_env.channels.fading import Fading
from multicell_env.channels.model import ChannelModel
from multicell_env.channels.rayleigh import Rayleigh
from multicell_env.channels.redraw import Redraw
from multicell_env.config import NetworkConfig

CHANNEL_MODELS: dict[str, ChannelModel] = {"rayleigh": Rayleigh(), "redraw": Redraw(), "fading": Fading()}
"""By name. A program may add its own, such as `Fading(speed_kmh=30.0)`, before it makes environments."""


def channel_model(name: str) -> ChannelModel:
    """The model of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in CHANNEL_MODELS:
        raise ValueError(
            f"channel_model must be one of {sorted(CHANNEL_MODELS)}; got {name!r}. Choose one, or add yours to CHANNEL_MODELS."
        )
    return CHANNEL_MODELS[name]


def model_of(config: NetworkConfig, channels: ChannelModel | None = None) -> ChannelModel:
    """Where a network's channels come from: what is given, or what the network names.

    Raises:
        ValueError: there is no model of the name, or the network names another one than Rayleigh beside what is given.
    """
    if channels is None:
        return channel_model(config.channel_model)
    if config.channel_model != "rayleigh":
        raise ValueError(
            f"channel_model must be 'rayleigh' (the default) where channels are given; got {config.channel_model!r} beside "
            f"{type(channels).__name__}. Leave one of them out."
        )
    return channels
