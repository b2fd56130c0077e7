"""Letters replaced by letters that look the same: of another alphabet, or of another language in the same form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import Field

from robustbench_ir._base.text import Span, nfc, script
from robustbench_ir.perturb.joining import Form, forms, joining_type
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate

_TABLE = "_homoglyphs.toml"


class HomoglyphTable(Card):
    """The table `attacks/_homoglyphs.toml`, which `tools/homoglyph_pairs.py` writes.

    Attributes
    ----------
    bound : float
        Largest difference of two glyphs that look the same, as a share of the ink of the larger.
    pairs : list of (str, str, float)
        Letters of two alphabets that look the same, and their difference.
    forms : list of (str, str, str, float)
        Letters of one cursive script, the form in which they look the same, and their difference there.
    """

    bound: Annotated[float, Field(gt=0, lt=1)]
    pairs: list[tuple[str, str, float]]
    forms: list[tuple[str, str, Form, float]]


class HomoglyphParameters(Card):
    """The card's `[parameters]`: share of a word's letters with a look-alike that are replaced, at least one."""

    share: Annotated[float, Field(gt=0, le=1)]


class HomoglyphOptions(Card):
    """A language's row in the card.

    Attributes
    ----------
    letters : str
        Those letters of `forms` that the language has, for cursive scripts; they replace no letter.
    """

    letters: str = ""


@cache
def homoglyph_table(tables: Tables) -> HomoglyphTable:
    """Read and check the table of letters that look the same.

    Parameters
    ----------
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If the table has a fault.
    """
    return validate(HomoglyphTable, tables.rows(_TABLE), f"attacks/{_TABLE}")


@cache
def same_forms(letters: str, tables: Tables) -> Mapping[tuple[str, Form], tuple[str, ...]]:
    """Return, for each letter of a language and form, the letters of other languages that look the same there.

    Parameters
    ----------
    letters : str
        Letters of the language; see `HomoglyphOptions`.
    tables : Tables
        Where the table is found.
    """
    found: dict[tuple[str, Form], tuple[str, ...]] = {}
    for left, right, form, _ in homoglyph_table(tables).forms:
        for letter, twin in ((left, right), (right, left)):
            if letter in letters and twin not in letters and joining_type(letter) == joining_type(twin):
                found[letter, form] = (*found.get((letter, form), ()), twin)
    return found


@cache
def _other_alphabets(tables: Tables) -> Mapping[str, tuple[str, ...]]:
    """Return letters with the letters of other alphabets that look the same."""
    found: dict[str, tuple[str, ...]] = {}
    for left, right, _ in homoglyph_table(tables).pairs:
        for letter, twin in ((left, right), (right, left)):
            if script(letter) != script(twin):
                found[letter] = (*found.get(letter, ()), twin)
    return found


@dataclass(frozen=True)
class Homoglyph:
    """Letters replaced by letters that look the same. A `Transformation`.

    Attributes
    ----------
    share : float
        See `HomoglyphParameters`.
    twins : mapping
        Letters to those of other alphabets.
    in_form : mapping
        See `same_forms`.
    """

    share: float
    twins: Mapping[str, tuple[str, ...]]
    in_form: Mapping[tuple[str, Form], tuple[str, ...]]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the words that contain a letter with a look-alike; see `Transformation.targets`."""
        return Targets([span for span in words if any(self._twins_in(text[slice(*span)]))], self._disguise)

    def _twins_in(self, word: str) -> list[tuple[str, ...]]:
        """Return the look-alikes of each letter, as it stands in the word."""
        if not self.in_form:
            return [self.twins.get(letter, ()) for letter in word]
        return [self.twins.get(letter, ()) or self.in_form.get((letter, form), ()) for letter, form in forms(word)]

    def _disguise(self, word: str, random: Random) -> tuple[str, str]:
        twins = self._twins_in(word)
        certain = pick([place for place, found in enumerate(twins) if found], random)
        letters = [
            pick(found, random) if place == certain or (found and random.random() < self.share) else letter
            for place, (letter, found) in enumerate(zip(word, twins, strict=True))
        ]
        return nfc("".join(letters)), "homoglyph"


def make_homoglyph(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `homoglyph` for a language; see `TransformationFactory`."""
    share = validate(HomoglyphParameters, dict(parameters), "[parameters]").share
    letters = validate(HomoglyphOptions, dict(options), f"[languages.{language}]").letters
    return Homoglyph(share, _other_alphabets(tables), same_forms(letters, tables))
