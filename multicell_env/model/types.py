"""Array types of the package, with their shapes."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

Array = Any
"""An array of NumPy or of another library that follows the array API standard, such as a torch tensor (with gradients)."""


class Gains(NamedTuple):
    """Power gains of beams: all that the allocation of power needs to know about the channels."""

    signal_gains: Float[Array, "*batch cell band user"]
    """|w^H h|^2 of each user's own beam; 1 for padded users."""
    cross_gains: Float[Array, "*batch cell interferer band tx_user user"]
    """|w^H h|^2 from the beam of user `tx_user` of the interferer to `user` of the cell; 0 for padding."""
    interferers: Int[Array, "cell interferer"]
    """Cell of each interferer; -1 for padding."""


OwnChannels = Complex[np.ndarray, "*batch cell band antenna user"]
"""Own channels h_{b,(b,u)}[f], from every base station to its own users."""
CrossChannels = Complex[np.ndarray, "*batch cell interferer band antenna user"]
"""Cross channels h_{b',(b,u)}[f], to the users of every cell from its interferers, `Gains.interferers`."""
Powers = Float[np.ndarray, "*batch cell band user"]
"""Powers p_{b,u}[f], linear, in sigma^2."""
