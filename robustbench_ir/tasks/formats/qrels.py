"""Judgements as people keep them: BEIR's three columns, with or without a header, TREC's four, and JSON Lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import NamedTuple

from robustbench_ir._base.text import nfc
from robustbench_ir.tasks.faults import Fault, Report, json_objects, lines

SUFFIXES = (".tsv", ".txt", ".qrels", ".jsonl", ".jsonl.gz", ".tsv.gz", ".parquet")
PREFERRED_SPLIT = "test"
_LARGEST = 999_999_999  # so that every grade is a 32-bit number

QUERY, PASSAGE, GRADE = "query-id", "corpus-id", "score"
_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("queryid", "qid", "query", "topic", "topicid", "querynumber", "topicnumber"), QUERY),
    **dict.fromkeys(
        ("corpusid", "docid", "did", "docno", "pid", "passageid", "passage", "documentid", "document", "doc"), PASSAGE
    ),
    **dict.fromkeys(("score", "grade", "relevance", "rel", "label", "judgement", "judgment", "relevancescore"), GRADE),
    **dict.fromkeys(("iteration", "iter", "q0", "zero"), ""),
}
"""Name of a column, in small letters and digits, to what it holds; empty where that is of no interest."""


class Judgement(NamedTuple):
    """One line of a file of judgements.

    Attributes
    ----------
    line : int
        Line number from 1.
    query_id, passage_id : str
        Query and passage.
    grade : int or None
        0 or less for an irrelevant passage; None if it is not a number.
    """

    line: int
    query_id: str
    passage_id: str
    grade: int | None


@dataclass
class FolderJudgements:
    """Judgements in the files of a folder.

    Attributes
    ----------
    relevant : dict
        Query id to passage id to grade, 0 or less for what is not relevant.
    split : str
        The split that was chosen; empty where it is what would be read without a choice.
    notes : list of str
        Which splits they are of, where there are several.
    """

    relevant: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    split: str = ""


def split_of(path: Traversable) -> str:
    """Return the split that a file of judgements is of: ``dev`` for ``dev.tsv`` or ``dev-00000-of-00001.parquet``."""
    name = next((path.name.removesuffix(one) for one in SUFFIXES if path.name.endswith(one)), path.name)
    name = re.sub(r"-\d{5}-of-\d{5}(-[0-9a-f]+)?$", "", name)
    return re.sub(r"^qrels[.-](?=.)", "", name)


def read_qrels_folder(
    files: Sequence[Traversable], split: str, queries: Container[str], report: Report
) -> FolderJudgements:
    """Read the judgements of a split: `test` where none is named and there is one, else all files together.

    Parameters
    ----------
    files : sequence
        All files of judgements.
    split : str
        Which split; empty for the usual one.
    queries : container of str
        The ids that exist.
    report : callable
        Receives each fault.
    """
    splits = sorted({split_of(path) for path in files})
    usual = PREFERRED_SPLIT if PREFERRED_SPLIT in splits else ""
    chosen = split or usual
    if split and files and split not in splits:
        report(Fault(files[0], None, f"no judgements of the split {split!r}; there are: {', '.join(splits)}"))
    found = FolderJudgements(split="" if chosen == usual or splits == [chosen] else chosen)
    if len(splits) > 1 and chosen:
        found.notes.append(f"judgements are those of {chosen}; there are: {', '.join(splits)}")
    elif len(splits) > 1:
        found.notes.append(f"judgements of {', '.join(splits)} are used together; ./folder:{splits[0]} chooses one")
    for path in files:
        if chosen and split_of(path) != chosen:
            continue
        told = _Once(report)
        for one in judgements(path, queries, told):
            same = one._replace(query_id=nfc(one.query_id), passage_id=nfc(one.passage_id))
            add_judgement(path, same, found.relevant, told)
        told.finish(path)
    return found


@dataclass
class _Once:
    """Reports the first of many faults of one cause in a file, and of the others only how many there are."""

    report: Report
    count: dict[str, int] = field(default_factory=dict)

    def __call__(self, fault: Fault) -> None:
        cause = re.sub(r"'[^']*'|-?\d+", "", fault.message)
        self.count[cause] = self.count.get(cause, 0) + 1
        if self.count[cause] == 1:
            self.report(fault)

    def finish(self, path: Traversable) -> None:
        """Report how many there are beside those that were reported."""
        more = sum(self.count.values()) - len(self.count)
        if more:
            self.report(Fault(path, None, f"{more:,} more lines are at fault in the same way", note=True))


def judgements(path: Traversable, queries: Container[str], report: Report) -> Iterator[Judgement]:
    """Read the lines of one file: `query passage grade` or TREC's `query 0 passage grade`, with tabs or spaces.

    A first line that says what the columns are decides which is which.

    Parameters
    ----------
    path : pathlib.Path or the like
        The file; JSON Lines where the name ends so.
    queries : container of str
        Existing ids. A first line with neither one of them nor a grade is a header.
    report : callable
        Receives a fault for each line of another form.
    """
    if path.name.endswith((".jsonl", ".jsonl.gz", ".parquet")):
        yield from _of_objects(path, report)
        return
    columns: Callable[[str], tuple[str, str, str] | None] = _columns
    first = True
    for number, line in lines(path, report):
        if first:
            first = False
            header = _header(line, queries)
            if isinstance(header, str):
                report(Fault(path, number, header))
                return
            if header:
                columns = _named(header)
                continue
        row = columns(line.rstrip("\t "))
        if row and row[0].startswith('"') and row[0].endswith('"') and row[0] not in queries:
            report(Fault(path, number, "ids stand between quotation marks; save the file without them"))
            continue
        if row is None:
            message = "expected query-id<TAB>corpus-id<TAB>score, or TREC's query-id 0 document-id grade"
            report(Fault(path, number, message))
            continue
        yield _judgement(path, number, row, report)


def _judgement(path: Traversable, number: int, row: tuple[str, str, str], report: Report) -> Judgement:
    query_id, passage_id, written = row
    grade = grade_of(written)
    if grade is None:
        report(Fault(path, number, f"grade {written!r} is not an integer of at most 9 digits"))
    return Judgement(number, query_id, passage_id, grade)


def grade_of(written: str) -> int | None:
    """Return a grade that is a whole number, such as ``1``, ``-1`` or ``1.0``; None for anything else.

    >>> [grade_of(one) for one in ("2", "1.0", "0.5", "1e3", "nan", "١")]
    [2, 1, None, 1000, None, None]
    """
    if not written.isascii():
        return None
    try:
        value = float(written)
    except ValueError:
        return None
    return int(value) if abs(value) <= _LARGEST and value.is_integer() and "_" not in written else None


def _header(line: str, queries: Container[str]) -> list[str] | str:
    """Return what the columns are that a header names; empty where the line is none, a text where it is unclear."""
    line = line.rstrip("\t ")
    cells = [cell.strip().strip('"') for cell in line.split("\t")]
    cells = cells if len(cells) > 2 else [cell.strip('"') for cell in line.split()]
    meaning = [_NAMES.get(re.sub(r"[^a-z0-9]", "", cell.lower())) for cell in cells]
    named = [one for one in meaning if one]
    if sorted(named) == sorted((QUERY, PASSAGE, GRADE)):
        return [one or "" for one in meaning]
    looks_like_data = len(cells) not in {3, 4} or cells[0] in queries or nfc(cells[0]) in queries
    if (looks_like_data and len(named) < 2) or any(grade_of(cell) is not None for cell in cells[2:]):
        return []
    shown = ", ".join(cells)[:100]
    return f"the header is {shown!r}; name the columns query-id, corpus-id and score, in any order, parted by tabs"


def _named(header: Sequence[str]) -> Callable[[str], tuple[str, str, str] | None]:
    places = [header.index(name) for name in (QUERY, PASSAGE, GRADE)]

    def columns(line: str) -> tuple[str, str, str] | None:
        for cells in (line.split("\t"), line.split()):
            if len(cells) == len(header):
                query, passage, grade = (cells[place].strip() for place in places)
                return query, passage, grade
        return None

    return columns


def _of_objects(path: Traversable, report: Report) -> Iterator[Judgement]:
    """Read objects such as ``{"query-id": "q1", "corpus-id": "d1", "score": 1}``, the form of mteb on the hub."""
    for number, record in json_objects(path, report):
        known = {_NAMES.get(re.sub(r"[^a-z0-9]", "", key.lower())): value for key, value in record.items()}
        query, passage, grade = (known.get(name) for name in (QUERY, PASSAGE, GRADE))
        if query is None or passage is None or isinstance(grade, bool) or not isinstance(grade, int | float | str):
            message = 'expected {"query-id": "q1", "corpus-id": "d1", "score": 1}'
            report(Fault(path, number, message))
            continue
        yield _judgement(path, number, (str(query), str(passage), str(grade)), report)


def add_judgement(path: Traversable, one: Judgement, relevant: dict[str, dict[str, int]], report: Report) -> None:
    """Enter a judgement; a second, other one of the same query and passage is a fault."""
    if one.grade is None:
        return
    before = relevant.setdefault(one.query_id, {}).setdefault(one.passage_id, one.grade)
    if before != one.grade:
        message = f"passage {one.passage_id!r} was judged {before} before and is judged {one.grade} here"
        report(Fault(path, one.line, message))


def _columns(line: str) -> tuple[str, str, str] | None:
    """Return query id, passage id and grade; None for a line of another form."""
    for columns in (line.split("\t"), line.split()):  # an id may contain a space if tabs separate the columns
        match columns:
            case [query_id, passage_id, grade] | [query_id, _, passage_id, grade]:
                return query_id.strip(), passage_id.strip(), grade.strip()
    return None
