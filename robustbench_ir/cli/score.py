"""`irbench score`."""

from __future__ import annotations

from pathlib import Path

import click

from robustbench_ir._base.files import check_writable
from robustbench_ir.cli.attack import print_saved
from robustbench_ir.cli.options import by_option, cards_option, force_option, languages_option, measure_option
from robustbench_ir.cli.output import table_terminal
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.score_runs import score_runs, split_runs
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.reports.terminal import score_table
from robustbench_ir.results.naming import RunIdentity, check_not_of_another_run, save_beside, usual_name
from robustbench_ir.tasks import load_task


@click.command("score", short_help="Score TREC runs of any engine, clean and perturbed.")
@click.option("--task", required=True, help="A name of `irbench tasks`.")
@click.option(
    "--run",
    "runs",
    multiple=True,
    required=True,
    help="A run of the clean queries; or QUERIES=FILE, such as typo@3=typo.trec. May be repeated.",
)
@languages_option
@click.option("--name", help="Name of the engine. Default: the tag in the run of the clean queries.")
@by_option
@measure_option
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Result file. Default: results/NAME-TASK-runs.json."
)
@force_option
@cards_option
def command(  # noqa: PLR0917
    task: str,
    runs: tuple[str, ...],
    languages: tuple[str, ...] | None,
    name: str | None,
    by: str | None,
    measure: str,
    out: Path | None,
    force: bool,
    cards: Path | None,
) -> None:
    """Score TREC runs of any engine on a task: six columns, gzipped or not.

    One --run is that of the clean queries. The others name their queries: RECIPE@SEVERITY, RECIPE@SEVERITY:SEED,
    variants:NAME of a task's folder, or a folder that `irbench perturb` has written. Relevant passages that a run does
    not have count as not retrieved.
    """
    look_up_measure(measure)
    clean, attacked = split_runs(runs)
    try:
        whole = load_task(task, None, cards)
    except OptionError:
        if languages is None:
            raise
        # A collection of many gigabytes: the runs must then be of these languages alone.
        whole = load_task(task, languages, cards)
    result = score_runs(whole, clean, attacked, languages, cards, name)
    target = out or Path("results") / usual_name(result.encoder.name, task, languages, "runs")
    if out and not force:
        check_not_of_another_run(out, RunIdentity.of(result))
    check_writable(target)
    saved = save_beside(result, target, force=force)
    console = table_terminal()
    console.print(score_table(result, by, measure))
    print_saved(console, saved, f"has all results; `irbench show {saved.path}` prints them again")
