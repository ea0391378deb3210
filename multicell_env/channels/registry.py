"""Channel models by name, and their compositions: the values of `NetworkConfig.channel_model`."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from multicell_env.channels.composition import Composition
from multicell_env.channels.correlated import Correlated
from multicell_env.channels.estimated import Estimated
from multicell_env.channels.fading import Fading
from multicell_env.channels.model import ChannelModel
from multicell_env.channels.pool import RecordedChannels
from multicell_env.channels.rayleigh import Rayleigh
from multicell_env.channels.redraw import Redraw
from multicell_env.config import NetworkConfig
from multicell_env.networks.deployment import Deployment

CHANNEL_MODELS: dict[str, ChannelModel] = {"rayleigh": Rayleigh(), "redraw": Redraw(), "fading": Fading()}
"""Channel models by name. A program may add its own, such as `Fading(speed_kmh=30.0)`, before it makes environments."""
LAID_OVER: dict[str, Correlated | Deployment | Estimated] = {
    "correlated": Correlated(),
    "geometric": Deployment(),
    "estimated": Estimated(),
}
"""Extensions of a channel model, by name."""


def channel_model(name: str) -> ChannelModel:
    """The channel model of a name.

    Raises:
        ValueError: there is no such model.
    """
    if name not in CHANNEL_MODELS:
        raise ValueError(
            f"channel_model must be one of {sorted(CHANNEL_MODELS)}; got {name!r}. Choose one, or add yours to CHANNEL_MODELS; any of "
            f"{sorted(LAID_OVER)} may be laid over it."
        )
    return CHANNEL_MODELS[name]


def composition(text: str, channels: ChannelModel | None = None) -> Composition:
    """The composition that a text such as `"fading:speed_kmh=30+geometric:sectors=3,spacing_m=200+estimated:error_db=-20"` describes.

    Parts are separated by plus signs, in any order: at most one of `CHANNEL_MODELS` ("rayleigh" by default), and each of `LAID_OVER` at
    most once. A colon after a part is followed by fields that differ from their defaults, separated by commas.

    Given channels replace the Rayleigh model. A channel model accepts every extension of `LAID_OVER`. Recorded channels accept "estimated"
    only, because they have antenna correlation and positions of their own. "fading" and "redraw" also move recorded channels.

    Args:
        text: As above.
        channels: A channel model or recorded channels, instead of the model in the text.

    Raises:
        ValueError: there is no such part or field, a part is given twice, a value breaks its field's rule, or a part cannot be combined
            with the channels.
    """
    named, model, laid_over = "rayleigh", None, {}
    for part in text.split("+"):
        name, _, words = (word.strip() for word in part.partition(":"))
        if name in laid_over or (name in CHANNEL_MODELS and model is not None):
            raise ValueError(f"channel_model must have one model, and the others once each; got {text!r}. Leave {name!r} out.")
        if name in LAID_OVER:
            laid_over[name] = _with_fields(name, LAID_OVER[name], words)
        else:
            named, model = name, _with_fields(name, channel_model(name), words)
    if channels is None:
        return Composition(model=model or CHANNEL_MODELS["rayleigh"], **laid_over)
    return _of_given(channels, named, model, laid_over)


def model_of(config: NetworkConfig, channels: ChannelModel | None = None) -> Composition:
    """The channel model of a network, from given channels or from the model that it names; see `composition`.

    Raises:
        ValueError: `channel_model` breaks its rules, it does not fit the network's cells, or cannot be combined with the channels.
    """
    made = composition(config.channel_model, channels)
    made.check(config)
    return made


def _of_given(channels: ChannelModel, named: str, model: ChannelModel | None, laid_over: Mapping[str, Any]) -> Composition:
    is_recorded, kind = isinstance(channels, RecordedChannels), type(channels).__name__
    moved_by = model if is_recorded and isinstance(model, Fading | Redraw) else None
    if moved_by is None and named != "rayleigh":
        moving = " 'fading' or 'redraw'" if is_recorded else ""
        raise ValueError(
            f"channel_model must be 'rayleigh' (the default){' or' * is_recorded}{moving} where channels are given; got {named!r} beside "
            f"{kind}. Leave one of them out."
        )
    if is_recorded and (own := sorted({"correlated", "geometric"} & set(laid_over))):
        raise ValueError(
            f"channel_model must not have {' and '.join(map(repr, own))} over recorded channels, which have correlated antennas and places "
            f"of users of their own; got it beside {kind}. Leave it out."
        )
    return Composition(model=channels, moved_by=moved_by, **laid_over)


def _with_fields(name: str, model: Any, words: str) -> Any:
    """The model with some fields changed, each to a value of the field's type."""
    known = {field.name: getattr(model, field.name) for field in fields(model)} if hasattr(model, "__dataclass_fields__") else {}
    changed: dict[str, Any] = {}
    for word in filter(None, words.split(",")):
        field, _, value = (side.strip() for side in word.partition("="))
        if field not in known:
            raise ValueError(f"channel_model {name!r} has the fields {sorted(known)}; got {field!r}. Write {name}:field=value.")
        try:
            changed[field] = _read(value, type(known[field]))
        except ValueError:
            kind = {"float": "a number", "int": "a whole number", "bool": "true or false"}.get(type(known[field]).__name__, "a word")
            raise ValueError(f"{field} of channel_model {name!r} must be {kind}; got {value!r}. Give such a value.") from None
    return replace(model, **changed) if changed else model


def _read(value: str, kind: type) -> Any:
    if kind is not bool:
        return kind(value)
    if value.lower() not in ("true", "false"):
        raise ValueError(value)
    return value.lower() == "true"
