"""A folder of the user as a task: the layout of BEIR, with a language for each text.

::

    corpus.jsonl    {"_id": "d1", "title": "", "text": "...", "language": "sw"}
    queries.jsonl   {"_id": "q1", "text": "...", "language": "sw", "parallel_id": "1"}
    qrels/test.tsv  query-id<TAB>corpus-id<TAB>score, or TREC's four columns
    task.toml       optional: query_language, passage_language, title, licence, citation, homepage, notes

`language` and `parallel_id` may also stand inside `metadata`, as in BEIR and in what `irbench perturb` writes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import CardError, DataError, UnknownNameError, nearest
from robustbench_ir.resources.cards import Card, read_card
from robustbench_ir.resources.languages import language_code
from robustbench_ir.tasks.faults import Fault, Report, json_objects, raise_first
from robustbench_ir.tasks.formats.qrels import read_qrels_folder
from robustbench_ir.tasks.formats.readers import RawTask
from robustbench_ir.tasks.task import Passage, Query, Task, build_task

_SETTINGS_FILE = "task.toml"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DIGEST_DIGITS = 12


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
    """

    query_language: str = ""
    passage_language: str = ""
    title: str = ""
    licence: str = ""
    citation: str = ""
    homepage: str = ""
    notes: list[str] = []


def is_folder(name: str) -> bool:
    """Return True if a task is named by the path of a folder, not by the name of a card."""
    return "/" in name or "\\" in name or name in {".", ".."}


def folder_name(folder: Path) -> str:
    """Return the name of the folder as the name of a task: lower case, without special characters."""
    slug = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
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
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; a task of your own is a folder with corpus.jsonl and queries.jsonl")
    file = folder / _SETTINGS_FILE
    return read_card(FolderSettings, file) if file.is_file() else FolderSettings()


def load_folder(folder: Path) -> Task:
    """Load a folder as a task, called ``<folder>@<beginning of the digest>``.

    Raises
    ------
    DataError
        If there is a fault; the message names file and line of the first one.
    CardError
        If there is a fault in `task.toml`.
    """
    settings = folder_settings(folder)
    raw = read_folder(folder, settings, raise_first)
    task = build_task(folder_name(folder), "", raw.queries, raw.passages, raw.relevant)
    return replace(task, version=task.digest[:_DIGEST_DIGITS])


def check_folder(folder: Path, report: Report) -> RawTask:
    """Report every fault of a folder, and return what could be read.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    report : callable
        Receives each fault.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    try:
        settings = folder_settings(folder)
    except CardError as error:
        report(Fault(folder / _SETTINGS_FILE, None, str(error).removeprefix(f"{folder / _SETTINGS_FILE}: ")))
        settings = FolderSettings()
    return read_folder(folder, settings, report)


def read_folder(folder: Path, settings: FolderSettings, report: Report) -> RawTask:
    """Read corpus, queries and judgements.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    settings : FolderSettings
        Content of its `task.toml`.
    report : callable
        Receives each fault.
    """
    raw = RawTask()
    corpus = _Texts(folder / "corpus.jsonl", "passage_language", settings.passage_language, report)
    for item in corpus.read():
        raw.passages.append(Passage(item.text_id, item.language, item.text))
    queries = _Texts(folder / "queries.jsonl", "query_language", settings.query_language, report)
    for item in queries.read():
        raw.queries.append(Query(item.text_id, item.language, item.text, item.parallel_id))
    judged = read_qrels_folder(folder / "qrels", queries.line_of, corpus.line_of, report)
    raw.relevant = judged.relevant
    left_out = (judged.elsewhere & queries.line_of.keys()) - judged.relevant.keys()
    if left_out:
        message = f"{len(left_out)} queries are judged in other splits only, and left out"
        report(Fault(queries.path, None, message, note=True))
        raw.queries = [query for query in raw.queries if query.query_id not in left_out]
    for query_id, line in queries.line_of.items() if judged.files else ():
        if query_id not in left_out and max(judged.relevant.get(query_id, {}).values(), default=0) < 1:
            message = f"query {query_id!r} has no relevant passage; judge it in qrels/ or take it out"
            report(Fault(queries.path, line, message))
    if queries.line_of and judged.files and not judged.relevant:
        report(Fault(folder / "qrels", None, "no query is judged"))
    _note_languages(raw, queries.path, report)
    return raw


def _note_languages(raw: RawTask, path: Path, report: Report) -> None:
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

    path: Path
    setting: str
    language: str
    report: Report
    line_of: dict[str, int] = field(default_factory=dict)
    _without_language: list[int] = field(default_factory=list)
    _not_nfc: list[int] = field(default_factory=list)

    def read(self) -> Iterator[_Text]:
        """Yield the lines without faults."""
        number = 0
        for number, record in json_objects(self.path, self.report):
            item = self._item(number, record)
            if item:
                yield item
        if not number and self.path.is_file():
            self._fault(None, "nothing in it could be read")
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
            self._remember(number, text_id)
        body = self._string(number, record, "text", required=True)
        title = self._string(number, record, "title")
        text = nfc(f"{title or ''} {body or ''}".strip())
        if body is not None and not text:
            self._fault(number, 'key "text" is empty')
        elif body is not None and text != f"{title or ''} {body}".strip():
            self._not_nfc.append(number)
        language = self._language(number, record if "language" in record else metadata)
        parallel_id = self._string(number, record if "parallel_id" in record else metadata, "parallel_id")
        if text_id is None or not text or language is None:
            return None
        return _Text(text_id, language, text, parallel_id or text_id)

    def _remember(self, number: int, text_id: str) -> None:
        if not text_id.strip():
            self._fault(number, 'key "_id" is empty')
        elif text_id in self.line_of:
            self._fault(number, f'"_id" {text_id!r} is taken already, on line {self.line_of[text_id]}')
        else:
            self.line_of[text_id] = number

    def _string(self, number: int, record: dict[str, object], key: str, *, required: bool = False) -> str | None:
        """Return the text under a key; report and return None if it is missing or not a text."""
        value = record.get(key)
        if isinstance(value, str):
            if not _SURROGATE.search(value):
                return value
            self._fault(number, f'key "{key}" holds a lone surrogate, which is not Unicode text')
        elif key not in record:
            if required:
                self._fault(number, f'key "{key}" is missing{_misspelt(key, record)}')
        elif value is not None or required:
            self._fault(number, f'key "{key}" must be a string between quotation marks, not {_kind(value)}')
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
            self._fault(number, 'key "language" is empty; write a code such as "sw"')
            return None
        code = _code(tag)
        if not code:
            self._fault(number, f'language {tag!r} is no language code; write one such as "sw" or "swh"')
        return code or None

    def _tell_languages(self) -> None:
        advice = f'add "language": "sw" to each line, or {self.setting} = "sw" to {self.path.parent / _SETTINGS_FILE}'
        if len(self._without_language) == len(self.line_of) > 1:
            self._fault(self._without_language[0], f"no line of the file says its language: {advice}")
            return
        for number in self._without_language:
            self._fault(number, f'key "language" is missing: {advice}')

    def _fault(self, number: int | None, message: str) -> None:
        self.report(Fault(self.path, number, message))


@lru_cache(maxsize=1 << 12)
def _code(tag: str) -> str:
    """Return the short code of a language tag; empty if it is not a language tag."""
    try:
        return language_code(tag)
    except UnknownNameError:
        return ""


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
        ("in all", f"{len(raw.queries):,} queries, {len(raw.passages):,} passages"),
        ("judgements", f"{len(grades):,}, of which {sum(grade > 0 for grade in grades):,} relevant"),
        (
            "parallel",
            f"{groups:,} questions in more than one query" if groups else "no two queries share a parallel_id",
        ),
    ]
