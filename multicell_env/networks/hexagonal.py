"""The scenario of random networks on hexagonal cells."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from multicell_env.config import NetworkConfig
from multicell_env.networks.deployment import Deployment
from multicell_env.networks.weak_links import without_weak_links


@dataclass(frozen=True, kw_only=True)
class HexagonalDeployment:
    """Sectorised hexagonal sites with wrap-around. Users are dropped anew in every network, and each has mean gains of its own.

    Weak links are removed; `multicell_env.networks.weak_links` bounds the error. The SNR is that of a cell's mean own gain: users near
    their station have a higher SNR, and users at the edge a lower one.
    """

    num_cells: int = 57
    """B, number of cells; 57 are 19 sites with three sectors."""
    num_users: int = 4
    """U, users in every cell; M = 2 U."""
    num_bands: int = 6
    """F, number of bands."""
    deployment: Deployment = field(default_factory=lambda: Deployment(sectors=3))
    """Layout, path loss and shadowing."""
    cut_db: float = 10.0
    """Links that all users receive more than this below the noise are removed, dB."""

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
        """Positions, in metres, of stations and users in the network that `sample` draws from the same state of the generator.

        Sectors are shown a quarter of the spacing away from their site, within their own areas.
        """
        sectors, num_cells = self.deployment.sectors, self.num_cells
        sites, _ = self.deployment.sites(self.deployment.num_sites(num_cells), generator)
        users = self.deployment.users(sites, self.num_users, generator)
        angles = np.radians(self.deployment.directions(num_cells))
        apart = self.deployment.spacing_m / 4.0 if sectors > 1 else 0.0
        return np.repeat(sites, sectors, axis=0) + apart * np.stack([np.cos(angles), np.sin(angles)], axis=-1), users
