"""Share of the words of real queries that are in a lexicon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_ir._base.text import nfc
from robustbench_ir.perturb.constraints import word_finder
from robustbench_ir.perturb.perturbation import QueryLike
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.perturb.recipe import Recipe


@dataclass(frozen=True)
class LexiconCoverage:
    """Shares, 0 to 1, of the words that a recipe's constraints allow to change, and of the queries with such a word.

    Attributes
    ----------
    words, queries : float
        Share in the lexicon, in any form.
    exact_words, exact_queries : float
        Share in the lexicon, in the form in which they are written.
    """

    words: float
    queries: float
    exact_words: float
    exact_queries: float


def lexicon_coverage(recipe: Recipe, queries: Sequence[QueryLike]) -> LexiconCoverage:
    """Return the share of words and queries that a recipe of substitutions could change, for one language.

    Parameters
    ----------
    recipe : Recipe
        A recipe that covers the language.
    queries : sequence of QueryLike
        At least one query, all in one language.
    """
    language = queries[0].language
    rows = {language: _exact(recipe.card.languages[language])}
    exact = Recipe(recipe.card.model_copy(update={"languages": rows}), recipe.factory, recipe.lexicons, recipe.tables)
    words, known = _shares(recipe, queries)
    exact_words, exact_known = _shares(exact, queries)
    return LexiconCoverage(words, known, exact_words, exact_known)


def _exact(row: object) -> object:
    if not isinstance(row, dict):
        return row
    if "any_of" in row:
        return {"any_of": [_exact(one) for one in row["any_of"]]}
    return {**row, "inflected": False}


def _shares(recipe: Recipe, queries: Sequence[QueryLike]) -> tuple[float, float]:
    language = queries[0].language
    find_words = word_finder(language, recipe.card.constraints, recipe.tables)
    transformation = recipe.transformation(language)
    total = covered = touched = 0
    for query in queries:
        text = nfc(query.text)
        words = find_words(text)
        spans = transformation.targets(text, words, generator("coverage", query.query_id)).spans
        total += len(words)
        covered += sum(any(start <= word[0] and word[1] <= end for start, end in spans) for word in words)
        touched += bool(spans)
    return covered / max(total, 1), touched / len(queries)
