"""The documentation site: it is built without a warning, has every name and command, and asks no other host."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

import robustbench_ir
from robustbench_ir.perturb import recipe_names
from tests.support.axe import faults

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT = Path(__file__).parents[1]
TUTORIALS = ("a-table-for-a-paper", "your-own-data")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="MKDOCS ABSENT: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def text_of(page: Path) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_every_name_command_and_recipe_is_on_its_page(site: Path) -> None:
    library = set(re.findall(r"^\s*rb\.(\w+)", text_of(site / "api" / "index.html"), re.M))
    assert library == set(robustbench_ir.__all__) - {"__version__", "RobustBenchError"}
    assert "RobustBenchError" in text_of(site / "errors" / "index.html")
    commands = text_of(site / "command-line" / "index.html")
    for command in ("attack", "check", "leaderboard build", "tasks import squad"):
        assert f"Usage: irbench {command} [OPTIONS]" in commands
    recipes = (site / "recipes" / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'<h2 id="([^"]+)"', recipes)) == set(recipe_names())
    assert recipes.count("<ins>") > 100
    for schema in ("result-schema.json", "leaderboard-schema.json"):
        assert json.loads((site / schema).read_text(encoding="utf-8"))["$defs"]


def test_a_reader_that_is_a_program_finds_the_pages(site: Path) -> None:
    listed = re.findall(r"\]\((\S+)\)", (site / "llms.txt").read_text(encoding="utf-8"))
    assert len(listed) > 10
    address = "https://robustbench-ir.github.io/robustbench-ir/"
    assert [one for one in listed if not (site / one.removeprefix(address)).is_file()] == []


def test_links_of_the_first_page_stay_on_the_site(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:href|src)="([^"]*/blob/main/docs/[^"]*|https://raw[^"]*)"', page) == []
    assert (site / "drops-by-language.svg").is_file()
    assert (site / "board" / "index.html").is_file()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.browser
@pytest.mark.usefixtures("colours")
@pytest.mark.parametrize("page", ["", "a-table-for-a-paper/"])
def test_axe_finds_nothing_and_no_other_host_is_asked(
    browser: Chrome,
    address: str,
    width: int,
    axe: str,
    page: str,
) -> None:
    browser.get(address)
    browser.execute_script("localStorage.clear()")  # the theme keeps the first colours that it saw
    browser.get_log("performance")
    browser.get(address + page)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [one for one in asked if not one.startswith((address, "data:"))] == []
    assert [one for one in browser.get_log("browser") if one["level"] == "SEVERE"] == []
    assert faults(browser, axe) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_is_run_command_by_command(tmp_path: Path, name: str) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```$", page, re.M | re.S)
    assert len(blocks) > 3
    irbench = shlex.join([sys.executable, "-c", "from robustbench_ir.cli import main; main()"])
    script = f'irbench() {{ {irbench} "$@"; }}\n' + "\n".join(f"{block}echo status $?" for block in blocks)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    statuses = re.findall(r"^status (\d)$", done.stdout, re.M)
    undecided = "3" if name == "your-own-data" else "0"
    assert statuses == [*["0"] * (len(blocks) - 1), undecided], done.stderr
