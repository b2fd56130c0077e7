"""Judgements as people keep them: BEIR's three columns, with or without a header, and TREC's four."""

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
    """One line: what a passage is to a query, 0 or less where it is not relevant; None where it says no number."""

    line: int
    query_id: str
    passage_id: str
    grade: int | None


@dataclass
class FolderJudgements:
    """What the files of a folder say.

    Attributes
    ----------
    relevant : dict
        Query id to passage id to grade, 0 or less for what is not relevant.
    elsewhere : set of str
        Queries that are judged in files of other splits.
    files : list of pathlib.Path
        The files that were read.
    """

    relevant: dict[str, dict[str, int]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)


def read_qrels_folder(
    folder: Path, queries: Mapping[str, int], passages: Mapping[str, int], report: Report
) -> FolderJudgements:
    """Read the judgements in a folder: the file of the split `test` where there is one, else all files together.

    Parameters
    ----------
    folder : pathlib.Path
        With `*.tsv`, `*.txt` or `*.qrels`.
    queries, passages : mapping
        The ids that exist; where there are none at all, their files are at fault, and nothing is said here.
    report : callable
        Told about each fault.
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
        The ids that exist: a first line that names none of them, nor a grade, is a header.
    report : callable
        Told about each line of another form.
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
    """Enter a judgement; a second, other one of the same query and passage is a fault."""
    if one.grade is None:
        return
    before = relevant.setdefault(one.query_id, {}).setdefault(one.passage_id, one.grade)
    if before != one.grade:
        message = f"passage {one.passage_id!r} was judged {before} before and is judged {one.grade} here"
        report(Fault(path, one.line, message))


def _columns(line: str) -> tuple[str, str, str] | None:
    """Return query id, passage id and grade; None for a line of another form."""
    for columns in (line.split("\t"), line.split()):  # an id may have a space in it where tabs part the columns
        match columns:
            case [query_id, passage_id, grade] | [query_id, _, passage_id, grade]:
                return query_id.strip(), passage_id.strip(), grade.strip()
    return None


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= _DIGITS
