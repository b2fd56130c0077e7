"""The review page in a real browser: answers by mouse and keyboard, kept, saved, loaded, and read by the command."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from robustbench_ir.reports.review.answers import read_answers
from tests.support.reviews import EVIL, answers, page, review, write

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

FOUND = review()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, browser: Chrome) -> Path:
    """Return a folder with a page, into which the browser saves files."""
    folder = tmp_path_factory.mktemp("review")
    for language in ("sw", "ar"):
        (folder / f"{language}.html").write_text(page(review(language)), encoding="utf-8")
    behaviour = {"behavior": "allow", "downloadPath": str(folder)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    return folder


@pytest.fixture
def opened(browser: Chrome, folder: Path) -> Callable[..., str]:
    """Return what opens a page, without answers of other tests."""

    def open_page(language: str = "sw") -> str:
        address = (folder / f"{language}.html").as_uri()
        browser.get(address)
        browser.execute_script("localStorage.clear()")
        browser.get(address)
        return address

    return open_page


def press(browser: Chrome, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    for key in keys:
        ActionChains(browser).send_keys(key).perform()


def text(browser: Chrome, key: str) -> str:
    return str(browser.find_element("id", key).text)


def given(browser: Chrome) -> list[str | None]:
    return list(browser.execute_script("return page.items.map((item) => said(item).answer)"))


def test_nothing_is_requested_and_no_text_of_the_data_runs(browser: Chrome, opened: Callable[..., str]) -> None:
    browser.get_log("performance")
    address = opened()
    press(browser, "1", "1")
    assert text(browser, "clean") == EVIL
    assert browser.title == "Je, watu huandika hivi?"
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
    assert {one for one in asked if one.startswith(("http", "file", "data"))} == {address}
    assert browser.get_log("browser") == []


def test_keys_answer_go_and_undo_and_answers_outlive_the_page(browser: Chrome, opened: Callable[..., str]) -> None:
    from selenium.webdriver.common.keys import Keys

    address = opened()
    press(browser, "3", "2")
    assert given(browser) == ["never", "odd", None]
    assert text(browser, "item") == "Swali la 3 kati ya 3"
    assert browser.execute_script("return document.activeElement.id") == "item"
    press(browser, "u")
    assert (given(browser), text(browser, "item")) == (["never", None, None], "Swali la 2 kati ya 3")
    press(browser, Keys.ARROW_LEFT)
    assert text(browser, "item") == "Swali la 1 kati ya 3"
    pressed = browser.find_element("css selector", "[aria-pressed=true]")
    assert pressed.get_attribute("data-answer") == "never"
    press(browser, Keys.ARROW_RIGHT, "1", "1")
    assert text(browser, "status").startswith("Maswali yote yana majibu.")
    browser.get(address)
    assert given(browser) == ["never", "real", "real"]
    assert text(browser, "progress") == "3 kati ya 3 yamejibiwa"


def test_what_is_typed_into_a_field_is_no_answer(browser: Chrome, opened: Callable[..., str]) -> None:
    opened()
    browser.find_element("id", "comment").send_keys("1 u 2")
    assert given(browser) == [None, None, None]
    browser.find_element("id", "keys").click()
    browser.find_element("id", "item").click()
    press(browser, "1")
    assert given(browser) == [None, None, None]


def test_arrows_follow_the_direction_and_a_menu_changes_the_words(browser: Chrome, opened: Callable[..., str]) -> None:
    from selenium.webdriver.common.keys import Keys

    opened("ar")
    assert browser.execute_script("return document.documentElement.dir") == "rtl"
    press(browser, Keys.ARROW_LEFT)
    assert text(browser, "item") == "العبارة 2 من 3"
    browser.execute_script(
        "const menu = document.getElementById('interface'); menu.value = 'fr'; menu.dispatchEvent(new Event('change'))"
    )
    assert browser.execute_script("return [document.documentElement.dir, document.documentElement.lang]") == [
        "ltr",
        "fr",
    ]
    assert text(browser, "item") == "Requête 2 sur 3"
    assert browser.find_element("id", "level").text.split("\n")[1].strip() == "C’est ma langue maternelle"


def saved(folder: Path, name: str) -> Path:
    path = folder / name
    end = time.monotonic() + 5
    while not path.is_file() and time.monotonic() < end:
        time.sleep(0.02)
    return path


def test_what_is_saved_is_read_by_the_command_and_loaded_again(
    browser: Chrome, opened: Callable[..., str], folder: Path
) -> None:
    opened()
    press(browser, "1", "2")
    browser.find_element("id", "comment").send_keys("si kawaida é")
    save = browser.find_element("id", "save")
    save.click()
    assert browser.execute_script("return document.activeElement.id") == "reviewer"
    browser.find_element("id", "reviewer").send_keys("A. B/é")
    browser.find_element("css selector", "#level option[value=fluent]").click()
    save.click()
    path = saved(folder, "review-sw-A-B-é.json")
    read = read_answers(path)
    assert [(one.answer, one.comment) for one in read.items] == [("real", ""), ("odd", ""), (None, "si kawaida é")]
    assert (read.reviewer.name, read.reviewer.level) == ("A. B/é", "fluent")
    assert read.set == FOUND.identity
    opened()
    browser.find_element("id", "file").send_keys(str(path))
    waited(browser, "Majibu 2 yamepakiwa")
    assert given(browser) == ["real", "odd", None]
    assert browser.find_element("id", "reviewer").get_attribute("value") == "A. B/é"


def waited(browser: Chrome, said: str) -> None:
    end = time.monotonic() + 5
    while text(browser, "file-status") != said and time.monotonic() < end:
        time.sleep(0.02)
    assert text(browser, "file-status") == said


def test_answers_of_another_set_are_not_taken(browser: Chrome, opened: Callable[..., str], folder: Path) -> None:
    other: dict[str, Any] = answers(review(texts=("moja mbili", "tatu nne", "tano sita")), "rrr")
    path = write(folder / "other.json", other)
    opened()
    browser.find_element("id", "file").send_keys(str(path))
    waited(browser, "Faili hii haina majibu ya ukurasa huu.")
    assert given(browser) == [None, None, None]
    (folder / "set.html").write_text(page(review(texts=("moja mbili", "tatu nne"))), encoding="utf-8")
    press(browser, "1")
    browser.get((folder / "set.html").as_uri())
    assert given(browser) == [None, None]
