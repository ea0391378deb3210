"""Zero-forcing beamformers, and the power gains of beams."""

from typing import NoReturn

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from multicell_env.model.types import CrossChannels, Gains, OwnChannels

# Below this sine of the angle between a user's channel and the span of the others', zero-forcing in float64 would lose
# more digits than the rest of the model, which keeps ten.
MIN_SINE = 1e-6


def zero_forcing(
    channels: OwnChannels, user_mask: Bool[np.ndarray, "cell user"] | None = None
) -> Complex[np.ndarray, "*batch cell band antenna user"]:
    """Zero-forcing beamformers, which null the interference between the users of a cell.

        W = H (H^H H)^-1, each column scaled to norm 1                                  (3)-(4)

    Computed from the QR factors of H, whose condition number is the square root of that of the Gram matrix.

    Args:
        channels: H of each cell and band, users as columns.
        user_mask: False for padded users, which get a zero beamformer. Padded users come last in their cell.

    Returns:
        Beamformers of norm 1, users as columns.

    Raises:
        ValueError: a user's channel is (nearly) in the span of the other users' channels, or zero, so that no beam can serve it alone.
    """
    num_antennas, num_users = channels.shape[-2:]
    if num_users > num_antennas:
        raise ValueError(f"zero-forcing needs at least as many antennas as users; got U={num_users}, M={num_antennas}. Serve fewer users.")
    if not np.all(np.isfinite(channels)):
        raise ValueError("channels must be finite; got NaN or infinity. Repair the recording.")
    mask = np.ones((channels.shape[-4], num_users), dtype=bool) if user_mask is None else user_mask
    beamformers, sines = _beams(channels, mask)
    if not np.all(sines >= MIN_SINE):
        refuse_inseparable(np.nan_to_num(sines).min())
    return beamformers


def _beams(
    channels: OwnChannels, user_mask: Bool[np.ndarray, "cell user"]
) -> tuple[Complex[np.ndarray, "*batch cell band antenna user"], Float[np.ndarray, "*batch cell band user"]]:
    """Beamformers, and the sine of the angle between each user's channel and the span of the others'; NaN if undefined."""
    num_users, columns = channels.shape[-1], user_mask[:, None, None, :]
    orthogonal, triangular = np.linalg.qr(channels)
    # A padded user's column of R is zero; a one on the diagonal keeps R invertible and does not affect other users.
    triangular = triangular + np.where(columns, 0.0, np.eye(num_users))
    try:
        with np.errstate(all="ignore"):
            pseudo_inverse = np.linalg.solve(triangular, np.swapaxes(orthogonal.conj(), -1, -2))
    except np.linalg.LinAlgError:
        pseudo_inverse = np.full(np.swapaxes(channels, -1, -2).shape, np.inf, dtype=channels.dtype)
    with np.errstate(all="ignore"):
        lengths, inverse_lengths = np.linalg.norm(channels, axis=-2), np.linalg.norm(pseudo_inverse, axis=-1)
        # For each user 1/(|h| |pinv row|) is the sine of the angle between its channel and the span of the others'.
        sines = np.where(columns[..., 0, :], 1.0 / (lengths * inverse_lengths), 1.0)
        beamformers = np.swapaxes(pseudo_inverse.conj(), -1, -2) / inverse_lengths[..., None, :]
    return np.where(columns, beamformers, 0.0), sines


def served_users(
    channels: OwnChannels, user_mask: Bool[np.ndarray, "cell user"] | None = None
) -> Bool[np.ndarray, "*batch cell band user"]:
    """Which users have a beam in each band: all, unless zero-forcing cannot separate the users of the cell.

    In this case users are taken in the order of falling channel norms. A user is left out if its channel is zero, or if the sine of the
    angle to the span of the channels taken before is below `MIN_SINE`. If the remaining users are still inseparable, because many small
    angles add up, the weakest are removed until the rest is separable.

    Args:
        channels: H of each cell and band, users as columns.
        user_mask: False for padded users, which have no beam.
    """
    *batch, _, num_users = channels.shape
    mask = np.ones((channels.shape[-4], num_users), bool) if user_mask is None else user_mask
    served = np.broadcast_to(mask[:, None, :], (*batch, num_users)).copy()
    for place in np.argwhere(~np.all(_beams(channels, mask)[1] >= MIN_SINE, axis=-1)):
        served[*place] = _separable(channels[*place], served[*place])
    return served


def _separable(channels: Complex[np.ndarray, "antenna user"], present: Bool[np.ndarray, " user"]) -> Bool[np.ndarray, " user"]:
    strengths = np.sum(np.abs(channels) ** 2, axis=0)
    kept: list[int] = []
    for user in sorted(np.flatnonzero(present).tolist(), key=lambda user: -strengths[user]):
        beams = np.linalg.qr(channels[:, kept])[0] if kept else np.zeros((len(channels), 0))
        rest = channels[:, user] - beams @ (beams.conj().T @ channels[:, user])
        if strengths[user] > 0.0 and np.sum(np.abs(rest) ** 2) >= MIN_SINE**2 * strengths[user]:
            kept.append(user)
    while kept and not _smallest_sine(channels[:, kept]) >= MIN_SINE:
        kept.pop()
    return np.isin(np.arange(len(present)), kept)


def _smallest_sine(channels: Complex[np.ndarray, "antenna user"]) -> float:
    """The smallest sine of the angles between each user's channel and the span of the others'."""
    lengths = np.linalg.norm(channels, axis=0) * np.linalg.norm(np.linalg.pinv(channels, rcond=0.0), axis=1)
    return float(1.0 / lengths.max())


def refuse_inseparable(sine: float) -> NoReturn:
    """Raise the error that zero-forcing cannot separate the users of a cell.

    Raises:
        ValueError: always.
    """
    raise ValueError(
        f"channels must let zero-forcing separate the users of a cell: each user's channel must stand off the span of the "
        f"others' by a sine of at least {MIN_SINE:g}; got {np.nan_to_num(sine):.3g}. "
        "Remove the duplicate or zero channel, or serve fewer users."
    )


def beamforming_gains(
    channels: OwnChannels,
    cross_channels: CrossChannels,
    beamformers: Complex[np.ndarray, "*batch cell band antenna user"],
    interferers: Int[np.ndarray, "cell interferer"],
    user_mask: Bool[np.ndarray, "cell user"] | None = None,
) -> Gains:
    """Power gains of every beam, at its own user and at the users of other cells.

        signal gain = |w_{b,u}^H h_{b,(b,u)}|^2,  cross gain = |w_{b',u'}^H h_{b',(b,u)}|^2        in numerator and sum of (6a)

    Args:
        channels: Own channels.
        cross_channels: Channels from the interferers.
        beamformers: Unit-norm columns, from `zero_forcing`.
        interferers: Cell of each interferer, -1 for padding (whose cross channels are zero).
        user_mask: False for padded users, whose signal gain is set to 1, so that all equations hold for them.
    """
    signal = np.abs(np.sum(beamformers.conj() * channels, axis=-2)) ** 2
    if user_mask is not None:
        signal = np.where(user_mask[:, None, :], signal, 1.0)
    interfering_beams = np.swapaxes(beamformers[..., interferers, :, :, :].conj(), -1, -2)
    return Gains(signal, np.abs(interfering_beams @ cross_channels) ** 2, interferers)
