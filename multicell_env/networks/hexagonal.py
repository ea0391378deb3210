"""Networks on hexagons, drawn at random: as a scenario has them."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from multicell_env.config import NetworkConfig
from multicell_env.networks.deployment import Deployment
from multicell_env.networks.weak_links import without_weak_links


@dataclass(frozen=True, kw_only=True)
class HexagonalDeployment:
    """Sites on hexagons that wrap around, with sectors, and users dropped anew in every network, each with mean gains of its own.

    Weak links are removed; `multicell_env.networks.weak_links` bounds the error. The SNR is that of a cell's mean own gain: users near
    their station have a higher SNR, and users at the edge a lower one.
    """

    num_cells: int = 57
    """B; the usual 57 are 19 sites of three sectors."""
    num_users: int = 4
    """U; M = 2 U."""
    num_bands: int = 6
    """F."""
    deployment: Deployment = field(default_factory=lambda: Deployment(sectors=3))
    """Where everything stands, and what reaches whom."""
    cut_db: float = 10.0
    """Links that no user receives this close to the noise, or above it, are left out, dB."""

    def sample(self, generator: np.random.Generator) -> NetworkConfig:
        """Draw one network."""
        network = NetworkConfig(
            num_cells=self.num_cells,
            num_users=self.num_users,
            num_antennas=2 * self.num_users,
            num_bands=self.num_bands,
            mean_gains=self.deployment.drop(self.num_cells, self.num_users, generator),
        )
        return without_weak_links(network, self.cut_db).network

    def drop(self, generator: np.random.Generator) -> tuple[Float[np.ndarray, "cell xy"], Float[np.ndarray, "cell user xy"]]:
        """Places in metres of stations and users of the network that `sample` draws from the same state of the generator.

        Sectors of a site stand a quarter of the spacing apart from it, each where its own area is.
        """
        sectors, num_cells = self.deployment.sectors, self.num_cells
        sites, _ = self.deployment.sites(self.deployment.num_sites(num_cells), generator)
        users = self.deployment.users(sites, self.num_users, generator)
        angles = np.radians(self.deployment.directions(num_cells))
        apart = self.deployment.spacing_m / 4.0 if sectors > 1 else 0.0
        return np.repeat(sites, sectors, axis=0) + apart * np.stack([np.cos(angles), np.sin(angles)], axis=-1), users
