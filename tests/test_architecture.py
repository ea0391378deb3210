"""Who imports whom, and what every file owes its reader, held by reading the source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("multicell_env", "agents", "tests", "benchmarks", "examples")
PACKAGES = ("multicell_env", "agents")
BOTH = {"train.py", "evaluate.py"}
LONGEST = 350


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(source: str) -> set[str]:
    """Top-level names of all modules that a source imports, at its head or anywhere else."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function in ("import_module", "__import__"):
                names.add(str(node.args[0].value))
    return {name.split(".")[0] for name in names}


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


def test_the_environment_imports_no_learning_library_and_no_agents() -> None:
    assert sources("multicell_env")
    for path in sources("multicell_env"):
        forbidden = (
            {"agents", "train", "evaluate"} if path.parent.name == "adapters" else {"torch", "tianshou", "agents", "train", "evaluate"}
        )
        assert not imported(path.read_text()) & forbidden, path


def test_nothing_in_the_environment_needs_the_adapters() -> None:
    for path in sources("multicell_env"):
        assert path.parent.name == "adapters" or "adapters" not in path.read_text(), path


def test_the_agents_know_no_environment_but_pettingzoos_api() -> None:
    assert (ROOT / "agents").is_dir()
    for path in sources("agents"):
        assert not imported(path.read_text()) & {"multicell_env", "train", "evaluate"}, path


def test_only_train_and_evaluate_import_both_packages() -> None:
    for path in sorted(ROOT.glob("*.py")):
        assert path.name in BOTH or not set(PACKAGES) <= imported(path.read_text()), path


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
