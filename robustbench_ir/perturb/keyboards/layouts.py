"""Keyboard tables: the keys, what they type, and which of them are neighbours."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources.abc import Traversable
from typing import Annotated, Literal

import regex
from pydantic import Field, field_validator

from robustbench_ir.errors import CardError
from robustbench_ir.perturb.keyboards.orthography import orthographic_class
from robustbench_ir.resources.cards import SHIPPED, Card, Tables, read_card

Neighbours = Mapping[str, tuple[str, ...]]

_ROW_OFFSETS = (0.0, 1.5, 1.75, 2.25)  # in key widths: digits, Q row, A row, Z row of an ISO keyboard
_TOUCHING = 1.15  # largest distance, in key widths, between the centres of keys that a finger confuses
_LONGEST_ROW = 13  # keys of the digit row of an ISO keyboard, from the left edge to backspace


class Keyboard(Card):
    """One table under `attacks/keyboards/`.

    Attributes
    ----------
    title, source, licence : str
        Name, source of the facts, and terms of the source.
    kind : {"keys", "ethiopic", "hangul", "spelt"}
        `keys`: a key types a character. `ethiopic`: consonant keys; the vowel is chosen after. `hangul`: keys type
        jamo, which form syllables. `spelt`: an input method turns several keys into a character.
    script : str, optional
        ISO 15924 code: only letters of this script are used for typos. Georgian keyboards also have Latin letters.
    on : str, optional
        Name of the table whose rows are used, in place of `rows`.
    rows : list of list of str
        Rows of keys from the digit row down. A key lists its characters by shift level, a dead key its mark.
    twice : str
        Letters that the keyboard really has on two keys.
    missed : dict of str to list of str
        Letters that need a modifier key, dead key or long press, to what is typed without it.
    marks : dict of str to str
        Combining marks that are typed separately (dead key, tone key, long press) and are confused with each other, to
        the letters that carry them.
    spelling : dict of str to str
        `spelt`: keys to the characters that they form, the most likely first; for keys that type a mark, the mark.
        `hangul`: jamo of two keys.
    confused : list of (str, str)
        `spelt`: spellings that speakers confuse, such as zh and z.
    stray : bool
        `spelt`: keys that form nothing stay unchanged, as in Telex.
    """

    title: str
    source: str
    licence: str
    kind: Literal["keys", "ethiopic", "hangul", "spelt"] = "keys"
    script: str | None = None
    on: str | None = None
    rows: list[Annotated[list[str], Field(max_length=_LONGEST_ROW)]] = Field(
        default_factory=list, max_length=len(_ROW_OFFSETS)
    )
    twice: str = ""
    missed: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(default_factory=dict)
    marks: dict[str, str] = Field(default_factory=dict)
    spelling: dict[str, str] = Field(default_factory=dict)
    confused: list[tuple[str, str]] = Field(default_factory=list)
    stray: bool = False

    @field_validator("script")
    @classmethod
    def _known_script(cls, value: str | None) -> str | None:
        if value is not None and not _is_script(value):
            raise ValueError(f"no script {value!r}; use an ISO 15924 code such as 'Latn'")
        return value

    @field_validator("marks")
    @classmethod
    def _marks_combine(cls, groups: dict[str, str]) -> dict[str, str]:
        known = "".join(groups)
        for mark in known:
            if unicodedata.category(mark) != "Mn" or known.count(mark) > 1:
                raise ValueError(f"{mark!r} is not a combining mark, or occurs twice")
        return groups


def _is_script(code: str) -> bool:
    try:
        regex.compile(rf"\p{{Script={code}}}")
    except regex.error:
        return False
    return len(code) == len("Latn")


@cache
def keyboard(layout: str, tables: Tables = SHIPPED) -> Keyboard:
    """Read and check a table, with the rows of the table that it is based on.

    Parameters
    ----------
    layout : str
        Name of a table under `attacks/keyboards/`.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If there is no such table, or it has a fault; the message names file and key.
    """
    entry = tables.find(f"keyboards/{layout}.toml")
    card = read_card(Keyboard, entry)
    if (card.on is None) == (not card.rows):
        raise CardError(f"{entry}: key 'rows': give rows, or the table that has them ('on'), not both")
    if card.on is not None:
        below = read_card(Keyboard, tables.find(f"keyboards/{card.on}.toml"))
        if not below.rows:
            raise CardError(f"{entry}: key 'on': {card.on!r} has no rows of its own")
        card = card.model_copy(update={"rows": below.rows})
    _check_one_key_each(card, entry)
    _check_what_is_typed(card, entry)
    return card


def _check_one_key_each(card: Keyboard, entry: Traversable) -> None:
    """Refuse a letter or mark on two keys, which is usually a mistake of the table's author."""
    typed: dict[str, str] = {}
    for line, row in enumerate(card.rows):
        for key in row:
            for character in filter(orthographic_class, key):
                if character in typed and character not in card.twice:
                    raise CardError(
                        f"{entry}: key 'rows.{line}': {character!r} is on the keys {typed[character]!r} and {key!r}; "
                        "if the keyboard has it so, name it in 'twice'"
                    )
                typed[character] = key


def _check_what_is_typed(card: Keyboard, entry: Traversable) -> None:
    """Refuse typos and spellings that the keys cannot type."""
    typed = {character for row in card.rows for key in row for character in key.lower() + key}
    for letter, typos in card.missed.items():
        for typo in typos:
            if not typo or typo == letter or not set(typo.lower()) <= typed:
                raise CardError(f"{entry}: key 'missed.{letter}': {typo!r} cannot be typed on the keys of 'rows'")
    if bool(card.spelling) != (card.kind in {"spelt", "hangul"}):
        raise CardError(f"{entry}: key 'spelling': a keyboard of kind {card.kind!r} has none, 'spelt' and 'hangul' do")
    for keys in card.spelling if card.kind == "spelt" else card.spelling.values():
        if not keys or not set(keys) <= typed:
            raise CardError(f"{entry}: key 'spelling': {keys!r} cannot be typed on the keys of 'rows'")
    if not neighbours_on(card):
        raise CardError(f"{entry}: key 'rows': no two letters lie side by side")


@cache
def neighbours(layout: str, tables: Tables = SHIPPED) -> Neighbours:
    """Return, for each character, the characters on the neighbouring keys: letters for letters, marks for marks.

    Parameters
    ----------
    layout : str
        Name of a table under `attacks/keyboards/`.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If there is no such table, or it has a fault.
    """
    return neighbours_on(keyboard(layout, tables))


@cache
def key_places(layout: str, tables: Tables = SHIPPED) -> Mapping[str, tuple[int, int, int]]:
    """Return the key of each character of a layout: row from the bottom, column, shift level.

    Parameters
    ----------
    layout : str
        Name of a table under `attacks/keyboards/`.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If there is no such table, or it has a fault.
    """
    places: dict[str, tuple[int, int, int]] = {}
    for line, row in enumerate(reversed(keyboard(layout, tables).rows)):
        for column, key in enumerate(row):
            for level, character in enumerate(key):
                places.setdefault(character, (line, column, level))
    return places


def neighbours_on(card: Keyboard) -> Neighbours:
    """Return the neighbours of a checked table; see `neighbours`."""
    placed = list(_placed(card))
    found: dict[str, dict[str, None]] = {}
    for x, y, level, character, kind in placed:
        for other_x, other_y, other_level, other, other_kind in placed:
            if kind != other_kind or other == character or abs(y - other_y) > 1:
                continue
            near = ((x - other_x) ** 2 + 0.75 * (y - other_y) ** 2) <= _TOUCHING**2
            same_key = x == other_x and y == other_y
            # On the same key only the shift level differs: a typo between letters, but not between the cases of one.
            cases = {unicodedata.category(character), unicodedata.category(other)} == {"Ll", "Lu"}
            fits = not cases if same_key else level == other_level
            if near and fits:
                found.setdefault(character, {})[other] = None
    return {character: tuple(others) for character, others in found.items()}


def _placed(card: Keyboard) -> Iterator[tuple[float, int, int, str, str]]:
    """Yield column, row, shift level, character and class of the letters and marks that the keys type."""
    of_script = regex.compile(rf"\p{{Script_Extensions={card.script}}}" if card.script else r"(?s:.)")
    offsets = _ROW_OFFSETS[len(_ROW_OFFSETS) - len(card.rows) :]
    for y, (row, offset) in enumerate(zip(card.rows, offsets, strict=True)):
        for column, key in enumerate(row):
            for level, character in enumerate(key):
                kind = orthographic_class(character)
                if kind and of_script.match(character):
                    yield column + offset, y, level, character, kind
