"""Where the commands print: a terminal that obeys nothing which stands in a name, in whatever encoding it has."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from robustbench_ir._base.showing import terminal_lines, terminal_text

_WIDTH_OF_FILES = 100


class Terminal(Console):
    """A console of rich that reads no markup in a text and lets no control character of a text through.

    Whoever makes a table passes names through `terminal_text`, so that the columns fit. This class is the second line
    of defence: it looks at every piece of text on its way out.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the pieces of what is printed, texts made safe."""
        for one in super().render(renderable, options):
            yield one if one.control else Segment(terminal_lines(one.text), one.style)


def table_terminal() -> Terminal:
    """Return a terminal for wide tables: as wide as it is, or wide enough if the output is a file."""
    terminal = Terminal()
    return terminal if terminal.is_terminal else Terminal(width=_WIDTH_OF_FILES)


def styled(*parts: str | Text | tuple[str, str], style: str = "") -> Text:
    """Return one line of texts, each plain or with a style, in which no text is obeyed."""
    return Text.assemble(
        *(
            part
            if isinstance(part, Text)
            else terminal_text(part)
            if isinstance(part, str)
            else (terminal_text(part[0]), part[1])
            for part in parts
        ),
        style=style,
    )


def say(line: str | PathLike[str], *, error: bool = False) -> None:
    """Print one line, whatever line breaks stand in it."""
    click.echo(terminal_text(str(line)), err=error)
