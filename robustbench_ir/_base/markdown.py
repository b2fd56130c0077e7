"""Markdown tables, and escaping of Markdown."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")
_BARE_BAR = re.compile(r"(?<!\\)\|")


def escaped_markdown(text: str) -> str:
    """Return Markdown that shows a text literally, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]], right: Container[int] = ()) -> str:
    """Return a GitHub-flavoured table.

    Parameters
    ----------
    names : sequence of str
        Column headings, in Markdown.
    rows : iterable of sequence of str
        Cells of each row, in Markdown.
    right : container of int
        Indices of the columns that are aligned to the right.
    """
    rule = ["---:" if place in right else "---" for place in range(len(names))]
    lines = ([_BARE_BAR.sub(r"\|", cell) for cell in row] for row in (names, rule, *rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
