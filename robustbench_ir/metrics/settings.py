"""From ranks to scores in the three settings.

- monolingual: the pool is the query's own language;
- cross-lingual: the pool is one other language, for every ordered pair;
- multilingual: the pool is the union of all languages.

The headline is a macro average: over languages, ordered pairs, or query languages, as in LAReQA (arXiv 2004.05484).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.metrics.bias_measures import rank_distance
from robustbench_ir.metrics.measures import Floats, Ranked, measure
from robustbench_ir.retrieval.ranking import IntArray, Ranks
from robustbench_ir.tasks import Task

Setting = Literal["monolingual", "cross-lingual", "multilingual"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)


@dataclass(frozen=True)
class Layout:
    """What the ranks belong to: the queries, the languages of the pool and the judgements.

    Attributes
    ----------
    query_ids, parallel_ids, languages : tuple of str
        Per query: identity, question that it is a translation of, language.
    pool : mapping of str to int
        Passage languages and their number of passages, in order.
    query : int32 array of shape (judgements,)
        Row of the query.
    passage_language : int32 array of shape (judgements,)
        Number of the passage's language in `pool`.
    grade : int32 array of shape (judgements,)
        1 or more.
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
        """Per query, the number of its language in `query_languages`."""
        numbers = {language: number for number, language in enumerate(self.query_languages)}
        return np.array([numbers[language] for language in self.languages], dtype=np.int32)

    @cached_property
    def own_pool(self) -> IntArray:
        """Per query, the number of its language in `pool`, -1 if no passage is in it."""
        numbers = {language: number for number, language in enumerate(self.pool)}
        return np.array([numbers.get(language, -1) for language in self.languages], dtype=np.int32)

    @cached_property
    def question(self) -> IntArray:
        """Per query, the number of its question: parallel queries have the same one."""
        numbers = {name: number for number, name in enumerate(dict.fromkeys(self.parallel_ids))}
        return np.array([numbers[name] for name in self.parallel_ids], dtype=np.int32)

    @property
    def questions(self) -> int:
        """Number of questions."""
        return int(self.question.max()) + 1

    @property
    def pool_size(self) -> int:
        """Number of passages in all languages."""
        return sum(self.pool.values())


def relevant_only(layout: Layout, ranks: Ranks) -> tuple[Layout, Ranks]:
    """Return judgements and ranks of what is relevant where grades do not count; see `Layout.relevant_from`."""
    if layout.relevant_from == 1:
        return layout, ranks
    kept = layout.grade >= layout.relevant_from
    fewer = replace(
        layout,
        query=layout.query[kept],
        passage_language=layout.passage_language[kept],
        grade=layout.grade[kept],
        relevant_from=1,
    )
    return fewer, Ranks(ranks.in_pool[kept], ranks.in_language[kept])


def values(layout: Layout, ranks: Ranks, name: str, setting: Setting) -> Floats:
    """Return a measure for each query.

    Parameters
    ----------
    layout : Layout
        What the ranks belong to.
    ranks : Ranks
        One entry for each judgement.
    name : str
        Measure, such as ``"AP"``.
    setting : str
        One of `SETTINGS`.

    Returns
    -------
    float64 array
        Multilingual: shape (queries,). Otherwise shape (queries, passage languages), with NaN in the languages that do
        not belong to the setting or have no relevant passage.
    """
    if not name.startswith("nDCG"):
        layout, ranks = relevant_only(layout, ranks)
    queries, languages = len(layout.query_ids), len(layout.pool)
    if setting == "multilingual":
        return measure(name)(Ranked(ranks.in_pool, layout.query, layout.grade, queries))
    group = layout.query * languages + layout.passage_language
    found = measure(name)(Ranked(ranks.in_language, group, layout.grade, queries * languages))
    own = layout.own_pool[:, None] == np.arange(languages)
    return np.where(own if setting == "monolingual" else ~own, found.reshape(queries, languages), np.nan)


def per_query(found: Floats) -> Floats:
    """Return one value for each query: the mean over passage languages where there are several."""
    return found if found.ndim == 1 else nanmean(found, axis=1)


def by_language(layout: Layout, found: Floats, only: NDArray[np.bool_] | None = None) -> Floats:
    """Return the mean for each query language; over ordered pairs first where there are several passage languages.

    Parameters
    ----------
    layout : Layout
        What the values belong to.
    found : float64 array
        From `values`, or any array whose first axis is the queries.
    only : bool array of shape (queries,), optional
        Queries that count.
    """
    pairs = _pairs(layout, found, only)
    return pairs if pairs.ndim == 1 else nanmean(pairs, axis=1)


def headline(layout: Layout, found: Floats, only: NDArray[np.bool_] | None = None) -> float:
    """Return the macro average over languages or ordered pairs; NaN where there is no case."""
    return float(nanmean(_pairs(layout, found, only).ravel(), axis=0))


def _pairs(layout: Layout, found: Floats, only: NDArray[np.bool_] | None) -> Floats:
    masked = found if only is None else np.where(only if found.ndim == 1 else only[:, None], found, np.nan)
    numbers = range(len(layout.query_languages))
    return np.array([nanmean(masked[layout.query_language == number], axis=0) for number in numbers])


def nanmean(found: Floats, axis: int) -> Floats:
    """Return the mean of what is not NaN, and NaN where nothing is left, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(found, axis=axis))


def rank_distances(layout: Layout, ranks: Ranks) -> Floats:
    """Return the rank distance of each query in the multilingual pool, between the languages of its answers."""
    layout, ranks = relevant_only(layout, ranks)
    return rank_distance(ranks.in_pool, layout.query, len(layout.query_ids), layout.passage_language)


def layout_of(task: Task) -> Layout:
    """Return queries, languages and judgements of a task, as results and scores know them."""
    sizes = task.pool_sizes
    return Layout(
        query_ids=tuple(query.query_id for query in task.queries),
        parallel_ids=tuple(query.parallel_id for query in task.queries),
        languages=tuple(query.language for query in task.queries),
        pool=sizes,
        query=task.qrels.query,
        passage_language=np.repeat(np.arange(len(sizes)), list(sizes.values()))[task.qrels.passage].astype(np.int32),
        grade=task.qrels.grade,
        relevant_from=task.relevant_from,
    )
