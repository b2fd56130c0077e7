"""Words in another script, by the conventions under `attacks/romanisation/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustbench_ir._base.text import Span
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.romanisation import Romaniser, romaniser
from robustbench_ir.perturb.transformation import NoParameters, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate
from robustbench_ir.resources.languages import languages

_LATIN = "Latn"


class TransliterationOptions(Card):
    """A language's row in the card: the conventions that people use, one of which is drawn for each query."""

    conventions: list[str]


@dataclass(frozen=True)
class Transliteration:
    """Words in one of several conventions, the same for the whole query; the spelling is drawn for each word.

    A `Transformation`.

    Attributes
    ----------
    conventions : tuple of Romaniser
        The conventions.
    script : str
        Usual script of the language; empty if it is not known.
    """

    conventions: tuple[Romaniser, ...]
    script: str = ""

    @property
    def kind(self) -> KindOfChange:
        """Whether words are romanised, lose diacritics, or get into another script; the first convention decides."""
        written = self.conventions[0].script
        if written in {"", self.script}:
            return KindOfChange("diacritics")
        return KindOfChange("romanised" if written == _LATIN else "other-script")

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


def make_transliteration(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `transliteration` for a language; see `TransformationFactory`."""
    validate(NoParameters, dict(parameters), "[parameters]")
    row = validate(TransliterationOptions, dict(options), f"[languages.{language}]")
    if not row.conventions:
        raise CardError(f"[languages.{language}]: key 'conventions' is empty")
    facts = languages().get(language)
    conventions = tuple(romaniser(name, tables) for name in row.conventions)
    return Transliteration(conventions, facts.script if facts else "")
