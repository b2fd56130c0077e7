"""Spellings of one word: what a look-up takes for the same, by the rules of `attacks/_spelling.toml`."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Self

import regex
from pydantic import Field, field_validator, model_validator

from robustbench_ir._base.text import nfc
from robustbench_ir.resources.cards import SHIPPED, Card, Tables, validate
from robustbench_ir.resources.languages import languages

_EVERY_SCRIPT = "Zyyy"
_DOTLESS = {"tr", "az"}  # "I" is the capital of "ı"
_HAN = range(0x3400, 0xA000)  # the characters that a transform of whole scripts is asked about
_WORDS_REMEMBERED = 1 << 16
Rewriting = Callable[[str], str]


class SpellingRules(Card):
    """A row of `attacks/_spelling.toml`, of a script or of a language.

    Attributes
    ----------
    compatibility : bool
        Whether characters are replaced by what Unicode has them compatible with (NFKC): presentation forms, full width.
    letters : dict
        Characters, each of which is replaced by the text on the right; an empty text drops them.
    sequences : dict
        Regular expressions and what replaces them.
    apart : str
        Words, between spaces, whose spelling is kept by `letters` and `sequences`.
    full_first : bool
        Whether, of entries with one spelling, one that is written with more than it is the better, as Russian ё is.
    converted, converted_if : str
        Name of an ICU transform. With a regular expression, it is used on texts that match, which are encoded in
        another way, else on every character.
    loose : dict
        Like `letters`, for the loose spelling.
    marks : str
        Combining marks, as a regular expression's class without brackets, that the loose spelling drops.
    shortest : int
        Smallest number of code points of a word that has a loose spelling.
    """

    compatibility: bool = False
    letters: dict[str, str] = {}
    sequences: dict[str, str] = {}
    apart: str = ""
    full_first: bool = False
    converted: str = ""
    converted_if: str = ""
    loose: dict[str, str] = {}
    marks: str = ""
    shortest: int = Field(default=1, ge=1)

    @field_validator("sequences")
    @classmethod
    def _are_expressions(cls, sequences: dict[str, str]) -> dict[str, str]:
        for pattern in sequences:
            _compiled(pattern)
        return sequences

    @model_validator(mode="after")
    def _marks_are_a_class(self) -> Self:
        _compiled(f"[{self.marks}]+" if self.marks else "")
        _compiled(self.converted_if)
        return self


@dataclass(frozen=True)
class Spelling:
    """How words of one language are spelt for a look-up.

    Attributes
    ----------
    same : callable
        Returns the spelling under which a word or phrase is kept and looked up: in lower case, NFC, variants that are
        never another word made equal.
    loose : callable, optional
        Returns the spelling without what people leave out, of a text from `same`; None if there are no such rules.
    shortest : int
        Smallest number of code points of a text that is looked up loosely.
    full_first : bool
        See `SpellingRules.full_first`.
    encoded_otherwise : callable, optional
        Returns True if a text is not encoded as Unicode has it, so that word breaking finds no words in it.
    digest : str
        Stands for the rules.
    """

    same: Rewriting
    loose: Rewriting | None = None
    shortest: int = 1
    full_first: bool = False
    encoded_otherwise: Callable[[str], bool] | None = None
    digest: str = ""

    def loosened(self, text: str) -> str:
        """Return the loose spelling of a text from `same`; empty if it is too short or there is none."""
        return self.loose(text) if self.loose and len(text) >= self.shortest else ""


AS_WRITTEN = Spelling(str.lower)
"""Lower case and nothing else."""


@cache
def spelling(language: str, tables: Tables = SHIPPED) -> Spelling:
    """Return how words of a language are spelt for a look-up.

    Parameters
    ----------
    language : str
        Code of the language.
    tables : Tables
        Where the table of rules is found.

    Raises
    ------
    CardError
        If a row of the table has a fault.
    """
    rows = tables.rows("_spelling.toml")
    facts = languages().get(language)
    keys = (_EVERY_SCRIPT, facts.script if facts else "", language)
    found = [validate(SpellingRules, rows[key], f"attacks/_spelling.toml: [{key}]") for key in keys if key in rows]
    always = _chain([_lower(language), *(step for rules in found for step in _always(rules)), nfc])
    loosely = [step for rules in found for step in _loosely(rules)]
    return Spelling(
        _between_spaces(always, frozenset(nfc(word) for rules in found for word in rules.apart.split())),
        _chain([*loosely, nfc]) if loosely else None,
        max((rules.shortest for rules in found), default=1),
        any(rules.full_first for rules in found),
        next((_finder(rules.converted_if) for rules in found if rules.converted_if), None),
        "".join(rules.model_dump_json(exclude_defaults=True) for rules in found),
    )


def spelling_fold(language: str, tables: Tables = SHIPPED) -> Rewriting:
    """Return a function that gives the coarsest key of a word: equal for all spellings that may stand for one word.

    Parameters
    ----------
    language : str
        Code of the language.
    tables : Tables
        Where the table of rules is found.

    Examples
    --------
    >>> fold = spelling_fold("de")
    >>> fold("größer") == fold("groesser")
    True
    """
    rules = spelling(language, tables)
    return lambda text: rules.loosened(rules.same(text)) or rules.same(text)


def _lower(language: str) -> Rewriting:
    if language not in _DOTLESS:
        return str.lower
    return lambda text: text.replace("İ", "i").replace("I", "ı").lower()


def _always(rules: SpellingRules) -> Iterable[Rewriting]:
    if rules.converted_if:
        yield _converted_words(rules.converted, _compiled(rules.converted_if))
    if rules.compatibility:
        yield lambda text: unicodedata.normalize("NFKC", text)
    # Sequences come first: they may hold letters that are dropped otherwise, such as joiners.
    if rules.sequences:
        yield _substitutions(rules.sequences)
    if rules.letters:
        yield _translation(rules.letters)
    if rules.converted and not rules.converted_if:
        yield _converted_characters(rules.converted)


def _loosely(rules: SpellingRules) -> Iterable[Rewriting]:
    if rules.loose:
        yield _translation(rules.loose)
    if rules.marks:
        marks = _compiled(f"[{rules.marks}]+")
        yield lambda text: text if text.isascii() else marks.sub("", unicodedata.normalize("NFD", text))


def _chain(steps: list[Rewriting]) -> Rewriting:
    def rewrite(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return rewrite


def _between_spaces(rewrite: Rewriting, apart: frozenset[str]) -> Rewriting:
    """Return a function that rewrites each word between spaces, from a memory, except those that are kept apart."""

    @lru_cache(maxsize=_WORDS_REMEMBERED)
    def one(word: str) -> str:
        small = word.lower()
        return small if small in apart else rewrite(word)

    return lambda text: " ".join(map(one, text.split(" "))) if " " in text else one(text)


def _translation(letters: Mapping[str, str]) -> Rewriting:
    table = {ord(letter): new for group, new in letters.items() for letter in group}
    return lambda text: text.translate(table)


def _substitutions(sequences: Mapping[str, str]) -> Rewriting:
    steps = [(_compiled(pattern), new) for pattern, new in sequences.items()]
    any_of_them = _compiled(f"(?|{'|'.join(sequences)})")  # few words have one; groups are numbered for each alone

    def rewrite(text: str) -> str:
        if any_of_them.search(text):
            for pattern, new in steps:
                text = pattern.sub(new, text)
        return text

    return rewrite


def _converted_characters(name: str) -> Rewriting:
    """Return the transform as a table of characters, which is a hundred times as fast."""
    convert = _transform(name)
    written = [chr(code) for code in _HAN]
    table = {ord(old): new for old, new in zip(written, convert("\n".join(written)).split("\n"), strict=True)}
    return lambda text: text.translate(table)


def _converted_words(name: str, needed: regex.Pattern[str]) -> Rewriting:
    convert = _transform(name)
    return lambda text: convert(text) if needed.search(text) else text


def _finder(pattern: str) -> Callable[[str], bool]:
    compiled = _compiled(pattern)
    return lambda text: compiled.search(text) is not None


def _transform(name: str) -> Rewriting:
    import icu

    transliterator = icu.Transliterator.createInstance(name)
    return lambda text: str(transliterator.transliterate(text))


@cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
