"""Words in another script, or without their diacritics, by the conventions under `attacks/romanisation/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import Field

from robustbench_ir._base.text import Span
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.perturb.other_script import Manner, OtherScript, other_script
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.romanisation import Romaniser, romaniser
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate
from robustbench_ir.resources.languages import languages

_LATIN = "Latn"


class TransliterationParameters(Card):
    """The card's `[parameters]`: how severity 1 to 5 spells the words that get into another script."""

    manners: list[Manner] = Field(default=["drawn"] * 5, min_length=5, max_length=5)


class TransliterationOptions(Card):
    """A language's row in the card: the conventions that people use, one of which is drawn for each query."""

    conventions: list[str]


@dataclass(frozen=True)
class Respelling:
    """Words in one of several conventions that keep the script; the spelling is drawn for each word.

    A `Transformation`.

    Attributes
    ----------
    conventions : tuple of Romaniser
        The conventions.
    kind : KindOfChange
        Loss of diacritics, unless the script of the language is not known.
    """

    conventions: tuple[Romaniser, ...]
    kind: KindOfChange = field(default_factory=lambda: KindOfChange("diacritics"))

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer the words that the drawn convention writes differently; see `Transformation.targets`."""
        convention = pick(self.conventions, random)

        def rewrite(word: str, random: Random) -> tuple[str, str] | None:
            spelling = convention(word).draw(random)
            return (spelling, convention.name) if spelling != word else None

        words = [
            (start, end) for start, end in words if convention(text[start:end]).texts[0] not in {"", text[start:end]}
        ]
        return Targets(words, rewrite)


@dataclass(frozen=True)
class Transliteration:
    """A query in another script, by one of several conventions, the same for the whole query.

    A `Transformation`. Words, digits and the signs between words change, and those that change stand side by side, as
    when people switch the keyboard; words without a letter of the language's script stay as they are.

    Attributes
    ----------
    conventions : tuple of OtherScript
        The conventions.
    manners : tuple of {"likeliest", "drawn", "chat"}
        How severity 1 to 5 spells a word.
    manner : {"likeliest", "drawn", "chat"}
        How words are spelt here.
    """

    conventions: tuple[OtherScript, ...]
    manners: tuple[Manner, ...]
    manner: Manner = "drawn"

    @property
    def kind(self) -> KindOfChange:
        """Whether words are romanised or get into another script; the first convention decides."""
        return _kind_of(self.conventions[0].romaniser.script)

    def at_severity(self, severity: int) -> Transliteration:
        """Return the mechanism with the spellings of a severity."""
        return replace(self, manner=self.manners[severity - 1])

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer what the drawn convention changes, side by side; see `Transformation.targets`."""
        convention = pick(self.conventions, random)
        chat, likeliest = self.manner == "chat", self.manner == "likeliest"
        stretches: Sequence[Span] = convention.stretches(text, words)
        asks = convention.asks(text)
        end = convention.ending(text) if asks or chat else (0, 0)
        name = convention.romaniser.name
        counted = convention.counted(text, stretches)
        left_out = text[slice(*end)] if chat else ""

        def rewrite(stretch: str, random: Random) -> tuple[str, str] | None:
            if asks and stretch == text[slice(*end)]:
                return "?", name
            if left_out and stretch == left_out:
                return "", name
            if stretch in counted:
                found = convention.romaniser.after_numbers[stretch]
            else:
                found = convention.spellings(stretch, chat=chat)
            spelling = found.texts[0] if likeliest else found.draw(random)
            return (spelling, name) if spelling != stretch else None

        if stretches and (asks or left_out) and "?" not in text[slice(*end)] * asks:
            stretches = [*(one for one in stretches if one[1] <= end[0]), end]
        return Targets(stretches, rewrite, side_by_side=True)


def _kind_of(script: str) -> KindOfChange:
    return KindOfChange("romanised" if script == _LATIN else "other-script")


def make_transliteration(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `transliteration` for a language; see `TransformationFactory`.

    Conventions that keep the language's script change words one by one; those of another script, the query.
    """
    manners = validate(TransliterationParameters, dict(parameters), "[parameters]").manners
    row = validate(TransliterationOptions, dict(options), f"[languages.{language}]")
    if not row.conventions:
        raise CardError(f"[languages.{language}]: key 'conventions' is empty")
    facts = languages().get(language)
    conventions = tuple(romaniser(name, tables) for name in row.conventions)
    if facts is None:
        written = conventions[0].script
        return Respelling(conventions, _kind_of(written) if written else KindOfChange("diacritics"))
    if all(one.script in {"", facts.script} for one in conventions):
        return Respelling(conventions)
    return Transliteration(tuple(other_script(one, facts, tables) for one in conventions), tuple(manners))
