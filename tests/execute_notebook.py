"""Run a notebook in a fresh kernel and write it with what it printed and drew.

python tests/execute_notebook.py examples/tour.ipynb                   # its outputs made again, in place
python tests/execute_notebook.py examples/tour.ipynb elsewhere.ipynb
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main(source: Path, target: Path) -> None:
    """Run `source` in an empty folder, so that nothing which lies about can stand in, and write `target`."""
    notebook = nbformat.read(source, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        # Without times, and without a break wherever the kernel happened to flush, the same run gives the same file.
        settings = {"timeout": 300, "record_timing": False, "coalesce_streams": True, "resources": {"metadata": {"path": folder}}}
        NotebookClient(notebook, **settings).execute()
    notebook.metadata["language_info"] = {"name": "python"}  # the kernel adds the version of Python, which is another elsewhere
    nbformat.write(notebook, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[-1]))
