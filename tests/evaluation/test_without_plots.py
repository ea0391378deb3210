"""What the library does where neither Rich nor Matplotlib is installed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLOTS = "('rich', 'matplotlib', 'PIL')"
MISSING = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {PLOTS}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""


def run(code: str) -> str:
    """What a process of its own prints, because others have loaded both here."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_evaluation_loads_neither_rich_nor_matplotlib() -> None:
    code = f"import sys, multicell_env.evaluation; print([name for name in {PLOTS} if name in sys.modules])"
    assert run(code) == "[]"


def test_allocations_are_played_without_them() -> None:
    code = """
from multicell_env import NetworkConfig
from multicell_env.evaluation import evaluate_allocations
(result,) = evaluate_allocations(NetworkConfig(num_slots=2), num_blocks=2, methods=["reuse"])
print(result.name, result.per_slot.shape)
"""
    assert run(MISSING + code) == "reuse (2, 2)"


def test_a_picture_names_the_extra_that_is_missing() -> None:
    code = """
from multicell_env import multicell_v0
env = multicell_v0.parallel_env(render_mode="rgb_array")
env.reset(seed=0)
try:
    env.render()
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(MISSING + code).endswith("Install it: pip install 'multicell-env[plots]'.")


def test_compare_names_the_extra_that_is_missing_before_it_plays() -> None:
    code = """
from multicell_env.evaluation import compare
try:
    compare({"mine": lambda observations: 1 / 0})
except ModuleNotFoundError as error:
    print(error.name, error)
"""
    said = run(MISSING + code)
    assert said.startswith("rich compare draws tables and pictures with rich and matplotlib; got none (No module named 'rich")
    assert said.endswith("pip install 'multicell-env[plots]'.")
