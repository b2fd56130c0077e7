"""The page in a real browser: sort, filter, compare, address, hostile texts, a silent console, no request."""

from __future__ import annotations

import csv
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

from robustbench_ir.leaderboard.board import board, board_to_json
from robustbench_ir.leaderboard.folder import FiledEntry
from robustbench_ir.leaderboard.page import page
from robustbench_ir.leaderboard.ranking import contributions, reach, resampled
from robustbench_ir.leaderboard.robust import robust_by_language
from robustbench_ir.leaderboard.sheet import sheet_of
from tests.support.boards import CRAFTED, EVIL, REPORTED, SEARCHED, beside, entry

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

HEADLINE = ("typo@3", "synonym@3")
ELSEWHERE = REPORTED.model_copy(update={"languages": ["en"]})


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    filed = [FiledEntry(Path("small") / f"model-{number}.json", entry(number)) for number in range(250)]
    path = tmp_path_factory.mktemp("site") / "index.html"
    path.write_text(
        page(board_to_json(board(filed, {}, resamples=200, reported=[REPORTED, ELSEWHERE])), "on a day"),
        encoding="utf-8",
    )
    return path.as_uri()


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a page of four tasks, one of which has two boards."""
    filed = []
    for task in ("afriqa", "masakhanews", "mini", "xquad-r"):
        for number in (1, 100, 200):
            made = entry(number)
            own = made.task.model_copy(update={"identity": f"{task}@1"})
            made = beside(made) if task == "xquad-r" and number > 1 else made
            filed.append(FiledEntry(Path(task) / f"model-{number}.json", made.model_copy(update={"task": own})))
    path = tmp_path_factory.mktemp("several") / "index.html"
    path.write_text(page(board_to_json(board(filed, {}, resamples=50))), encoding="utf-8")
    return path.as_uri()


def test_addresses_name_the_task_and_old_ones_work(browser: Chrome, several: str) -> None:
    assert "entries on xquad-r@1" in status(opened(browser, several)), "the flagship comes first"
    listed = "return [...document.getElementById('task').options].map((one) => one.textContent.split('@')[0])"
    names = browser.execute_script(listed)
    assert (names[0], names[-1], len(names)) == ("xquad-r", "mini", 4)
    choose(browser, "task", "masakhanews@1")
    assert "entries on masakhanews@1" in status(browser)
    assert "task=masakhanews%401" in browser.current_url
    for state, task in (
        ("#task=masakhanews%401", "masakhanews"),
        ("#task=1", "masakhanews"),
        ("#task=0", "afriqa"),
        ("#task=mini", "mini"),
        ("#task=mini%401:en%2Bsw", "mini"),
        ("#task=nothing", "xquad-r"),
    ):
        assert f"entries on {task}@1" in status(opened(browser, several, state)), state
    for state in ("#model=afriqa/model-100.json", "#task=mini%401&model=mini/model-100.json", "#task=2&model=0"):
        opened(browser, several, state)
        assert browser.title.startswith("owner/model-100 ") == (not state.endswith("=0")), state


def test_an_address_of_nothing_says_what_there_is(browser: Chrome, several: str) -> None:
    said = "const one = document.getElementById('missing'); return [one.getAttribute('role'), one.innerText]"
    for state, wanted in (
        ("#task=nothing", ["There is no task nothing here; there are xquad-r@1, afriqa@1, masakhanews@1, mini@1."]),
        ("#task=mini%402", ["There is no task mini@2 here; there are xquad-r@1"]),
        ("#model=owner/model-10", ["There is no model owner/model-10 here; there is owner/model-100."]),
        ("#model=%3Cimg%20src%3Dx%3E&task=mini", ["There is no model <img src=x> here"]),
    ):
        opened(browser, several, state)
        role, text = browser.execute_script(said)
        assert role == "status"
        assert all(part in text for part in wanted), text
        assert seen(browser) == "board"
    assert "entries on mini@1" in status(browser), "the task of the address is there"
    press(browser, "#missing a")
    assert browser.execute_script(said)[1] == ""
    for state in ("", "#task=mini", "#model=owner/model-100", "#view=about"):
        opened(browser, several, state)
        assert browser.execute_script(said)[1] == "", state


def seen(browser: Chrome) -> str:
    """Return the name of the view that is shown."""
    (found,) = browser.execute_script(
        "return [...document.querySelectorAll('[data-view]:not([hidden])')].map((one) => one.dataset.view)"
    )
    return str(found)


def test_a_model_has_a_page_with_all_its_tasks(browser: Chrome, several: str) -> None:
    opened(browser, several, "#model=owner/model-100")
    assert seen(browser) == "model"
    assert browser.title == "owner/model-100 \N{EN DASH} robustbench-ir leaderboard"
    names = "return [...document.querySelectorAll('#model h3 a')].map((one) => one.textContent)"
    assert browser.execute_script(names) == ["xquad-r@1", "afriqa@1", "masakhanews@1", "mini@1"]
    rows = browser.execute_script(
        "return [...document.querySelector('#model tbody').rows]"
        ".map((row) => [...row.cells].map((one) => one.innerText))"
    )
    settings = [row[0].split()[1] for row in rows]
    assert settings == ["multilingual", "cross-lingual", "monolingual"] * 4
    score = {(one.recipe, one.severity): one.average_precision for one in entry(100).scores}
    for setting, (_, _, robust, clean, kept, *_) in zip(settings, rows, strict=True):
        whole, left = score["clean", 0][setting], (score["typo@3", 3][setting] + score["synonym@3", 3][setting]) / 2
        assert float(clean) == pytest.approx(whole, abs=6e-4)
        assert float(robust.split()[0]) == pytest.approx(left, abs=6e-4)
        assert int(kept.split("%")[0]) == pytest.approx(100 * left / whole, abs=0.6)


def test_back_and_forward_go_through_what_was_opened(browser: Chrome, several: str) -> None:
    opened(browser, several)
    base = browser.title
    # A browser goes back past what no hand has done, so that these are real clicks.
    for selector in ("[data-open]", "#model h3 a", "#task option[value='afriqa@1']", "nav [data-to=about]"):
        browser.find_element("css selector", selector).click()
    steps = [(base, "board"), ("owner/model-200 \N{EN DASH} " + base, "model"), (base, "board")]
    steps += [("afriqa@1 \N{EN DASH} " + base, "board"), ("What the numbers mean \N{EN DASH} " + base, "about")]
    assert (browser.title, seen(browser)) == steps[-1]
    for step in steps[-2::-1]:
        browser.back()
        arrived(browser, step)
    for step in steps[1:]:
        browser.forward()
        arrived(browser, step)


def arrived(browser: Chrome, step: tuple[str, str]) -> None:
    """Check title and view; going back within a page takes a moment on a loaded machine."""
    deadline = time.monotonic() + 10
    while (browser.title, seen(browser)) != step and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (browser.title, seen(browser)) == step


def test_skipping_to_the_content_forgets_no_choice(browser: Chrome, several: str) -> None:
    opened(browser, several, "#task=afriqa%401&setting=monolingual")
    press(browser, ".skip")
    assert "setting=monolingual" in browser.current_url
    assert browser.execute_script("return document.activeElement.id") == "main"


def test_tasks_are_compared(browser: Chrome, several: str) -> None:
    opened(browser, several)
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#across tbody tr')]"
        ".map((row) => [...row.cells].map((one) => one.textContent))"
    )
    assert [row[0] for row in rows] == ["owner/model-200", "owner/model-100", "owner/model-1"]
    assert [row[1] for row in rows] == ["1.0 1.0\N{EN DASH}1.0", "2.0 2.0\N{EN DASH}2.0", "3.0 3.0\N{EN DASH}3.0"]
    heads = browser.execute_script(
        "return [...document.querySelectorAll('#across th[scope=col]')].map((one) => one.firstChild.textContent)"
    )
    assert heads == ["Model", "Mean place", "xquad-r", "afriqa", "masakhanews", "Low-resource", "High-resource", "Gap"]
    press(browser, "#across thead th:nth-child(4) a")
    assert "entries on afriqa@1" in status(browser)


def opened(browser: Chrome, address: str, state: str = "") -> Chrome:
    browser.get("about:blank")
    browser.get(address + state)
    until(browser, "return document.readyState === 'complete'")
    return browser


def until(browser: Chrome, script: str) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 10, poll_frequency=0.05).until(lambda one: one.execute_script(script))


def cells(browser: Chrome, column: str) -> list[str]:
    script = """
    const heads = [...document.querySelectorAll('#table thead [data-sort]')];
    const place = heads.findIndex((one) => one.dataset.sort === arguments[0]);
    return [...document.querySelectorAll('#table tbody tr')].map((row) => row.cells[place].textContent);
    """
    found: list[str] = browser.execute_script(script, column)
    return found


def press(browser: Chrome, selector: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def choose(browser: Chrome, name: str, value: str) -> None:
    script = """
    const one = document.getElementById(arguments[0]);
    one.value = arguments[1];
    one.dispatchEvent(new Event(arguments[2]));
    """
    browser.execute_script(script, name, value, "input" if name == "name" else "change")


def status(browser: Chrome) -> str:
    return str(browser.execute_script("return document.getElementById('said').textContent"))


def test_no_request_no_word_in_the_console_and_nothing_runs(browser: Chrome, address: str) -> None:
    browser.get_log("performance")
    browser.get_log("browser")
    opened(browser, address)
    for selector in ("#table tbody input", "[data-sort=clean]", "[data-turn=Next]", "#csv", ".help", "[data-open]"):
        press(browser, selector)
    events = [json.loads(one["message"])["message"] for one in browser.get_log("performance")]
    asked = {
        one["params"]["request"]["url"].split("#")[0] for one in events if one["method"] == "Network.requestWillBeSent"
    }
    assert {one for one in asked if not one.startswith(("data:", "blob:", "about:"))} == {address}
    assert browser.get_log("browser") == []
    assert browser.title.startswith("owner/model-")
    assert browser.execute_script("return document.images.length + document.scripts.length") == 2


def test_columns_sort_both_ways_by_key_too(browser: Chrome, address: str) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, address)
    robust = [float(one.split()[0]) for one in cells(browser, "robust")]
    assert robust == sorted(robust, reverse=True)
    assert len(robust) == 100
    button = browser.find_element("css selector", "[data-sort=clean]")
    button.send_keys(Keys.ENTER)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    clean = [float(one) for one in cells(browser, "clean")]
    assert clean == sorted(clean)
    sorted_by = "return document.querySelector('#table th[aria-sort=ascending] [data-sort]').textContent"
    assert browser.execute_script(sorted_by) == "Clean mAP ▲"
    sizes = opened(browser, address, "#sort=size") and cells(browser, "size")
    assert sizes[0] == "2.5 B"


def test_filters(browser: Chrome, address: str) -> None:
    opened(browser, address)
    choose(browser, "name", "MODEL-24")
    assert status(browser).startswith("11 of 250")
    choose(browser, "name", "")
    for tick, number in (("verified", 25), ("zero", 83)):
        press(browser, f"#{tick}")
        assert status(browser).startswith(f"{number} of 250")
        press(browser, f"#{tick}")
    choose(browser, "size", "100")
    assert status(browser).startswith("7 of 250")
    choose(browser, "size", "")
    before = cells(browser, "clean")
    choose(browser, "language", "sw")
    assert cells(browser, "clean") != before
    assert set(cells(browser, "rank")) == {"–"}
    assert "all languages" in browser.execute_script("return document.getElementById('legend').textContent")


def test_each_threat_model_shows_its_own_attacks_and_models(browser: Chrome, address: str) -> None:
    heads = "return [...document.querySelectorAll('#table thead [data-sort]')].map((one) => one.dataset.sort)"
    average = {"at typo@3", "at synonym@3"}
    for threat, count, attacks in (
        ("", 250, average | {f"at {SEARCHED}", f"at {CRAFTED}"}),
        ("average case", 250, average),
        ("worst case", 5, {f"at {SEARCHED}"}),
        ("transfer", 5, {f"at {CRAFTED}"}),
    ):
        opened(browser, address)
        choose(browser, "threat", threat)
        assert status(browser).startswith(f"{count} of 250")
        assert {one for one in browser.execute_script(heads) if one.startswith("at ")} == attacks
    shown = browser.execute_script("return document.querySelector('[data-sort^=\"at greedy\"]').textContent")
    assert shown == "greedy(typo@3) crafted on bm25"
    assert set(cells(browser, "rank")) == {"\N{EN DASH}"}, "ranks are of the average case"


def test_classes_of_languages_and_the_gap_between_them(browser: Chrome, address: str) -> None:
    """English is of class 5, Swahili of class 2."""
    opened(browser, address, "#name=model-249&setting=monolingual")
    both = float(cells(browser, "robust")[0].split()[0])
    gap = float(cells(browser, "gap")[0].replace("\N{MINUS SIGN}", "-"))
    seen = {}
    for group in ("low", "high", "class 2", "class 5"):
        choose(browser, "language", group)
        seen[group] = float(cells(browser, "robust")[0])
    assert (seen["low"], seen["high"]) == (seen["class 2"], seen["class 5"])
    assert gap == pytest.approx(seen["high"] - seen["low"], abs=2e-3)
    assert both == pytest.approx((seen["high"] + seen["low"]) / 2, abs=2e-3)
    assert gap != 0


def test_low_resource_languages_have_a_page(browser: Chrome, several: str) -> None:
    opened(browser, several, "#view=low")
    heads = "return [...document.querySelectorAll('#low-tables h3')].map((one) => one.textContent)"
    assert browser.execute_script(heads) == ["Across tasks", "xquad-r@1", "afriqa@1", "masakhanews@1"]
    text = browser.execute_script("return document.getElementById('low-tables').innerText")
    assert text.count("Low-resource: Swahili. High-resource, to compare with: English.") == 3
    (mean, *tasks) = browser.execute_script(
        "return [...document.querySelectorAll('#low-tables table')].map((one) => one.tBodies[0].rows[0])"
        ".map((row) => [...row.cells].slice(1).map((one) => one.textContent))"
    )
    cell = entry(200)
    sheet = sheet_of(cell)
    robust = np.mean([sheet.by_language["multilingual"][list(sheet.groups).index((name, 3))] for name in HEADLINE], 0)
    assert list(cell.task.queries) == ["en", "sw"]
    assert float(mean[0]) == pytest.approx(robust[1], abs=6e-4)
    low, _, _, high, gap = (float(one.replace("\N{MINUS SIGN}", "-").rstrip("%")) for one in tasks[0])
    assert (low, high, gap) == pytest.approx((robust[1], robust[0], robust[0] - robust[1]), abs=6e-4)


def test_a_task_without_a_group_of_languages_says_so(browser: Chrome, tmp_path: Path) -> None:
    """Of two tasks, one is asked in English alone, the other in Swahili alone."""
    filed = []
    for task, code in (("xquad-r", "en"), ("afriqa", "sw")):
        made = entry(100)
        own = made.task.model_copy(update={"identity": f"{task}@1", "queries": {code: 2 * 40}})
        filed.append(FiledEntry(Path(task) / "x.json", made.model_copy(update={"task": own})))
    path = tmp_path / "index.html"
    path.write_text(page(board_to_json(board(filed, {}, resamples=5))), encoding="utf-8")
    opened(browser, path.as_uri(), "#view=low")
    text = browser.execute_script("return document.getElementById('low-tables').innerText")
    assert "This task has no low-resource language (class 0\N{EN DASH}2)." in text
    assert "Low-resource: Swahili. This task has no high-resource language to compare with" in text
    for task, group in (("xquad-r@1", "low-resource"), ("afriqa@1", "high-resource")):
        opened(browser, path.as_uri(), f"#task={task}")
        legend = browser.execute_script("return document.getElementById('legend').textContent")
        assert f"This task has no {group} language" in legend
        assert "gap" not in browser.execute_script(
            "return [...document.querySelectorAll('#table [data-sort]')].map((one) => one.dataset.sort)"
        )


def test_what_has_little_to_lose_stands_last_by_drop(browser: Chrome, address: str) -> None:
    best = float(max(cells(opened(browser, address, "#sort=clean"), "clean")))
    for sort, up in (("drop", "1"), ("drop", ""), ("kept", "")):
        state = f"#sort={sort}&up={up}&name=model-24"
        rows = list(zip(*(cells(opened(browser, address, state), one) for one in ("clean", "kept")), strict=True))
        assert [float(clean) < best / 2 for clean, _ in rows] == [False] * 10 + [True]
        assert ["little" in kept for _, kept in rows] == [False] * 10 + [True]
        assert "stand last in this order" in browser.execute_script(
            "return document.getElementById('legend').textContent"
        )


def test_bars_are_as_long_as_the_scores(browser: Chrome, address: str) -> None:
    opened(browser, address, "#name=model-24")
    lengths = (
        "return [...document.querySelectorAll('.bar')].map((one) => [one, one.firstChild].map((of) => of.clientWidth))"
    )
    shown = browser.execute_script(lengths)
    robust, clean = ([float(one.split()[0]) for one in cells(browser, name)] for name in ("robust", "clean"))
    for (whole, left), (first, second) in zip(shown, zip(clean, robust, strict=True), strict=True):
        assert left / whole == pytest.approx(second / first, abs=0.05)
        assert whole / shown[0][0] == pytest.approx(first / clean[0], abs=0.05)


def test_help_opens_by_key_and_by_click_and_closes(browser: Chrome, address: str) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, address)
    box = "return document.querySelector('#help:popover-open')?.textContent ?? ''"
    names = "return [...document.querySelectorAll('#table thead .help')].map((one) => one.getAttribute('aria-label'))"
    assert len(browser.execute_script(names)) == len(cells_of_head(browser)), "every column has help"
    button = browser.find_element("css selector", "[data-sort=kept] + .help")
    button.send_keys(Keys.ENTER)
    assert "Attacked divided by clean" in browser.execute_script(box)
    button.send_keys(Keys.ESCAPE)
    assert browser.execute_script(box) == ""
    browser.find_element("css selector", "[data-sort=clean] + .help").click()
    assert "mean average precision" in browser.execute_script(box)
    assert browser.execute_script("return document.querySelector('#help').getBoundingClientRect().right <= innerWidth")
    browser.find_element("css selector", "h1").click()
    assert browser.execute_script(box) == ""


def cells_of_head(browser: Chrome) -> list[str]:
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('#table thead th')].map((one) => one.textContent)"
    )
    return found


def test_every_page_leads_on_and_says_how_to_cite(browser: Chrome, address: str) -> None:
    words = ("about", "submit", "Documentation", "Repository", "Licence: Apache-2.0", "JSON", "Built on a day")
    for state in ("", "#model=owner/model-9", "#view=low", "#view=about", "#view=submit"):
        opened(browser, address, state)
        foot = browser.execute_script("return document.querySelector('footer').outerHTML")
        assert [one for one in words if one not in foot] == []
    citation = yaml.safe_load((Path(__file__).parents[1] / "CITATION.cff").read_text(encoding="utf-8"))
    shown = browser.execute_script("return document.getElementById('bibtex').textContent")
    fields = dict(re.findall(r"^  (\w+) += \{+(.*?)\}+,?$", shown, re.MULTILINE))
    assert fields == {
        "title": citation["title"],
        "author": citation["authors"][0]["name"],
        "version": citation["version"],
        "date": str(citation["date-released"]),
        "year": str(citation["date-released"])[:4],
        "license": citation["license"],
        "url": citation["repository-code"],
    }
    browser.find_element("css selector", "#cite summary").click()
    browser.find_element("css selector", "#copy").click()
    until(browser, "return /^(Copied|Selected)/.test(document.getElementById('copied').textContent)")


def test_what_papers_report_stands_apart_and_is_inert(browser: Chrome, address: str) -> None:
    opened(browser, address)
    order = "return [...document.querySelectorAll('#table, #plot, #reported')].map((one) => one.id)"
    assert browser.execute_script(order) == ["table", "plot", "reported"]
    rows = "return [...document.querySelectorAll('#reported tbody tr')].map((row) => row.textContent)"
    (row,) = browser.execute_script(rows)
    assert "0.987" in row
    assert row.count("onerror=") == 3, "the evil is shown, as text"
    assert "0.987" not in browser.execute_script("return document.getElementById('table').textContent + csv()")
    links = browser.find_elements("css selector", "#reported a")
    assert [one.get_attribute("href") for one in links] == ["https://example.org/paper"]
    assert browser.title == "robustbench-ir leaderboard"


def test_numbers_are_those_of_the_entries(browser: Chrome, address: str) -> None:
    opened(browser, address, "#setting=monolingual&name=model-249")
    best = {(score.recipe, score.severity): score.average_precision["monolingual"] for score in entry(249).scores}
    assert float(cells(browser, "clean")[0]) == pytest.approx(best["clean", 0], abs=6e-4)
    assert float(cells(browser, "at typo@3")[0]) == pytest.approx(best["typo@3", 3], abs=6e-4)
    assert float(cells(browser, "worst")[0]) == pytest.approx(best[SEARCHED, 3], abs=6e-4)
    robust = (best["typo@3", 3] + best["synonym@3", 3]) / 2
    assert float(cells(browser, "robust")[0].split()[0]) == pytest.approx(robust, abs=6e-4)


def test_models_are_compared_and_the_address_says_it(browser: Chrome, address: str) -> None:
    opened(browser, address)
    for row in (1, 2, 3):
        press(browser, f"#table tbody tr:nth-child({row}) input")
    choose(browser, "setting", "monolingual")
    text = "return document.getElementById('compared').textContent"
    before = browser.execute_script(text)
    assert before.startswith("3 models compared")
    press(browser, "#ticked button")
    assert browser.execute_script("return document.activeElement.textContent") == "3 models compared"
    opened(browser, browser.current_url)
    assert browser.execute_script(text) == before


def test_differences_are_those_of_the_rankings_own_resamples(browser: Chrome, address: str) -> None:
    numbers = (246, 204, 247)
    drawn = {}
    for name, keys in (("clean", [("clean", 0)]), ("robust", [("typo@3", 3), ("synonym@3", 3)])):
        rows = []
        for number in numbers:
            sheet, task = sheet_of(entry(number)), entry(number).task
            value = np.mean([sheet.average_precision["multilingual"][sheet.groups[key][0]] for key in keys], axis=0)
            language = np.repeat([0, 1], list(task.queries.values()))
            rows.append(contributions(value, np.array(task.question), language))
        drawn[name] = resampled(rows, np.random.default_rng(0), 200)
    drawn |= {"drop": drawn["clean"] - drawn["robust"], "kept": drawn["robust"] / drawn["clean"]}
    opened(browser, address, "#pair=" + "|".join(f"small/model-{number}.json" for number in numbers))
    shown = browser.execute_script(
        "return [...document.querySelectorAll('#compared table')[1].tBodies[0].rows].map((row) => "
        "[row.cells[0].textContent, ...[...row.cells].slice(1).map((one) => [one.dataset.apart, one.textContent])])"
    )
    told = []
    for (first, second), row in zip(((0, 1), (0, 2), (1, 2)), shown, strict=True):
        assert row[0] == f"owner/model-{numbers[first]} \N{MINUS SIGN} owner/model-{numbers[second]}"
        for name, (apart, text) in zip(("robust", "clean", "drop", "kept"), row[1:], strict=True):
            difference = drawn[name][first] - drawn[name][second]
            margin = reach(3, 40) * np.std(difference[1:])
            found = [float(one) for one in re.findall(r"-?[\d.]+", text.replace("\N{MINUS SIGN}", "-"))]
            expected = [difference[0], difference[0] - margin, difference[0] + margin]
            assert found == pytest.approx(expected, abs=5.1e-4), (row[0], name)
            assert apart == str(abs(difference[0]) > margin).lower()
            told.append(apart)
    assert set(told) == {"true", "false"}


def test_the_page_of_a_model_is_inert_and_has_its_languages(browser: Chrome, address: str) -> None:
    opened(browser, address, "#model=small/model-249.json&setting=monolingual")
    assert "onerror=" in browser.execute_script("return document.getElementById('model').textContent")
    assert browser.execute_script("return document.querySelectorAll('.heat tbody tr').length") == 2
    assert browser.execute_script("return document.querySelectorAll('path.curve').length") == 4


def test_no_label_of_the_plot_covers_another(browser: Chrome, several: str, address: str) -> None:
    overlaps = """
    const boxes = [...document.querySelectorAll('#plot text.name, #plot circle')].map((one) => one.getBBox());
    const names = document.querySelectorAll('#plot text.name').length;
    const meet = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
    const circles = boxes.length - names;
    return [names, boxes.filter((a, i) => boxes.some((b, j) => i < j && j >= circles && meet(a, b))).length];
    """
    opened(browser, several)
    assert browser.execute_script(overlaps) == [3, 0]
    opened(browser, address, "#name=model-24")
    assert browser.execute_script(overlaps) == [11, 0]


def test_no_label_of_a_model_covers_another(browser: Chrome, address: str, width: int) -> None:
    """Letters are as large as those of a page, on a phone too, and stay within their picture."""
    opened(browser, address, "#model=owner/model-249")
    look = """
    const svg = document.querySelector('#model svg'), whole = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].map((one) => {
      const box = one.getBoundingClientRect();
      return [box.left - whole.left, box.top - whole.top, box.right - whole.left, box.bottom - whole.top];
    }).concat([[0, 0, whole.width, whole.height]]);
    """
    *boxes, (_, _, wide, high) = browser.execute_script(look)
    assert wide <= width
    assert len(boxes) >= 12
    for place, (left, top, right, bottom) in enumerate(boxes):
        assert min(right - left, bottom - top) >= 6.5, "a digit of 12 pixels"
        assert left >= 0
        assert top >= 0
        assert right <= wide
        assert bottom <= high
        for other in boxes[:place]:
            assert right <= other[0] or left >= other[2] or bottom <= other[1] + 2 or top >= other[3] - 2, (
                place,
                other,
            )


def test_any_address_gives_a_page(browser: Chrome, address: str) -> None:
    browser.get_log("browser")
    for state in (
        "#task=9&page=-4&sort=nothing&setting=x",
        "#model=<img>&pair=a|b|c&language=zz",
        "#%E0%A4%A",
        "#page=1e9",
    ):
        opened(browser, address, state)
        assert "of 250" in status(browser)
    assert browser.get_log("browser") == []


def test_csv_has_every_row_and_no_formula(browser: Chrome, address: str) -> None:
    opened(browser, address)
    lines = browser.execute_script("return csv()").strip().split("\r\n")
    assert len(lines) == 251
    assert lines[1].startswith('"owner/model-')


SUITE, COPIED = "under small@1", "with copy, budget 1"
GREEDY = f"with greedy, budget 1, 50 encodings, crafted on {EVIL}"


def test_columns_that_only_some_entries_fill(browser: Chrome, several: str) -> None:
    """Two of three entries of one task have robust scores and injected passages, and no entry of another task."""
    keys = "return [...document.querySelectorAll('#table [data-sort]')].map((one) => one.dataset.sort)"
    opened(browser, several, "#task=mini")
    assert not {SUITE, COPIED, GREEDY} & set(browser.execute_script(keys))
    opened(browser, several)
    assert {SUITE, COPIED, GREEDY} <= set(browser.execute_script(keys))
    full, half = beside(entry(200)), beside(entry(100))
    robust = cells(browser, SUITE)
    for text, made in zip(robust, (full, half), strict=False):
        value = made.suites[0].scores["multilingual"].robust
        assert re.fullmatch(rf"{value:.3f} 0\.\d{{3}}\N{{EN DASH}}0\.\d{{3}}fixed", text)
    assert robust[2] == "\N{EN DASH}not submitted"
    assert cells(browser, GREEDY)[0].endswith("%not checked")
    # Lower is better, so that the lowest comes first; what was not submitted stands last both ways.
    press(browser, f'[data-sort="{COPIED}"]')
    *shares, last = cells(browser, COPIED)
    wanted = sorted(100 * made.poison[0].asr_at_10 for made in (full, half))
    assert [float(one.split("%")[0]) for one in shares] == pytest.approx(wanted, abs=0.51)
    assert last == "\N{EN DASH}not submitted"
    press(browser, f'[data-sort="{COPIED}"]')
    assert cells(browser, COPIED)[2] == "\N{EN DASH}not submitted"
    browser.find_element("css selector", f'[data-sort="{COPIED}"] + .help').click()
    box = browser.execute_script("return document.querySelector('#help:popover-open').textContent")
    assert "Injected for each question: copy, budget 1." in box
    assert "lower is better" in box


def test_robust_scores_and_injected_passages_everywhere_else(browser: Chrome, several: str) -> None:
    """In a group of languages, in downloads, in comparisons and on the page of a model, where evil is inert."""
    opened(browser, several, "#setting=monolingual&language=sw")
    made = beside(entry(200))
    by_language = robust_by_language(made, made.suites[0].cells, ["monolingual"])["monolingual"]
    assert cells(browser, SUITE)[0] == f"{by_language[1]:.3f}fixed", "ends are those of all languages"
    opened(browser, several, "#pair=xquad-r/model-200.json|xquad-r/model-1.json")
    head, first, *_ = browser.execute_script("return csv()").split("\r\n")
    row = dict(zip(next(csv.reader([head])), next(csv.reader([first])), strict=True))
    score = made.suites[0].scores["multilingual"]
    assert float(row["Robust mAP"]) == pytest.approx(score.robust, abs=1e-4)
    assert float(row["Poison ASR@10, copy, budget 1"]) == pytest.approx(made.poison[0].asr_at_10, abs=1e-6)
    compared = browser.execute_script("return document.getElementById('compared').textContent")
    assert f"Robust mAP?{score.robust:.3f} 0." in compared
    assert "\N{EN DASH} not submitted" in compared
    opened(browser, several, "#model=owner/model-200")
    look = """
    return ['Robust scores', 'Injected passages'].map((name) =>
      [...document.querySelector(`#model [aria-label="${name} on xquad-r@1"] tbody`).rows].map((row) =>
        [...row.cells].map((one) => one.textContent)));
    """
    rows = browser.execute_script(look)
    assert [one[0] for one in rows[0]] == [
        f"small@1{setting} \N{MIDDLE DOT} fixed" for setting in ("multilingual", "cross-lingual", "monolingual")
    ]
    assert rows[0][0][1].startswith(f"{score.robust:.3f} ")
    assert float(rows[0][0][3].split("%")[0]) == pytest.approx(100 * score.robust_at_10, abs=0.51)
    assert [one[0] for one in rows[1]] == ["copy, budget 1", f"{GREEDY.removeprefix('with ')}not checked"]
    assert float(rows[1][0][2].split("%")[0]) == pytest.approx(100 * made.poison[0].asr_at_1, abs=0.51)
    assert browser.title.startswith("owner/model-200 "), "the evil in the name of an encoder is text"


@pytest.mark.parametrize("wide", [390, 1280])
def test_neither_the_page_nor_the_main_columns_scroll_sideways(browser: Chrome, several: str, wide: int) -> None:
    metrics = {"width": wide, "height": 800, "deviceScaleFactor": 1, "mobile": wide < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    tables = (
        "return [...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth).length"
    )
    try:
        for state in ("", "#model=owner/model-100", "#view=low", "#view=about", "#view=submit"):
            opened(browser, several, state)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= wide, state
            assert browser.execute_script(tables) == 0, state
        opened(browser, several)
        hidden = "return [...document.querySelectorAll('#table thead th')].filter((one) => !one.offsetWidth).length"
        assert browser.execute_script(hidden) > 0
        press(browser, "#csv ~ button, .tools [data-more]")
        assert browser.execute_script(hidden) == 0
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_everything_to_press_has_a_name(browser: Chrome, address: str) -> None:
    script = """
    return [...document.querySelectorAll('button, input, select, a, svg[role=img], [role=region]')]
        .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length)).map((one) => one.outerHTML);
    """
    for state in ("#model=small/model-249.json", "#pair=small/model-1.json|small/model-100.json", "#view=low"):
        opened(browser, address, state)
        assert browser.execute_script(script) == []
