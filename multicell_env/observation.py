"""Observations of a base station: image-like planes over bands and users."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from multicell_env.blocks import Blocks
from multicell_env.channels.plausible import warn_of
from multicell_env.config import NetworkConfig
from multicell_env.kernels.arrays import SlotOutputs
from multicell_env.kernels.running import announced
from multicell_env.kernels.showing import COUNT_LIMIT, FLOOR, NUM_PLANES, NUM_STATIC_PLANES, show_prices
from multicell_env.kernels.steps import LOG_LIMIT
from multicell_env.model.pricing import leakage, tilted_response
from multicell_env.model.types import Array, Gains

Observation = Literal["csi", "gain", "price"]
Planes = Float[np.ndarray, "*batch plane band user"]

GAIN_LIMIT = 3.0
"""Limit of log10 of the signal gain over a_bb in "price"."""
MOST_AT_LIMIT = 0.25
"""Largest share of a plane at its limit that causes no warning."""
CHANNEL_LIMIT = 100.0
"""Limit of the planes of H over sqrt(a_bb). Rayleigh draws do not reach it."""


def num_planes(kind: Observation, config: NetworkConfig) -> int:
    """Number of planes: 4M + 2 for "csi", 3 for "gain", 9 for "price" or 10 with `fairness`.

    Raises:
        ValueError: there is no such observation.
    """
    if not isinstance(kind, str) or kind not in ("csi", "gain", "price"):
        raise ValueError(
            f"observation must be 'csi' (17), 'gain' (its sufficient statistic for the own rate) or 'price' (for negotiation by prices); "
            f"got {kind!r}. Choose one of the three."
        )
    return {"csi": 4 * config.num_antennas + 2, "gain": 3, "price": NUM_PLANES + (config.fairness > 0.0)}[kind]


def state_kind(kind: Observation) -> Observation:
    """The kind of planes of which the global state consists: "price" if it is observed, else "gain"."""
    return "price" if kind == "price" else "gain"


class Observer:
    """Computes the observations of blocks as they are played. Planes that depend on channels only are computed once per block.

    Args:
        kind: "csi", "gain" or "price".
        blocks: The blocks to observe. "csi" needs blocks with `keep_channels`; "price" makes them measure prices after every round.

    Raises:
        ValueError: there is no such observation.
    """

    def __init__(self, kind: Observation, blocks: Blocks) -> None:
        config = blocks.config
        self.kind, self.blocks = kind, blocks
        self._shape = (len(blocks), config.num_cells, num_planes(kind, config), config.num_bands, config.max_users)
        num_static = NUM_STATIC_PLANES if kind == "price" else self._shape[2] - 2
        self._static: Planes = np.zeros((*self._shape[:2], num_static, *self._shape[3:]), np.float32)
        self._own_gains = config.own_gains.astype(blocks.powers.dtype)[:, None, None]
        self._constants = config.nominal_powers.astype(blocks.powers.dtype), np.array(config.users_per_cell)
        if kind == "price":
            blocks.hear_prices()
        self.begin()

    def begin(self, rows: np.ndarray | slice = slice(None)) -> None:
        """Compute the constant planes of new blocks, those of `rows`."""
        if self.kind == "csi":
            self._static[rows] = _csi_planes(self.blocks, rows)
        elif self.kind == "price":
            self._static[rows] = _price_planes(self.blocks, rows)
        else:
            gains = np.log10(self.blocks.gains.signal_gains[rows] / self._own_gains)
            self._static[rows] = gains.clip(-LOG_LIMIT, LOG_LIMIT)[:, :, None]

    def observe(self) -> Float[np.ndarray, "block cell plane band user"]:
        """Observations of every cell of every block, float32, as a new array, with padded users (see `NetworkConfig.user_mask`)."""
        planes, blocks = np.empty(self._shape, np.float32), self.blocks
        if self.kind == "price":
            if blocks.config.measurement_error_db > 0.0:
                self.begin()  # leakage is measured again
            self._show_prices(planes)
            return planes
        planes[:, :, :-2] = self._static
        planes[:, :, -2] = blocks.measured_log_ingr
        planes[:, :, -1] = blocks.log_budget[..., None, None]
        return planes

    def _show_prices(self, planes: Planes) -> None:
        """Write the observations "price" of the present state, bit for bit as the slot kernel does."""
        blocks, config = self.blocks, self.blocks.config
        begins = (blocks.slots_left == config.num_slots) | (blocks.restarts & (blocks.slots_left > 0))
        phases = (blocks.rounds / config.rounds_per_slot).clip(max=1.0)
        nominal, users = self._constants
        state = (blocks.measured_log_ingr, blocks.measured_prices, blocks.powers, nominal, blocks.power_budget, users)
        with announced(show_prices, blocks.powers.dtype, blocks.user_rates is None):
            show_prices(self._static, planes, *state, begins & (blocks.rounds == 0), phases, blocks.fairness_arrays())

    def outputs(self) -> SlotOutputs:
        """New arrays for the results of the next slot, whose `observations` then equal those of `observe`."""
        return SlotOutputs(self._static, np.empty(self._shape, np.float32), np.empty_like(self.blocks.powers))

    def advance(self) -> bool:
        """Move the channels of blocks between two slots, and compute their constant planes; returns whether there were any."""
        moved = self.blocks.advance()
        if len(moved):
            self.begin(moved)
        return bool(len(moved))

    def after_round(self, planes: Planes, errors: Sequence[np.random.Generator] = ()) -> Planes:
        """Observations after a round, with the new channels of blocks between two slots, and with measurement errors.

        Args:
            planes: The observations that the round wrote.
            errors: Random generators of measurement errors, one for each block, if the network has errors.
        """
        has_moved = (self.blocks.moves or self.blocks.restarts) and self.advance()
        if errors:
            self.blocks.measure(range(len(self.blocks)), errors)
        return self.observe() if has_moved or errors else planes


def observe(kind: Observation, blocks: Blocks) -> Float[np.ndarray, "block cell plane band user"]:
    """Observations of every cell of every block, as `Observer.observe`.

    "gain": log10 of the signal gain over a_bb, log10 c/p0, log10 of the slot budget over nominal. "csi", the local state (17): Re H and
    Im H, both over sqrt(a_bb), Re w, Im w (M planes each), log10 c/p0, log10 of the slot budget over nominal. Planes do not depend on the
    unit of power.

    "price", with S and N as in `multicell_env.model.pricing.prices`, P the user's budget in the next slot and p its last powers:

    0. log10 of the signal gain over a_bb, clipped to [-3, 3];
    1. log10 c/p0, plus 2;
    2. log2 of the cell's number of users, minus 2;
    3. log10(0.001 + price p0);
    4. log10(1 + p0 times the sum of the beam's gains to all users of other cells), minus 2;
    5. log10(0.001 + p/P), plus 1;
    6. p/P;
    7. 1 in the first round of a block, and of every slot that starts from zero powers; 0 otherwise;
    8. number of rounds played in the slot, over R;
    9. if `NetworkConfig.fairness` is not 0: log10 of the weight of the user's rate, clipped to [-3, 3].

    Args:
        kind: "csi", "gain" or "price".
        blocks: The blocks to observe.

    Raises:
        ValueError: there is no such observation.
    """
    return Observer(kind, blocks).observe()


def tilted_shares(
    observations: Float[Array, "*batch cell plane band user"], tilts: Float[Array, "*batch cell band user"]
) -> Float[Array, "*batch cell 2 band user"]:
    """Power shares that result from price multipliers, for the observation "price", as fractions of the nominal slot budget.

    The planes are as 5 and 6 of the observation: log10(0.001 + p/(F p0)), plus 1, and p/(F p0). The powers p are the best response (see
    `multicell_env.model.pricing.tilted_response`) to the prices and INGR in the observation.

    Args:
        observations: Planes of "price".
        tilts: Actions in [-1, 1], price multipliers.
    """
    xp = array_namespace(tilts)
    ingr, price = 10.0 ** (observations[..., 1, :, :] - 2.0), xp.clip(10.0 ** observations[..., 3, :, :] - FLOOR, min=0.0)
    budgets, one = xp.ones_like(tilts[..., 0, :]) * tilts.shape[-2], xp.ones_like(tilts[..., 0, 0])
    counts = 10.0 ** observations[..., NUM_PLANES, 0, :] if observations.shape[-3] > NUM_PLANES else None
    shares = tilted_response(tilts, price, ingr, budgets, one, counts) / tilts.shape[-2]
    return xp.stack([xp.log10(FLOOR + shares) + 1.0, shares], axis=-3)


def _csi_planes(blocks: Blocks, rows: np.ndarray | slice) -> Float[np.ndarray, "block cell plane band user"]:
    roots = np.sqrt(blocks.config.own_gains).astype(blocks.powers.dtype)[:, None, None, None]
    h, w = (np.swapaxes(array[rows], -3, -2) for array in (blocks.channels, blocks.beamformers))
    h_parts = [(part / roots).clip(-CHANNEL_LIMIT, CHANNEL_LIMIT) for part in (np.real(h), np.imag(h))]
    return np.concatenate([*h_parts, np.real(w), np.imag(w)], axis=-3)


def _price_planes(blocks: Blocks, rows: np.ndarray | slice) -> Float[np.ndarray, "block cell plane band user"]:
    config = blocks.config
    own = config.own_gains[:, None, None]
    gains = np.log10(blocks.gains.signal_gains[rows] / own).clip(-GAIN_LIMIT, GAIN_LIMIT)
    users = np.broadcast_to(np.log2(config.users_per_cell)[:, None, None] - 2.0, gains.shape)
    leaked = leakage(Gains(blocks.gains.signal_gains[rows], blocks.gains.cross_gains[rows], blocks.gains.interferers))
    received = config.nominal_powers[:, None, None] * leaked * blocks.leakage_errors[rows]
    return np.stack([gains, users, np.log10(1.0 + received).clip(max=LOG_LIMIT) - 2.0], axis=2)


def share_at_limit(kind: Observation, config: NetworkConfig, planes: Planes) -> float:
    """The largest share of entries at their limit in a plane, over the planes that depend on channels."""
    shown = slice({"csi": 2 * config.num_antennas, "gain": 2, "price": 1}[kind])
    limits = np.stack([observation_limits(kind, config, cell, padded=True) for cell in range(config.num_cells)])
    at_limit = (np.abs(planes) >= limits)[..., shown, :, :]
    users = np.broadcast_to(config.user_mask[:, None, None, :], at_limit.shape)
    return float(at_limit.mean(axis=(0, 1, 3, 4), where=users).max())


def check_limits(kind: Observation, config: NetworkConfig, planes: Float[np.ndarray, "block cell plane band user"]) -> None:
    """Warn if observations of recorded channels are at their limits, where an actor cannot distinguish them."""
    if (share := share_at_limit(kind, config, planes)) > MOST_AT_LIMIT:
        warn_of(
            [
                f"{100.0 * share:.0f} % of a plane of the observation {kind!r} are at their limit. Scale the channels to the mean gains "
                "and the noise of the network: give mean_gains, or the channels as a pool in channels=, which measures them."
            ]
        )


def observation_limits(kind: Observation, config: NetworkConfig, cell: int, *, padded: bool = False) -> Planes:
    """Largest magnitude of every entry of a cell's observation, float32, with or without padded users."""
    num_users = config.max_users if padded else config.users_per_cell[cell]
    limits = np.full((num_planes(kind, config), config.num_bands, num_users), LOG_LIMIT)
    if kind == "price":
        largest_load = max(2.0, math.log2(config.users_per_cell[cell]))
        bounds = [GAIN_LIMIT, LOG_LIMIT + 2.0, largest_load, LOG_LIMIT, LOG_LIMIT, 3.0, 1.0, 1.0, 1.0, COUNT_LIMIT]
        limits[:] = np.array(bounds)[: len(limits), None, None]
    if kind == "csi":
        limits[: 2 * config.num_antennas] = CHANNEL_LIMIT
        limits[2 * config.num_antennas : -2] = 1.0
    return limits.astype(np.float32)
