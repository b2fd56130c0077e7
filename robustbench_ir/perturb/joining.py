"""How letters of cursive scripts join: the form that each letter of a word takes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Literal

Form = Literal["isolated", "final", "initial", "medial"]
_FORMS: dict[tuple[bool, bool], Form] = {
    (False, False): "isolated",
    (True, False): "final",
    (False, True): "initial",
    (True, True): "medial",
}


@cache
def joining_type(character: str) -> str:
    """Return Unicode's joining type of a character: U, C, D, L, R or T (ArabicShaping.txt, from ICU)."""
    import icu

    found = icu.Char.getIntPropertyValue(character, icu.UProperty.JOINING_TYPE)
    return "UCDLRT"[found]


def forms(word: str) -> Iterator[tuple[str, Form]]:
    """Yield each character of a word with the form that it takes there; marks are transparent.

    >>> [form for _, form in forms("كتاب")]
    ['initial', 'medial', 'final', 'isolated']
    """
    types = [joining_type(character) for character in word]
    solid = [place for place, kind in enumerate(types) if kind != "T"]
    before = {place: previous for previous, place in pairwise(solid)}
    after = dict(pairwise(solid))
    for place, character in enumerate(word):
        joins_before = place in before and types[before[place]] in "CDL" and types[place] in "CDR"
        joins_after = place in after and types[place] in "CDL" and types[after[place]] in "CDR"
        yield character, _FORMS[joins_before, joins_after]
