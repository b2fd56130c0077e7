"""Option types and options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from robustbench_ir._base.sizes import parse_size
from robustbench_ir.errors import OptionError


def split_commas(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Read ``a,b,c`` as a tuple; an option's callback."""
    if value is None:
        return None
    parts = tuple(part.strip() for part in value.split(","))
    if not all(parts):
        raise click.BadParameter(f"{value!r} has an empty part")
    return parts


def read_bytes(_: click.Context, __: click.Parameter, value: str) -> int:
    """Read ``512MiB``, ``2TB`` or ``1.5G`` as bytes; an option's callback.

    >>> read_bytes(None, None, "2GiB")  # doctest: +SKIP
    2147483648
    """
    try:
        return parse_size(value)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


languages_option = click.option(
    "--languages",
    "--language",
    "languages",
    callback=split_commas,
    help="In these languages only, such as en,hi,sw. Default: all that there are.",
)

cards_option = click.option(
    "--cards",
    type=click.Path(path_type=Path),
    help="Folder with recipes and tasks of your own (attacks/*.toml, tasks/*.toml).",
)

semantic_floor_option = click.option(
    "--semantic-floor",
    type=float,
    help="Take edits back until the cosine of clean and perturbed query reaches this, above 0 and at most 1.",
)

semantic_encoder_option = click.option(
    "--semantic-encoder",
    help="Encoder of the semantic floor; best not the one attacked. Default: use-multilingual.",
)
