"""The same look in other bytes: presentation forms, full width, Zawgyi, vowels written in two parts."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, get_args

import regex

from robustbench_ir._base.text import Span, nfc
from robustbench_ir.perturb.joining import Form, forms
from robustbench_ir.perturb.mechanisms.homoglyph import same_forms
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import NoParameters, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate

if TYPE_CHECKING:
    import icu

Variant = Literal["full-width", "half-width", "radicals", "presentation-forms", "zawgyi"]
Encode = Callable[[str], str]

_ARABIC_BLOCKS = (*range(0xFB50, 0xFBB2), *range(0xFBD3, 0xFC00), *range(0xFE80, 0xFEFD))
_RADICALS = range(0x2F00, 0x2FD6)
_HALF_WIDTH = range(0xFF66, 0xFFA0)
_FULL_WIDTH = 0xFF01 - ord("!")


class EncodingOptions(Card):
    """A language's row in the card.

    Attributes
    ----------
    variants : list of str
        ``full-width``: Latin words in the letters of East Asian input methods. ``half-width``: narrow katakana.
        ``radicals``: ideographs as the radicals that they are, as copied from PDF files. ``presentation-forms``: the
        shape of each Arabic letter as a character. ``zawgyi``: the font encoding of Burmese.
    letters : str
        Arabic letters of the language that have a twin of another language, such as kaf and yeh; the twin stands where
        it looks the same.
    sequences : dict of str to str
        Letters, and sequences that look the same and that no normal form C unites.
    """

    variants: list[Variant] = []
    letters: str = ""
    sequences: dict[str, str] = {}


@dataclass(frozen=True)
class Encoding:
    """Words in other bytes that look the same. A `Transformation`.

    Attributes
    ----------
    ways : sequence of (str, callable)
        Names of variants, and functions that take a word and return it in the variant, unchanged if it has none.
    """

    ways: Sequence[tuple[str, Encode]]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the words that one of the variants writes in another way; see `Transformation.targets`."""
        return Targets([span for span in words if self._written(text[slice(*span)])], self._rewrite)

    def _written(self, word: str) -> list[tuple[str, str]]:
        made = [(nfc(encode(word)), name) for name, encode in self.ways]
        return [(new, name) for new, name in made if new != word]

    def _rewrite(self, word: str, random: Random) -> tuple[str, str]:
        return pick(self._written(word), random)


def _full_width(word: str) -> str:
    return "".join(chr(ord(letter) + _FULL_WIDTH) for letter in word) if word.isascii() and word.isalpha() else word


@cache
def _inverse(codes: range) -> Mapping[str, str]:
    """Return characters to the ones in a block that NFKC makes them of."""
    return {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in codes}


def _of_block(word: str, codes: range) -> str:
    narrow = _inverse(codes)
    return "".join(narrow.get(letter, letter) for letter in word)


def _half_width(word: str) -> str:
    """Return a katakana word in half width; a sound mark is a character of its own there."""
    if not regex.fullmatch(r"[\p{Katakana}ー]+", word):
        return word
    marks = {"\u3099": "\uff9e", "\u309a": "\uff9f"}
    parts = [marks.get(part, part) for part in unicodedata.normalize("NFD", word)]
    return _of_block("".join(parts), _HALF_WIDTH)


@cache
def presentation_forms() -> Mapping[tuple[str, str], str]:
    """Return (letter, form) to the presentation form; lam with alef behind it counts as a letter."""
    found: dict[tuple[str, str], str] = {}
    for code in _ARABIC_BLOCKS:
        form, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        name = form.strip("<>")
        text = "".join(chr(int(letter, 16)) for letter in letters)
        if name in get_args(Form) and (
            len(text) == 1 or (len(text) == 2 and text[0] == "ل" and code > _ARABIC_BLOCKS[-9])
        ):
            found[text, name] = chr(code)
    return found


def _as_shapes(word: str) -> str:
    """Return a word in presentation forms; unchanged if one of its letters has none."""
    shapes, found = presentation_forms(), list(forms(word))
    written, place = "", 0
    while place < len(found):
        letter, form = found[place]
        pair = word[place : place + 2]
        joined: Form = "final" if form in {"final", "medial"} else "isolated"
        if (pair, joined) in shapes:
            written, place = written + shapes[pair, joined], place + 2
            continue
        shape = shapes.get((letter, form), "" if unicodedata.category(letter)[0] == "L" else letter)
        if not shape:
            return word
        written, place = written + shape, place + 1
    return written


def _with_twins(word: str, letters: str, tables: Tables) -> str:
    twins = same_forms(letters, tables)
    return "".join(twins.get((letter, form), (letter,))[0] for letter, form in forms(word))


def _with_sequences(word: str, sequences: Mapping[str, str], pattern: regex.Pattern[str]) -> str:
    return pattern.sub(lambda found: sequences[found[0]], word)


@cache
def _to_zawgyi() -> icu.Transliterator:
    import icu

    return icu.Transliterator.createInstance("my-Zawgyi")


def _zawgyi(word: str) -> str:
    return str(_to_zawgyi().transliterate(word))


_ENCODERS: Mapping[Variant, Encode] = {
    "full-width": _full_width,
    "half-width": _half_width,
    "radicals": partial(_of_block, codes=_RADICALS),
    "presentation-forms": _as_shapes,
    "zawgyi": _zawgyi,
}


def make_encoding(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `encoding` for a language; see `TransformationFactory`."""
    validate(NoParameters, dict(parameters), "[parameters]")
    row = validate(EncodingOptions, dict(options), f"[languages.{language}]")
    ways: list[tuple[str, Encode]] = [(name, _ENCODERS[name]) for name in row.variants]
    if row.letters:
        ways.append(("twins", partial(_with_twins, letters=row.letters, tables=tables)))
    if row.sequences:
        pattern = regex.compile("|".join(map(regex.escape, sorted(row.sequences, key=len, reverse=True))))
        ways.append(("sequence", partial(_with_sequences, sequences=row.sequences, pattern=pattern)))
    return Encoding(tuple(ways))
