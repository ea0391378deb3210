"""Pools of recorded channels: measured, ray-traced, or from another simulator."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from jaxtyping import Int, Shaped

from multicell_env.channels.axes import AXES, arranged, named_axes
from multicell_env.channels.files import read_array, read_powers
from multicell_env.channels.measured import Measured, measured
from multicell_env.channels.model import ChannelModel
from multicell_env.channels.plausible import implausible, warn_of
from multicell_env.channels.recorded import REACH_DB, refuse_unserved
from multicell_env.config import NetworkConfig
from multicell_env.config_checks import as_array
from multicell_env.model.types import CrossChannels, OwnChannels

Part = Literal["train", "validation", "test"]
SHARES: dict[Part, float] = {"train": 0.7, "validation": 0.1, "test": 0.2}
"""Shares of a pool's blocks."""
WEAKEST = 1e-12
"""A gain this far below its cell's mean gain counts as zero, as a rounding error of the recording."""
LEAST = 1e-30
"""Least mean gain that a network can have."""
Channels = ChannelModel | Shaped[np.ndarray, "..."] | str | Path
"""Values of `channels=`: a channel model, or a pool as an array or a file."""


class RecordedChannels:
    """A pool of recorded channels. A block of the game is played on one block of the pool, chosen by the block's generator.

    A newly seeded generator selects block `seed mod n` of the n blocks, so that consecutive seeds play different blocks. A generator that
    has been used selects one at random. Channels are constant in a block.

    The blocks are shuffled by `split_seed` and split into `train`, `validation` and `test` (70, 10 and 20 %). A pool of fewer than three
    blocks is its own training, validation and test. If no part is named, environments play on the training part, and `compare`,
    `evaluate_policy` and `evaluate_allocations` on the test part.

    The pool determines the sizes of its network, and its training part the mean gains; see `fitted`. The file is read once, when the pool
    is made; it stays on disk if its format can be memory-mapped.

    Args:
        source: An array, or `FILE` or `FILE:KEY`; see `multicell_env.channels.files.read_array`. The noise power is 1, in the
            unit of the network's powers.
        axes: Names of the array's axes in their order, if it is not `AXES`.
        split_seed: Seed of the split.
        strict: Whether `fitted` refuses a pool in which a user cannot be served in some block and band. Otherwise it is blocked there.

    Raises:
        FileNotFoundError, ModuleNotFoundError: there is no such file, or the library that reads it is not installed.
        ValueError: the source is not an array of channels.
    """

    def __init__(
        self,
        source: Shaped[np.ndarray, "..."] | str | Path,
        *,
        axes: str | Sequence[str] = AXES,
        split_seed: int = 0,
        strict: bool = False,
    ) -> None:
        self.file = str(source) if isinstance(source, str | Path) else None
        """The pool's file; None for an array."""
        self.axes, self.split_seed, self.strict = named_axes(axes), split_seed, strict
        self.part: Part | None = None
        """The part of the pool; None for the whole pool."""
        array = as_array(source, "channels", self.axes) if self.file is None else read_array(self.file, len(self.axes))
        self.powers = {} if self.file is None else read_powers(self.file)
        """`tx_power_dbm` and `noise_dbm`, dBm, if the file has them beside the channels."""
        self._blocks: Shaped[np.ndarray, "block tx_cell rx_cell band antenna user"] = arranged(array, self.axes)
        self._order: Int[np.ndarray, " block"] = np.arange(len(self._blocks))
        self._parts = _split(len(self._blocks), split_seed)
        counted = np.zeros(len(self._blocks), bool)
        counted[self._parts["train"]] = True
        self.measured: Measured = measured(self._blocks, counted)
        """Measurements of the whole pool; the mean gains are those of the training part."""

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> Shaped[np.ndarray, "tx_cell rx_cell band antenna user"]:
        """One block, for `reset(options={"channels": block})`."""
        return self._blocks[self._order[index]]

    @property
    def train(self) -> Self:
        """The blocks for training."""
        return self._of("train")

    @property
    def validation(self) -> Self:
        """The blocks for choosing the best of several actors."""
        return self._of("validation")

    @property
    def test(self) -> Self:
        """The blocks for the final evaluation."""
        return self._of("test")

    def _of(self, part: Part) -> Self:
        pool = object.__new__(type(self))  # shares everything else, and reads nothing again
        pool.__dict__.update(self.__dict__ | {"part": part, "_order": self._parts[part]})
        return pool

    @property
    def sizes(self) -> dict[str, Any]:
        """The fields of `NetworkConfig` that the pool determines."""
        _, num_cells, _, num_bands, num_antennas, num_users = self._blocks.shape
        return {"num_cells": num_cells, "num_antennas": num_antennas, "num_users": num_users, "num_bands": num_bands}

    @property
    def description(self) -> dict[str, Any]:
        """A description of the pool for results, in JSON's types."""
        return {"file": self.file, "axes": list(self.axes), "part": self.part, "num_blocks": len(self), "split_seed": self.split_seed}

    def fitted(self, config: NetworkConfig | None = None) -> NetworkConfig:
        """A network for the pool. Unless `config` has them, it gets the mean gains of the training part and the powers of the file.

        Implausible channels cause a `ChannelWarning`; see `multicell_env.channels.plausible`.

        Args:
            config: Sizes, powers and rules; by default those of `NetworkConfig` with the pool's sizes. Cells may have different numbers of
                users, up to the pool's.

        Raises:
            ValueError: its sizes are not the pool's, a channel is not finite, there are channels between cells whose mean gain is 0, or
                the channels are so strong that the network's `dtype` cannot represent them; with `strict`, a user cannot be served.
        """
        config = NetworkConfig(**self.sizes) if config is None else config
        if config.tx_power_dbm is None and config.snr_db == NetworkConfig.snr_db:
            config = replace(config, **self.powers)
        for name, size in self.sizes.items():
            given = config.max_users if name == "num_users" else getattr(config, name)
            if given != size:
                raise ValueError(
                    f"the network must have the sizes of the channels, {self.name}: {self.sizes}; got {name}={given}. Leave it out, or "
                    "name the axes in the order of the array."
                )
        self._check_finite(config)
        if config.mean_gains is None:
            config = replace(config, mean_gains=self._mean_gains(config))
        self._check_reach(config)
        gains = np.mean(self.measured.mean_gains, axis=-1, where=config.user_mask)
        warn_of(implausible(config, gains, is_real=self._blocks.dtype.kind != "c", name=self.name))
        if self.strict:
            cells = np.arange(config.num_cells)
            for block, dense in enumerate(self._blocks):
                refuse_unserved(config, np.where(config.user_mask[:, None, None, :], dense[cells, cells], 0.0), f"in block {block} ")
        return config

    def _check_finite(self, config: NetworkConfig) -> None:
        bad = np.argwhere((self.measured.not_finite >= 0) & config.user_mask)
        if len(bad):
            tx, rx, user = (int(i) for i in bad[0])
            raise ValueError(
                f"channels must be finite; got NaN or infinity in block {self.measured.not_finite[tx, rx, user]} of {self.name}, from "
                f"cell {tx} to user {user} of cell {rx}. Repair the recording."
            )

    def _mean_gains(self, config: NetworkConfig) -> tuple[tuple[float, ...], ...]:
        """Means over the users of a cell. A link that is zero in the training part only gets the smallest possible gain."""
        gains = np.mean(self.measured.mean_gains, axis=-1, where=config.user_mask)
        own = np.diagonal(gains)
        if not np.all(own > 0.0):
            cell = int(np.argmin(own))
            raise ValueError(
                f"channels must reach the users of their own cell; got none from cell {cell} to its own users in the training part of "
                f"{self.name}. Check the order of the axes."
            )
        reaches = (self.measured.reaches & config.user_mask).any(axis=-1)
        rows = np.where(reaches, gains.clip(np.maximum(WEAKEST * own, LEAST)), 0.0).tolist()
        return tuple(map(tuple, rows))

    def _check_reach(self, config: NetworkConfig) -> None:
        silent = (config.mean_gain_matrix == 0.0) & (self.measured.reaches & config.user_mask).any(axis=-1)
        if silent.any():
            tx, rx = (int(i) for i in np.argwhere(silent)[0])
            raise ValueError(
                f"channels must be zero between cells that do not interfere; {self.name} has some from cell {tx} to cell {rx}, whose mean "
                f"gain is 0. Give mean_gains[{tx}][{rx}] > 0, or leave mean_gains out, or check the order of the axes."
            )
        lowest = REACH_DB[config.dtype][0]
        strongest = np.max(self.measured.largest_gains, axis=-1, where=config.user_mask, initial=0.0)
        least = -10.0 * np.log10(np.maximum(strongest, 1e-300) * config.power_unit)
        if least.min() < lowest:
            cell = int(least.argmin())
            raise ValueError(
                f"channels must be scaled so that the noise power is 1: in {config.dtype} noise over a user's own gain must be at least "
                f"{lowest:g} dB of the nominal power; cell {cell} of {self.name} has {least[cell]:.0f} dB. Divide the channels by the "
                "noise's amplitude."
            )

    @property
    def name(self) -> str:
        """The pool's name in tables and error messages."""
        return "the array" if self.file is None else self.file

    @property
    def moves(self) -> bool:
        """False: channels are constant in a block."""
        return False

    def begin(self, config: NetworkConfig, generators: Sequence[np.random.Generator]) -> tuple[OwnChannels, CrossChannels]:
        """One block of the pool for each generator. The network must be a `fitted` one."""
        dense = self._blocks[self._order[[self._picked(generator) for generator in generators]]]
        cells, dtype = np.arange(config.num_cells), np.result_type(config.dtype, np.complex64)
        own = np.ascontiguousarray(dense[:, cells, cells], dtype)
        cross = np.ascontiguousarray(dense[:, config.interferers, cells[:, None]], dtype)
        users, reach = config.user_mask[:, None, None, :], (config.interferers >= 0)[..., None, None, None]
        if not (users.all() and reach.all()):
            own, cross = np.where(users, own, 0.0).astype(dtype), np.where(users[:, None] & reach, cross, 0.0).astype(dtype)
        weakest = WEAKEST * config.num_antennas * np.diagonal(config.mean_gain_matrix)[:, None, None]
        heard = np.sum(np.abs(own) ** 2, axis=-2) > weakest
        return (own if heard.all() else np.where(heard[..., None, :], own, 0.0).astype(dtype)), cross

    def advance(
        self, config: NetworkConfig, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels
    ) -> tuple[OwnChannels, CrossChannels]:
        """The same channels, which are constant."""
        return own, cross

    def _picked(self, generator: np.random.Generator) -> int:
        seed = _seed_if_fresh(generator)
        drawn = int(generator.integers(len(self)))  # in any case, so that a generator counts as new only once
        return drawn if seed is None else seed % len(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # pools are immutable

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ if self.file is None else self.__dict__ | {"_blocks": len(self._blocks)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.file is not None:
            self._blocks = arranged(read_array(self.file, len(self.axes)), self.axes)
            if (num_blocks := len(self._blocks)) != state["_blocks"]:
                raise ValueError(f"{self.file} must have the {state['_blocks']} blocks that it had; got {num_blocks}. Give the old file.")


def _split(num_blocks: int, seed: int) -> dict[Part, Int[np.ndarray, " block"]]:
    order = np.random.default_rng(seed).permutation(num_blocks)
    if num_blocks < len(SHARES):
        return dict.fromkeys(SHARES, order)
    num_test, num_validation = (max(1, round(SHARES[part] * num_blocks)) for part in ("test", "validation"))
    return {
        "train": order[num_test + num_validation :],
        "validation": order[num_test : num_test + num_validation],
        "test": order[:num_test],
    }


def _seed_if_fresh(generator: np.random.Generator) -> int | None:
    """The seed of a generator that has not been used yet; None for others, and for seeds of several numbers."""
    bits: Any = generator.bit_generator
    seeds = bits.seed_seq
    if not isinstance(seeds.entropy, int | np.integer) or seeds.spawn_key:
        return None
    return int(seeds.entropy) if type(bits)(seeds).state == bits.state else None


def channels_of(channels: Channels | None, part: Part) -> ChannelModel | None:
    """The channel model for an argument `channels=`; of a whole pool, the given part.

    Raises:
        TypeError: it is not one of the types of `Channels`.
    """
    if channels is None:
        return None
    model: Any = RecordedChannels(channels) if isinstance(channels, str | Path | np.ndarray) else channels
    if not hasattr(model, "begin"):
        raise TypeError(f"channels must be a file, an array or a model of channels; got {type(channels).__name__}. Give one of these.")
    return model._of(part) if isinstance(model, RecordedChannels) and model.part is None else model
