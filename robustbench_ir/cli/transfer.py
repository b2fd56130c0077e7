"""`irbench transfer`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from robustbench_ir._base.files import check_writable
from robustbench_ir._base.showing import terminal_text
from robustbench_ir.cli.attack import distinct_file_name_parts, print_saved
from robustbench_ir.cli.completion import ENCODER
from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.options import (
    encoder_options,
    languages_option,
    measure_option,
    search_options,
    semantic_floor_options,
    simple_run_options,
    task_option,
)
from robustbench_ir.cli.output import styled, table_terminal
from robustbench_ir.cli.progress import progress_bar
from robustbench_ir.encoders import EncoderOptions
from robustbench_ir.evaluation.request import RunOptions
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from robustbench_ir.metrics.findings import Finding
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.reports.terminal import formatted, formatted_with_interval
from robustbench_ir.results.naming import file_name_part, save_beside

if TYPE_CHECKING:
    from robustbench_ir.adversary.search import SearchOptions

_NOTES = (
    "drop = clean - attacked, ± half of its 95% interval (questions resampled), and its share of clean; * is p < 0.05, "
    "adjusted for all cells of a table; the queries of a row were crafted on its encoder and scored on those of the "
    "columns; ◆ marks the encoder that they were crafted on."
)


@click.command("transfer", short_help="Craft queries against one encoder and score them on others.")
@list_option("--source", "sources", of=ENCODER, required=True, help="Encoders to craft on: A or A,B.")
@list_option("--targets", of=ENCODER, help="Encoders to score, besides the sources: B,C.")
@task_option
@click.option(
    "--recipe", default="typo", show_default=True, help="A name of `irbench recipes`, or a mix: typo+synonym."
)
@languages_option
@click.option(
    "--severity", type=int, default=3, show_default=True, help="Severity of the random perturbations, 1 to 5."
)
@click.option("--seeds", type=int, default=1, show_default=True, help="Number of searches for each query.")
@search_options("greedy")
@semantic_floor_options
@measure_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for a result file of each pair.")
@encoder_options
@simple_run_options
def command(  # noqa: PLR0913, PLR0917
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    task: str,
    recipe: str,
    languages: tuple[str, ...] | None,
    severity: int,
    seeds: int,
    search: SearchOptions,
    floor: SemanticFloor | None,
    measure: str,
    out: Path | None,
    options: EncoderOptions,
    run: RunOptions,
) -> None:
    """Craft queries against one encoder and score them on others.

    Prints the drop of each encoder in each setting, and the most harmful changes.
    """
    from robustbench_ir.adversary.transfer import transfer

    look_up_measure(measure)
    if out:
        check_writable(out / "result.json")
    with progress_bar() as progress:
        found = transfer(
            sources,
            targets or (),
            task,
            recipe,
            search,
            languages=languages,
            severity=severity,
            seeds=seeds,
            semantic_floor=floor,
            options=options,
            run=replace(run, progress=progress),
        )
    console = table_terminal()
    labels = distinct_file_name_parts((*found.sources, *found.targets))
    for setting in found.results[found.sources[0], found.sources[0]].distinct_settings:
        table = _table(f"{setting}: drop of {'mAP' if measure == 'AP' else measure}", "crafted on", found.targets)
        matrix = found.matrix(setting, measure)
        for source in found.sources:
            table.add_row(
                terminal_text(source), *(_cell(matrix[source, target], target == source) for target in found.targets)
            )
        console.print(table)
    console.print(styled((_NOTES, "dim")))
    for source, rows in found.substitutions.items():
        table = _table(
            f"most harmful changes for {source}, over all queries",
            "language",
            ("before", "after", "queries", "gain"),
        )
        for row in rows:
            table.add_row(
                *map(terminal_text, (row.language, row.before, row.after)), str(row.queries), f"{row.gain:.3f}"
            )
        console.print(table)
    for (source, target), result in found.results.items() if out else ():
        saved = save_beside(result, (out or Path()) / f"{labels[source]}-to-{labels[target]}.json")
        print_saved(console, saved, "has this result")


def _cell(one: Finding, own: bool) -> str:
    share = formatted(one.relative_drop.value, "+.0%")
    return f"{formatted_with_interval(one.drop, '.3f', one.p_adjusted)} {share} {'◆' if own else ' '}"


def _table(title: str, first: str, columns: tuple[str, ...]) -> Table:
    table = Table(
        title=f"\n{terminal_text(title)}", title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False
    )
    table.add_column(first)
    for column in columns:
        table.add_column(file_name_part(column), justify="right")
    return table
