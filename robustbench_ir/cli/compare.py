"""`irbench compare`."""

from __future__ import annotations

from pathlib import Path

import click

from robustbench_ir._base.files import write_whole
from robustbench_ir.cli.options import measure_option
from robustbench_ir.cli.output import say, styled, table_terminal
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.metrics.settings import SETTINGS, Setting
from robustbench_ir.reports.comparison import COMPARISON_FORMATS
from robustbench_ir.reports.terminal import comparison_table
from robustbench_ir.reports.winner import standing_sentence
from robustbench_ir.results.compare import compare, same_scoring, standing
from robustbench_ir.results.file import load_result


@click.command("compare", short_help="Test whether encoders differ on the same perturbed queries.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@measure_option
@click.option("--setting", type=click.Choice(SETTINGS), help="Compare in this setting only. Default: in all.")
@click.option("--severity", type=int, help="Compare at this severity only. Default: at all.")
@click.option("--format", "form", type=click.Choice(["text", *COMPARISON_FORMATS]), default="text", show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all numbers to a file too, as JSON or in the format.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the differences: FILE.png, .svg or .pdf."
)
def command(
    files: tuple[Path, ...],
    measure: str,
    setting: Setting | None,
    severity: int | None,
    form: str,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Test whether the encoders of two or more result FILES differ: each further one against the first.

    The files must be results on the same task with the same perturbed queries; other files are refused. The last line
    says which encoder is best.

    \b
    irbench compare results/e5.json results/labse.json
    irbench compare results/e5.json results/labse.json --measure nDCG@10 --out comparison.json
    irbench compare results/e5.json results/labse.json --setting multilingual --severity 3 --format latex
    """  # noqa: D301
    look_up_measure(measure)
    results = [load_result(file) for file in files]
    rows = compare(results, measure, setting=setting, severity=severity)
    best = standing(results, measure, setting=setting, severity=severity)
    warning = same_scoring(results)
    if warning:
        say(f"irbench: {warning}", error=True)
    if form == "text":
        console = table_terminal()
        console.print(comparison_table(rows))
        console.print(styled((standing_sentence(best), "bold")))
    elif out is None:
        click.echo(COMPARISON_FORMATS[form](rows, best), nl=False)
    if plot:
        from robustbench_ir.reports.plots import write_comparison

        write_comparison(rows, plot)
        say(f"{plot} shows the differences", error=form != "text")
    if out:
        write_whole(out, COMPARISON_FORMATS["json" if form == "text" else form](rows, best).encode())
        say(f"{out} has all numbers", error=form != "text")
