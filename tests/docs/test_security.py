"""What SECURITY.md says of files: where something that could be executed is read, and that nothing else reads so."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    [*ROOT.glob("*.py"), *(path for folder in ("multicell_env", "agents", "experiments") for path in (ROOT / folder).rglob("*.py"))]
)
UNPICKLE = {
    "multicell_env/kernels/compiling.py",  # compiled functions, code as in every .pyc file
    "experiments/named_policies.py",  # what a driver sends to its workers
    "experiments/executors/jobs.py",  # whether an error can be sent to the driver
}


def calls(path: Path) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """Every call of a file: what is called as it is written, and its keyword arguments."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: word.value for word in node.keywords if word.arg}


def test_only_named_files_unpickle() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        for name, _ in calls(path)
        if name.split(".")[-1] in ("load", "loads", "Unpickler") and "pickle" in name
    }
    assert found == UNPICKLE


def test_arrays_are_read_without_objects_and_torch_reads_weights_alone() -> None:
    numpy_loads = [
        words for path in SOURCES for name, words in calls(path) if name in ("np.load", "numpy.load", "np.lib.format.read_array")
    ]
    assert len(numpy_loads) >= 2
    assert all(ast.unparse(words["allow_pickle"]) == "False" for words in numpy_loads)
    torch_loads = [words for path in SOURCES for name, words in calls(path) if name in ("torch.load", "read_whole")]
    assert len(torch_loads) >= 2
    assert {ast.unparse(words["weights_only"]) for words in torch_loads} <= {"True", "weights_only"}


def test_nothing_evaluates_text() -> None:
    found = [
        (path.name, name) for path in SOURCES for name, _ in calls(path) if name in ("eval", "exec", "compile", "yaml.load", "joblib.load")
    ]
    assert found == []


def test_the_page_names_what_is_executed() -> None:
    rows = [line for line in (ROOT / "SECURITY.md").read_text().splitlines() if "**yes**" in line]
    assert [any(word in row for row in rows) for word in ("--policy", "__pycache__", "executor")] == [True, True, True]
