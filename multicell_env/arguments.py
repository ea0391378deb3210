"""Arguments of constructors, of `reset` and of `step`: networks, seeds, options and actions."""

import operator
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from jaxtyping import Bool

from multicell_env.channels.model import ChannelModel
from multicell_env.channels.pool import RecordedChannels
from multicell_env.config import NetworkConfig
from multicell_env.config_checks import as_array, checked_int, shown

MOST = {"num_envs": 10**8, "num_threads": 4096}
"""Largest counts: environments of the smallest network in 64 GB, and threads of a process."""


def resolve_config(
    config: NetworkConfig | None, *, channels: ChannelModel | None = None, max_cycles: int | None = None, **overrides: Any
) -> NetworkConfig:
    """The network for a constructor: `config` (or the default) with fields replaced.

    Recorded channels determine the sizes of the default network, and the mean gains of a network without any.

    Raises:
        TypeError: `config` is not a NetworkConfig, or an override is not a field of it.
        ValueError: a field breaks its rule, the network does not fit recorded channels, or `max_cycles` is not a whole number
            of slots, or contradicts `num_slots`.
    """
    pool = channels if isinstance(channels, RecordedChannels) else None
    sizes = pool.sizes if pool is not None and config is None else {}
    config = NetworkConfig() if config is None else config
    if not isinstance(config, NetworkConfig):
        raise TypeError(
            f"config must be a NetworkConfig; got {type(config).__name__}. Pass fields by name instead: parallel_env(num_cells=3)."
        )
    names = [field.name for field in fields(NetworkConfig)]
    for name in overrides:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            raise TypeError(
                f"there is no argument {name!r}; did you mean {near[0]!r}?"
                if near
                else f"there is no argument {name!r}. The fields of NetworkConfig are {names}."
            )
    config = replace(config, **sizes | overrides, **_slots(config, max_cycles, overrides))
    return config if pool is None else pool.fitted(config)


def _slots(config: NetworkConfig, max_cycles: Any, overrides: Mapping[str, Any]) -> dict[str, Any]:
    if max_cycles is None:
        return {}
    if isinstance(max_cycles, bool) or not isinstance(max_cycles, int | np.integer):
        raise ValueError(f"max_cycles must be a whole number of steps; got {shown(max_cycles)}. Give such a number.")
    rounds = overrides.get("rounds_per_slot", config.rounds_per_slot)
    num_slots = max_cycles = int(max_cycles)
    if isinstance(rounds, int | np.integer) and rounds > 1:
        num_slots, left = divmod(max_cycles, rounds)
        if left or not num_slots:
            raise ValueError(
                f"max_cycles must be a whole number of slots of {rounds} rounds; got {shown(max_cycles)}. Give a multiple of {rounds}."
            )
    if overrides.get("num_slots", num_slots) != num_slots:
        raise ValueError(
            f"max_cycles is another name for num_slots times rounds_per_slot; got {shown(max_cycles)} and {shown(overrides['num_slots'])}. "
            "Give one of them."
        )
    return {"num_slots": int(num_slots)} if "num_slots" not in overrides else {}


def checked_counts(**counts: Any) -> list[int]:
    """The counts `num_envs` and `num_threads` as ints.

    Raises:
        ValueError: a count is not a whole number, below 1, or too large.
    """
    return [checked_int(name, value, 1, MOST[name]) for name, value in counts.items()]


def reset_mask(options: Mapping[str, Any] | None, num_envs: int) -> Bool[np.ndarray, " env"]:
    """The environments that `reset(options={"reset_mask": mask})` resets; all without a mask.

    Raises:
        ValueError: the options are not a mapping, or have channels or a mask of another shape or type.
    """
    if options is not None and (not isinstance(options, Mapping) or "channels" in options):
        got = "channels" if isinstance(options, Mapping) else type(options).__name__
        raise ValueError(f"options must be a mapping without channels; got {got}. Give MulticellVectorEnv(channels=pool) for them.")
    _warn_of_near_misses(options or {}, ("reset_mask", "channels"))
    mask = (options or {}).get("reset_mask")
    chosen = np.ones(num_envs, dtype=bool) if mask is None else as_array(mask, "reset_mask", (num_envs,))
    if chosen.shape != (num_envs,) or chosen.dtype != bool:
        raise ValueError(
            f"reset_mask must be a bool array of shape ({num_envs},); got {chosen.dtype} of shape {chosen.shape}. "
            "Give True for every environment to reset."
        )
    return chosen


def checked_options(options: Any, seed: Any) -> Mapping[str, Any]:
    """The options of a single environment's `reset`; empty by default.

    Raises:
        ValueError: they are not a mapping, or the seed is not a whole number of at least 0.
    """
    if options is not None and not isinstance(options, Mapping):
        raise ValueError(
            f"options must be a mapping or None; got {type(options).__name__}. Give {{'channels': array}} to play on given channels."
        )
    if seed is not None:
        whole_seed(seed)
    strict = (options or {}).get("strict")
    if strict is not None and not isinstance(strict, bool | np.bool_):
        raise ValueError(f"options['strict'] must be True or False; got {shown(strict)}. Give one of the two.")
    _warn_of_near_misses(options or {}, ("channels", "strict"))
    return options or {}


def checked_render_mode(mode: Any, modes: Sequence[str]) -> str | None:
    """The render mode of an environment.

    Raises:
        ValueError: it is neither None nor one of the modes.
    """
    if mode is not None and (not isinstance(mode, str) or mode not in modes):
        raise ValueError(f"render_mode must be None or one of {modes}; got {shown(mode)}. Choose one of them.")
    return mode


def _warn_of_near_misses(options: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Warn of unknown keys that resemble known ones. Others are ignored, because PettingZoo's own test sends one."""
    for key in options:
        near = get_close_matches(str(key), known, n=1, cutoff=0.8)
        if near and key not in known:
            warnings.warn(f"options has {key!r}, which is ignored; did you mean {near[0]!r}?", stacklevel=4)


def whole_seed(seed: Any) -> int:
    """A seed as an int, from any type of whole number, such as an array without axes.

    Raises:
        ValueError: it is not a whole number, or negative.
    """
    try:
        if isinstance(seed, bool | np.bool_) or (isinstance(seed, np.ndarray) and seed.dtype == bool):
            raise TypeError
        if (number := operator.index(seed)) >= 0:
            return number
    except TypeError:
        pass
    raise ValueError(f"seed must be a whole number of at least 0, or None; got {shown(seed)}. Give such a number.")


def seeds_of_each(seed: Any, num_envs: int) -> list[int | None]:
    """One seed for each environment: a number s gives environment i the seed s + i.

    Raises:
        ValueError: a seed is not a whole number of at least 0, or there are not as many as environments.
    """
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, str | bytes | Mapping) or not isinstance(seed, Iterable) or getattr(seed, "ndim", 1) == 0:
        first = whole_seed(seed)
        return [first + env for env in range(num_envs)]
    seeds = [None if own is None else whole_seed(own) for own in seed]
    if len(seeds) != num_envs:
        raise ValueError(f"seed must be one number, or one for each of {num_envs} environments; got {len(seeds)}. Give either.")
    return seeds


def check_actions(xp: Any, actions: Any, *, config: NetworkConfig, num_blocks: int) -> None:
    """Refuse actions of a wrong shape or type, or with values that are not finite.

    Args:
        xp: The array library of the actions.
        actions: An array of this library.
        config: The network.
        num_blocks: Number of blocks to play.

    Raises:
        ValueError: another shape, a type that is not real, NaN or infinity.
    """
    shape = (num_blocks, config.num_cells, *config.action_shape(config.max_users))
    if tuple(actions.shape) != shape or not xp.isdtype(actions.dtype, ("real floating", "integral", "bool")):
        raise ValueError(
            f"actions must be real numbers [block, cell, ..., band, user] of shape {shape}; got {actions.dtype} of shape "
            f"{tuple(actions.shape)}. Give {config.action_entries}."
        )
    if not bool(xp.all(xp.isfinite(actions))):
        raise ValueError(f"actions must be finite; got NaN or infinity. Give {config.action_entries}.")
