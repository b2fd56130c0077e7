"""Conventions under `attacks/romanisation/`: a word in another script, in the several spellings that people use."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, NamedTuple

import regex
from pydantic import Field

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.readings import Readings, read_readings
from robustbench_ir.resources.cards import SHIPPED, Card, Tables, read_card

if TYPE_CHECKING:
    import icu

_WORDS_REMEMBERED = 50_000
_SPELLINGS_KEPT = 16
_LATIN = "Latn"
_ZERO_WIDTH_NON_JOINER = "\u200c"
_LOWER = regex.compile(r"\p{Ll}")
_TITLE = regex.compile(r"[\p{Lu}\p{Lt}]\P{Lu}*")
_EQUAL_CASE = regex.compile(r"\p{Lu}?\P{Lu}+|\p{Lu}+(?!\P{Lu})|\p{Lu}+")
_FOREIGN = regex.compile(r"(?V1)[[\p{L}\p{M}\p{N}\p{Sk}]--[\p{Latin}\x00-\x7f]]+")
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
    chat : dict of str to dict
        Words that are spelt otherwise in chats: short forms, and English words in English spelling.
    after_numbers : dict of str to dict
        Words that are read otherwise right behind a number, such as what is counted, to their spellings with weights.
    readings : str
        Name of a table under `attacks/romanisation/readings/`: words and how they are read, in what the rules take.
    marks : dict of str to str
        Signs between words to those of the other script, besides those of `attacks/_marks.toml`.
    question : str
        A mark inside of words that makes a question; the sentence gets the other script's mark at its end.
    tail : str
        Regular expression for what belongs to a word though it stands after it; empty if nothing does.
    unreadable : str
        Regular expression; a text in which it is found is in an encoding that the rules do not read.
    """

    title: str
    source: str
    script: str = Field(default="Latn", pattern=r"^([A-Z][a-z]{3})?$")
    rules: str
    spellings: dict[str, _SpellingWeights] = {}
    words: dict[str, _SpellingWeights] = {}
    chat: dict[str, _SpellingWeights] = {}
    after_numbers: dict[str, _SpellingWeights] = {}
    readings: str = ""
    marks: dict[str, str] = {}
    question: str = ""
    tail: str = ""
    unreadable: str = ""


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


def _likeliest_first(one: tuple[str, float]) -> tuple[float, str]:
    return -one[1], one[0]


def ordered_spellings(weights: Mapping[str, float]) -> Spellings:
    """Return spellings ordered by their weights, which are above 0 and need not sum to 1."""
    found = sorted(weights.items(), key=_likeliest_first)
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
        return _joined(self._pieces(base))

    def _pieces(self, base: str) -> Iterator[tuple[tuple[str, float], ...]]:
        end = 0
        for match in self.pattern.finditer(base):
            if match.start() > end:
                yield ((base[end : match.start()], 1.0),)
            end = match.end()
            yield self.ways[(match.lastindex or 1) - 1]
        if end < len(base):
            yield ((base[end:], 1.0),)


def _joined(pieces: Iterable[Sequence[tuple[str, float]]]) -> Spellings:
    """Return the spellings of pieces side by side; each piece has its ways and their probabilities."""
    found: list[tuple[str, float]] = [("", 1.0)]
    for ways in pieces:
        if len(ways) == 1:
            found = [(head + ways[0][0], likely) for head, likely in found]
            continue
        grown: dict[str, float] = {}
        for head, likely in found:
            for tail, share in ways:
                text = head + tail
                grown[text] = grown.get(text, 0.0) + likely * share
        found = list(grown.items())
        if len(found) > _SPELLINGS_KEPT:
            found = sorted(found, key=_likeliest_first)[:_SPELLINGS_KEPT]
    return ordered_spellings({text: likely for text, likely in found if text.strip()} or {"": 1.0})


def joined_spellings(pieces: Iterable[Spellings]) -> Spellings:
    """Return the spellings of a word that is made of pieces; the likeliest combinations are kept."""
    return _joined(
        [(text, end - start) for text, start, end in zip(one.texts, (0.0, *one.sums), one.sums, strict=False)]
        for one in pieces
    )


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
    words, chat, after_numbers : mapping of str to Spellings
        Spellings of whole words; those of chats; those right behind a number.
    convention : Convention
        The table.
    readings : Readings
        Words and how they are read.
    memory : dict of str to Spellings
        Words that were spelt before.
    """

    name: str
    transform: icu.Transliterator = field(repr=False)
    respell: Respelling = field(repr=False)
    words: Mapping[str, Spellings] = field(repr=False)
    chat: Mapping[str, Spellings] = field(repr=False)
    after_numbers: Mapping[str, Spellings] = field(repr=False)
    convention: Convention = field(repr=False)
    readings: Readings = field(repr=False)
    memory: dict[str, Spellings] = field(default_factory=dict, repr=False, compare=False)

    @property
    def script(self) -> str:
        """ISO 15924 code of the script that it writes; empty if it keeps the script of the word."""
        return self.convention.script

    def __call__(self, word: str) -> Spellings:
        """Return the spellings of the word in this convention; capitals are kept letter by letter."""
        known = self.memory.get(word)
        if known is None:
            if len(self.memory) >= _WORDS_REMEMBERED:
                self.memory.clear()
            known = self.memory[word] = self._with_capitals(word)
        return known

    def knows(self, word: str) -> bool:
        """Return True if the table has this word, in lower case, as a whole."""
        return word in self.words or word in self.readings

    def _with_capitals(self, word: str) -> Spellings:
        lower = word.lower()
        if lower == word:
            return self._spelt(word)
        if lower in self.words or _TITLE.fullmatch(word) or not _LOWER.search(word):
            found = self._spelt(lower)
            shouted = len(word) > 1 and not _LOWER.search(word)
            return found._replace(texts=tuple(text.upper() if shouted else _title(text) for text in found.texts))
        # A word such as DECnet, in its own script: what is in capitals, and what is not, is spelt apart.
        pieces = _EQUAL_CASE.findall(word)
        return joined_spellings(map(self, pieces)) if len(pieces) > 1 else self._spelt(lower)

    def _spelt(self, word: str) -> Spellings:
        if word in self.words:
            return self.words[word]
        parts = [part for part in word.split(_ZERO_WIDTH_NON_JOINER) if part]
        if len(parts) > 1 and any(part in self.words for part in parts):
            return joined_spellings(map(self._spelt, parts))
        found = self.respell(nfc(self.transform.transliterate(self.readings.read(word))).strip())
        if self.script == _LATIN and not all(map(str.isascii, found.texts)):
            found = found._replace(texts=tuple(map(_latin_letters, found.texts)))
        return found


def _title(text: str) -> str:
    return text[:1].upper() + text[1:]


def _latin_letters(text: str) -> str:
    """Write letters that the rules left by the general transform of ICU, so that no word is half converted."""
    return text if text.isascii() else _FOREIGN.sub(lambda found: _any_to_latin(found[0]), text)


@cache
def _any_to_latin(text: str) -> str:
    import icu

    general = icu.Transliterator.createInstance("Any-Latin; Latin-ASCII")
    return regex.sub(r"[^\x00-\x7f]", "", str(general.transliterate(text)))


def _by_word(table: Mapping[str, Mapping[str, float]]) -> Mapping[str, Spellings]:
    return {nfc(word): ordered_spellings(ways) for word, ways in table.items()}


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
    return Romaniser(
        name,
        transform,
        respelling(convention.spellings),
        _by_word(convention.words),
        _by_word(convention.chat),
        _by_word(convention.after_numbers),
        convention,
        read_readings(convention.readings, tables),
    )
