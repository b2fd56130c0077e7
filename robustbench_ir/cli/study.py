"""`irbench study`."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path

import click
from rich.table import Table

from robustbench_ir._base.files import write_whole
from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.output import styled, table_terminal
from robustbench_ir.cli.progress import progress_bar
from robustbench_ir.studies.config import StudyCard, load_study
from robustbench_ir.studies.page import study_page
from robustbench_ir.studies.picture import write_picture
from robustbench_ir.studies.plan import Step, plan_study, seconds_left
from robustbench_ir.studies.pruned_base import prune_study_base
from robustbench_ir.studies.registration import Registration, register, resolution
from robustbench_ir.studies.run import STUDY_FILE, run_study

_REPORT_FILE = "report.md"
_PICTURE_FILE = "drops.svg"


@click.command("study", short_help="Train encoders in several ways, attack each, and judge the claims.")
@click.argument("name", default="hybrid-batch")
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="A card of your own instead of a shipped NAME."
)
@list_option("--base", "bases", help="Bases to train from instead: names or folders, such as A,B.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of models, results and report. Default: NAME.",
)
@click.option(
    "--reuse",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of another study, whose models and results are used again; new ones are added there.",
)
@click.option(
    "--prune-base",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a smaller base, with the tokens that the study needs, to this folder; then give it as --base.",
)
@click.option("--device", help="Such as cpu, cuda, mps. Default: the best available.")
@click.option("--train-only", is_flag=True, help="Train all models and stop; the same command without it attacks them.")
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="Print steps, times and what they can show; write plan.json; run nothing.",
)
@click.option("--replan", is_flag=True, help="Accept a card that has changed after its plan; the report says so.")
@click.option(
    "--allow-overlap", is_flag=True, help="Accept training data that has texts of a task; every report says so."
)
def command(  # noqa: PLR0913, PLR0917
    name: str,
    config: Path | None,
    bases: tuple[str, ...],
    out: Path | None,
    reuse: Path | None,
    prune_base: Path | None,
    device: str | None,
    train_only: bool,
    only_plan: bool,
    replan: bool,
    allow_overlap: bool,
) -> None:
    """Train encoders in several ways, attack each of them, and judge the claims with statistics.

    Studies that ship: hybrid-batch, hybrid-batch-further (more arms), hybrid-batch-transfer (other training data); all
    need --base. If one was stopped, run the same command again to continue. --plan writes plan.json, and a card that
    changes after that is refused.

    \b
    irbench study hybrid-batch --base intfloat/multilingual-e5-small --prune-base base
    irbench study hybrid-batch --base base --plan
    irbench study hybrid-batch --base base --out study
    """  # noqa: D301 - click needs the character itself
    card = load_study(name, config, bases)
    folder = out or Path(card.name)
    console = table_terminal()
    if only_plan:
        console.print(_plan_table(plan_study(card, reuse or folder)))
        for line in _design_lines(card, register(card, folder, replan=replan)):
            console.print(styled(line), soft_wrap=True)
        return
    if prune_base is not None:
        found = prune_study_base(card, prune_base)
        console.print(styled(f"{prune_base}: {found.after:,} of {found.before:,} tokens"), soft_wrap=True)
        return
    asked = [
        *("irbench", "study"),
        *(["--config", str(config)] if config else [card.name]),
        *(part for base in bases for part in ("--base", base)),
        *(["--reuse", str(reuse)] if reuse else []),
        *(["--allow-overlap"] if allow_overlap else []),
    ]
    with progress_bar() as progress:
        study = run_study(
            card,
            folder,
            reuse=reuse,
            command=shlex.join(asked),
            allow_overlap=allow_overlap,
            train_only=train_only,
            replan=replan,
            device=device,
            progress=progress,
            tell=lambda line: console.print(styled(line), soft_wrap=True),
        )
    if study is None:
        console.print(
            styled(f"all models are trained, in {reuse or folder}; the same command without --train-only attacks them")
        )
        return
    write_whole(folder / _REPORT_FILE, study_page(study).encode())
    if find_spec("matplotlib"):
        write_picture(study, study.attacks[0].task, folder / _PICTURE_FILE)
    for one in study.claims:
        if one.task == study.attacks[0].task:
            attack = f" ({one.recipe})" if one.recipe else ""
            console.print(styled((f"{one.verdict:12}", "bold"), f" {one.sentence}{attack}"), soft_wrap=True)
    message = styled((str(folder / _REPORT_FILE), "bold"), f" has the evidence, {folder / STUDY_FILE} every number")
    console.print(message, soft_wrap=True)


def _design_lines(card: StudyCard, plan: Registration) -> list[str]:
    """Return what the study can show, and the hash of its plan."""
    margins, found = card.margins, resolution(card)
    lines = [
        f"equal within: {100 * margins.relative_drop:g} points of relative drop, {margins.mean_average_precision:g} of "
        f"mAP, {margins.rank_distance:.0%} of rank distance"
    ]
    if found is not None:
        lines.append(
            f"relative drop, if variances are as in the pilot: standard error {100 * found.error:.2f} points, a "
            f"difference of {100 * found.detectable:.2f} is found with 80% probability, equality with "
            f"{found.equality:.0%} if there is none"
        )
    return [*lines, f"plan of {plan.date}: {plan.sha256}"]


def _plan_table(steps: list[Step]) -> Table:
    """Return the steps as a table, with the time that is left below."""
    table = Table(box=None, title_justify="left", caption_justify="left", header_style="bold", pad_edge=False)
    for column in ("step", "model", "what"):
        table.add_column(column, overflow="fold")
    table.add_column("time", justify="right")
    for one in steps:
        table.add_row(
            one.kind, *map(styled, (one.checkpoint, one.what)), "finished" if one.done else f"{one.seconds:.0f} s"
        )
    left = sum(not one.done for one in steps)
    table.caption = f"{left} of {len(steps)} steps are left, about {seconds_left(steps) / 60:.0f} min"
    return table
