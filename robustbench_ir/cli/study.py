"""`irbench study`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from robustbench_ir._base.files import write_whole
from robustbench_ir.cli.catalogue import table_console
from robustbench_ir.cli.progress import ProgressBar
from robustbench_ir.studies.checkpoint_training import load_training_data
from robustbench_ir.studies.config import load_study
from robustbench_ir.studies.page import study_page
from robustbench_ir.studies.plan import Step, plan_study, seconds_left
from robustbench_ir.studies.run import STUDY_FILE, run_study

_REPORT_FILE = "report.md"


@click.command("study", short_help="Train encoders in several ways, attack each, and judge the claims.")
@click.argument("name", default="hybrid-batch")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="A card of your own instead of a shipped NAME."
)
@click.option("--base", "bases", multiple=True, help="Base to train from instead: a name or folder; may be repeated.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of models, results and report. Default: NAME.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Print the steps and their durations; run nothing.")
@click.option(
    "--allow-overlap", is_flag=True, help="Accept training data that has texts of a task; every report says so."
)
def command(
    name: str, config: Path | None, bases: tuple[str, ...], out: Path | None, only_plan: bool, allow_overlap: bool
) -> None:
    """Train encoders in several ways, attack each of them, and judge the claims with statistics.

    Studies that ship: hybrid-batch (minutes on two cores, no download), hybrid-batch-transformer (give --base FOLDER).
    If it was stopped, run the same command again to continue.

    \b
    irbench study hybrid-batch --plan
    irbench study hybrid-batch --out study
    irbench study hybrid-batch-transformer --base me5-small --out study-transformer
    """  # noqa: D301 - click needs the character itself
    card = load_study(name, config, bases)
    folder = out or Path(card.name)
    console = table_console()
    if only_plan:
        console.print(_plan_table(plan_study(card, load_training_data(card), folder)))
        return
    asked = [
        *("irbench", "study"),
        *(["--config", str(config)] if config else [card.name]),
        *(part for base in bases for part in ("--base", base)),
        *(["--allow-overlap"] if allow_overlap else []),
    ]
    with ProgressBar() as progress:
        study = run_study(
            card,
            folder,
            command=shlex.join(asked),
            allow_overlap=allow_overlap,
            progress=progress,
            tell=lambda line: console.print(line, soft_wrap=True, markup=False, highlight=False),
        )
    write_whole(folder / _REPORT_FILE, study_page(study).encode())
    for one in study.claims:
        if one.task == study.attacks[0].task:
            attack = f" ({one.recipe})" if one.recipe else ""
            console.print(Text.assemble((f"{one.verdict:12}", "bold"), f" {one.sentence}{attack}"), soft_wrap=True)
    message = Text.assemble(
        (str(folder / _REPORT_FILE), "bold"), f" has the evidence, {folder / STUDY_FILE} every number"
    )
    console.print(message, soft_wrap=True)


def _plan_table(steps: list[Step]) -> Table:
    """Return the steps as a table, with the time that is left below."""
    table = Table(box=None, title_justify="left", caption_justify="left", header_style="bold", pad_edge=False)
    for column in ("step", "model", "what"):
        table.add_column(column, overflow="fold")
    table.add_column("time", justify="right")
    for one in steps:
        table.add_row(one.kind, one.checkpoint, one.what, "finished" if one.done else f"{one.seconds:.0f} s")
    left = sum(not one.done for one in steps)
    table.caption = f"{left} of {len(steps)} steps are left, about {seconds_left(steps) / 60:.0f} min"
    return table
