"""`irbench run`."""

from __future__ import annotations

from pathlib import Path

import click

from robustbench_ir.cli.attack import command as attack
from robustbench_ir.cli.config import EXAMPLE

_HELP = f"""Run the attack that the TOML file FILE describes. Options of `irbench attack` after it override the file.

\b
irbench run run.toml
irbench run run.toml --questions 50 --severity 3

{EXAMPLE}
"""


@click.command(
    "run",
    short_help="Run the attack that a TOML file describes.",
    help=_HELP,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def command(context: click.Context, file: Path) -> None:
    """Run the attack that a TOML file describes."""
    with attack.make_context("attack", ["--config", str(file), *context.args], parent=context.parent) as asked:
        attack.invoke(asked)
