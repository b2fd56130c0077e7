"""What people wrote in place of the queries of a task, under a name such as ``variants:ocr``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

from robustbench_ir.errors import OptionError
from robustbench_ir.perturb.recipe import Recipe, RecipeCard
from robustbench_ir.resources.cards import Tables

SCHEME = "variants"
_NO_CHOICE = "variants are whole queries, among which a search has nothing to choose; leave out --search"


def variants_name(name: str) -> str:
    """Return the name of the recipe for a set of variants: ``variants:ocr`` for `ocr`."""
    return f"{SCHEME}:{name}"


def is_variants(recipe: str) -> bool:
    """Return True if a recipe of this name has texts of people, one for each query, whatever severity and seed are."""
    return recipe.startswith(f"{SCHEME}:")


def refuse_variants(recipes: Iterable[str]) -> None:
    """Refuse variants among the recipes of a search, before anything is encoded.

    Parameters
    ----------
    recipes : iterable of str
        Names of recipes.

    Raises
    ------
    OptionError
        If one of them is a set of variants.
    """
    if any(map(is_variants, recipes)):
        raise OptionError(_NO_CHOICE)


def load_variants(name: str) -> Recipe:
    """Load the recipe of a set of variants; its texts come from the task, by `Recipe.for_task`.

    Parameters
    ----------
    name : str
        ``variants:`` and the name of the set, which is that of the file `variants/NAME.jsonl` in the task's folder.

    Raises
    ------
    OptionError
        If there is no name behind the colon.
    """
    if not name.partition(":")[2]:
        raise OptionError(f"{name}: name the set of variants, such as {variants_name('ocr')} for variants/ocr.jsonl")
    card = RecipeCard.model_construct(
        name=name,
        version=1,
        title="what people wrote instead",
        description="Each query is replaced by the variant of it that stands in the folder of the task.",
        transformation=SCHEME,
        sources=[],
        languages={},
    )
    return Recipe(card, _cannot_be_searched, variants={})


def _cannot_be_searched(
    language: str,  # noqa: ARG001
    parameters: Mapping[str, object],  # noqa: ARG001
    options: Mapping[str, object],  # noqa: ARG001
    tables: Tables,  # noqa: ARG001
) -> NoReturn:
    raise OptionError(_NO_CHOICE)
