"""Questions as they are typed into a search box: "¿Quién escribió el Quijote?" is "quién escribió quijote" there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Annotated, Literal

import regex
from pydantic import Field

from robustbench_ir._base.text import Span, lower
from robustbench_ir.perturb.mechanisms.spacing import stretches
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate

_QUESTION_MARKS = "?¿؟？⁇՞፧\u037e"
_FULL_STOPS = "।॥။።۔។。؛"  # a Latin full stop may belong to an abbreviation
_PUNCTUATION = frozenset(',;:!¡"«»“”„‟‹›()[]،؛、，；：！（）「」『』《》〈〉【】፣፤፥፦՝')
_REMEMBERED = 1 << 12  # the same queries occur again with another severity and another seed


Habit = Literal["question-marks", "lower-case", "punctuation", "openings", "articles"]
"""What people do to a question: leave out question marks and the full stop of its script, write lower case, leave out
commas, quotation marks and brackets, leave out polite openings, leave out articles."""


class SearchBoxParameters(Card):
    """The card's `[parameters]`.

    Attributes
    ----------
    habits : list of str
        Severity n has the first n of these habits.
    """

    habits: Annotated[list[Habit], Field(min_length=5, max_length=5)]


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
    """A question without what people leave out in a search box. A `Transformation`.

    Attributes
    ----------
    language : str
        Code of the language.
    opening, articles : regex.Pattern, optional
        Find what is left out.
    marks : str
        Question marks.
    habits : tuple of str
        What severity 1 to 5 adds.
    severity : int
        Number of the habits that people have here.
    """

    language: str
    opening: regex.Pattern[str] | None
    articles: regex.Pattern[str] | None
    marks: str
    habits: tuple[Habit, ...]
    severity: int = 5

    def at_severity(self, severity: int) -> SearchBox:
        """Return the mechanism with the habits of a severity."""
        return replace(self, severity=severity)

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the stretches between numbers and addresses, and question marks outside; see `Transformation.targets`.

        An opening counts at the beginning of a stretch, which is nearly always that of the query.
        """
        if not words:
            return Targets([], lambda stretch, _: (stretch, "search box"))
        found: list[Span] = []
        reached = 0
        for start, end in stretches(text, words):
            before = next((place for place in range(start, reached, -1) if text[place - 1].isalnum()), reached)
            begin = start if text[:before].strip() else before
            found += self._signs_in(text, reached, begin)
            after = next((place for place in range(end, len(text)) if text[place].isalnum()), len(text))
            reached = after if after == len(text) else end
            found.append((begin, reached))
        found += self._signs_in(text, reached, len(text))
        typed = self._remembered
        changed = [(start, end) for start, end in found if typed(text[start:end]) != text[start:end]]
        return Targets(changed, lambda stretch, _: (typed(stretch), "search box"))

    def _signs_in(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Yield the signs beside numbers and addresses, but none inside, such as the colon of "3:30"."""
        for place in range(start, end):
            sign = text[place]
            inside = text[place - 1 : place].isalnum() and text[place + 1 : place + 2].isalnum()
            if sign in self.marks or (sign in _PUNCTUATION and not inside):
                yield place, place + 1

    @cached_property
    def _remembered(self) -> Callable[[str], str]:
        return lru_cache(maxsize=_REMEMBERED)(self._typed)

    def _typed(self, stretch: str) -> str:
        """Return what is typed for a stretch of a query; the stretch itself if nothing would be left."""
        habits = self.habits[: self.severity]
        kept = stretch
        if self.opening and "openings" in habits:
            kept = self.opening.sub("", kept)
        if self.articles and "articles" in habits:
            kept = self.articles.sub("", kept)
        if "punctuation" in habits:
            kept = "".join(" " if one in _PUNCTUATION and one not in self.marks else one for one in kept)
            kept = kept.lstrip() if not stretch[0].isspace() else kept
        if "question-marks" in habits:
            kept = "".join(one for one in kept if one not in self.marks)
            kept = regex.sub(r"\s+", " ", kept).rstrip(f" {_FULL_STOPS}")
        if "lower-case" in habits:
            kept = lower(kept, self.language)
        if stretch in self.marks or stretch in _PUNCTUATION:
            return kept.strip()
        return kept if kept.strip() else stretch


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
    habits = validate(SearchBoxParameters, dict(parameters), "[parameters]").habits
    row = validate(SearchBoxOptions, dict(options), f"[languages.{language}]")
    marks = _QUESTION_MARKS + row.question_mark
    return SearchBox(language, _opening(row.openings), _articles(row.articles), marks, tuple(habits))
