"""What may be done to a query: for each of its places a bounded list of rewritings, as the recipes make them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import regex

from robustbench_ir._base.text import Span, nfc, replace_spans, word_spans
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import Edit, Perturbation, Recipe
from robustbench_ir.perturb.constraints import WordFinder, word_finder
from robustbench_ir.perturb.identity import RecipeIdentity
from robustbench_ir.perturb.perturbation import QueryLike, spaced
from robustbench_ir.perturb.randomness import generator, shuffled
from robustbench_ir.tasks import Task

# What an adversary may spend on one query.


@dataclass(frozen=True)
class Budget:
    """What an adversary may spend on one query.

    Attributes
    ----------
    words : int
        Places that may be changed at most, 1 or more.
    queries : int
        Distinct texts that the encoder may be asked about at most, besides the clean query, 1 or more.
    edit_rate : float
        Share of the clean query's code points that may be replaced at most, in (0, 1].

    Raises
    ------
    OptionError
        One of them is out of range.
    """

    words: int = 2
    queries: int = 500
    edit_rate: float = 1.0

    def __post_init__(self) -> None:
        if self.words < 1:
            raise OptionError(f"a budget of {self.words} words changes nothing; at least 1 is wanted")
        if self.queries < 1:
            raise OptionError(f"a budget of {self.queries} encoder queries tries nothing; at least 1 is wanted")
        if not 0 < self.edit_rate <= 1:
            raise OptionError(f"edit rate {self.edit_rate:g} is out of range; above 0, at most 1")


_DRAWS_FOR_EACH = 3  # a slip is often drawn again; after so many draws for each wanted one, the rest is left

Edits = tuple[Edit, ...]


class Candidate(NamedTuple):
    """A text to try, and the edits that make it; a probe is asked about but is no perturbation, so never the result."""

    text: str
    edits: Edits
    probe: bool = False


@dataclass(frozen=True)
class SearchSpace:
    """All that may be done to one query.

    Attributes
    ----------
    query_id, clean : str
        Which query, and its text, NFC.
    places : tuple of tuple of Edit
        For each place, in order of the text, its distinct rewritings. Those of several recipes may overlap.
    starts : tuple of Candidate
        Random perturbations within the budget; a search tries them first.
    words : int
        Number of places that may be changed together.
    replaceable : float
        Number of code points that may be replaced together.
    frequency : tuple of int
        For each place, the number of passages that have its rarest word; empty where nobody has counted.
    """

    query_id: str
    clean: str
    places: tuple[Edits, ...]
    starts: tuple[Candidate, ...]
    words: int
    replaceable: float
    frequency: tuple[int, ...] = ()

    def allows(self, edits: Sequence[Edit]) -> bool:
        """Say whether these edits, in order of the text, may be made together."""
        apart = all(left.span[1] <= right.span[0] for left, right in pairwise(edits))
        return apart and len(edits) <= self.words and sum(len(edit.before) for edit in edits) <= self.replaceable

    def candidate(self, edits: Sequence[Edit]) -> Candidate:
        """Return the text that edits make, in whatever order they are given."""
        made = tuple(spaced(sorted(edits)))
        return Candidate(replace_spans(self.clean, [(edit.span, edit.after) for edit in made]), made)

    def extended(self, edits: Edits, place: int) -> list[Candidate]:
        """Return what one more place makes of edits: one candidate for each of its rewritings that may be made."""
        more = (tuple(sorted((*edits, edit))) for edit in self.places[place])
        return [self.candidate(both) for both in more if self.allows(both)]

    def without(self, place: int) -> Candidate:
        """Return the query without a place, and without the space before it, or after it for the first word."""
        start, end = self.places[place][0].span
        if regex.search(r"\w", self.clean[:start]):
            start -= self.clean[:start].endswith(" ")
        else:
            end += self.clean[end:].startswith(" ")
        left = self.clean[:start] + self.clean[end:]
        return Candidate(left if left.strip() else self.clean, (), probe=True)


@dataclass(frozen=True)
class Draws:
    """How rewritings and random perturbations are drawn.

    Attributes
    ----------
    severity : int
        Of the random perturbations, 1 to 5.
    seed : int
        Another seed, other draws.
    starts : int
        Number of random perturbations of a query, of the recipes in turn.
    alternatives : int
        Distinct rewritings of a place by one recipe, at most.
    """

    severity: int
    seed: int
    starts: int
    alternatives: int


def search_spaces(
    queries: Sequence[QueryLike], recipes: Sequence[Recipe], budget: Budget, draws: Draws
) -> list[SearchSpace]:
    """Find what may be done to queries, each by itself: it depends on nothing but query, recipes, budget and draws.

    Parameters
    ----------
    queries : sequence of QueryLike
        With `query_id`, `language` and `text`.
    recipes : sequence of Recipe
        Their rewritings are offered together; those that do not cover a query's language offer none.
    budget : Budget
        Random perturbations that go beyond it lose edits.
    draws : Draws
        How many rewritings and random perturbations, and which.
    """
    finders: dict[tuple[RecipeIdentity, str], WordFinder] = {}

    def find_words(recipe: Recipe, language: str) -> WordFinder:
        key = recipe.identity, language
        if key not in finders:
            finders[key] = word_finder(language, recipe.card.constraints, recipe.tables)
        return finders[key]

    def space(query: QueryLike) -> SearchSpace:
        clean = nfc(query.text)
        covering = [recipe for recipe in recipes if recipe.covers(query.language)]
        rate = min([budget.edit_rate, *(recipe.card.constraints.maximum_edit_rate for recipe in covering)])
        bare = SearchSpace(query.query_id, clean, (), (), budget.words, rate * len(clean))
        found: dict[Span, dict[str, Edit]] = {}
        for recipe in covering:
            words = find_words(recipe, query.language)(clean)
            for edit in _rewritings(query, clean, words, recipe, draws):
                if bare.allows([edit]):
                    found.setdefault(edit.span, {}).setdefault(edit.after, edit)
        places = tuple(tuple(found[span].values()) for span in sorted(found))
        return replace(bare, places=places, starts=tuple(_starts(query, bare, covering, draws)))

    return [space(query) for query in queries]


def _starts(query: QueryLike, space: SearchSpace, recipes: Sequence[Recipe], draws: Draws) -> Iterator[Candidate]:
    """Draw random perturbations; a search with seed 0 begins with the recipe's seeds 0, 1, 2, ..."""
    for number in range(draws.starts if recipes else 0):
        seed = draws.seed * draws.starts + number
        (one,) = recipes[number % len(recipes)].perturb([query], draws.severity, seed)
        yield _within(space, one)


def _rewritings(query: QueryLike, clean: str, words: Sequence[Span], recipe: Recipe, draws: Draws) -> Iterator[Edit]:
    """Draw distinct rewritings of each place, each draw by its own generator."""
    transformation, constraints = recipe.transformation(query.language), recipe.card.constraints
    key = f"{recipe.identity}\x1f{draws.seed}\x1fcandidates"
    found: dict[Span, set[str]] = {}
    for number in range(draws.alternatives * _DRAWS_FOR_EACH):
        # Drawn anew, because some choices hold for a whole query: a convention, or which mechanism of a mixture.
        spans, rewrite = transformation.targets(clean, words, generator(key, query.query_id, number))
        for span in spans:
            seen = found.setdefault(span, {clean[span[0] : span[1]]})
            if len(seen) > draws.alternatives:
                continue
            before = clean[span[0] : span[1]]
            rewriting = rewrite(before, generator(key, query.query_id, *span, number))
            if rewriting and rewriting[0] not in seen and not constraints.forbid(before, rewriting[0]):
                seen.add(rewriting[0])
                yield Edit(span, before, *rewriting)
        if all(len(seen) > draws.alternatives for seen in found.values()):
            return


def _within(space: SearchSpace, one: Perturbation) -> Candidate:
    """Return a random perturbation with as many of its edits, drawn at random, as the budget allows."""
    kept: list[Edit] = []
    for edit in shuffled(one.edits, generator("within budget", one.query_id, one.text)):
        if space.allows(sorted([*kept, edit])):
            kept.append(edit)
    return space.candidate(kept)


# How rare the words of a query are among the passages: importance that no encoder is asked about.


def passage_frequency(task: Task) -> Mapping[str, int]:
    """Count the passages that have each word, case folded, whatever its language."""
    counts: Counter[str] = Counter()
    for passage in task.passages:
        counts.update(set(_words(nfc(passage.text), passage.language)))
    return counts


def place_frequencies(space: SearchSpace, language: str, counts: Mapping[str, int]) -> tuple[int, ...]:
    """Return, for each place of a query, the number of passages that have its rarest word; 0 for one without words."""
    words = [
        (start, end, counts.get(space.clean[start:end].casefold(), 0))
        for start, end in word_spans(space.clean, language)
    ]
    spans = [place[0].span for place in space.places]
    return tuple(
        min((count for left, right, count in words if left < end and start < right), default=0) for start, end in spans
    )


def _words(text: str, language: str) -> list[str]:
    return [text[start:end].casefold() for start, end in word_spans(text, language)]
