"""The tour in `examples/tour.ipynb` runs, and gives what it shows."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
TOUR = ROOT / "examples" / "tour.ipynb"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[nbformat.NotebookNode, nbformat.NotebookNode]:
    """The tour as it is committed, and as it runs here."""
    folder = tmp_path_factory.mktemp("tour")
    # A process of its own with folders of its own: neither Jupyter's warnings nor this machine's settings of it are of interest here.
    own = {name: str(folder / name) for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {**os.environ, **own, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    words = [sys.executable, ROOT / "tests" / "execute_notebook.py", TOUR, folder / "run.ipynb"]
    result = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return nbformat.read(TOUR, as_version=4), nbformat.read(folder / "run.ipynb", as_version=4)


def outputs(notebook: nbformat.NotebookNode) -> list[list[nbformat.NotebookNode]]:
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def test_the_tour_shows_what_its_cells_give(runs: tuple[nbformat.NotebookNode, nbformat.NotebookNode]) -> None:
    committed, run = map(outputs, runs)
    for shown, given in zip(committed, run, strict=True):
        assert [output.output_type for output in shown] == [output.output_type for output in given]
        for before, now in zip(shown, given, strict=True):
            if before.output_type == "stream":
                assert before.name == now.name == "stdout"  # warnings would come on the other
                assert NUMBER.sub("#", before.text) == NUMBER.sub("#", now.text)
                # Another processor rounds float32 in another way, and 150 steps of learning carry that on.
                assert [*map(float, NUMBER.findall(now.text))] == pytest.approx([*map(float, NUMBER.findall(before.text))], rel=0.02, abs=1)
            else:
                assert set(before.data) == set(now.data) == {"image/png", "text/plain"}


def test_the_tour_is_short_light_and_whole() -> None:
    notebook = nbformat.read(TOUR, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, 11))
    assert all(cell.outputs for cell in code)
    assert TOUR.stat().st_size < 500_000
