"""What is reviewed: real queries of a language before and after each recipe, drawn by a seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir.errors import DataUnavailableError, UnknownNameError
from robustbench_ir.perturb import Perturbation, Recipe, digest
from robustbench_ir.perturb.randomness import generator, shuffled
from robustbench_ir.resources.languages import Language, languages, select_languages
from robustbench_ir.tasks import Query, Task, load_task, task_card, task_names

# Real questions first; between them they have every language with facts, in downloads of some megabytes.
_SOURCES = ("afriqa", "xquad-r", "belebele", "mini")
_TRIED = 60  # queries of a language that are tried until enough of them change
_DIGITS = 16


class ItemKey(NamedTuple):
    """What an item is, on every machine and in every release that makes it.

    Attributes
    ----------
    recipe : str
        Identity of the recipe, such as ``typo@5``.
    severity, seed : int
        Severity and seed of the perturbation.
    task : str
        Identity of the task that the query is from.
    language, query_id : str
        Language and id of the query.
    digest : str
        SHA-256 of the perturbed query; see `robustbench_ir.perturb.digest`.
    """

    recipe: str
    severity: int
    seed: int
    task: str
    language: str
    query_id: str
    digest: str

    @property
    def identity(self) -> str:
        """Sixteen hexadecimal digits that stand for the item."""
        return _hash(list(self))


def set_identity(keys: Iterable[ItemKey]) -> str:
    """Return sixteen hexadecimal digits that stand for a set of items, whatever their order.

    Parameters
    ----------
    keys : iterable of ItemKey
        The items.
    """
    return _hash(sorted(key.identity for key in keys))


def _hash(value: object) -> str:
    return sha256(json.dumps(value).encode()).hexdigest()[:_DIGITS]


@dataclass(frozen=True)
class ReviewItem:
    """A query before and after.

    Attributes
    ----------
    recipe : Recipe
        What changed it.
    key : ItemKey
        What it is.
    perturbation : Perturbation
        The query before and after.
    """

    recipe: Recipe
    key: ItemKey
    perturbation: Perturbation


@dataclass(frozen=True)
class LanguageReview:
    """The items of one language.

    Attributes
    ----------
    language : Language
        The language.
    task : str
        Identity of the task that the queries come from.
    items : tuple of ReviewItem
        In the order of the page: recipes are mixed, so that an item is judged by itself.
    """

    language: Language
    task: str
    items: tuple[ReviewItem, ...]

    @property
    def identity(self) -> str:
        """Identity of the set of items."""
        return set_identity(item.key for item in self.items)


def review_items(
    recipes: Sequence[Recipe],
    wanted: Iterable[str] | None,
    number: int,
    severity: int,
    seed: int,
    cards: Path | None = None,
    progress: Progress | None = None,
) -> list[LanguageReview]:
    """Apply recipes to real queries of every language that some task has.

    Tasks of found text are preferred to synthetic ones. A task whose data cannot be loaded is left out.

    Parameters
    ----------
    recipes : sequence of Recipe
        The recipes.
    wanted : iterable of str, optional
        Languages; all by default.
    number : int
        Number of queries for each recipe.
    severity, seed : int
        Severity, 1 to 5; seed of the perturbations and of the choice of queries.
    cards : pathlib.Path, optional
        A user's folder of cards.
    progress : Progress, optional
        Receives the languages of each task.

    Returns
    -------
    list of LanguageReview
        By name of the language; without languages in which no recipe changes a query.

    Raises
    ------
    UnknownNameError
        If no task has one of the languages.
    """
    offered = {code for name in _by_preference(cards) for code in task_card(name, cards).languages}
    # Recipes have no rows for languages without facts: there is nothing to review unless they are asked for.
    missing = set(select_languages(wanted, sorted(offered if wanted else offered & languages().keys())))
    shown = progress or Silence()
    found = []
    for task in _tasks(missing, cards):
        shown.stage(f"languages of {task.name}", len(task.query_languages))
        ready = [recipe.for_task(task) for recipe in recipes]
        for code in task.query_languages:
            found.append(_language_review(task, code, ready, number, severity, seed))
            shown.advance(1)
    return sorted((one for one in found if one.items), key=lambda one: one.language.name)


def _by_preference(cards: Path | None) -> list[str]:
    """List the tasks of the user's folder, then the shipped tasks that are used here."""
    return [*(name for name in task_names(cards) if name not in task_names()), *_SOURCES]


def _tasks(missing: set[str], cards: Path | None) -> Iterator[Task]:
    """Yield tasks that together have each of the missing languages once."""
    for name in _by_preference(cards):
        here = missing & task_card(name, cards).languages.keys()
        if not here:
            continue
        try:
            yield load_task(name, here, cards)
        except DataUnavailableError:
            continue
        missing -= here


def _facts(code: str) -> Language:
    known = languages()
    if code not in known:
        raise UnknownNameError("language", code, known)
    return known[code]


def _language_review(
    task: Task, code: str, recipes: Sequence[Recipe], number: int, severity: int, seed: int
) -> LanguageReview:
    queries = [query for query in task.queries if query.language == code]
    items: list[ReviewItem] = []
    for recipe in recipes:
        if recipe.covers(code):
            # Each recipe has queries of its own, so that a reviewer does not read the same few again and again.
            tried = shuffled(queries, generator("review", seed, recipe.name))[:_TRIED]
            changed = _changed(recipe, tried, number, severity, seed)
            items += [_item(recipe, one, task.identity, code, severity, seed) for one in changed]
    mixed = shuffled(items, generator("review", seed))
    return LanguageReview(_facts(code), task.identity, tuple(mixed))


def _changed(recipe: Recipe, queries: Sequence[Query], number: int, severity: int, seed: int) -> list[Perturbation]:
    """Return the first `number` queries that change."""
    found: list[Perturbation] = []
    for query in queries:
        (one,) = recipe.perturb([query], severity, seed)
        if one.changed:
            found.append(one)
        if len(found) == number:
            break
    return found


def _item(recipe: Recipe, one: Perturbation, task: str, language: str, severity: int, seed: int) -> ReviewItem:
    key = ItemKey(str(recipe.identity), severity, seed, task, language, one.query_id, digest([one]))
    return ReviewItem(recipe, key, one)


def is_made(recipe: Recipe, key: ItemKey, clean: str) -> bool:
    """Return True if a recipe makes the item of this clean query, so that no one has made it up.

    Parameters
    ----------
    recipe : Recipe
        The recipe that the item names, in that version, with the lexicons of its card.
    key : ItemKey
        The item.
    clean : str
        The clean query.
    """
    query = Query(key.query_id, key.language, clean, key.query_id)
    return digest(recipe.perturb([query], key.severity, key.seed)) == key.digest
