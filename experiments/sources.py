"""Which of the project's files a result depends on: those that a file imports, directly or not, found by reading the sources."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("multicell_env", "agents", "experiments")
MEASURING = ("experiments/figures/measurement.py", "agents/loading.py")
"""What makes a point of a figure: the measurement, and the loading of the policy that it measures."""


def digest_of_sources(roots: Iterable[str] = MEASURING, root: Path = ROOT) -> str:
    """A hash of all files that some files depend on: results of other code are other results.

    Args:
        roots: The files, from the project's root on.
        root: Where the project lies.
    """
    digest = hashlib.sha256()
    for path in sorted(closure(roots, root)):
        digest.update(f"{path}\0".encode() + (root / path).read_bytes())
    return digest.hexdigest()[:12]


def closure(roots: Iterable[str], root: Path = ROOT) -> set[str]:
    """Files of the project that some files depend on, themselves included.

    An import counts wherever it stands. A package's own file counts where a name is imported from it, and not where it is only passed
    through: what it gathers for others decides nothing.

    Args:
        roots: The files, from the project's root on.
        root: Where the project lies.
    """
    found, waiting = set[str](), list(roots)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports((root / path).read_text(), root)
    return found


def _imports(source: str, root: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from filter(None, (_file(alias.name, root) for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                path = _file(f"{node.module}.{alias.name}", root) or _file(node.module, root)
                if path is not None:
                    yield path


def _file(module: str, root: Path) -> str | None:
    """The file of one of the project's modules; None where it is no module or another's."""
    place = module.replace(".", "/")
    if place.split("/")[0] not in PACKAGES:
        return None
    return next((path for path in (f"{place}.py", f"{place}/__init__.py") if (root / path).is_file()), None)
