"""What is released: everything is in it, it installs beside nothing else, and its version stands in one place."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from multicell_env import __version__

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
TOP = ("multicell_env", "agents")
SMOKE = """
import multicell_env, agents
from multicell_env import multicell_v0
from multicell_env.evaluation.comparison import compare
from multicell_env.adapters import flat_env

assert "site-packages" in multicell_env.__file__, multicell_env.__file__
env = multicell_v0.parallel_env(observation="gain")
policy = agents.load("td3mix")
observations, _ = env.reset(seed=0)
while env.agents:
    observations, rewards, *_ = env.step(policy(observations))
assert min(rewards.values()) > 40, rewards
flat_env().reset(seed=0)
content = compare({name: agents.load(name) for name in ("td3mix", "generalist")}, num_blocks=10, output="out")
assert content["methods"]["td3mix"]["percent_of_bound"] > 95, content["methods"]["td3mix"]
"""
EVERY_MODULE = """
import importlib, pkgutil
import multicell_env, agents

for package in (multicell_env, agents):
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


def test_every_package_folder_is_listed():
    folders = {".".join(path.parent.relative_to(ROOT).parts) for top in TOP for path in (ROOT / top).rglob("__init__.py")}
    assert folders == set(SETUPTOOLS["packages"])


def test_every_file_that_is_no_python_is_listed():
    listed = {path for top, patterns in SETUPTOOLS["package-data"].items() for pattern in patterns for path in (ROOT / top).glob(pattern)}
    there = {path for top in TOP for path in (ROOT / top).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in there if path.suffix not in (".py", ".pyc")} == listed
    assert {path.name for path in listed} >= {"py.typed", "td3mix.safetensors", "README.md"}


def test_the_version_stands_in_one_place_and_everything_else_agrees():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"] == ["version"]
    newest = re.search(r"^## (\S+) \(([^)]+)\)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    citation = (ROOT / "CITATION.cff").read_text()
    assert newest
    assert newest[1] == __version__
    assert f"\nversion: {__version__}\n" in citation
    assert newest[2] in ("unreleased", *re.findall(r"^date-released: (\S+)$", citation, flags=re.MULTILINE))


def test_training_outside_of_the_repository_says_what_it_needs(tmp_path):
    for top in TOP:
        shutil.copytree(ROOT / top, tmp_path / top, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run([sys.executable, "-c", EVERY_MODULE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"training needs the repository's train.py; there is no {tmp_path / 'train.py'}." in done.stdout
    assert "'td3mix'" in done.stdout


@pytest.mark.release
def test_the_wheel_installs_beside_nothing_else_and_plays(tmp_path):
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
    assert {"multicell_env/py.typed", "multicell_env/adapters/flat.py", "agents/pretrained/td3mix.safetensors"} <= inside
    assert any(name.endswith("/LICENSE") for name in inside)
    assert not {name for name in inside if name.startswith(("tests", "docs", "train", "evaluate", "examples"))}
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"tests/oracles.py", "docs/paper.md", "train.py", "evaluate.py", "constraints.txt", "CITATION.cff"} <= names
    assert not {name for name in names if "__pycache__" in name or name.startswith(("build", "dist", "runs", "results"))}
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    subprocess.run([python, "-I", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel], check=True)
    subprocess.run([python, "-I", "-m", "pip", "check"], check=True)
    subprocess.run([python, "-I", "-c", SMOKE], cwd=tmp_path, check=True)
    assert (tmp_path / "out" / "comparison.png").exists()
