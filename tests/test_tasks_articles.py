"""News articles with headlines: quoted fields, repeated headlines, and tables that are damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from robustbench_ir.errors import DataError
from robustbench_ir.tasks import load_task
from robustbench_ir.tasks.formats.articles import read_articles

Rows = Callable[[str | bytes], Mapping[str, Mapping[str, object]]]
HEAD = "category\theadline\ttext\turl\n"


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(tmp_path))

    def of(content: str | bytes) -> dict[str, dict[str, object]]:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / "news").mkdir(exist_ok=True)
        (tmp_path / "news" / "sw.tsv").write_bytes(data)
        pin = {"path": "news/sw.tsv", "url": "https://x.org/sw.tsv", "sha256": hashlib.sha256(data).hexdigest()}
        return {"sw": {"articles": pin}}

    return of


def test_fields_with_quotes_tabs_and_line_ends_are_whole(rows: Rows) -> None:
    table = HEAD + 'b\tSoko "jipya"\t"Soko la\tkwanza.\r\nLa ""pili""."\tu\n'
    raw = read_articles(rows(table), ["sw"], None, None)
    assert [one.text for one in raw.queries] == ['Soko "jipya"']
    assert [one.text for one in raw.passages] == ['Soko la kwanza. La "pili".']
    assert raw.relevant == {"sw:1": {"sw:1": 1}}


def test_repeated_headlines_and_articles_and_empty_fields_are_told(rows: Rows) -> None:
    table = HEAD + "".join(
        f"b\t{headline}\t{text}\tu\n"
        for headline, text in [
            ("Mvua", "Mvua kubwa."),
            ("Mvua", "Mvua ndogo."),  # the headline of two articles
            ("Jua", "Jua kali."),
            ("Jua", "Jua kali."),  # the same article twice
            ("Upepo", ""),  # nothing to find
            ("", "Theluji."),  # nothing to ask
        ]
    )
    raw = read_articles(rows(table), ["sw"], None, None)
    assert [one.text for one in raw.queries] == ["Mvua", "Jua"]
    assert [one.text for one in raw.passages] == ["Mvua kubwa.", "Mvua ndogo.", "Jua kali.", "Theluji."]
    assert raw.relevant == {"sw:1": {"sw:1": 1, "sw:2": 1}, "sw:3": {"sw:3": 1}}
    assert raw.notes == ["articles that stand twice: 1", "headlines of several articles: 1", "rows without a text: 1"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("category\ttitle\ttext\turl\n", "has no column 'headline'"),
        ("", "has no column 'headline'"),
        (HEAD + "b\tMvua\n", ":2: another number of columns"),
        (HEAD + "b\tMvua\tx\tu\tmore\n", ":2: another number of columns"),
        (HEAD + 'b\tMvua\t"never closed\tu\n', "unexpected end of data"),
        (HEAD.encode() + b"b\t\xff\tx\tu\n", "is not UTF-8"),
    ],
)
def test_a_damaged_table_is_one_line(content: str | bytes, told: str, rows: Rows) -> None:
    with pytest.raises(DataError, match=told) as caught:
        read_articles(rows(content), ["sw"], None, None)
    assert "\n" not in str(caught.value)


def test_masakhanews_has_the_articles_of_its_files(shared_data: Path) -> None:
    task = load_task("masakhanews", ["am", "sw", "xh"])
    for language, folder in (("am", "amh"), ("sw", "swa"), ("xh", "xho")):
        table = pd.read_csv(shared_data / "masakhanews" / folder / "test.tsv", sep="\t")
        squeezed = table["text"].str.split().str.join(" ")
        assert sum(one.language == language for one in task.passages) == squeezed.nunique()
        assert sum(one.language == language for one in task.queries) == table["headline"].str.strip().nunique()
