"""The worst case: for each query, search within a budget for the perturbation that lowers a goal most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from robustbench_ir._base.cache import using_cache
from robustbench_ir._base.listed import listed
from robustbench_ir._base.shown_progress import shown
from robustbench_ir.adversary.candidates import Budget, Draws
from robustbench_ir.adversary.goals import Goal, make_goal
from robustbench_ir.adversary.methods import MOST_STARTS, make_method
from robustbench_ir.adversary.outcomes import SearchedCell
from robustbench_ir.adversary.promise import check_goal
from robustbench_ir.adversary.run import DEFAULT_ALTERNATIVES, CellSearch, SearchRun, measure_clean
from robustbench_ir.adversary.victim import Victim, check_access, target_passages
from robustbench_ir.encoders import Encoder, EncoderOptions
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.evaluation import Evaluation, open_evaluation
from robustbench_ir.evaluation.request import (
    DEFAULT_RUN,
    RecipeMix,
    Request,
    RunOptions,
    recipe_list,
    severity_list,
)
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from robustbench_ir.perturb import Recipe, RecipeLike, default_recipe_names
from robustbench_ir.perturb.identity import SearchIdentity
from robustbench_ir.perturb.variants import refuse_variants
from robustbench_ir.results.result import Result
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.questions import Questions


@dataclass(frozen=True)
class SearchOptions:
    """Goal, methods and budget of a search.

    Attributes
    ----------
    methods : sequence of str, or str
        Names such as ``"greedy"``, ``"beam-4"``, ``"annealing-200"``, ``"best-of-20"`` and ``"exhaustive"``;
        ``"random"`` is the average case.
    goal : str
        Goal; see `robustbench_ir.adversary.goals`.
    budget : Budget
        Limits for each query.
    starts : int, optional
        Number of random perturbations that greedy, beam and annealing try first. Default: 20. The result is never worse
        than the best of them.
    alternatives : int
        Largest number of distinct rewritings of a place by one recipe, 1 or more.
    until_reached : bool
        End the search of a query at its first success, as TextAttack does, instead of using the whole budget.

    Raises
    ------
    OptionError
        If there is no method, or `alternatives` is below 1.
    """

    methods: Sequence[str] = ("greedy",)
    goal: str = "map"
    budget: Budget = field(default_factory=Budget)
    starts: int | None = None
    alternatives: int = DEFAULT_ALTERNATIVES
    until_reached: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(dict.fromkeys(listed(self.methods))))
        if not self.methods:
            raise OptionError("no search method; name one, such as greedy")
        if self.alternatives < 1:
            raise OptionError(f"{self.alternatives} alternatives of a place; at least 1 is needed")
        if self.alternatives > MOST_STARTS:
            raise OptionError(f"{self.alternatives} alternatives of a place; at most {MOST_STARTS:,} are allowed")
        if self.starts is not None and not 0 <= self.starts <= MOST_STARTS:
            raise OptionError(f"{self.starts} starts are out of range; 0 to {MOST_STARTS:,}")

    @classmethod
    def of(cls, search: SearchIdentity) -> SearchOptions:
        """Return the options of a search that an identity names."""
        return cls(
            methods=(search.method,),
            goal=search.goal,
            budget=Budget(search.words, search.queries, search.edit_rate),
            starts=search.starts,
            alternatives=DEFAULT_ALTERNATIVES if search.alternatives is None else search.alternatives,
            until_reached=search.until_reached,
        )


DEFAULT_SEARCH = SearchOptions()


@dataclass(frozen=True)
class Searched:
    """Result of a search.

    Attributes
    ----------
    result : Result
        Ranks and scores, as `robustbench_ir.attack` returns them.
    attacked : tuple of SearchedCell
        One for each attacked cell of the result, in order: success rate, number of encodings, the queries.
    task : Task
        Task with the clean queries.
    """

    result: Result
    attacked: tuple[SearchedCell, ...]
    task: Task


def search(  # noqa: PLR0913
    encoder: str | Encoder | EncodeTexts | None = None,
    task: str | Path | Task = "mini",
    recipes: Sequence[RecipeMix] | RecipeLike | None = None,
    search: SearchOptions = DEFAULT_SEARCH,
    *,
    languages: Iterable[str] | None = None,
    severities: Sequence[int] | int = (3,),
    seeds: int = 1,
    semantic_floor: SemanticFloor | float | None = None,
    options: EncoderOptions | None = None,
    questions: Questions | int | None = None,
    run: RunOptions = DEFAULT_RUN,
) -> Searched:
    """Search for the perturbations that lower retrieval most.

    Parameters
    ----------
    encoder, task, languages, severities, seeds, options, questions
        See `robustbench_ir.attack`. The severity is that of the random perturbations that a search begins with.
    recipes : sequence of str, Recipe, callable or tuple of these, or one of the first three, optional
        Recipes that make the rewritings; those of ``"typo+synonym"``, or of a tuple, are offered together.
    search : SearchOptions, optional
        Goal, methods and budget.
    semantic_floor : SemanticFloor or float, optional
        Try only perturbations whose cosine with the clean query reaches this, in (0, 1]. Encodings by the floor's
        encoder do not count in the budget.
    run : RunOptions, optional
        How it is run; a search runs in one process and writes no TREC runs.

    Returns
    -------
    Searched
        The result, and the outcome of the search for each query.

    Raises
    ------
    RobustBenchError
        See `robustbench_ir.errors`. Finished work is kept.

    Examples
    --------
    >>> search("char-ngram", recipes=["typo"]).attacked[0].success_rate  # doctest: +SKIP
    """
    request = Request(
        encoder=encoder,
        task=task,
        recipes=recipe_list(recipes),
        languages=languages,
        severities=severity_list(severities),
        seeds=seeds,
        semantic_floor=semantic_floor,
        options=options,
        questions=questions,
    )
    return search_request(request, search, run)


def search_request(request: Request, search: SearchOptions = DEFAULT_SEARCH, run: RunOptions = DEFAULT_RUN) -> Searched:
    """Search as `search` does, with arguments that are already grouped.

    Parameters
    ----------
    request : Request
        What is attacked, and with what; a recipe may be a tuple whose rewritings are offered together.
    search : SearchOptions, optional
        Goal, methods and budget.
    run : RunOptions, optional
        How it is run.
    """
    with using_cache(run.cache), shown(run.progress) as progress:
        return _search(request, search, replace(run, progress=progress))


def _search(request: Request, search: SearchOptions, run: RunOptions) -> Searched:
    if not run.in_this_process or run.runs is not None:
        raise OptionError(
            "a search runs in one process, in which all queries share measurements, and writes no TREC runs; "
            "leave out --jobs, --engine and --run-out"
        )
    mixes = [_mix(one) for one in (default_recipe_names(run.cards) if request.recipes is None else request.recipes)]
    single = tuple(dict.fromkeys(chain.from_iterable(mixes)))
    opened = open_evaluation(replace(request, recipes=single), run)
    evaluation = replace(opened, runner=replace(opened.runner, compact=True))
    task, names = evaluation.runner.task, dict(zip(single, evaluation.recipes, strict=True))
    goal = make_goal(search.goal, task)
    ready = [[evaluation.recipes[names[one]] for one in mix] for mix in mixes]
    for mix in ready:
        refuse_variants(one.name for one in mix)
        _check_coverage(mix, task)
    if request.seeds == "auto":
        raise OptionError("a search does not choose its number of seeds; give one, such as 1")
    methods = [make_method(name, search.starts) for name in search.methods]
    for method in methods:
        check_access(evaluation.runner.encoder, method.needs, f"search {method.name}")
    if any(method.by_gradient for method in methods):
        check_goal(goal.name)
    shows_scores = any(method.needs == "score" for method in methods)
    adversary = _adversary(evaluation, search, goal, shows_scores=shows_scores)
    searches = [
        CellSearch(mix, method, Draws(severity, seed, method.starts, search.alternatives))
        for mix in ready
        for method in methods
        for severity in dict.fromkeys(request.severities)
        for seed in range(request.seeds)
    ]
    attacked = tuple(adversary.cells(searches))
    return Searched(evaluation.result([one.cell for one in attacked]), attacked, task)


def _adversary(evaluation: Evaluation, search: SearchOptions, goal: Goal, *, shows_scores: bool) -> SearchRun:
    runner, base = evaluation.runner, evaluation.result([])
    victim = Victim(runner, target_passages(runner.task, goal), shows_scores)
    return SearchRun(
        victim=victim,
        base=base,
        goal=goal,
        clean=measure_clean(victim, base, goal),
        budget=search.budget,
        until_reached=search.until_reached,
        floor=evaluation.floor,
        resume=evaluation.run.resume,
    )


def _mix(given: RecipeMix) -> tuple[RecipeLike, ...]:
    """Return the recipes that are offered together."""
    if isinstance(given, str):
        return tuple(name.strip() for name in given.split("+"))
    return given if isinstance(given, tuple) else (given,)


def _check_coverage(recipes: Sequence[Recipe], task: Task) -> None:
    if not any(recipe.covers(language) for recipe in recipes for language in task.query_languages):
        first, language = recipes[0], task.query_languages[0]
        raise OptionError(
            f"{first.name} has no candidates for the queries of {task.name}: {first.reason_not_covered(language)}; "
            f"name another recipe or other languages"
        )
