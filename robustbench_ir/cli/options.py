"""Option types and options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path

import click

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def split_commas(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Read ``a,b,c`` as a tuple; an option's callback."""
    if value is None:
        return None
    parts = tuple(part.strip() for part in value.split(","))
    if not all(parts):
        raise click.BadParameter(f"{value!r} has an empty part")
    return parts


def read_bytes(_: click.Context, __: click.Parameter, value: str) -> int:
    """Read ``512MiB``, ``2GiB`` or ``1.5G`` as bytes; an option's callback.

    >>> read_bytes(None, None, "2GiB")  # doctest: +SKIP
    2147483648
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?|)b?", value.strip().lower())
    if not match:
        raise click.BadParameter(f"{value!r} is no size; write such as 512MiB or 2GiB")
    return int(float(match[1]) * _UNITS[match[2]])


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

edit_rate_option = click.option(
    "--budget-edit-rate",
    "edit_rate",
    type=float,
    help="Share of a query's characters that a search may replace, above 0 and at most 1. Default: 1.",
)

until_reached_option = click.option(
    "--until-reached", is_flag=True, help="Leave a query at its first success; do not look for the worst."
)

starts_option = click.option(
    "--starts", type=int, help="Random perturbations that a search begins with. Default: the method's own number."
)

alternatives_option = click.option(
    "--alternatives", type=int, help="Distinct rewritings of a word by one recipe that a search may try. Default: 8."
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
