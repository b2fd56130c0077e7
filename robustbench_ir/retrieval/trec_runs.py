"""TREC runs, with six columns ``query Q0 passage rank score tag``, as other engines write and evaluators read them."""

from __future__ import annotations

import gzip
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from robustbench_ir._base.files import opened_whole
from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError, nearest
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.tasks import Passage, Query, Task

_COLUMNS = 6
_LONGEST_LINE = 1 << 16
_GZIP = b"\x1f\x8b"
_IDS_SHOWN = 3
_IDS_COMPARED = 50_000  # comparing with more would take minutes


@dataclass(frozen=True)
class Run:
    """The ranking of an engine.

    Attributes
    ----------
    tag : str
        Name of the run, from the last column of its first line.
    ranked : mapping of str to sequence of str
        Query id to passage ids, best first. They are ordered as in trec_eval: by descending score as a float32, then by
        descending passage id in UTF-8. The column of ranks is ignored.
    scores : mapping of str to sequence of float
        Their scores as float32, in the same order.
    """

    tag: str
    ranked: Mapping[str, Sequence[str]]
    scores: Mapping[str, Sequence[float]]

    @property
    def depth(self) -> int:
        """Largest number of passages of a query."""
        return max((len(passages) for passages in self.ranked.values()), default=0)


def read_run(path: Path, task: Task) -> Run:
    """Read a run, gzipped or not, and check it against the task.

    Parameters
    ----------
    path : pathlib.Path
        The run file.
    task : Task
        Task with the queries and passages that the run may name.

    Raises
    ------
    DataError
        If the file cannot be read, a line does not have six columns, a score is not a finite number, the task lacks a
        query or passage, or a passage appears twice for a query. The message names file and line.
    """
    queries = {query.query_id for query in task.queries}
    passages = {passage.passage_id for passage in task.passages}
    scores: dict[str, dict[str, float]] = {}
    tag = ""
    for where, columns in _rows(path):
        query, _, passage, _, written, last = columns
        query, passage = _as_known(query, queries), _as_known(passage, passages)
        if query in task.left_out.queries or passage in task.left_out.passages:
            continue
        if query not in queries:
            raise DataError(f"{where}: {task.name} has no query {query!r}: {_likely(query, queries)}")
        if passage not in passages:
            raise DataError(f"{where}: {task.name} has no passage {passage!r}: {_likely(passage, passages)}")
        found = scores.setdefault(query, {})
        if passage in found:
            raise DataError(f"{where}: passage {passage!r} appears twice for query {query!r}; remove one of the lines")
        found[passage] = _score(written, where)
        tag = tag or last
    if not scores:
        raise DataError(
            f"{path}: the run is empty: no line is about a query of {task.name}; "
            f"lines are `query Q0 passage rank score tag`"
        )
    ordered = {query: _in_order(found) for query, found in scores.items()}
    ranked = {query: [passage for passage, _ in found] for query, found in ordered.items()}
    return Run(tag, ranked, {query: [score for _, score in found] for query, found in ordered.items()})


def _as_known(name: str, known: Collection[str]) -> str:
    """Return an id in the form in which folders are read, unless the task has it as it is written."""
    return name if name in known else nfc(name)


def _likely(name: str, known: Collection[str]) -> str:
    few = sorted(known)[:_IDS_SHOWN]
    match = nearest(name, known) if len(known) < _IDS_COMPARED else ""
    return match if match.startswith("did") else f"its ids are like {', '.join(map(repr, few))}"


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    with _opened(path) as stream:
        number = 0
        while line := stream.readline(_LONGEST_LINE + 1):
            number += 1
            where = f"{path}:{number}"
            if len(line) > _LONGEST_LINE:
                raise DataError(f"{where}: a line of more than {_LONGEST_LINE:,} bytes; this is not a TREC run")
            try:
                columns = line.decode().split()
            except UnicodeDecodeError as error:
                raise DataError(f"{where}: not UTF-8 (byte {error.start + 1}); convert the file") from error
            if not columns:  # a blank line at the end is common, and says nothing
                continue
            if len(columns) != _COLUMNS:
                raise DataError(f"{where}: {len(columns)} columns; six are needed: query Q0 passage rank score tag")
            yield where, columns


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | gzip.GzipFile]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(_GZIP)) == _GZIP
            raw.seek(0)
            yield gzip.GzipFile(fileobj=raw) if packed else raw
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error}); name a TREC run, gzipped or not") from error


def _score(written: str, where: str) -> float:
    try:
        score = float(written)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise DataError(f"{where}: the score {written!r} is not a finite number")
    return score


def _in_order(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    narrow = zip(scores, np.array(list(scores.values())).astype(np.float32).tolist(), strict=True)
    return sorted(narrow, key=lambda pair: (pair[1], pair[0].encode()), reverse=True)


def ranks_of_run(run: Run, task: Task) -> Ranks:
    """Return the ranks of a task's judged passages in a run; 0 for those that the run lacks.

    What the run has in other languages than the task's is left out, as if those passages were not there, and so is a
    query's own passage. The rank within a language is that among the run's passages of the language. Equal scores are
    in trec_eval's order, and `Ranks.tied` tells where they are.
    """
    language_of = {passage.passage_id: passage.language for passage in task.passages}
    in_pool, in_language = np.zeros((2, len(task.qrels.query)), dtype=np.int32)
    tied = np.zeros(len(in_pool), dtype=bool)
    bounds = np.searchsorted(task.qrels.query, np.arange(len(task.queries) + 1))
    for row, query in enumerate(task.queries):
        places: dict[str, tuple[int, int]] = {}
        seen: dict[str, int] = {}
        own = None if task.own_passage is None else task.own_passage[row]
        own_id = None if own is None or own < 0 else task.passages[own].passage_id
        listed = zip(run.ranked.get(query.query_id, ()), run.scores.get(query.query_id, ()), strict=True)
        kept = [(one, score) for one, score in listed if one in language_of and one != own_id]
        count = Counter(score for _, score in kept)
        ambiguous = {one for one, score in kept if count[score] > 1}
        for rank, (passage, _) in enumerate(kept, start=1):
            language = language_of[passage]
            seen[language] = seen.get(language, 0) + 1
            places[passage] = rank, seen[language]
        for judgement in range(bounds[row], bounds[row + 1]):
            judged = task.passages[task.qrels.passage[judgement]].passage_id
            in_pool[judgement], in_language[judgement] = places.get(judged, (0, 0))
            tied[judgement] = judged in ambiguous
    return Ranks(in_pool, in_language, tied)


def check_ids(queries: Sequence[Query], passages: Sequence[Passage]) -> None:
    """Raise DataError for an id that a TREC run cannot hold: one with white space in it, which would end its column."""
    for one in (*(query.query_id for query in queries), *(passage.passage_id for passage in passages)):
        if len(one.split()) != 1:
            raise DataError(f"id {one!r} contains white space, which a TREC run cannot represent; rename it")


def write_run(
    path: Path,
    queries: Sequence[Query],
    passages: Sequence[Passage],
    rows: np.ndarray,
    scores: np.ndarray,
    tag: str,
) -> Path:
    """Write a run; it is gzipped if the name ends in ``.gz``.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    queries, passages : sequences
        Queries and passages of the task.
    rows, scores : arrays of shape (queries, top)
        Rows of the passages, best first, and their scores; rows below 0 are left out.
    tag : str
        Name of the run.

    Raises
    ------
    DataError
        If an id contains white space, which would end its column.
    ResultError
        If the file cannot be written.
    """
    check_ids(queries, passages)
    name = "-".join(tag.split()) or "irbench"
    with opened_whole(path) as stream:
        # The gzip header has no time and no name, so that the same run always gives the same bytes.
        packed = gzip.GzipFile("", "wb", fileobj=stream, mtime=0) if path.suffix == ".gz" else None
        for query, its_rows, its_scores in zip(queries, rows.tolist(), scores.tolist(), strict=True):
            pairs = [(row, score) for row, score in zip(its_rows, its_scores, strict=True) if row >= 0]
            for rank, (row, score) in enumerate(pairs, start=1):
                line = f"{query.query_id} Q0 {passages[row].passage_id} {rank} {score:.9g} {name}\n"
                (packed or stream).write(line.encode())
        if packed:
            packed.close()
    return path
