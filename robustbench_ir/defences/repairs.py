"""Repairs of a query by name: ``nfkc``, ``invisible``, ``confusables``, ``spelling``, ``deromanise-hi``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import regex

from robustbench_ir._base.text import nfc
from robustbench_ir.defences.confusables import undisguise
from robustbench_ir.defences.deromanise import deromanise, deromanised_languages
from robustbench_ir.defences.spelling import respell
from robustbench_ir.errors import OptionError, UnknownNameError

Repair = Callable[[str], str]
"""Takes a query; returns it repaired. Repairing it again changes nothing."""

# Characters without a glyph. The two joiners decide how letters of some scripts are drawn, so they have their own rule.
_INVISIBLE = regex.compile(r"(?V1)[\p{Default_Ignorable_Code_Point}--[\u200C\u200D]]")
_STRAY_JOINER = regex.compile(
    r"(?V1)(?<![[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}]"
    r"--[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{Hebrew}\p{Han}\p{Hangul}\p{Thai}\p{Lao}]])[\u200C\u200D]"
)


@dataclass(frozen=True)
class RepairMaker:
    """How a repair is made.

    Attributes
    ----------
    name : str
        Name of the repair, part of the defended encoder's name.
    make : callable
        Takes the texts of the pool; returns the repair.
    needs_pool : bool
        Whether the repair depends on these texts.
    title : str
        Short description.
    version : int or None
        Version of a user's function, raised whenever a repaired query could change. If it is None, no work of the
        defended encoder is kept.
    """

    name: str
    make: Callable[[Sequence[str]], Repair]
    needs_pool: bool
    title: str
    version: int | None = 1


def _normal_form(text: str) -> str:
    """Return the text in NFKC: wide, ligated, raised and other compatibility characters become ordinary ones."""
    return unicodedata.normalize("NFKC", text)


def _without_invisible(text: str) -> str:
    """Remove characters without a glyph (Unicode's Default_Ignorable_Code_Point), bidirectional controls among them.

    The joiners U+200C and U+200D stay behind letters of scripts that are drawn by them (Arabic, Indic) and in emoji, as
    in UAX #31, section 2.3.
    """
    if text.isascii():
        return text
    return nfc(_STRAY_JOINER.sub("", _INVISIBLE.sub("", text)))


REPAIRS: Mapping[str, RepairMaker] = {
    one.name: one
    for one in (
        RepairMaker("nfkc", lambda _: _normal_form, False, "compatibility characters (NFKC)"),
        RepairMaker("invisible", lambda _: _without_invisible, False, "characters without a glyph are removed"),
        RepairMaker("confusables", undisguise, True, "look-alikes (TR39) become the letters of the pool's words"),
        RepairMaker("spelling", respell, True, "words one typo away from a word of the pool become that word"),
    )
}
_DEROMANISE = "deromanise-"
RepairLike = str | Repair | RepairMaker
"""A repair: its name, a function from text to text, or a `RepairMaker`."""


def repair(function: Repair, *, name: str, version: int = 1) -> RepairMaker:
    """Return the repair that a function makes.

    Parameters
    ----------
    function : callable
        Takes a query; returns it repaired. Repairing it again must change nothing.
    name : str
        Part of the defended encoder's name: letters, digits and hyphens.
    version : int
        Version of the function. Raise it whenever a repaired query could change: finished work is kept under it.

    Raises
    ------
    OptionError
        If the name has other characters, or is that of a repair of this package.

    Examples
    --------
    >>> repair(str.casefold, name="casefold").title
    'casefold, a function of your own'
    """
    if not re.fullmatch(r"[A-Za-z0-9-]+", name) or name in REPAIRS:
        raise OptionError(f"repair {name!r}: a new name of letters, digits and hyphens is needed, such as casefold")
    return RepairMaker(
        name, lambda _: function, needs_pool=False, title=f"{name}, a function of your own", version=version
    )


def as_repair(given: RepairLike) -> RepairMaker:
    """Return the repair of a name, function or `RepairMaker`; see `load_repair` and `repair` for the errors raised."""
    if isinstance(given, RepairMaker):
        return given
    if isinstance(given, str):
        return load_repair(given)
    name = re.sub(r"[^A-Za-z0-9-]+", "-", getattr(given, "__name__", type(given).__name__)).strip("-")
    return replace(repair(given, name=name or "function"), version=None)


def load_repair(name: str) -> RepairMaker:
    """Return a repair of this package by name.

    Parameters
    ----------
    name : str
        One of `REPAIRS`, or ``deromanise-`` and the code of a language that has a romanisation table.

    Raises
    ------
    UnknownNameError
        If there is no such repair, or no table for the language.
    """
    name = name.strip()
    if name in REPAIRS:
        return REPAIRS[name]
    languages = deromanised_languages()
    language = name.removeprefix(_DEROMANISE)
    if language not in languages:
        codes = ", ".join(languages)
        hint = f"write {_DEROMANISE}CODE, such as {_DEROMANISE}hi; the codes are: {codes}" if "roman" in name else ""
        raise UnknownNameError("repair", name, [*REPAIRS, *(f"{_DEROMANISE}{code}" for code in languages)], hint)
    title = f"romanised words become {language} words of the pool"
    return RepairMaker(name, partial(deromanise, language), needs_pool=True, title=title)
