"""One adversary's aim and means: it makes cells out of search methods, block of queries by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from robustbench_ir._base.cache import current_cache, keep, kept
from robustbench_ir._base.text import nfc
from robustbench_ir._version import __version__
from robustbench_ir.adversary.candidates import (
    Budget,
    Draws,
    Space,
    Trial,
    passage_frequency,
    place_frequencies,
    spaces,
)
from robustbench_ir.adversary.driver import (
    Allowed,
    Known,
    Measured,
    Outcome,
    Pursuit,
    Terms,
    advance_together,
    judged,
    measured,
)
from robustbench_ir.adversary.goals import Goal, Standings
from robustbench_ir.adversary.methods import Method, make_method
from robustbench_ir.adversary.outcomes import Attacked, outcomes_from_json, outcomes_to_json, perturbation
from robustbench_ir.adversary.victim import Victim
from robustbench_ir.evaluation.semantic_floor import FloorJudge
from robustbench_ir.perturb import Perturbation, Recipe
from robustbench_ir.perturb.identity import AttackIdentity, SearchIdentity
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.retrieval.ranking import Ranks

QUERIES_AT_ONCE = 512
"""Queries that advance in lock step, at most. What is found for them is kept: a run that was stopped goes on there."""

DEFAULT_ALTERNATIVES = 8
_TEXTS_AT_ONCE = 1 << 16  # that they may ask about together: no more work than that is ever lost
_KNOWN_AT_MOST = 1 << 18  # texts whose ranks are remembered: some 200 MB
_ALGORITHMS = 2  # goes up when a search finds something else than before; what was kept is then found again


@dataclass(frozen=True)
class CellSearch:
    """A search for one cell: with which recipes, how, and from which draws."""

    recipes: Sequence[Recipe]
    method: Method
    draws: Draws


@dataclass(frozen=True)
class SearchRun:
    """One adversary's aim and means.

    Attributes
    ----------
    victim : Victim
        Who is attacked.
    base : Result
        The clean ranks.
    goal : Goal
        What is wanted.
    clean : sequence of Measured
        What each clean query does.
    budget : Budget
        For each query.
    until_reached : bool
        Whether a query is left at its first success, though the goal could fall further.
    floor : FloorJudge, optional
        What every perturbation that is tried must reach.
    resume : bool
        Whether what an earlier run has found is used.
    """

    victim: Victim
    base: Result
    goal: Goal
    clean: Sequence[Measured]
    budget: Budget
    until_reached: bool
    floor: FloorJudge | None
    resume: bool

    def cells(self, searches: Sequence[CellSearch]) -> list[Attacked]:
        """Search all queries, block by block; within a block no text is encoded for a query twice, whoever asks."""
        task, clock = self.victim.runner.task, self.victim.runner.clock
        together = max(1, min(QUERIES_AT_ONCE, _TEXTS_AT_ONCE // self.budget.queries))
        found: list[list[Outcome]] = [[] for _ in searches]
        places: list[list[int]] = [[] for _ in searches]
        label = ", ".join(dict.fromkeys(self._name(one) for one in searches))
        if any(one.method.by_rarity for one in searches):
            with clock.stage("count words", len(task.passages)):
                _ = self.counts
        with clock.stage("search", len(task.queries) * len(searches), label):
            for start in range(0, len(task.queries), together):
                rows, known = range(start, min(start + together, len(task.queries))), Known({})
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
        """Say what was done: ``greedy(typo@3)|goal=map|words=2|queries=500``."""
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

    def _spaces(self, rows: range, one: CellSearch) -> list[Space]:
        """Find what may be done to some queries; random perturbations lose edits until they reach the floor."""
        queries = [self.victim.runner.task.queries[row] for row in rows]
        block = spaces(queries, one.recipes, self.budget, one.draws)
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
                space, starts=tuple(Trial(kept.text, kept.edits) for _, kept in zip(space.starts, left, strict=False))
            )
            for space in block
        ]

    def _block(self, rows: range, block: Sequence[Space], one: CellSearch, known: Known) -> list[Outcome]:
        advance = self.victim.runner.clock.advance
        path = self._file(rows, block, one)
        content = kept(path) if path and self.resume else None
        if content is not None:
            advance(len(rows))
            return outcomes_from_json(content)
        identity = str(self.identity(one))
        pursuits = [
            Pursuit(
                row,
                space,
                one.method.begin(space, generator(identity, one.draws.seed, space.query_id)),
                self.clean[row],
            )
            for row, space in zip(rows, block, strict=True)
        ]
        terms = Terms(
            self.budget.queries,
            self.until_reached or self.goal.stops,
            one.method.any_will_do,
            self._allowed(block),
            one.method.needs == "score",
        )
        found = advance_together(self.victim, self.goal, pursuits, terms, known, advance)
        if path:
            keep(path, outcomes_to_json(found))
        return found

    def _allowed(self, block: Sequence[Space]) -> Allowed | None:
        """Return what says of clean and perturbed texts whether they reach the floor."""
        if self.floor is None:
            return None
        judge, minimum = self.floor.judge([space.clean for space in block]), self.floor.minimum

        def allowed(pairs: Sequence[tuple[str, str]]) -> list[bool]:
            return [found >= minimum for found in judge([Perturbation("", *pair, (), 0) for pair in pairs])]

        return allowed

    def _file(self, rows: range, block: Sequence[Space], one: CellSearch) -> Path | None:
        """Name the file by all that decides the outcomes; what may be done to the queries stands for every table."""
        who = self.base.encoder.fingerprint
        judge = self.floor.encoder.description.fingerprint if self.floor else "none"
        if not who or not judge:
            return None
        task = self.victim.runner.task
        identity = (__version__, _ALGORITHMS, who, judge, task.digest, self.identity(one), one.draws)
        spaces = sha256()
        for space in block:
            spaces.update(repr(space).encode("utf-8", "surrogatepass"))
        return current_cache().path("searches", *map(str, identity), str(rows), spaces.hexdigest())

    def _as_cell(self, one: CellSearch, found: Sequence[Outcome], places: Sequence[int]) -> Attacked:
        task, layout = self.victim.runner.task, self.base.layout
        perturbed = [
            perturbation(query.query_id, nfc(query.text), number, outcome)
            for query, number, outcome in zip(task.queries, places, found, strict=True)
        ]
        uncovered = [code for code in layout.query_languages if not any(each.covers(code) for each in one.recipes)]
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
        )
        return Attacked(cell, self.goal.name, tuple(found))


def measured_clean(victim: Victim, base: Result, goal: Goal) -> list[Measured]:
    """Return what the clean queries do; they are encoded only where their ranks do not say all."""
    layout, ranks, task = base.layout, base.clean.ranks, victim.runner.task
    if goal.watched or victim.shows_scores:
        return measured(victim, goal, range(len(task.queries)), [query.text for query in task.queries])
    standings = Standings(
        ranks.in_pool,
        ranks.in_language,
        layout.query,
        task.qrels.passage,
        layout.passage_language,
        np.where(layout.grade >= layout.relevant_from, layout.grade, 0),
        layout.own_pool,
        tuple(layout.pool.values()),
    )
    return judged(goal, standings)
