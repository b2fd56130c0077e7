"""`irbench compare`."""

from __future__ import annotations

from pathlib import Path

import click

from robustbench_ir._base.files import write_whole
from robustbench_ir._base.showing import json_text
from robustbench_ir.cli.options import measure_option
from robustbench_ir.cli.output import styled, table_terminal
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.reports.terminal import comparison_table
from robustbench_ir.results.compare import compare, same_scoring
from robustbench_ir.results.file import load_result


@click.command("compare", short_help="Test whether encoders differ on the same perturbed queries.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@measure_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write all numbers as JSON too.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the differences: FILE.png or .svg.")
def command(files: tuple[Path, ...], measure: str, out: Path | None, plot: Path | None) -> None:
    """Test whether the encoders of two or more result FILES differ: each further one against the first.

    The files must be results on the same task with the same perturbed queries; other files are refused.

    \b
    irbench compare results/e5.json results/labse.json
    irbench compare results/e5.json results/labse.json --measure nDCG@10 --out comparison.json
    """  # noqa: D301
    look_up_measure(measure)
    results = [load_result(file) for file in files]
    rows = compare(results, measure)
    console = table_terminal()
    warning = same_scoring(results)
    if warning:
        console.print(styled((warning, "yellow")), soft_wrap=True)
    console.print(comparison_table(rows))
    if plot:
        from robustbench_ir.reports.plots import write_comparison

        write_comparison(rows, plot)
        console.print(styled((str(plot), "bold"), " shows the differences"), soft_wrap=True)
    if out:
        write_whole(out, (json_text([row.record() for row in rows], indent=1) + "\n").encode())
        console.print(styled((str(out), "bold"), " has all numbers"), soft_wrap=True)
