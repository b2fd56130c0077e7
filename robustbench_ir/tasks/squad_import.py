"""Make a retrieval task from files in the format of SQuAD, as LAReQA (arXiv 2004.05484) does: questions find sentences.

Question-answering data of many low-resource languages is published in this format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from robustbench_ir._base.text import Span, nfc
from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.resources.cards import Card
from robustbench_ir.tasks.folder_writing import check_is_new, write_folder
from robustbench_ir.tasks.formats.mlqa import sentence_spans
from robustbench_ir.tasks.task import Passage, Query

Unit = Literal["sentences", "paragraphs"]
_UNANSWERABLE = "questions left out, since they have no answer"
_ELSEWHERE = "questions left out, since their answer is not in their context"
_EMPTY = "questions left out, since they are empty"
_TWICE = "contexts that stand twice, kept once"
_RENAMED = "questions whose id stands twice in a file, renamed"


class _Part(Card):
    # The format has grown keys in every language; only these are read.
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class _Answer(_Part):
    text: str
    answer_start: int


class _Question(_Part):
    question: str
    id: str = ""
    answers: list[_Answer] = []
    is_impossible: bool = False


class _Paragraph(_Part):
    context: str
    qas: list[_Question]


class _Article(_Part):
    paragraphs: list[_Paragraph]


class _SquadFile(_Part):
    data: list[_Article] = Field(min_length=1)


@dataclass
class _Gathered:
    """The texts and judgements of all files, and what was left out."""

    queries: list[Query] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    gold: dict[str, list[str]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Cut:
    """A context in pieces: where each stands in it, and which passage it became."""

    spans: Sequence[Span]
    passages: Sequence[str]

    def holding(self, place: int) -> str:
        """Return the passage in which a place of the context lies; white space belongs to the piece before it."""
        return self.passages[
            max(number for number, (start, _) in enumerate(self.spans) if not number or start <= place)
        ]


def import_squad(
    files: Sequence[tuple[str, Path]], out: Path, *, unit: Unit = "sentences", parallel: bool = False
) -> list[str]:
    """Write the folder of a task, and return what was left out or changed, a line for each kind.

    Relevant to a question is the passage in which its first answer that can be found begins.

    Parameters
    ----------
    files : sequence of (str, pathlib.Path)
        Language and file, in the format of SQuAD 1 or 2.
    out : pathlib.Path
        A folder that is not there yet, or empty.
    unit : {"sentences", "paragraphs"}
        What becomes a passage: each sentence of a context (UAX #29), or the whole context.
    parallel : bool
        Whether questions with the same id in several languages are translations of each other. The passages of each
        are then relevant to all of them.

    Raises
    ------
    OptionError
        If there is something in the folder.
    DataUnavailableError
        If a file cannot be read.
    DataError
        If a file is not in this format, or no question is left.
    """
    check_is_new(out)
    found = _Gathered()
    once = len({language for language, _ in files}) == len(files)
    for number, (language, path) in enumerate(files):
        _gather(_read(path), language, language if once else f"{language}{number}", unit, found)
    if not found.queries:
        raise DataError(f"no question is left: {'; '.join(_told(found.left_out)) or 'the files have none'}")
    queries = found.queries if parallel else [replace(one, parallel_id=one.query_id) for one in found.queries]
    answers: dict[str, list[str]] = {}
    for query in queries:
        answers.setdefault(query.parallel_id, []).extend(found.gold[query.query_id])
    judgements = [
        (query.query_id, passage, 1) for query in queries for passage in dict.fromkeys(answers[query.parallel_id])
    ]
    about = {
        "title": out.name,
        "notes": [
            f"Made from {', '.join(path.name for _, path in files)}: a question finds the "
            f"{'sentence' if unit == 'sentences' else 'paragraph'} in which its answer begins."
        ],
    }
    write_folder(out, queries, found.passages, judgements, about)
    return _told(found.left_out)


def _told(left_out: Counter[str]) -> list[str]:
    return [f"{what}: {count:,}" for what, count in left_out.items()]


def _gather(articles: Iterator[_Paragraph], language: str, prefix: str, unit: Unit, found: _Gathered) -> None:
    """Add the paragraphs of a file; `prefix` begins the ids of its texts."""
    cuts: dict[str, _Cut] = {}
    taken: Counter[str] = Counter()
    for paragraph in articles:
        context = paragraph.context
        if context in cuts:
            found.left_out[_TWICE] += 1
        elif context.strip():
            spans = sentence_spans(context, language) if unit == "sentences" else [(0, len(context))]
            names = [f"{prefix}:{len(cuts)}:{number}" for number in range(len(spans))]
            cuts[context] = _Cut(spans, names)
            found.passages += [
                Passage(name, language, nfc(context[start:end].strip()), f"{prefix}:{len(cuts)}")
                for name, (start, end) in zip(names, spans, strict=True)
            ]
        for question in paragraph.qas:
            fault, place = _place_of(question, context)
            if fault:
                found.left_out[fault] += 1
                continue
            own = question.id or str(len(found.queries))
            taken[own] += 1
            found.left_out[_RENAMED] += taken[own] > 1
            query_id = f"{prefix}:{own}" if taken[own] == 1 else f"{prefix}:{own}-{taken[own]}"
            found.queries.append(Query(query_id, language, nfc(question.question.strip()), own))
            found.gold[query_id] = [cuts[context].holding(place)]
    found.left_out = +found.left_out  # without the kinds that did not occur


def _place_of(question: _Question, context: str) -> tuple[str, int]:
    """Return why a question is left out, or nothing and the place at which its answer begins in the context."""
    if not question.question.strip():
        return _EMPTY, 0
    if question.is_impossible or not question.answers:
        return _UNANSWERABLE, 0
    for answer in question.answers:
        if not answer.text.strip():
            continue
        # Files count in bytes or UTF-16 units, or were edited after counting: the nearest place with the words holds.
        places = list(_places(answer.text.strip(), context))
        if places:
            return "", min(places, key=lambda place: abs(place - answer.answer_start))
    return _ELSEWHERE, 0


def _places(words: str, context: str) -> Iterator[int]:
    place = context.find(words)
    while place >= 0:
        yield place
        place = context.find(words, place + 1)


def _read(path: Path) -> Iterator[_Paragraph]:
    try:
        found = _SquadFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataUnavailableError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{path}: {where or 'file'}: {first['msg']}; a file of SQuAD has data, paragraphs, context and qas"
        ) from error
    yield from (paragraph for article in found.data for paragraph in article.paragraphs)
