"""Poisoned corpora: passages that are injected into the pool, and how many questions of each language find them.

The pool is encoded and ranked once. An injected passage adds a column to the scores: the rank of a relevant passage
afterwards is the rank before plus the number of injected passages that score higher, and the place of an injected
passage is found among the best honest ones. Scores, and the order of equal scores, are those of
`robustbench_ir.retrieval`, so that the ranks are those of a ranking of the whole poisoned pool, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robustbench_ir._base.cache import using_cache
from robustbench_ir._base.numbers import whole_number
from robustbench_ir._base.progress import Progress
from robustbench_ir._base.shown_progress import shown
from robustbench_ir._version import __version__
from robustbench_ir.adversary.crafting import Crafted
from robustbench_ir.adversary.crafts import ENCODINGS, Craft
from robustbench_ir.adversary.detection import Detection, Injected, detections
from robustbench_ir.adversary.injection import Injection, check_budget, inject
from robustbench_ir.adversary.optimised import Crafting, optimised
from robustbench_ir.adversary.poisoning import DEEPEST, InjectedPassage, Poisoning
from robustbench_ir.adversary.topics import Topics, check_unseen, split_topics
from robustbench_ir.adversary.victim import check_access
from robustbench_ir.encoders import Embeddings, Encoder, EncoderOptions, as_encoder
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.encoders.encoder import PoolEncoder
from robustbench_ir.encoders.kinds import RERANKED
from robustbench_ir.encoders.piece_embeddings import Pool
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.evaluation.evaluation import Evaluation, open_evaluation
from robustbench_ir.evaluation.request import DEFAULT_RUN, Request, RunOptions
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.retrieval.scores import Doubles
from robustbench_ir.retrieval.similarity import pair_scores
from robustbench_ir.retrieval.ties import Keys, TieOrder
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.questions import Questions
from robustbench_ir.tasks.task import IntArray

Bools = NDArray[np.bool_]

_ON_ANOTHER = "craft on another encoder with --craft-on MODEL"


def poison(  # noqa: PLR0913
    encoder: str | Encoder | EncodeTexts | None = None,
    task: str | Path | Task = "mini",
    *,
    source_languages: Iterable[str] | None = None,
    budget: int = 1,
    craft: str = "copy",
    encodings: int = ENCODINGS,
    craft_on: str | Encoder | EncodeTexts | None = None,
    unseen: float | None = None,
    languages: Iterable[str] | None = None,
    questions: Questions | int | None = None,
    options: EncoderOptions | None = None,
    run: RunOptions = DEFAULT_RUN,
    progress: Progress | bool = False,
) -> Poisoning:
    """Inject passages into the pool, and measure how many questions find them in each language.

    The attacker knows the questions, and asks an encoder only where the craft is a search. Every question is attacked
    by itself: only its own injected passages are in the pool, which is that of all languages.

    Parameters
    ----------
    encoder : str, Encoder or callable, optional
        See `robustbench_ir.attack`. Its scores must not depend on the pool.
    task : str, Path or Task
        See `robustbench_ir.attack`.
    source_languages : iterable of str, or str, optional
        Languages in which passages are injected, each an attack of its own. Default: all query languages.
    budget : int
        Number of injected passages for each question. Beyond the first, they are its translations into the source
        languages that follow.
    craft : str
        What is injected: ``"copy"`` (the question), ``"payload"`` (the question and a harmless marked sentence), or the
        question with words that a search has changed: ``"greedy"``, ``"beam-4"`` (by scores), ``"hotflip"`` (by
        gradients); ``"payload+greedy"`` has both.
    encodings : int
        Number of encodings that a search may spend on each passage, besides those of the vocabulary.
    craft_on : str, Encoder or callable, optional
        The encoder that a search asks. Default: `encoder` itself.
    unseen : float, optional
        Share of the questions of each topic that the attacker does not know: the passages are crafted for the others,
        `budget` of them for each topic, and attack these. A topic is a document, which the task must name.
    languages, questions, options, run, progress
        See `robustbench_ir.attack`.

    Returns
    -------
    Poisoning
        Which queries find an injected passage, with methods for the shares, their intervals and tests.

    Raises
    ------
    RobustBenchError
        See `robustbench_ir.errors`. Encoded passages are kept.

    Examples
    --------
    >>> found = poison("char-ngram", task="mini", source_languages=["hi", "en"])
    >>> found.sources
    ('hi', 'en')
    """
    how = Craft.parse(craft)
    _check_search(how, encodings, craft_on is not None)
    check_budget(budget)
    if unseen is not None:
        check_unseen(unseen)
    asked = replace(run, progress=progress) if progress is not False else run
    request = Request(encoder, task, [], languages, options=options, questions=questions)
    with using_cache(asked.cache), shown(asked.progress) as following:
        evaluation = open_evaluation(request, replace(asked, progress=following))
        _check_encoder(evaluation.runner.encoder)
        crafter = evaluation.runner.encoder if craft_on is None else as_encoder(craft_on, options)
        _check_encoder(crafter)
        check_access(crafter, how.needs, f"craft {how}", _ON_ANOTHER)
        runner = evaluation.runner
        topics = None if unseen is None else split_topics(runner.task, unseen)
        injection = inject(runner.task, source_languages, budget, how, topics)
        runner.clock.expect(len(runner.task.passages) + len(runner.task.queries) + len(injection.passages))
        attack = _Attack(how, budget, encodings, crafter, injection, topics=topics, unseen=unseen or 0.0)
        return _poisoned(evaluation, _searched(evaluation, attack) if how.search else attack)


@dataclass(frozen=True)
class _Attack:
    """What is injected, and how it was written.

    Attributes
    ----------
    craft, budget, encodings
        See `poison`.
    crafter : Encoder
        The encoder that a search asks.
    injection : Injection
        The passages.
    crafted : tuple of Crafted
        What a search made of each passage; empty without one.
    topics : Topics, optional
        Known and unseen questions.
    unseen : float
        Share of the unseen ones; 0 where all are known.
    """

    craft: Craft
    budget: int
    encodings: int
    crafter: Encoder
    injection: Injection
    crafted: tuple[Crafted, ...] = ()
    topics: Topics | None = None
    unseen: float = 0.0

    @property
    def passages(self) -> tuple[InjectedPassage, ...]:
        """The passages as results have them."""
        similarity = [(one.before, one.after) for one in self.crafted] or [(math.nan, math.nan)]
        pairs = zip(self.injection.aims, self.injection.passages, cycle(similarity), strict=False)
        return tuple(InjectedPassage(aims[0], one.language, one.text, *found) for aims, one, found in pairs)


def _check_search(craft: Craft, encodings: int, named: bool) -> None:
    if not craft.search:
        given = "--craft-on" if named else "--encodings" if encodings != ENCODINGS else ""
        if given:
            raise OptionError(f"craft {craft} asks no encoder; leave out {given}, or craft by greedy or hotflip")
        return
    if whole_number(encodings, "number of encodings") < 1:
        raise OptionError(f"{encodings} encodings: a search without any changes nothing; give 1 or more, or craft copy")


def _check_encoder(encoder: Encoder) -> None:
    who = encoder.description
    if who.kind == RERANKED:
        raise EncoderError(
            f"{who.name}: a reranker orders what the first stage finds, which an injected passage changes; "
            "poison the encoder without its reranker"
        )
    if isinstance(encoder, PoolEncoder):
        raise EncoderError(
            f"{who.name}: its scores depend on the pool, so that an injected passage would change those of all others; "
            "name an encoder of single texts (see irbench encoders)"
        )


def _searched(evaluation: Evaluation, attack: _Attack) -> _Attack:
    """Return the attack with the passages that a search has made."""
    runner, clean = evaluation.runner, evaluation.clean_queries
    if attack.crafter is runner.encoder:
        queries = clean.embeddings
    else:
        bare = replace(runner.task, passages=attack.injection.passages, own_passage=None)  # its pool is not needed
        runner = replace(runner, encoder=attack.crafter)
        queries = replace(runner, task=bare).encode(clean.texts, "crafting encoder", clean.digest)
    unseen = attack.topics.attacked if attack.topics else ()
    crafting = Crafting(runner, queries, attack.craft, attack.encodings, unseen, evaluation.run.resume)
    injection, crafted = optimised(attack.injection, crafting)
    return replace(attack, injection=injection, crafted=tuple(crafted))


def _poisoned(evaluation: Evaluation, attack: _Attack) -> Poisoning:
    runner, injection = evaluation.runner, attack.injection
    clean, queries = evaluation.clean, evaluation.clean_queries.embeddings
    injected = replace(runner, task=replace(runner.task, passages=injection.passages, own_passage=None))
    added = injected.pool
    with runner.clock.stage("rank", len(runner.task.queries), "injected passages"):
        honest = _Honest.of(runner, queries)
        columns = {
            source: _column(honest, queries, added, injected.ties, rows) for source, rows in injection.aimed.items()
        }
    with runner.clock.stage("detect", len(injection.passages)):
        detected: list[Detection] = detections(runner.task.passages, runner.pool, _by_source(injection, added))
    elsewhere = attack.craft.search and attack.crafter is not runner.encoder
    return Poisoning(
        version=__version__,
        task=runner.task.identity,
        task_digest=runner.task.digest,
        encoder=runner.encoder.description,
        craft=str(attack.craft),
        budget=attack.budget,
        judgements=_by_topic(evaluation.cells.judgements, attack.topics),
        clean=clean.ranks,
        place={source: place for source, (place, _) in columns.items()},
        above={source: above for source, (_, above) in columns.items()},
        timings=dict(runner.clock.seconds),
        task_notes=runner.task.notes,
        encodings=attack.encodings if attack.craft.search else 0,
        crafter=attack.crafter.description if elsewhere else None,
        passages=attack.passages,
        detections=tuple(detected),
        unseen=attack.unseen,
    )


def _by_source(injection: Injection, added: Pool) -> dict[str, Injected]:
    """Return the injected passages in each source language, as detectors see them."""
    numbers = {first: number for number, first in enumerate(dict.fromkeys(aims[0] for aims in injection.aims))}
    found = {}
    for source in injection.aimed:
        rows = [row for row, one in enumerate(injection.passages) if one.language == source]
        question = np.array([numbers[injection.aims[row][0]] for row in rows], dtype=np.intp)
        found[source] = Injected([injection.passages[row].text for row in rows], added[rows], question)
    return found


def _by_topic(judgements: Judgements, topics: Topics | None) -> Judgements:
    """Return judgements in which the questions of a topic are one cluster: they share their passages."""
    if topics is None:
        return judgements
    return replace(judgements, parallel_ids=tuple(topics.of[one] for one in judgements.parallel_ids))


@dataclass(frozen=True)
class _Honest:
    """Scores of the honest passages that injected ones are compared with, and the keys that order equal scores.

    Attributes
    ----------
    query : int32 array of shape (judgements,)
        Row of each judgement's query.
    judged, judged_key : arrays of shape (judgements,)
        The judged passages.
    best, best_key : arrays of shape (queries, up to 10)
        The best passages of each query; the score is -inf where there are fewer.
    """

    query: IntArray
    judged: Doubles
    judged_key: Keys
    best: Doubles
    best_key: Keys

    @classmethod
    def of(cls, runner: Runner, queries: Embeddings) -> _Honest:
        pool, ties, qrels = runner.pool, runner.ties, runner.task.qrels
        return cls(
            qrels.query,
            pair_scores(queries, qrels.query, pool, qrels.passage),
            ties.keys(qrels.query, qrels.passage),
            *_best(runner, queries, range(len(runner.task.queries))),
        )


def _best(runner: Runner, queries: Embeddings, rows: Sequence[int]) -> tuple[Doubles, Keys]:
    """Return scores and keys of the best honest passages of some queries."""
    own, ties = runner.task.own_passage, runner.ties.for_queries(rows)
    left_out = None if own is None else own[rows]
    found = best_passages(runner.pool, queries, DEEPEST, memory=runner.memory, own=left_out, ties=ties)
    place = np.arange(len(found.rows))[:, None]
    return np.where(found.rows >= 0, found.scores, -np.inf), ties.keys(place, found.rows)


def places_of_some(
    runner: Runner, rows: Sequence[int], queries: Embeddings, sources: Iterable[str], budget: int, craft: Craft
) -> dict[str, IntArray]:
    """Return what `Poisoning.place` has, for some queries only: no other passages than theirs are encoded.

    Parameters
    ----------
    runner : Runner
        Encoder and task.
    rows : sequence of int
        Ascending rows of the queries.
    queries : float32 array of shape (len(rows), dimensions)
        Their embeddings.
    sources, budget, craft
        See `poison`; the craft is no search.

    Raises
    ------
    EncoderError
        If the scores of the encoder depend on the pool.
    """
    _check_encoder(runner.encoder)
    injection = inject(runner.task, sources, budget, craft)
    aimed = {source: columns[list(rows)] for source, columns in injection.aimed.items()}
    used = np.unique(np.concatenate([columns.ravel() for columns in aimed.values()]))
    used = used[used >= 0]
    bare = replace(runner.task, passages=tuple(injection.passages[row] for row in used), own_passage=None)
    injected = replace(runner, task=bare)
    judged = np.zeros(0, np.int32), np.zeros(0), np.zeros(0, np.uint64)  # only the places are asked for
    honest = _Honest(*judged, *_best(runner, queries, rows))
    ties = injected.ties.for_queries(rows)
    return {
        source: _column(
            honest, queries, injected.pool, ties, np.where(of < 0, -1, np.searchsorted(used, of)).astype(np.int32)
        )[0]
        for source, of in aimed.items()
    }


def _column(
    honest: _Honest, queries: Embeddings, added: Pool, ties: TieOrder, rows: IntArray
) -> tuple[IntArray, IntArray]:
    """Return the place of the best injected passage of each query, and how many are above each judged passage.

    The place is 0 if it is not among the first 10, and -1 if nothing was injected for the query.
    """
    place = np.zeros(len(rows), dtype=np.int32)
    above = np.zeros(len(honest.query), dtype=np.int32)
    best = np.full(len(rows), DEEPEST + 1)
    for passage in rows.T:
        (asked,) = np.nonzero(passage >= 0)
        score = np.full(len(rows), -np.inf)
        score[asked] = pair_scores(queries, asked, added, passage[asked])
        if not ties.retrieves_zero:
            score[score <= 0] = -np.inf
        key = ties.keys(np.arange(len(rows)), passage)
        there = np.isfinite(score)
        better = _first(honest.best, honest.best_key, score[:, None], key[:, None])
        best = np.minimum(best, np.where(there, 1 + better.sum(axis=1), DEEPEST + 1))
        above += there[honest.query] & _first(score[honest.query], key[honest.query], honest.judged, honest.judged_key)
    place[:] = np.where(best > DEEPEST, 0, best)
    place[rows[:, 0] < 0] = -1
    return place, above


def _first(score: Doubles, key: Keys, other: Doubles, other_key: Keys) -> Bools:
    """Return where passages come before others: with a higher score, or with an equal one and a lower key."""
    first: Bools = (score > other) | ((score == other) & (key < other_key))
    return first
