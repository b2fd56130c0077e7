"""Several mechanisms in one recipe: for each word, one is drawn by weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from robustbench_ir._base.text import Span
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.kinds import KindOfChange, first_kind
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.recipe import Recipe
from robustbench_ir.perturb.transformation import NoOptions, Rewriter, Targets, Transformation, at_severity
from robustbench_ir.resources.cards import Card, Tables, validate


class MixtureParameters(Card):
    """The card's `[parameters]`: names of recipes and their weights, above 0."""

    recipes: Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


@dataclass(frozen=True)
class Mixture:
    """Transformations with their weights. A `Transformation`."""

    parts: tuple[tuple[Transformation, float], ...]

    @property
    def kind(self) -> KindOfChange | None:
        """The kind of change of the first part that tells one."""
        return first_kind([part for part, _ in self.parts])

    def at_severity(self, severity: int) -> Mixture:
        """Return the mixture of its parts as they are at a severity."""
        return Mixture(tuple((at_severity(part, severity), weight) for part, weight in self.parts))

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer, from left to right, what one of the parts can rewrite; see `Transformation.targets`."""
        offers: dict[int, list[tuple[Span, Rewriter, float]]] = {}
        for part, weight in self.parts:
            spans, rewrite, _ = part.targets(text, words, random)
            for span in spans:
                # Signs between words change with the whole query, and a mixture changes words.
                if any(map(str.isalnum, text[span[0] : span[1]])):
                    offers.setdefault(span[0], []).append((span, rewrite, weight))
        found: list[Span] = []
        drawn: dict[str, Rewriter] = {}
        for start in sorted(offers):
            if not found or found[-1][1] <= start:
                span, rewrite = _drawn(offers[start], random)
                found.append(span)
                drawn.setdefault(text[span[0] : span[1]], rewrite)
        return Targets(found, lambda stretch, random: drawn[stretch](stretch, random))


def _drawn(offers: list[tuple[Span, Rewriter, float]], random: Random) -> tuple[Span, Rewriter]:
    mark = random.random() * sum(weight for _, _, weight in offers)
    for span, rewrite, weight in offers:
        mark -= weight
        if mark < 0:
            return span, rewrite
    return offers[-1][:2]


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
    validate(NoOptions, dict(options), f"[languages.{language}]")
    weights = validate(MixtureParameters, dict(parameters), "[parameters]").recipes
    recipes = [(load(name, tables), weight) for name, weight in weights.items()]
    parts = tuple((recipe.transformation(language), weight) for recipe, weight in recipes if recipe.covers(language))
    if not parts:
        raise CardError(f"[languages.{language}]: none of {', '.join(weights)} covers it; say why under [not_covered]")
    return Mixture(parts)
