"""`irbench board`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from robustbench_ir.cli.options import split_commas
from robustbench_ir.cli.output import Terminal, styled
from robustbench_ir.cli.progress import progress_bar
from robustbench_ir.errors import OptionError, nearest

_TASK_LIST = "small"


@click.group("board", short_help="Run a list of models for the leaderboard.")
def command() -> None:
    """Run a list of models for the leaderboard."""


@command.command("run")
@click.option(
    "--models",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="List of models, in TOML. Default: current multilingual encoders.",
)
@click.option("--tasks", "task_list", help="List of tasks to attack: small or standard. Default: small.")
@click.option("--only", callback=split_commas, help="Only these models of the list, by their names on the board.")
@click.option("--device", help="Such as cpu, cuda, mps. Default: the best available.")
@click.option("--dtype", help="float32, float16 or bfloat16, for models whose options name none.")
@click.option("--results", type=click.Path(path_type=Path, file_okay=False), default=Path("results"), show_default=True)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path("leaderboard"), show_default=True
)
@click.option("--list", "only_list", is_flag=True, help="Print the models and the notes on them; run nothing.")
def run(
    file: Path | None,
    task_list: str | None,
    only: tuple[str, ...] | None,
    device: str | None,
    dtype: str | None,
    results: Path,
    folder: Path,
    only_list: bool,
) -> None:
    """Attack each model of a list on a list of tasks, and add an entry for each.

    If it was stopped, run the same command again: finished results are kept. A model that fails is reported, and the
    next one follows; the status is then 1. Without --models, --tasks or --only it only lists the models.

    \b
    [[models]]
    model = "intfloat/multilingual-e5-small"
    link = "https://huggingface.co/intfloat/multilingual-e5-small"
    options = { query_prompt = "query: ", passage_prompt = "passage: " }
    """  # noqa: D301
    from robustbench_ir.leaderboard.board_run import Outcome, load_models, run_board
    from robustbench_ir.leaderboard.task_lists import load_task_lists

    bare = not (file or task_list or only)  # hours of work must be asked for
    task_list = task_list or _TASK_LIST
    lists = load_task_lists()
    if task_list not in lists:
        raise OptionError(f"unknown list of tasks {task_list!r}: {nearest(task_list, lists)}")
    listed = {one.on_board: one for one in load_models(file).models}
    for name in only or ():
        if name not in listed:
            raise OptionError(f"{name}: is not in the list: {nearest(name, listed)}")
    models = [one for name, one in listed.items() if not only or name in only]
    console = Terminal()
    if only_list or bare:
        for one in models:
            console.print(styled((one.on_board, "bold"), f"  {one.note}" if one.note else ""), soft_wrap=True)
        if not only_list:
            console.print(f"add --tasks {_TASK_LIST} to attack them all, or --only NAME", soft_wrap=True)
        return

    def tell(outcome: Outcome) -> None:
        line = f"{outcome.state:7} {outcome.model} on {outcome.task}"
        console.print(styled(f"{line}: {outcome.reason}" if outcome.reason else line), soft_wrap=True)

    with progress_bar() as progress:
        found = run_board(
            models,
            lists[task_list],
            results,
            folder,
            date=datetime.now(UTC).date().isoformat(),
            device=device,
            dtype=dtype,
            progress=progress,
            tell=tell,
        )
    failed = sum(one.state == "failed" for one in found)
    console.print(
        styled(f"{len(found) - failed} of {len(found)} results are there; `irbench leaderboard build` shows them")
    )
    if failed:
        raise SystemExit(1)
