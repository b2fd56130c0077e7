"""Recipes that perturb queries. This room knows no encoder and no task."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

from robustbench_ir.cards import Tables, find, names, read_card
from robustbench_ir.errors import CardError, nearest
from robustbench_ir.perturb.recipe import (
    Edit,
    Perturbation,
    Recipe,
    RecipeCard,
    coverage,
    digest,
)
from robustbench_ir.perturb.substitution import make_substitution
from robustbench_ir.perturb.transformation import TransformationFactory
from robustbench_ir.perturb.transliteration import make_transliteration
from robustbench_ir.perturb.typo import make_typo

__all__ = [
    "Edit",
    "Perturbation",
    "Recipe",
    "RecipeCard",
    "coverage",
    "digest",
    "load_recipe",
    "recipe_names",
]

_BUILT_IN: Mapping[str, TransformationFactory] = {
    "typo": make_typo,
    "substitution": make_substitution,
    "transliteration": make_transliteration,
}
_ENTRY_POINTS = "robustbench_ir.transformations"


def recipe_names(cards: Path | None = None) -> list[str]:
    """List all recipes, sorted; `cards` is a user's folder of further cards."""
    return names("attacks", cards)


def load_recipe(name: str, cards: Path | None = None) -> Recipe:
    """Load a recipe by name.

    Parameters
    ----------
    name : str
        Name of a card, such as ``"typo"``.
    cards : pathlib.Path, optional
        A user's folder with `attacks/*.toml`, and keyboards, lexicons and romanisation tables of its own.

    Raises
    ------
    UnknownNameError
        There is no such recipe; the nearest name is shown.
    CardError
        The card is not as it must be; file and key are named.
    """
    entry = find("attacks", name, "recipe", cards)
    card = read_card(RecipeCard, entry)
    if card.name != name:
        raise CardError(f"{entry}: key 'name' is {card.name!r}, the file says {name!r}")
    return Recipe(card, _factory(card.transformation, str(entry)), tables=Tables(cards))


def _factory(key: str, where: str) -> TransformationFactory:
    if key in _BUILT_IN:
        return _BUILT_IN[key]
    plugins = {point.name: point for point in entry_points(group=_ENTRY_POINTS)}
    if key not in plugins:
        known = [*_BUILT_IN, *plugins]
        raise CardError(f"{where}: key 'transformation': no mechanism {key!r}: {nearest(key, known)}")
    factory: TransformationFactory = plugins[key].load()
    return factory
