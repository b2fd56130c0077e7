"""Option types and options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click


class CommaList(click.ParamType):
    """``a,b,c`` as a tuple of strings."""

    name = "a,b,c"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split at commas; empty parts are an error."""
        if isinstance(value, tuple):
            return value
        parts = tuple(part.strip() for part in value.split(","))
        if not all(parts):
            self.fail(f"{value!r} has an empty part", param, ctx)
        return parts


cards_option = click.option(
    "--cards",
    type=click.Path(path_type=Path),
    help="Folder with recipes and tasks of your own (attacks/*.toml, tasks/*.toml).",
)
