"""`irbench tasks`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from robustbench_ir.cli.catalogue import count, print_facts, print_lines
from robustbench_ir.cli.options import cards_option
from robustbench_ir.errors import DataError
from robustbench_ir.tasks import task_card, task_names
from robustbench_ir.tasks.faults import Fault
from robustbench_ir.tasks.formats.beir import check_folder, summary
from robustbench_ir.tasks.formats.trec import corpora


@click.group("tasks", invoke_without_command=True, short_help="List the tasks and their languages, or show one.")
@cards_option
@click.pass_context
def command(context: click.Context, cards: Path | None) -> None:
    """List the tasks and their languages; `irbench tasks show NAME` tells all about one."""
    context.obj = cards
    if context.invoked_subcommand is None:
        found = [task_card(name, cards) for name in task_names(cards)]
        print_lines((card.name, card.title, count(card.languages)) for card in found)


@command.command("show")
@click.argument("name")
@click.pass_obj
def show(cards: Path | None, name: str) -> None:
    """Tell all about the task NAME."""
    card = task_card(name, cards)
    sizes = {code: corpus.count for code, corpus in corpora(card.languages).items() if corpus.count}
    smallest = f" --languages {min(sizes, key=sizes.__getitem__)}" if sizes else ""
    facts = [
        ("what it is", card.description),
        ("languages", count(card.languages) if card.languages else ""),
        ("passages", ", ".join(f"{code} {size:,}" for code, size in sizes.items())),
        *(("note", note) for note in card.notes),
        ("licence", card.licence),
        ("cite", card.citation),
        ("home", card.homepage),
        ("run it", f"irbench attack --task {card.name}{smallest}"),
    ]
    print_facts(f"{card.name}@{card.version}  {card.title}", facts)


@command.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
def check(folder: Path) -> None:
    """Say everything that is wrong with a task of your own in FOLDER, by file and line.

    \b
    corpus.jsonl    {"_id": "d1", "title": "", "text": "...", "language": "sw"}
    queries.jsonl   {"_id": "q1", "text": "...", "language": "sw", "parallel_id": "1"}
    qrels/test.tsv  query-id<TAB>corpus-id<TAB>score, or TREC's four columns
    task.toml       optional: query_language, passage_language, title, licence, citation, homepage, notes

    Queries that are translations of each other share a parallel_id. Status 2 where the task would not load.
    """  # noqa: D301
    console = Console()
    found: list[Fault] = []

    def tell(fault: Fault) -> None:
        found.append(fault)
        console.print(Text(str(fault), style="yellow" if fault.note else "red"), soft_wrap=True)

    raw, task = check_folder(folder, tell)
    faults = sum(not fault.note for fault in found)
    print_facts(f"{folder}  {faults} faults", summary(raw))
    if faults:
        raise DataError(f"{folder}: it would not load; mend the {faults} faults above and check again")
    console.print(Text.assemble("It loads: ", (f"irbench attack --task {_path_of(folder)}", "bold")), soft_wrap=True)


def _path_of(folder: Path) -> str:
    """Return the folder as `--task` understands it: with a slash in it."""
    return f"{folder}" if "/" in f"{folder}" else f"./{folder}"
