"""Who imports whom, and what every file owes its reader, held by reading the source."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("multicell_env", "agents", "experiments", "tests", "benchmarks", "examples", "docs")
PACKAGES = ("multicell_env", "agents", "experiments")
LONGEST = 320
MOST_FILES = 16
LONGEST_NAME = 80

GAME = (
    *("arguments", "batched", "blocks", "channels", "config", "config_checks", "differentiable", "kernels", "links", "model"),
    *("observation", "rewards", "scenarios", "scheduling", "streams", "version"),
)
MAY_IMPORT = {
    "config": ("config_checks", "networks.mean_gains"),
    "config_checks": (),
    "networks": ("config", "config_checks", "networks"),
    "arguments": ("channels", "config", "config_checks"),
    "batched": ("arguments", "channels", "config", "config_checks", "kernels.running"),
    "version": (),
    "scenarios": ("config", "networks", "streams"),
    "streams": (),
    "model": ("config", "model"),
    "kernels": ("kernels", "model.types"),
    "channels": ("channels", "config", "config_checks", "kernels.drawing", "kernels.random_bits", "model", "networks"),
    "allocations": ("allocations", "config", "kernels.compiling", "model"),
    "scheduling": ("config", "model", "scheduling"),
    "links": ("channels", "config", "kernels", "model", "scheduling"),
    "blocks": ("channels.model", "config", "kernels", "links", "model"),
    "differentiable": (
        "arguments",
        "blocks",
        "config",
        "model",
        "observation",
        "rewards",
        "tensors.ahead",
        "tensors.playing",
        "tensors.showing",
    ),
    "tensors": (*GAME, "env", "tensors"),
    "observation": ("blocks", "channels.plausible", "config", "kernels", "model"),
    "rewards": ("blocks", "config", "kernels", "model", "scheduling"),
    "rendering": (*GAME, "rendering"),
    "env": (*GAME, "rendering"),
    "vector_env": (*GAME, "env"),
    "multicell_v0": (*GAME, "env"),
    "tasks": (*GAME, "env", "tasks", "vector_env"),
    "evaluation": (*GAME, "allocations", "evaluation", "rendering"),
    "adapters": (*GAME, "adapters", "env", "multicell_v0", "tensors", "vector_env"),
    "__init__": ("config", "env", "multicell_v0", "tasks", "vector_env", "version"),
}
"""What each folder, and each file beside the folders, may import of the package."""
ONLY_IN = {
    "numba": ("multicell_env/kernels",),
    "llvmlite": ("multicell_env/kernels",),
    "torch": ("agents", "experiments", "multicell_env/adapters", "multicell_env/tensors"),
    "jax": ("multicell_env/model/tracing.py",),
    "tianshou": ("agents", "experiments", "multicell_env/adapters"),
    "matplotlib": ("multicell_env/evaluation", "multicell_env/rendering/", "experiments"),
    "rich": ("multicell_env/evaluation", "experiments"),
}
"""Where a library may be imported, beside tests, benchmarks, examples and documents."""


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def modules(source: str) -> set[str]:
    """Names of all modules that a source imports, at its head or anywhere else; `from a import b` counts as a and as a.b."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function in ("import_module", "__import__"):
                names.add(str(node.args[0].value))
    return names


def imported(source: str) -> set[str]:
    """Top-level names of all modules that a source imports."""
    return {name.split(".")[0] for name in modules(source)}


def ours(package: str) -> dict[str, Path]:
    """Files of a package by the names of their modules."""
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in sources(package)}


def public_definitions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions, classes and methods; what is defined inside a function is nobody else's business."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If | ast.Try):
            yield from public_definitions(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        # A setter's words stand at its property.
        if not any(isinstance(decorator, ast.Attribute) and decorator.attr == "setter" for decorator in node.decorator_list):
            yield node
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node)


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "import numpy, torch.nn as nn",
        "from torch.nn import functional",
        "def late():\n    from torch import nn",
        "if TYPE_CHECKING:\n    import torch",
        "importlib.import_module('torch.nn')",
        "__import__('torch')",
    ],
)
def test_the_reader_of_imports_sees_them_wherever_they_stand(source: str) -> None:
    assert "torch" in imported(source)


def test_the_reader_of_imports_sees_nothing_else() -> None:
    assert imported("from . import torch\nfrom .torch import nn\nname = 'torch'\nimport numpy.random") == {"numpy"}


def within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == f"multicell_env.{part}" or name.startswith(f"multicell_env.{part}.") for part in allowed)


@pytest.mark.parametrize("name", ours("multicell_env"))
def test_a_module_of_the_library_imports_only_what_its_folder_may(name: str) -> None:
    place = [*name.split("."), "__init__"][1]
    known = set(ours("multicell_env"))
    asked = {module for module in modules(ours("multicell_env")[name].read_text()) if module in known and module != "multicell_env"}
    assert {module for module in asked if not within(module, MAY_IMPORT[place])} == set()


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    paths = [path for package in PACKAGES for path in sources(package)] + sorted(ROOT.glob("*.py"))
    users = [str(path.relative_to(ROOT)) for path in paths if library in imported(path.read_text())]
    assert users
    assert [user for user in users if not user.startswith(ONLY_IN[library])] == []


def test_imports_go_in_no_circle() -> None:
    files = {name: path for package in PACKAGES for name, path in ours(package).items()}
    graph = {name: (modules(path.read_text()) & set(files)) - {name} for name, path in files.items()}
    # A package's own file stands above what is in it, and a name of a module is imported from its package.
    graph = {name: {to for to in targets if not name.startswith(f"{to}.")} for name, targets in graph.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"imports in a circle: {error.args[1]}")
    assert set(order) == set(files)


def test_the_agents_know_no_environment_but_pettingzoos_api() -> None:
    for path in sources("agents"):
        assert not imported(path.read_text()) & {"multicell_env", "experiments", "train", "evaluate"}, path


def test_the_library_knows_nothing_of_learners_and_experiments() -> None:
    for path in sources("multicell_env"):
        assert not imported(path.read_text()) & {"agents", "experiments", "train", "evaluate"}, path


def test_nothing_imports_the_experiments_but_what_stands_beside_them() -> None:
    folders = [folder for folder in FOLDERS if folder not in ("experiments", "tests", "benchmarks", "examples")]
    for path in [path for folder in folders for path in sources(folder)]:
        assert "experiments" not in imported(path.read_text()), path


def test_no_folder_has_more_files_than_one_can_look_over() -> None:
    counts = Counter(str(path.parent.relative_to(ROOT)) for folder in FOLDERS for path in sources(folder))
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_importing_the_environment_loads_neither_torch_nor_tianshou_nor_matplotlib() -> None:
    # A process of its own, because other tests have loaded them here.
    code = """
import sys
import multicell_env
multicell_env.multicell_v0.parallel_env().reset(seed=0)
print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'tianshou', 'matplotlib', 'agents', 'multicell_env'}))
"""
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "['multicell_env']", result.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_and_every_public_function_and_class_has_a_docstring(package: str) -> None:
    for path in sources(package):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        bare = [f"{path}:{node.lineno} {node.name}" for node in public_definitions(tree) if not ast.get_docstring(node)]
        assert bare == []


def test_the_reader_of_docstrings_finds_public_methods_and_passes_over_private_ones() -> None:
    tree = ast.parse(
        "class A:\n    def b(self): ...\n    def _c(self): ...\n    @b.setter\n    def b(self, v): ...\nif x:\n    def d(): ..."
    )
    assert [node.name for node in public_definitions(tree)] == ["A", "b", "d"]


def test_no_file_is_longer_than_one_sitting() -> None:
    paths = [path for folder in FOLDERS for path in sources(folder)] + sorted(ROOT.glob("*.py"))
    assert Path(__file__) in paths
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_the_name_of_a_test_is_a_short_sentence() -> None:
    names = [
        f"{path.relative_to(ROOT)} {node.name}"
        for path in sources("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert len(names) > 100
    assert [name for name in names if len(name.split()[1]) > LONGEST_NAME] == []
