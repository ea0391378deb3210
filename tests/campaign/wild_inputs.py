"""Inputs that nobody should give, one a seed: what follows must be a finite result or a clear error."""

import contextlib
import io
import json
import math
import re
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

import agents
from agents.checkpoints.trees import read_tree, write_tree
from agents.networks import SetActor
from agents.saved_actor import ActorPolicy, save_actor
from experiments.commands.evaluation_arguments import evaluation
from experiments.commands.training_arguments import new_run
from experiments.figures.figure_files import read_figure
from experiments.leaderboard.page import make_page
from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.channels.files import read_array
from multicell_env.channels.pool import RecordedChannels

CLEAR = re.compile(r"got|there is no|did you mean|reset\(\)|allocate|is another name|keyword|argument|must be|cannot|names twice|holds")
"""What a message of ours, or Python's of arguments, has: a value, a rule or a remedy."""
REFUSALS = (ValueError, TypeError, RuntimeError, OSError, MemoryError)


class NotClearError(AssertionError):
    """An outcome that is neither a finite result nor a clear error."""


def wild(generator: np.random.Generator) -> Any:
    """A value that may be anything."""
    masked = np.ma.masked_array(np.zeros((6, 4)), np.eye(6, 4))
    values: list[Any] = [
        *(None, True, False, 0, -1, 1, 2, 3, 7, 10**9, 2**31, 2**63, 10**30, 10**400, -(10**400)),
        *(0.0, -0.0, 0.5, 1.5, 1e300, -1e300, math.nan, math.inf, -math.inf, 5e-324, 1j),
        *("", "3", "flwf", "nonsense", "\x1b[31m", "a" * 5000, b"bytes", "SAME_STEP"),
        *((), [], [[]], {}, {"a": 1}, set(), (1, 2), [1, [2]], [None], ("x",), [math.nan], (3, 3, 3), [[1, 0.5], [0.5, 1]]),
        *(np.array(3), np.array(True), np.zeros(0), np.zeros((6, 4)), np.full((6, 4), np.nan), np.full((3, 6, 4), 0.1, np.float16)),
        *(np.array(["x"]), np.array([object()], dtype=object), np.int64(3), np.uint8(2), np.float32(0.5), np.longdouble(1), masked),
        *(np.zeros((2, 3, 6, 4)), np.full((2, 3, 6, 4), np.inf), np.zeros((6, 4), complex), np.zeros((6, 4), bool)),
        *(torch.zeros(6, 4), torch.zeros(6, 4, requires_grad=True), torch.zeros(6, 4).to_sparse(), torch.zeros((6, 4), device="meta")),
        *(object(), len, int, NotImplemented, ..., range(3), slice(3), iter([1]), Path("nowhere"), np.random.default_rng(0)),
    ]
    return values[int(generator.integers(len(values)))]


def outcome(act: Callable[[], Any]) -> str:
    """What came of it: "result" or "refused".

    Raises:
        NotClearError: something else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = act()
    except REFUSALS as error:
        words = str(error)
        is_the_systems = isinstance(error, OSError) and error.errno is not None  # it names the file and says why
        if not CLEAR.search(words) and not is_the_systems:
            raise NotClearError(f"{type(error).__name__}: {words[:300]}") from error
        if "\x1b" in words:
            raise NotClearError(f"a command for the terminal in {words[:100]!r}") from error
        return "refused"
    except Exception as error:
        raise NotClearError(f"{type(error).__name__}: {str(error)[:300]}") from error
    for array in _arrays(result):
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            raise NotClearError("a result that is not finite")
    return "result"


def _arrays(given: Any) -> list[np.ndarray]:
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, list | tuple):
        return [array for part in given for array in _arrays(part)]
    return [np.asarray(given)] if isinstance(given, np.ndarray | float) else []


def _some_fields(generator: np.random.Generator) -> dict[str, Any]:
    names = [field.name for field in fields(NetworkConfig)]
    chosen = generator.choice(names, int(generator.integers(1, 4)), replace=False)
    return {str(name): wild(generator) for name in chosen}


def constructors(generator: np.random.Generator) -> str:
    """Networks and environments of wild arguments; where they are made, and small, they are played."""
    given = _some_fields(generator)
    other = {str(generator.choice(["observation", "render_mode", "max_cycles", "channels", "num_envs", "autoreset_mode", "nonsense"]))}
    other = {name: wild(generator) for name in other} if generator.random() < 0.4 else {}

    def make() -> Any:
        config = NetworkConfig(**given)
        size = config.num_cells**2 * config.num_bands * config.max_users * (config.max_users + config.num_antennas)
        if size * (1 + config.num_iterations) > 10**7:
            return None
        if "autoreset_mode" in other or "num_envs" in other:
            counts = {"num_envs": 2, **other}
            if type(counts["num_envs"]) is int and counts["num_envs"] > 100:
                counts["num_envs"] = -5
            env = MulticellVectorEnv(**counts, config=config, observation="gain")
            env.reset(seed=0)
            return env.step(np.full(env.action_space.shape, 0.1, np.float32))
        env = multicell_v0.parallel_env(**{"config": config, "observation": "gain", **other})
        env.reset(seed=0)
        return env.step({agent: np.full(env.action_space(agent).shape, 0.1) for agent in env.agents})

    return outcome(make)


def actions_and_options(generator: np.random.Generator) -> str:
    """Wild actions, seeds and options of a begun environment; what is refused must have changed nothing."""
    is_batch = generator.random() < 0.5
    env: Any = MulticellVectorEnv(2, observation="gain") if is_batch else multicell_v0.parallel_env(observation="gain")
    env.reset(seed=0)
    before, value = env.state(), wild(generator)
    kind = int(generator.integers(4))
    if kind == 0:
        act = lambda: env.step(value)  # noqa: E731
    elif kind == 1:
        face = env.as_dicts() if is_batch else env
        good = {agent: np.full(((2,) if is_batch else ()) + face.action_space(agent).shape, 0.1) for agent in face.possible_agents}
        act = lambda: face.step({**good, "bs_1": value})  # noqa: E731
    elif kind == 2:
        act = lambda: env.reset(seed=value)  # noqa: E731
    else:
        key = str(generator.choice(["channels", "reset_mask", "strict", "chanels", "other"]))
        act = lambda: env.reset(options={key: value} if generator.random() < 0.8 else value)  # noqa: E731
    came = outcome(act)
    if came == "refused" and not np.array_equal(env.state(), before):
        raise NotClearError("a refusal that changed the environment")
    return came


def gradients(generator: np.random.Generator) -> str:
    """Wild actions of the differentiable game."""
    env = MulticellVectorEnv(2, observation="gain")
    env.reset(seed=0)
    shape = [int(length) for length in generator.choice([1, 2, 3, 4, 6], int(generator.integers(0, 6)))]
    library = torch if generator.random() < 0.5 else np
    actions = library.full(tuple(shape), float(generator.choice([0.1, math.inf, -math.inf, math.nan])))
    return outcome(lambda: np.asarray(env.differentiable_rewards(actions)))


def _damaged(content: bytes, generator: np.random.Generator) -> bytes:
    kind = int(generator.integers(5))
    at = int(generator.integers(max(len(content), 1)))
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + generator.bytes(8) + content[at + 8 :]
    if kind == 2:
        head = min(len(content), 400)
        at = int(generator.integers(head))
        return content[:at] + generator.bytes(1) + content[at + 1 :]
    if kind == 3:
        return generator.bytes(int(generator.integers(200)))
    return content[:at] + content[at // 2 :]


def actor_files(generator: np.random.Generator) -> str:
    """An actor's file that is damaged, or says wild things."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "actor.safetensors"
        metadata: dict[str, Any] = {"algo": "mine", "config": {}}
        actor = SetActor(3, (4,))
        save_actor(path, ActorPolicy(actor, np.float32(0), np.float32(1), metadata))
        path.write_bytes(_damaged(path.read_bytes(), generator))
        observations = {"bs_0": np.zeros((3, 6, 4), np.float32)}
        return outcome(lambda: agents.load(path)(observations) and None)


def checkpoints(generator: np.random.Generator) -> str:
    """A checkpoint that is damaged."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        write_tree(path, {"training": {"steps_done": 3, "array": np.arange(50.0), "tuple": (1, [2, None])}, "metrics": [{"step": 1}]})
        path.write_bytes(_damaged(path.read_bytes(), generator))
        return outcome(lambda: read_tree(path) and None)


def channel_files(generator: np.random.Generator) -> str:
    """A file of channels that is damaged. MATLAB's own format is left out: SciPy's reader of it ends the process on some damaged files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"pool{generator.choice(['.npy', '.npz', '.h5'])}"
        shape = (4, 2, 2, 2, 2, 2)
        array = np.asarray(np.random.default_rng(0).normal(size=shape) + 1j, np.complex64)
        if path.suffix == ".npy":
            np.save(path, array)
        elif path.suffix == ".npz":
            np.savez(path, channels=array)
        else:
            import h5py

            with h5py.File(path, "w") as file:
                file["channels"] = array
        path.write_bytes(_damaged(path.read_bytes(), generator))

        def read() -> None:
            if read_array(path, 6).size < 10**6:
                RecordedChannels(path).fitted()

        return outcome(read)


FLAGS = (
    *("--num-cells", "--num-users", "--num-bands", "--num-slots", "--num-iterations", "--snr-db", "--sir-db", "--mean-gains", "--seed"),
    *("--name", "--runs", "--num-steps", "--num-envs", "--algo", "--preset", "--scenarios", "--hidden-sizes", "--channels", "--resume"),
    *("--output", "--num-blocks", "--policy", "--curve", "--damping", "--fairness", "--negotiation", "--nonsense", "--eval-interval"),
)
WORDS = (
    *("", "0", "-1", "1", "3", "1e9", "nan", "inf", "-inf", "10" * 200, "x", "None", "[[1]]", "[[1,0.5],[0.5,1]]", "\x1b[31m"),
    *("td3mix", "apg", "rounds", "paper", "all", "irregular-7", "a:b", "CON", "../x", "n" * 5000, "/", "~", "file.npy:key", "é"),
)


def command_lines(generator: np.random.Generator) -> str:
    """A command line of train.py or evaluate.py of wild flags and words, read as far as it is read before anything is computed."""
    read: Any = new_run if generator.random() < 0.5 else evaluation
    argv = []
    for _ in range(int(generator.integers(1, 5))):
        argv += [str(generator.choice(FLAGS)), *(str(generator.choice(WORDS)) for _ in range(int(generator.integers(0, 3))))]

    def parse() -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            read(argv)

    return outcome(parse)


def metadata(generator: np.random.Generator) -> str:
    """A whole actor's file that says wild things of what it was trained on, as evaluate.py reads it."""
    with tempfile.TemporaryDirectory() as folder:
        said: dict[str, Any] = {"algo": "mine", "observation": "gain", "scenarios": None, "config": asdict(NetworkConfig())}
        for key in generator.choice(["algo", "observation", "scenarios", "config", "channels", "channel_axes"], 2):
            said[str(key)] = wild(generator)
        run = Path(folder) / "run"
        run.mkdir()
        (run / "config.json").write_text("{}")
        try:
            text = json.dumps(said)
            save_actor(run / "best.safetensors", ActorPolicy(SetActor(3, (4,)), np.float32(0), np.float32(1), json.loads(text)))
        except (TypeError, ValueError, OverflowError):
            return "refused"
        return outcome(lambda: evaluation([str(run)]) and None)


ROOT = Path(__file__).parents[2]
RESULTS = (ROOT / "docs/figures/figure5.json", ROOT / "docs/leaderboard/reuse.json")


def result_files(generator: np.random.Generator) -> str:
    """A figure's numbers or a submission to the leaderboard that are damaged, or have a wild value in some place."""
    source = RESULTS[int(generator.integers(len(RESULTS)))]
    is_figure = "figures" in source.parts
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / source.name
        if generator.random() < 0.5:
            path.write_bytes(_damaged(source.read_bytes(), generator))
        else:
            content = json.loads(source.read_text())
            _put_anywhere(content, generator)
            path.write_text(json.dumps(content, default=str))
        if is_figure:
            return outcome(lambda: read_figure(path) and None)
        return outcome(lambda: make_page([path]) and None)


def _put_anywhere(content: Any, generator: np.random.Generator) -> None:
    """Replace or remove one entry, at any depth."""
    while True:
        keys = list(content) if isinstance(content, dict) else range(len(content))
        key = keys[int(generator.integers(len(keys)))]
        if isinstance(content[key], dict | list) and content[key] and generator.random() < 0.7:
            content = content[key]
            continue
        if generator.random() < 0.3:
            del content[key]
        else:
            values = (None, True, -1, 1e400, "\x1b[31m", "", [], {}, [[]], 10**30, "<script>")
            content[key] = values[int(generator.integers(len(values)))]
        return


ATTACKS = {
    attack.__name__: attack
    for attack in (
        constructors,
        actions_and_options,
        gradients,
        actor_files,
        checkpoints,
        channel_files,
        command_lines,
        metadata,
        result_files,
    )
}


def attacked(name: str, seed: int) -> str:
    """The outcome of one attack.

    Raises:
        NotClearError: it is neither a finite result nor a clear error.
    """
    try:
        return ATTACKS[name](np.random.default_rng([seed, *name.encode()]))
    except NotClearError as error:
        raise NotClearError(f"{name} {seed}: {error}") from error.__cause__
