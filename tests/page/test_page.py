"""What the page of `evaluate.py --html` holds, read back from the file and compared with the results and the figures that it is made of."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_lines import ROOT, refusal, run
from pages_to_explore import METHODS, NETWORK, SCRIPT_NAME, first_bands, written_page

from experiments.page import document as documents
from experiments.page import followed as following
from experiments.page.contents import COLUMNS, SHARES
from experiments.page.curves import committed_curves
from experiments.page.document import data_of, document
from experiments.page.followed import follow
from experiments.page.looks import LIGHT_ENOUGH, luminance, on_dark
from multicell_env import multicell_v0
from multicell_env.evaluation import FIRST_SEED, draw_blocks
from multicell_env.evaluation.pictures import STYLES
from multicell_env.model.interference import ingr, spectral_efficiency

SVG = "http://www.w3.org/2000/svg"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """Results and the text of their page."""
    results, path = written_page(tmp_path_factory.mktemp("page"))
    return results, path.read_text()


def rows(page: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in data_of(page)["methods"]}


def test_the_table_has_the_numbers_of_the_results_best_first(made: tuple[dict[str, Any], str]) -> None:
    results, page = made
    data, methods = data_of(page), results["methods"]
    assert [row["name"] for row in data["methods"]] == sorted(methods, key=lambda name: -methods[name]["last_slot"]["mean"])
    shown = {column["key"] for column in data["columns"]}
    assert shown == {key for key, _, _ in COLUMNS} - {"utility", "percent_of_bound"}  # no fairness, no bound among the methods
    for name, row in rows(page).items():
        for key in ("last_slot", "all_slots"):
            assert row["numbers"][key] == [methods[name][key]["mean"], methods[name][key]["ci95"]]
        for key in shown - {"first", "last_slot", "all_slots"}:
            assert row["numbers"][key] == [methods[name][key], None]
        assert row["numbers"]["first"][0] == methods[name]["per_slot"][0]
        np.testing.assert_allclose(row["per_slot"], methods[name]["per_slot"], atol=5e-5)
        np.testing.assert_allclose(row["percentiles"], methods[name]["user_rate_percentiles"], atol=5e-5)
    assert rows(page)["pricing"]["needs"] == "own measurements: 2 INGR + price"


def test_percentiles_are_of_the_average_rates_of_all_users(tmp_path: Path) -> None:
    results, _ = written_page(tmp_path, num_blocks=3)
    rates = []
    for block in range(3):
        env = multicell_v0.parallel_env(NETWORK, observation="gain")
        observations, _ = env.reset(seed=FIRST_SEED + block)
        gains, slots, powers = draw_blocks(NETWORK, 1, FIRST_SEED + block).gains, [], np.zeros((1, 3, 4, 3))
        while env.agents:
            observations, _, _, _, infos = env.step(first_bands(observations))
            for cell, info in enumerate(infos.values()):
                powers[0, cell, :, : info["power"].shape[-1]] = info["power"]
            slots.append(spectral_efficiency(powers, ingr(powers, gains))[0, NETWORK.user_mask])
        rates += np.mean(slots, axis=0).tolist()
    expected = np.sort(rates)[[0, 10, 20]]  # of 21 users
    percentiles = results["methods"][SCRIPT_NAME]["user_rate_percentiles"]
    np.testing.assert_allclose([percentiles[0], percentiles[10], percentiles[20]], expected, rtol=1e-4)


def test_rounds_end_every_slot_with_what_it_earns_and_show_the_powers_there(tmp_path: Path) -> None:
    results, path = written_page(tmp_path, num_blocks=1)
    of_page = rows(path.read_text())
    for name in set(of_page) - {"flwf"}:  # which is a mean over random starts in the results
        rounds = of_page[name]["rounds"]
        assert rounds["per_slot"] == 2
        np.testing.assert_allclose(rounds["capacities"][1::2], results["methods"][name]["per_slot"], atol=2e-3)
    env = multicell_v0.parallel_env(NETWORK, observation="gain")
    observations, _ = env.reset(seed=FIRST_SEED)
    shares = of_page[SCRIPT_NAME]["rounds"]["shares"]
    for slot in range(NETWORK.num_slots):
        observations, _, _, _, infos = env.step(first_bands(observations))
        budgets = NETWORK.num_bands * NETWORK.nominal_powers * NETWORK.users_per_cell
        spent = np.stack([info["power"].sum(axis=-1) for info in infos.values()]) / budgets[:, None]
        last = 2 * slot + 1
        while shares[last] is None:
            last -= 1
        np.testing.assert_allclose(np.array(shares[last]) / SHARES, spent, atol=0.6 / SHARES)
    assert of_page["uniform"]["rounds"]["shares"][1:] == [None] * 5  # it never changes


def test_an_opening_is_followed_to_where_the_negotiation_goes_on_alone(made: tuple[dict[str, Any], str]) -> None:
    of_page = rows(made[1])
    always, opening = (of_page[f"{SCRIPT_NAME}{end}"]["rounds"]["capacities"] for end in ("", "_opening"))
    assert always[:2] == opening[:2]
    assert always[2:] != opening[2:]


def test_the_map_has_all_cells_and_users_and_a_line_for_every_pair(made: tuple[dict[str, Any], str]) -> None:
    drawn = data_of(made[1])["map"]
    assert len(drawn["cells"]) == 3
    assert [len(users) for users in drawn["users"]] == [2, 3, 2]
    assert [link[:2] for link in drawn["links"]] == [[0, 1], [0, 2], [1, 2]]
    assert len(set(drawn["colours"])) == NETWORK.num_bands


def test_names_are_text_wherever_they_stand(made: tuple[dict[str, Any], str]) -> None:
    page = made[1]
    assert SCRIPT_NAME in rows(page)
    assert "alert('&')</script>" not in page
    assert "<i>" not in page
    assert "<title>a network &lt;i&gt;of&lt;/i&gt; mine: " in page
    (end,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    assert not set("<>&") & set(end)
    assert len(re.findall("</script>", page)) == 2


def test_the_page_asks_nothing_of_a_network_and_is_light(made: tuple[dict[str, Any], str]) -> None:
    page = made[1]
    head = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert set(re.findall(r"https?://[^\s\"'<]+", head)) == {SVG}
    assert not re.search(r"\bsrc=|@import|url\(|fetch\(|XMLHttpRequest|innerHTML|eval\(", head)
    assert "default-src 'none'" in head
    assert len(page.encode()) < 5_000_000


def test_sliders_go_through_sir_iterations_and_rounds_first() -> None:
    curves = committed_curves()
    assert [curve["slider"] for curve in curves[:3]] == ["SIR [dB]", "FLWF iterations k", "measurements a slot, R"]
    assert curves[0]["values"] == [0, 3, 6, 10, 15, 20]
    assert len(curves) == 8
    assert committed_curves(ROOT / "tests") == []


@pytest.mark.parametrize("number", [5, 6, 7, 8, 9, 10, 11])
def test_curves_are_those_of_the_figures(number: int) -> None:
    (curve,) = [curve for curve in committed_curves() if curve["title"].startswith(f"Figure {number}:")]
    points = json.loads((ROOT / "docs" / "figures" / f"figure{number}.json").read_text())["points"]
    for point in points:
        of = curve["panels"][point["panel"]][point["method"]]
        y = of["y"] if curve["kind"] == "cursor" else of["y"][curve["values"].index(point["x"])]
        np.testing.assert_allclose(y, point["result"]["mean"], atol=0.0051)
    assert sum(len(panel) for panel in curve["panels"].values()) == len({(point["panel"], point["method"]) for point in points})


def test_iterations_of_a_curve_are_those_of_the_figures_table() -> None:
    (curve,) = [curve for curve in committed_curves() if curve["title"].startswith("Figure 10:")]
    with open(ROOT / "docs" / "figures" / "figure10.csv") as file:
        for row in csv.DictReader(file):
            shown = curve["panels"][row["panel"]][row["method"]]["y"][curve["values"].index(int(row["x"]))]
            assert shown == pytest.approx(float(row["mean"]), abs=0.0051)


def test_a_method_that_a_figure_lacks_at_first_has_its_curve_at_its_own_value(tmp_path: Path) -> None:
    content = json.loads((ROOT / "docs" / "figures" / "figure7.json").read_text())
    content["points"] = [point for point in content["points"] if point["method"] != "flwf" or point["x"] == 6]
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "figure7.json").write_text(json.dumps(content))
    (curve,) = committed_curves(tmp_path)
    y = curve["panels"]["(M, U) = (8, 4)"]["flwf"]["y"]
    assert y[:2] == [None, None]
    assert len(y) == 3


def test_a_page_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch, made: tuple[dict[str, Any], str]) -> None:
    monkeypatch.setattr(documents, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"a page must be at most 0\.001 MB; got 0\.\d MB"):
        document(data_of(made[1]))


def test_of_large_networks_the_best_methods_alone_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_SHARES", 2 * 6 * 3 * 4)  # methods, rounds, cells, bands
    assert [one.name for one in follow(METHODS, {}, NETWORK, FIRST_SEED)] == ["flwf", "pricing"]


def test_a_text_that_is_no_page_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a page must be one that evaluate\.py --html wrote"):
        data_of("<html></html>")


@pytest.mark.parametrize("colour", sorted({style["color"] for style in STYLES.values()}))
def test_every_colour_is_read_on_a_dark_ground(colour: str) -> None:
    shown = [int(on_dark(colour)[place : place + 2], 16) / 255.0 for place in (1, 3, 5)]
    assert luminance(shown) >= LIGHT_ENOUGH - 0.005
    dark = [int("16181b"[place : place + 2], 16) / 255.0 for place in (0, 2, 4)]
    assert (luminance(shown) + 0.05) / (luminance(dark) + 0.05) >= 3.0  # WCAG 2.1, 1.4.11: contrast of graphical objects


def test_the_command_writes_the_page_beside_its_other_files(tmp_path: Path) -> None:
    done = run(tmp_path, "evaluate.py", "--html", "--num-blocks", "2", "--num-slots", "2")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "results" / "report.html").read_text()
    methods = json.loads((tmp_path / "results" / "results.json").read_text())["methods"]
    assert set(rows(page)) == set(methods)
    assert all(row["rounds"] for row in rows(page).values())
    assert ["command", "python evaluate.py --html --num-blocks 2 --num-slots 2"] in data_of(page)["facts"]


def test_a_page_of_a_drawn_network_has_its_places_and_the_actor_of_its_own_game(tmp_path: Path) -> None:
    done = run(tmp_path, "evaluate.py", "rounds", "--html", "--num-blocks", "1", "--task", "asymmetric-v0")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "results" / "report.html").read_text()
    assert data_of(page)["title"].startswith("asymmetric-v0: ")
    row = rows(page)["apg_rounds"]
    np.testing.assert_allclose(row["rounds"]["capacities"][4::5], row["per_slot"], atol=2e-3)


@pytest.mark.parametrize("others", [["--generalise"], ["--scenarios", "all"], ["--curve", "sir"]], ids=" ".join)
def test_a_page_of_several_tables_is_refused(others: list[str], tmp_path: Path) -> None:
    assert "--html shows one table" in refusal(tmp_path, "evaluate.py", "--html", *others)


def test_the_page_of_the_site_is_that_of_its_results_and_of_the_figures() -> None:
    folder = ROOT / "docs" / "benchmark"
    page, results = (folder / "report.html").read_text(), json.loads((folder / "results.json").read_text())
    data = data_of(page)
    assert document(data) == page  # nothing in the template, the style or the script has changed since
    for name, row in rows(page).items():
        assert row["numbers"]["last_slot"] == [results["methods"][name]["last_slot"][key] for key in ("mean", "ci95")]
    assert set(rows(page)) == set(results["methods"])
    assert [{key: curve[key] for key in curve if key != "looks"} for curve in data["curves"]] == json.loads(json.dumps(committed_curves()))
