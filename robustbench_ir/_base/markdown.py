"""Markdown that more than one page needs: tables, and text that is to be read as it is."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")
_BARE_BAR = re.compile(r"(?<!\\)\|")


def escaped_markdown(text: str) -> str:
    """Return text as Markdown that shows it as it is, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]], right: Container[int] = ()) -> str:
    """Return a GitHub-flavoured table of cells that are Markdown; columns whose places are in `right` stand there."""
    rule = ["---:" if place in right else "---" for place in range(len(names))]
    lines = ([_BARE_BAR.sub(r"\|", cell) for cell in row] for row in (names, rule, *rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
