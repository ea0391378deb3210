"""The site in a browser: on a wide screen and on a phone, nothing is wider than its column, in light and in dark."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
WIDTHS = (1400, 400)
WIDER = """() => {
  const root = document.documentElement;
  const found = root.scrollWidth > root.clientWidth ? [`the page: ${root.scrollWidth} > ${root.clientWidth}`] : [];
  const scrolls = element => /auto|scroll/.test(getComputedStyle(element).overflowX);
  for (const element of document.querySelectorAll("article :is(table, img, svg, video, pre, math, iframe)")) {
    const column = element.closest("section, article");
    if (!column || !element.getClientRects().length) continue;
    let box = element;
    while (box !== column && !scrolls(box)) box = box.parentElement;
    if (box !== column) continue;
    const right = element.getBoundingClientRect().right, edge = column.getBoundingClientRect().right;
    if (right > edge + 1) found.push(`${element.tagName}.${element.className}: ${Math.round(right)} > ${Math.round(edge)}`);
  }
  return found;
}"""
CONTRAST = """() => {
  const light = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(part => {
      const x = part / 255;
      return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = new Set();
  const texts = ["p", "li", "td", "th", "code", "h1", "h2", "h3"].map(tag => `article ${tag}`).join(", ");
  for (const element of document.querySelectorAll(texts)) {
    if (!element.getClientRects().length) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.add(`${element.tagName}.${element.className}: ${ratio.toFixed(1)}`);
  }
  return [...found];
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built anew."""
    for module in ("sphinx", "myst_nb", "furo"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("site")
    words = ["-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-n", "-b", "html", "-d", folder / "kept", ROOT / "docs", folder / "html"]
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_on_the_site_is_wider_than_its_column(browser: Any, site: Path, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    wider, pale = {}, {}
    for file in pages:
        page.goto(file.as_uri())
        wider[file.name], pale[file.name] = page.evaluate(WIDER), page.evaluate(CONTRAST)
    page.close()
    assert {name: found for name, found in wider.items() if found} == {}
    assert {name: found for name, found in pale.items() if found} == {}
    assert said == []
