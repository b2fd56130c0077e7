"""A page on which native speakers review the recipes: real queries before and after, language by language.

The queries of a language come from a task that has it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustbench_ir._version import __version__
from robustbench_ir.errors import DataUnavailableError, UnknownNameError
from robustbench_ir.perturb import Edit, Perturbation, Recipe
from robustbench_ir.perturb.randomness import generator, shuffled
from robustbench_ir.reports.templates import rendered
from robustbench_ir.resources.languages import Language, languages, select_languages
from robustbench_ir.tasks import Query, Task, load_task, task_card, task_names

# Real questions first; between them they have every language with facts, in downloads of some megabytes.
_SOURCES = ("afriqa", "xquad-r", "belebele", "mini")
_TRIED = 60  # queries of a language that are tried until enough of them change


@dataclass(frozen=True)
class TextPiece:
    """A stretch of a query.

    Attributes
    ----------
    text : str
        The stretch.
    operation : str
        What an edit did there; empty between edits.
    """

    text: str
    operation: str = ""


@dataclass(frozen=True)
class Example:
    """A query before and after.

    Attributes
    ----------
    before, after : tuple of TextPiece
        The two texts, cut at the edits.
    edits : tuple of Edit
        The edits.
    """

    before: tuple[TextPiece, ...]
    after: tuple[TextPiece, ...]
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class RecipeReview:
    """One recipe in one language.

    Attributes
    ----------
    recipe : Recipe
        The recipe.
    examples : tuple of Example
        Queries that it changed.
    reason : str
        Why there are no examples; empty if there are some.
    """

    recipe: Recipe
    examples: tuple[Example, ...]
    reason: str


@dataclass(frozen=True)
class LanguageReview:
    """All recipes in one language.

    Attributes
    ----------
    language : Language
        The language.
    task : str
        Identity of the task that the queries come from.
    trials : tuple of RecipeReview
        One for each recipe.
    """

    language: Language
    task: str
    trials: tuple[RecipeReview, ...]


def review_sections(
    recipes: Sequence[Recipe],
    wanted: Iterable[str] | None,
    examples: int,
    severity: int,
    seed: int,
    cards: Path | None = None,
) -> list[LanguageReview]:
    """Apply recipes to real queries of every language that some task has.

    Tasks of found text are preferred to synthetic ones. A task whose data cannot be loaded is left out.

    Parameters
    ----------
    recipes : sequence of Recipe
        In the order of the page.
    wanted : iterable of str, optional
        Languages; all by default.
    examples : int
        Number of queries for each recipe.
    severity, seed : int
        Severity, 1 to 5; seed of the perturbations and of the choice of queries.
    cards : pathlib.Path, optional
        A user's folder of cards.

    Raises
    ------
    UnknownNameError
        If no task has one of the languages.
    """
    offered = {code for name in _by_preference(cards) for code in task_card(name, cards).languages}
    # Recipes have no rows for languages without facts: there is nothing to review unless they are asked for.
    missing = set(select_languages(wanted, sorted(offered if wanted else offered & languages().keys())))
    sections = []
    for task in _tasks(missing, cards):
        for code in task.query_languages:
            own = [query for query in task.queries if query.language == code]
            queries = shuffled(own, generator("review", seed))[:_TRIED]
            ready = [recipe.for_task(task) for recipe in recipes]
            trials = tuple(_trial(recipe, queries, examples, severity, seed) for recipe in ready)
            sections.append(LanguageReview(_facts(code), task.identity, trials))
    return sorted(sections, key=lambda section: section.language.name)


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


def _trial(recipe: Recipe, queries: Sequence[Query], count: int, severity: int, seed: int) -> RecipeReview:
    """Apply a recipe to queries of one language, and return the first `count` that change."""
    language = queries[0].language
    if not recipe.covers(language):
        return RecipeReview(recipe, (), recipe.reason_not_covered(language))
    examples: list[Example] = []
    for query in queries:
        (one,) = recipe.perturb([query], severity, seed)
        if one.changed:
            examples.append(Example(*cut_at_edits(one), one.edits))
        if len(examples) == count:
            break
    reason = "" if examples else f"it changes none of {len(queries)} queries"
    return RecipeReview(recipe, tuple(examples), reason)


def cut_at_edits(one: Perturbation) -> tuple[tuple[TextPiece, ...], tuple[TextPiece, ...]]:
    """Cut the clean and the perturbed query at the edits."""
    before, after = list[TextPiece](), list[TextPiece]()
    position = 0
    for edit in one.edits:
        between = TextPiece(one.clean[position : edit.span[0]])
        before += (between, TextPiece(edit.before, edit.operation))
        after += (between, TextPiece(edit.after, edit.operation))
        position = edit.span[1]
    rest = TextPiece(one.clean[position:])
    return tuple(_full([*before, rest])), tuple(_full([*after, rest]))


def _full(found: list[TextPiece]) -> Iterator[TextPiece]:
    return (piece for piece in found if piece.text)


def with_visible_code_points(text: str) -> str:
    """Return a text in which characters without a glyph are shown by their code points: ``pass⟨U+200B⟩age``."""
    hidden = {"Cf", "Cc", "Zl", "Zp"}
    return "".join(f"⟨U+{ord(one):04X}⟩" if unicodedata.category(one) in hidden else one for one in text)


def text_direction(language: str, text: str) -> str:
    """Return the value of HTML's `dir` for a text.

    A query of a right-to-left language that still has a letter of its own script is laid out from the right, whatever
    comes first in it. A query that is wholly in a script of the other direction is laid out as its letters are.

    Parameters
    ----------
    language : str
        Code of the language of the query.
    text : str
        The text.
    """
    if language not in languages():
        return "auto"
    usual = languages()[language].direction
    strong = {"R", "AL"} if usual == "rtl" else {"L"}
    return usual if any(unicodedata.bidirectional(one) in strong for one in text) else "auto"


def review_page(sections: Sequence[LanguageReview], severity: int, seed: int) -> str:
    """Return the page, self-contained HTML; every text is escaped.

    Parameters
    ----------
    sections : sequence of LanguageReview
        One for each language, in order.
    severity, seed : int
        Severity and seed of the examples.
    """
    functions: dict[str, Callable[..., str]] = {"visible": with_visible_code_points, "direction": text_direction}
    return rendered(
        "review.html.jinja", functions, sections=sections, severity=severity, seed=seed, version=__version__
    )
