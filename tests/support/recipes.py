"""What every recipe keeps in every language, and texts to try it on."""

from __future__ import annotations

import json
import tomllib
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import regex

from robustbench_ir._base.text import nfc, word_spans
from robustbench_ir.perturb import Perturbation, Recipe, load_recipe, recipe_names
from robustbench_ir.tasks import Query, load_task
from robustbench_ir.testing import check_recipe
from tools.coverage_tables import UDHR

OWN: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parents[1] / "own_questions.toml").read_text(encoding="utf-8"),
)
"""Questions in the languages that have no Declaration in the shared data."""
NEWS = {"nd": "nde"}
"""Files of NTREX for languages that have neither."""


def texts_of(folder: Path, language: str) -> list[str]:
    """Return the paragraphs of the Declaration; five of the Luganda ones are a stray "&1"."""
    if language in OWN:
        return [nfc(question) for question in OWN[language]]
    if language in NEWS:
        news = (folder / "ntrex" / f"newstest2019-ref.{NEWS[language]}.txt").read_text(encoding="utf-8")
        return [nfc(line) for line in news.splitlines()]
    paragraphs = json.loads((folder / "udhr" / f"{UDHR[language]}.json").read_text(encoding="utf-8"))["paragraphs"]
    return [nfc(one["text"]) for one in paragraphs if any(map(str.isalpha, one["text"]))]


@cache
def queries_of(folder: Path, language: str) -> tuple[Query, ...]:
    """Return the first dozen words of each text."""
    queries = []
    for number, text in enumerate(texts_of(folder, language)[:36]):
        end = word_spans(text, language)[:12][-1][1]
        queries.append(Query(f"{language}:{number}", language, text[:end], str(number)))
    return tuple(queries)


def recipe_for(name: str, task: str) -> Recipe:
    """Return a recipe with the lexicons that a task brings."""
    return load_recipe(name).for_task(load_task(task))


def covered(languages: Iterable[str], task: str = "") -> list[tuple[str, str]]:
    """Pair each recipe that needs no model with the languages that it covers, in general or on a task."""
    recipes = [recipe_for(name, task) if task else load_recipe(name) for name in recipe_names()]
    return [
        (recipe.name, language)
        for recipe in recipes
        if not recipe.card.needs_model
        for language in sorted(languages)
        if recipe.covers(language)
    ]


def is_whole_on_mini(name: str) -> bool:
    """Say whether a recipe covers languages by itself, and needs neither a model nor lexicons that `mini` lacks."""
    card = load_recipe(name).card
    own_lexicons = card.transformation != "substitution" or name in load_task("mini").lexicons
    return bool(card.languages) and not card.needs_model and own_lexicons


def _digits(text: str) -> list[int]:
    return [unicodedata.digit(character) for character in text if character.isdigit()]


def keeps_the_contract(recipe: Recipe, queries: tuple[Query, ...]) -> list[Perturbation]:
    """Check the contract that ships, and that numbers are left alone but in scans; return severity 3."""
    perturbed = check_recipe(recipe, queries)
    edits = [edit for one in recipe.perturb(queries, 5, 0) for edit in one.edits]
    numbers = [edit for edit in edits if regex.search(r"\p{N}", edit.before)]
    if recipe.card.transformation == "transliteration":  # digits of the script become ASCII ones, of the same value
        assert all(_digits(edit.before) == _digits(edit.after) for edit in numbers)
    elif recipe.card.transformation != "scanning":  # a scan's digits are misread as its letters are
        assert not numbers
    return perturbed
