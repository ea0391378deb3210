"""The picture of TD3-MIX's architecture is what its script draws."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


def test_the_script_draws_the_picture_that_the_documents_show(tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", PICTURES / "draw_architecture.py", tmp_path / "drawn.png"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    shown, drawn = (
        np.asarray(Image.open(path).convert("L"), float) for path in (PICTURES / "td3mix_architecture.png", tmp_path / "drawn.png")
    )
    # Another FreeType may round the edges of letters; another word or box changes more than that.
    assert shown.shape == drawn.shape
    assert np.mean(np.abs(shown - drawn) > 64) < 1e-4
