"""Perturbed texts without a task: what a script needs that has queries of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from robustbench_ir.errors import OptionError
from robustbench_ir.perturb.perturbation import Perturbation, QueryLike
from robustbench_ir.perturb.recipe import HasLexicons, Recipe
from robustbench_ir.resources.languages import language_code


@runtime_checkable
class HasQueries(HasLexicons, Protocol):
    """A task, as far as its queries are perturbed."""

    @property
    def queries(self) -> Sequence[QueryLike]:
        """The queries."""


@dataclass(frozen=True)
class _Text:
    query_id: str
    language: str
    text: str


def perturbed_texts(
    recipe: Recipe, queries: HasQueries | Iterable[str | QueryLike], language: str | None, severity: int, seed: int
) -> list[Perturbation]:
    """Return texts, or the queries of a task, as a recipe perturbs them; see `robustbench_ir.perturb`."""
    if isinstance(queries, HasQueries):
        return recipe.for_task(queries).perturb(queries.queries, severity, seed)
    code = None if language is None else language_code(language)
    return recipe.perturb([_as_query(one, code) for one in queries], severity, seed)


def _as_query(given: str | QueryLike, language: str | None) -> QueryLike:
    if not isinstance(given, str):
        return given
    if language is None:
        raise OptionError("name the language of the texts, such as language='hi'")
    if not given.strip():
        raise OptionError("a text is empty; leave it out")
    # Its text stands for its id, so that a text is always perturbed alike.
    return _Text(given, language, given)
