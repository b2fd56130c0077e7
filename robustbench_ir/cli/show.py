"""`irbench show`."""

from __future__ import annotations

from pathlib import Path

import click

from robustbench_ir.cli.options import by_option, damage_option, measure_option
from robustbench_ir.cli.output import table_terminal
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.reports.robust import suite_table
from robustbench_ir.reports.terminal import damage_table, score_table
from robustbench_ir.reports.verdict import verdict_lines
from robustbench_ir.results.file import load_result
from robustbench_ir.results.suite import largest_suite_in


@click.command("show", short_help="Print the table of a result file again.")
@click.argument("file", type=click.Path(path_type=Path))
@by_option
@measure_option
@damage_option
def command(file: Path, by: str | None, measure: str, damage: float | None) -> None:
    """Print the table of a result FILE again, without any model."""
    look_up_measure(measure)
    result, console = load_result(file), table_terminal()
    console.print(score_table(result, by, measure))
    suite = largest_suite_in(result)
    if suite:
        console.print(suite_table(result, suite, by, measure))
    if damage is not None:
        console.print(damage_table(result, damage, by, measure))
    console.print(verdict_lines(result, measure))
