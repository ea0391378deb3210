"""What the environment on a device holds of its blocks, and how they begin: drawn or given, beamformed, and nothing played."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from multicell_env.config import NetworkConfig
from multicell_env.model.types import Gains
from multicell_env.observation import CHANNEL_LIMIT, Observation
from multicell_env.tensors.beams import Parts, cross_gains, zero_forcing
from multicell_env.tensors.compiling import one_program
from multicell_env.tensors.drawing import complex_normal
from multicell_env.tensors.playing import Measured, Network, Progress, measure, split_among_users
from multicell_env.tensors.showing import observations, static_planes

NUMBERS_AT_ONCE = {"cpu": 2**18}
"""Complex numbers that are drawn together, by the type of the device: few enough for the caches of a processor."""
MOST_NUMBERS_AT_ONCE = 2**24
"""The same for every other device: few enough for its memory."""
NUMBERS_OF_PROGRAM = {"cpu": 2**18}
"""The same where a compiler has made the program that draws: it draws so many, however few are asked for."""
MOST_NUMBERS_OF_PROGRAM = 2**21
"""The same for every other device."""
LANES = 16
"""Blocks that a program draws are a multiple of this, or 1, so that none is computed by the rest of a vector loop."""


class BlockState(NamedTuple):
    """Some blocks: what their channels say, and how far they have been played. Powers and gains are in `NetworkConfig.power_unit`."""

    signal_gains: Float[Tensor, "block cell band user"]
    cross_gains: Float[Tensor, "block cell interferer band tx_user user"]
    static: Float[Tensor, "block cell plane band user"]
    """Planes that stay."""
    progress: Progress
    measured: Measured


def block_last(tensor: Tensor) -> Tensor:
    """The same tensor with the blocks side by side in memory: what compilers make of it then has whole vectors of blocks."""
    return tensor.movedim(0, -1).contiguous().movedim(-1, 0)


def tensors_of(blocks: Any) -> list[Tensor | None]:
    """Every tensor of blocks, in an order of its own; None where there is none."""
    if blocks is None or isinstance(blocks, Tensor):
        return [blocks]
    return [tensor for part in blocks for tensor in tensors_of(part)]


def with_tensors(blocks: Any, tensors: Iterator[Tensor | None]) -> Any:
    """The same blocks with other tensors, in the order of `tensors_of`, as they lie in memory.

    Raises:
        ValueError: one has another shape, or is there in one alone.
    """
    if blocks is None or isinstance(blocks, Tensor):
        new = next(tensors, None)
        if blocks is None and new is None:
            return None
        if blocks is None or new is None or new.shape != blocks.shape:
            shapes = " and ".join("none" if one is None else str(tuple(one.shape)) for one in (new, blocks))
            raise ValueError(f"the state must be of the same environments; shapes are {shapes}. Make them as they were.")
        return torch.empty_like(blocks).copy_(new)
    return type(blocks)(*(with_tensors(part, tensors) for part in blocks))


def put(into: Any, rows: Int[Tensor, " row"], new: Any) -> None:
    """Replace some rows of every tensor of a tuple, in place."""
    if isinstance(into, Tensor):
        into[rows] = new
    elif into is not None:
        for old, changed in zip(into, new, strict=True):
            put(old, rows, changed)


class Beginning:
    """How blocks of a network begin on a device.

    Args:
        config: The network.
        observation: What is seen of it.
        device: Where.
        hears_prices: Whether rounds end with prices heard.
        compiled: Whether `torch.compile` makes one program of drawing and beamforming, at the first draw.
    """

    def __init__(
        self, config: NetworkConfig, observation: Observation, device: torch.device, *, hears_prices: bool, compiled: bool = False
    ) -> None:
        self._config, self._device, self._hears_prices = config, device, hears_prices
        self._observation: Observation = observation
        self._dtype = torch.float64 if config.dtype == "float64" else torch.float32
        self._unit = config.power_unit
        self._interferers = torch.from_numpy(config.interferers.copy()).to(device)
        own, cross = config.amplitudes
        row = (config.num_bands, config.num_antennas, config.max_users)
        self._shapes = (config.num_cells, *row), (*config.interferers.shape, *row)
        self._amplitudes = [torch.from_numpy(part.copy()).to(device) for part in (own, cross)]
        numbers = sum(torch.Size(shape).numel() for shape in self._shapes)
        self._is_compiled = compiled
        if compiled:
            most = NUMBERS_OF_PROGRAM.get(device.type, MOST_NUMBERS_OF_PROGRAM) // numbers
            self._at_once = max(1, most // LANES * LANES)
            self._draw = one_program(self._of_seeds, device)
        else:
            self._at_once = max(1, NUMBERS_AT_ONCE.get(device.type, MOST_NUMBERS_AT_ONCE) // numbers)
            self._draw = self._of_seeds
        self.network = Network(
            Gains(torch.empty(0), torch.empty(0), self._interferers),
            self._constant(config.nominal_powers / self._unit),
            self._constant(config.mean_gain_matrix.diagonal() * self._unit),
            self._constant(config.users_per_cell),
            torch.from_numpy(config.user_mask.copy()).to(device),
            self._constant(config.nominal_budgets / self._unit),
        )
        """What stays while blocks are played, but for their gains."""

    def _constant(self, values: Any) -> Tensor:
        return torch.tensor(values, dtype=self._dtype, device=self._device)

    def on(self, blocks: BlockState) -> Network:
        """What stays while these blocks are played."""
        return self.network._replace(gains=Gains(blocks.signal_gains, blocks.cross_gains, self._interferers))

    def drawn(self, seeds: Int[Tensor, " block"], numbers: Int[Tensor, " block"]) -> BlockState:
        """Blocks on Rayleigh channels (2), (23); each is a function of its seed and its number alone.

        Args:
            seeds: One for each block, int64.
            numbers: How many blocks of the seed come before.
        """
        parts, size = [], self._at_once
        for first in range(0, len(seeds), size):
            some = seeds[first : first + size], numbers[first : first + size]
            if self._is_compiled:  # one program for every number of blocks, so that a block does not depend on it
                missing = size - len(some[0])
                drawn = self._draw(*(torch.nn.functional.pad(part, (0, missing)) for part in some))
                parts.append(tuple(array[: size - missing] for array in drawn))
            else:
                parts.append(self._draw(*some))
        whole = parts[0] if len(parts) == 1 else tuple(torch.cat(arrays) for arrays in zip(*parts, strict=True))
        return self._unplayed(*whole)

    def _of_seeds(self, seeds: Int[Tensor, " block"], numbers: Int[Tensor, " block"]) -> tuple[Tensor, Tensor, Tensor]:
        """What `_of_channels` makes of drawn ones."""
        num_own, num_cross = (torch.Size(shape).numel() for shape in self._shapes)
        drawn = complex_normal(seeds, numbers, num_own + num_cross)
        own, cross = (
            Parts(*(part[:, begin:end].reshape(len(part), *shape) * amplitudes for part in drawn))
            for begin, end, shape, amplitudes in (
                (0, num_own, self._shapes[0], self._amplitudes[0]),
                (num_own, num_own + num_cross, self._shapes[1], self._amplitudes[1]),
            )
        )
        return self._of_channels(own, cross)

    def given(self, own: Tensor, cross: Tensor) -> BlockState:
        """Blocks on given channels, complex, as `multicell_env.channels.recorded.split_channels` returns them, stacked."""
        parts = (Parts(array.real.contiguous(), array.imag.contiguous()) for array in (own, cross))
        return self._unplayed(*self._of_channels(*parts))

    def _of_channels(self, own: Parts, cross: Parts) -> tuple[Tensor, Tensor, Tensor]:
        """Signal and cross gains in the unit of powers, and the planes of "csi"."""
        own, cross = own.to(self._dtype), cross.to(self._dtype)
        beams, signal, _ = zero_forcing(own, self.network.user_mask)
        heard = cross_gains(beams, cross, self._interferers)
        signal = signal * self._unit
        if self._observation != "csi":
            return signal, heard * self._unit, torch.empty((len(signal), 0), device=self._device)
        roots = torch.sqrt(self.network.own_gains / self._unit)[:, None, None, None]
        planes = [(part / roots).clamp(-CHANNEL_LIMIT, CHANNEL_LIMIT) for part in own] + list(beams)
        return signal, heard * self._unit, torch.cat([part.movedim(-2, -3) for part in planes], dim=2)

    def _unplayed(self, signal_gains: Tensor, crossing: Tensor, csi: Tensor) -> BlockState:
        """Blocks before their first round: nobody transmits."""
        config, num_blocks = self._config, len(signal_gains)
        signal_gains, crossing = block_last(signal_gains), block_last(crossing)
        network = self.network._replace(gains=Gains(signal_gains, crossing, self._interferers))

        def count(value: float) -> Tensor:
            return torch.full((num_blocks,), value, dtype=self._dtype, device=self._device)

        rates = block_last(torch.zeros((num_blocks, config.num_cells, config.max_users), dtype=self._dtype, device=self._device))
        budgets = block_last(network.nominal_budgets.expand(num_blocks, -1))
        progress = Progress(
            torch.zeros_like(signal_gains),
            budgets,
            block_last(split_among_users(network, budgets)),
            rates,
            count(0.0),
            count(float(config.num_slots)),
            count(0.0),
            count(0.0),
        )
        silent = 1.0 / signal_gains
        measured = measure(config, network, progress, silent, rates, hears_prices=self._hears_prices, checked=False)
        static = csi if self._observation == "csi" else static_planes(self._observation, network)
        return BlockState(signal_gains, crossing, static, progress, measured)

    def seen(self, blocks: BlockState, observation: Observation | None = None) -> Float[Tensor, "block cell plane band user"]:
        """Observations of blocks as they are, float32, or what another observation would show of them: "gain"."""
        network = self.on(blocks)
        kind: Observation = observation or self._observation
        static = blocks.static if kind == self._observation else static_planes(kind, network)
        return observations(kind, self._config, network, blocks.progress, blocks.measured, static).to(torch.float32)
