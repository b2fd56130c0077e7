"""Questions as they are typed into a search box: "¿Quién escribió el Quijote?" is "quién escribió quijote" there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from robustbench_ir._base.text import Span, lower
from robustbench_ir.perturb.mechanisms.spacing import stretches
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.transformation import NoParameters, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate

_QUESTION_MARKS = "?¿؟？⁇՞፧\u037e"
_FULL_STOPS = "।॥။።۔។。؛"  # a Latin full stop may belong to an abbreviation
_REMEMBERED = 1 << 12  # the same queries occur again with another severity and another seed


class SearchBoxOptions(Card):
    """A language's row in the card.

    Attributes
    ----------
    articles : str
        Articles that people leave out, in lower case, with spaces between them.
    openings : list of str
        Polite beginnings of a question that people leave out, in lower case.
    question_mark : str
        A further question mark, such as the semicolon of Greek.
    """

    articles: str = ""
    openings: list[str] = []
    question_mark: str = ""


@dataclass(frozen=True)
class SearchBox:
    """Lower case, without question marks, polite openings and articles. A `Transformation`.

    Attributes
    ----------
    language : str
        Code of the language.
    opening, articles : regex.Pattern, optional
        Find what is left out.
    marks : str
        Question marks.
    """

    language: str
    opening: regex.Pattern[str] | None
    articles: regex.Pattern[str] | None
    marks: str

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the stretches between numbers and addresses, and question marks outside; see `Transformation.targets`.

        An opening counts at the beginning of a stretch, which is nearly always that of the query.
        """
        if not words:
            return Targets([], lambda stretch, _: (stretch, "search box"))
        found = []
        reached = 0
        for start, end in stretches(text, words):
            before = next((place for place in range(start, reached, -1) if text[place - 1].isalnum()), reached)
            found += self._marks_in(text, reached, before)
            after = next((place for place in range(end, len(text)) if text[place].isalnum()), len(text))
            reached = after if after == len(text) else end
            found.append((before if not text[:before].strip() else start, reached))
        found += self._marks_in(text, reached, len(text))
        typed = lru_cache(maxsize=_REMEMBERED)(self._typed)
        changed = [(start, end) for start, end in found if typed(text[start:end]) != text[start:end]]
        return Targets(changed, lambda stretch, _: (typed(stretch), "search box"))

    def _marks_in(self, text: str, start: int, end: int) -> list[Span]:
        return [(place, place + 1) for place in range(start, end) if text[place] in self.marks]

    def _typed(self, stretch: str) -> str:
        """Return what is typed for a stretch of a query; the stretch itself if nothing would be left."""
        kept = stretch
        if self.opening:
            kept = self.opening.sub("", kept)
        if self.articles:
            kept = self.articles.sub("", kept)
        kept = "".join(character for character in kept if character not in self.marks)
        kept = lower(regex.sub(r"\s+", " ", kept).rstrip(f" {_FULL_STOPS}"), self.language)
        return kept if kept.strip() or stretch in self.marks else stretch


def _opening(openings: Sequence[str]) -> regex.Pattern[str] | None:
    """Return a pattern of openings, the longest first, with the punctuation and spaces after them."""
    if not openings:
        return None
    ways = [r"[\s,،]+".join(map(regex.escape, one.split())) for one in sorted(openings, key=len, reverse=True)]
    # Where a script has no spaces, the question follows at once; elsewhere an opening ends with its word.
    ends = [
        way if regex.search(r"[\p{Han}\p{Thai}\p{Hiragana}]", way) else rf"{way}(?![\p{{L}}\p{{M}}])" for way in ways
    ]
    return regex.compile(rf"^[¿¡\s]*(?:{'|'.join(ends)})[\s,،:：，]*(?=.*\p{{L}})", regex.IGNORECASE)


def _articles(articles: str) -> regex.Pattern[str] | None:
    r"""Return a pattern of articles before another word; those with a capital inside a sentence belong to names.

    >>> _articles("los el").sub("", "vivir en Los Angeles o en el campo")
    'vivir en Los Angeles o en campo'
    """
    if not articles:
        return None
    ways = "|".join(articles.split())
    return regex.compile(rf"(?<![\p{{L}}\p{{M}}'’-])(?:{ways})\s+(?=\p{{L}})|^(?i:[¿¡\s]*(?:{ways}))\s+(?=\p{{Ll}})")


def make_search_box(
    language: str,
    parameters: Mapping[str, object],
    options: Mapping[str, object],
    tables: Tables,  # noqa: ARG001
) -> Transformation:
    """Make the mechanism `search-box` for a language; see `TransformationFactory`."""
    validate(NoParameters, dict(parameters), "[parameters]")
    row = validate(SearchBoxOptions, dict(options), f"[languages.{language}]")
    marks = _QUESTION_MARKS + row.question_mark
    return SearchBox(language, _opening(row.openings), _articles(row.articles), marks)
