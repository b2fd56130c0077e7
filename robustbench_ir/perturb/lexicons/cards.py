"""A folder of cards made from a user's dictionary, for `--cards DIR`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from robustbench_ir._base.files import write_whole
from robustbench_ir.perturb.lexicons.sources import Pair
from robustbench_ir.resources.cards import read_toml

_CARD = """\
name = {name}
version = 1
title = {title}
description = {description}
transformation = "substitution"
sources = {sources}

[constraints]
protect = ["numbers", "addresses", "capitalised", "stop-words"]

[parameters]
operation = {operation}

[languages]
{languages}"""
_SWITCHING = {
    "title": "Code-switching",
    "description": "Words and phrases replaced by their translation, from lexicons of your own.",
    "operation": "switch",
}
_SYNONYMS = {
    "title": "Synonyms",
    "description": "Words replaced by words of the same synset, from a wordnet of your own.",
    "operation": "synonym",
}


def write_lexicon_cards(
    folder: Path,
    recipe: str,
    lexicons: Mapping[tuple[str, str], Iterable[Pair]],
    licence: str,
    attribution: str,
    *,
    inflected: bool = True,
) -> dict[tuple[str, str], int]:
    """Write lexicons and the recipe that uses them. Other recipes in the folder stay.

    Parameters
    ----------
    folder : pathlib.Path
        Gets `attacks/RECIPE.toml`, `attacks/lexicons/RECIPE/` and rows in `attacks/_lexicons.toml`.
    recipe : str
        Name of the recipe card.
    lexicons : mapping
        (language, embedded language) to pairs of word and translation, the best translation of a word first.
    licence, attribution : str
        Terms of the lexicons, and their authors.
    inflected : bool
        Whether inflected forms of the entries are found too.

    Returns
    -------
    dict
        (language, embedded language) to the number of distinct pairs.

    Raises
    ------
    ResultError
        If the folder cannot be written to.
    CardError
        If it has an `attacks/_lexicons.toml` that is not TOML.
    """
    counts = {}
    sources: dict[str, dict[str, str]] = {}
    of_language: dict[str, list[dict[str, object]]] = {}
    for (language, embedded), pairs in lexicons.items():
        distinct = dict.fromkeys(pairs)
        name = f"{recipe}/{language}-{embedded}"
        lines = "".join(f"{word}\t{other}\n" for word, other in distinct)
        sources[name] = _source(folder, f"lexicons/{name}.tsv", "tsv", lines, licence, attribution)
        of_language.setdefault(language, []).append(
            {"embedded": embedded, "lexicons": [name], **({} if inflected else {"inflected": False})}
        )
        counts[language, embedded] = len(distinct)
    rows = {language: found[0] if len(found) == 1 else {"any_of": found} for language, found in of_language.items()}
    _write_card(folder, recipe, _SWITCHING, rows, sources)
    return counts


def write_synonym_cards(
    folder: Path, recipe: str, language: str, synsets: Iterable[Pair], licence: str, attribution: str
) -> int:
    """Write a wordnet and the recipe that replaces words by others of their synsets; see `write_lexicon_cards`.

    Parameters
    ----------
    folder : pathlib.Path
        Gets the cards.
    recipe : str
        Name of the recipe card.
    language : str
        Code of the language.
    synsets : iterable of (str, str)
        Word and synset.
    licence, attribution : str
        Terms of the wordnet, and its authors.

    Returns
    -------
    int
        Number of distinct pairs.
    """
    distinct = dict.fromkeys(synsets)
    name = f"{recipe}/{language}"
    lines = "".join(f"{synset}\t{language}:lemma\t{word}\n" for word, synset in distinct)
    source = _source(folder, f"lexicons/{name}.tab", "synsets", lines, licence, attribution)
    _write_card(folder, recipe, _SYNONYMS, {language: {"synsets": name}}, {name: source})
    return len(distinct)


def _source(folder: Path, table: str, form: str, lines: str, licence: str, attribution: str) -> dict[str, str]:
    write_whole(folder / "attacks" / table, lines.encode())
    return {"format": form, "table": table, "licence": licence, "attribution": attribution}


def _write_card(
    folder: Path,
    recipe: str,
    texts: Mapping[str, str],
    rows: Mapping[str, object],
    sources: Mapping[str, Mapping[str, str]],
) -> None:
    card = _CARD.format(
        name=json.dumps(recipe),
        sources=_toml(sorted({source["attribution"] for source in sources.values()})),
        languages="".join(f"{language} = {_toml(row)}\n" for language, row in sorted(rows.items())),
        **{key: json.dumps(text) for key, text in texts.items()},
    )
    write_whole(folder / "attacks" / f"{recipe}.toml", card.encode())
    known = folder / "attacks" / "_lexicons.toml"
    merged = {**(read_toml(known) if known.is_file() else {}), **sources}
    write_whole(known, "".join(f"{json.dumps(name)} = {_toml(row)}\n" for name, row in merged.items()).encode())


def _toml(value: object) -> str:
    """Write a value as TOML; cards of lexicons hold only strings, booleans, lists and tables."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
