"""Repairs of a query by name: ``nfkc``, ``invisible``, ``confusables``, ``spelling``, ``deromanise-hi``."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import regex

from robustbench_ir._base.text import nfc
from robustbench_ir.defences.confusables import undisguise
from robustbench_ir.defences.deromanise import deromanise, deromanised_languages
from robustbench_ir.defences.spelling import respell
from robustbench_ir.errors import UnknownNameError

Repair = Callable[[str], str]
"""Takes a query and gives it back repaired; doing it again changes nothing more."""

# Characters without a glyph. The two joiners decide how letters of some scripts are drawn, so they have their own rule.
_INVISIBLE = regex.compile(r"(?V1)[\p{Default_Ignorable_Code_Point}--[\u200C\u200D]]")
_STRAY_JOINER = regex.compile(
    r"(?V1)(?<![[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}]"
    r"--[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{Hebrew}\p{Han}\p{Hangul}\p{Thai}\p{Lao}]])[\u200C\u200D]"
)


class RepairMaker(NamedTuple):
    """How a repair is made: from the texts of the pool, and whether it looks at them."""

    make: Callable[[Sequence[str]], Repair]
    needs_pool: bool
    title: str


def normal_form(text: str) -> str:
    """Return the text in NFKC: wide, ligated, raised and other compatibility characters become ordinary ones."""
    return unicodedata.normalize("NFKC", text)


def without_invisible(text: str) -> str:
    """Remove characters without a glyph (Unicode's Default_Ignorable_Code_Point), bidirectional controls among them.

    The joiners U+200C and U+200D stay behind letters of scripts that are drawn by them (Arabic, Indic) and in emoji, as
    in UAX #31, section 2.3.
    """
    if text.isascii():
        return text
    return nfc(_STRAY_JOINER.sub("", _INVISIBLE.sub("", text)))


REPAIRS: Mapping[str, RepairMaker] = {
    "nfkc": RepairMaker(lambda _: normal_form, False, "compatibility characters (NFKC)"),
    "invisible": RepairMaker(lambda _: without_invisible, False, "characters without a glyph are removed"),
    "confusables": RepairMaker(undisguise, True, "look-alikes (TR39) become the letters of the pool's words"),
    "spelling": RepairMaker(respell, True, "words one slip away from a word of the pool become that word"),
}
_DEROMANISE = "deromanise-"


def repair(name: str) -> RepairMaker:
    """Look up a repair.

    Parameters
    ----------
    name : str
        One of `REPAIRS`, or ``deromanise-`` and the code of a language that has a romanisation table.

    Raises
    ------
    UnknownNameError
        No such repair, or no table for the language.
    """
    name = name.strip()
    if name in REPAIRS:
        return REPAIRS[name]
    languages = deromanised_languages()
    language = name.removeprefix(_DEROMANISE)
    if language == name or language not in languages:
        raise UnknownNameError("repair", name, [*REPAIRS, *(f"{_DEROMANISE}{code}" for code in languages)])
    return RepairMaker(partial(deromanise, language), True, f"romanised words become {language} words of the pool")
