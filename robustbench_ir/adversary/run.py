"""Run searches over all queries of a task, in blocks of queries, and make cells of the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from robustbench_ir._base.cache import read_cached, write_cached
from robustbench_ir._base.text import nfc
from robustbench_ir.adversary.candidates import (
    Budget,
    Candidate,
    Draws,
    SearchSpace,
    passage_frequency,
    place_frequencies,
    search_spaces,
)
from robustbench_ir.adversary.driver import (
    Allowed,
    Measurement,
    Measurements,
    QueryOutcome,
    QuerySearch,
    SearchLimits,
    advance_together,
    measure_ranks,
    measure_texts,
)
from robustbench_ir.adversary.goals import Goal, TargetRanks
from robustbench_ir.adversary.methods import SearchMethod, make_method
from robustbench_ir.adversary.outcomes import SearchedCell, outcomes_from_json, outcomes_to_json, perturbation
from robustbench_ir.adversary.promise import promises
from robustbench_ir.adversary.victim import Victim
from robustbench_ir.evaluation.cell_cache import scored_path
from robustbench_ir.evaluation.semantic_floor import FloorJudge
from robustbench_ir.perturb import Perturbation, Recipe
from robustbench_ir.perturb.identity import AttackIdentity, SearchIdentity
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.retrieval.ranking import Ranks

QUERIES_AT_ONCE = 512
"""Largest number of queries that are searched together. Finished blocks are cached, so that a stopped run resumes."""

DEFAULT_ALTERNATIVES = 8
_TEXTS_AT_ONCE = 1 << 16  # of one block, at most: no more work than that is lost when a run is stopped
_KNOWN_AT_MOST = 1 << 18  # texts whose measurements are kept in memory: about 200 MB
_ALGORITHMS = 2  # raised when a search could give another result than before, so that cached results are not used


@dataclass(frozen=True)
class CellSearch:
    """The search that makes one cell.

    Attributes
    ----------
    recipes : sequence of Recipe
        Recipes whose rewritings are offered together.
    method : SearchMethod
        The search method.
    draws : Draws
        Number and seed of the rewritings and random perturbations.
    """

    recipes: Sequence[Recipe]
    method: SearchMethod
    draws: Draws


@dataclass(frozen=True)
class SearchRun:
    """An encoder, a goal and a budget, with which cells are searched.

    Attributes
    ----------
    victim : Victim
        The encoder that is attacked.
    base : Result
        Result with the clean ranks.
    goal : Goal
        What the searches minimise.
    clean : sequence of Measurement
        Effect of each clean query.
    budget : Budget
        Limits for each query.
    until_reached : bool
        Whether the search of a query ends at its first success, even if the goal could be lowered further.
    floor : FloorJudge, optional
        Sentence-encoder constraint that every perturbation must satisfy.
    resume : bool
        Whether cached results of an earlier run are used.
    """

    victim: Victim
    base: Result
    goal: Goal
    clean: Sequence[Measurement]
    budget: Budget
    until_reached: bool
    floor: FloorJudge | None
    resume: bool

    def cells(self, searches: Sequence[CellSearch]) -> list[SearchedCell]:
        """Run the searches over all queries, in blocks; within a block, no text is encoded twice for the same query."""
        task, clock = self.victim.runner.task, self.victim.runner.clock
        together = max(1, min(QUERIES_AT_ONCE, _TEXTS_AT_ONCE // self.budget.queries))
        found: list[list[QueryOutcome]] = [[] for _ in searches]
        places: list[list[int]] = [[] for _ in searches]
        label = ", ".join(dict.fromkeys(self._name(one) for one in searches))
        if any(one.method.by_rarity for one in searches):
            with clock.stage("count words", len(task.passages)):
                _ = self.counts
        with clock.stage("search", len(task.queries) * len(searches), label):
            for start in range(0, len(task.queries), together):
                rows, known = range(start, min(start + together, len(task.queries))), Measurements({})
                for number, one in enumerate(searches):
                    if len(known) > _KNOWN_AT_MOST:
                        known.clear()
                    block = self._spaces(rows, one)
                    places[number] += [len(space.places) for space in block]
                    found[number] += self._block(rows, block, one, known)
        return [self._as_cell(*each) for each in zip(searches, found, places, strict=True)]

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Word to the number of passages that have it."""
        return passage_frequency(self.victim.runner.task)

    @staticmethod
    def _name(one: CellSearch) -> str:
        return f"{one.method.name} on {'+'.join(recipe.name for recipe in one.recipes)}"

    def identity(self, one: CellSearch) -> AttackIdentity:
        """Return the identity of an attack, such as ``greedy(typo@3)|goal=map|words=2|queries=500``."""
        starts, alternatives = one.draws.starts, one.draws.alternatives
        search = SearchIdentity(
            method=one.method.name,
            goal=self.goal.name,
            words=self.budget.words,
            queries=self.budget.queries,
            edit_rate=self.budget.edit_rate,
            until_reached=self.until_reached,
            starts=None if starts == make_method(one.method.name).starts else starts,
            alternatives=None if alternatives == DEFAULT_ALTERNATIVES else alternatives,
        )
        recipes = tuple(recipe.identity for recipe in one.recipes)
        return AttackIdentity(recipes, self.floor.identity if self.floor else None, search)

    def _spaces(self, rows: range, one: CellSearch) -> list[SearchSpace]:
        """Return the search spaces of some queries; random perturbations lose edits until they satisfy the floor."""
        queries = [self.victim.runner.task.queries[row] for row in rows]
        block = search_spaces(queries, one.recipes, self.budget, one.draws)
        if one.method.by_rarity:
            block = [
                replace(space, frequency=place_frequencies(space, query.language, self.counts))
                for space, query in zip(block, queries, strict=True)
            ]
        if self.floor is None:
            return block
        drawn = [
            Perturbation(space.query_id, space.clean, start.text, start.edits, len(space.places))
            for space in block
            for start in space.starts
        ]
        left = iter(self.floor.applied(drawn))
        return [
            replace(
                space,
                starts=tuple(Candidate(kept.text, kept.edits) for _, kept in zip(space.starts, left, strict=False)),
            )
            for space in block
        ]

    def _block(
        self, rows: range, block: Sequence[SearchSpace], one: CellSearch, known: Measurements
    ) -> list[QueryOutcome]:
        advance = self.victim.runner.clock.advance
        path = self._file(rows, block, one)
        content = read_cached(path) if path and self.resume else None
        if content is not None:
            advance(len(rows))
            return outcomes_from_json(content)
        if one.method.by_gradient:
            languages = [self.victim.runner.task.queries[row].language for row in rows]
            promised = promises(self.victim, rows, block, languages)
            block = [replace(space, promise=promise) for space, promise in zip(block, promised, strict=True)]
        identity = str(self.identity(one))
        searches = [
            QuerySearch(
                row,
                space,
                one.method.begin(space, generator(identity, one.draws.seed, space.query_id)),
                self.clean[row],
            )
            for row, space in zip(rows, block, strict=True)
        ]
        gradients = int(one.method.by_gradient)  # each costs about as much as an encoding, and counts as one
        limits = SearchLimits(
            self.budget.queries - gradients,
            self.until_reached or self.goal.stops,
            one.method.any_will_do,
            self._allowed(block),
            one.method.needs == "score",
        )
        found = advance_together(self.victim, self.goal, searches, limits, known, advance)
        found = [outcome._replace(encodings=outcome.encodings + gradients) for outcome in found]
        if path:
            write_cached(path, outcomes_to_json(found))
        return found

    def _allowed(self, block: Sequence[SearchSpace]) -> Allowed | None:
        """Return the function that decides which pairs of clean and perturbed text satisfy the floor."""
        if self.floor is None:
            return None
        judge, minimum = self.floor.judge([space.clean for space in block]), self.floor.minimum

        def allowed(pairs: Sequence[tuple[str, str]]) -> list[bool]:
            return [found >= minimum for found in judge([Perturbation("", *pair, (), 0) for pair in pairs])]

        return allowed

    def _file(self, rows: range, block: Sequence[SearchSpace], one: CellSearch) -> Path | None:
        """Return the cache file, named by everything that decides the outcomes; search spaces stand for the tables."""
        who = self.base.encoder.fingerprint
        judge = self.floor.encoder.description.fingerprint if self.floor else "none"
        if not who or not judge:
            return None
        task = self.victim.runner.task
        identity = (_ALGORITHMS, who, judge, task.digest, self.identity(one), one.draws)
        spaces = sha256()
        for space in block:
            spaces.update(repr(space).encode("utf-8", "surrogatepass"))
        return scored_path("searches", *map(str, identity), str(rows), spaces.hexdigest())

    def _as_cell(self, one: CellSearch, found: Sequence[QueryOutcome], places: Sequence[int]) -> SearchedCell:
        task, judgements = self.victim.runner.task, self.base.judgements
        perturbed = [
            perturbation(query.query_id, nfc(query.text), number, outcome)
            for query, number, outcome in zip(task.queries, places, found, strict=True)
        ]
        uncovered = [code for code in judgements.query_languages if not any(each.covers(code) for each in one.recipes)]
        ranks = [
            np.concatenate([getattr(outcome.best, name) for outcome in found]) for name in ("in_pool", "in_language")
        ]
        cell = Cell.of(
            self.identity(one),
            one.draws.severity,
            one.draws.seed,
            perturbed,
            Ranks(ranks[0].astype(np.int32), ranks[1].astype(np.int32)),
            {code: one.recipes[0].reason_not_covered(code) for code in uncovered},
            self.victim.runner.changed_inputs(perturbed),
            _kinds(one.recipes, judgements.query_languages),
        )
        return SearchedCell(cell, self.goal.name, tuple(found))


def _kinds(recipes: Sequence[Recipe], languages: Sequence[str]) -> dict[str, KindOfChange]:
    """Return the kinds of change of a mix of recipes: for each language that of the first recipe that tells one."""
    return {code: kind for recipe in reversed(recipes) for code, kind in recipe.kinds(languages).items()}


def measure_clean(victim: Victim, base: Result, goal: Goal) -> list[Measurement]:
    """Return the effect of each clean query; they are encoded only if the clean ranks are not enough.

    Parameters
    ----------
    victim : Victim
        The encoder that is attacked.
    base : Result
        Result with the clean ranks.
    goal : Goal
        What the searches minimise.
    """
    judgements, ranks, task = base.judgements, base.clean.ranks, victim.runner.task
    if goal.watched or victim.shows_scores:
        return measure_texts(victim, goal, range(len(task.queries)), [query.text for query in task.queries])
    target_ranks = TargetRanks(
        ranks.in_pool,
        ranks.in_language,
        judgements.query,
        task.qrels.passage,
        judgements.passage_language,
        np.where(judgements.grade >= judgements.relevant_from, judgements.grade, 0),
        judgements.own_pool,
        tuple(judgements.pool.values()),
    )
    return measure_ranks(goal, target_ranks)
