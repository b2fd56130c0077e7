"""Belebele: one JSON Lines file for each language variant, parallel through link and question number."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from pydantic import ConfigDict

from robustbench_ir._base.text import nfc
from robustbench_ir.resources.cards import Card, validate
from robustbench_ir.resources.downloads import HubFile, locate
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.tasks.formats.readers import CardRows, RawTask, json_lines
from robustbench_ir.tasks.task import Passage, Query

PAIRED_QUERY_RECIPE = "belebele-latin"


class _VariantRow(HubFile):
    twin: HubFile | None = None


class _Line(Card):
    model_config = ConfigDict(extra="ignore", frozen=True)
    link: str
    question_number: int
    flores_passage: str
    question: str


def read_belebele(
    rows: CardRows,
    wanted: Sequence[str],
    cards: Path | None,  # noqa: ARG001
    progress: DownloadProgress | None,
) -> RawTask:
    """Read files with `link`, `question_number`, `flores_passage` and `question`. A `Reader`.

    The relevant passages of a question are the translations of its passage in all languages. Where a row has a `twin`,
    a file with the same questions in Latin script, the recipe `belebele-latin` replaces the language's queries by
    those.
    """
    raw = RawTask()
    answers: dict[str, dict[str, int]] = {}
    twins: dict[str, dict[str, object]] = {}
    passages: dict[str, Passage] = {}
    for language in wanted:
        row = validate(_VariantRow, rows[language], f"[languages.{language}]")
        questions: dict[str, str] = {}
        for line in json_lines(locate(row, progress), _Line):
            question_id, text = _question_id(line), nfc(line.flores_passage.strip())
            passage_id = f"{language}:{blake2b(text.encode(), digest_size=8).hexdigest()}"
            passages.setdefault(passage_id, Passage(passage_id, language, text))
            questions[question_id] = nfc(line.question.strip())
            raw.queries.append(Query(f"{language}:{question_id}", language, questions[question_id], question_id))
            answers.setdefault(question_id, {})[passage_id] = 1
        if row.twin:
            latin = {
                _question_id(line): nfc(line.question.strip()) for line in json_lines(locate(row.twin, progress), _Line)
            }
            # Of equal questions about different passages, the paired query of the first is used for all.
            found = {questions[one]: latin[one] for one in reversed(questions) if one in latin}
            twins[language] = {"twins": found}
    raw.passages = list(passages.values())
    raw.relevant = {query.query_id: answers[query.parallel_id] for query in raw.queries}
    raw.lexicons = {PAIRED_QUERY_RECIPE: twins}
    return raw


def _question_id(line: _Line) -> str:
    article = blake2b(line.link.encode(), digest_size=6).hexdigest()
    return f"{article}-{line.question_number}"
