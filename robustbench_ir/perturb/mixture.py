"""Several mechanisms in one recipe: which one changes a word is drawn by weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Annotated

from pydantic import Field

from robustbench_ir.cards import Card, Tables, validate
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.recipe import Recipe
from robustbench_ir.perturb.transformation import NoOptions, Target, Transformation
from robustbench_ir.text import Span


class MixtureParameters(Card):
    """The card's `[parameters]`: names of recipes and their weights, above 0."""

    recipes: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


@dataclass(frozen=True)
class Mixture:
    """Transformations with their weights. A `Transformation`."""

    parts: tuple[tuple[Transformation, float], ...]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> list[Target]:
        """Offer, from left to right, what one of the parts can rewrite; see `Transformation.targets`."""
        offers: dict[int, list[tuple[Target, float]]] = {}
        for part, weight in self.parts:
            for target in part.targets(text, words, random):
                offers.setdefault(target.span.start, []).append((target, weight))
        found: list[Target] = []
        for start in sorted(offers):
            if not found or found[-1].span.end <= start:
                found.append(_drawn(offers[start], random))
        return found


def _drawn(offers: list[tuple[Target, float]], random: Random) -> Target:
    mark = random.random() * sum(weight for _, weight in offers)
    for target, weight in offers:
        mark -= weight
        if mark < 0:
            return target
    return offers[-1][0]


def make_mixture(
    language: str,
    parameters: Mapping[str, object],
    options: Mapping[str, object],
    tables: Tables,
    load: Callable[[str, Tables], Recipe],
) -> Transformation:
    """Make the mechanism `mixture` ready for a language; see `TransformationFactory`.

    Parameters
    ----------
    load : callable
        Gives a recipe by name.
    """
    validate(NoOptions, dict(options), f"[languages.{language}]")
    weights = validate(MixtureParameters, dict(parameters), "[parameters]").recipes
    recipes = [(load(name, tables), weight) for name, weight in weights.items()]
    parts = tuple((recipe.transformation(language), weight) for recipe, weight in recipes if recipe.covers(language))
    if not parts:
        raise CardError(f"[languages.{language}]: none of {', '.join(weights)} covers it; say why under [not_covered]")
    return Mixture(parts)
