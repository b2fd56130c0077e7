"""Misspellings: what people write who do not know, or do not heed, how a word is written."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import accumulate
from operator import add, mul
from typing import NamedTuple

from robustbench_ir._base.text import Span, nfc, word_graphemes
from robustbench_ir.perturb.confusions import Misspellings, Rule, misspellings, rules_of
from robustbench_ir.perturb.keyboards.orthography import is_readable, is_vowel
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.transformation import NoParameters, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate

_WORDS_REMEMBERED = 1 << 15
_TEXTS_REMEMBERED = 1 << 12  # the same queries occur again with another severity and another seed
_LENGTHS_REMEMBERED = 128
_TRIALS = 8  # draws, since a rule may need more letters than the first, or make what cannot be read
_SHORT, _HALVED = 8, 2  # code points and clusters of words that must not lose a cluster
_THREE_EQUAL = re.compile(r"([^\W\d_])\1\1")
_MARK = re.compile(r"[\u0300-\u036f]")
_FIRST_BEYOND_ALPHABETS = "\u0530"  # Latin, Greek and Cyrillic letters stand below it: they write their vowels
_NUKTA = 7  # canonical combining class
_LIQUIDS = frozenset("lrлрλρ")
_ACCENTED = r"\u00c0-\u024f\u0300-\u036f\u1e00-\u1fff"


class MisspellingOptions(Card):
    """A language's row in the card: the name of its table under `attacks/misspellings/`."""

    table: str


class _Rules(NamedTuple):
    """The rules for what may stand at a place, and the sums of their weights."""

    sums: tuple[float, ...]
    rules: tuple[Rule, ...]


class _Weighed(NamedTuple):
    """A word, in lower case and without marks; its pairs of letters; sums of weights, and the number to draw below."""

    word: str
    lower: str
    plain: str
    pairs: tuple[str, ...]
    sums: tuple[float, ...]
    whole: float


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
        return Targets(self._targets(text, tuple(words)), self._rewrite)

    @cached_property
    def _targets(self) -> Callable[[str, tuple[Span, ...]], tuple[Span, ...]]:
        return lru_cache(maxsize=_TEXTS_REMEMBERED)(self._find_targets)

    def _find_targets(self, text: str, words: tuple[Span, ...]) -> tuple[Span, ...]:
        if self._joins and self._joins.search(text):
            return tuple(self._with_spaces(text, words))
        may = self._may_be_misspelt
        found = [span for span in words if may(text[span[0] : span[1]])]
        return words if len(found) == len(words) else tuple(found)

    def prepare(self) -> None:
        """Compile the table, so that the first query does not wait for it."""
        self._may_be_misspelt("")

    def _with_spaces(self, text: str, words: Sequence[Span]) -> Iterator[Span]:
        """Yield the words that can be misspelt or joined to the next word, the latter with the space after them."""
        following = dict(words)
        to_next, to_previous = self._joined
        for start, end in words:
            word = text[start:end]
            next_end = following.get(end + 1, 0) if text[end : end + 1] == " " else 0
            if next_end and (word.lower() in to_next or text[end + 1 : next_end].lower() in to_previous):
                yield start, end + 1
            elif self._may_be_misspelt(word):
                yield start, end

    @cached_property
    def _joined(self) -> tuple[frozenset[str], frozenset[str]]:
        joined = self.card.joined
        return frozenset(joined.to_next.split()), frozenset(joined.to_previous.split())

    @cached_property
    def _joins(self) -> re.Pattern[str] | None:
        """A quick test for words that are joined to others; None if there are none."""
        joined = self.card.joined
        if not joined:
            return None
        to_next, to_previous = ("|".join(map(re.escape, one.split())) for one in (joined.to_next, joined.to_previous))
        return re.compile(rf"\b(?:{to_next or '(?!)'}) | (?:{to_previous or '(?!)'})\b", re.IGNORECASE)

    @cached_property
    def _weights(self) -> Callable[[int], tuple[float, ...]]:
        return lru_cache(maxsize=_LENGTHS_REMEMBERED)(self.card.profile.weights)

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        return tuple(rules_of(self.card))

    @cached_property
    def _rules_at(self) -> Callable[[str], _Rules]:
        """The rules for what begins with two letters; ``^`` before them begins a word, ``$`` as the second ends it."""
        return cache(self._find_rules)

    @cached_property
    def _weight_at(self) -> Callable[[str], float]:
        """The weight of all that may be written in place of what begins with two letters."""
        return cache(lambda pair: sums[-1] if (sums := self._rules_at(pair).sums) else 0.0)

    @cached_property
    def _by_first_letter(self) -> Mapping[str, Sequence[Rule]]:
        found: dict[str, list[Rule]] = {}
        for rule in self._rules:
            found.setdefault(rule.right[0], []).append(rule)
        return found

    def _find_rules(self, pair: str) -> _Rules:
        two = pair[-2:]
        found = [
            rule
            for rule in self._by_first_letter.get(two[0], ())
            if two.startswith((rule.right + "$" * rule.at_end)[:2]) and not (rule.at_start and len(pair) == len(two))
        ]
        return _Rules(tuple(accumulate(rule.weight for rule in found)), tuple(found))

    @cached_property
    def _may_be_misspelt(self) -> Callable[[str], bool]:
        """A quick test, since every word of a text is tried and few are misspelt."""
        rules = self._rules
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
        return lru_cache(maxsize=_WORDS_REMEMBERED)(lambda word: bool(found(word)) and not self._is_known_to_all(word))

    def _is_known_to_all(self, word: str) -> bool:
        """Return True for a short word that the table does not name; see `Misspellings.whole_until`."""
        if len(word) > self.card.whole_until or word.lower() in self._named:
            return False
        return not self.card.marks or self._plain(word) == word

    @cached_property
    def _named(self) -> frozenset[str]:
        return frozenset(rule.right for rule in self._rules if rule.at_start and rule.at_end)

    @cached_property
    def _weighed(self) -> Callable[[str], _Weighed]:
        return lru_cache(maxsize=_WORDS_REMEMBERED)(self._weigh)

    def _weigh(self, stretch: str) -> _Weighed:
        """Weigh the places of a word, the loss of its marks, and that of the space after it."""
        text = unicodedata.normalize("NFD", stretch) if self.card.decomposed else stretch
        word = text.removesuffix(" ")
        lower = word.lower() if len(word.lower()) == len(word) else word
        first = self.card.profile.first
        pairs = list(map(add, lower, f"{lower[1:]}$"))
        pairs[0] = f"^{pairs[0]}"
        weights = list(map(mul, self._weights(len(word)), map(self._weight_at, pairs)))
        if len(word) <= self.card.whole_until:
            weights[1:] = [0.0] * (len(word) - 1)  # a rule that names the word begins with it
        if self.card.decomposed:
            whole_letter = min(len(word), len(unicodedata.normalize("NFD", stretch[0])))
            weights[1:whole_letter] = [first * weight for weight in weights[1:whole_letter]]
        # A word that can be misspelt in its first letter alone is mostly left alone: people spare it there, too.
        alone = weights[0] / (first or 1.0)
        plain = self._plain(word) if self.card.marks and not word.isascii() else word
        spared = min(first, 1.0) if plain[0] != nfc(word)[0] else 1.0
        weights.append(self.card.marks * spared if plain != word else 0.0)
        weights.append(self.card.joined.weight if word != text else 0.0)
        sums = tuple(accumulate(weights))
        return _Weighed(word, lower, plain, tuple(pairs), sums, max(sums[-1], alone))

    def _rewrite(self, stretch: str, random: Random) -> tuple[str, str] | None:
        """Draw a place of the word, and what is written there, by weight."""
        word, lower, plain, pairs, sums, whole = self._weighed(stretch)
        length = len(word)
        short = length <= self.card.whole_until
        space = " " if stretch[-1] == " " else ""
        for _ in range(_TRIALS if sums[-1] else 0):
            place = bisect(sums, random.random() * whole)
            if place > length + 1:
                return None
            if place >= length:
                return (nfc(plain) + space, "marks") if place == length else (nfc(word), "join")
            rule_sums, rules = self._rules_at(pairs[place])
            rule = rules[bisect(rule_sums, random.random() * rule_sums[-1], hi=len(rules) - 1)]
            if _stands_at(rule, lower, place) and (not short or (rule.at_start and rule.at_end)):
                rest = word[place + len(rule.right) :]
                written = nfc(word[:place] + _cased(rule.wrong, word, place) + rest + space)
                if written != stretch and _is_left_whole(stretch, written):
                    return written, rule.operation
        return None

    def _plain(self, word: str) -> str:
        """Return a word without its accents, tone marks and dots."""
        return _MARK.sub("", unicodedata.normalize("NFD", word.translate(self._plain_letters)))

    @cached_property
    def _plain_letters(self) -> Mapping[int, str]:
        plain = self.card.plain
        capitals = {letter.upper(): left.capitalize() for letter, left in plain.items() if len(letter.upper()) == 1}
        return str.maketrans(plain | capitals)


def _stands_at(rule: Rule, word: str, place: int) -> bool:
    """Return True if what a rule calls right stands at a place of a word."""
    right, wrong = rule.right, rule.wrong
    if not word.startswith(right, place) or (rule.at_start and place):
        return False
    if rule.at_end and place + len(right) < len(word):
        return False
    if len(right) < len(word) - place and unicodedata.combining(word[place + len(right)]) == _NUKTA:
        return False  # a letter with a dot below is another letter: Bengali য়, Hindi ड़
    if rule.operation == "double" and not _can_be_doubled(word, place):
        return False
    # "gb" is not to become "ggb" where a table says that people write "gb" for "b".
    more = len(wrong) - len(right)
    return more <= 0 or not (
        word.startswith(wrong, place)
        or (wrong.endswith(right) and place >= more and word.startswith(wrong, place - more))
    )


def _can_be_doubled(word: str, place: int) -> bool:
    """Return True if a letter may be heard as double: a vowel, or a consonant between a vowel and a vowel, l or r.

    "Grrad", "mosst" and "keyss" are slips of a key, "tomorrow" with two m is none; where people double the last letter
    of a word, a table says so. Scripts that leave vowels out say nothing of what stands beside a letter.
    """
    letter, after = word[place], word[place + 1 : place + 2]
    if is_vowel(letter) or letter >= _FIRST_BEYOND_ALPHABETS:
        return True
    return is_vowel(word[max(place - 1, 0) : place]) and (is_vowel(after) or after in _LIQUIDS)


def _is_left_whole(before: str, after: str) -> bool:
    """Return True if a misspelling can be read: no letter three times, no sign without its letter, no word halved."""
    if not after or _THREE_EQUAL.search(after) or not (after.isascii() or is_readable(after)):
        return False
    short = len(after) < len(before) <= _SHORT and len(word_graphemes(before)) <= _HALVED
    return not short or len(word_graphemes(after)) >= len(word_graphemes(before))


def _cased(wrong: str, word: str, place: int) -> str:
    """Return a misspelling with the capitals of the word."""
    if not word[place].isupper():
        return wrong
    beside = word[place + 1 : place + 2] or word[place - 1 : place]
    return wrong.upper() if beside.isupper() or (len(word) > 1 and word.isupper()) else wrong[:1].upper() + wrong[1:]


def make_misspelling(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `misspelling` for a language; see `TransformationFactory`."""
    validate(NoParameters, dict(parameters), "[parameters]")
    row = validate(MisspellingOptions, dict(options), f"[languages.{language}]")
    made = Misspelling(misspellings(row.table, tables))
    made.prepare()
    return made
