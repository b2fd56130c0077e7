"""Misspellings: what people write who do not know, or do not heed, how a word is written."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

from robustbench_ir._base.text import Span, nfc
from robustbench_ir.perturb.confusions import Misspellings, Rule, misspellings, rules_of
from robustbench_ir.perturb.keyboards.orthography import is_readable
from robustbench_ir.perturb.keyboards.profiles import Places, place_weights, weight_at
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.transformation import NoParameters, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate

_WORDS_REMEMBERED = 1 << 15
_TRIALS = 4  # draws, where a misspelling makes three equal letters or a sign without its letter
_THREE_EQUAL = re.compile(r"([^\W\d_])\1\1")
_MARK = re.compile(r"[\u0300-\u036f]")
_ACCENTED = r"\u00c0-\u024f\u0300-\u036f\u1e00-\u1fff"


class MisspellingOptions(Card):
    """A language's row in the card: the name of its table under `attacks/misspellings/`."""

    table: str


class _Found(NamedTuple):
    """What may be misspelt in a word: sums of weights, and for each the stretch, its misspelling and the operation."""

    sums: tuple[float, ...]
    changes: tuple[tuple[int, int, str, str], ...]


@dataclass(frozen=True)
class Misspelling:
    """The misspellings of one language. A `Transformation`.

    Attributes
    ----------
    card : Misspellings
        Its table.
    """

    card: Misspellings

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the words that can be misspelt, with the space after them if it can be lost; see `Transformation`."""
        may = self._may_be_misspelt
        if not self.card.joined:
            return Targets([span for span in words if may(text[span[0] : span[1]])], self._rewrite)
        following = {start: end for start, end in words}
        to_next, to_previous = self._joined
        found = []
        for start, end in words:
            word = text[start:end]
            next_end = following.get(end + 1, 0) if text[end : end + 1] == " " else 0
            if next_end and (word.lower() in to_next or text[end + 1 : next_end].lower() in to_previous):
                found.append((start, end + 1))
            elif may(word):
                found.append((start, end))
        return Targets(found, self._rewrite)

    @cached_property
    def _joined(self) -> tuple[frozenset[str], frozenset[str]]:
        """Words that are joined to the next one, and to the one before."""
        joined = self.card.joined
        return frozenset(joined.to_next.split()), frozenset(joined.to_previous.split())

    @cached_property
    def _places(self) -> Places:
        return place_weights(self.card.profile)

    @cached_property
    def _rules(self) -> Mapping[str, tuple[Rule, ...]]:
        """The rules by the first letter of what is right."""
        found: dict[str, list[Rule]] = {}
        for rule in rules_of(self.card):
            found.setdefault(rule.right[0], []).append(rule)
        return {letter: tuple(rules) for letter, rules in found.items()}

    @cached_property
    def _may_be_misspelt(self) -> Callable[[str], bool]:
        """A quick test, since every word of a text is tried and few are misspelt."""
        rules = [rule for rules in self._rules.values() for rule in rules]
        anywhere = {rule.right for rule in rules if not rule.at_start and not rule.at_end and len(rule.right) == 1}
        longer = {
            ("^" if rule.at_start else "") + re.escape(rule.right) + ("$" if rule.at_end else "")
            for rule in rules
            if anywhere.isdisjoint(rule.right)
        }
        letters = "".join(map(re.escape, sorted(anywhere))) + (_ACCENTED if self.card.marks else "")
        pattern = re.compile("|".join(([f"[{letters}]"] if letters else []) + sorted(longer)), re.IGNORECASE)
        found = pattern.search
        if self.card.decomposed:
            return lru_cache(maxsize=_WORDS_REMEMBERED)(lambda word: bool(found(unicodedata.normalize("NFD", word))))
        return lru_cache(maxsize=_WORDS_REMEMBERED)(lambda word: bool(found(word)))

    @cached_property
    def _found(self) -> Callable[[str], _Found]:
        return lru_cache(maxsize=_WORDS_REMEMBERED)(self._find)

    def _find(self, stretch: str) -> _Found:
        """Return all that may be misspelt in a word and the space after it."""
        word = stretch.removesuffix(" ")
        lower = word.lower() if len(word.lower()) == len(word) else word
        sums = self._places(len(word))
        weights: list[float] = []
        changes: list[tuple[int, int, str, str]] = []
        for place, letter in enumerate(lower):
            for right, wrong, weight, at_start, at_end, lead, operation in self._rules.get(letter, ()):
                end = place + len(right)
                if (
                    lower.startswith(right, place)
                    and not (at_start and place)
                    and not (at_end and end < len(word))
                ):
                    weights.append(weight * weight_at(sums, min(place + lead, len(word) - 1)) * len(word) / sums[-1])
                    changes.append((place, end, _cased(wrong, word, place), operation))
        if self.card.marks and (plain := self._plain(word)) != word:
            weights.append(self.card.marks)
            changes.append((0, len(word), plain, "marks"))
        if word != stretch:
            weights.append(self.card.joined.weight)
            changes.append((len(word), len(stretch), "", "join"))
        return _Found(tuple(accumulate(weights)), tuple(changes))

    def _rewrite(self, stretch: str, random: Random) -> tuple[str, str] | None:
        text = unicodedata.normalize("NFD", stretch) if self.card.decomposed else stretch
        sums, changes = self._found(text)
        for _ in range(_TRIALS if changes else 0):
            start, end, new, operation = changes[bisect(sums, random.random() * sums[-1], hi=len(sums) - 1)]
            written = nfc(text[:start] + new + text[end:])
            if written not in {stretch, ""} and not _THREE_EQUAL.search(written) and is_readable(written):
                return written, operation
        return None

    def _plain(self, word: str) -> str:
        """Return a word without its accents, tone marks and dots."""
        bare = _MARK.sub("", unicodedata.normalize("NFD", word))
        return "".join(self._plain_letters.get(letter, letter) for letter in bare)

    @cached_property
    def _plain_letters(self) -> Mapping[str, str]:
        return self.card.plain | {letter.upper(): left.upper() for letter, left in self.card.plain.items()}


def _cased(wrong: str, word: str, place: int) -> str:
    """Return a misspelling with the capitals of the word."""
    if not word[place].isupper():
        return wrong
    return wrong.upper() if len(word) > 1 and word.isupper() else wrong[:1].upper() + wrong[1:]


def make_misspelling(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `misspelling` for a language; see `TransformationFactory`."""
    validate(NoParameters, dict(parameters), "[parameters]")
    row = validate(MisspellingOptions, dict(options), f"[languages.{language}]")
    return Misspelling(misspellings(row.table, tables))
