"""Readers: one function for each file format, from the rows of a card to queries, passages and judgements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from pydantic import ConfigDict, ValidationError

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError
from robustbench_ir.resources.cards import AnyCard, Card, resource, validate
from robustbench_ir.resources.downloads import DataFile, locate
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.tasks.formats.corpus import numbered_lines
from robustbench_ir.tasks.task import Passage, Query, Variant

CardRows = Mapping[str, Mapping[str, object]]
"""A card's `[languages]`: language to the keys that the reader needs to find its files."""


@dataclass
class RawTask:
    """What a reader has read, unchecked: queries, passages, query id to passage id to grade, lexicons of its own.

    `notes` say what the reader has chosen. `split` names the judgements if they are not the usual ones of the source.
    `translations` are texts that are no queries of the task, with the parallel id of the queries that they translate.
    `variants` are what people wrote in place of queries, by the name of the set.
    """

    queries: list[Query] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    relevant: dict[str, dict[str, int]] = field(default_factory=dict)
    lexicons: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    split: str = ""
    translations: list[Query] = field(default_factory=list)
    variants: dict[str, tuple[Variant, ...]] = field(default_factory=dict)


Reader = Callable[[CardRows, Sequence[str], Path | None, DownloadProgress | None], RawTask]
"""Takes the rows, the chosen languages, the user's folder of cards, and a callable for the progress of downloads."""


class _SquadAnswer(Card):
    answer_start: int
    text: str


class _SquadQuestion(Card):
    id: str
    question: str
    answers: list[_SquadAnswer]


class _SquadParagraph(Card):
    context: str
    qas: list[_SquadQuestion]
    sentence_breaks: list[tuple[int, int]]
    sentences: list[str]


class _SquadArticle(Card):
    paragraphs: list[_SquadParagraph]
    title: str = ""


class _SquadFile(Card):
    data: list[_SquadArticle]
    version: str | float | int = ""


def read_squad_sentences(
    rows: CardRows,
    wanted: Sequence[str],
    cards: Path | None,  # noqa: ARG001
    progress: DownloadProgress | None,
) -> RawTask:
    """Read LAReQA's SQuAD files with sentence breaks (XQuAD-R, MLQA-R). A `Reader`.

    Every sentence is a candidate. The relevant sentence is the first with start <= answer_start < end. The relevant
    passages of a question are those of its parallel questions in all languages.
    """
    raw = RawTask()
    gold: dict[str, dict[str, int]] = {}
    for language in wanted:
        path = locate(validate(DataFile, rows[language], f"[languages.{language}]"), progress)
        for article_number, article in enumerate(_squad_file(path).data):
            for paragraph_number, paragraph in enumerate(article.paragraphs):
                prefix = f"{language}:{article_number}:{paragraph_number}"
                for number, (start, end) in enumerate(paragraph.sentence_breaks):
                    text = nfc(paragraph.context[start:end])
                    raw.passages.append(Passage(f"{prefix}:{number}", language, text, str(article_number)))
                for question in paragraph.qas:
                    query_id = f"{language}:{question.id}"
                    raw.queries.append(Query(query_id, language, nfc(question.question), question.id))
                    sentence = _sentence_of(paragraph, question, path)
                    gold.setdefault(question.id, {})[f"{prefix}:{sentence}"] = 1
    raw.relevant = {query.query_id: gold[query.parallel_id] for query in raw.queries}
    return raw


def _squad_file(path: Path) -> _SquadFile:
    try:
        return _SquadFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: {where or 'file'}: {first['msg']}") from error


def _sentence_of(paragraph: _SquadParagraph, question: _SquadQuestion, path: Path) -> int:
    for answer in question.answers[:1]:
        for number, (start, end) in enumerate(paragraph.sentence_breaks):
            if start <= answer.answer_start < end:
                return number
    raise DataError(f"{path}: question {question.id}: no sentence holds its answer")


class _ParallelRow(Card):
    queries: str
    passages: str


def read_parallel_tsv(
    rows: CardRows,
    wanted: Sequence[str],
    cards: Path | None,
    progress: DownloadProgress | None,  # noqa: ARG001
) -> RawTask:
    """Read tables `parallel_id<TAB>text` that ship with the cards: queries and passages of each language. A `Reader`.

    The relevant passages of a query are those with its `parallel_id`, in all languages.
    """
    raw = RawTask()
    for language in wanted:
        names = validate(_ParallelRow, rows[language], f"[languages.{language}]")
        for parallel_id, text in _two_columns(names.queries, cards):
            raw.queries.append(Query(f"{language}:{parallel_id}", language, text, parallel_id))
        for parallel_id, text in _two_columns(names.passages, cards):
            raw.passages.append(Passage(f"{language}:{parallel_id}", language, text))
    answers: dict[str, dict[str, int]] = {}
    for passage in raw.passages:
        answers.setdefault(passage.passage_id.split(":", 1)[1], {})[passage.passage_id] = 1
    for query in raw.queries:
        if query.parallel_id not in answers:
            raise DataError(f"query {query.query_id!r} has no relevant passage: no passage has its parallel_id")
        raw.relevant[query.query_id] = answers[query.parallel_id]
    return raw


def _two_columns(relative: str, cards: Path | None) -> list[tuple[str, str]]:
    entry = resource("tasks", relative, cards)
    found = []
    for number, line in enumerate(entry.read_text(encoding="utf-8").splitlines(), start=1):
        columns = line.split("\t")
        if len(columns) != 2:
            raise DataError(f"{entry}:{number}: {len(columns)} columns, expected parallel_id<TAB>text")
        found.append((columns[0], nfc(columns[1])))
    return found


class _AfriqaRow(Card):
    pivot: str
    queries: DataFile
    distractors: list[DataFile] = []


class _PivotRow(Card):
    translations: bool


class AfriqaContext(Card):
    """A line whose passage only extends the pool."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    context: str | None


class _AfriqaLine(AfriqaContext):
    id: str
    question_lang: str
    question_translated: str


def read_afriqa(
    rows: CardRows,
    wanted: Sequence[str],
    cards: Path | None,  # noqa: ARG001
    progress: DownloadProgress | None,
) -> RawTask:
    """Read AfriQA's gold passages. A `Reader`.

    A question in an African language is answered by a passage in a pivot language. The pool is the distinct contexts of
    all files of a pivot language. The human translation of a question into the pivot language is its parallel query. A
    row has either `pivot`, `queries` and `distractors` (files whose contexts extend the pool), or, for a pivot
    language, `translations = true`.
    """
    raw = RawTask()
    pool: dict[tuple[str, str], Passage] = {}
    for language, row in rows.items():
        if "translations" in row:
            validate(_PivotRow, row, f"[languages.{language}]")
            continue
        facts = validate(_AfriqaRow, row, f"[languages.{language}]")
        if language not in wanted and facts.pivot not in wanted:
            continue
        for line in json_lines(locate(facts.queries, progress), _AfriqaLine):
            parallel_id = f"{language}:{line.id}"
            passage_id = _pooled(pool, facts.pivot, line.context)
            if passage_id is None:
                continue
            for one, text in ((language, line.question_lang), (facts.pivot, line.question_translated)):
                if one in wanted:
                    query_id = parallel_id if one == language else f"{one}:{parallel_id}"
                    raw.queries.append(Query(query_id, one, nfc(text.strip()), parallel_id))
                    raw.relevant[query_id] = {passage_id: 1}
        for file in facts.distractors:
            for other in json_lines(locate(file, progress), AfriqaContext):
                _pooled(pool, facts.pivot, other.context)
    raw.passages = list(pool.values())
    return raw


def _pooled(pool: dict[tuple[str, str], Passage], language: str, context: str | None) -> str | None:
    """Put a context into the pool, once, and return its id; None if the file has no context for a question."""
    text = nfc((context or "").strip())
    if not text:
        return None
    name = blake2b(text.encode(), digest_size=8).hexdigest()
    return pool.setdefault((language, text), Passage(f"{language}:{name}", language, text)).passage_id


def json_lines(path: Path, model: type[AnyCard]) -> Iterator[AnyCard]:
    """Read JSON Lines.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    model : type of Card
        Model of each line.

    Raises
    ------
    DataError
        If a line does not fit the model, is not UTF-8 or is longer than 16 MiB; the message names file and line.
    """
    for number, line in numbered_lines(path):
        try:
            yield model.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise DataError(f"{path}:{number}: {f'key {key!r}: ' if key else ''}{first['msg']}") from error
