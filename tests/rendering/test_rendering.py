"""Pictures of a block, in every render mode."""

import warnings
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from episodes import NETWORKS, play, random_actions, same
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Wedge
from matplotlib.text import Text

from multicell_env import MulticellEnv, NetworkConfig, multicell_v0
from multicell_env.rendering import Window, as_image, map_of, owners
from multicell_env.rendering.block_picture import MARKERS, SIZE, draw
from multicell_env.rendering.network_map import NetworkMap
from multicell_env.tasks import TASKS, make
from multicell_env.tasks.places import places_of


@pytest.fixture
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")  # elsewhere there is always a screen
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pyplot(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A pyplot that believes in a screen, and draws on none."""
    from matplotlib import pyplot

    backend = pyplot.get_backend()
    pyplot.switch_backend("agg")
    monkeypatch.setenv("DISPLAY", ":0")
    yield pyplot
    pyplot.close("all")
    pyplot.ioff()
    pyplot.switch_backend(backend)


# The figure says so when it is shown on the backend that stands for a screen here.
stand_in_for_a_screen = pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive:UserWarning")


def a_map(num_cells: int, num_bands: int = 6) -> NetworkMap:
    return map_of(NetworkConfig(num_cells=num_cells, num_bands=num_bands, num_users=2, num_antennas=4))


def panels(figure: Figure) -> dict[str, Any]:
    return {axes.get_label(): axes for axes in figure.axes}


def drawn(render_mode: str | None, network: dict[str, Any]) -> tuple[MulticellEnv, np.random.Generator]:
    env = multicell_v0.parallel_env(render_mode=render_mode, **network)
    env.reset(seed=0)
    return env, np.random.default_rng(0)


def test_without_a_render_mode_nothing_is_drawn() -> None:
    env, _ = drawn(None, NETWORKS["equal users"])
    assert env.render() is None


# A picture takes a tenth of a second, so that only networks of different shapes are drawn.
@pytest.mark.parametrize("name", ["unequal users", "one cell", "one band, one slot"])
def test_rgb_array_is_a_picture_that_changes_with_every_slot(name: str) -> None:
    env, generator = drawn("rgb_array", NETWORKS[name])
    pictures = [env.render()]
    while env.agents:
        env.step(random_actions(env, generator))
        pictures.append(env.render())
    for picture in pictures:
        assert isinstance(picture, np.ndarray)
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert picture.shape == pictures[0].shape  # a film needs frames of one size
        assert len(np.unique(picture)) > 10  # not blank
    for before, after in pairwise(pictures):
        assert not np.array_equal(before, after)


def test_rendering_twice_gives_the_same_picture_in_a_fresh_array() -> None:
    env, generator = drawn("rgb_array", NETWORKS["unequal users"])
    env.step(random_actions(env, generator))
    first, second = env.render(), env.render()
    assert isinstance(first, np.ndarray)
    assert isinstance(second, np.ndarray)
    assert first.flags.writeable
    assert not np.shares_memory(first, second)
    assert same(first, second)


def test_ansi_names_every_base_station_and_its_rate(network: dict[str, Any]) -> None:
    env, generator = drawn("ansi", network)
    means = []
    while env.agents:
        _, _, _, _, infos = env.step(random_actions(env, generator))
        rates = {agent: info["sum_rate"] for agent, info in infos.items()}
        means.append(np.mean(list(rates.values())))
        text = env.render()
        assert isinstance(text, str)
        lines = text.splitlines()
        for agent, rate in rates.items():
            (row,) = [line for line in lines if line.startswith(f"{agent} ")]
            assert f" {rate:.2f} bit/s/Hz" in row
            assert len(row.split("|")[1]) == env.config.num_bands  # one mark a band
        assert lines[-1].endswith(": " + " ".join(f"{mean:.1f}" for mean in means))


def test_ansi_before_the_first_slot_names_all_stations_and_says_none_was_played() -> None:
    env, _ = drawn("ansi", NETWORKS["equal users"])
    text = env.render()
    assert isinstance(text, str)
    assert [line.split()[0] for line in text.splitlines() if "|" in line] == env.possible_agents
    assert "no slot played yet" in text


def test_ansi_marks_the_bands_in_which_a_cell_transmits() -> None:
    env, _ = drawn("ansi", NETWORKS["no negotiation"])
    actions = {agent: np.zeros(space.shape) for agent, space in env.action_spaces.items()}
    for band, action in enumerate(actions.values()):
        action[band] = 1.0
    env.step(actions)
    text = env.render()
    assert isinstance(text, str)
    assert [line.split("|")[1] for line in text.splitlines()[1:4]] == ["@  ", " @ ", "  @"]


def test_a_cell_owns_bands_where_it_spends_a_larger_share_than_all_others_together() -> None:
    powers = np.array([[3.0, 0.5, 0.0, 1.0], [1.0, 0.6, 0.0, 1.0], [1.9, 0.2, 0.0, 0.1]])
    assert owners(powers) == [(0, 0)]
    assert owners(powers[:2]) == [(0, 0), (1, 1)]


def test_the_picture_has_powers_in_percent_of_the_budget_and_frames_what_is_owned() -> None:
    figure = Figure()
    draw(figure, a_map(2, 3), np.array([[3.0, 0.0, 0.003], [0.6, 0.6, 1.8]]), np.array([[20.0, 40.0]]), num_slots=4)
    tiles, rates = (panels(figure)[name] for name in ("bands", "rates"))
    said = {tuple(map(float, text.get_position())): text.get_text() for text in tiles.texts}
    assert said == {(0, 0): "100", (0, 1): "20", (1, 1): "20", (2, 1): "60"}  # 0.1 % is a shade, no number
    framed = [(patch.get_x() + patch.get_width() / 2.0, patch.get_y() + patch.get_height() / 2.0) for patch in tiles.patches]
    assert framed == [(0, 0), (1, 1), (2, 1)]
    assert figure.get_suptitle() == "Slot 1 of 4: average cell capacity 30.0 bit/s/Hz"
    assert [line.get_label() for line in rates.get_lines()] == ["bs_0", "bs_1", "average"]


def test_a_band_has_one_colour_on_the_map_in_the_tiles_and_at_its_number() -> None:
    figure, num_bands = Figure(), 6
    draw(figure, a_map(3), np.full((3, num_bands), 0.5 * num_bands), np.zeros((0, 3)), num_slots=4)
    parts = panels(figure)
    sectors = [patch for patch in parts["map"].patches if isinstance(patch, Wedge)]
    pictured = np.asarray(parts["bands"].images[0].get_array())
    for band, label in enumerate(parts["bands"].get_xticklabels()):
        colour = to_rgb(label.get_bbox_patch().get_facecolor())
        assert {to_rgb(sectors[cell * num_bands + band].get_facecolor()) for cell in range(3)} == {colour}
        depth = 0.5**0.5  # half of the budget, by the root of the scale
        np.testing.assert_allclose(pictured[:, band], np.tile(1.0 - depth * (1.0 - np.array(colour)), (3, 1)))


@pytest.mark.parametrize(("num_cells", "num_bands"), [(3, 6), (7, 9), (12, 15)])
def test_nothing_in_the_picture_covers_anything_else(num_cells: int, num_bands: int) -> None:
    figure = Figure(figsize=SIZE, dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    draw(figure, a_map(num_cells, num_bands), np.ones((num_cells, num_bands)), np.full((10, num_cells), 80.0), num_slots=10)
    canvas.draw()
    renderer = canvas.get_renderer()
    parts = panels(figure)
    legend = parts["rates"].get_legend()
    assert legend is not None
    boxes = [legend.get_window_extent(renderer), *(axes.get_window_extent(renderer) for axes in parts.values())]
    boxes += [parts["bands"].xaxis.label.get_window_extent(renderer)]
    boxes += [parts[name].title.get_window_extent(renderer) for name in ("map", "bands")]
    boxes += [text.get_window_extent(renderer) for text in figure.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.x1 <= 700 for box in boxes)
    for labels in (parts["bands"].get_yticklabels(), parts["bands"].get_xticklabels()):
        for one, other in pairwise(labels):
            assert not one.get_window_extent(renderer).overlaps(other.get_window_extent(renderer))


def test_writing_in_the_picture_is_read_at_half_its_width() -> None:
    figure = Figure(figsize=SIZE, dpi=100, layout="constrained")
    draw(figure, a_map(3), np.ones((3, 6)), np.full((10, 3), 80.0), num_slots=10)
    FigureCanvasAgg(figure).draw()
    assert figure.get_figwidth() == 7.0
    shown = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert len(shown) > 20
    assert min(text.get_fontsize() for text in shown) >= 10.0


def test_more_cells_than_markers_are_drawn_as_a_band() -> None:
    figure = Figure()
    num_cells = len(MARKERS) + 1
    draw(figure, a_map(num_cells, 2), np.ones((num_cells, 2)), np.ones((2, num_cells)), num_slots=2)
    lower = panels(figure)["rates"]
    assert [line.get_label() for line in lower.get_lines()] == ["average"]
    assert len(lower.collections) == 1


@pytest.mark.parametrize("seed", [3, 1_000_001])
def test_a_task_is_drawn_where_its_stations_and_users_stand(seed: int) -> None:
    env = make("irregular-7-v0", render_mode="rgb_array")
    env.reset(seed=seed)
    found = env.render()
    network = TASKS["irregular-7-v0"].network_of(seed)
    places = places_of(TASKS["irregular-7-v0"], seed)
    assert places is not None
    nothing = np.zeros((7, 6)), np.zeros((0, 7)), 10
    np.testing.assert_array_equal(found, as_image(map_of(network, places), *nothing))
    assert not np.array_equal(found, as_image(map_of(network), *nothing))
    assert places_of(TASKS["paper-8x4-v0"], seed) is None


@pytest.mark.parametrize("render_mode", ["ansi", "rgb_array"])
def test_rendering_changes_nothing_in_the_episode(render_mode: str) -> None:
    network = NETWORKS["unequal users"]
    env = multicell_v0.parallel_env(render_mode=render_mode, **network)

    def drawing_actions(env: MulticellEnv, generator: np.random.Generator) -> dict[str, np.ndarray]:
        env.render()
        return random_actions(env, generator)

    assert same(play(env, act=drawing_actions), play(multicell_v0.parallel_env(**network)))


@pytest.mark.usefixtures("no_screen")
def test_human_without_a_screen_warns_once_and_returns_none() -> None:
    env = multicell_v0.parallel_env(render_mode="human", **NETWORKS["equal users"])
    with pytest.warns(UserWarning, match=r"render_mode='human' needs a screen.*'rgb_array' or 'ansi'") as caught:
        episode = play(env)
    assert len(caught) == 1
    # From here on a warning would be an error.
    assert same(play(env), episode)
    assert env.render() is None
    assert same(play(multicell_v0.parallel_env(**NETWORKS["equal users"])), episode)
    env.close()
    env.close()


@pytest.mark.usefixtures("no_screen")
def test_a_window_without_a_screen_shows_and_closes_nothing() -> None:
    from matplotlib import pyplot

    with pytest.warns(UserWarning, match="needs a screen"):
        window = Window()
    window.show(a_map(2, 3), np.ones((2, 3)), np.ones((1, 2)), num_slots=4)
    window.close()
    assert pyplot.get_fignums() == []


@stand_in_for_a_screen
def test_human_draws_every_slot_into_one_window_until_the_environment_is_closed(pyplot: Any) -> None:
    env = multicell_v0.parallel_env(render_mode="human", **{**NETWORKS["unequal users"], "num_slots": 2})
    for _ in range(2):
        play(env)
        assert env.render() is None
        (number,) = pyplot.get_fignums()
    parts = panels(pyplot.figure(number))
    upper, lower = parts["bands"], parts["rates"]
    assert [label.get_text() for label in upper.get_yticklabels()] == env.possible_agents
    assert all(len(line.get_xdata()) == env.config.num_slots for line in lower.get_lines())
    env.close()
    assert pyplot.get_fignums() == []
    env.close()


@stand_in_for_a_screen
def test_a_closed_window_is_gone_and_stays_so(pyplot: Any) -> None:
    window = Window()
    window.show(a_map(2, 3), np.ones((2, 3)), np.ones((1, 2)), num_slots=4)
    assert len(pyplot.get_fignums()) == 1
    window.close()
    assert pyplot.get_fignums() == []
    window.close()
    window.show(a_map(2, 3), np.ones((2, 3)), np.ones((1, 2)), num_slots=4)
    assert pyplot.get_fignums() == []


def test_close_without_a_window_warns_of_nothing() -> None:
    with warnings.catch_warnings(record=True) as caught:
        env = multicell_v0.parallel_env(render_mode="human")
        env.close()
    assert caught == []
