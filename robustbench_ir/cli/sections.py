"""A command with many options, whose help text has them in sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

_OTHERS = "Other options"


class SectionedCommand(click.Command):
    """A command whose help text has sections of options, and examples at its end.

    Parameters
    ----------
    sections : mapping of str to sequence of str
        Title of each section to the names of its parameters; options that are in none come last.
    **settings
        Those of `click.Command`.
    """

    def __init__(self, *args: object, sections: Mapping[str, Sequence[str]], **settings: object) -> None:
        super().__init__(*args, **settings)  # type: ignore[arg-type]
        self._sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        title_of = {name: title for title, names in self._sections.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {title: [] for title in (*self._sections, _OTHERS)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                rows[title_of.get(parameter.name or "", _OTHERS)].append(record)
        for title, records in rows.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
