"""What injected passages did: success by source and query language, asymmetry, and the drop of the honest passages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from robustbench_ir._version import SCORING_VERSION
from robustbench_ir.adversary.detection import Detection
from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.metrics.clusters import ClusterMeans, cluster_means
from robustbench_ir.metrics.findings import macro_means
from robustbench_ir.metrics.measures import Floats, measure_name
from robustbench_ir.metrics.settings import Judgements, per_query_scores
from robustbench_ir.metrics.significance import sign_flip_tests
from robustbench_ir.metrics.statistics import (
    RESAMPLES,
    SEED,
    Estimate,
    bootstrap_intervals,
    draws,
    share_interval,
)
from robustbench_ir.resources.languages import languages, resource_level
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.tasks.task import IntArray

if TYPE_CHECKING:
    import pandas as pd

Depth = Literal[1, 10]
DEPTHS: tuple[Depth, ...] = get_args(Depth)
DEEPEST = 10
"""Places of injected passages are known as far as this."""

ALL = "all"
"""Stands for the mean over the other languages, in place of a source or query language."""

MEASURES = ("AP", "nDCG@10")


@dataclass(frozen=True)
class Reach:
    """Share of the target questions that find an injected passage: a cell of the matrix, or a mean over cells.

    Attributes
    ----------
    source, language : str
        Source language of the injected passages and language of the queries; ``"all"`` for the mean over the others,
        without cells where a passage is in the queries' own language; or the resource level of several, such as
        ``"low-resource"``.
    depth : int
        ASR@1 or ASR@10: the injected passage is first, or among the first ten.
    share : Estimate
        The share, with its 95% interval by a bootstrap over questions.
    p, p_adjusted : float
        p value of the hypothesis that passages in this source language are found as often as passages in the queries'
        own language, by sign flips of questions, alone and adjusted for all cells of the matrix by step-down max-T.
        NaN where nothing was injected in the queries' language, or where one of the passages is in it, and for means.
    questions : int
        Number of target questions.
    """

    source: str
    language: str
    depth: Depth
    share: Estimate
    p: float
    p_adjusted: float
    questions: int


@dataclass(frozen=True)
class Asymmetry:
    """Whether one language reaches another one as often as the other way round.

    Attributes
    ----------
    first, second : str
        Two languages that are both source and query language.
    depth : int
        As in `Reach`.
    forth, back : float
        Share of the queries in the second language that find passages in the first, and the other way round.
    difference : Estimate
        `forth` - `back`, over the questions that exist in both, with its 95% interval.
    p, p_adjusted : float
        p value of the hypothesis that it is 0, alone and adjusted for all pairs of languages.
    questions : int
        Number of questions.
    """

    first: str
    second: str
    depth: Depth
    forth: float
    back: float
    difference: Estimate
    p: float
    p_adjusted: float
    questions: int


@dataclass(frozen=True)
class HonestDrop:
    """How far the honest passages fall, as a macro mean over query languages, in the pool of all languages.

    Attributes
    ----------
    source, measure : str
        Source language of the injected passages, and the measure.
    clean, attacked : float
        The measure before and after.
    drop : Estimate
        Clean - attacked, with its 95% interval.
    p, p_adjusted : float
        p value of the hypothesis that it is 0, alone and adjusted for all source languages.
    questions : int
        Number of target questions.
    """

    source: str
    measure: str
    clean: float
    attacked: float
    drop: Estimate
    p: float
    p_adjusted: float
    questions: int


@dataclass(frozen=True)
class InjectedPassage:
    """The text of an injected passage.

    Attributes
    ----------
    question : str
        The question whose text it began with, by its `parallel_id`.
    language, text : str
        Its language and its text.
    before, after : float
        Mean similarity with the texts, in all query languages, of the questions that it aims at, by the encoder that
        crafted it, before and after the search; NaN where nothing was searched.
    """

    question: str
    language: str
    text: str
    before: float = math.nan
    after: float = math.nan


@dataclass(frozen=True)
class Poisoning:
    """An encoder and a pool with injected passages; derived numbers are methods.

    Attributes
    ----------
    version, task, task_digest, encoder, judgements, clean, timings, task_notes, scoring
        As in `robustbench_ir.Result`; `clean` has the ranks without injected passages.
    craft : str
        How the passages were written; see `robustbench_ir.adversary.crafts.Craft`.
    budget : int
        Number of injected passages for each question.
    place : mapping of str to int32 array of shape (queries,)
        Source language to the place of the best injected passage of each query, 1 to 10; 0 if it is not among the
        first ten, -1 if there is none, because the question has no text in that language.
    above : mapping of str to int32 array of shape (judgements,)
        Source language to the number of injected passages above each judged one.
    encodings : int
        Number of encodings that a search had for each passage; 0 without a search.
    crafter : EncoderDescription, optional
        The encoder whose scores or gradients a search used, where it is another one than `encoder`.
    passages : tuple of InjectedPassage
        The injected passages; none in files of earlier versions.
    detections : tuple of Detection
        What detectors say of them; none in files of earlier versions.
    unseen : float
        Share of the questions of each topic that are attacked without being known; 0 where all are known. Where it is
        not 0, the topics are the clusters of `judgements`, in place of questions.
    """

    version: str
    task: str
    task_digest: str
    encoder: EncoderDescription
    craft: str
    budget: int
    judgements: Judgements
    clean: Ranks
    place: Mapping[str, IntArray]
    above: Mapping[str, IntArray]
    timings: Mapping[str, float] = field(default_factory=dict)
    task_notes: tuple[str, ...] = ()
    scoring: int = SCORING_VERSION
    encodings: int = 0
    crafter: EncoderDescription | None = None
    passages: tuple[InjectedPassage, ...] = ()
    detections: tuple[Detection, ...] = ()
    unseen: float = 0.0

    @property
    def sources(self) -> tuple[str, ...]:
        """Source languages."""
        return tuple(self.place)

    @property
    def query_languages(self) -> tuple[str, ...]:
        """Languages of the queries."""
        return self.judgements.query_languages

    def __repr__(self) -> str:
        """Return one line; the ranks may be millions."""
        asked = self.judgements
        return (
            f"<Poisoning: {self.encoder.name} on {self.task}, {len(asked.query_ids):,} queries in "
            f"{','.join(asked.query_languages)}, {asked.pool_size:,} passages; "
            f"{self.craft} in {','.join(self.sources)}, budget {self.budget}>"
        )

    def _injected(self, source: str) -> IntArray:
        """Return the places of the passages in a source language."""
        if source not in self.place:
            raise UnknownNameError("source language", str(source), self.sources)
        return self.place[source]

    def written_in(self, source: str) -> tuple[str, ...]:
        """Return the languages of the passages that a question gets in one of `sources`.

        Beyond the first passage of a budget, they are the sources that follow it in the list.

        Parameters
        ----------
        source : str
            One of `sources`.
        """
        self._injected(source)
        number = 1 if self.unseen else self.budget
        first = self.sources.index(source)
        return tuple(self.sources[(first + step) % len(self.sources)] for step in range(min(number, len(self.sources))))

    def attacked(self, source: str) -> Ranks:
        """Return the ranks of the judged passages in the poisoned pool of all languages.

        Ranks within one language are those of the honest pool.

        Parameters
        ----------
        source : str
            One of `sources`.
        """
        self._injected(source)
        found = self.clean.in_pool
        return Ranks(np.where(found > 0, found + self.above[source], 0).astype(np.int32), self.clean.in_language)

    def found(self, source: str, depth: Depth = 10) -> Floats:
        """Return 1 for each query that finds an injected passage, 0 for the others, NaN for those without one.

        Parameters
        ----------
        source : str
            One of `sources`.
        depth : {1, 10}
            How far the query's reader looks.
        """
        place = self._injected(source)
        return np.where(place < 0, np.nan, (place > 0) & (place <= depth))

    def matrix(self, depth: Depth = 10, *, resamples: int = RESAMPLES) -> list[Reach]:
        """Return the share of the questions of each language that find passages in each source language.

        Parameters
        ----------
        depth : {1, 10}
            ASR@1 or ASR@10.
        resamples : int
            Number of resamples and of sign flips.

        Returns
        -------
        list of Reach
            The cells, source by source; then the mean over the other languages of each source and of each query
            language, and that of all; then the means of resource levels, where there is a value.
        """
        _check_depth(depth)
        groups = {
            (source, language): self._mask([source], [language], own=True)
            for source in self.sources
            for language in self.query_languages
        }
        cells = len(groups)
        groups |= {(source, ALL): self._mask([source], self.query_languages) for source in self.sources}
        groups |= self._from_elsewhere() | self._levels()
        means = self._means(self._found_by_source(depth), groups)
        (draw,) = draws([means], np.random.default_rng(SEED), resamples)
        intervals = bootstrap_intervals(draw, self.judgements.questions, having=means.clusters)
        shares = [share_interval(one, number) for one, number in zip(intervals, means.clusters.tolist(), strict=True)]
        tests = self._against_own_language(depth, dict(list(groups.items())[:cells]), resamples)
        questions = means.clusters.tolist()
        return [
            Reach(*name, depth, share, *tests.get(name, (np.nan, np.nan)), number)
            for place, (name, share, number) in enumerate(zip(groups, shares, questions, strict=True))
            if number or place < cells
        ]

    def from_elsewhere(self, depth: Depth = 10) -> ClusterMeans:
        """Return the means over passages in other languages than the query's, for intervals of one's own.

        Parameters
        ----------
        depth : {1, 10}
            See `matrix`.

        Returns
        -------
        ClusterMeans
            The mean for each query language, then that over all of them: the rows of `matrix` with the source
            ``"all"``.
        """
        _check_depth(depth)
        return self._means(self._found_by_source(depth), self._from_elsewhere())

    def _from_elsewhere(self) -> dict[tuple[str, str], NDArray[np.bool_]]:
        """Return the strata of the means over other source languages: for each query language, and for all."""
        groups = {(ALL, language): self._mask(self.sources, [language]) for language in self.query_languages}
        return {**groups, (ALL, ALL): self._mask(self.sources, self.query_languages)}

    def _found_by_source(self, depth: Depth) -> Floats:
        return np.stack([self.found(source, depth) for source in self.sources], axis=1)

    def _mask(self, sources: Sequence[str], among: Sequence[str], *, own: bool = False) -> NDArray[np.bool_]:
        """Return which strata (query language x source) some sources and languages have, by default without own."""
        written = {source: self.written_in(source) for source in self.sources}
        return np.array(
            [
                source in sources and language in among and (own or language not in written[source])
                for language in self.query_languages
                for source in self.sources
            ]
        )

    def _levels(self) -> dict[tuple[str, str], NDArray[np.bool_]]:
        """Return the strata of each pair of resource levels."""
        level = {one: _level(one) for one in (*self.sources, *self.query_languages)}
        found = {}
        for source in dict.fromkeys(level[one] for one in self.sources):
            for language in dict.fromkeys(level[one] for one in self.query_languages):
                sources = [one for one in self.sources if level[one] == source]
                among = [one for one in self.query_languages if level[one] == language]
                found[source, language] = self._mask(sources, among)
        return found

    def _means(self, value: Floats, groups: Mapping[tuple[str, str], NDArray[np.bool_]]) -> ClusterMeans:
        """Return macro means of values of shape (queries, sources) over the strata of each group."""
        judgements, sources = self.judgements, len(self.sources)
        return cluster_means(
            value,
            np.broadcast_to(judgements.question[:, None], value.shape),
            judgements.query_language[:, None] * sources + np.arange(sources),
            np.stack(list(groups.values()), axis=1),
            judgements.questions,
        )

    def _against_own_language(
        self, depth: Depth, cells: Mapping[tuple[str, str], NDArray[np.bool_]], resamples: int
    ) -> dict[tuple[str, str], tuple[float, float]]:
        """Return p and adjusted p of each cell whose query language is another one, and a source too."""
        found = {source: self.found(source, depth) for source in self.sources}
        own = np.full(len(self.judgements.languages), np.nan)
        for row, language in enumerate(self.judgements.languages):
            own[row] = found[language][row] if language in found else np.nan
        tested = {
            (source, language): mask
            for (source, language), mask in cells.items()
            if language in found and language not in self.written_in(source)
        }
        if not tested:
            return {}
        value = np.stack([found[source] - own for source in self.sources], axis=1)
        means = self._means(value, tested)
        (family,) = sign_flip_tests([[means]], np.random.default_rng(SEED), resamples)
        p = np.where(means.clusters > 0, [family.p, family.p_adjusted], np.nan)
        return {name: (float(p[0, number]), float(p[1, number])) for number, name in enumerate(tested)}

    def asymmetries(self, depth: Depth = 10, *, resamples: int = RESAMPLES) -> list[Asymmetry]:
        """Return for each two languages whether one reaches the other as often as the other way round.

        Two languages are left out where the budget reaches from one into the other: a passage in the reader's own
        language is found in any case.

        Parameters
        ----------
        depth, resamples
            See `matrix`.
        """
        _check_depth(depth)
        pairs = [
            (first, second)
            for first, second in combinations([one for one in self.sources if one in self.query_languages], 2)
            if second not in self.written_in(first) and first not in self.written_in(second)
        ]
        if not pairs:
            return []
        forth = np.stack([self._by_question(first, second, depth) for first, second in pairs], axis=1)
        back = np.stack([self._by_question(second, first, depth) for first, second in pairs], axis=1)
        cluster, stratum = (np.asarray(index) for index in np.indices(forth.shape))
        both = np.where(np.isnan(forth - back), np.nan, 0.0)
        means, there, here = (
            cluster_means(value + both, cluster, stratum, np.eye(len(pairs), dtype=bool), len(forth))
            for value in (forth - back, forth, back)
        )
        (draw,) = draws([means], np.random.default_rng(SEED), resamples)
        differences = bootstrap_intervals(draw, len(forth), having=means.clusters)
        (family,) = sign_flip_tests([[means]], np.random.default_rng(SEED), resamples)
        shares = np.stack([there.estimate(), here.estimate()], axis=1).tolist()
        tests = np.stack([family.p, family.p_adjusted], axis=1).tolist()
        rows = zip(pairs, shares, differences, tests, means.clusters.tolist(), strict=True)
        return [
            Asymmetry(first, second, depth, forward, backward, difference, p, adjusted, number)
            for (first, second), (forward, backward), difference, (p, adjusted), number in rows
            if number
        ]

    def _by_question(self, source: str, language: str, depth: Depth) -> Floats:
        """Return the share of each question's queries in a language that find a passage; NaN where there is none."""
        one = np.where(np.array(self.judgements.languages) == language, self.found(source, depth), np.nan)
        question, number = self.judgements.question, self.judgements.questions
        means = cluster_means(one, question, np.zeros_like(question), np.ones((1, 1), dtype=bool), number)
        count = means.counts[:, 0]
        shares: Floats = np.divide(means.sums[:, 0], count, out=np.full(len(count), np.nan), where=count > 0)
        return shares

    def drops(self, measure: str = "AP", *, resamples: int = RESAMPLES) -> list[HonestDrop]:
        """Return how far the honest passages fall, for each source language, over its target questions.

        Parameters
        ----------
        measure : str
            Measure, such as ``"AP"`` or ``"nDCG@10"``.
        resamples : int
            See `matrix`.
        """
        measure = measure_name(measure)
        before = per_query_scores(self.judgements, self.clean, measure, "multilingual")
        tables, clean = [], []
        for source, place in self.place.items():
            of_targets = np.where(place < 0, np.nan, before)
            after = per_query_scores(self.judgements, self.attacked(source), measure, "multilingual")
            clean.append(float(macro_means(self.judgements, of_targets).estimate()[0]))
            tables.append(macro_means(self.judgements, of_targets - after))
        (family,) = sign_flip_tests([tables], np.random.default_rng(SEED), resamples)
        rows = []
        drawn = draws(tables, np.random.default_rng(SEED), resamples)
        numbers = zip(self.sources, clean, tables, drawn, family.p.tolist(), family.p_adjusted.tolist(), strict=True)
        for source, value, table, draw, p, adjusted in numbers:
            (drop,) = bootstrap_intervals(draw, self.judgements.questions, having=table.clusters)
            questions = int(table.clusters[0])
            rows.append(HonestDrop(source, measure, value, value - drop.value, drop, p, adjusted, questions))
        return rows

    @property
    def foreign_share(self) -> float:
        """Share of the relevant passages among the first ten that are not in the query's language, 0 to 1.

        It is the cost of a filter that hides all passages in other languages than the query's, which stops every
        injected passage from another language.
        """
        layout, rank = self.judgements, self.clean.in_pool
        shown = (rank > 0) & (rank <= DEEPEST) & (layout.grade >= layout.relevant_from)
        foreign = layout.passage_language != layout.own_pool[layout.query]
        return float(foreign[shown].mean()) if shown.any() else float("nan")

    def to_frame(self, *, resamples: int = RESAMPLES) -> pd.DataFrame:
        """Return every number as one table.

        Parameters
        ----------
        resamples : int
            See `matrix`.

        Returns
        -------
        pandas.DataFrame
            Columns ``quantity`` (``ASR@10``, ``ASR@1``, ``asymmetry@10``, ``asymmetry@1``, ``drop of AP``, ``drop of
            nDCG@10``; ``caught by``, ``cost of`` and ``AUC of`` each detector), ``source``, ``language``, ``value``,
            ``low``, ``high``, ``p``, ``p_adjusted``, ``questions``.
        """
        import pandas as pd

        return pd.DataFrame([row._asdict() for row in self.rows(resamples=resamples)], columns=Row._fields)

    def rows(self, *, resamples: int = RESAMPLES) -> list[Row]:
        """Return the rows of `to_frame`.

        Parameters
        ----------
        resamples : int
            See `matrix`.
        """
        found: list[Row] = []
        for depth in reversed(DEPTHS):
            cells, pairs = self.matrix(depth, resamples=resamples), self.asymmetries(depth, resamples=resamples)
            found += [_row(f"ASR@{depth}", one.source, one.language, one.share, one) for one in cells]
            found += [_row(f"asymmetry@{depth}", one.first, one.second, one.difference, one) for one in pairs]
        for measure in MEASURES:
            drops = self.drops(measure, resamples=resamples)
            found += [_row(f"drop of {measure}", one.source, ALL, one.drop, one) for one in drops]
        nan = math.nan
        for one in self.detections:
            shares = one.caught.value, one.caught.low, one.caught.high
            found.append(Row(f"caught by {one.detector}", one.source, ALL, *shares, nan, nan, one.questions))
            for quantity, value in (("cost", one.cost), ("AUC", one.auc)):
                name = f"{quantity} of {one.detector}"
                found.append(Row(name, one.source, ALL, value, nan, nan, nan, nan, one.questions))
        return found


class Row(NamedTuple):
    """A number of a poisoning; see `Poisoning.to_frame`.

    Attributes
    ----------
    quantity, source, language : str
        What was measured, and between which languages.
    value, low, high : float
        The number, with its 95% interval.
    p, p_adjusted : float
        p values; NaN where nothing is tested.
    questions : int
        Number of questions.
    """

    quantity: str
    source: str
    language: str
    value: float
    low: float
    high: float
    p: float
    p_adjusted: float
    questions: int


def _row(quantity: str, source: str, language: str, found: Estimate, of: Reach | Asymmetry | HonestDrop) -> Row:
    return Row(quantity, source, language, found.value, found.low, found.high, of.p, of.p_adjusted, of.questions)


def _level(language: str) -> str:
    row = languages().get(language)
    return f"{resource_level(row.resource_class if row else None)}-resource"


def _check_depth(depth: int) -> None:
    if depth not in DEPTHS:
        raise OptionError(f"ASR@{depth} is not known; there are ASR@1 and ASR@10")
