"""A folder of cards made from somebody's dictionary, for `--cards DIR`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from robustbench_ir.cards import read_toml
from robustbench_ir.files import write_whole
from robustbench_ir.perturb.lexicon_sources import Pair

_CARD = """\
name = {name}
version = 1
title = "Code-switching"
description = "Words and phrases replaced by their translation, from lexicons of your own."
transformation = "substitution"
sources = {sources}

[constraints]
protect = ["numbers", "addresses", "capitalised", "stop-words"]

[parameters]
operation = "switch"

[languages]
"""


def write_lexicon_cards(
    folder: Path,
    recipe: str,
    lexicons: Mapping[tuple[str, str], Iterable[Pair]],
    licence: str,
    attribution: str,
    *,
    inflected: bool = True,
) -> dict[tuple[str, str], int]:
    """Write lexicons and the recipe that uses them; what the folder had before of other recipes stays.

    Parameters
    ----------
    folder : pathlib.Path
        Gets `attacks/RECIPE.toml`, `attacks/lexicons/RECIPE/` and rows in `attacks/_lexicons.toml`.
    recipe : str
        Name of the recipe card.
    lexicons : mapping
        (language, embedded language) to pairs of word and translation, the best translation of a word first.
    licence, attribution : str
        Terms of the lexicons and whom to thank.
    inflected : bool
        Whether inflected forms of the entries are found too.

    Returns
    -------
    dict
        (language, embedded language) to the number of distinct pairs.

    Raises
    ------
    ResultError
        The folder cannot be written to.
    CardError
        It has an `attacks/_lexicons.toml` that is not TOML.
    """
    attacks = folder / "attacks"
    counts = {}
    rows: dict[str, dict[str, str]] = {}
    of_language: dict[str, list[dict[str, object]]] = {}
    for (language, embedded), pairs in lexicons.items():
        distinct = dict.fromkeys(pairs)
        table = f"lexicons/{recipe}/{language}-{embedded}.tsv"
        write_whole(attacks / table, "".join(f"{word}\t{other}\n" for word, other in distinct).encode())
        name = f"{recipe}/{language}-{embedded}"
        rows[name] = {"format": "tsv", "table": table, "licence": licence, "attribution": attribution}
        of_language.setdefault(language, []).append(
            {"embedded": embedded, "lexicons": [name], **({} if inflected else {"inflected": False})}
        )
        counts[language, embedded] = len(distinct)
    card = _CARD.format(name=json.dumps(recipe), sources=_toml([attribution]))
    for language, found in sorted(of_language.items()):
        row = found[0] if len(found) == 1 else {"any_of": found}
        card += f"{language} = {_toml(row)}\n"
    write_whole(attacks / f"{recipe}.toml", card.encode())
    known = attacks / "_lexicons.toml"
    merged = {**(read_toml(known) if known.is_file() else {}), **rows}
    write_whole(known, "".join(f"{json.dumps(name)} = {_toml(row)}\n" for name, row in merged.items()).encode())
    return counts


def _toml(value: object) -> str:
    """Write a value as TOML; strings, booleans, lists and tables are all that cards of lexicons hold."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
