"""`irbench submit`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import click

from robustbench_ir.adversary.poison_file import load_poisoning
from robustbench_ir.cli.for_leaderboard import why_unranked
from robustbench_ir.cli.options import split_commas
from robustbench_ir.cli.output import say
from robustbench_ir.errors import OptionError
from robustbench_ir.leaderboard.entry import Declaration, entry_of
from robustbench_ir.leaderboard.folder import submit
from robustbench_ir.leaderboard.names import LINK
from robustbench_ir.results.file import load_result


@click.command("submit", short_help="Make a leaderboard entry from a result file.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name on the board, such as intfloat/multilingual-e5-small.")
@click.option("--link", required=True, help="Address of the model, https://...")
@click.option("--paper", default="", help="Address of its paper.")
@click.option("--code", default="", help="Address of its code.")
@click.option("--contact", default="", help="Who answers questions; it will be public.")
@click.option("--licence", default="", help="Licence of the model, an SPDX name such as MIT.")
@click.option("--parameters", type=click.IntRange(min=0), help="Number of weights.")
@click.option("--model-languages", callback=split_commas, help="Languages that the model was made for: en,hi,sw.")
@click.option(
    "--saw-task",
    type=click.Choice(["yes", "no", "unknown"]),
    default="unknown",
    show_default=True,
    help="Whether training saw the task's data; with SQuAD among --trained-on it is yes for xquad-r.",
)
@click.option("--trained-on", callback=split_commas, help="Training data: 'MS MARCO,SQuAD'.")
@click.option(
    "--suite",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Result of `irbench attack --suite`, of the same encoder and task: the board then has its robust scores.",
)
@click.option(
    "--poison",
    "poisonings",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="File of `irbench poison`, of the same encoder and task; may be repeated.",
)
@click.option("--date", default=lambda: datetime.now(UTC).date().isoformat(), help="Date of the run. Default: today.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("leaderboard"), show_default=True)
def command(  # noqa: PLR0913, PLR0917
    file: Path,
    name: str,
    link: str,
    paper: str,
    code: str,
    contact: str,
    licence: str,
    parameters: int | None,
    model_languages: tuple[str, ...] | None,
    saw_task: str,
    trained_on: tuple[str, ...] | None,
    suite: Path | None,
    poisonings: tuple[Path, ...],
    date: str,
    folder: Path,
) -> None:
    """Make a leaderboard entry from a result FILE of `irbench attack`; docs/submit.md has the next steps."""
    declared = Declaration(
        name,
        link,
        paper,
        code,
        contact,
        licence,
        parameters,
        model_languages or (),
        saw_task,
        trained_on or (),
    )
    for option, address in (("--link", link), ("--paper", paper), ("--code", code)):
        if not re.fullmatch(LINK, address):
            raise OptionError(f"{option} {address}: is no address; write one that begins with https://")
    result = load_result(file)
    beside = None if suite is None else load_result(suite)
    entry = entry_of(result, declared, date, beside, [load_poisoning(one) for one in poisonings])
    path = submit(entry, folder)
    say(f"{path} is your entry; `irbench leaderboard check --new {path}` checks it")
    if reason := why_unranked(entry):
        say(reason)
    say(f"once it is built, its page is {folder}/site/index.html#model={quote(name, safe='/')}")
