"""Several mechanisms in one recipe: for each word, one is drawn by weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import Field

from robustbench_ir._base.text import Span
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.kinds import KindOfChange, first_kind
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.recipe import Recipe
from robustbench_ir.perturb.transformation import Rewriter, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate


class MixtureParameters(Card):
    """The card's `[parameters]`: names of recipes and their weights, above 0."""

    recipes: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


class MixtureOptions(Card):
    """A language's row in the card: weights of its own, for people who do other things there."""

    recipes: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)] | None = None


class _Offer(NamedTuple):
    """What a part can do to a stretch."""

    span: Span
    rewrite: Rewriter
    weight: float


@dataclass(frozen=True)
class Mixture:
    """Transformations with their weights. A `Transformation`."""

    parts: tuple[tuple[Transformation, float], ...]

    @property
    def kind(self) -> KindOfChange | None:
        """The kind of change of the first part that tells one."""
        return first_kind([part for part, _ in self.parts])

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer, from left to right, what one of the parts can rewrite; see `Transformation.targets`."""
        offers: dict[int, list[_Offer]] = {}
        for part, weight in self.parts:
            spans, rewrite = part.targets(text, words, random)
            for span in spans:
                offers.setdefault(span[0], []).append(_Offer(span, rewrite, weight))
        found: list[Span] = []
        by_stretch: dict[str, list[_Offer]] = {}
        for start in sorted(offers):
            if not found or found[-1][1] <= start:
                group = _of_one_span(offers[start], random)
                span = group[0].span
                found.append(span)
                by_stretch.setdefault(text[span[0] : span[1]], group)
        return Targets(found, lambda stretch, random: _rewritten(stretch, by_stretch[stretch], random))


def _of_one_span(offers: list[_Offer], random: Random) -> list[_Offer]:
    """Draw a span where the parts offer several from one place on, and return what they can do to it."""
    if all(one.span == offers[0].span for one in offers):
        return offers
    span = offers[_drawn(offers, random)].span
    return [one for one in offers if one.span == span]


def _rewritten(stretch: str, offers: list[_Offer], random: Random) -> tuple[str, str] | None:
    """Have a part that is drawn rewrite a stretch, and another one if it cannot."""
    left = list(offers)
    while left:
        made = left.pop(_drawn(left, random)).rewrite(stretch, random)
        if made is not None:
            return made
    return None


def _drawn(offers: list[_Offer], random: Random) -> int:
    """Draw the place of an offer by weight."""
    if len(offers) == 1:
        return 0
    mark = random.random() * sum(one.weight for one in offers)
    for place, one in enumerate(offers):
        mark -= one.weight
        if mark < 0:
            return place
    return len(offers) - 1


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
