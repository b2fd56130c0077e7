"""Each function of `_base.showing` keeps what it guarantees, for any text: readers of the formats are the judges."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from html.parser import HTMLParser

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from robustbench_ir._base.showing import (
    csv_text,
    figure_text,
    html_text,
    json_text,
    latex_comment,
    latex_text,
    markdown_block,
    markdown_code,
    markdown_table,
    markdown_text,
    terminal_lines,
    terminal_text,
)

ODD = "\x1b\x07\x9b\r\n\t\x00\x7f\u2028\u2029\u202e\u2066\u200b\u200d\u00ad\ufeff\U000e0041"
ODD += " \\`*_{}[]()<>#|~&$@!=+-.:/;'\"%^x1"
# What no reader sees, but for joiners and the two signs that choose between an emoji and a letter.
UNSEEN = regex.compile(r"(?V1)[\p{Default_Ignorable_Code_Point}--[\u200c\u200d\ufe0e\ufe0f]]")
TEXTS = st.text(st.one_of(st.sampled_from(ODD), st.characters()), max_size=30)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def is_obeyed(character: str) -> bool:
    """Whether a terminal, or the layout of a line, does something else with a character than show it."""
    embedding = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return (
        unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"} or unicodedata.bidirectional(character) in embedding
    )


@given(TEXTS)
@example("\x1b[31mRED\x1b]0;pwned\x07")
@example("\U000e0041\U000e007f")
def test_a_terminal_gets_one_line_of_which_every_character_is_seen(text: str) -> None:
    shown = terminal_text(text)
    assert not any(map(is_obeyed, shown))
    assert UNSEEN.findall(shown) == []
    assert terminal_text(shown) == shown
    assert [
        line for line in terminal_lines(text).split("\n") if any(one != "\t" and is_obeyed(one) for one in line)
    ] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("gro\u200dss", r"gro\u200dss"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("evil\u202egpj", r"evil\u202egpj"),
        ("\u200fabc", r"\u200fabc"),
        ("a\u3164b", r"a\u3164b"),
        ("\ud800", r"\ud800"),
        ("naïve Straße 北京 ไทย", "naïve Straße 北京 ไทย"),
    ],
)
def test_what_a_terminal_shows(text: str, shown: str) -> None:
    assert terminal_text(text) == shown


@given(st.lists(st.one_of(TEXTS, st.floats(allow_nan=False), st.integers(), st.none()), min_size=1, max_size=5))
@example(["=HYPERLINK(1)"])
@example(["\t =1", "\u00a0=1", "a;=1", "-0.5", "-x", "+1e5", "＝1"])
def test_no_cell_is_a_formula_and_numbers_stay_numbers(row: list[object]) -> None:
    written = csv_text([row])
    (read,) = csv.reader(io.StringIO(written))
    assert len(read) == len(row)
    for cell, value in zip(read, row, strict=True):
        for part in cell.split(";"):
            bare = part.strip()
            if bare.startswith(("=", "+", "-", "@")) and not isinstance(value, int | float):
                assert float(bare) == float(str(value).strip()), "only a number may begin so"
        assert not any(map(is_obeyed, cell))
        if isinstance(value, int | float):
            assert type(value)(cell) == value


def test_rows_of_a_table_for_spreadsheets() -> None:
    rows = [("name", "drop"), ("=1+1", -0.25), ("  @x", None), ('a,"b"', 3), ("-0.5", "-x")]
    assert csv_text(rows) == 'name,drop\n\'=1+1,-0.25\n\'  @x,\n"a,""b""",3\n-0.5,\'-x\n'


@given(st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_json_is_the_same_value_without_what_a_terminal_obeys(value: dict[str, str]) -> None:
    written = json_text(value, indent=1)
    assert json.loads(written) == value
    assert not any(is_obeyed(one) and one != "\n" for one in written)


def inline_of(markdown: str) -> tuple[list[str], str]:
    """Return the kinds of the parts of a Markdown text that are not plain text, and its text."""
    blocks = MARKDOWN.parse(markdown)
    children = [child for block in blocks for child in block.children or []]
    kinds = [block.type for block in blocks if block.type not in {"paragraph_open", "inline", "paragraph_close"}]
    kinds += [child.type for child in children if child.type not in {"text", "text_special"}]
    return kinds, "".join(child.content for child in children)


@given(TEXTS)
@example("1. x")
@example("- x")
@example("<img src=x onerror=alert(1)>")
@example("&#x202e;&lt;")
@example("![a](javascript:x)")
@example("a\\")
@example("a  \nb")
def test_markdown_shows_a_text_literally(text: str) -> None:
    kinds, shown = inline_of(markdown_text(text))
    assert kinds == []
    assert shown == terminal_text(" ".join(text.split())).strip()


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("see https://evil.example", r"see https\://evil.example"),
        ("www.evil.example", r"www\.evil.example"),
        ("@everyone", r"\@everyone"),
        ("me@evil.example", r"me\@evil.example"),
        ("typo@3", "typo@3"),
        ("$x$", r"\$x\$"),
        ("-0.123", "-0.123"),
    ],
)
def test_what_hubs_make_links_and_formulas_of(text: str, markdown: str) -> None:
    assert markdown_text(text) == markdown


@given(TEXTS)
@example("`")
@example("``a```")
def test_code_shows_a_text_literally(text: str) -> None:
    inside = " ".join(text.split())
    (span,) = [one for block in MARKDOWN.parse(f"x {markdown_code(text)}") for one in block.children or []][1:] or [
        None
    ]
    if inside:
        assert span is not None
        assert span.type == "code_inline"
        assert not any(map(is_obeyed, span.content))
    (block,) = MARKDOWN.parse(markdown_block(text))
    assert block.type == "fence"


def test_a_bar_ends_no_cell() -> None:
    table = MARKDOWN.parse(markdown_table(["a", "b"], [[markdown_text("x|y\\|z"), markdown_code("p|q")]]))
    assert sum(one.type == "td_open" for one in table) == 2


@given(TEXTS)
@example("\\input{/etc/passwd}")
@example("[1ex]")
@example("^^M")
def test_latex_has_no_command_of_a_stranger(text: str) -> None:
    written = latex_text(text)
    known = ("\\textbackslash{}", "\\textasciitilde{}", "\\textasciicircum{}", "\\textless{}", "\\textgreater{}")
    for command in (*known, "\\textbar{}", "$\\pm$", *(f"\\{sign}" for sign in "{}$&#_%")):
        written = written.replace(command, "")
    assert not set(written) & set("\\$&#_%~^<>|"), written
    assert not latex_text(text).startswith(("[", "*"))
    assert "\n" not in latex_comment(text)


@given(TEXTS)
@example("\"'><script>")
def test_html_shows_a_text_literally_also_in_an_attribute(text: str) -> None:
    found: list[tuple[str, list[tuple[str, str | None]]]] = []
    shown: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, attrs))

        def handle_data(self, data: str) -> None:
            shown.append(data)

    Reader().feed(f'<p title="{html_text(text)}">{html_text(text)}</p>')
    expected = "".join(one if one in "\n\t" or not is_obeyed(one) else terminal_text(one) for one in text)
    assert found == [("p", [("title", expected)])]
    assert "".join(shown) == expected


@given(TEXTS)
@example("$\\frac$")
@example("a\\$b$")
@example("_hidden")
def test_a_figure_has_no_formula(text: str) -> None:
    cbook = pytest.importorskip("matplotlib.cbook", reason="MATPLOTLIB ABSENT: pip install -e '.[plots]'")
    shown = figure_text(text)
    assert not cbook.is_math_text(shown)
    assert not shown.startswith("_")
    assert not any(map(is_obeyed, shown))
