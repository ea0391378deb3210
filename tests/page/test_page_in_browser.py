"""The page of `evaluate.py --html` as a person uses it, in chromium: it sorts, its sliders move, and nothing is wider than a phone."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_lines import ROOT
from pages_to_explore import SCRIPT_NAME, written_page

from experiments.page.document import data_of

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -c constraints.txt -e '.[browser]'")
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        shutil.which(CHROMIUM) is None, reason=f"needs chromium, and there is none at {CHROMIUM}: apt-get install -y chromium"
    ),
]
OF_SITE = ROOT / "docs" / "benchmark" / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_page(tmp_path_factory.mktemp("page"))[1]


class Visit:
    """A page that is open, and everything that it complained of or asked for."""

    def __init__(self, browser: Any, path: Path, width: int = 1000, scheme: str = "light") -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def column(self, number: int) -> list[str]:
        """Texts of a column of the table."""
        return self.page.locator(f"#methods tbody td:nth-child({number + 1})").all_inner_texts()

    def slide(self, slider: str, place: int) -> None:
        """Move a slider as a hand does."""
        self.page.locator(slider).evaluate("(slider, place) => { slider.value = place; slider.dispatchEvent(new Event('input')); }", place)

    def curve(self, chart: str, method: str) -> str:
        """The path of a method's curve."""
        return self.page.locator(f'{chart} [data-method="{method}"] .curve').get_attribute("d")


@pytest.fixture(params=[OF_SITE, "small"], ids=["of the site", "small"])
def visit(request: pytest.FixtureRequest, browser: Any, small: Path) -> Iterator[Visit]:
    visit = Visit(browser, small if request.param == "small" else request.param)
    yield visit
    visit.page.close()
    assert visit.complaints == []


def test_it_opens_from_a_file_and_asks_for_nothing_else(visit: Visit) -> None:
    assert [url.split(":")[0] for url in visit.asked] == ["file"]
    assert visit.page.locator("#methods tbody tr").count() > 3
    assert visit.page.locator("section:visible").count() == 6


def test_a_click_on_a_header_sorts_the_table_and_another_one_turns_it_round(visit: Visit) -> None:
    last = visit.column(2)
    numbers = [float(text.split()[0]) for text in last]
    assert numbers == sorted(numbers, reverse=True)
    header = visit.page.get_by_role("button", name="Jain")
    place = visit.page.locator("#methods th").all_inner_texts().index("Jain")
    for direction, reverse in (("descending", True), ("ascending", False)):
        header.click()
        found = [float(text) for text in visit.column(place)]
        assert found == sorted(found, reverse=reverse)
        assert visit.page.locator("#methods th").nth(place).get_attribute("aria-sort") == direction
    visit.page.get_by_role("button", name="method", exact=True).click()
    names = [text.lower() for text in visit.column(0)]
    assert names[0] == min(names)
    assert len(names) == len(last)


def test_a_tick_adds_and_removes_a_methods_curves(visit: Visit) -> None:
    box = visit.page.locator('#methods input[data-method="flwf"]')
    curves = visit.page.locator('[data-method="flwf"] .curve')
    assert box.is_checked()
    for chart in ("slots", "rounds", "users"):
        assert visit.page.locator(f'#{chart} [data-method="flwf"] .curve').count() == 1
    in_all = curves.count()
    box.uncheck()
    assert curves.count() == in_all - 3
    visit.page.get_by_role("button", name="tick all").click()
    assert curves.count() == in_all
    assert visit.page.locator("#slots .curve").count() == visit.page.locator("#methods tbody tr").count()
    visit.page.get_by_role("button", name="tick none").click()
    assert visit.page.locator("#slots .curve").count() == 0


def test_a_slider_moves_the_curves_of_the_sir(visit: Visit) -> None:
    before, label = visit.curve("#swept", "flwf"), visit.page.locator("#value-label")
    assert label.inner_text() == "SIR [dB]: 0"
    visit.slide("#value", 3)
    assert label.inner_text() == "SIR [dB]: 10"
    assert visit.curve("#swept", "flwf") != before
    visit.slide("#value", 0)
    assert visit.curve("#swept", "flwf") == before


def test_sliders_for_iterations_and_rounds_go_along_their_curves(visit: Visit) -> None:
    curves = data_of(OF_SITE.read_text())["curves"]
    for number, method in ((1, "flwf"), (2, "apg_rounds")):
        visit.page.select_option("#curve", str(number))
        whole = visit.curve("#swept", method)
        panel = visit.page.locator("#panel").input_value()
        visit.slide("#value", 1)
        assert len(visit.curve("#swept", method)) < len(whole)
        shown = visit.page.locator(f'#swept-key label:has([data-method="{method}"])').inner_text()
        expected = curves[number]["panels"][panel][method]["y"][1]
        assert float(shown.split()[-1].replace("\u2212", "-")) == pytest.approx(expected, abs=0.051)


def test_the_map_changes_with_the_round_and_the_method(visit: Visit) -> None:
    sectors = visit.page.locator("#map")
    first, label = sectors.inner_html(), visit.page.locator("#map-label").inner_text()
    assert label.startswith("slot 1, round 1: ")
    visit.slide("#map-round", 4)
    assert sectors.inner_html() != first
    assert visit.page.locator("#map-label").inner_text() != label
    visit.page.select_option("#map-method", label="uniform")
    num_cells, num_bands = visit.page.locator("#map [data-cell]").count(), visit.page.locator("#bands .chip").count()
    assert visit.page.locator("#map [data-cell] path").count() == num_cells * num_bands


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 700, 1400])
def test_nothing_is_wider_than_the_window(browser: Any, width: int, scheme: str) -> None:
    visit = Visit(browser, OF_SITE, width, scheme)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    too_wide = """() => [...document.querySelectorAll("body :not(.wide *)")]
        .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
        .map((element) => element.outerHTML.slice(0, 100))"""
    assert visit.page.evaluate(too_wide) == []
    ground, ink = (visit.page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    assert ground != ink
    visit.page.close()
    assert visit.complaints == []


def test_writing_in_a_chart_keeps_its_size_when_the_window_becomes_narrow(browser: Any) -> None:
    visit = Visit(browser, OF_SITE, 1200)
    height = "document.querySelector('#slots text').getBoundingClientRect().height"
    before = visit.page.evaluate(height)
    visit.page.set_viewport_size({"width": 360, "height": 800})
    visit.page.wait_for_function("document.querySelector('#slots svg').viewBox.baseVal.width < 400")
    assert visit.page.evaluate(height) == pytest.approx(before, rel=0.1)
    visit.page.close()


def test_the_name_of_a_policy_is_shown_and_not_run(browser: Any, small: Path) -> None:
    visit = Visit(browser, small)
    assert SCRIPT_NAME in [text.strip() for text in visit.column(0)]
    assert visit.page.locator("#methods b").count() == 0
    assert visit.page.title().startswith("a network <i>of</i> mine: ")
    visit.page.close()
    assert visit.complaints == []
