"""`irbench view`: all results of a folder, whatever their files are called, and no file that was not found there."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from robustbench_ir import attack, load_recipe, load_task, save_result
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
def attacked(tmp_path_factory: pytest.TempPathFactory) -> ResultFolder:
    """Return a folder with a real run, whose 120 queries are all to be reached."""
    folder = tmp_path_factory.mktemp("attacked")
    attack("char-ngram", recipes=["typo", "slip"], languages=["en", "hi"], severities=[1, 3]).save(folder / "one.json")
    return ResultFolder(folder, worst=2, queries=True)


def queries(results: ResultFolder, **asked: str) -> str:
    (report,) = links(results.index())
    found = results.answer(f"/{report.replace('reports/', 'queries/')}", urlencode(asked))
    assert found is not None
    return found[1].decode()


def ids(page: str) -> list[str]:
    return re.findall(r"<bdi>\(([^)]+)\)</bdi>", page)


def test_every_query_is_reached_a_page_at_a_time(attacked: ResultFolder) -> None:
    (report,) = links(attacked.index())
    page = (attacked.answer(f"/{report}") or ("", b""))[1].decode()
    assert f'href="../{report.replace("reports/", "queries/")}"' in page
    result = load_result(attacked.folder / "one.json")
    pages = [queries(attacked, attack="2", page=str(number)) for number in range(1, 7)]
    assert [len(ids(page)) for page in pages] == [25, 25, 25, 25, 20, 0]
    assert sorted(one for page in pages for one in ids(page)) == sorted(result.judgements.query_ids)
    assert "26 to 50 of 120 queries" in pages[1]
    assert 'rel="next"' not in pages[4]
    assert "and no such page" in pages[5]
    changes = [
        float(before) - float(after)
        for page in pages
        for before, after in re.findall(r"AP (\d\.\d{3}) → (\d\.\d{3})", page)
    ]
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > 0 >= changes[-1], "those that lost nothing are there, too"


def test_queries_are_found_by_text_language_and_attack(attacked: ResultFolder) -> None:
    task, typo = load_task("mini", ["en", "hi"]), load_recipe("typo")
    made = {one.query_id: one for one in typo.for_task(task).perturb(task.queries, 3, 0)}
    word = next(one.text.split()[-1] for one in made.values() if one.changed and len(one.text.split()[-1]) > 3)
    wanted = {key for key, one in made.items() if word.casefold() in f"{one.clean}\n{one.text}".casefold()}
    assert set(ids(queries(attacked, attack="2", text=word.upper()))) == wanted
    hindi = queries(attacked, attack="2", language="hi", page="2")
    assert set(ids(hindi)) < {one.query_id for one in task.queries if one.language == "hi"}
    assert "of 60 queries" in hindi
    assert '<option value="2" selected>typo, severity 3</option>' in hindi
    assert "attack=2&amp;language=hi&amp;page=3" in hindi
    assert '<option value="4" selected>slip, severity 3</option>' in queries(attacked, attack="4")


@pytest.mark.parametrize(
    "asked",
    [
        {"attack": "99"},
        {"attack": EVIL, "language": EVIL},
        {"text": EVIL, "page": "-1"},
        {"page": "9" * 400},
        {"page": "\u0661"},
        {str(number): "x" for number in range(50)},
    ],
)
def test_whatever_is_asked_gives_a_page_and_nothing_runs(attacked: ResultFolder, asked: dict[str, str]) -> None:
    page = queries(attacked, **asked)
    assert EVIL not in page
    assert "<script" not in page
    assert page.count("<form") == 1


def test_pages_of_queries_need_as_much_memory_as_one_attack(attacked: ResultFolder) -> None:
    for attack_number in ("1", "2", "3", "4", "2"):
        queries(attacked, attack=attack_number)
        assert attacked._every is not None
        assert len(attacked._every[2]._made) == 1


def test_what_has_no_texts_still_has_its_queries(folder: Path) -> None:
    results = ResultFolder(folder, worst=0, queries=True)
    for report in links(results.index()):
        found = results.answer(f"/{report.replace('reports/', 'queries/')}")
        assert found is not None
        page = found[1].decode()
        assert "No texts, and a search for ids alone" in page
        assert len(ids(page)) == 25
        assert EVIL not in page
    assert ResultFolder(folder).answer(f"/{report.replace('reports/', 'queries/')}") is None, "files have no such pages"


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
