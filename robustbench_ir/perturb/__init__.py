"""Recipes that perturb queries. This package depends on no encoder and no task."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import overload

from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.perturb.custom import Rewrite, recipe
from robustbench_ir.perturb.embedded import SEPARATOR, into_language
from robustbench_ir.perturb.mechanisms.characters import make_invisible
from robustbench_ir.perturb.mechanisms.encoding import make_encoding
from robustbench_ir.perturb.mechanisms.homoglyph import make_homoglyph
from robustbench_ir.perturb.mechanisms.masked_language_model import make_masked_language_model
from robustbench_ir.perturb.mechanisms.misspelling import make_misspelling
from robustbench_ir.perturb.mechanisms.mixture import make_mixture
from robustbench_ir.perturb.mechanisms.orthography import make_orthography
from robustbench_ir.perturb.mechanisms.paired_query import make_paired_query
from robustbench_ir.perturb.mechanisms.repetition import make_repetition
from robustbench_ir.perturb.mechanisms.scanning import make_scanning
from robustbench_ir.perturb.mechanisms.search_box import make_search_box
from robustbench_ir.perturb.mechanisms.slip import make_slip
from robustbench_ir.perturb.mechanisms.spacing import make_casing_spacing, make_word_order
from robustbench_ir.perturb.mechanisms.substitution import make_substitution
from robustbench_ir.perturb.mechanisms.transliteration import make_transliteration
from robustbench_ir.perturb.mechanisms.word_gaps import make_word_gaps
from robustbench_ir.perturb.mechanisms.wrong_layout import make_wrong_layout
from robustbench_ir.perturb.perturbation import Edit, Perturbation, QueryLike, coverage, digest, unchanged
from robustbench_ir.perturb.recipe import Recipe, RecipeCard
from robustbench_ir.perturb.texts import HasQueries, perturbed_texts
from robustbench_ir.perturb.transformation import Transformation, TransformationFactory
from robustbench_ir.resources.cards import Tables, card_names, read_named, tables_of
from robustbench_ir.resources.plugins import built_in_or_plugin, scheme

__all__ = [
    "Edit",
    "Perturbation",
    "Recipe",
    "RecipeCard",
    "RecipeLike",
    "as_recipe",
    "coverage",
    "default_recipe_names",
    "digest",
    "load_recipe",
    "perturb",
    "recipe",
    "recipe_names",
    "unchanged",
]

RecipeLike = str | Recipe | Rewrite
"""A recipe, its name, or a function that rewrites a query."""


def _make_mixture(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    return make_mixture(language, parameters, options, tables, lambda name, found: load_recipe(name, found.extra))


_BUILT_IN: Mapping[str, TransformationFactory] = {
    "casing-spacing": make_casing_spacing,
    "encoding": make_encoding,
    "homoglyph": make_homoglyph,
    "invisible": make_invisible,
    "masked-language-model": make_masked_language_model,
    "misspelling": make_misspelling,
    "mixture": _make_mixture,
    "orthography": make_orthography,
    "paired-query": make_paired_query,
    "repetition": make_repetition,
    "scanning": make_scanning,
    "search-box": make_search_box,
    "slip": make_slip,
    "substitution": make_substitution,
    "transliteration": make_transliteration,
    "word-gaps": make_word_gaps,
    "word-order": make_word_order,
    "wrong-layout": make_wrong_layout,
}


def recipe_names(cards: Path | None = None) -> list[str]:
    """Return the names of all recipes, with further names, sorted; `cards` is a user's folder of further cards."""
    return sorted({*card_names("attacks", cards), *_aliases(cards)})


def _aliases(cards: Path | None) -> dict[str, RecipeCard]:
    """Return each further name of a recipe, and the card that says it."""
    found = (read_named(RecipeCard, "attacks", name, "recipe", cards) for name in card_names("attacks", cards))
    return {alias: card.named(alias) for card in found for alias in card.aliases}


def default_recipe_names(cards: Path | None = None) -> list[str]:
    """Return the names of the recipes that an attack runs by default: those whose card has `default = true`."""
    return [name for name in recipe_names(cards) if load_recipe(name, cards).card.default]


def _card(name: str, cards: Path | None) -> RecipeCard:
    if name not in card_names("attacks", cards):
        aliases = _aliases(cards)
        if name not in aliases:
            raise UnknownNameError("recipe", name, recipe_names(cards))
        return aliases[name]
    return read_named(RecipeCard, "attacks", name, "recipe", cards)


def as_recipe(given: RecipeLike, cards: Path | None = None) -> Recipe:
    """Return the recipe for a name, a recipe or a function.

    Parameters
    ----------
    given : str, Recipe or callable
        A name (see `load_recipe`), a recipe, or a function that rewrites a query (see `recipe`).
    cards : pathlib.Path, optional
        A user's folder of cards, for names.

    Raises
    ------
    UnknownNameError
        If there is no such recipe; the message shows the nearest name.
    OptionError
        If the argument is of another type.
    """
    if isinstance(given, Recipe):
        return given
    if isinstance(given, str):
        return load_recipe(given, cards)
    if callable(given):
        return recipe(given)
    raise OptionError(
        f"{type(given).__name__}: is not a recipe; give a name, a Recipe, or a function that rewrites a query"
    )


def load_recipe(name: str, cards: Path | None = None) -> Recipe:
    """Load a recipe by name.

    Parameters
    ----------
    name : str
        Name of a card, such as ``"typo"``; ``"code-switching:fr"`` to mix in another language than the card says;
        ``"variants:ocr"`` for what people wrote in the file `variants/ocr.jsonl` of a task's folder; or ``textattack:``
        and a transformation or augmenter of TextAttack.
    cards : pathlib.Path, optional
        A user's folder with `attacks/*.toml`, and keyboards, lexicons and romanisation tables of its own.

    Raises
    ------
    UnknownNameError
        If there is no such recipe; the message shows the nearest name.
    CardError
        If the card has a fault; the message names file and key.
    OptionError
        If a language is named that the recipe cannot mix in.
    """
    foreign = scheme("recipe_schemes", name)
    if foreign is not None:
        loaded: Recipe = foreign.load()(name)
        return loaded
    base, _, embedded = name.partition(SEPARATOR)
    card = _card(base, cards)
    where = f"attacks/{base}.toml: key 'transformation': no mechanism"
    factory = built_in_or_plugin("transformations", card.transformation, _BUILT_IN, where)
    tables = tables_of(cards)
    return Recipe(into_language(card, embedded, tables) if embedded else card, factory, tables=tables)


@overload
def perturb(  # type: ignore[overload-overlap]  # a string is an iterable of strings, and stands for itself here
    queries: str,
    recipe: RecipeLike,
    *,
    language: str | None = None,
    severity: int = 3,
    seed: int = 0,
    cards: str | Path | None = None,
) -> Perturbation: ...


@overload
def perturb(
    queries: HasQueries | Iterable[str | QueryLike],
    recipe: RecipeLike,
    *,
    language: str | None = None,
    severity: int = 3,
    seed: int = 0,
    cards: str | Path | None = None,
) -> list[Perturbation]: ...


def perturb(
    queries: str | HasQueries | Iterable[str | QueryLike],
    recipe: RecipeLike,
    *,
    language: str | None = None,
    severity: int = 3,
    seed: int = 0,
    cards: str | Path | None = None,
) -> Perturbation | list[Perturbation]:
    """Perturb a text, several texts, or the queries of a task.

    Parameters
    ----------
    queries : str, Task, or iterable of str or Query
        What is perturbed. Each text is perturbed by itself: its order and the other texts make no difference.
    recipe : str, Recipe or callable
        Name of a recipe, a recipe, or a function that rewrites a query.
    language : str, optional
        Language of texts that do not say theirs, as a tag or an English name.
    severity : int
        0 (no change) to 5.
    seed : int
        Seed of the perturbation.
    cards : str or pathlib.Path, optional
        A user's folder of cards, for names of recipes.

    Returns
    -------
    Perturbation or list of Perturbation
        One for a single text, a list in the same order for everything else. `text` is the perturbed query, `edits` say
        what changed.

    Raises
    ------
    UnknownNameError
        If there is no such recipe or language.
    OptionError
        If the severity is out of range, or a text has no language.

    Examples
    --------
    >>> perturb("where is the railway station", "typo", language="en").text  # doctest: +SKIP
    'where is the raulway station'
    """
    loaded = as_recipe(recipe, Path(cards) if cards else None)
    found = perturbed_texts(loaded, [queries] if isinstance(queries, str) else queries, language, severity, seed)
    return found[0] if isinstance(queries, str) else found


class _CallableModule(ModuleType):
    """The package itself, which is called like its function `perturb`.

    ``rb.perturb`` is the name of this package, and the verb that a script looks for.
    """

    __call__ = staticmethod(perturb)
    __signature__ = signature(perturb)  # otherwise it would be without its first parameter


sys.modules[__name__].__class__ = _CallableModule
