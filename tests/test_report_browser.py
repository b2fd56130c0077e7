"""The page in a real browser: quiet console, working tables, no request, and no text of the data that runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser


def column(browser: Chrome, place: int) -> list[str]:
    script = "return [...document.querySelectorAll('#r1-scores ~ .scroll')][0].querySelectorAll('tbody tr')"
    rows: list[Any] = browser.execute_script(script)
    return [browser.execute_script("return arguments[0].cells[arguments[1]].textContent", row, place) for row in rows]


def test_nothing_is_requested_nothing_runs_and_the_console_is_silent(browser: Chrome, hostile_report: str) -> None:
    browser.get_log("performance")
    browser.get(hostile_report)
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
    assert [address for address in asked if address.startswith(("http", "file", "data"))] == [hostile_report]
    assert browser.title == "2 results on hostile@1"
    assert browser.find_elements("css selector", "img, iframe, object, link") == []
    assert browser.get_log("browser") == []


def test_tables_sort_by_number_and_back_by_mouse_and_keyboard(browser: Chrome, hostile_report: str) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.get(hostile_report)
    place = 4
    before = column(browser, place)
    head = browser.find_element("css selector", f"#r1-scores ~ .scroll th:nth-child({place + 1})")
    button = head.find_element("css selector", "button")
    assert button.text.startswith("drop")
    button.click()
    falling = column(browser, place)
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(one) for one in falling] == sorted(map(float, before), reverse=True)
    button.send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(one) for one in column(browser, place)] == sorted(map(float, before))


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_runs_over_the_edge_and_everything_can_be_read(
    browser: Chrome, hostile_report: str, width: int, colours: str
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": colours}]}
    )
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(hostile_report)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    # WCAG 2 contrast of texts and marks on what lies behind them.
    pairs = browser.execute_script(
        """
        const back = (one) => { for (let at = one; at; at = at.parentElement) {
          const colour = getComputedStyle(at).backgroundColor;
          if (colour !== "rgba(0, 0, 0, 0)") return colour; } };
        const texts = [...document.querySelectorAll("p, td, th, a, summary, mark, dt, button")];
        const found = texts.map((one) => [getComputedStyle(one).color, back(one), one.textContent]);
        for (const rect of document.querySelectorAll("svg rect + text.small")) {
          found.push([getComputedStyle(rect).fill, getComputedStyle(rect.previousElementSibling).fill, "heat map"]); }
        for (const text of document.querySelectorAll("svg text:not(.small)")) {
          found.push([getComputedStyle(text).fill, back(text), text.textContent]); }
        return [...new Set(found.map((one) => one.slice(0, 2).join("|")))];
        """
    )
    assert len(pairs) > 5
    for pair in pairs:
        ink, paper = (_luminance(colour) for colour in pair.split("|"))
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5, pair


def _luminance(colour: str) -> float:
    channels = [int(one) / 255 for one in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_no_row_and_no_column_is_hidden_without_a_cue(browser: Chrome, hostile_report: str) -> None:
    metrics = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(hostile_report)
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    hidden = "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollHeight > one.clientHeight + 2)"
    tall = "[...document.querySelectorAll('.cue + .scroll.tall')]"
    assert browser.execute_script(f"return {tall}.length") > 0, "some table is long"
    assert browser.execute_script(f"return {hidden}.length === {tall}.length")
    shadow = browser.execute_script(f"return getComputedStyle({tall}[0]).backgroundImage")
    assert shadow.count("linear-gradient") == 4
    button = browser.find_element("css selector", ".cue button")
    assert button.text == "Show all rows"
    before = browser.execute_script(f"return {hidden}.length")
    button.click()
    assert browser.execute_script(f"return {hidden}.length") == before - 1
    wide = "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth)"
    names = f"return {wide}.map((one) => one.querySelector('caption')?.textContent ?? '')"
    assert browser.execute_script(names) == []


def test_the_widest_setting_stands_first_and_several_results_have_a_winner(
    browser: Chrome, hostile_report: str
) -> None:
    browser.get(hostile_report)
    captions = [one.text for one in browser.find_elements("css selector", "#r1-scores ~ .scroll caption")]
    settings = [one.split(": ")[1].split(" ")[0] for one in captions if "setting" in one]
    assert settings[:3] == ["multilingual", "cross-lingual", "monolingual"]
    winner = browser.find_element("css selector", "#comparison + .verdict").text
    assert winner.startswith("No single winner: char-ngram (a) has the highest mean mAP under 5 attacks, multilingual,")
    head = browser.find_element("css selector", "#comparison ~ .scroll thead").text
    assert "typo,\nattacked" in head or "typo, attacked" in head


def test_without_the_script_the_tables_stand(browser: Chrome, hostile_report: str, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(hostile_report)
        assert browser.find_elements("css selector", "thead button") == []
        assert len(browser.find_elements("css selector", "#r1-scores ~ .scroll tbody tr")) > 10
        assert "rows; scroll in the table to see all." in browser.find_element("css selector", ".cue").text
        assert browser.find_element("css selector", "details > summary").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
