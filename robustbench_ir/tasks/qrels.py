"""Judgements as people keep them: BEIR's three columns, with or without a header, and TREC's four."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from robustbench_ir.tasks.faults import Fault, Report, lines

_SUFFIXES = {".tsv", ".txt", ".qrels"}
_PREFERRED_SPLIT = "test"
_DIGITS = 9  # so that every grade is a 32-bit number


@dataclass
class Judgements:
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


def read_qrels(folder: Path, queries: Mapping[str, int], passages: Mapping[str, int], report: Report) -> Judgements:
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
    found = Judgements(files=chosen)
    for path in files:
        if path in chosen:
            _read_file(path, queries, passages, found, report)
        else:
            found.elsewhere.update(row[0] for _, line in lines(path, report) if (row := _columns(line)))
    return found


def _read_file(
    path: Path, queries: Mapping[str, int], passages: Mapping[str, int], found: Judgements, report: Report
) -> None:
    for number, line in lines(path, report):
        row = _columns(line)
        if row is None:
            message = "expected query-id<TAB>corpus-id<TAB>score, or TREC's query-id 0 document-id grade"
            report(Fault(path, number, message))
            continue
        query_id, passage_id, grade = row
        if number == 1 and query_id not in queries and not _is_integer(grade):
            continue  # a header
        known = True
        if queries and query_id not in queries:
            report(Fault(path, number, f"query {query_id!r} is not in queries.jsonl"))
            known = False
        if passages and passage_id not in passages:
            report(Fault(path, number, f"passage {passage_id!r} is not in corpus.jsonl"))
            known = False
        if not _is_integer(grade):
            report(Fault(path, number, f"grade {grade!r} is not an integer of at most {_DIGITS} digits"))
        elif known:
            _judge(path, number, found.relevant.setdefault(query_id, {}), (passage_id, int(grade)), report)


def _judge(path: Path, number: int, grades: dict[str, int], row: tuple[str, int], report: Report) -> None:
    passage_id, grade = row
    before = grades.setdefault(passage_id, grade)
    if before != grade:
        report(Fault(path, number, f"passage {passage_id!r} was judged {before} before and is judged {grade} here"))


def _columns(line: str) -> tuple[str, str, str] | None:
    """Return query id, passage id and grade; None for a line of another form."""
    match line.split("\t") if "\t" in line else line.split():
        case [query_id, passage_id, grade] | [query_id, _, passage_id, grade]:
            return query_id.strip(), passage_id.strip(), grade.strip()
    return None


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= _DIGITS
