"""Models of channels by name: what `NetworkConfig.channel_model` chooses from."""

from multicell_env.channels.fading import Fading
from multicell_env.channels.model import ChannelModel
from multicell_env.channels.rayleigh import Rayleigh
from multicell_env.channels.redraw import Redraw

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
