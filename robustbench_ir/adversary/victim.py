"""The encoder under attack, with its pool: texts to the standings of the passages that matter, in full batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from robustbench_ir.adversary.goals import Goal, Standings
from robustbench_ir.encoders import Embeddings, Encoder
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.retrieval.ranking import IntArray
from robustbench_ir.retrieval.scores import pair_scores, product_with
from robustbench_ir.tasks import Qrels, Task

# How safely a relevant passage is first: what an adversary who sees scores goes by where ranks do not move.

_MARGINS_AT_ONCE = 256
_DECIMALS = 6  # what the product's rounding cannot change


def leads(
    queries: Embeddings,
    pool: Embeddings,
    text: IntArray,
    passage: IntArray,
    grade: IntArray,
    left_out: IntArray | None = None,
) -> Floats:
    """Return by how much the best relevant passage of each text scores above the best other one.

    Parameters
    ----------
    queries, pool : float32 arrays of shapes (texts, dimensions) and (passages, dimensions)
        Dense or sparse.
    text, passage, grade : integer arrays of shape (entries,)
        Judgements, `text` ascending; those of grade 0 are of passages that are not relevant.
    left_out : int32 array of shape (texts,), optional
        Row of the passage that is no rival of each text, -1 for none; see `Task.own_passage`.

    Returns
    -------
    float64 array of shape (texts,)
        Rounded to six decimals; below 0 where another passage is first; 0 for a text without relevant passages.
    """
    relevant = grade > 0
    text, passage = text[relevant], passage[relevant]
    own = np.full(queries.shape[0], -np.inf)
    np.maximum.at(own, text, pair_scores(queries, text, pool, passage))
    product, places = product_with(pool), np.empty(queries.shape[0], dtype=np.intp)
    for start in range(0, queries.shape[0], _MARGINS_AT_ONCE):
        scores = product(queries[start : start + _MARGINS_AT_ONCE])
        first, last = np.searchsorted(text, [start, start + len(scores)])
        scores[text[first:last] - start, passage[first:last]] = -np.inf
        if left_out is not None:
            (without,) = np.nonzero(left_out[start : start + len(scores)] >= 0)
            scores[without, left_out[start + without]] = -np.inf
        places[start : start + len(scores)] = scores.argmax(axis=1)
    best = pair_scores(queries, np.arange(queries.shape[0]), pool, places)
    return np.where(np.isfinite(own), own - best, 0.0).round(_DECIMALS)


_TEXTS_AT_ONCE = 4096  # their embeddings fill some 10 MB

Access = Literal["score", "rank", "text"]
_ACCESS: tuple[Access, ...] = ("text", "rank", "score")


def check_access(encoder: Encoder, needed: Access, what: str) -> None:
    """See to it that an encoder gives what somebody needs.

    Parameters
    ----------
    encoder : Encoder
        It may declare `access`: ``"score"`` (the default: it gives vectors), ``"rank"``, or ``"text"``, which is an
        engine of which only the final answers can be seen.
    needed : {"score", "rank", "text"}
        What is needed, from most to least.
    what : str
        Who needs it, for the message.

    Raises
    ------
    OptionError
        It gives less.
    """
    given = getattr(encoder, "access", "score")
    if given not in _ACCESS:
        raise OptionError(f"{encoder.description.name}: access {given!r}; there are {', '.join(_ACCESS)}")
    if _ACCESS.index(given) < _ACCESS.index(needed):
        raise OptionError(
            f"{what} needs {needed} access and {encoder.description.name} gives {given} access only; "
            f"craft on another encoder and see what carries over: irbench transfer"
        )


@dataclass(frozen=True)
class Watch:
    """The passages that matter for each query: the relevant ones, and those that the goal watches.

    Attributes
    ----------
    query, passage, grade : int32 array of shape (entries,)
        Sorted by query and passage; grade 0 for one that is not relevant.
    first : integer array of shape (queries + 1,)
        Where each query's entries begin.
    """

    query: IntArray
    passage: IntArray
    grade: IntArray
    first: IntArray


def watch(task: Task, goal: Goal) -> Watch:
    """Return what must be ranked for a goal."""
    qrels, queries = task.qrels, len(task.queries)
    relevant = np.where(qrels.grade >= task.relevant_from, qrels.grade, 0)
    grades = dict(zip(zip(qrels.query.tolist(), qrels.passage.tolist(), strict=True), relevant.tolist(), strict=True))
    for row in goal.watched:
        grades |= {(query, row): grades.get((query, row), 0) for query in range(queries)}
    query, passage, grade = np.array(
        [(*pair, grade) for pair, grade in sorted(grades.items())], dtype=np.int32
    ).T.copy()
    return Watch(query, passage, grade, np.searchsorted(query, np.arange(queries + 1)).astype(np.int32))


@dataclass(frozen=True)
class Victim:
    """An encoder with its pool.

    Attributes
    ----------
    runner : Runner
        Encodes and ranks; its sparse pool is compact.
    watch : Watch
        What is ranked for each query.
    shows_scores : bool
        Whether the score margin of the relevant passages is known, beside the ranks.
    """

    runner: Runner
    watch: Watch
    shows_scores: bool = False

    def standings(self, rows: Sequence[int], texts: Sequence[str]) -> Iterator[tuple[Sequence[int], Standings]]:
        """Rank what matters, for texts that stand for queries.

        Parameters
        ----------
        rows : sequence of int
            Row of the query that each text stands for.
        texts : sequence of str
            Distinct for each query.

        Yields
        ------
        sequence of int, Standings
            Which of the texts, and their standings; the longest first, so that batches hold texts of like length.
        """
        order = sorted(range(len(texts)), key=lambda place: (-len(texts[place]), texts[place], rows[place]))
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            part = order[start : start + _TEXTS_AT_ONCE]
            embeddings = self.runner.encode([texts[place] for place in part])
            yield part, self._ranked(np.array([rows[place] for place in part]), embeddings)

    def _ranked(self, rows: IntArray, embeddings: Embeddings) -> Standings:
        first, last = self.watch.first[rows], self.watch.first[rows + 1]
        text = np.repeat(np.arange(len(rows), dtype=np.int32), last - first)
        # Entry numbers of each text, one after the other: its query's first one, and how far it is from there.
        entry = np.arange(len(text)) + np.repeat(last - np.cumsum(last - first), last - first)
        passage, grade = self.watch.passage[entry], self.watch.grade[entry]
        task = self.runner.task
        own = None if task.own_passage is None else task.own_passage[rows]
        watched = replace(task, qrels=Qrels(text, passage, grade), own_passage=own)
        ranks = self.runner.rank(range(len(rows)), embeddings, task=watched)
        return Standings(
            ranks.in_pool,
            ranks.in_language,
            text,
            passage,
            self._language(passage),
            grade,
            self._own(rows),
            tuple(task.pool_sizes.values()),
            leads(embeddings, self.runner.pool, text, passage, grade, own) if self.shows_scores else None,
        )

    def _language(self, passage: IntArray) -> IntArray:
        stops = np.array([part.stop for part in self.runner.task.passage_slices.values()])
        return np.searchsorted(stops, passage, side="right").astype(np.int32)

    def _own(self, rows: IntArray) -> IntArray:
        numbers = {language: number for number, language in enumerate(self.runner.task.passage_languages)}
        return np.array([numbers.get(self.runner.task.queries[row].language, -1) for row in rows], dtype=np.int32)
