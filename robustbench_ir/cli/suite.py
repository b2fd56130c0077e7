"""`irbench attack --suite`."""

from __future__ import annotations

import click

from robustbench_ir.errors import OptionError
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
    for name, option in _FIXED.items() if suite else ():
        if context.get_parameter_source(name) not in {click.core.ParameterSource.DEFAULT, None}:
            raise OptionError(
                f"--suite fixes recipes, severities, seeds and searches, so that encoders can be compared; "
                f"leave out {option}"
            )
