"""From the README alone: a policy of one's own in the table and the picture."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_policy_from_the_readme_alone_stands_in_the_table_and_the_picture(tmp_path):
    section = (ROOT / "README.md").read_text().partition("## My algorithm")[2].partition("\n## ")[0]
    command = re.search(r"^python (evaluate\.py --policy (\w+):(\w+))", section, flags=re.MULTILINE)
    assert command
    blocks = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    block = next(block for block in blocks if f"def {command[3]}(" in block)
    assert len(block.splitlines()) < 15
    (tmp_path / f"{command[2]}.py").write_text(block)
    script, *words = command[1].split()
    evaluate = [sys.executable, str(ROOT / script), *words, "--num-blocks", "5"]
    done = subprocess.run(evaluate, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0] for line in done.stdout.splitlines() if line}
    assert {command[3], f"{command[3]}_opening", "td3mix", "flwf", "wmmse", "assignment_bound"} <= rows
    methods = json.loads((tmp_path / "results" / "results.json").read_text())["methods"]
    assert methods[command[3]]["percent_of_bound"] > 95.0
    assert (tmp_path / "results" / "comparison.png").stat().st_size > 10_000


def test_a_torch_module_and_a_gru_stand_in_the_table_from_under_twenty_lines(tmp_path):
    page = (ROOT / "docs" / "your_algorithm.md").read_text()
    files = re.findall(r"say `(\w+\.py)`:\n\n```python\n(.*?)```", page, flags=re.DOTALL)
    ((file, block),) = (pair for pair in files if "torch" in pair[0])
    (command,) = re.findall(rf"^python (evaluate\.py .*{file}.*)", page, flags=re.MULTILINE)
    names = re.findall(rf"{file}:(\w+)", command)
    assert (len(block.splitlines()) < 20, "GRUCell" in block, len(names)) == (True, True, 2)
    (tmp_path / file).write_text(block)
    script, *words = command.split()
    evaluate = [sys.executable, str(ROOT / script), *words, "--num-blocks", "3"]
    done = subprocess.run(evaluate, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    methods = json.loads((tmp_path / "results" / "results.json").read_text())["methods"]
    assert {ending for name in names for ending in (name, f"{name}_opening")} < set(methods)
    assert methods["mine"]["per_slot"] != methods["gru"]["per_slot"]


def test_channels_of_ones_own_stand_in_the_table_from_the_readme_alone(tmp_path):
    section = (ROOT / "README.md").read_text().partition("## My channels")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    (command,) = re.findall(r"^python (evaluate\.py .*)$", section, flags=re.MULTILINE)
    assert len(block.splitlines()) < 20
    (tmp_path / "make.py").write_text(f"import numpy as np\n{block}")
    subprocess.run([sys.executable, "make.py"], cwd=tmp_path, check=True)
    script, *words = command.split()
    done = subprocess.run([sys.executable, str(ROOT / script), *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "results" / "results.json").read_text())
    (written,) = [word for word in words if word.endswith(".npy")]
    assert content["channels"]["file"] == written
    assert content["methods"]["wmmse"]["last_slot"]["mean"] > content["methods"]["uniform"]["last_slot"]["mean"]


def test_figure_5_of_the_paper_comes_out_of_the_readmes_command(tmp_path):
    section = (ROOT / "README.md").read_text().partition("## The paper")[2].partition("\n## ")[0]
    (command,) = re.findall(r"^python (evaluate\.py --figure 5 [^#\n]*)", section, flags=re.MULTILINE)
    script, *words = command.split()
    evaluate = [sys.executable, str(ROOT / script), *words, "--num-blocks", "2", "--num-workers", "1"]
    done = subprocess.run(evaluate, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (picture,) = (tmp_path / "results").rglob("figure5.png")
    assert picture.stat().st_size > 10_000
    assert "td3mix" in done.stdout
