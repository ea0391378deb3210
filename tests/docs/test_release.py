"""What is released: everything is in it, it installs beside nothing else, and its version stands in one place."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from functools import partial
from pathlib import Path

import pytest

from multicell_env import __version__

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
PACKAGES = ("multicell_env", "agents", "experiments")
LARGEST_MB = 350
ALONE = """
import importlib.util
import multicell_env
from multicell_env import MulticellVectorEnv, multicell_v0
from multicell_env.evaluation import compare, evaluate_allocations

assert "site-packages" in multicell_env.__file__, multicell_env.__file__
assert not [name for name in ("torch", "tianshou", "matplotlib", "rich", "experiments") if importlib.util.find_spec(name)]
env = multicell_v0.parallel_env()
env.reset(seed=0)
while env.agents:
    rewards = env.step({agent: env.action_space(agent).sample() for agent in env.agents})[1]
assert min(rewards.values()) > 10, rewards
many = MulticellVectorEnv(8)
many.reset(seed=0)
assert many.step(many.action_space.sample())[1].shape == (8, 3)
results = {result.name: result for result in evaluate_allocations(env.config, num_blocks=10)}
assert 90 < 100 * results["flwf"].last_slot["mean"] / results["assignment_bound"].last_slot["mean"] < 100
try:
    compare({}, num_blocks=2)
except ModuleNotFoundError as error:
    assert "pip install 'multicell-env[plots]'" in str(error), error
else:
    raise AssertionError("compare needs the extra plots")
"""
PLOTS = """
import numpy as np
from multicell_env.evaluation import compare

def uniform(observations):
    return {agent: np.full(planes.shape[1:], 1 / planes.shape[1]) for agent, planes in observations.items()}

content = compare({"mine": uniform}, num_blocks=10, output="out")
assert 30 < content["methods"]["mine"]["percent_of_bound"] < 55, content["methods"]["mine"]
"""
BESIDE = """
import agents
from multicell_env import multicell_v0

assert agents.Agent(name="mine").name == "mine"
assert multicell_v0.parallel_env().reset(seed=0)[0]
"""
EVERY_MODULE = """
import importlib, pkgutil
import agents, experiments, multicell_env

for package in (multicell_env, agents, experiments):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith("multicell_env.adapters."):  # they want their frameworks
            importlib.import_module(module.name)

from experiments.figures.trainings import run_training
try:
    run_training(["--help"])
except FileNotFoundError as error:
    print(error)
print(agents.shipped())
"""


def test_every_package_folder_of_the_library_is_listed():
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "multicell_env").rglob("__init__.py")}
    assert folders == set(SETUPTOOLS["packages"])


def test_every_file_that_is_no_python_is_listed():
    listed = {path for pattern in SETUPTOOLS["package-data"]["multicell_env"] for path in (ROOT / "multicell_env").glob(pattern)}
    there = {path for path in (ROOT / "multicell_env").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in there if path.suffix not in (".py", ".pyc")} == listed
    assert {path.name for path in listed} == {"py.typed", "umi-3.npz"}


def test_the_version_stands_in_one_place_and_everything_else_agrees():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"] == ["version"]
    newest = re.search(r"^## (\S+) \(([^)]+)\)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    citation = (ROOT / "CITATION.cff").read_text()
    assert newest
    assert newest[1] == __version__
    assert f"\nversion: {__version__}\n" in citation
    assert newest[2] in ("unreleased", *re.findall(r"^date-released: (\S+)$", citation, flags=re.MULTILINE))


def test_training_outside_of_the_repository_says_what_it_needs(tmp_path):
    for top in PACKAGES:
        shutil.copytree(ROOT / top, tmp_path / top, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run([sys.executable, "-c", EVERY_MODULE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"training needs the repository's train.py; there is no {tmp_path / 'train.py'}." in done.stdout
    assert "'td3mix'" in done.stdout


def installed_mb(python: Path) -> float:
    """What lies in an environment's site-packages, in megabytes of 10^6 bytes, without pip."""
    (folder,) = (python.parents[1] / "lib").glob("python*/site-packages")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] != "pip") / 1e6


def test_the_wheel_is_asked_to_hold_every_package_of_the_library():
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "multicell_env").rglob("__init__.py")}
    assert sorted(asked) == sorted(".".join(folder.parts) for folder in folders)


@pytest.mark.release
def test_the_wheel_is_the_library_alone_and_plays_beside_nothing_else(tmp_path):
    """Builds both files as they are uploaded, from a copy, and plays in a virtual environment that has only what the wheel declares."""
    tracked = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    source = tmp_path / "source"
    for name in filter(None, tracked.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    subprocess.run([sys.executable, "-m", "build", "--outdir", tmp_path / "dist"], cwd=source, check=True)
    (wheel,), (sdist,) = (tmp_path / "dist").glob("*.whl"), (tmp_path / "dist").glob("*.tar.gz")
    assert wheel.name.startswith(f"multicell_env-{__version__}-")
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in inside} == {"multicell_env", f"multicell_env-{__version__}.dist-info"}
    assert {
        "multicell_env/py.typed",
        "multicell_env/tasks/umi-3.npz",
        "multicell_env/adapters/flat.py",
        "multicell_env/evaluation/playing.py",
    } <= inside
    assert any(name.endswith("/LICENSE") for name in inside)
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"tests/oracles.py", "docs/paper.md", "train.py", "evaluate.py", "constraints.txt", "CITATION.cff"} <= names
    assert {"agents/pretrained/td3mix.safetensors", "agents/py.typed", "experiments/figures/claims.py"} <= names
    assert not {name for name in names if "__pycache__" in name or name.startswith(("build", "dist", "runs", "results"))}
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    # Outside of the repository, which must not lend its packages.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    call = partial(subprocess.run, cwd=tmp_path, env=environment, check=True)
    install = [python, "-I", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt"]
    call([*install, wheel])
    call([python, "-I", "-m", "pip", "check"])
    size = installed_mb(python)
    print(f"wheel {wheel.stat().st_size / 1e6:.2f} MB, with what it needs {size:.0f} MB")
    assert size < LARGEST_MB
    call([python, "-I", "-c", ALONE])
    call([*install, f"{wheel}[plots]"])
    print(f"with the extra plots {installed_mb(python):.0f} MB")
    call([python, "-I", "-c", PLOTS])
    assert (tmp_path / "out" / "comparison.png").exists()
    call([*install, "openai-agents"])
    call([python, "-I", "-c", BESIDE])
    call([*install[:4], "uninstall", "--quiet", "--yes", "multicell-env"])
    call([python, "-I", "-c", "import agents; agents.Agent(name='mine')"])
