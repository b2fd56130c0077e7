"""Run a suite: the random attacks first, then the searches, all in one result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from robustbench_ir.adversary.search import Searched, SearchOptions, search_request
from robustbench_ir.encoders import Encoder, EncoderOptions
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.attack import run_request
from robustbench_ir.evaluation.request import DEFAULT_RUN, Request, RunOptions
from robustbench_ir.perturb import as_recipe
from robustbench_ir.results.result import Result
from robustbench_ir.results.suite import Suite, load_suite
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.questions import Questions


def run_suite(
    encoder: str | Encoder | EncodeTexts | None = None,
    task: str | Path | Task = "mini",
    suite: str | Suite = "small",
    *,
    languages: Iterable[str] | None = None,
    options: EncoderOptions | None = None,
    questions: Questions | int | None = None,
    run: RunOptions = DEFAULT_RUN,
) -> Result:
    """Attack an encoder with a fixed set of attacks, whose worst one counts for each query.

    Parameters
    ----------
    encoder, task, languages, options, questions, run
        See `robustbench_ir.attack`. Several processes make the random attacks; searches run in one.
    suite : str or Suite
        Name of a suite, ``"small"`` or ``"standard"``, or what `robustbench_ir.load_suite` returns.

    Returns
    -------
    Result
        With all attacks of the suite; `Result.robust_scores` has the scores.

    Raises
    ------
    RobustBenchError
        See `robustbench_ir.errors`. Finished work is kept.

    Examples
    --------
    >>> found = run_suite("char-ngram", "mini", "small", questions=20)  # doctest: +SKIP
    >>> found.robust_scores("multilingual")[0].robust.value  # doctest: +SKIP
    0.41
    """
    chosen = suite if isinstance(suite, Suite) else load_suite(suite)
    request = Request(encoder, task, languages=languages, options=options, questions=questions)
    return run_suite_request(request, chosen, run)[0]


def random_part(request: Request, suite: Suite, cards: Path | None = None) -> Request:
    """Return the request for the random attacks of a suite.

    Parameters
    ----------
    request : Request
        Encoder and task.
    suite : Suite
        The suite.
    cards : pathlib.Path, optional
        Folder with the user's recipes, which may shadow those of the suite.

    Raises
    ------
    OptionError
        If a recipe is there in another version than the suite names.
    """
    for attack in (*suite.recipes, *suite.searches):
        for named in attack.recipes:
            found = as_recipe(named.name, cards).identity
            if (found.name, found.version) != (named.name, named.version):
                raise OptionError(
                    f"the suite {suite.identity} has {named}, and {found} is here; "
                    "leave out the folder of cards that replaces it"
                )
    names = tuple(attack.label for attack in suite.recipes)
    return replace(request, recipes=names, severities=suite.severities, seeds=suite.seeds)


def run_suite_request(
    request: Request, suite: Suite, run: RunOptions = DEFAULT_RUN
) -> tuple[Result, tuple[Searched, ...]]:
    """Run a suite as `run_suite` does, and return the outcomes of its searches too.

    Parameters
    ----------
    request : Request
        Encoder and task; the suite says what else there is.
    suite : Suite
        The suite.
    run : RunOptions, optional
        How it is run.
    """
    result = run_request(random_part(request, suite, run.cards), run)
    alone = replace(run, jobs=1, engine="local", runs=None)
    searched = []
    for recipes, search in ((attack.recipes, attack.search) for attack in suite.searches if attack.search):
        mix = "+".join(recipe.name for recipe in recipes)
        asked = replace(request, recipes=(mix,), severities=suite.severities[:1], seeds=1)
        searched.append(search_request(asked, SearchOptions.of(search), alone))
    cells = [cell for one in searched for cell in one.result.attacked]
    timings = dict(result.timings)
    for one in searched:
        for stage, seconds in one.result.timings.items():
            timings[stage] = timings.get(stage, 0.0) + seconds
    return replace(result, attacked=(*result.attacked, *cells), timings=timings), tuple(searched)
