"""The query in another script, by the conventions under `attacks/romanisation/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from robustbench_ir.cards import SHIPPED, Card, Tables, read_card, validate
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.text import Span, nfc

if TYPE_CHECKING:
    import icu

_WORDS_REMEMBERED = 200_000


class Convention(Card):
    """One table under `attacks/romanisation/`.

    Attributes
    ----------
    title, source : str
        What it is, and where it is published.
    rules : str
        ICU transform rules; ``::Name;`` calls a transform that ICU brings. The input is one lower-case word.
    """

    title: str
    source: str
    rules: str


class TransliterationParameters(Card):
    """The card's `[parameters]`: none."""


class TransliterationOptions(Card):
    """A language's row in the card: the conventions that its people use, one of which is drawn for each query."""

    conventions: list[str]


@dataclass(frozen=True)
class Romaniser:
    """One convention, with a memory of the words that it has seen."""

    name: str
    transform: icu.Transliterator
    memory: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, word: str) -> str:
        """Return the word as this convention writes it; case of the first letter is kept."""
        known = self.memory.get(word)
        if known is None:
            if len(self.memory) >= _WORDS_REMEMBERED:
                self.memory.clear()
            known = nfc(self.transform.transliterate(word.lower())).strip()
            if word[0].isupper():
                known = known[:1].upper() + known[1:]
            self.memory[word] = known
        return known


@cache
def romaniser(name: str, tables: Tables = SHIPPED) -> Romaniser:
    """Load a convention.

    Raises
    ------
    CardError
        No such table, or rules that ICU does not accept.
    """
    import icu

    entry = tables.find(f"romanisation/{name}.toml")
    convention = read_card(Convention, entry)
    try:
        transform = icu.Transliterator.createFromRules(f"Irbench-{name}", convention.rules, icu.UTransDirection.FORWARD)
    except icu.ICUError as error:
        raise CardError(f"{entry}: key 'rules': ICU says {error}") from error
    return Romaniser(name, transform)


@dataclass(frozen=True)
class Transliteration:
    """Words written by one of several conventions, the same for the whole query. A `Transformation`."""

    conventions: tuple[Romaniser, ...]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer the words that the drawn convention writes differently; see `Transformation.targets`."""
        convention = pick(self.conventions, random)
        words = [(start, end) for start, end in words if convention(text[start:end]) not in {"", text[start:end]}]
        return Targets(words, lambda word, _: (convention(word), convention.name))


def make_transliteration(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `transliteration` ready for a language; see `TransformationFactory`."""
    validate(TransliterationParameters, dict(parameters), "[parameters]")
    row = validate(TransliterationOptions, dict(options), f"[languages.{language}]")
    if not row.conventions:
        raise CardError(f"[languages.{language}]: key 'conventions' is empty")
    return Transliteration(tuple(romaniser(name, tables) for name in row.conventions))
