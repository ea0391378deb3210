"""Multi-agent RL environment for power and frequency allocation in multicell, multi-band, multiuser MIMO networks.

`multicell_v0.parallel_env()` makes the environment. The subpackages contain the model, channels, allocations and evaluation.
"""

from multicell_env import multicell_v0
from multicell_env.config import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.env import MulticellEnv
from multicell_env.tasks import make, make_vec
from multicell_env.vector_env import MulticellVectorEnv
from multicell_env.version import __version__

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
