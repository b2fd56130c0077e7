"""axe-core on the pages: the board, a model, a comparison, and a report; light and dark, desk and phone."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from robustbench_ir.leaderboard.board import board, board_to_json
from robustbench_ir.leaderboard.folder import FiledEntry
from robustbench_ir.leaderboard.page import page
from tests.support.boards import REPORTED, entry

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

ENTRIES = 12
OPEN = {
    "compared": "#pair=small/model-1.json|small/model-2.json|small/model-3.json&more=1",
    "filtered": "#language=sw&verified=1&name=nothing",
    "model": "#model=small/model-9.json",
}


@pytest.fixture(scope="module")
def board_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    filed = [FiledEntry(Path("small") / f"model-{number}.json", entry(number)) for number in range(ENTRIES)]
    path = tmp_path_factory.mktemp("site") / "index.html"
    made = board(filed, {}, resamples=50, reported=[REPORTED])
    path.write_text(page(board_to_json(made)), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the script of axe-core, from the package that carries it; nothing of it is imported."""
    found = find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("AXE ABSENT: pip install -e '.[dev]'")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(params=["light", "dark"])
def colours(browser: Chrome, request: pytest.FixtureRequest) -> Iterator[None]:
    features = [{"name": "prefers-color-scheme", "value": request.param}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.fixture(params=[390, 1280])
def width(browser: Chrome, request: pytest.FixtureRequest) -> Iterator[int]:
    metrics = {"width": request.param, "height": 900, "deviceScaleFactor": 1, "mobile": request.param < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield request.param
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def faults(browser: Chrome, axe: str) -> list[str]:
    browser.execute_script(axe)
    found = browser.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        axe.run().then((found) => done(found.violations.flatMap((one) => one.nodes.slice(0, 3).map(
          (node) => `${one.id}: ${node.html.slice(0, 150)}: ${node.failureSummary.split("\\n").slice(1).join(" ")}`))));
        """
    )
    return list(found)


@pytest.mark.usefixtures("colours")
@pytest.mark.parametrize("state", OPEN.values(), ids=OPEN)
def test_axe_finds_nothing_on_the_board(browser: Chrome, board_address: str, width: int, axe: str, state: str) -> None:
    browser.get("about:blank")
    browser.get(board_address + state)
    assert faults(browser, axe) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.usefixtures("colours")
@pytest.mark.parametrize(("colours", "width"), [("light", 390), ("dark", 1280)], indirect=True)
def test_axe_finds_nothing_on_the_pages_beside_the_board(
    browser: Chrome, board_address: str, width: int, axe: str
) -> None:
    for view in ("low", "about", "submit"):
        browser.get("about:blank")
        browser.get(f"{board_address}#view={view}")
        browser.execute_script("document.getElementById('cite').open = true")
        assert faults(browser, axe) == [], view
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.usefixtures("colours", "width")
def test_axe_finds_nothing_on_a_report(browser: Chrome, hostile_report: str, axe: str) -> None:
    browser.get(hostile_report)
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert faults(browser, axe) == []


def test_axe_would_find_something(browser: Chrome, axe: str) -> None:
    browser.get("data:text/html,<img src='data:,'><p style='color:%23ccc;background:%23fff'>pale")
    assert {one.split(":")[0] for one in faults(browser, axe)} >= {"image-alt", "color-contrast"}
