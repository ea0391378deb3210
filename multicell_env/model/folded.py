"""Gains of many blocks with the blocks last: users and blocks share one axis, and what compilers and processors read lies side by side."""

from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Float, Int

from multicell_env.model.types import Array


class FoldedGains(NamedTuple):
    """`Gains` of many blocks. What is of a cell's users has one axis for users and blocks, `user * num_blocks + block`.

    Every equation of a user in its bands then holds as it is; only interference knows that there are blocks.
    """

    signal_gains: Float[Array, "cell band folded"]
    cross_gains: Float[Array, "cell interferer band tx_user user block"]
    interferers: Int[Array, "cell interferer"]

    def received(self, powers: Float[Array, "cell band folded"]) -> Float[Array, "cell band folded"]:
        """Interference at every user, sum of (7), in sigma^2."""
        cells, _, bands, _, users, blocks = self.cross_gains.shape
        xp, sent = array_namespace(powers), powers[self.interferers]
        sent = xp.reshape(sent, (*sent.shape[:3], users, 1, blocks))
        return xp.reshape(xp.sum(xp.sum(sent * self.cross_gains, axis=3), axis=1), (cells, bands, users * blocks))

    def over_victims(self, weights: Float[Array, "cell band folded"]) -> Float[Array, "cell band folded"]:
        """Sum of the gains of each beam to all users of other cells, each times the user's weight."""
        cells, interferers, bands, _, users, blocks = self.cross_gains.shape
        xp = array_namespace(weights)
        heard = xp.reshape(weights, (cells, 1, bands, 1, users, blocks))
        costs = xp.reshape(xp.sum(self.cross_gains * heard, axis=4), (cells * interferers, bands, users * blocks))
        links = xp.reshape(self.interferers, (-1,))
        sends = [xp.astype(links == cell, weights.dtype)[:, None, None] for cell in range(cells)]
        return xp.stack([xp.sum(costs * own, axis=0) for own in sends])
