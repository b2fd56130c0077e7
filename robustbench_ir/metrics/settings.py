"""Scores in the three settings.

- monolingual: the pool is the query's own language;
- cross-lingual: the pool is one other language, for every ordered pair;
- multilingual: the pool is the union of all languages.

The macro average is over languages, ordered pairs, or query languages, as in LAReQA (arXiv 2004.05484).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.errors import UnknownNameError
from robustbench_ir.metrics.bias_measures import random_rank_distance, rank_distance
from robustbench_ir.metrics.measures import Floats, Ranked, look_up_measure
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.task import IntArray

Setting = Literal["monolingual", "cross-lingual", "multilingual"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)


@dataclass(frozen=True)
class Judgements:
    """Queries, languages of the pool, and judgements, to which ranks belong.

    Attributes
    ----------
    query_ids, parallel_ids, languages : tuple of str
        For each query, its id, the id of its question, and its language.
    pool : mapping of str to int
        Passage languages with their number of passages, in order.
    query : int32 array of shape (judgements,)
        Row of the query.
    passage_language : int32 array of shape (judgements,)
        Index of the passage's language in `pool`.
    grade : int32 array of shape (judgements,)
        Grade, 1 or more.
    relevant_from : int
        Grade from which on a passage is relevant to the measures that know no grades; see `Task.relevant_from`.
    """

    query_ids: tuple[str, ...]
    parallel_ids: tuple[str, ...]
    languages: tuple[str, ...]
    pool: Mapping[str, int]
    query: IntArray
    passage_language: IntArray
    grade: IntArray
    relevant_from: int = 1

    @cached_property
    def query_languages(self) -> tuple[str, ...]:
        """Languages of the queries, in order."""
        return tuple(dict.fromkeys(self.languages))

    @cached_property
    def query_language(self) -> IntArray:
        """For each query, the index of its language in `query_languages`."""
        numbers = {language: number for number, language in enumerate(self.query_languages)}
        return np.array([numbers[language] for language in self.languages], dtype=np.int32)

    @cached_property
    def own_pool(self) -> IntArray:
        """For each query, the index of its language in `pool`, -1 if no passage is in it."""
        numbers = {language: number for number, language in enumerate(self.pool)}
        return np.array([numbers.get(language, -1) for language in self.languages], dtype=np.int32)

    @cached_property
    def question(self) -> IntArray:
        """For each query, the index of its question; parallel queries have the same one."""
        numbers = {name: number for number, name in enumerate(dict.fromkeys(self.parallel_ids))}
        return np.array([numbers[name] for name in self.parallel_ids], dtype=np.int32)

    @property
    def questions(self) -> int:
        """Number of questions."""
        return int(self.question.max()) + 1

    @cached_property
    def reference_rank_distances(self) -> tuple[Floats, Floats]:
        """See the function of this name; it is asked for with every cell and measure, and sorts all judgements."""
        relevant = self.grade >= self.relevant_from
        of = self.query[relevant], self.passage_language[relevant], len(self.query_ids)
        return random_rank_distance(*of, self.pool_size), random_rank_distance(*of)

    @property
    def pool_size(self) -> int:
        """Number of passages in all languages."""
        return sum(self.pool.values())


def relevant_only(judgements: Judgements, ranks: Ranks) -> tuple[Judgements, Ranks]:
    """Return judgements and ranks of what is relevant where grades do not count; see `Judgements.relevant_from`."""
    if judgements.relevant_from == 1:
        return judgements, ranks
    kept = judgements.grade >= judgements.relevant_from
    fewer = replace(
        judgements,
        query=judgements.query[kept],
        passage_language=judgements.passage_language[kept],
        grade=judgements.grade[kept],
        relevant_from=1,
    )
    return fewer, ranks.picked(kept)


def per_query_scores(judgements: Judgements, ranks: Ranks, name: str, setting: Setting) -> Floats:
    """Return a measure for each query.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    ranks : Ranks
        Ranks of the judged passages.
    name : str
        Name of the measure, such as ``"AP"``.
    setting : str
        One of `SETTINGS`.

    Returns
    -------
    float64 array
        Multilingual: shape (queries,). Otherwise shape (queries, passage languages), with NaN for languages that do not
        belong to the setting or have no relevant passage.

    Raises
    ------
    UnknownNameError
        If there is no such setting.
    """
    if setting not in SETTINGS:
        raise UnknownNameError("setting", str(setting), SETTINGS)
    if not name.startswith("nDCG"):
        judgements, ranks = relevant_only(judgements, ranks)
    queries, languages = len(judgements.query_ids), len(judgements.pool)
    if setting == "multilingual":
        return look_up_measure(name)(Ranked(ranks.in_pool, judgements.query, judgements.grade, queries))
    group = judgements.query * languages + judgements.passage_language
    found = look_up_measure(name)(Ranked(ranks.in_language, group, judgements.grade, queries * languages))
    own = judgements.own_pool[:, None] == np.arange(languages)
    return np.where(own if setting == "monolingual" else ~own, found.reshape(queries, languages), np.nan)


def mean_over_passage_languages(found: Floats) -> Floats:
    """Return one value for each query: the mean over passage languages if there are several."""
    return found if found.ndim == 1 else nanmean(found, axis=1)


def by_language(judgements: Judgements, found: Floats, only: NDArray[np.bool_] | None = None) -> Floats:
    """Return the mean for each query language; over ordered pairs first if there are several passage languages.

    Parameters
    ----------
    judgements : Judgements
        Queries and languages of the values.
    found : float64 array
        From `per_query_scores`, or any array whose first axis is the queries.
    only : bool array of shape (queries,), optional
        Mask of the queries that count.
    """
    pairs = _pairs(judgements, found, only)
    return pairs if pairs.ndim == 1 else nanmean(pairs, axis=1)


def macro_average(judgements: Judgements, found: Floats, only: NDArray[np.bool_] | None = None) -> float:
    """Return the macro average over languages or ordered pairs; NaN if there are no values.

    Parameters
    ----------
    judgements : Judgements
        Queries and languages of the values.
    found : float64 array
        From `per_query_scores`, or any array whose first axis is the queries.
    only : bool array of shape (queries,), optional
        Mask of the queries that count.
    """
    return float(nanmean(_pairs(judgements, found, only).ravel(), axis=0))


def _pairs(judgements: Judgements, found: Floats, only: NDArray[np.bool_] | None) -> Floats:
    """Return the mean of each query language, over the queries that have a value; the other axes stay."""
    wide = found.reshape(len(found), -1)
    known = ~np.isnan(wide) if only is None else ~np.isnan(wide) & only[:, None]
    languages, columns = len(judgements.query_languages), wide.shape[1]
    # One pass over all languages, which is many times as fast as a mean for each of them.
    cell = (judgements.query_language[:, None] * columns + np.arange(columns)).ravel()
    count = np.bincount(cell, known.ravel(), languages * columns)
    total = np.bincount(cell, np.where(known, wide, 0.0).ravel(), languages * columns)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    means: Floats = mean.reshape(languages, *found.shape[1:])
    return means


def nanmean(found: Floats, axis: int) -> Floats:
    """Return the mean of the values that are not NaN, without a warning if there are none.

    Parameters
    ----------
    found : float64 array
        Values.
    axis : int
        Axis over which the mean is taken.
    """
    # NumPy's own warns of an empty slice, and what keeps a warning quiet is shared by all threads.
    missing = np.isnan(found)
    present = np.array(found)
    present[missing] = 0
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sum(present, axis=axis) / np.sum(~missing, axis=axis))


def rank_distances(judgements: Judgements, ranks: Ranks) -> Floats:
    """Return the rank distance of each query in the multilingual pool, between the languages of its answers.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    ranks : Ranks
        Ranks of the judged passages.
    """
    judgements, ranks = relevant_only(judgements, ranks)
    return rank_distance(ranks.in_pool, judgements.query, len(judgements.query_ids), judgements.passage_language)


def reference_rank_distances(judgements: Judgements) -> tuple[Floats, Floats]:
    """Return what the rank distance of each query is compared with, two float64 arrays of shape (queries,).

    The first is its expectation in a random ranking, the second that in a perfect ranking which is blind to language,
    where the relevant passages come first in random order; see `random_rank_distance`.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    """
    return judgements.reference_rank_distances


def judgements_of(task: Task) -> Judgements:
    """Return queries, languages and judgements of a task, as results and scores use them."""
    sizes = task.pool_sizes
    return Judgements(
        query_ids=tuple(query.query_id for query in task.queries),
        parallel_ids=tuple(query.parallel_id for query in task.queries),
        languages=tuple(query.language for query in task.queries),
        pool=sizes,
        query=task.qrels.query,
        passage_language=np.repeat(np.arange(len(sizes)), list(sizes.values()))[task.qrels.passage].astype(np.int32),
        grade=task.qrels.grade,
        relevant_from=task.relevant_from,
    )
