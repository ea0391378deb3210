"""Pictures of tasks: each has one, whose writing is read at half its width and whose key has every band."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from multicell_env import NetworkConfig
from multicell_env.rendering.map_drawing import picture_of
from multicell_env.rendering.network_map import map_of
from multicell_env.rendering.powers import band_colours
from multicell_env.tasks import TASKS

PICTURES = Path(__file__).parents[2] / "docs" / "pictures" / "tasks"


@pytest.mark.parametrize("num_bands", [1, 6, 15])
def test_a_picture_has_a_key_of_all_bands_and_writing_that_is_read(num_bands: int) -> None:
    network = NetworkConfig(num_cells=4, num_bands=num_bands, num_users=2, num_antennas=4)
    figure = picture_of(map_of(network), np.ones((4, num_bands)), "a network")
    FigureCanvasAgg(figure).draw()
    assert figure.get_figwidth() == 7.0
    _, key = figure.axes
    chips = [patch for patch in key.patches if isinstance(patch, Rectangle)][:num_bands]
    assert [to_hex(chip.get_facecolor()) for chip in chips] == [colour.lower() for colour in band_colours(num_bands)]
    words = [text for text in figure.findobj(Text) if text.get_text()]
    assert {"a network", "bands", "0", "user", "owner", "silent"} <= {text.get_text() for text in words}
    assert min(text.get_fontsize() for text in words) >= 10.0
    boxes = [text.get_window_extent() for text in words]
    assert all(box.x0 >= 0.0 and box.x1 <= 700.0 for box in boxes)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_picture(name: str) -> None:
    path = PICTURES / f"{name}.png"
    assert path.exists(), f"there is no {path.name}. Run: python docs/pictures/draw_tasks.py"
    with Image.open(path) as picture:
        assert picture.width == 700
    assert path.stat().st_size < 150_000
