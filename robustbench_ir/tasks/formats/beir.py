"""A folder of the user as a task: the layout of BEIR, with a language for each text.

::

    corpus.jsonl    {"_id": "d1", "title": "", "text": "...", "language": "sw"}
    queries.jsonl   {"_id": "q1", "text": "...", "language": "sw", "parallel_id": "1"}
    qrels/test.tsv  query-id<TAB>corpus-id<TAB>score, or TREC's four columns
    task.toml       optional; see `FolderSettings`
    variants/       optional; see `robustbench_ir.tasks.formats.variants`

A ZIP archive of such a folder, as BEIR publishes them, gzipped JSON Lines, the Parquet files of the hub, and the names
and keys of Anserini (`topics.tsv`, `id` and `contents`) are read too.

`language` and `parallel_id` may also stand inside `metadata`, as in BEIR and in what `irbench perturb` writes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import Field

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import CardError, DataError, OptionError, UnknownNameError, nearest
from robustbench_ir.resources.cards import Card, read_card
from robustbench_ir.resources.languages import language_and_script
from robustbench_ir.tasks.faults import Fault, Report, json_objects, lines, raise_first
from robustbench_ir.tasks.formats.folder_files import (
    CORPUS,
    QUERIES,
    TEXT_SUFFIXES,
    judgement_files,
    opened,
    text_files,
    there_is,
)
from robustbench_ir.tasks.formats.pool import pool_of, task_of
from robustbench_ir.tasks.formats.qrels import read_qrels_folder
from robustbench_ir.tasks.formats.readers import RawTask
from robustbench_ir.tasks.formats.variants import read_variants
from robustbench_ir.tasks.task import Passage, Query, Task, Variant

_SETTINGS_FILE = "task.toml"
_SOURCES_SHOWN = 3
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class FolderSettings(Card):
    """Content of `task.toml` in the folder.

    Attributes
    ----------
    query_language, passage_language : str
        Language of lines that do not name one.
    title, licence, citation, homepage : str
        For readers; written beside perturbed queries.
    notes : list of str
        What a user of the scores must know.
    split : str
        Which judgements: ``"dev"`` for those of `qrels/dev.tsv`. By default those of `test`, or all if there is none.
    relevant_from : int
        Grade from which on a passage is relevant to the measures that know no grades; 2 for TREC's Deep Learning track.
    ignore_identical_ids : bool
        Whether a passage with the id of a query is left out of that query's ranking.
    words_a_piece : int
        Number of words of the pieces in which encoders read passages; 0 for whole passages.
    """

    query_language: str = ""
    passage_language: str = ""
    title: str = ""
    licence: str = ""
    citation: str = ""
    homepage: str = ""
    notes: list[str] = []
    split: str = ""
    relevant_from: int = Field(default=1, ge=1)
    ignore_identical_ids: bool = True
    words_a_piece: int = Field(default=0, ge=0)


def is_folder(name: str) -> bool:
    """Return True if a task is named by the path of a folder, not by the name of a card."""
    return "/" in name or "\\" in name or name in {".", ".."} or name.partition(":")[0].endswith(".zip")


def folder_and_split(name: str) -> tuple[Path, str]:
    """Return the folder that a name means, and the split behind its last colon: ``./mine:dev``; empty if none is named.

    A folder whose own name has the colon comes first.
    """
    path, colon, split = name.rpartition(":")
    if not colon or not path or "/" in split or "\\" in split or Path(name).exists():
        return Path(name), ""
    if not split:
        raise OptionError(f"{name}: no split behind the colon; write such as {path}:dev")
    return Path(path), split


def folder_name(folder: Path) -> str:
    """Return the folder's name as that of a task: lower case, no odd characters."""
    name = folder.resolve().name.lower().removesuffix(".zip")
    slug = re.sub(r"[^a-z0-9]+", "-", name).strip("-")
    return slug if slug[:1].isalpha() else f"folder-{slug}".rstrip("-")


def folder_settings(folder: Path) -> FolderSettings:
    """Read `task.toml`; all settings are empty if there is none.

    Raises
    ------
    DataError
        If there is no such folder.
    CardError
        If a key is unknown or a value has the wrong type.
    """
    file = opened(folder) / _SETTINGS_FILE
    return read_card(FolderSettings, file) if file.is_file() else FolderSettings()


def load_folder(folder: Path, split: str = "") -> Task:
    """Load a folder, or a ZIP archive of one, as a task, called ``<folder>@<beginning of the digest>``.

    Parameters
    ----------
    folder : pathlib.Path
        The folder or archive.
    split : str
        Which judgements, instead of what `task.toml` says.

    Raises
    ------
    DataError
        If there is a fault; the message names file and line of the first one.
    CardError
        If there is a fault in `task.toml`.
    """
    settings = _with_split(folder_settings(folder), split)
    return _task_of(read_folder(opened(folder), settings, raise_first), folder, settings)


def _with_split(settings: FolderSettings, split: str) -> FolderSettings:
    return settings.model_copy(update={"split": split}) if split else settings


def _task_of(raw: RawTask, folder: Path, settings: FolderSettings) -> Task:
    return task_of(
        raw,
        folder_name(folder),
        None,
        relevant_from=settings.relevant_from,
        ignore_identical_ids=settings.ignore_identical_ids,
        words_a_piece=settings.words_a_piece,
    )


def check_folder(folder: Path, report: Report, split: str = "") -> tuple[RawTask, Task | None]:
    """Report every fault of a folder; return what could be read, and the task where it loads.

    Parameters
    ----------
    folder : pathlib.Path
        The folder or archive.
    report : callable
        Receives each fault.
    split : str
        Which judgements, instead of what `task.toml` says.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    faults: list[Fault] = []

    def tell(fault: Fault) -> None:
        report(fault)
        if not fault.note:
            faults.append(fault)

    inside = opened(folder)
    try:
        settings = _with_split(folder_settings(folder), split)
    except CardError as error:
        file = inside / _SETTINGS_FILE
        tell(Fault(file, None, str(error).removeprefix(f"{file}: ")))
        return RawTask(), None  # what else is wrong depends on what the file says
    raw = read_folder(inside, settings, tell)
    if faults:
        return raw, None
    task = _task_of(raw, folder, settings)
    for note in task.notes:
        report(Fault(folder, None, note, note=True))
    return raw, task


def read_folder(folder: Traversable, settings: FolderSettings, report: Report) -> RawTask:
    """Read corpus, queries and judgements, and report each fault on the way."""
    raw = RawTask()
    faults: list[Fault] = []

    def tell(fault: Fault) -> None:
        faults.extend(() if fault.note else (fault,))
        report(fault)

    corpus = _Texts(folder, CORPUS, "passage_language", settings.passage_language, tell)
    for item in corpus.read():
        raw.passages.append(Passage(item.text_id, item.language, item.text))
    queries = _Texts(folder, QUERIES, "query_language", settings.query_language, tell)
    for item in queries.read():
        raw.queries.append(Query(item.text_id, item.language, item.text, item.parallel_id))
    files = judgement_files(folder)
    if not files:
        message = 'no judgements; write "query-id<TAB>corpus-id<TAB>score" lines into qrels/test.tsv'
        tell(Fault(folder / "qrels", None, f"{message}; the folder has {there_is(folder)}"))
    judged = read_qrels_folder(files, settings.split, queries.line_of, tell)
    raw.relevant, raw.split, raw.notes = judged.relevant, judged.split, judged.notes
    if files and not faults and not any(raw.relevant.values()):
        tell(Fault(folder / "qrels", None, "no query is judged"))
    raw.variants = read_variants(folder, raw.queries, queries.line_of, tell)
    if not faults:
        _check_together(raw, corpus, queries, settings, tell)
    return raw


def _check_together(raw: RawTask, corpus: _Texts, queries: _Texts, settings: FolderSettings, report: Report) -> None:
    """Report what is wrong with texts and judgements taken together; only where each of them is right."""
    try:
        pool = pool_of(
            raw,
            "judgements",
            relevant_from=settings.relevant_from,
            ignore_identical_ids=settings.ignore_identical_ids,
        )
    except DataError as error:
        report(Fault(queries.path, None, str(error)))
        return
    for texts, kept in (
        (corpus, [(one.passage_id, one.text) for one in pool.passages]),
        (queries, [(one.query_id, one.text) for one in pool.queries]),
    ):
        for text_id, text in kept:
            if not text:
                texts.fault(texts.line_of[text_id], 'key "text" is empty, and judgements name it')
    _check_parallel(pool.queries, queries)
    _note_languages(replace(raw, queries=pool.queries, passages=pool.passages), queries.path, report)


def _check_parallel(kept: Iterable[Query], queries: _Texts) -> None:
    first: dict[tuple[str, str], Query] = {}
    for query in kept:
        other = first.setdefault((query.parallel_id, query.language), query)
        if other is not query:
            message = (
                f"query {query.query_id!r} has parallel_id {query.parallel_id!r} and language {query.language}, as has "
                f"{other.query_id!r}; parallel queries are in different languages: say another language, script or id"
            )
            queries.fault(queries.line_of[query.query_id], message)


def _note_languages(raw: RawTask, path: Traversable, report: Report) -> None:
    homeless = {query.language for query in raw.queries} - {passage.language for passage in raw.passages}
    for language in sorted(homeless):
        message = f"no passage is in {language}: its queries have cross-lingual and multilingual scores only"
        report(Fault(path, None, message, note=True))


@dataclass(frozen=True)
class _Text:
    text_id: str
    language: str
    text: str
    parallel_id: str


@dataclass
class _Texts:
    """One JSON Lines file of queries or passages, and the ids in it."""

    folder: Traversable
    names: Sequence[str]
    setting: str
    language: str
    report: Report
    path: Traversable = field(init=False)
    line_of: dict[str, int] = field(default_factory=dict)
    _without_language: list[int] = field(default_factory=list)
    _not_nfc: list[int] = field(default_factory=list)

    def read(self) -> Iterator[_Text]:
        """Yield the lines without fault."""
        suffixes = {"suffixes": (*TEXT_SUFFIXES, ".tsv")} if self.names is QUERIES else {}
        files = text_files(self.folder, self.names, **suffixes)
        self.path = self.folder / f"{self.names[0]}.jsonl"
        if not files:
            self.fault(None, f"no such file; the folder has {there_is(self.folder)}")
            return
        for self.path in files:
            number = 0
            for number, record in _records(self.path, self.report):
                item = self._item(number, record)
                if item:
                    yield item
            if not number:
                self.fault(None, "nothing in it could be read")
        self._tell_languages()
        if self._not_nfc:
            count, first = len(self._not_nfc), self._not_nfc[0]
            message = (
                f"{count} texts are not in Unicode normalisation form C; they are read in it (first: line {first})"
            )
            self.report(Fault(self.path, first, message, note=True))

    def _item(self, number: int, record: dict[str, object]) -> _Text | None:
        inner = record.get("metadata")
        metadata = inner if isinstance(inner, dict) else {}
        text_id = self._string(number, record, "_id", required=True)
        if text_id is not None:
            self._remember(number, nfc(text_id))
        body = self._string(number, record, "text", required=True)
        title = self._string(number, record, "title")
        text = nfc(f"{title or ''} {body or ''}".strip())
        if body is not None and text != f"{title or ''} {body}".strip():
            self._not_nfc.append(number)
        language = self._language(number, record if "language" in record else metadata)
        parallel_id = self._string(number, record if "parallel_id" in record else metadata, "parallel_id")
        if text_id is None or body is None or language is None:
            return None
        return _Text(nfc(text_id), language, text, nfc(parallel_id or text_id))

    def _remember(self, number: int, text_id: str) -> None:
        if not text_id.strip():
            self.fault(number, 'key "_id" is empty')
        elif text_id in self.line_of:
            self.fault(number, f'"_id" {text_id!r} is taken already, on line {self.line_of[text_id]}')
        else:
            self.line_of[text_id] = number

    def _string(self, number: int, record: dict[str, object], key: str, *, required: bool = False) -> str | None:
        """Return the text under a key; report and return None if it is missing or not a text."""
        value = record.get(key)
        if isinstance(value, str):
            if not _SURROGATE.search(value):
                return value
            self.fault(number, f'key "{key}" holds a lone surrogate, which is not Unicode text')
        elif key not in record:
            if required:
                self.fault(number, f'key "{key}" is missing{_misspelt(key, record)}')
        elif value is not None or required:
            self.fault(number, f'key "{key}" must be a string between quotation marks, not {_kind(value)}')
        return None

    def _language(self, number: int, record: dict[str, object]) -> str | None:
        if record.get("language") is None:
            if not self.language:
                self._without_language.append(number)
                return None
            tag: str | None = self.language
        else:
            tag = self._string(number, record, "language")
        if tag is None:
            return None
        if not tag.strip():
            self.fault(number, 'key "language" is empty; write a code such as "sw"')
            return None
        code = _code(tag)
        if not code:
            self.fault(number, f'language {tag!r} is no language code; write one such as "sw" or "swh"')
        return code or None

    def _tell_languages(self) -> None:
        advice = f'add "language": "sw" to each line, or {self.setting} = "sw" to {self.folder / _SETTINGS_FILE}'
        if len(self._without_language) == len(self.line_of) > 1:
            self.fault(self._without_language[0], f"no line of the file says its language: {advice}")
            return
        for number in self._without_language:
            self.fault(number, f'key "language" is missing: {advice}')

    def fault(self, number: int | None, message: str) -> None:
        """Report what is wrong with a line."""
        self.report(Fault(self.path, number, message))


@lru_cache(maxsize=1 << 12)
def _code(tag: str) -> str:
    """Return the short code of a language tag; empty if it is not a language tag."""
    try:
        return language_and_script(tag)
    except UnknownNameError:
        return ""


def _records(path: Traversable, report: Report) -> Iterator[tuple[int, dict[str, object]]]:
    """Read texts with BEIR's keys: lines `id<TAB>text`, or objects, those of Anserini and of the hub among them."""
    if path.name.endswith(".tsv"):
        for number, line in lines(path, report):
            text_id, tab, text = line.partition("\t")
            if tab:
                yield number, {"_id": text_id.strip(), "text": text.strip()}
            else:
                report(Fault(path, number, "expected id<TAB>text"))
        return
    for number, record in json_objects(path, report):
        if "_id" not in record and "id" in record and ("contents" in record or path.name.endswith(".parquet")):
            record["_id"] = record.pop("id")
        if path.name.endswith(".parquet") and isinstance(record.get("_id"), int):
            record["_id"] = str(record["_id"])  # a column of numbers is how pandas saves ids such as "1"
        if "text" not in record and "contents" in record:
            record["text"] = record.pop("contents")
        yield number, record


def _misspelt(key: str, record: dict[str, object]) -> str:
    found = nearest(key, record)
    return f" ({found})" if found.startswith("did you mean") else ""


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")


def folder_summary(raw: RawTask) -> list[tuple[str, str]]:
    """Return the sizes of a folder, as lines of two cells."""
    queries = Counter(query.language for query in raw.queries)
    passages = Counter(passage.language for passage in raw.passages)
    grades = [grade for grades in raw.relevant.values() for grade in grades.values()]
    parallel = Counter(query.parallel_id for query in raw.queries)
    found = [(code, f"{queries[code]:,} queries, {passages[code]:,} passages") for code in sorted(queries | passages)]
    groups = sum(count > 1 for count in parallel.values())
    return [
        *found,
        *((f"variants:{name}", _told_variants(variants)) for name, variants in raw.variants.items()),
        ("in all", f"{len(raw.queries):,} queries, {len(raw.passages):,} passages"),
        ("judgements", f"{len(grades):,}, of which {sum(grade > 0 for grade in grades):,} relevant"),
        (
            "parallel",
            f"{groups:,} questions in more than one query" if groups else "no two queries share a parallel_id",
        ),
    ]


def _told_variants(variants: Sequence[Variant]) -> str:
    sources = ", ".join(sorted({one.source for one in variants if one.source})[:_SOURCES_SHOWN])
    return f"{len(variants):,} variants of queries" + (f", from {sources}" if sources else "")
