"""Names from strangers through every command that prints them: no terminal, table or page obeys one.

One text has it all, and stands in every field of a result, an entry, a card, a folder, a model and a study that takes
it. A field that refuses it must say so in one line that obeys nothing either.
"""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from robustbench_ir import cli
from robustbench_ir._base.escaping import escaped
from robustbench_ir.errors import ResultError
from robustbench_ir.results.file import result_from_json

NAME = (
    "\x1b[31mR\x1b]0;pwned\x07\x9b2J\u202egpj\u2028x\n=1+1\r\t@a [/red][b] <b onclick='x'>{{7*7}} $\\frac$ `|_*\u200b#"
)
FORMULA = '=HYPERLINK("http://evil","x")\x1b]0;pwned\x07'
NAMES = [NAME, FORMULA]


@dataclass(frozen=True)
class Printed:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


Run = Callable[..., Printed]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the command line: it gives back what it printed, after checking that a terminal would obey none of it."""

    def call(*arguments: object, status: int | None = None) -> Printed:
        monkeypatch.setattr(sys, "argv", ["irbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        found = Printed(int(stopped.value.code or 0), out, err)
        assert found.status == status if status is not None else found.status in {0, 1, 2}, err
        command = shlex.join(map(str, arguments))
        for text in (out, err):
            obeyed = [one for one in text if one != "\n" and unicodedata.category(one) in {"Cc", "Zl", "Zp", "Cs"}]
            assert not obeyed, (command, obeyed)
            assert not set(text) & set("\u202e\u200b"), command
            assert "\n=1+1" not in text, f"{command}: a name begins a line of its own"
        assert "Traceback" not in err
        if found.status == 2 and "irbench: " in err:
            assert sum("irbench: " in line for line in err.splitlines()) >= 1
        return found

    return call


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the text of an honest result."""
    from robustbench_ir import attack
    from robustbench_ir.results.file import result_to_json

    return result_to_json(attack("char-ngram", "mini", ["typo"], languages=["en", "sw"], severities=[2, 3]))


@pytest.fixture(scope="module", params=NAMES, ids=["terminal", "formula"])
def hostile(request: pytest.FixtureRequest, honest: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a result file in which every text that may be anything is hostile."""
    name: str = request.param
    record = json.loads(honest)
    taken = 0
    for holder, key, value in list(strings(record)):
        written: object = name
        if key in {"recipe", "task"}:
            written = f"{escaped(name)}@{value.rpartition('@')[2]}"
        holder[key] = written
        try:
            result_from_json(json.dumps(record))
            taken += 1
        except ResultError:
            holder[key] = value
    assert taken > 12, "few fields took it: is the test still one?"
    # A language is named in many places at once.
    text = json.dumps(record).replace('"sw"', json.dumps(name))
    result_from_json(text)
    path = tmp_path_factory.mktemp("results") / "hostile.json"
    path.write_text(text, encoding="utf-8")
    return path


def strings(value: object) -> Iterator[tuple[dict[str, object], str, str]]:
    """Yield where texts stand in objects: the object, the key and the text; lists of texts are left as they are."""
    if isinstance(value, dict):
        for key, one in value.items():
            if isinstance(one, str):
                yield value, key, one
            else:
                yield from strings(one)
        if value and all(isinstance(one, str) for one in value.values()):
            key, one = next(iter(value.items()))
            value[NAME] = one
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("show", "--by", "language"), ("show", "--at-damage", "0.05"), ("show", "--measure", "nDCG@10")],
    ids=" ".join,
)
def test_tables_of_a_hostile_result(run: Run, hostile: Path, arguments: tuple[str, ...]) -> None:
    printed = run(arguments[0], hostile, *arguments[1:], status=0)
    assert "pwned" in printed.out, "the name is shown, though not obeyed"


def test_a_comparison_of_hostile_results(run: Run, hostile: Path, tmp_path: Path) -> None:
    out = tmp_path / "comparison.json"
    assert "pwned" in run("compare", hostile, hostile, "--out", out, status=0).out
    assert not set(out.read_text(encoding="utf-8")) & set("\x1b\x07\x9b\u202e\u2028")


@pytest.mark.parametrize("form", ["csv", "json", "latex", "markdown"])
def test_exports_of_a_hostile_result(run: Run, hostile: Path, form: str, tmp_path: Path) -> None:
    printed = run("report", hostile, hostile, "--format", form, "--resamples", 100, status=0).out
    run("report", hostile, hostile, "--format", form, "--resamples", 100, "--out", tmp_path / "x", status=0)
    assert (tmp_path / "x").read_text(encoding="utf-8") == printed
    assert "pwned" in printed
    if form == "csv":
        for row in csv.reader(io.StringIO(printed)):
            for cell in row:
                assert not cell.strip().startswith(("=", "@", "+")), cell
                assert not cell.startswith("-") or float(cell)
    if form == "json":
        assert json.loads(printed)[0]["encoder"] in NAMES
    if form == "latex":
        lines = [line for line in printed.splitlines() if not line.startswith("%")]
        assert not any("\\frac" in line or ('HYPERLINK("' in line and "=" not in line) for line in lines)
        assert "\\textbackslash{}x1b" in printed
    if form == "markdown":
        blocks = MarkdownIt("commonmark").enable("table").parse(printed)
        children = [child for block in blocks for child in block.children or []]
        assert not {"html_inline", "link_open", "image", "em_open"} & {one.type for one in children}
        assert not [block for block in blocks if block.type == "html_block"]


@pytest.mark.parametrize("form", ["svg", "png"])
def test_pictures_of_a_hostile_result(run: Run, hostile: Path, form: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="MATPLOTLIB ABSENT: pip install -e '.[plots]'")
    with warnings.catch_warnings(action="ignore"):  # signs that no font has
        run("report", hostile, "--format", form, "--resamples", 100, "--out", tmp_path, status=0)
        run("compare", hostile, hostile, "--plot", tmp_path / f"compared.{form}", status=0)
    for path in tmp_path.glob("*.svg"):
        ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own file; a control character is no XML
        assert "pwned" in path.read_text(encoding="utf-8")


def test_the_page_of_a_hostile_result(run: Run, hostile: Path, tmp_path: Path) -> None:
    out = tmp_path / "page\x1b[2J.html"
    printed = run("report", hostile, "--worst", 0, "--resamples", 100, "--out", out, status=0)
    assert "page\\x1b[2J.html" in printed.out
    page = out.read_text(encoding="utf-8")
    assert not set(page) & set("\x1b\x07\x9b\u202e\u2028\r")
    assert "<b onclick" not in page
    assert "{{7*7}}" in page or FORMULA[:5] in page
