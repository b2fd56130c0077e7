"""Text as it is read from a scanned page: letters taken for others, lost marks, words split, joined and hyphenated."""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Annotated, NamedTuple

from pydantic import Field

from robustbench_ir._base.text import Span, graphemes, nfc
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.keyboards.orthography import is_readable, is_vowel
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, read_card, validate

_MOST_CLUSTERS = 3
_SHORTEST_TEXT = 4  # graphemes; of a shorter one, nothing might be left
_SHORTEST_HYPHENATED, _LEFT_BESIDE = 8, 3
_STRETCHES_REMEMBERED = 1 << 16
_Rate = Annotated[float, Field(gt=0)]


class ScanningParameters(Card):
    """The card's `[parameters]`: for severity 1 to 5, the expected share of characters that are read wrongly."""

    shares: list[Annotated[float, Field(gt=0, lt=1)]] = Field(min_length=5, max_length=5)


class ScanningOptions(Card):
    """A language's row in the card: the name of its table under `attacks/ocr/`."""

    table: str


class Confusions(Card):
    """One table under `attacks/ocr/`: how often something else is read, in ten thousand times that it stands there.

    Attributes
    ----------
    title, source : str
        Language or script; where the rates come from.
    measured, estimated : dict
        What stands on the page, to what is read, to the rate: as it was measured, and where this project guesses.
    marks : float
        Rate at which a letter loses its accents, dots and tone marks, where no row says another. An estimate.
    split : float
        Rate at which a space is read between two letters of a word. An estimate.
    hyphen : float
        Rate at which the hyphen of a broken line is left in a long word. An estimate.
    """

    title: str
    source: str
    measured: dict[str, dict[str, _Rate]] = {}
    estimated: dict[str, dict[str, _Rate]] = {}
    marks: float = Field(default=0, ge=0)
    split: float = Field(default=0, ge=0)
    hyphen: float = Field(default=0, ge=0)


class _Readings(NamedTuple):
    """What may be read for a stretch, with the operation; sums of the rates; mean number of wrong letters."""

    texts: tuple[tuple[str, str], ...] = ()
    sums: tuple[float, ...] = ()
    wrong: float = 0.0


@dataclass(frozen=True)
class Scanning:
    """The misreadings of one language. A `Transformation`.

    Attributes
    ----------
    table : Confusions
        Its table.
    shares : tuple of float
        Expected share of characters that are wrong, for severity 1 to 5.
    share : float
        That of this severity.
    within_words : bool
        See `ChangesPartsOfWords`.
    """

    table: Confusions = field(repr=False)
    shares: tuple[float, ...]
    share: float
    within_words: bool = True

    def at_severity(self, severity: int) -> Scanning:
        """Return the mechanism with the share of a severity."""
        return replace(self, share=self.shares[severity - 1])

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer as many stretches as are misread, the likelier ones more often; see `Transformation.targets`.

        The order in which stretches come does not depend on the severity, so that a higher one adds to a lower one.
        """
        clusters = graphemes(text)
        if len(clusters) < _SHORTEST_TEXT or not any(map(str.isalpha, text)):
            return Targets([], self._rewrite)
        rounding = random.random()
        drawn = sorted(self._drawn(text, clusters, words, random))
        left, taken, chosen = self.share * len(text), bytearray(len(text)), list[Span]()
        for _, (start, end), wrong in drawn:
            if any(taken[start:end]):
                continue
            if rounding * wrong > left:
                break
            left -= wrong
            taken[start:end] = b"\1" * (end - start)
            chosen.append((start, end))
        return Targets(sorted(chosen), self._rewrite)

    def _drawn(
        self, text: str, clusters: Sequence[str], words: Sequence[Span], random: Random
    ) -> Iterator[tuple[float, Span, float]]:
        """Yield the stretches that may be misread, each with a draw that comes early if its rate is high."""
        starts = [0, *accumulate(map(len, clusters))]
        readings = self._readings
        for first, start in enumerate(starts[:-1]):
            for last in range(first + 1, min(first + _MOST_CLUSTERS, len(clusters)) + 1):
                found = readings(text[start : starts[last]])
                if found.sums:
                    yield -math.log(1 - random.random()) / found.sums[-1], (start, starts[last]), found.wrong
        for start, end in words if self.table.hyphen else ():
            if _breaks(text[start:end]):
                yield -math.log(1 - random.random()) / self.table.hyphen, (start, end), 1.0

    def _rewrite(self, stretch: str, random: Random) -> tuple[str, str] | None:
        found = self._readings(stretch)
        if found.sums:
            return found.texts[bisect(found.sums, random.random() * found.sums[-1], hi=len(found.texts) - 1)]
        places = _breaks(stretch)
        place = places[int(random.random() * len(places))]
        return f"{stretch[:place]}-{' ' if random.random() < 0.5 else ''}{stretch[place:]}", "hyphen"

    @cached_property
    def _readings(self) -> Callable[[str], _Readings]:
        return lru_cache(maxsize=_STRETCHES_REMEMBERED)(self._find_readings)

    def _find_readings(self, stretch: str) -> _Readings:
        """Return what may be read for some neighbouring graphemes, which all take part in it."""
        found: dict[str, float] = {}
        wrong = 0.0
        for start, end, other, rate in self._matches(stretch):
            text = nfc(stretch[:start] + other + stretch[end:])
            if text == stretch or not _can_be_read(stretch, text):
                continue
            found[text] = found.get(text, 0.0) + rate
            wrong += rate * max(end - start, len(other))
        if not found:
            return _Readings()
        sums = tuple(accumulate(found.values()))
        return _Readings(tuple((text, _operation(stretch, text)) for text in found), sums, wrong / sums[-1])

    def _matches(self, stretch: str) -> Iterator[tuple[int, int, str, float]]:
        """Yield start and end of what is misread in a stretch, what is read instead, and the rate."""
        clusters = graphemes(stretch)
        inner, outer = len(clusters[0]), len(stretch) - len(clusters[-1])
        rules = self._rules
        for start in range(inner):
            for end in range(max(start, outer) + 1, len(stretch) + 1):
                for other, rate in rules.get(stretch[start:end], {}).items():
                    yield start, end, other, rate
        if len(clusters) == 1 and self.table.marks and stretch not in rules:
            plain = _without_marks(stretch)
            if plain != stretch:
                yield 0, len(stretch), plain, self.table.marks
        if len(clusters) == 2 and self.table.split and stretch.isalpha():
            yield inner, inner, " ", self.table.split

    @cached_property
    def _rules(self) -> Mapping[str, Mapping[str, float]]:
        table = self.table
        return {
            one: table.estimated.get(one, {}) | table.measured.get(one, {}) for one in table.estimated | table.measured
        }


def _can_be_read(before: str, after: str) -> bool:
    """Return True unless a mark or vowel sign lost the letter that it stands on."""
    if not after:
        return True
    began, begins = (unicodedata.category(one[0])[0] == "M" for one in (before, after))
    return (began or not begins) and (after.isascii() or is_readable(after))


def _without_marks(letter: str) -> str:
    return nfc("".join(one for one in unicodedata.normalize("NFD", letter) if not "\u0300" <= one <= "\u036f"))


def _operation(before: str, after: str) -> str:
    if before.isspace():
        return "join"
    if " " in after:
        return "split"
    if not after:
        return "lost"
    return "marks" if _without_marks(before) == after else "misread"


@lru_cache(maxsize=_STRETCHES_REMEMBERED)
def _breaks(word: str) -> tuple[int, ...]:
    """Return where a line may break in a long word of an alphabet: after a vowel, before a consonant and a vowel."""
    if len(word) < _SHORTEST_HYPHENATED or not word.isalpha():
        return ()
    vowels = [is_vowel(letter) for letter in word.lower()]
    inside = range(_LEFT_BESIDE, min(len(word), len(vowels)) - _LEFT_BESIDE + 1)
    return tuple(place for place in inside if vowels[place - 1 : place + 2] == [True, False, True])


def confusions(name: str, tables: Tables) -> Confusions:
    """Read and check a table.

    Parameters
    ----------
    name : str
        Name of a table under `attacks/ocr/`.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If there is no such table, or it has a fault; the message names file and key.
    """
    entry = tables.find(f"ocr/{name}.toml")
    card = read_card(Confusions, entry)
    for part, rows in (("measured", card.measured), ("estimated", card.estimated)):
        for right, readings in rows.items():
            if not right or right in readings or nfc(right) != right:
                raise CardError(f"{entry}: key '{part}.{right}': it must be NFC, not empty and not what is read for it")
    return card


def make_scanning(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `scanning` for a language; see `TransformationFactory`."""
    shares = tuple(validate(ScanningParameters, dict(parameters), "[parameters]").shares)
    row = validate(ScanningOptions, dict(options), f"[languages.{language}]")
    return Scanning(confusions(row.table, tables), shares, shares[-1])
