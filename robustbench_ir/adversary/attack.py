"""The worst case: for each query, search for the perturbation that serves a goal best, within a budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path

import numpy as np

from robustbench_ir import __version__
from robustbench_ir.adversary.budget import Budget
from robustbench_ir.adversary.candidates import Draws, Space, spaces
from robustbench_ir.adversary.goals import Goal, Standings, make_goal
from robustbench_ir.adversary.lockstep import Measured, Outcome, Pursuit, advance_together, judged, measured
from robustbench_ir.adversary.methods import Method, make_method
from robustbench_ir.adversary.outcomes import Attacked, outcomes_from_json, outcomes_to_json, perturbation
from robustbench_ir.adversary.victim import Victim, check_access, open_victim
from robustbench_ir.bench import open_bench
from robustbench_ir.data import cache_folder
from robustbench_ir.encode import Encoder, EncoderOptions
from robustbench_ir.encode.store import keep_finished
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluate import attack
from robustbench_ir.files import read_checked
from robustbench_ir.perturb import Recipe, default_recipe_names, digest
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.progress import Clock, Progress, Silence
from robustbench_ir.request import Request
from robustbench_ir.result import Cell, Result
from robustbench_ir.retrieve import Ranks
from robustbench_ir.tasks import Task
from robustbench_ir.text import nfc

QUERIES_AT_ONCE = 512
"""Queries that advance in lock step, at most. What is found for them is kept: a run that was stopped goes on there."""

_TEXTS_AT_ONCE = 1 << 16  # that they may ask about together: no more work than that is ever lost

DEFAULT_BUDGET = Budget()
DEFAULT_ALTERNATIVES = 8


@dataclass(frozen=True)
class Searched:
    """What adversaries found.

    Attributes
    ----------
    result : Result
        As of `robustbench_ir.attack`: tables, files, frames.
    attacked : tuple of Attacked
        One for each attacked cell of the result, in order: success rate, encodings, the queries.
    task : Task
        Whose queries.
    """

    result: Result
    attacked: tuple[Attacked, ...]
    task: Task


def search(  # noqa: PLR0913
    encoder: str | Encoder | None = None,
    task: str | Task = "mini",
    recipes: Sequence[str] | None = None,
    *,
    methods: Sequence[str] = ("greedy",),
    goal: str = "map",
    budget: Budget = DEFAULT_BUDGET,
    starts: int | None = None,
    alternatives: int = DEFAULT_ALTERNATIVES,
    languages: Iterable[str] | None = None,
    severities: Sequence[int] = (3,),
    seeds: int = 1,
    options: EncoderOptions | None = None,
    cards: Path | None = None,
    resume: bool = True,
    progress: Progress | None = None,
) -> Searched:
    """Search for the perturbations that hurt most.

    Parameters
    ----------
    encoder, task, languages, severities, seeds, options, cards, resume, progress
        As of `robustbench_ir.attack`. The severity is that of the random perturbations that a search begins with.
    recipes : sequence of str, optional
        Where the rewritings come from; ``"typo+synonym"`` is a mix, whose rewritings are offered together.
    methods : sequence of str
        ``"greedy"``, ``"beam-4"``, ``"annealing-200"``, ``"best-of-20"``, ``"exhaustive"``; ``"random"`` is none.
    goal : str
        See `robustbench_ir.adversary.goals`.
    budget : Budget
        For each query.
    starts : int, optional
        Random perturbations that greedy, beam and annealing try first, 20 by default; they are never worse than these.
    alternatives : int
        Distinct rewritings of a place by one recipe, 1 or more.

    Raises
    ------
    RobustBenchError
        See `robustbench_ir.errors`; nothing that was finished is lost.

    Examples
    --------
    >>> search("char-ngram", recipes=["typo"]).attacked[0].success_rate  # doctest: +SKIP
    """
    if alternatives < 1:
        raise OptionError(f"{alternatives} alternatives of a place; at least 1 is wanted")
    chosen = [make_method(name, starts) for name in dict.fromkeys(methods)]
    names = default_recipe_names(cards) if recipes is None else dict.fromkeys(recipes)
    mixes = [[one.strip() for one in name.split("+")] for name in names]
    request = Request(
        encoder,
        task,
        tuple(chain.from_iterable(mixes)),
        None if languages is None else tuple(languages),
        tuple(severities),
        seeds,
        options,
        cards,
        resume,
    )
    clock = Clock(progress or Silence())
    bench = open_bench(request, clock)
    whole, aim = bench.task, make_goal(goal, bench.task)
    ready = [[bench.recipe(one) for one in mix] for mix in mixes]
    for mix in ready:
        _check_coverage(mix, whole)
    for method in chosen:
        check_access(bench.encoder, method.needs, f"search {method.name}")
    base = attack(bench.encoder, whole, [], resume=resume, progress=clock.progress)
    victim = open_victim(bench.encoder, whole, aim, clock)
    hunt = Hunt(victim, base, aim, measured_clean(victim, base, aim), budget, resume, ())
    attacked = tuple(
        replace(hunt, recipes=mix).attacked(method, Draws(severity, seed, method.starts, alternatives))
        for mix in ready
        for method in chosen
        for severity in dict.fromkeys(severities)
        for seed in range(seeds)
    )
    timings = {
        stage: base.timings.get(stage, 0) + clock.seconds.get(stage, 0) for stage in {**base.timings, **clock.seconds}
    }
    return Searched(replace(base, attacked=tuple(one.cell for one in attacked), timings=timings), attacked, whole)


def _check_coverage(recipes: Sequence[Recipe], task: Task) -> None:
    if not any(recipe.covers(language) for recipe in recipes for language in task.query_languages):
        first, language = recipes[0], task.query_languages[0]
        raise OptionError(
            f"{first.name} has no candidates for the queries of {task.name}: {first.reason_not_covered(language)}; "
            f"name another recipe or other languages"
        )


@dataclass(frozen=True)
class Hunt:
    """One adversary's aim and means: it makes cells out of search methods.

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
    resume : bool
        Whether what an earlier run has found is used.
    recipes : sequence of Recipe
        Where the rewritings come from.
    """

    victim: Victim
    base: Result
    goal: Goal
    clean: Sequence[Measured]
    budget: Budget
    resume: bool
    recipes: Sequence[Recipe]

    def identity(self, method: Method, draws: Draws) -> str:
        """Say what was done: ``greedy(typo@3)|goal=map|words=2|queries=500``."""
        default = make_method(method.name).starts
        parts = [
            f"{method.name}({','.join(recipe.identity for recipe in self.recipes)})",
            f"goal={self.goal.name}",
            self.budget.identity,
            *([f"starts={draws.starts}"] if draws.starts != default else []),
            *([f"alternatives={draws.alternatives}"] if draws.alternatives != DEFAULT_ALTERNATIVES else []),
        ]
        return "|".join(parts)

    def attacked(self, method: Method, draws: Draws) -> Attacked:
        """Search all queries, block by block."""
        task, clock = self.victim.task, self.victim.clock
        name = f"{method.name} on {'+'.join(recipe.name for recipe in self.recipes)}"
        label = f"{name} severity {draws.severity} seed {draws.seed}"
        found: list[Outcome] = []
        places: list[int] = []
        with clock.stage("search", len(task.queries), label):
            together = max(1, min(QUERIES_AT_ONCE, _TEXTS_AT_ONCE // self.budget.queries))
            for start in range(0, len(task.queries), together):
                rows = range(start, min(start + together, len(task.queries)))
                block = spaces([task.queries[row] for row in rows], self.recipes, self.budget, draws)
                places += [len(space.places) for space in block]
                found += self._block(rows, block, method, draws)
        return self._as_cell(method, draws, found, places)

    def _block(self, rows: range, block: Sequence[Space], method: Method, draws: Draws) -> list[Outcome]:
        advance = self.victim.clock.progress.advance
        path = self._file(rows, block, method, draws)
        kept = read_checked(path) if path and self.resume else None
        if kept is not None:
            advance(len(rows))
            return outcomes_from_json(kept)
        identity = self.identity(method, draws)
        pursuits = [
            Pursuit(row, space, method.begin(space, generator(identity, draws.seed, space.query_id)), self.clean[row])
            for row, space in zip(rows, block, strict=True)
        ]
        budget, any_will_do = self.budget.queries, method.any_will_do
        found = advance_together(self.victim, self.goal, pursuits, budget, advance, any_will_do=any_will_do)
        if path:
            keep_finished(path, outcomes_to_json(found))
        return found

    def _file(self, rows: range, block: Sequence[Space], method: Method, draws: Draws) -> Path | None:
        """Name the file by all that decides the outcomes; what may be done to the queries stands for every table."""
        who = self.base.encoder.fingerprint
        if not who:
            return None
        identity = (__version__, who, self.victim.task.digest, self.identity(method, draws), draws, rows)
        hasher = sha256("|".join(map(str, identity)).encode())
        for space in block:
            hasher.update(repr(space).encode("utf-8", "surrogatepass"))
        return cache_folder() / "searches" / f"{hasher.hexdigest()}.json"

    def _as_cell(self, method: Method, draws: Draws, found: Sequence[Outcome], places: Sequence[int]) -> Attacked:
        task, layout = self.victim.task, self.base.layout
        perturbed = [
            perturbation(query.query_id, nfc(query.text), number, one)
            for query, number, one in zip(task.queries, places, found, strict=True)
        ]
        uncovered = [code for code in layout.query_languages if not any(one.covers(code) for one in self.recipes)]
        ranks = [np.concatenate([getattr(one.best, name) for one in found]) for name in ("in_pool", "in_language")]
        cell = Cell(
            recipe=self.identity(method, draws),
            severity=draws.severity,
            seed=draws.seed,
            digest=digest(perturbed),
            changed=np.array([one.changed for one in perturbed]),
            edit_rate=np.array([one.edit_rate for one in perturbed]),
            not_covered={code: self.recipes[0].reason_not_covered(code) for code in uncovered},
            ranks=Ranks(ranks[0].astype(np.int32), ranks[1].astype(np.int32)),
        )
        return Attacked(cell, self.goal.name, tuple(found))


def measured_clean(victim: Victim, base: Result, goal: Goal) -> list[Measured]:
    """Return what the clean queries do; they are encoded only for passages that are watched and not relevant."""
    layout, ranks, task = base.layout, base.clean.ranks, victim.task
    if goal.watched:
        return measured(victim, goal, range(len(task.queries)), [query.text for query in task.queries])
    standings = Standings(
        ranks.in_pool,
        ranks.in_language,
        layout.query,
        task.qrels.passage,
        layout.passage_language,
        layout.grade,
        layout.own_pool,
        tuple(layout.pool.values()),
    )
    return judged(goal, standings)
