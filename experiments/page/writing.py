"""The page of a comparison, written beside its other files."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.page.contents import contents
from experiments.page.curves import committed_curves
from experiments.page.document import document
from experiments.page.followed import follow
from multicell_env.channels.model import ChannelModel
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.policies import Policy
from multicell_env.evaluation.writing import write_text
from multicell_env.rendering.network_map import map_of
from multicell_env.scenarios import Places

FILE = "report.html"


def write_page(
    results: Mapping[str, Any],
    policies: Mapping[str, Policy],
    network: NetworkConfig,
    folder: Path,
    *,
    name: str | None = None,
    places: Places | None = None,
    channels: ChannelModel | None = None,
) -> Path:
    """Write `report.html`.

    Args:
        results: What `results.json` holds.
        policies: Those that were played, by the names that they were given.
        network: The first network that was played.
        folder: Where to write.
        name: What was played, where it has a name.
        places: Where the stations and users of the first network stand, where that is known.
        channels: Where channels come from, in place of the model that the network names.
    """
    methods = results["methods"]
    names = sorted(methods, key=lambda method: -methods[method]["last_slot"]["mean"])
    followed = follow(names, policies, network, results["seed"], channels=channels)
    title = f"{name}: {network.describe()}" if name else network.describe()
    command = " ".join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])
    shown = map_of(network, places).lying
    holds = contents(results, title, shown, network.num_bands, followed, committed_curves(), command=command)
    write_text(folder / FILE, document(holds))
    print(f"wrote {folder / FILE}")
    return folder / FILE
