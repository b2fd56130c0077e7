"""Sentences and their English translations, line by line in two files, as a retrieval task (Tatoeba)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError
from robustbench_ir.resources.cards import Card, validate
from robustbench_ir.resources.downloads import DataFile, locate
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.tasks.formats.readers import CardRows, RawTask
from robustbench_ir.tasks.task import Passage, Query

_PIVOT = "en"


class _PairRow(Card):
    sentences: DataFile
    english: DataFile


class _PivotRow(Card):
    asks: bool


def read_bitext(
    rows: CardRows,
    wanted: Sequence[str],
    cards: Path | None,  # noqa: ARG001
    progress: DownloadProgress | None,
) -> RawTask:
    """Read pairs of files: line n of one is the translation of line n of the other. A `Reader`.

    The row of English says on which side the queries are. With `asks = false`, sentences of the other languages are
    queries and their English translations are passages; with `asks = true`, the reverse. Equal sentences of one
    language are one query or passage, with all their translations. Queries with the same English sentence are parallel,
    and each passage is a translation of its query.
    """
    pivot_asks = validate(_PivotRow, rows[_PIVOT], f"[languages.{_PIVOT}]").asks
    queries: dict[str, Query] = {}
    passages: dict[str, Passage] = {}
    raw = RawTask()
    others = [language for language in rows if language != _PIVOT]
    for language in [one for one in others if one in wanted] or (others if _PIVOT in wanted else []):
        row = validate(_PairRow, rows[language], f"[languages.{language}]")
        for sentence, english in _pairs(locate(row.sentences, progress), locate(row.english, progress)):
            there, here = (_sentence_id(_PIVOT, english), english), (_sentence_id(language, sentence), sentence)
            asking, answering = (
                ((_PIVOT, *there), (language, *here)) if pivot_asks else ((language, *here), (_PIVOT, *there))
            )
            query_language, query_id, query_text = asking
            passage_language, passage_id, passage_text = answering
            queries.setdefault(query_id, Query(query_id, query_language, query_text, there[0]))
            passages.setdefault(passage_id, Passage(passage_id, passage_language, passage_text))
            raw.translations.append(Query(passage_id, passage_language, passage_text, there[0]))
            raw.relevant.setdefault(query_id, {})[passage_id] = 1
    raw.queries, raw.passages = list(queries.values()), list(passages.values())
    return raw


def _sentence_id(language: str, text: str) -> str:
    return f"{language}:{blake2b(text.encode(), digest_size=8).hexdigest()}"


def _pairs(sentences: Path, english: Path) -> list[tuple[str, str]]:
    found = list(zip_longest(_sentences(sentences), _sentences(english)))
    for number, (one, other) in enumerate(found, start=1):
        if not one or not other:
            raise DataError(f"{sentences}:{number}: no sentence, or none in {english.name}")
    return found


def _sentences(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start + 1} is not UTF-8") from error
    return [nfc(line.strip()) for line in text.removesuffix("\n").split("\n")]
