"""axe-core on the pages: the board, a model, a comparison, a report, a review; light and dark, desk and phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from robustbench_ir.leaderboard.board import board, board_to_json
from robustbench_ir.leaderboard.folder import FiledEntry
from robustbench_ir.leaderboard.page import page
from tests.support import reviews
from tests.support.axe import faults
from tests.support.boards import REPORTED, beside, entry

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
    made_of = [beside(entry(number)) if number % 2 else entry(number) for number in range(ENTRIES)]
    filed = [FiledEntry(Path("small") / f"model-{number}.json", one) for number, one in enumerate(made_of)]
    path = tmp_path_factory.mktemp("site") / "index.html"
    made = board(filed, {}, resamples=50, reported=[REPORTED])
    path.write_text(page(board_to_json(made)), encoding="utf-8")
    return path.as_uri()


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


@pytest.mark.usefixtures("colours", "width")
def test_axe_finds_nothing_on_the_list_of_results(browser: Chrome, tmp_path: Path, axe: str) -> None:
    from robustbench_ir.reports.browsing import ResultFolder, write_pages
    from tests.support.reports import hostile_results

    (tmp_path / "results").mkdir()
    results = ResultFolder(hostile_results(tmp_path / "results"), worst=0)
    write_pages(results, tmp_path / "site")
    queries = results.queries_of(tmp_path / "results" / "first.json", "text=q1") or ""
    (tmp_path / "site" / "queries.html").write_text(queries, encoding="utf-8")
    for name in ("index.html", "queries.html"):
        browser.get((tmp_path / "site" / name).as_uri())
        assert faults(browser, axe) == [], name


@pytest.fixture(scope="module")
def review_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("review") / "ar.html"
    path.write_text(reviews.page(reviews.review("ar")), encoding="utf-8")
    return path.as_uri()


@pytest.mark.usefixtures("colours")
def test_axe_finds_nothing_on_a_review(browser: Chrome, review_address: str, width: int, axe: str) -> None:
    browser.get(review_address)
    browser.execute_script(
        "document.querySelector('[data-answer=odd]').click(); document.getElementById('previous').click();"
        "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    )
    assert faults(browser, axe) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_axe_would_find_something(browser: Chrome, axe: str) -> None:
    browser.get("data:text/html,<img src='data:,'><p style='color:%23ccc;background:%23fff'>pale")
    assert {one.split(":")[0] for one in faults(browser, axe)} >= {"image-alt", "color-contrast"}
