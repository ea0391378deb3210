"""The registry of tasks by id. To add a task, add a line here."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

import pettingzoo

from multicell_env.channels.registry import CHANNEL_MODELS
from multicell_env.config import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.tasks.pool import TaskPool
from multicell_env.tasks.task import DrawnTask, NetworkTask, Task

UMI_GAINS = (
    (1.6600585437770057e-08, 1.498714133012315e-09, 8.142131116441925e-10),
    (1.355792388167101e-09, 2.4008157866044647e-08, 1.0948725900023832e-09),
    (1.4099425640116967e-09, 1.5031678044352513e-09, 2.9669192159485594e-08),
)
"""Mean gains of the training part of umi-3's pool, linear, as `RecordedChannels.fitted` computes them."""
UMI = NetworkConfig(channel_model="umi-3", mean_gains=UMI_GAINS, tx_power_dbm=44.0, noise_dbm=-98.01029995663981)
MOVING = NetworkConfig(channel_model="fading:speed_kmh=3,carrier_ghz=3.5,slot_ms=5")
IMPERFECT = NetworkConfig(channel_model="rayleigh+estimated:error_db=-20")
CHANNEL_MODELS["umi-3"] = TaskPool("umi-3")

ALL: tuple[Task, ...] = (
    NetworkTask("paper-8x4-v0", "The paper's network with 8 antennas and 4 users: three cells that interfere alike.", PAPER_8X4),
    NetworkTask("paper-32x16-v0", "The paper's network with 32 antennas and 16 users.", PAPER_32X16),
    NetworkTask("unequal-load-v0", "Three cells with 2, 4 and 8 users.", NetworkConfig(num_users=(2, 4, 8), num_antennas=16)),
    DrawnTask("asymmetric-v0", "Three cells whose mean gains are independent in both directions, -20 to 3 dB.", "asymmetric"),
    DrawnTask("irregular-7-v0", "Seven cells dropped at random, with path loss and shadowing.", "irregular-7"),
    DrawnTask("irregular-12-v0", "Twelve cells dropped at random.", "irregular-12"),
    DrawnTask("irregular-57-v0", "57 cells dropped at random.", "irregular-57", num_test_blocks=10),
    DrawnTask(
        "hex-57-v0", "57 cells on hexagons, three sectors a site, users dropped anew in every network.", "hex-57", num_test_blocks=10
    ),
    NetworkTask("umi-3-v0", "Three sectors in 3GPP's urban micro cells (TR 38.901): a pool of 100 drops.", UMI, num_test_blocks=20),
    NetworkTask("moving-users-v0", "The paper's network with users at 3 km/h: channels change from slot to slot.", MOVING),
    NetworkTask("imperfect-csi-v0", "The paper's network with beams from estimates whose error is -20 dB.", IMPERFECT),
)
TASKS: Mapping[str, Task] = MappingProxyType({task.name: task for task in ALL})
"""Tasks by their ids."""


def task_named(name: str) -> Task:
    """One of `TASKS`.

    Raises:
        ValueError: there is no such task.
    """
    if name not in TASKS:
        near = get_close_matches(name, TASKS, n=1)
        raise ValueError(f"a task must be one of {', '.join(TASKS)}; got {name!r}. {f'Did you mean {near[0]}?' if near else 'Choose one.'}")
    return TASKS[name]


# PettingZoo has a registry from 1.26 on.
if hasattr(pettingzoo, "register"):
    for _name in TASKS:
        pettingzoo.register("parallel", f"multicell/{_name}", "multicell_env.tasks.making:make", kwargs={"name": _name})
        pettingzoo.register("aec", f"multicell/{_name}", "multicell_env.tasks.making:make_aec", kwargs={"name": _name})
