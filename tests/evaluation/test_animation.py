"""A negotiation in slow motion: its numbers are those that `step()` plays, and its file is a film."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from episodes import NETWORKS, random_actions
from matplotlib.figure import Figure
from matplotlib.patches import Wedge
from PIL import Image

from multicell_env import NetworkConfig, multicell_v0
from multicell_env.evaluation.animation import END_MS, ITERATION_MS, OPENING_MS, Negotiation, draw_iteration, follow, frames, save_gif
from multicell_env.evaluation.playing import draw_blocks
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.model.negotiation import negotiate
from multicell_env.model.waterfilling import opening_powers
from multicell_env.rendering.network_map import map_of

ROOT = Path(__file__).parents[2]
LAST = 4
MAP = map_of(NetworkConfig(num_antennas=3, num_users=2, num_bands=4))


def random_opening(config: NetworkConfig, num_blocks: int = 1) -> np.ndarray:
    shape = (num_blocks, config.num_cells, config.num_bands, config.max_users)
    return np.random.default_rng(0).random(shape) * (np.arange(config.max_users) < config.users_per_cell[:, None, None])


def two_negotiations() -> dict[str, Negotiation]:
    blocks = draw_blocks(NetworkConfig(num_antennas=3, num_users=2, num_bands=4), 2, seed=0)
    opening = random_opening(blocks.config, 2)
    return {"one": follow(blocks, opening, LAST), "other": follow(blocks, opening[::-1], LAST)}


@pytest.mark.parametrize("network", [{}, NETWORKS["unequal users"], NETWORKS["lopsided gains"]], ids=["default", "unequal", "lopsided"])
def test_iteration_k_is_what_one_step_with_k_iterations_leaves(network: dict[str, Any]) -> None:
    config = NetworkConfig(**network)
    env = multicell_v0.parallel_env(config)
    env.reset(seed=7)
    actions = random_actions(env, np.random.default_rng(0))
    opening = np.zeros((1, config.num_cells, config.num_bands, config.max_users))
    for cell, action in enumerate(actions.values()):
        opening[0, cell, :, : action.shape[-1]] = action
    followed = follow(draw_blocks(config, 1, seed=7), opening, LAST)
    assert followed.powers.shape == (LAST + 1, 1, config.num_cells, config.num_bands)
    for k in range(LAST + 1):
        env = multicell_v0.parallel_env(config, num_iterations=k)
        env.reset(seed=7)
        _, rewards, _, _, infos = env.step(actions)
        unit = config.nominal_powers * config.users_per_cell
        powers = np.stack([info["power"].sum(axis=-1) for info in infos.values()]) / unit[:, None]
        np.testing.assert_allclose(followed.powers[k, 0], powers, rtol=1e-6)
        assert followed.capacities[k, 0] == pytest.approx(np.mean(list(rewards.values())), rel=1e-6)


def test_every_iteration_is_one_of_the_games_by_its_readable_equations() -> None:
    blocks = draw_blocks(NetworkConfig(dtype="float64"), 2, seed=3)
    opening, budgets = random_opening(blocks.config, 2), blocks.user_budgets.copy()
    followed = follow(blocks, opening, LAST)
    powers = opening_powers(opening, budgets)
    for k in range(LAST + 1):
        np.testing.assert_allclose(followed.powers[k] * (blocks.config.nominal_powers * 4)[:, None], powers.sum(axis=-1), rtol=1e-9)
        np.testing.assert_allclose(followed.capacities[k], sum_rates(powers, ingr(powers, blocks.gains)).mean(axis=-1), rtol=1e-9)
        powers = negotiate(powers, blocks.gains, budgets, 1)


def test_the_picture_of_an_iteration_shows_its_capacities_and_the_curves_so_far() -> None:
    negotiations, figure = two_negotiations(), Figure()
    draw_iteration(figure, MAP, negotiations, bound=50.0, iteration=2)
    panels = {axes.get_label(): axes for axes in figure.axes}
    lower = panels[""]
    for name, negotiation in negotiations.items():
        panel = panels[name]
        assert len([patch for patch in panels[f"{name}: map"].patches if isinstance(patch, Wedge)]) == 12
        assert panel.get_title(loc="right") == f"{name}: {negotiation.capacities[2, 0]:.1f} bit/s/Hz"
        (curve,) = [line for line in lower.get_lines() if line.get_label() == name]
        np.testing.assert_array_equal(curve.get_ydata(), negotiation.capacities[:3, 0])
        assert any(np.array_equal(line.get_ydata(), negotiation.capacities.mean(axis=1)) for line in lower.get_lines())
    assert figure.get_suptitle().startswith(f"FLWF iteration 2 of {LAST}\n")


def test_the_film_has_a_frame_for_the_opening_and_one_an_iteration_and_loops(tmp_path: Path) -> None:
    pictures = list(frames(MAP, two_negotiations(), bound=50.0))
    assert [picture.size for picture in pictures] == [(700, 800)] * (LAST + 1)
    for before, after in pairwise(pictures):
        assert not np.array_equal(before, after)
    path = tmp_path / "film.gif"
    save_gif(pictures, path)
    assert described(path) == (LAST + 1, 0, [OPENING_MS, *[ITERATION_MS] * (LAST - 1), END_MS])


def test_the_command_draws_the_film_of_the_trained_start_beside_a_random_one(tmp_path: Path) -> None:
    path = tmp_path / "negotiation.gif"
    words = [sys.executable, "-W", "error", "examples/animate_negotiation.py", "--num-iterations", "2", "--num-blocks", "3"]
    result = subprocess.run([*words, "--output", path], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "Trained start (TD3-MIX)  this block: " in result.stdout
    assert "mean of 3: never 90 % of the bound" in result.stdout
    assert described(path)[:2] == (3, 0)


def test_the_film_of_the_readme_is_whole_and_light() -> None:
    path = ROOT / "docs" / "pictures" / "negotiation.gif"
    assert path.stat().st_size < 1_500_000
    num_frames, loop, durations = described(path)
    assert (num_frames, loop, durations[-1]) == (41, 0, END_MS)


def described(path: Path) -> tuple[int, int, list[int]]:
    """Number of frames, loops (0: for ever), and how long each frame stands, ms."""
    with Image.open(path) as film:
        durations = []
        for index in range(film.n_frames):
            film.seek(index)
            durations.append(film.info["duration"])
        return film.n_frames, film.info["loop"], durations
