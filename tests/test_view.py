"""`irbench view`: all results of a folder, whatever their files are called, and no file that was not found there."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from robustbench_ir import save_result
from robustbench_ir._base.serving import LocalServer
from robustbench_ir.cli import irbench
from robustbench_ir.errors import OptionError
from robustbench_ir.reports import browsing
from robustbench_ir.reports.browsing import ResultFolder, write_pages
from robustbench_ir.reports.content import prepare_sheets
from robustbench_ir.reports.verdict import verdict_sentence
from robustbench_ir.results.file import load_result
from tests.support.reports import EVIL, LONG, RIGHT_TO_LEFT, hostile_results, made

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def results(folder: Path) -> ResultFolder:
    return ResultFolder(folder, worst=3)


def links(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'href="(reports/[^"]+)"', page)))


def test_the_list_has_every_result_and_names_what_is_none(results: ResultFolder, folder: Path) -> None:
    page = results.index()
    assert len(links(page)) == 3
    (sheet,) = prepare_sheets([("first.json", load_result(folder / "first.json"))])
    assert verdict_sentence(sheet.verdicts, sheet.name, sheet.recipe_names) in page
    assert "typo at severity 3: 1.000 to 0.500 (-50%)" in page
    assert page.count('<span class="word broken">broken</span>') == 2
    assert page.count('<span class="word steady">steady</span>') == 1
    told = page[page.index("Not shown") :]
    for name in ("none.json", "&lt;script&gt;.json", "linked.json", "pipe.json"):
        assert name in told
    assert "links are not followed" in told
    assert "notes.txt" not in page
    assert str(folder.parent) not in page, "nobody needs to know where the folder lies"


def test_no_name_becomes_markup(results: ResultFolder) -> None:
    page = results.index()
    assert EVIL not in page
    assert "<img" not in page
    assert page.count("<script>") == 1
    assert "\u202e" not in page
    assert "<bdi>" in page
    assert LONG in page


def test_reports_are_those_of_irbench_report_and_lead_back(results: ResultFolder, tmp_path: Path) -> None:
    for link in links(results.index()):
        found = results.answer(f"/{link}")
        assert found is not None
        kind, content = found
        assert kind.startswith("text/html")
        assert b'<a href="../index.html">All results</a>' in content
        assert b"Hardest-hit queries" in content
        assert EVIL.encode() not in content
    path, target = save_result(made("first"), tmp_path / "first.json"), tmp_path / "page.html"
    CliRunner().invoke(irbench, ["report", str(path), "--worst", "3", "--out", str(target)], catch_exceptions=False)
    first = next(link for link in links(results.index()) if "first-" in link)
    served = (results.answer(f"/{first}") or ("", b""))[1].decode()
    assert served.replace('<a href="../index.html">All results</a>', "") == target.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path",
    ["/first.json", "/reports/", "/reports/../first.json", "/reports/first.html", "//etc/passwd", "/index.html/..", ""],
)
def test_an_address_opens_nothing_by_its_name(results: ResultFolder, path: str) -> None:
    assert results.answer(path) is None


def test_pages_are_made_when_asked_for_and_kept_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counting(path: Path) -> object:
        read.append(path.name)
        return load_result(path)

    monkeypatch.setattr(browsing, "load_result", counting)
    file = save_result(made("one"), tmp_path / "one.json")
    save_result(made("two"), tmp_path / "two.json")
    results = ResultFolder(tmp_path, worst=0)
    assert read == []
    (one, _) = sorted(links(results.index()))
    assert sorted(read) == ["one.json", "two.json"]
    results.index()
    results.answer(f"/{one}")
    results.answer(f"/{one}")
    assert sorted(read) == ["one.json", "one.json", "two.json"], "the list, and one report"
    save_result(made("other", after=1), file)
    os.utime(file, ns=(1, 1))
    assert "other is steady under typo" in results.index()
    assert b"other is steady under typo" in (results.answer(f"/{one}") or ("", b""))[1]
    file.unlink()
    assert results.answer(f"/{one}") is None
    assert len(links(results.index())) == 1


def test_static_pages_are_those_that_are_served(folder: Path, results: ResultFolder, tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = CliRunner().invoke(irbench, ["view", str(folder), "--to", str(site), "--worst", "3"], catch_exceptions=False)
    assert "3 reports" in done.output
    index = (site / "index.html").read_text(encoding="utf-8")
    assert index == results.index()
    for link in links(index):
        assert (site / link).read_bytes() == (results.answer(f"/{link}") or ("", b""))[1]
    assert all(re.fullmatch(r"[A-Za-z0-9.-]+", path.name) for path in site.rglob("*"))
    # What was written so before is replaced, with the reports of results that are gone; other files are not.
    gone = site / "reports" / f"gone-{'0' * 16}.html"
    gone.write_text("", encoding="utf-8")
    mine = site / "reports" / "mine.html"
    mine.write_text("", encoding="utf-8")
    assert write_pages(results, site) == 3
    assert not gone.exists()
    assert mine.exists()
    with pytest.raises(OptionError, match="has other files"):
        write_pages(results, folder)


def test_an_empty_folder_says_what_to_do_and_a_missing_one_is_one_line(tmp_path: Path) -> None:
    assert "<code>irbench attack</code> writes them" in ResultFolder(tmp_path).index()
    with pytest.raises(OptionError, match="not a folder; name the one that has the results"):
        ResultFolder(tmp_path / "none")


def test_a_name_that_is_no_text_is_shown(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json")).write_bytes(b"{}")
    except OSError:
        pytest.skip("this file system has no such names")
    ResultFolder(tmp_path).index().encode()


def test_the_shell_completes_folders() -> None:
    import click

    command = irbench.get_command(click.Context(irbench), "view")
    assert command is not None
    folder, *_ = command.params
    assert [one.type for one in folder.shell_complete(click.Context(command), "")] == ["dir"]


@pytest.fixture(scope="module")
def address(results: ResultFolder) -> Iterator[str]:
    with LocalServer(results.answer, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.address
        server.shutdown()


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser_from_the_list_to_a_report_and_back(browser: Chrome, address: str, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(address)
    assert browser.title.startswith("Results in ")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    rows = browser.find_elements("css selector", ".results tbody tr")
    assert len(rows) == 3
    if width == 1280:
        assert browser.execute_script("return [...document.querySelectorAll('.scroll')].every((one) => "
                                      "one.scrollWidth <= one.clientWidth)")  # fmt: skip
    evil = next(row for row in rows if LONG in row.text.replace("\n", ""))
    evil.find_element("css selector", "th a").click()
    assert browser.title != "taken"
    assert browser.find_element("css selector", ".verdict").text.startswith("At severity 3")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.find_element("link text", "All results").click()
    browser.find_element("css selector", "thead th:nth-child(3) button").click()
    assert browser.find_element("css selector", "thead th:nth-child(3)").get_attribute("aria-sort") == "descending"
    assert RIGHT_TO_LEFT[1:] in browser.find_element("css selector", ".results").text
    assert [one for one in browser.get_log("browser") if "favicon" not in one["message"]] == []
    assert browser.find_elements("css selector", "img, iframe") == []
