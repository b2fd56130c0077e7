"""What stands between words and their parts: spaces, joiners, hyphens, the seams of compounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import regex

from robustbench_ir._base.text import Span
from robustbench_ir.perturb.keyboards.orthography import may_part
from robustbench_ir.perturb.mechanisms.spacing import outside_tags
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import NoParameters, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate
from robustbench_ir.resources.languages import languages

_JOINER = "\u200c"
_MARKS = frozenset("-\u2010\u2011\u200b\u1361")
"""Hyphens, the invisible space of Khmer and Burmese, and the word space of Ethiopic."""
_SHORTEST_PART = 3  # letters before the seam of a compound


class WordGapOptions(Card):
    """A language's row in the card.

    Attributes
    ----------
    heads : str
        Words that end compounds, in lower case, with spaces between them; people write them apart or with a hyphen.
    seams : str
        Ends of the first parts of compounds, such as ``ungs`` of German, likewise.
    capital : bool
        Whether a word that is written apart begins with a capital.
    """

    heads: str = ""
    seams: str = ""
    capital: bool = False


@dataclass(frozen=True)
class WordGaps:
    """Spaces lost or added, joiners, hyphens and compounds written in another way. A `Transformation`.

    Attributes
    ----------
    spaced : bool
        Whether the language writes spaces between words; they are lost there, and are added elsewhere.
    compound : regex.Pattern, optional
        Finds the first part of a compound.
    capital : bool
        See `WordGapOptions`.
    """

    spaced: bool
    compound: regex.Pattern[str] | None
    capital: bool

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer words with the gap after them, if it can be written in another way; see `Transformation.targets`."""
        free = outside_tags(text, words)
        found = []
        for place, (start, end) in enumerate(free):
            following = free[place + 1][0] if place + 1 < len(free) else -1
            if _JOINER in text[start:end].strip(_JOINER) or self._seam(text[start:end]):
                found.append((start, end))
            elif following > 0 and self._is_gap(text, end, following):
                found.append((start, following))
        return Targets(found, self._rewrite)

    def _is_gap(self, text: str, end: int, following: int) -> bool:
        gap = text[end:following]
        return gap == " " or gap in _MARKS or (not gap and not self.spaced and may_part(text[end - 1], text[end]))

    def _seam(self, word: str) -> int:
        """Return the place between the parts of a compound; 0 if it is none."""
        found = self.compound.match(word) if self.compound else None
        return found.end() if found else 0

    def _rewrite(self, stretch: str, random: Random) -> tuple[str, str]:
        if _JOINER in stretch.strip(_JOINER):
            return stretch.replace(_JOINER, pick(("", " "), random)), "joiner"
        if stretch[-1] in _MARKS:
            return stretch[:-1] + pick(("", " "), random), "mark"
        if stretch[-1] == " ":
            return stretch[:-1], "join"
        if seam := self._seam(stretch):
            head = stretch[seam:].capitalize() if self.capital else stretch[seam:]
            return f"{stretch[:seam]}{pick((' ', '-'), random)}{head}", "compound"
        return f"{stretch} ", "space"


def make_word_gaps(
    language: str,
    parameters: Mapping[str, object],
    options: Mapping[str, object],
    tables: Tables,  # noqa: ARG001
) -> Transformation:
    """Make the mechanism `word-gaps` for a language; see `TransformationFactory`."""
    validate(NoParameters, dict(parameters), "[parameters]")
    row = validate(WordGapOptions, dict(options), f"[languages.{language}]")
    facts = languages().get(language)
    compound = None
    if row.heads or row.seams:
        heads, seams = "|".join(row.heads.split()), "|".join(row.seams.split())
        ways = [rf"\p{{L}}{{{_SHORTEST_PART},}}?(?=(?:{heads})$)"] if heads else []
        ways += [rf"\p{{L}}{{{_SHORTEST_PART},}}?(?:{seams})(?=\p{{L}}{{{_SHORTEST_PART + 1},}}$)"] if seams else []
        compound = regex.compile("|".join(ways))
    return WordGaps(facts is None or facts.has_spaces, compound, row.capital)
