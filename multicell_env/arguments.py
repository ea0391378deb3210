"""What constructors and `reset` are asked for: a network, and one seed for each environment."""

import operator
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from multicell_env.config import NetworkConfig


def resolve_config(config: NetworkConfig | None, *, max_cycles: int | None = None, **overrides: Any) -> NetworkConfig:
    """The network that a constructor was asked for: `config` (or the default) with fields replaced.

    Raises:
        TypeError: `config` is no NetworkConfig, or an override is no field of it.
        ValueError: a field breaks its rule, `max_cycles` is no whole number of slots, or it and `num_slots` differ.
    """
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
    if max_cycles is None:
        return replace(config, **overrides)
    rounds = overrides.get("rounds_per_slot", config.rounds_per_slot)
    num_slots: Any = max_cycles
    if isinstance(rounds, int) and rounds > 1 and isinstance(max_cycles, int):
        num_slots, left = divmod(max_cycles, rounds)
        if left or not num_slots:
            raise ValueError(
                f"max_cycles must be a whole number of slots of {rounds} rounds; got {max_cycles}. Give a multiple of {rounds}."
            )
    if overrides.get("num_slots", num_slots) != num_slots:
        raise ValueError(
            f"max_cycles is another name for num_slots times rounds_per_slot; got {max_cycles} and {overrides['num_slots']}. "
            "Give one of them."
        )
    return replace(config, **{**overrides, "num_slots": num_slots})


def seeds_of_each(seed: Any, num_envs: int) -> list[int | None]:
    """One seed for each environment: a number s gives environment i the seed s + i.

    Raises:
        ValueError: a seed is no whole number of at least 0, or there are more or fewer than environments.
    """
    if seed is None:
        return [None] * num_envs
    try:
        each = [operator.index(seed) + env for env in range(num_envs)] if np.ndim(seed) == 0 else seed
        seeds = [None if own is None else operator.index(own) for own in each]
    except TypeError as error:
        raise ValueError(f"seed must be a whole number, or one (or None) for each environment; got {seed!r}. Give either.") from error
    if any(own is not None and own < 0 for own in seeds):
        raise ValueError(f"seeds must not be negative; got {seed!r}. Give 0 or more.")
    if len(seeds) != num_envs:
        raise ValueError(f"seed must be one number, or one for each of {num_envs} environments; got {len(seeds)}. Give either.")
    return seeds
