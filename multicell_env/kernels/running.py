"""Who runs the kernels: threads, how arrays enter, what is fetched ahead, and a line on the screen while something is compiled."""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any, Literal

import numpy as np

from multicell_env.kernels.arrays import NO_OUTPUTS, BlockArrays, FairnessArrays, PriceArrays, SlotOutputs
from multicell_env.kernels.compiling import is_kept
from multicell_env.kernels.slot import play_slots
from multicell_env.kernels.steps import CACHE_LINE
from multicell_env.kernels.threads import ThreadPool

ONE_LAYOUT: Any = ["C", "W"]
"""How arrays enter a kernel: numba would compile another one for arrays that are read-only or in another order."""
CACHED_GAINS = 2**21
"""Bytes of cross gains that a second-level cache keeps from slot to slot; for more, prefetching pays even where the third level does."""
WORTH_PREFETCHING = 16
"""Bytes of gains of a user in a band for each iteration; with fewer, a slot's arithmetic takes so long that waiting for them is little."""
PATIENCE = 2.0
"""Seconds of compiling before a line says so."""
MEASURES = 2**31
"""Rounds of a slot that none reaches: no round is its last."""
LONG_CALL = 2 * 10**9
"""Products of a power and a gain in a call, some seconds on one core, above which a batch is played in several: Ctrl-C is heard between."""
INTERRUPTED = -1
"""Slots that are left of a block which an interrupted call may have played or not: none, as before it began."""
PARTS_PER_THREAD = 16
"""Parts that a thread plays its blocks in; others take what is left when they are done."""


def as_opening(
    actions: np.ndarray, damping: np.ndarray, tokens: tuple[int, ...], dtype: np.dtype, limits: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Opening move and damping of a round as the kernel takes them.

    Args:
        actions: `[block, cell, band, user]`, or with a plane of each user's damping `[block, cell, 2, band, user]`.
        damping: What there is without such a plane, `[block, cell, user]`.
        tokens: Shape of the blocks' powers.
        dtype: Of the powers.
        limits: Smallest and largest entry of an action.

    Raises:
        ValueError: the actions have another shape.
    """
    if actions.shape != tokens and actions.shape != (*tokens[:2], 2, *tokens[2:]):
        raise ValueError(f"actions must have shape {tokens}; got {actions.shape}. Give [block, cell, band, user], or two such planes.")
    if actions.dtype != dtype:
        low, high = limits
        actions = np.minimum(np.maximum(actions, low), high)  # first, because what is large in float64 is infinite in float32
    fits = actions.dtype == dtype and actions.flags.carray
    planes = actions if fits else np.array(actions, dtype, order="C")  # a third of the time of `np.require`
    if planes.ndim == len(tokens):
        return planes, damping
    return np.ascontiguousarray(planes[:, :, 0]), planes[:, :, 1].clip(0.0, 1.0).mean(axis=-2)


class BlockRunner:
    """Runs kernels on a batch of blocks, on one thread or several; what they compute does not depend on their number.

    Args:
        num_blocks: Blocks of the batch.
        num_threads: Threads that share them.
    """

    def __init__(self, num_blocks: int, num_threads: int) -> None:
        self.threads = ThreadPool(num_threads)
        self._how: dict[int, tuple[Literal[True] | None, int]] = {}
        """By the number of iterations: whether to prefetch, and in how many calls."""
        self._called: set[tuple[Literal[True] | None, bool, bool]] = set()
        """Kernels that these blocks have called."""
        self._first_blocks = num_blocks * np.arange(num_threads) // num_threads
        self._at_once = num_blocks if num_threads == 1 else max(1, num_blocks // (PARTS_PER_THREAD * num_threads))

    def play_slots(
        self,
        fractions: np.ndarray,
        damping: np.ndarray,
        num_iterations: int,
        forward_looking: bool,
        rounds_per_slot: int,
        pricing: PriceArrays | None,
        fairness: FairnessArrays | None,
        outputs: SlotOutputs,
        arrays: BlockArrays,
    ) -> np.ndarray:
        """One round of every block; arguments as for the kernel. Returns the rates of the cells (18).

        Raises:
            ValueError: the outputs are of other blocks.
        """
        tokens, shown = arrays.powers.shape, outputs.transmitted_powers
        if shown.shape != tokens and outputs is not NO_OUTPUTS[shown.dtype.type]:
            raise ValueError(f"outputs must be for {tokens}; got {shown.shape}. Give what an Observer of these blocks returned.")
        num_blocks, rates = tokens[0], np.empty_like(arrays.power_budget)
        if num_iterations not in self._how:
            num_calls = int(min(num_blocks, 1 + arrays.cross_gains.size * (num_iterations + 2) // LONG_CALL))
            self._how[num_iterations] = (self.prefetches(arrays, num_iterations), num_calls)
        prefetches, num_calls = self._how[num_iterations]
        looking = float(forward_looking)
        call = (fractions, damping, num_iterations, looking, rounds_per_slot, prefetches, pricing, fairness, rates, *outputs, *arrays)
        kernel = (prefetches, pricing is None, fairness is None)
        if kernel not in self._called:  # hashing a compiled function takes long
            with announced(play_slots, rates.dtype.type, *kernel):
                self._play(call, num_blocks, num_calls, arrays.slots_left)
            self._called.add(kernel)
        else:
            self._play(call, num_blocks, num_calls, arrays.slots_left)
        return rates

    def _play(self, call: tuple[Any, ...], num_blocks: int, num_calls: int, slots_left: np.ndarray) -> None:
        if num_calls == 1:
            next_blocks = self._first_blocks.copy()

            def play(thread: int) -> None:
                play_slots(next_blocks, self._at_once, thread, *call)

            self.threads.together(play, num_blocks)
            return
        num_threads = self.threads.num_threads
        first_blocks = num_blocks * np.arange(num_calls * num_threads) // (num_calls * num_threads)
        try:
            for first in range(0, len(first_blocks), num_threads):
                own = slice(first, first + num_threads)
                part = np.full(len(first_blocks), num_blocks)  # nothing is left of the others' parts
                part[own] = first_blocks[own]

                def play_part(thread: int, part: np.ndarray = part, first: int = first) -> None:
                    play_slots(part, 1, first + thread, *call)

                self.threads.together(play_part, num_blocks)
        except BaseException:
            slots_left[:] = INTERRUPTED
            raise

    def prefetches(self, arrays: BlockArrays, num_iterations: int) -> Literal[True] | None:
        """Whether a block's gains are fetched during the block before. Without negotiation there is nothing to do while they come."""
        size, token_size = arrays.cross_gains.nbytes, arrays.powers.size * (num_iterations + 2)
        return True if num_iterations > 0 and size > CACHED_GAINS and size >= WORTH_PREFETCHING * token_size else None


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Zeros that begin where a cache line does: vectors that lie across two lines cost an iteration with 16 users a tenth more.

    A copy may begin elsewhere, and is as right.
    """
    size = math.prod(shape) * dtype.itemsize
    room = np.zeros(size + CACHE_LINE, np.uint8)
    first = -room.ctypes.data % CACHE_LINE
    return room[first : first + size].view(dtype).reshape(shape)


_ready: set[Any] = set()
"""What has been called in this process: kernels and the types that each is compiled for."""


@contextmanager
def announced(kernel: Any, *types: Any) -> Iterator[None]:
    """Says what is happening where the first call of a kernel takes long, because it is compiled."""
    if (kernel, *types) in _ready:
        yield
        return
    where = (
        "once; the next process finds it" if is_kept(kernel) else "again in every process: NUMBA_CACHE_DIR must name a folder to keep it in"
    )
    message = f"multicell_env: compiling {kernel.__name__} ({where}) ..."
    timer = Timer(PATIENCE, print, [message], {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    _ready.add((kernel, *types))
