"""`irbench tasks`."""

from __future__ import annotations

from pathlib import Path

import click

from robustbench_ir.cli.catalogue import count, print_facts, print_lines
from robustbench_ir.cli.options import cards_option
from robustbench_ir.tasks import task_card, task_names


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
    facts = [
        ("what it is", card.description),
        ("languages", count(card.languages)),
        *(("note", note) for note in card.notes),
        ("licence", card.licence),
        ("cite", card.citation),
        ("home", card.homepage),
        ("run it", f"irbench attack --task {card.name}"),
    ]
    print_facts(f"{card.name}@{card.version}  {card.title}", facts)
