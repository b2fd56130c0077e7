"""MLQA as answer retrieval: SQuAD files inside one archive, contexts cut into sentences by ICU."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from pydantic import ConfigDict, ValidationError

from robustbench_ir._base.text import Span, nfc
from robustbench_ir.errors import DataError
from robustbench_ir.resources.cards import Card, validate
from robustbench_ir.resources.downloads import DataFile, damaged_file, locate
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.tasks.formats.readers import CardRows, RawTask
from robustbench_ir.tasks.task import Passage, Query


class _ArchiveRow(Card):
    archive: DataFile
    member: str


class _Part(Card):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Answer(_Part):
    answer_start: int


class _Question(_Part):
    id: str
    question: str
    answers: list[_Answer]


class _Paragraph(_Part):
    context: str
    qas: list[_Question]


class _Article(_Part):
    paragraphs: list[_Paragraph]


class _SquadFile(_Part):
    data: list[_Article]


def read_squad_archive(
    rows: CardRows,
    wanted: Sequence[str],
    cards: Path | None,  # noqa: ARG001
    progress: DownloadProgress | None,
) -> RawTask:
    """Read SQuAD files of a ZIP archive, one for each language; parallel questions share their id (MLQA). A `Reader`.

    Every sentence of a context is a candidate. The relevant sentence is the one in which the first answer starts. The
    relevant passages of a question are those of its parallel questions in all languages.
    """
    raw = RawTask()
    gold: dict[str, dict[str, int]] = {}
    located: dict[DataFile, Path] = {}
    for language in wanted:
        row = validate(_ArchiveRow, rows[language], f"[languages.{language}]")
        path = located.get(row.archive) or located.setdefault(row.archive, locate(row.archive, progress))
        for article_number, article in enumerate(_squad_file(path, row.member).data):
            for paragraph_number, paragraph in enumerate(article.paragraphs):
                prefix = f"{language}:{article_number}:{paragraph_number}"
                spans = sentence_spans(paragraph.context, language)
                for number, (start, end) in enumerate(spans):
                    text = nfc(paragraph.context[start:end])
                    raw.passages.append(Passage(f"{prefix}:{number}", language, text, str(article_number)))
                for question in paragraph.qas:
                    raw.queries.append(
                        Query(f"{language}:{question.id}", language, nfc(question.question.strip()), question.id)
                    )
                    sentence = _holds_answer(spans, question, f"{path}: {row.member}")
                    gold.setdefault(question.id, {})[f"{prefix}:{sentence}"] = 1
    raw.relevant = {query.query_id: gold[query.parallel_id] for query in raw.queries}
    return raw


def _squad_file(path: Path, member: str) -> _SquadFile:
    try:
        with zipfile.ZipFile(path) as archive:
            return _SquadFile.model_validate_json(archive.read(member))
    except KeyError as error:
        raise DataError(f"{path}: holds no {member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise damaged_file(path, f"not a whole ZIP archive ({error})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: {member}: {where or 'file'}: {first['msg']}") from error


def _holds_answer(spans: Sequence[Span], question: _Question, where: str) -> int:
    for answer in question.answers[:1]:
        # White space between sentences belongs to the one before it.
        found = [number for number, (start, _) in enumerate(spans) if start <= answer.answer_start]
        if found and answer.answer_start < spans[-1][1]:
            return found[-1]
    raise DataError(f"{where}: question {question.id}: no sentence holds its answer")


def sentence_spans(text: str, language: str) -> list[Span]:
    """Split a text into sentences by UAX #29, as ICU adapts it to the language.

    Parameters
    ----------
    text : str
        Any text.
    language : str
        BCP 47 code.

    Returns
    -------
    list of (int, int)
        Start and end of each sentence in code points, in order, without the white space around it. None is empty.
    """
    import icu

    breaker = icu.BreakIterator.createSentenceInstance(icu.Locale(language))
    breaker.setText(text)
    # ICU counts in UTF-16 units, and never breaks inside a surrogate pair.
    units = text.encode("utf-16-le")
    pieces = [units[2 * start : 2 * end].decode("utf-16-le") for start, end in pairwise([0, *breaker])]
    ends = accumulate(map(len, pieces))
    spans = [
        (end - len(piece.lstrip()), end - len(piece) + len(piece.rstrip()))
        for piece, end in zip(pieces, ends, strict=True)
    ]
    return [(start, end) for start, end in spans if start < end]
