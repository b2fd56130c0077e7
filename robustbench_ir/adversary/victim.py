"""The encoder that is attacked, with its pool: it ranks the target passages for perturbed texts, in full batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from robustbench_ir._base.parallel import divided, in_threads
from robustbench_ir.adversary.goals import Goal, TargetRanks
from robustbench_ir.encoders import Embeddings, Encoder
from robustbench_ir.encoders.piece_embeddings import Pool
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.retrieval.similarity import pair_scores, product_with
from robustbench_ir.tasks import Qrels, Task
from robustbench_ir.tasks.task import IntArray

# The score margin guides an adversary who sees scores where ranks do not change.

_MARGINS_AT_ONCE = 256
_DECIMALS = 6  # digits that the rounding of the product cannot change


def score_margins(
    queries: Embeddings,
    pool: Pool,
    text: IntArray,
    passage: IntArray,
    grade: IntArray,
    left_out: IntArray | None = None,
) -> Floats:
    """Return the score of the best relevant passage of each text minus that of the best other passage.

    Parameters
    ----------
    queries, pool : float32 arrays of shapes (texts, dimensions) and (passages, dimensions)
        Embeddings, dense or sparse.
    text, passage, grade : integer arrays of shape (entries,)
        Judgements, with `text` ascending; passages of grade 0 are not relevant.
    left_out : int32 array of shape (texts,), optional
        Row of the passage that is no rival of each text, -1 for none; see `Task.own_passage`.

    Returns
    -------
    float64 array of shape (texts,)
        Rounded to six decimals; below 0 if another passage is ranked first; 0 for a text without relevant passages.
    """
    relevant = grade > 0
    text, passage = text[relevant], passage[relevant]
    own = np.full(queries.shape[0], -np.inf)
    np.maximum.at(own, text, pair_scores(queries, text, pool, passage))
    product, places = product_with(pool), np.empty(queries.shape[0], dtype=np.intp)

    def place(tile: slice) -> None:
        scores = product(queries[tile])
        first, last = np.searchsorted(text, [tile.start, tile.stop])
        scores[text[first:last] - tile.start, passage[first:last]] = -np.inf
        if left_out is not None:
            (without,) = np.nonzero(left_out[tile] >= 0)
            scores[without, left_out[tile][without]] = -np.inf
        places[tile] = scores.argmax(axis=1)

    for _ in in_threads(place, divided(queries.shape[0], most=_MARGINS_AT_ONCE)):
        pass
    best = pair_scores(queries, np.arange(queries.shape[0]), pool, places)
    return np.where(np.isfinite(own), own - best, 0.0).round(_DECIMALS)


_TEXTS_AT_ONCE = 4096  # their embeddings take about 10 MB

Access = Literal["gradient", "score", "rank", "text"]
_ACCESS: tuple[Access, ...] = ("text", "rank", "score", "gradient")
_ON_ANOTHER = "craft the queries on another encoder with `irbench transfer`"


def check_access(encoder: Encoder, needed: Access, what: str, instead: str = _ON_ANOTHER) -> None:
    """Check that an encoder gives the access that a search needs.

    Parameters
    ----------
    encoder : Encoder
        It may declare `access`: ``"gradient"``, ``"score"`` (the default: it gives vectors), ``"rank"``, or ``"text"``
        for an engine that shows only its final answers.
    needed : {"gradient", "score", "rank", "text"}
        Access that is needed, from most to least.
    what : str
        Name of what needs it, for the message.
    instead : str, optional
        What to do where the access is missing, for the message.

    Raises
    ------
    OptionError
        If the encoder gives less access.
    """
    given = getattr(encoder, "access", "score")
    if given not in _ACCESS:
        raise OptionError(f"{encoder.description.name}: access {given!r}; there are {', '.join(_ACCESS)}")
    if _ACCESS.index(given) < _ACCESS.index(needed):
        raise OptionError(
            f"{what} needs {needed} access and {encoder.description.name} gives {given} access only; {instead}"
        )


@dataclass(frozen=True)
class TargetPassages:
    """The passages whose ranks a goal needs, for each query: the relevant ones, and those that the goal watches.

    Attributes
    ----------
    query, passage, grade : int32 array of shape (entries,)
        Rows of query and passage, by which the entries are sorted, and grade; grade 0 if the passage is not relevant.
    first : integer array of shape (queries + 1,)
        Index of the first entry of each query, and the number of entries.
    """

    query: IntArray
    passage: IntArray
    grade: IntArray
    first: IntArray


def target_passages(task: Task, goal: Goal) -> TargetPassages:
    """Return the passages whose ranks a goal needs.

    Parameters
    ----------
    task : Task
        Task with the judgements.
    goal : Goal
        Goal with the passages that it watches.
    """
    qrels, queries = task.qrels, len(task.queries)
    relevant = np.where(qrels.grade >= task.relevant_from, qrels.grade, 0)
    grades = dict(zip(zip(qrels.query.tolist(), qrels.passage.tolist(), strict=True), relevant.tolist(), strict=True))
    for row in goal.watched:
        grades |= {(query, row): grades.get((query, row), 0) for query in range(queries)}
    query, passage, grade = np.array(
        [(*pair, grade) for pair, grade in sorted(grades.items())], dtype=np.int32
    ).T.copy()
    return TargetPassages(query, passage, grade, np.searchsorted(query, np.arange(queries + 1)).astype(np.int32))


@dataclass(frozen=True)
class Victim:
    """The encoder that is attacked, with its pool.

    Attributes
    ----------
    runner : Runner
        Encodes and ranks; a sparse pool is stored compactly.
    targets : TargetPassages
        Passages that are ranked for each query.
    shows_scores : bool
        Whether the score margin is computed beside the ranks.
    """

    runner: Runner
    targets: TargetPassages
    shows_scores: bool = False

    def target_ranks(self, rows: Sequence[int], texts: Sequence[str]) -> Iterator[tuple[Sequence[int], TargetRanks]]:
        """Rank the target passages for texts that stand for queries.

        Parameters
        ----------
        rows : sequence of int
            Row of the query that each text stands for.
        texts : sequence of str
            Texts, distinct for each query.

        Yields
        ------
        sequence of int, TargetRanks
            Indices of some texts, and their target ranks; the longest texts come first, so that batches need little
            padding.
        """
        order = sorted(range(len(texts)), key=lambda place: (-len(texts[place]), texts[place], rows[place]))
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            part = order[start : start + _TEXTS_AT_ONCE]
            yield part, self._ranked(np.array([rows[place] for place in part]), [texts[place] for place in part])

    def _ranked(self, rows: IntArray, texts: Sequence[str]) -> TargetRanks:
        embeddings = self.runner.encode(texts)
        first, last = self.targets.first[rows], self.targets.first[rows + 1]
        text = np.repeat(np.arange(len(rows), dtype=np.int32), last - first)
        # Indices of each text's entries: the first entry of its query, and the following ones.
        entry = np.arange(len(text)) + np.repeat(last - np.cumsum(last - first), last - first)
        passage, grade = self.targets.passage[entry], self.targets.grade[entry]
        task = self.runner.task
        own = None if task.own_passage is None else task.own_passage[rows]
        watched = replace(task, qrels=Qrels(text, passage, grade), own_passage=own)
        ties = self.runner.ties.for_queries(rows)
        ranks = self.runner.rank(range(len(rows)), texts, embeddings, task=watched, ties=ties)
        return TargetRanks(
            ranks.in_pool,
            ranks.in_language,
            text,
            passage,
            self._language(passage),
            grade,
            self._own(rows),
            tuple(task.pool_sizes.values()),
            score_margins(embeddings, self.runner.pool, text, passage, grade, own) if self.shows_scores else None,
        )

    def _language(self, passage: IntArray) -> IntArray:
        stops = np.array([part.stop for part in self.runner.task.passage_slices.values()])
        return np.searchsorted(stops, passage, side="right").astype(np.int32)

    def _own(self, rows: IntArray) -> IntArray:
        numbers = {language: number for number, language in enumerate(self.runner.task.passage_languages)}
        return np.array([numbers.get(self.runner.task.queries[row].language, -1) for row in rows], dtype=np.int32)
