"""The worst case: for each query, search for the perturbation that serves a goal best, within a budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from robustbench_ir._base.progress import Clock, Progress, Silence
from robustbench_ir.adversary.candidates import Budget, Draws
from robustbench_ir.adversary.goals import make_goal
from robustbench_ir.adversary.methods import make_method
from robustbench_ir.adversary.outcomes import Attacked
from robustbench_ir.adversary.run import DEFAULT_ALTERNATIVES, CellSearch, Hunt, measured_clean
from robustbench_ir.adversary.victim import check_access, open_victim
from robustbench_ir.encoders import Encoder, EncoderOptions
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.evaluation.request import Request
from robustbench_ir.evaluation.runner import open_bench
from robustbench_ir.perturb import Recipe, default_recipe_names
from robustbench_ir.results.result import Result
from robustbench_ir.tasks import Task

DEFAULT_BUDGET = Budget()


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
    until_reached: bool = False,
    semantic_floor: float | None = None,
    semantic_encoder: str | Encoder | None = None,
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
    until_reached : bool
        Leave a query at its first success, as TextAttack does, instead of looking for the worst within the budget.
    semantic_floor : float, optional
        Ask only about perturbations whose cosine with the clean query reaches this, in (0, 1]; see `SemanticFloor`.
    semantic_encoder : str or Encoder, optional
        Whose cosine; by default ``use-multilingual``. What it is asked is no part of the budget.

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
        encoder=encoder,
        task=task,
        recipes=tuple(chain.from_iterable(mixes)),
        languages=None if languages is None else tuple(languages),
        severities=tuple(severities),
        seeds=seeds,
        options=options,
        cards=cards,
        resume=resume,
        semantic_floor=semantic_floor,
        semantic_encoder=semantic_encoder,
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
    shows_scores = any(method.needs == "score" for method in chosen)
    victim = open_victim(bench.encoder, whole, aim, clock, shows_scores=shows_scores)
    clean = measured_clean(victim, base, aim)
    hunt = Hunt(victim, base, aim, clean, budget, until_reached, bench.floor, resume)
    searches = [
        CellSearch(mix, method, Draws(severity, seed, method.starts, alternatives))
        for mix in ready
        for method in chosen
        for severity in dict.fromkeys(severities)
        for seed in range(seeds)
    ]
    attacked = tuple(hunt.cells(searches))
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
