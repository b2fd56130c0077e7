"""Conventions under `attacks/romanisation/`: a word in another script, in the several spellings that people use."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.resources.cards import SHIPPED, Card, Tables, read_card

if TYPE_CHECKING:
    import icu

_WORDS_REMEMBERED = 50_000
_SPELLINGS_KEPT = 16
_SpellingWeights = Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


class Convention(Card):
    """One table under `attacks/romanisation/`.

    Attributes
    ----------
    title, source : str
        Name of the convention, and where it is published.
    script : str
        ISO 15924 code of the script that it writes; empty if it keeps the script of the word.
    rules : str
        ICU transform rules; ``::Name;`` calls a transform that ICU brings. The input is one lower-case word.
    spellings : dict of str to dict
        A stretch of the output of the rules to its spellings, with weights above 0. ``^`` before the stretch matches
        only at the beginning of the word, ``$`` after it only at the end. The longest stretch is taken, from left to
        right. Other stretches stay as the rules write them.
    words : dict of str to dict
        Lower-case words that the rules would spell wrongly, to their spellings with weights.
    """

    title: str
    source: str
    script: str = Field(default="Latn", pattern=r"^([A-Z][a-z]{3})?$")
    rules: str
    spellings: dict[str, _SpellingWeights] = {}
    words: dict[str, _SpellingWeights] = {}


class Spellings(NamedTuple):
    """The spellings of one word.

    Attributes
    ----------
    texts : tuple of str
        The spellings, the most likely first.
    sums : tuple of float
        Running sums of their probabilities; the last is 1.
    """

    texts: tuple[str, ...]
    sums: tuple[float, ...]

    def draw(self, random: Random) -> str:
        """Draw one spelling by its probability."""
        if len(self.texts) == 1:
            return self.texts[0]
        return self.texts[min(bisect(self.sums, random.random()), len(self.texts) - 1)]


def ordered_spellings(weights: Mapping[str, float]) -> Spellings:
    """Return spellings ordered by their weights, which are above 0 and need not sum to 1."""
    found = sorted(weights.items(), key=lambda one: (-one[1], one[0]))
    total = sum(weights.values())
    return Spellings(
        tuple(nfc(text).strip() for text, _ in found), tuple(accumulate(weight / total for _, weight in found))
    )


@dataclass(frozen=True)
class Respelling:
    """The `spellings` of a convention, ready to be applied.

    Attributes
    ----------
    pattern : re.Pattern
        Finds the next stretch that has several spellings; the number of the group that matched identifies it.
    ways : tuple of (str, float) pairs
        For each group, the spellings and their probabilities.
    """

    pattern: re.Pattern[str]
    ways: tuple[tuple[tuple[str, float], ...], ...]

    def __call__(self, base: str) -> Spellings:
        """Return the spellings of an output of the rules; stretches vary independently, the likeliest are kept."""
        found: list[tuple[str, float]] = [("", 1.0)]
        for ways in self._pieces(base):
            grown: dict[str, float] = {}
            for head, likely in found:
                for tail, share in ways:
                    grown[head + tail] = grown.get(head + tail, 0.0) + likely * share
            found = sorted(grown.items(), key=lambda one: (-one[1], one[0]))[:_SPELLINGS_KEPT]
        return ordered_spellings({text: likely for text, likely in found if text.strip()} or {"": 1.0})

    def _pieces(self, base: str) -> Iterator[tuple[tuple[str, float], ...]]:
        end = 0
        for match in self.pattern.finditer(base):
            if match.start() > end:
                yield ((base[end : match.start()], 1.0),)
            end = match.end()
            yield self.ways[(match.lastindex or 1) - 1]
        if end < len(base):
            yield ((base[end:], 1.0),)


def respelling(spellings: Mapping[str, Mapping[str, float]]) -> Respelling:
    """Make the `spellings` of a convention ready; without any, a word has only the spelling that the rules write."""
    keys = sorted(spellings, key=lambda key: (-len(key), key))
    # The class is empty: it matches nothing.
    pattern = "|".join(f"({_stretch(key)})" for key in keys) or r"[^\w\W]"
    shares = ({way: weight / sum(spellings[key].values()) for way, weight in spellings[key].items()} for key in keys)
    return Respelling(re.compile(pattern), tuple(tuple(share.items()) for share in shares))


def _stretch(key: str) -> str:
    begin, end = key.startswith("^"), key.endswith("$")
    stretch = re.escape(key[begin : len(key) - end])
    return (r"\A" if begin else "") + stretch + (r"\Z" if end else "")


@dataclass(frozen=True)
class Romaniser:
    """One convention, which remembers the words that it has spelt.

    Attributes
    ----------
    name : str
        Name of the convention.
    transform : icu.Transliterator
        The rules.
    respell : Respelling
        Spellings of stretches.
    words : mapping of str to Spellings
        Spellings of whole words.
    script : str
        ISO 15924 code of the script that it writes; empty if it keeps the script of the word.
    memory : dict of str to Spellings
        Words that were spelt before.
    """

    name: str
    transform: icu.Transliterator = field(repr=False)
    respell: Respelling = field(repr=False)
    words: Mapping[str, Spellings] = field(repr=False)
    script: str = "Latn"
    memory: dict[str, Spellings] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, word: str) -> Spellings:
        """Return the spellings of the word in this convention; capitals are kept."""
        known = self.memory.get(word)
        if known is None:
            if len(self.memory) >= _WORDS_REMEMBERED:
                self.memory.clear()
            lower = word.lower()
            known = self.words.get(lower) or self.respell(nfc(self.transform.transliterate(lower)).strip())
            if _half_written(lower, known.texts[0]):
                known = Spellings((word,), (1.0,))
            known = known._replace(texts=tuple(_with_capitals_of(word, text) for text in known.texts))
            self.memory[word] = known
        return known


def _half_written(word: str, text: str) -> bool:
    """Return True if letters of the word's own script are left beside Latin ones, which no one types."""
    kept = any(letter in word for letter in text if letter.isalpha() and not letter.isascii())
    return kept and any(letter.isalpha() and letter.isascii() for letter in text)


def _with_capitals_of(word: str, text: str) -> str:
    if word.isupper() and len(word) > 1:
        return text.upper()
    return text[:1].upper() + text[1:] if word[:1].isupper() else text


@cache
def romaniser(name: str, tables: Tables = SHIPPED) -> Romaniser:
    """Load a convention.

    Parameters
    ----------
    name : str
        Name of a table under `attacks/romanisation/`.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If there is no such table, or ICU does not accept its rules.
    """
    import icu

    entry = tables.find(f"romanisation/{name}.toml")
    convention = read_card(Convention, entry)
    try:
        transform = icu.Transliterator.createFromRules(f"Irbench-{name}", convention.rules, icu.UTransDirection.FORWARD)
    except icu.ICUError as error:
        # ICU pads the text around the fault with zeros.
        raise CardError(f"{entry}: key 'rules': ICU says {str(error).replace(chr(92) + 'x00', '')}") from error
    words = {nfc(word): ordered_spellings(ways) for word, ways in convention.words.items()}
    return Romaniser(name, transform, respelling(convention.spellings), words, convention.script)
