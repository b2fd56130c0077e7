"""`irbench show`."""

from __future__ import annotations

from pathlib import Path

import click

from robustbench_ir.adversary.poison_file import is_poisoning, load_poisoning
from robustbench_ir.cli.for_leaderboard import refuse_fixed
from robustbench_ir.cli.options import by_option, damage_option, measure_option
from robustbench_ir.cli.output import table_terminal
from robustbench_ir.errors import ResultError
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.reports.poison import poison_table
from robustbench_ir.reports.robust import suite_table
from robustbench_ir.reports.terminal import damage_table, score_table
from robustbench_ir.reports.verdict import verdict_lines
from robustbench_ir.results.file import load_result
from robustbench_ir.results.suite import largest_suite_in

_OF_RESULTS = {"by": "--by", "measure": "--measure", "damage": "--at-damage"}


@click.command("show", short_help="Print the tables of a result file again.")
@click.argument("file", type=click.Path(path_type=Path))
@by_option
@measure_option
@damage_option
@click.pass_context
def command(context: click.Context, file: Path, by: str | None, measure: str, damage: float | None) -> None:
    """Print the tables of a result FILE again, without any model; or those of a file of `irbench poison`."""
    look_up_measure(measure)
    console = table_terminal()
    try:
        result = load_result(file)
    except ResultError:
        if not is_poisoning(file):
            raise
        refuse_fixed(context, _OF_RESULTS, f"{file}: has injected passages, whose tables are always the same")
        console.print(poison_table(load_poisoning(file)))
        return
    console.print(score_table(result, by, measure))
    suite = largest_suite_in(result)
    if suite:
        console.print(suite_table(result, suite, by, measure))
    if damage is not None:
        console.print(damage_table(result, damage, by, measure))
    console.print(verdict_lines(result, measure))
