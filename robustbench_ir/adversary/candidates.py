"""Candidates of a search: for each word of a query, a bounded list of rewritings that the recipes make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True)
class Budget:
    """Limits on what an adversary may change in one query.

    Attributes
    ----------
    words : int
        Largest number of words that may be changed, 1 or more.
    queries : int
        Largest number of distinct texts that the encoder may encode besides the clean query, 1 or more.
    edit_rate : float
        Largest share of the clean query's code points that may be in edited words (`Perturbation.touched`), in (0, 1].

    Raises
    ------
    OptionError
        If a limit is out of range.
    """

    words: int = 2
    queries: int = 500
    edit_rate: float = 1.0

    def __post_init__(self) -> None:
        if self.words < 1:
            raise OptionError(f"a budget of {self.words} words changes nothing; at least 1 is needed")
        if max(self.words, self.queries) > _MOST:
            raise OptionError(f"a budget of {max(self.words, self.queries)} is out of range; at most {_MOST:,}")
        if self.queries < 1:
            raise OptionError(f"a budget of {self.queries} encoder queries tries nothing; at least 1 is needed")
        if not 0 < self.edit_rate <= 1:
            raise OptionError(f"edit rate {self.edit_rate:g} is out of range; above 0, at most 1")


_MOST = 1_000_000
_DRAWS_FOR_EACH = 3  # the same rewriting is often drawn again: give up after so many draws for each rewriting

Edits = tuple[Edit, ...]


class Candidate(NamedTuple):
    """A text to try, with the edits that make it.

    Attributes
    ----------
    text : str
        The text.
    edits : tuple of Edit
        Edits that turn the clean query into the text.
    probe : bool
        True for a text that is encoded only to measure the importance of a word; it is never the result.
    """

    text: str
    edits: Edits
    probe: bool = False


@dataclass(frozen=True)
class SearchSpace:
    """All rewritings of one query.

    Attributes
    ----------
    query_id, clean : str
        Id of the query, and its text in NFC.
    places : tuple of tuple of Edit
        For each word that may change, in order of the text, its distinct rewritings. Places of several recipes may
        overlap.
    starts : tuple of Candidate
        Random perturbations within the budget, which a search tries first.
    words : int
        Largest number of places that may be changed together.
    replaceable : float
        Largest number of code points that may be replaced together.
    frequency : tuple of int
        For each place, the number of passages that contain its rarest word; empty if words were not counted.
    promise : mapping of Edit to float
        The harm that each edit promises; empty if no gradients were asked. See `robustbench_ir.adversary.promise`.
    """

    query_id: str
    clean: str
    places: tuple[Edits, ...]
    starts: tuple[Candidate, ...]
    words: int
    replaceable: float
    frequency: tuple[int, ...] = ()
    promise: Mapping[Edit, float] = field(default_factory=dict, repr=False)

    def allows(self, edits: Sequence[Edit]) -> bool:
        """Return True if these edits, in order of the text, may be made together."""
        apart = all(left.span[1] <= right.span[0] for left, right in pairwise(edits))
        return apart and len(edits) <= self.words and sum(len(edit.before) for edit in edits) <= self.replaceable

    def candidate(self, edits: Sequence[Edit]) -> Candidate:
        """Return the candidate that these edits make; they may be in any order."""
        made = tuple(spaced(self.clean, sorted(edits)))
        return Candidate(replace_spans(self.clean, [(edit.span, edit.after) for edit in made]), made)

    def extended(self, edits: Edits, place: int) -> list[Candidate]:
        """Return the candidates that change one more place.

        Parameters
        ----------
        edits : tuple of Edit
            Edits that are already made.
        place : int
            Index of the place that is changed too.

        Returns
        -------
        list of Candidate
            One for each rewriting of the place that `allows` permits together with `edits`.
        """
        more = (tuple(sorted((*edits, edit))) for edit in self.places[place])
        return [self.candidate(both) for both in more if self.allows(both)]

    def without(self, place: int) -> Candidate:
        """Return the query without the words of a place, as a probe.

        The space before it is deleted too, or the space after it if it is the first word.
        """
        start, end = self.places[place][0].span
        if regex.search(r"\w", self.clean[:start]):
            start -= self.clean[:start].endswith(" ")
        else:
            end += self.clean[end:].startswith(" ")
        left = self.clean[:start] + self.clean[end:]
        return Candidate(left if left.strip() else self.clean, (), probe=True)


@dataclass(frozen=True)
class Draws:
    """How many rewritings and random perturbations are drawn.

    Attributes
    ----------
    severity : int
        Severity of the random perturbations, 1 to 5.
    seed : int
        Seed; another seed gives other draws.
    starts : int
        Number of random perturbations of each query, made by the recipes in turn.
    alternatives : int
        Largest number of distinct rewritings of a place by one recipe.
    """

    severity: int
    seed: int
    starts: int
    alternatives: int


def search_spaces(
    queries: Sequence[QueryLike], recipes: Sequence[Recipe], budget: Budget, draws: Draws
) -> list[SearchSpace]:
    """Return the search space of each query, which depends only on query, recipes, budget and draws.

    Parameters
    ----------
    queries : sequence of QueryLike
        Queries with `query_id`, `language` and `text`.
    recipes : sequence of Recipe
        Recipes whose rewritings are offered together; a recipe that does not cover a query's language offers none.
    budget : Budget
        Limits; random perturbations that exceed them lose edits.
    draws : Draws
        Number and seed of the rewritings and random perturbations.
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
    """Yield random perturbations; a search with seed 0 begins with the recipe's seeds 0, 1, 2, ..."""
    for number in range(draws.starts if recipes else 0):
        seed = draws.seed * draws.starts + number
        (one,) = recipes[number % len(recipes)].perturb([query], draws.severity, seed)
        yield _within(space, one)


def _rewritings(query: QueryLike, clean: str, words: Sequence[Span], recipe: Recipe, draws: Draws) -> Iterator[Edit]:
    """Yield distinct rewritings of each place; each draw has a generator of its own."""
    transformation, constraints = recipe.transformation(query.language), recipe.card.constraints
    key = f"{recipe.identity}\x1f{draws.seed}\x1fcandidates"
    found: dict[Span, set[str]] = {}
    for number in range(draws.alternatives * _DRAWS_FOR_EACH):
        # Draw again each time: some choices hold for a whole query, such as the mechanism of a mixture.
        spans, rewrite, _ = transformation.targets(clean, words, generator(key, query.query_id, number))
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
    """Return a random perturbation with as many of its edits, chosen at random, as the budget allows."""
    kept: list[Edit] = []
    for edit in shuffled(one.edits, generator("within budget", one.query_id, one.text)):
        if space.allows(sorted([*kept, edit])):
            kept.append(edit)
    return space.candidate(kept)


# Word frequencies in the pool: a measure of importance that needs no encoder.


def passage_frequency(task: Task) -> Mapping[str, int]:
    """Return the number of passages that contain each word, case folded, in whatever language."""
    counts: Counter[str] = Counter()
    for passage in task.passages:
        counts.update(set(_words(nfc(passage.text), passage.language)))
    return counts


def place_frequencies(space: SearchSpace, language: str, counts: Mapping[str, int]) -> tuple[int, ...]:
    """Return, for each place of a query, the number of passages that contain its rarest word.

    Parameters
    ----------
    space : SearchSpace
        The query and its places.
    language : str
        BCP 47 code of the query's language.
    counts : mapping of str to int
        Word to number of passages, from `passage_frequency`.

    Returns
    -------
    tuple of int
        One number for each place; 0 for a place without words.
    """
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
