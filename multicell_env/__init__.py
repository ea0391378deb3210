"""Multi-agent RL environment for power and frequency allocation in multicell, multi-band, multiuser MIMO networks.

`multicell_v0.parallel_env()` makes the environment; the modules below it hold the model, each one idea:
channels, beamforming, interference, water-filling, allocations.
"""

from typing import TYPE_CHECKING, Any

from multicell_env import multicell_v0
from multicell_env.config import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.env import MulticellEnv
from multicell_env.tasks import make, make_vec
from multicell_env.version import __version__

if TYPE_CHECKING:
    from multicell_env.vector_env import MulticellVectorEnv

__all__ = [
    "PAPER_8X4",
    "PAPER_32X16",
    "MulticellEnv",
    "MulticellVectorEnv",
    "NetworkConfig",
    "__version__",
    "make",
    "make_vec",
    "multicell_v0",
]


def __getattr__(name: str) -> Any:
    # Gymnasium's autoreset modes came with 1.1; everything else here works with 1.0.
    if name == "MulticellVectorEnv":
        from multicell_env.vector_env import MulticellVectorEnv

        return MulticellVectorEnv
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
