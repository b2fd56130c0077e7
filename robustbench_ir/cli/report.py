"""`irbench report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click

from robustbench_ir._base.files import check_writable, write_whole
from robustbench_ir.adversary.poison_file import load_poisoning
from robustbench_ir.cli.completion import ENCODER
from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.options import cards_option, damage_option, measure_option, split_commas
from robustbench_ir.cli.output import say
from robustbench_ir.cli.progress import progress_bar
from robustbench_ir.encoders import Encoder, EncoderOptions, load_encoder
from robustbench_ir.encoders.options import options_from
from robustbench_ir.errors import OptionError
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.metrics.settings import SETTINGS, Setting
from robustbench_ir.reports.content import Sheet, prepare_sheets
from robustbench_ir.reports.defended import Defended, try_defences
from robustbench_ir.reports.exports import EXPORTS
from robustbench_ir.reports.latex import DEFAULT_COLUMNS, read_columns, to_latex
from robustbench_ir.reports.page import report_page
from robustbench_ir.reports.plots import Form, write_plots
from robustbench_ir.reports.worst import find_examples
from robustbench_ir.results.file import load_result
from robustbench_ir.results.result import Result

_PLOTS: tuple[Form, ...] = get_args(Form)


@click.command("report", short_help="Write a page, tables or pictures of one or more result files.")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="File, or folder for pictures. Default: report.html.")
@click.option("--format", "form", type=click.Choice(["html", *EXPORTS, *_PLOTS]), default="html", show_default=True)
@measure_option
@click.option(
    "--setting", type=click.Choice(SETTINGS), help="Setting of tables and pictures that show one. Default: the widest."
)
@click.option(
    "--severity", type=int, help="Severity of tables and pictures that show one. Default: 3, or the middle one."
)
@click.option(
    "--worst", type=click.IntRange(min=0), default=20, show_default=True, help="Number of queries that lost most."
)
@click.option("--task", help="Task of the texts, as in `irbench attack --task`. Default: that of the result.")
@click.option(
    "--with-passages", is_flag=True, help="Run the encoder again, to show which passage overtook the relevant one."
)
@click.option(
    "--try-defences",
    "defend",
    is_flag=True,
    help="Run the encoder behind the cheap repairs against the worst attack, to show what each wins back.",
)
@list_option("--model", "models", of=ENCODER, help="Encoders to run again, if their names have changed; such as A,B.")
@list_option(
    "--poison",
    "poison_files",
    of=click.Path(path_type=Path),
    help="Files of `irbench poison` to show too: A,B.",
)
@click.option(
    "--columns",
    callback=split_commas,
    help="Columns of LaTeX tables: clean, attacked, drop, relative. Default: clean,attacked,drop.",
)
@click.option(
    "--resamples",
    type=click.IntRange(100, 1_000_000),
    help="Resamples of intervals. Default: 10000; for many results, 2000.",
)
@damage_option
@cards_option
def command(  # noqa: PLR0913, PLR0917
    results: tuple[Path, ...],
    out: Path | None,
    form: str,
    measure: str,
    setting: Setting | None,
    severity: int | None,
    worst: int,
    task: str | None,
    with_passages: bool,
    defend: bool,
    models: tuple[str, ...],
    poison_files: tuple[Path, ...],
    columns: tuple[str, ...] | None,
    resamples: int | None,
    damage: float | None,
    cards: Path | None,
) -> None:
    """Write a page, tables or pictures of one or more RESULTS of `irbench attack`.

    \b
    irbench report result.json                                   report.html, one file, open it anywhere
    irbench report result.json --with-passages                   and which passages overtook the right ones
    irbench report result.json --poison poison.json              and which languages find injected passages
    irbench report result.json --try-defences                    and what cheap repairs win back of the worst attack
    irbench report a.json b.json --format latex                  print tables for a paper
    irbench report result.json --format png --out figures
    """  # noqa: D301
    look_up_measure(measure)
    if (with_passages or defend or models) and form != "html":
        raise OptionError(
            "passages and defences are shown on the page only; leave out --with-passages, --try-defences and --model "
            f"for {form}"
        )
    if poison_files and form != "html":
        raise OptionError(f"injected passages are shown on the page only; leave out --poison for {form}")
    if columns and form != "latex":
        raise OptionError(f"--columns is for --format latex; leave it out for {form}")
    chosen = read_columns(columns) if columns else DEFAULT_COLUMNS
    found = [(str(path), load_result(path)) for path in results]
    poisonings = list(map(load_poisoning, poison_files))
    prepared = prepare_sheets(found, measure, setting, severity, resamples, damage)
    for plot in _PLOTS:
        if form == plot:
            _write_plots(prepared, out or Path("figures"), plot)
            return
    if form in EXPORTS:
        _write_export(to_latex(prepared, chosen) if form == "latex" else EXPORTS[form](prepared), out)
        return
    target = out or Path("report.html")
    check_writable(target)
    encoders = _encoders(prepared, models) if with_passages or defend or models else []
    tried: list[list[Defended]] = []
    if defend:
        with progress_bar() as progress:
            tried = [try_defences(one, encoders, task, cards, progress) for one in prepared]
    shown = encoders if with_passages or (models and not defend) else []
    page = report_page(prepared, find_examples(prepared, worst, task, cards, shown), tried, poisonings=poisonings)
    write_whole(target, page.encode())
    say(f"{target}  {len(found)} result{'' if len(found) == 1 else 's'}; open it in a browser")


def _encoders(prepared: Sequence[Sheet], models: Sequence[str]) -> list[Encoder]:
    """Load the encoders of the results under the names in the results, or under their present names."""
    described = {sheet.result.encoder.fingerprint: sheet.result for sheet in prepared}.values()
    if models and len(models) != len(described):
        raise OptionError(f"{len(models)} models for results of {len(described)} encoders; name one for each, in order")
    return [
        load_encoder(name or one.encoder.loaded_by, _options(one))
        for name, one in zip(models or [""] * len(described), described, strict=True)
    ]


def _options(result: Result) -> EncoderOptions:
    who = result.encoder
    if result.options is None:
        return EncoderOptions(who.query_prompt, who.passage_prompt, revision=who.revision or None)
    return options_from({**result.options, "revision": who.revision or None})


def _write_export(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    write_whole(out, text.encode())
    say(str(out))


def _write_plots(prepared: Sequence[Sheet], folder: Path, form: Form) -> None:
    for path in write_plots(prepared, folder, form):
        say(str(path))
