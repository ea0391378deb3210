"""Make a pool of 3GPP TR 38.901 channels with Sionna, as the project's commands take them.

    python examples/run.py sionna_pool -- --model umi --cells 3 --drops 1500 --output umi-3.npz
    python evaluate.py --channels umi-3.npz

The first line installs Sionna in a virtual environment of its own. Where Sionna is installed, `python examples/sionna_pool.py` with the
flags after `--` does the same.

Three cells stand on the corners of a triangle, each with one sector of 120 degrees that faces its centre; seven are a hexagon with
omnidirectional antennas. Users are uniform over their cell's sector or disc, outdoors, each with its own path loss, shadowing and line of
sight. `channels` in the file are complex amplitudes, [drop, tx_cell, rx_cell, band, antenna, user]; 1 is no loss. `tx_power_dbm` and
`noise_dbm` stand beside them: what a station transmits over all bands, and the noise of a band of 5 MHz at a noise figure of 9 dB. A drop
of three cells takes 25 ms, one of seven 150 ms.

Source: 3GPP TR 38.901, sections 7.2 to 7.5 (UMi - Street Canyon and UMa), by sionna-no-rt.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

MODELS = {"umi": ("UMi", 200.0, 10.0, 10.0), "uma": ("UMa", 500.0, 25.0, 35.0)}
"""By the name: Sionna's class, distance between stations, height of their antennas, least distance of a user (m)."""
TX_POWER_DBM = {"umi": 44.0, "uma": 49.0}
"""Of a station over all bands."""
CARRIER_HZ, BAND_HZ, USER_HEIGHT = 3.5e9, 5e6, 1.5
NOISE_DBM = -174.0 + 10.0 * math.log10(BAND_HZ) + 9.0
"""Of a band: thermal noise of 5 MHz and a noise figure of 9 dB."""
AT_ONCE = 20
"""Drops that Sionna makes at once, by a seed of their own."""


def stations(cells: int, spacing: float) -> tuple[np.ndarray, np.ndarray | None]:
    """Where the stations stand, in metres, and where they look, in radians; None is everywhere."""
    if cells == 3:
        angles = np.pi / 2 + 2 * np.pi * np.arange(3) / 3
        places = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * spacing / math.sqrt(3)
        return places, np.arctan2(-places[:, 1], -places[:, 0])
    angles = np.pi / 3 * np.arange(6)
    return np.vstack([np.zeros((1, 2)), spacing * np.stack([np.cos(angles), np.sin(angles)], axis=-1)]), None


def user_places(cells: int, users: int, spacing: float, least: float, drops: int, generator: np.random.Generator) -> np.ndarray:
    """Where users stand, in metres, [drop, cell, user, 2]: uniform over their cell's sector or disc, not nearer than `least`."""
    places, yaw = stations(cells, spacing)
    shape = (drops, cells, users)
    distance = np.sqrt(generator.uniform(least**2, spacing**2 / 3, shape))
    half = np.pi if yaw is None else np.pi / 3
    angle = (0.0 if yaw is None else yaw[:, None]) + generator.uniform(-half, half, shape)
    return places[:, None] + distance[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def channels(model: str, cells: int, users: int, antennas: int, bands: int, drops: int, seed: int) -> np.ndarray:
    """Channels of some drops, [drop, tx_cell, rx_cell, band, antenna, user]."""
    import sionna.phy  # takes seconds, which --help and refusals need not
    import torch
    from sionna.phy.channel import cir_to_ofdm_channel, tr38901

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32)

    torch.set_num_threads(1)
    sionna.phy.config.seed = seed
    name, spacing, height, least = MODELS[model]
    places, yaw = stations(cells, spacing)
    array = tr38901.PanelArray(1, antennas, "single", "V", "omni" if yaw is None else "38.901", CARRIER_HZ)
    user = tr38901.PanelArray(1, 1, "single", "V", "omni", CARRIER_HZ)
    channel = getattr(tr38901, name)(CARRIER_HZ, "low", user, array, "downlink")

    at = user_places(cells, users, spacing, least, drops, np.random.default_rng(seed)).reshape(drops, cells * users, 2)
    at = np.concatenate([at, np.full((drops, cells * users, 1), USER_HEIGHT)], axis=-1)
    station_places = np.broadcast_to(np.hstack([places, np.full((cells, 1), height)]), (drops, cells, 3))
    orientations = np.zeros((drops, cells, 3))
    orientations[..., 0] = 0.0 if yaw is None else yaw
    still = torch.zeros(drops, cells * users, 3)
    indoors = torch.zeros(drops, cells * users, dtype=torch.bool)
    channel.set_topology(tensor(at), tensor(station_places), still, tensor(orientations), still, indoors)

    paths, delays = channel(1, 1.0)
    frequencies = tensor((np.arange(bands) - (bands - 1) / 2) * BAND_HZ)
    response = cir_to_ofdm_channel(frequencies, paths, delays, normalize=False)  # [drop, user, 1, tx, antenna, time, band]
    response = response[:, :, 0, :, :, 0].reshape(drops, cells, users, cells, antennas, bands)
    return response.permute(0, 3, 1, 5, 4, 2).numpy().astype(np.complex64)


def arguments(words: list[str]) -> argparse.Namespace:
    """What the command line asks for; what cannot be made is refused, by exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(MODELS), default="umi", help="urban micro (street canyon) or urban macro (default: umi)")
    parser.add_argument("--cells", type=int, choices=(3, 7), default=3, help="a triangle or a hexagon with its centre (default: 3)")
    parser.add_argument("--users", type=int, default=4, help="of a cell (default: 4)")
    parser.add_argument("--antennas", type=int, default=8, help="of a station (default: 8)")
    parser.add_argument("--bands", type=int, default=6, help="of 5 MHz each, side by side around 3.5 GHz (default: 6)")
    parser.add_argument("--drops", type=int, default=1500, help="blocks of the pool (default: 1500)")
    parser.add_argument("--seed", type=int, default=0, help="of everything (default: 0)")
    parser.add_argument("--tx-power-dbm", type=float, help="of a station, over all bands (default: 44 for umi, 49 for uma)")
    parser.add_argument("--output", type=Path, required=True, help="a .npz file that is not there yet")
    given = parser.parse_args(words)
    for name in ("users", "antennas", "bands", "drops"):
        if getattr(given, name) < 1:
            parser.error(f"--{name} must be at least 1; got {getattr(given, name)}. Give a positive whole number.")
    if given.seed < 0:
        parser.error(f"--seed must not be negative; got {given.seed}. Give 0 or more.")
    if given.users > given.antennas:
        parser.error(f"--users must be at most --antennas ({given.antennas}), for zero-forcing; got {given.users}. Give fewer.")
    if given.output.exists() or given.output.suffix != ".npz" or not given.output.parent.is_dir():
        parser.error(f"--output must be a .npz file that is not there yet, in a directory that is; got {given.output}. Give another one.")
    if given.tx_power_dbm is None:
        given.tx_power_dbm = TX_POWER_DBM[given.model]
    return given


def main(words: list[str]) -> None:
    """Make the pool that the command line asks for."""
    given = arguments(words)
    from tqdm import tqdm

    seeds = np.random.SeedSequence(given.seed).generate_state(math.ceil(given.drops / AT_ONCE)).tolist()
    parts = []
    with tqdm(total=given.drops, unit="drop", dynamic_ncols=True) as bar:
        for index, seed in enumerate(seeds):
            count = min(AT_ONCE, given.drops - index * AT_ONCE)
            parts.append(channels(given.model, given.cells, given.users, given.antennas, given.bands, count, seed))
            bar.update(count)
    pool = np.concatenate(parts)
    unfinished = given.output.with_name(f".{given.output.name}.unfinished.npz")  # a pool has its name when it is whole
    np.savez(unfinished, channels=pool, tx_power_dbm=given.tx_power_dbm, noise_dbm=NOISE_DBM)
    unfinished.rename(given.output)
    print(f"wrote {given.output}: [drop, tx_cell, rx_cell, band, antenna, user] {pool.shape}, {given.tx_power_dbm:g} dBm")


if __name__ == "__main__":
    main(sys.argv[1:])
