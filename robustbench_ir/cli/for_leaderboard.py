"""What the leaderboard wants of a run: `irbench attack --for leaderboard`, and what is said after another run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from robustbench_ir.cli.output import Terminal, styled
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.request import Request
from robustbench_ir.perturb import default_recipe_names
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.resources.languages import select_languages
from robustbench_ir.results.naming import Saved
from robustbench_ir.tasks import task_card

if TYPE_CHECKING:
    from robustbench_ir.adversary.search import SearchOptions
    from robustbench_ir.leaderboard.schema import Entry

_FIXED = {
    "languages": "--languages",
    "recipes": "--recipe",
    "severities": "--severity",
    "seeds": "--seeds",
    "questions": "--questions",
    "on": "--on",
    "semantic_floor": "--semantic-floor",
    "methods": "--search",
    "suite": "--suite",
    "prompts": "--prompts",
    "cards": "--cards",
}
_SEVERITY = 3

for_option = click.option(
    "--for",
    "purpose",
    type=click.Choice(["leaderboard"]),
    help="Run what the leaderboard compares: all languages, the default recipes, severity 3, one seed.",
)


def check_nothing_else_is_chosen(context: click.Context, purpose: str | None) -> None:
    """Refuse the options that `--for leaderboard` fixes, if it was given.

    Raises
    ------
    OptionError
        If one of them was given, on the command line or in a file.
    """
    if purpose:
        refuse_fixed(
            context,
            _FIXED,
            "--for leaderboard fixes languages, recipes, severities and seeds, so that models can be compared",
        )


def refuse_fixed(context: click.Context, fixed: Mapping[str, str], why: str) -> None:
    """Refuse the options that another option fixes.

    Parameters
    ----------
    context : click.Context
        Says which options were given, on the command line or in a file.
    fixed : mapping of str to str
        Parameters to the names of their options.
    why : str
        Begin of the message.

    Raises
    ------
    OptionError
        If one of them was given.
    """
    for name, option in fixed.items():
        if context.get_parameter_source(name) not in {click.core.ParameterSource.DEFAULT, None}:
            raise OptionError(f"{why}; leave out {option}")


def print_next_step(
    console: Terminal, request: Request, search: SearchOptions | None, purpose: str | None, saved: Saved
) -> None:
    """Print how a result becomes an entry of the leaderboard, or why it cannot and what could."""
    reasons = [] if search else _reasons(request)
    if purpose:
        said = f"`irbench submit {saved.path} --name NAME --link ADDRESS` makes its entry of the leaderboard"
    elif reasons:
        said = (
            f"not for the leaderboard, which compares whole runs: {', '.join(reasons)}; "
            f"`irbench attack --model {request.encoder} --task {request.task} --for leaderboard` makes one"
        )
    else:
        return
    console.print(styled(said), soft_wrap=True)


def why_unranked(entry: Entry) -> str:
    """Return why the board will show an entry without a rank; empty if it ranks it."""
    ran = {AttackIdentity.parse(cell.recipe).label for cell in entry.cells if cell.severity == _SEVERITY}
    lacks = [name for name in default_recipe_names() if name not in ran]
    if not lacks:
        return ""
    return (
        f"the board will show it without a rank, since it lacks {', '.join(lacks)} at severity {_SEVERITY}; "
        "`irbench attack --for leaderboard` runs them all"
    )


def _reasons(request: Request) -> list[str]:
    from robustbench_ir.leaderboard.task_lists import load_task_lists

    # Runs of `mini` and of the user's own tasks are not meant for the board.
    if not isinstance(request.task, str) or not any(request.task in tasks for tasks in load_task_lists().values()):
        return []
    everything = task_card(request.task).languages
    chosen = everything if request.languages is None else select_languages(request.languages, everything)
    recipes = default_recipe_names() if request.recipes is None else [str(one) for one in request.recipes]
    found = {
        f"{len(chosen)} of {len(everything)} languages": len(chosen) < len(everything),
        "some of the questions": request.questions is not None,
        "perturbed passages": request.on != "queries",
        "without some default recipe": not set(default_recipe_names()) <= set(recipes),
        f"without severity {_SEVERITY}": _SEVERITY not in request.severities,
    }
    return [reason for reason, holds in found.items() if holds]
