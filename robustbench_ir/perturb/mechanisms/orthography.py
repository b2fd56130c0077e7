"""The same text in another orthography of the language: Swiss German, spellings before a reform, Cyrillic for Latin."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from robustbench_ir._base.text import Span, nfc
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import NoParameters, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, read_card, validate


class OrthographyOptions(Card):
    """A language's row in the card: the name of its table under `attacks/orthography/`."""

    table: str


class Convention(Card):
    """One orthography. All of it is in lower case and NFC; capitals stay capitals.

    Attributes
    ----------
    words : dict of str to str
        Words that are spelt otherwise.
    stretches : dict of str to str
        Parts of words that are spelt otherwise; ``^`` and ``$`` stand for the beginning and the end of a word. Where
        several fit, the longest counts.
    before : str
        Letters before which a stretch changes, if it does not end its word; empty if it changes before any.
    same : list of str
        Beginnings of words that stay as they are.
    in_capitals : bool
        Whether words in capitals change too.
    """

    words: dict[str, str] = {}
    stretches: dict[str, str] = {}
    before: str = ""
    same: list[str] = []
    in_capitals: bool = False


class Orthographies(Card):
    """One table under `attacks/orthography/`.

    Attributes
    ----------
    title, source : str
        Language; where the spellings come from.
    conventions : dict of str to Convention
        Name of each orthography to its spellings.
    """

    title: str
    source: str
    conventions: dict[str, Convention]


@dataclass(frozen=True)
class _Speller:
    """Spells words by one convention."""

    name: str
    convention: Convention = field(repr=False)

    def __call__(self, word: str) -> str:
        """Return the word in this orthography."""
        if word.isupper() and len(word) > 1 and not self.convention.in_capitals:
            return word
        lower = word.lower()
        if lower in self.convention.words:
            return _as_in(word, self.convention.words[lower])
        if lower.startswith(tuple(self.convention.same)) or self._pattern is None:
            return word
        return nfc(self._pattern.sub(self._spelt, word))

    def _spelt(self, found: re.Match[str]) -> str:
        return _as_in(found[0], self._stretches[found.lastgroup or ""])

    @cached_property
    def _stretches(self) -> Mapping[str, str]:
        return {f"s{number}": new for number, new in enumerate(self.convention.stretches.values())}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        following = f"(?=$|[{self.convention.before}])" if self.convention.before else ""
        numbered = sorted(enumerate(self.convention.stretches), key=lambda one: -len(one[1].strip("^$")))
        each = [f"(?P<s{number}>{_anchored(old)}{following})" for number, old in numbered]
        return re.compile("|".join(each), re.IGNORECASE) if each else None


def _anchored(stretch: str) -> str:
    bare = re.escape(stretch.removeprefix("^").removesuffix("$"))
    return f"{'^' * stretch.startswith('^')}{bare}{'$' * stretch.endswith('$')}"


def _as_in(old: str, new: str) -> str:
    """Return a new spelling with the capitals of the old one."""
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


@dataclass(frozen=True)
class Orthography:
    """The orthographies of one language. A `Transformation`.

    Attributes
    ----------
    spellers : tuple of callable
        Each spells a word.
    """

    spellers: tuple[_Speller, ...]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer the words that one orthography spells otherwise; it is drawn from those that would change something."""
        found = [(one, [span for span in words if one(old := text[slice(*span)]) != old]) for one in self.spellers]
        able = [(one, spans) for one, spans in found if spans]
        if not able:
            return Targets([], lambda word, _: (word, "spelling"))
        speller, spans = pick(able, random)
        return Targets(spans, lambda word, _: (speller(word), speller.name))


def make_orthography(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `orthography` for a language; see `TransformationFactory`."""
    validate(NoParameters, dict(parameters), "[parameters]")
    row = validate(OrthographyOptions, dict(options), f"[languages.{language}]")
    entry = tables.find(f"orthography/{row.table}.toml")
    card = read_card(Orthographies, entry)
    for name, one in card.conventions.items():
        spellings = one.words | one.stretches
        odd = next(
            (old for old, new in spellings.items() if not old.strip("^$") or old == new or old != old.lower()), None
        )
        if odd is not None:
            raise CardError(f"{entry}: key 'conventions.{name}': {odd!r} must be lower case and spelt otherwise")
    return Orthography(tuple(_Speller(name, one) for name, one in card.conventions.items()))
