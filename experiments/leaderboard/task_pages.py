"""A page a task: what it is, its spaces and configuration, what methods reach on it, and its versions."""

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from experiments.leaderboard.scores import REFERENCE, score
from experiments.leaderboard.tables import about, capacity_of, percent_of, table
from multicell_env.channels.registry import model_of
from multicell_env.config import NetworkConfig
from multicell_env.observation import Observation
from multicell_env.scenarios import SCENARIOS
from multicell_env.tasks.making import make
from multicell_env.tasks.registry import TASKS
from multicell_env.tasks.task import Task

PICTURES = "pictures/tasks"
"""Where the picture of a task is, below the documents, as `ID.png`."""
TABLE = ("<!-- table of the tasks, by evaluate.py --leaderboard -->", "<!-- end of the table -->")
"""Between what the page of all tasks has its table."""
EXAMPLE = """import multicell_env

env = multicell_env.make("{name}", observation="gain")
observations, infos = env.reset(seed=0)
"""
MORE = {
    "umi-3-v0": """\
Three sectors of 120 degrees face one another, 200 m apart, with four users each. Every user has its own path loss, shadowing and line of
sight.

The pool ships with the package and is the same file as `examples/umi-3.npz`. Its 100 drops are split once: 70 to train, 10 to choose an
actor and 20 to test. The seed of a block selects the part: below 1,000,000 training, from 1,000,000 on test, from 2,000,000 on
validation. 70 drops are few to train on, and 20 give wide intervals. [A script](../channels.md#gpp-channels) makes larger pools.
""",
    "moving-users-v0": """\
Channels fade by [first-order autoregression](../environment.md#channels-that-move) with Jakes' correlation, which is 0.977 between slots of
5 ms at 3.5 GHz. Every slot starts from zero powers, because its channels are new.
""",
    "imperfect-csi-v0": """\
Beams are made of [estimated channels](../networks.md#what-is-laid-over-channels), so that they interfere within their own cell. Gains
and the interference-plus-noise-to-gain ratio (INGR) are measured without error.
""",
}
"""What a summary has no room for."""


def task_page(task: Task, contents: Sequence[Mapping[str, Any]], docs: Path) -> str:
    """The text of a task's page.

    Args:
        task: The task.
        contents: What the files of all submissions hold.
        docs: The documents, where the task's picture may be.
    """
    picture = f"![The network](../{PICTURES}/{task.name}.png)\n" if (docs / PICTURES / f"{task.name}.png").is_file() else None
    # Gradients through the game need channels that stay.
    algorithm = "td3mix" if model_of(task.network_of(0)).moves else "apg"
    parts = [
        f"# {task.name}\n",
        f"{task.summary}\n",
        picture,
        _more(task),
        f"```python\n{EXAMPLE.format(name=task.name)}```\n",
        f"`python train.py --algo {algorithm} --task {task.name}` trains on it.",
        f"`python evaluate.py --task {task.name}` plays its test blocks.\n",
        "## Spaces\n",
        "Shapes for each agent. In a vector of E environments all agents are in one array, with padded users.\n",
        _spaces(task),
        "## Configuration\n",
        _configuration(task),
        "These are fixed. [Other settings](../tasks.md#what-a-task-fixes) are free.\n",
        "## Baselines\n",
        f"Average cell capacity on the {task.num_test_blocks} test blocks, bit/s/Hz: mean ± 95 % confidence interval. The last column is "
        f"the [score](../leaderboard.md) on this task: the interquartile mean of the percentage of `{REFERENCE}`, and its interval.\n",
        _baselines(task, contents),
        f"`python evaluate.py --submit NAME --task {task.name}` plays a method.\n",
        "## Versions\n",
        table(["version", "since", "change"], _versions(task)),
    ]
    return "\n".join(part for part in parts if part is not None)


def tasks_table() -> str:
    """The table of all tasks, each with a link to its page."""
    rows = []
    for task in TASKS.values():
        network = task.network_of(0)
        sizes = [network.num_cells, network.num_antennas, _users(network), network.num_bands, _num_networks(task), task.num_test_blocks]
        rows.append([f"[`{task.name}`](tasks/{task.name}.md)", task.summary, *map(str, sizes)])
    return table(["task", "what it is", "B", "M", "U", "F", "networks", "test blocks"], rows)


def with_table(page: str) -> str:
    """The page of all tasks with its table made anew.

    Raises:
        ValueError: it has no place for it.
    """
    begin, end = TABLE
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"docs/tasks.md must have {begin} and {end} once each; got another page. Put them around its table.")
    return page.partition(begin)[0] + f"{begin}\n\n{tasks_table()}\n{end}" + page.partition(end)[2]


def _more(task: Task) -> str | None:
    if task.scenario is None:
        return MORE.get(task.name)
    told = inspect.cleandoc(type(SCENARIOS[task.scenario]).__doc__ or "").partition("\n\n")[2]
    told = re.split(r"(?m)^Raises:", told)[0].strip()
    return f"{told}\n" if told else None


def _spaces(task: Task) -> str:
    rows, network = [], task.network_of(0)
    for kind in get_args(Observation):
        env = make(task.name, observation=kind)
        shapes = [env.observation_space(agent).shape for agent in env.possible_agents]
        rows.append([f'observation `"{kind}"`', _shown(shapes), f"(E, {network.num_cells}, {_inside(max(map(tuple, shapes)))})"])
    env = make(task.name)
    shapes = [env.action_space(agent).shape for agent in env.possible_agents]
    rows.append(
        ["action, fractions of each user's budget", _shown(shapes), f"(E, {network.num_cells}, {_inside(max(map(tuple, shapes)))})"]
    )
    return table(["", "of an agent", "in a vector"], rows)


def _shown(shapes: Sequence[Any]) -> str:
    return "; ".join(dict.fromkeys(f"({_inside(shape)})" for shape in shapes))


def _inside(shape: Any) -> str:
    return ", ".join(map(str, shape))


def _configuration(task: Task) -> str:
    network = task.network_of(0)
    gains = "1 within a cell, 1/SIR between cells" if network.mean_gains is None else "given, for each pair of cells"
    if task.scenario is not None:
        gains = f"of the scenario `{task.scenario}`"
    power = (
        f"SNR {network.snr_db:g} dB"
        if network.tx_power_dbm is None
        else f"{network.tx_power_dbm:g} dBm a station over all bands, noise {network.noise_dbm:.1f} dBm a band"
    )
    rows = [
        ["cells B", str(network.num_cells)],
        ["antennas of a base station M", str(network.num_antennas)],
        ["users of a cell U", _users(network)],
        ["bands F", str(network.num_bands)],
        ["slots of a block T", str(network.num_slots)],
        ["power", power],
        ["mean gains", gains],
        *([["SIR", f"{network.sir_db:g} dB"]] if network.mean_gains is None else []),
        ["channels", f"`{network.channel_model}`"],
        ["networks to train on", str(_num_networks(task))],
        ["test blocks", f"{task.num_test_blocks}, of the seeds from 1,000,000 on"],
    ]
    return table(["", ""], rows)


def _users(network: NetworkConfig) -> str:
    return ", ".join(map(str, network.num_users)) if isinstance(network.num_users, tuple) else str(network.num_users)


def _num_networks(task: Task) -> int:
    return len({task.network_of(seed) for seed in range(200)})


def _baselines(task: Task, contents: Sequence[Mapping[str, Any]]) -> str:
    of_task = [{**content, "tasks": {task.name: content["tasks"][task.name]}} for content in contents]
    (reference,) = [content for content in of_task if content["name"] == REFERENCE]
    scored = sorted(((score(content, reference), content) for content in of_task), key=lambda pair: -pair[0].percent)
    rows = []
    for one, content in scored:
        played = content["tasks"][task.name]
        capacities = [capacity_of(np.array(played["blocks"][slots])) for slots in ("all_slots", "last_slot")]
        rows.append([content["name"], *capacities, *about([played]), percent_of(one)])
    return table(["method", "all slots", "last slot", "knows", "rounds a slot", "pilots", f"% of {REFERENCE}"], rows)


def _versions(task: Task) -> list[list[str]]:
    name = task.name.rpartition("-v")[0]
    others = [other for other in TASKS.values() if other.name.rpartition("-v")[0] == name]
    return [[f"`{other.name}`", other.since, other.change] for other in others]
