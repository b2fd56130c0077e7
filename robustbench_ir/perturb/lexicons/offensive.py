"""Words that no substitute may be: obscene words, slurs, and words of which a reader would ask who chose them."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.lexicons.inflection import Entries
from robustbench_ir.resources.cards import SHIPPED, Tables, card_folders


@cache
def offensive_words(language: str, tables: Tables = SHIPPED) -> frozenset[str]:
    """Return the words and phrases of `attacks/lexicons/offensive/LANGUAGE.txt`, in lower case.

    Lists of the user's folder of cards are added to those that ship.

    Parameters
    ----------
    language : str
        Code of the language.
    tables : Tables
        Where the lists are found.

    Returns
    -------
    frozenset of str
        Empty if there is no list.

    Raises
    ------
    CardError
        If a list is not UTF-8.
    """
    found: set[str] = set()
    for folder in card_folders("attacks", tables.extra):
        entry = folder / "lexicons" / "offensive" / f"{language}.txt"
        if not entry.is_file():
            continue
        try:
            lines = entry.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise CardError(f"{entry}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
        found |= {nfc(line.strip()).lower() for line in lines if line.strip() and not line.startswith("#")}
    return frozenset(found)


def is_offensive(substitute: str, offensive: Collection[str]) -> bool:
    """Return True if a substitute, or one of the words of a phrase, is in the list.

    Parameters
    ----------
    substitute : str
        A word, or words between spaces.
    offensive : collection of str
        The list of its language, from `offensive_words`.
    """
    small = substitute.lower()
    return small in offensive or (" " in small and any(word in offensive for word in small.split()))


def without_offensive(entries: Entries, offensive: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return a lexicon without offensive substitutes, and without the entries that then have none.

    The entries themselves are what a query may hold, so they are not looked at.

    Parameters
    ----------
    entries : mapping
        The lexicon.
    offensive : collection of str
        The list of the substitutes' language.
    """
    kept = {
        entry: tuple(one for one in substitutes if not is_offensive(one, offensive))
        for entry, substitutes in entries.items()
    }
    return {entry: substitutes for entry, substitutes in kept.items() if substitutes or not entries[entry]}
