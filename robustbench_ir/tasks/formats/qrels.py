"""Judgements in the usual forms: the three columns of BEIR, with or without a header, and the four of TREC."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from robustbench_ir.tasks.faults import Fault, Report, lines

_SUFFIXES = {".tsv", ".txt", ".qrels"}
_PREFERRED_SPLIT = "test"
_DIGITS = 9  # so that every grade is a 32-bit number


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
        Query id to passage id to grade, which is 0 or less for an irrelevant passage.
    elsewhere : set of str
        Queries that are judged in files of other splits.
    files : list of pathlib.Path
        Files that were read.
    """

    relevant: dict[str, dict[str, int]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)


def read_qrels_folder(
    folder: Path, queries: Mapping[str, int], passages: Mapping[str, int], report: Report
) -> FolderJudgements:
    """Read the judgements in a folder: the file of the split `test` if there is one, else all files together.

    Parameters
    ----------
    folder : pathlib.Path
        Folder with `*.tsv`, `*.txt` or `*.qrels` files.
    queries, passages : mapping
        Existing ids. If there are none at all, their files have faults, and unknown ids are not reported here.
    report : callable
        Receives each fault.
    """
    files = sorted(path for path in folder.glob("*") if path.suffix in _SUFFIXES)
    if not files:
        report(Fault(folder, None, 'no judgements; write "query-id<TAB>corpus-id<TAB>score" lines into qrels/test.tsv'))
    chosen = [path for path in files if path.stem == _PREFERRED_SPLIT] or files
    found = FolderJudgements(files=chosen)
    for path in files:
        if path in chosen:
            _read_file(path, queries, passages, found, report)
        else:
            found.elsewhere.update(row[0] for _, line in lines(path, report) if (row := _columns(line)))
    return found


def _read_file(
    path: Path, queries: Mapping[str, int], passages: Mapping[str, int], found: FolderJudgements, report: Report
) -> None:
    for one in judgements(path, queries, report):
        known = True
        if queries and one.query_id not in queries:
            report(Fault(path, one.line, f"query {one.query_id!r} is not in queries.jsonl"))
            known = False
        if passages and one.passage_id not in passages:
            report(Fault(path, one.line, f"passage {one.passage_id!r} is not in corpus.jsonl"))
            known = False
        if known:
            add_judgement(path, one, found.relevant, report)


def judgements(path: Path, queries: Container[str], report: Report) -> Iterator[Judgement]:
    """Read the lines of one file: `query passage grade` or TREC's `query 0 passage grade`, with tabs or spaces.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    queries : container of str
        Existing ids. A first line with neither one of them nor a grade is a header.
    report : callable
        Receives a fault for each line of another form.
    """
    for number, line in lines(path, report):
        row = _columns(line)
        if row is None:
            message = "expected query-id<TAB>corpus-id<TAB>score, or TREC's query-id 0 document-id grade"
            report(Fault(path, number, message))
            continue
        query_id, passage_id, grade = row
        if _is_integer(grade):
            yield Judgement(number, query_id, passage_id, int(grade))
        elif number > 1 or query_id in queries:
            report(Fault(path, number, f"grade {grade!r} is not an integer of at most {_DIGITS} digits"))
            yield Judgement(number, query_id, passage_id, None)


def add_judgement(path: Path, one: Judgement, relevant: dict[str, dict[str, int]], report: Report) -> None:
    """Add a judgement to the others; a second judgement with another grade for the same query and passage is a fault.

    Parameters
    ----------
    path : pathlib.Path
        File of the judgement.
    one : Judgement
        The judgement.
    relevant : dict
        Query id to passage id to grade; it gets the judgement.
    report : callable
        Receives the fault.
    """
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


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= _DIGITS
