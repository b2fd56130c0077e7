"""`irbench attack --suite`."""

from __future__ import annotations

import click

from robustbench_ir.cli.for_leaderboard import refuse_fixed
from robustbench_ir.results.suite import Suite, load_suite

_FIXED = {
    "recipes": "--recipe",
    "severities": "--severity",
    "seeds": "--seeds",
    "semantic_floor": "--semantic-floor",
    "methods": "--search",
    "prompts": "--prompts",
    "on": "--on",
}


def _read(_context: click.Context, _parameter: click.Parameter, name: str | None) -> Suite | None:
    return None if name is None else load_suite(name)


suite_option = click.option(
    "--suite",
    callback=_read,
    metavar="NAME",
    help="Run a fixed set of attacks, and count each query as under the worst of them: small, or standard.",
)


def check_suite_is_alone(context: click.Context, suite: Suite | None) -> None:
    """Refuse the options that a suite fixes, if there is one.

    Raises
    ------
    OptionError
        If one of them was given, on the command line or in a file.
    """
    if suite:
        refuse_fixed(
            context, _FIXED, "--suite fixes recipes, severities, seeds and searches, so that encoders can be compared"
        )
