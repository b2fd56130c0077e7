"""News articles in tables as a retrieval task: a headline asks, its article answers (MasakhaNEWS)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError
from robustbench_ir.resources.cards import Card, validate
from robustbench_ir.resources.downloads import DataFile, locate
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.tasks.formats.readers import CardRows, RawTask
from robustbench_ir.tasks.task import Passage, Query

_HEADLINE, _TEXT = "headline", "text"
_LONGEST_FIELD = 1 << 24


class _Row(Card):
    articles: DataFile


class _Article(NamedTuple):
    headline: str
    text: str


def read_articles(
    rows: CardRows,
    wanted: Sequence[str],
    cards: Path | None,  # noqa: ARG001
    progress: DownloadProgress | None,
) -> RawTask:
    """Read tab-separated tables with the columns `headline` and `text`. A `Reader`.

    A quoted field may hold tabs and line ends. Articles with the same text are one passage. A headline that several
    articles have is one query, for which all of them are relevant. Rows without a text are left out; an article without
    a headline only extends the pool.
    """
    raw = RawTask()
    told = {"articles that stand twice": 0, "headlines of several articles": 0, "rows without a text": 0}
    for language in wanted:
        path = locate(validate(_Row, rows[language], f"[languages.{language}]").articles, progress)
        passages: dict[str, Passage] = {}
        queries: dict[str, Query] = {}
        for number, (headline, text) in enumerate(_articles(path), start=1):
            if not text:
                told["rows without a text"] += 1
                continue
            own = f"{language}:{number}"
            told["articles that stand twice"] += text in passages
            passage = passages.setdefault(text, Passage(own, language, text, own))
            if not headline:
                continue
            query = queries.setdefault(headline, Query(own, language, headline, own))
            found = raw.relevant.setdefault(query.query_id, {})
            told["headlines of several articles"] += bool(found) and passage.passage_id not in found
            found[passage.passage_id] = 1
        raw.passages += passages.values()
        raw.queries += queries.values()
    raw.notes += [f"{what}: {count:,}" for what, count in told.items() if count]
    return raw


def _articles(path: Path) -> Iterator[_Article]:
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            table = csv.DictReader(stream, delimiter="\t", strict=True)
            missing = {_HEADLINE, _TEXT} - {*(table.fieldnames or ())}
            if missing:
                raise DataError(f"{path}: has no column {min(missing)!r}; download it again")
            for row in table:
                if None in row or row[_TEXT] is None:
                    raise DataError(
                        f"{path}:{table.line_num}: another number of columns than its head; download it again"
                    )
                yield _Article(*(nfc(" ".join(row[key].split())) for key in (_HEADLINE, _TEXT)))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start + 1} is not UTF-8; download it again") from error
    except csv.Error as error:
        raise DataError(f"{path}: {error}; download it again") from error
