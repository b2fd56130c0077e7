"""Several mechanisms in one recipe: for each word, one is drawn by weight."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate
from typing import Annotated

from pydantic import Field

from robustbench_ir._base.text import Span
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.kinds import KindOfChange, first_kind
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.recipe import Recipe
from robustbench_ir.perturb.transformation import Rewriter, Targets, Transformation, at_severity
from robustbench_ir.resources.cards import Card, Tables, validate


class MixtureParameters(Card):
    """The card's `[parameters]`: names of recipes and their weights, above 0."""

    recipes: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


class MixtureOptions(Card):
    """A language's row in the card: weights of its own, for people who do other things there."""

    recipes: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)] | None = None


def _first_of(
    rewriters: Sequence[Rewriter], sums: Sequence[float], stretch: str, random: Random
) -> tuple[str, str] | None:
    """Have one of the rewriters, drawn by weight, rewrite a stretch, and the next one if it cannot."""
    drawn = bisect(sums, random.random() * sums[-1], hi=len(sums) - 1)
    made = rewriters[drawn](stretch, random)
    if made is None:
        others = (rewrite(stretch, random) for rewrite in (*rewriters[drawn + 1 :], *rewriters[:drawn]))
        made = next((one for one in others if one is not None), None)
    return made


class _Offers:
    """What the parts offer to do to stretches of one text. Made for each query, and so without ceremony."""

    __slots__ = ("mixture", "rewriters", "some")

    def __init__(self, text: str, found: Sequence[Span], made: Sequence[Targets], mixture: Mixture) -> None:
        self.mixture = mixture
        self.rewriters = [one.rewrite for one in made]
        self.some = [
            (place, frozenset([text[start:end] for start, end in one.spans]))
            for place, one in enumerate(made)
            if one.spans is not found
        ]

    def rewrite(self, stretch: str, random: Random) -> tuple[str, str] | None:
        """Rewrite a stretch in the way of a part that offers it."""
        without = [place for place, stretches in self.some if stretch not in stretches]
        if not without:
            return _first_of(self.rewriters, self.mixture.sums, stretch, random)
        able = [place for place in range(len(self.rewriters)) if place not in without]
        if len(able) == 1:
            return self.rewriters[able[0]](stretch, random)
        sums = list(accumulate(self.mixture.parts[place][1] for place in able))
        return _first_of([self.rewriters[place] for place in able], sums, stretch, random)


@dataclass(frozen=True)
class Mixture:
    """Transformations with their weights. A `Transformation`."""

    parts: tuple[tuple[Transformation, float], ...]

    @property
    def kind(self) -> KindOfChange | None:
        """The kind of change of the first part that tells one."""
        return first_kind([part for part, _ in self.parts])

    @cached_property
    def sums(self) -> tuple[float, ...]:
        """The sums of the weights of the parts."""
        return tuple(accumulate(weight for _, weight in self.parts))

    def at_severity(self, severity: int) -> Mixture:
        """Return the mixture of its parts as they are at a severity."""
        return Mixture(tuple((at_severity(part, severity), weight) for part, weight in self.parts))

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer, from left to right, what one of the parts can rewrite; see `Transformation.targets`."""
        made = [_of_words(text, part.targets(text, words, random)) for part, _ in self.parts]
        found = made[0].spans
        if all(one.spans is found for one in made):
            return Targets(found, partial(_first_of, [one.rewrite for one in made], self.sums))
        known = set(found)
        if not all(one.spans is found or known.issuperset(one.spans) for one in made):
            found = _without_overlap(made, [weight for _, weight in self.parts], random)
        return Targets(found, _Offers(text, found, made, self).rewrite)


def _of_words(text: str, made: Targets) -> Targets:
    """Leave out signs between words, which change with the whole query: a mixture changes words."""
    if not made.side_by_side:
        return made
    spans = [span for span in made.spans if any(map(str.isalnum, text[span[0] : span[1]]))]
    return Targets(spans, made.rewrite)


def _without_overlap(made: Sequence[Targets], weights: Sequence[float], random: Random) -> list[Span]:
    """Return spans from left to right; of those that begin at one place, one is drawn by the weight of its parts."""
    weight_of: dict[Span, float] = {}
    for (spans, _, _), weight in zip(made, weights, strict=True):
        for span in spans:
            weight_of[span] = weight_of.get(span, 0.0) + weight
    choices: dict[int, list[Span]] = {}
    for span in sorted(weight_of):
        choices.setdefault(span[0], []).append(span)
    found: list[Span] = []
    reached = 0
    for start, spans in choices.items():
        if reached <= start:
            chosen = spans[0]
            if len(spans) > 1:
                sums = list(accumulate(weight_of[one] for one in spans))
                chosen = spans[bisect(sums, random.random() * sums[-1], hi=len(sums) - 1)]
            found.append(chosen)
            reached = chosen[1]
    return found


def make_mixture(
    language: str,
    parameters: Mapping[str, object],
    options: Mapping[str, object],
    tables: Tables,
    load: Callable[[str, Tables], Recipe],
) -> Transformation:
    """Make the mechanism `mixture` for a language; see `TransformationFactory`.

    Parameters
    ----------
    language, parameters, options, tables
        See `TransformationFactory`.
    load : callable
        Takes a name and tables, and returns a recipe.
    """
    own = validate(MixtureOptions, dict(options), f"[languages.{language}]").recipes
    weights = own or validate(MixtureParameters, dict(parameters), "[parameters]").recipes
    recipes = [(load(name, tables), weight) for name, weight in weights.items()]
    parts = tuple((recipe.transformation(language), weight) for recipe, weight in recipes if recipe.covers(language))
    if not parts:
        raise CardError(f"[languages.{language}]: none of {', '.join(weights)} covers it; say why under [not_covered]")
    return Mixture(parts)
