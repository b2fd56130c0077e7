"""Output of `irbench recipes`, `tasks` and `encoders`: one line for each item, or all facts of one item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from robustbench_ir._base.showing import terminal_lines, terminal_text
from robustbench_ir.cli.output import Terminal, styled
from robustbench_ir.errors import nearest
from robustbench_ir.reports.terminal import counted


class Catalogue(click.Group):
    """A group that lists items, and shows one of them by its command `show`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named; the name of an item in its place is an error that says what to write."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            known = nearest(args[0], self.commands)
            ctx.fail(
                f"unknown command {args[0]!r}: {known}; `{ctx.command_path} show {args[0]}` shows what has this name"
            )
        return super().resolve_command(ctx, args)


def print_lines(rows: Iterable[Sequence[str]]) -> None:
    """Print one line for each row, such as name, title and number of languages, in aligned columns.

    On a terminal, the last column is folded where it is too long; in a file, a row is one line.
    """
    found = [[terminal_text(cell) for cell in row] for row in rows]
    if Terminal().is_terminal:
        table = Table.grid(padding=(0, 2))
        for number in range(len(found[0])):
            table.add_column(style="bold" if number == 0 else "", no_wrap=number < len(found[0]) - 1)
        for row in found:
            table.add_row(*map(Text, row))
        Terminal().print(table)
        return
    widths = [max(cell_len(row[column]) for row in found) for column in range(len(found[0]) - 1)]
    console = Terminal()
    for row in found:
        name, *rest = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, [*widths, 0], strict=True))
        console.print(styled((name, "bold"), *(f"  {cell}" for cell in rest)), soft_wrap=True)


def print_facts(title: str, facts: Iterable[tuple[str, str]]) -> None:
    """Print all facts of one item: a title, and a line for each fact that is not empty."""
    table = Table.grid(padding=(0, 2))
    for name, text in facts:
        if text:
            table.add_row(styled((name, "dim")), Text(terminal_lines(text)))
    console = Terminal()
    console.print(styled((title, "bold")))
    console.print(Padding(table, (0, 2)))


def count(languages: Iterable[str]) -> str:
    """Return the number of languages, and their codes."""
    codes = sorted(languages)
    return f"{counted(len(codes), 'language')}: {' '.join(codes)}"
