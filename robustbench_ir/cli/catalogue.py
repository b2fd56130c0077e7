"""How `irbench recipes`, `tasks` and `encoders` print: one line each, or one whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def print_lines(rows: Iterable[Sequence[str]]) -> None:
    """Print one line for each row: name, what it is, for which languages; columns in line."""
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(Text(row[0], style="bold"), *row[1:])
    Console().print(table)


def print_facts(title: str, facts: Iterable[tuple[str, str]]) -> None:
    """Print one thing whole: a title, and a line for each fact that there is."""
    table = Table.grid(padding=(0, 2))
    for name, text in facts:
        if text:
            table.add_row(Text(name, style="dim"), text)
    console = Console()
    console.print(Text(title, style="bold"))
    console.print(Padding(table, (0, 2)))


def count(languages: Iterable[str]) -> str:
    """Say how many languages, and which."""
    codes = sorted(languages)
    return f"{len(codes)} languages: {' '.join(codes)}"
