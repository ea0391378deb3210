"""What the README shows runs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", PYTHON_BLOCKS, ids=lambda block: block.splitlines()[0])
def test_a_python_block_of_the_readme_runs(block):
    assert len(block.splitlines()) <= 20
    exec(compile(block, "README.md", "exec"), {})


def test_the_readme_shows_python():
    assert len(PYTHON_BLOCKS) >= 3


def test_every_file_that_the_readme_links_to_is_there():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    missing = [link for link in links if not (Path(__file__).parents[1] / link).exists()]
    assert links
    assert missing == []


def test_a_new_users_policy_from_the_readme_alone_stands_in_the_table_and_the_picture(tmp_path):
    section = README.partition("## Plug in your own algorithm")[2].partition("\n## ")[0]
    command = re.search(r"^python (evaluate\.py --policy (\w+):(\w+))", section, flags=re.MULTILINE)
    assert command
    block = next(block for block in PYTHON_BLOCKS if f"def {command[3]}(" in block)
    assert len(block.splitlines()) < 15
    (tmp_path / f"{command[2]}.py").write_text(block)
    script, *words = command[1].split()
    evaluate = [sys.executable, str(Path(__file__).parents[1] / script), *words, "--num-blocks", "5"]
    done = subprocess.run(evaluate, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0] for line in done.stdout.splitlines() if line}
    assert {command[3], f"{command[3]}_opening", "td3mix", "flwf", "wmmse", "assignment_bound"} <= rows
    methods = json.loads((tmp_path / "results" / "results.json").read_text())["methods"]
    assert methods[command[3]]["percent_of_bound"] > 95.0
    assert (tmp_path / "results" / "comparison.png").stat().st_size > 10_000
