"""What speakers of a language said of the queries that a recipe makes: `attacks/_reviews.toml`.

The table is beside the cards and no part of them: a review changes neither the version nor any query of a recipe. A row
belongs to one version; there is nothing to show for a version without a review.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date as calendar_date
from functools import cache
from pathlib import Path

from pydantic import Field, field_validator

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import CardError, DataError
from robustbench_ir.perturb.identity import RecipeIdentity
from robustbench_ir.perturb.recipe import Recipe
from robustbench_ir.resources.cards import SHIPPED, Card, Tables, card_folders, read_toml, validate

REVIEWS = "_reviews.toml"

ReviewKey = tuple[str, str, int]
"""Identity of the recipe, code of the language, severity."""

_HEAD = """\
# What speakers said of the queries that recipes make: table ["recipe@version".language.severity-N], with the number of
# reviewers, of those whose first language it is, of items, and of their answers: a person types this (real), it is
# strange but possible (odd), no one would type it (never). `irbench review merge ... --write-cards` writes it;
# docs/review.md tells how.
"""


class Reviewed(Card):
    """What reviewers said of a recipe in one language, at one severity.

    Attributes
    ----------
    reviewers, native, items : int
        Number of reviewers, of those whose first language it is, and of items.
    real, odd, never : int
        Number of judgements.
    date : str
        Day of the last answers.
    sources : list of str
        Files of answers.
    """

    reviewers: int = Field(ge=1)
    native: int = Field(ge=0)
    items: int = Field(ge=1)
    real: int = Field(ge=0)
    odd: int = Field(ge=0)
    never: int = Field(ge=0)
    date: str
    sources: list[str] = Field(min_length=1)

    @field_validator("date")
    @classmethod
    def _is_a_day(cls, date: str) -> str:
        return calendar_date.fromisoformat(date).isoformat()

    @property
    def judgements(self) -> int:
        """Number of judgements."""
        return self.real + self.odd + self.never

    @property
    def share_real(self) -> float:
        """Share of the judgements that say that people type this."""
        return self.real / max(self.judgements, 1)

    def in_words(self) -> str:
        """Return it as tables say it: ``reviewed by 3, 74% real``."""
        return f"reviewed by {self.reviewers}, {self.share_real:.0%} real"


@cache
def reviews(tables: Tables = SHIPPED) -> dict[ReviewKey, Reviewed]:
    """Return all reviews; those of a user's folder of cards replace those that ship.

    Parameters
    ----------
    tables : Tables
        Where the tables are found.

    Raises
    ------
    CardError
        If a table has a fault.
    """
    found: dict[ReviewKey, Reviewed] = {}
    for folder in reversed(card_folders("attacks", tables.extra)):
        if (folder / REVIEWS).is_file():
            found |= read_reviews(read_toml(folder / REVIEWS), f"{folder / REVIEWS}")
    return found


def read_reviews(table: Mapping[str, object], where: str) -> dict[ReviewKey, Reviewed]:
    """Return the rows of a table.

    Parameters
    ----------
    table : mapping
        Content of the file.
    where : str
        Name of the file, for messages.

    Raises
    ------
    CardError
        If the table has a fault.
    """
    found: dict[ReviewKey, Reviewed] = {}
    for recipe, of_recipe in table.items():
        try:
            RecipeIdentity.parse(recipe)
        except DataError as error:
            raise CardError(f"{where}: {error}") from error
        for language, of_language in _table(of_recipe, f"{where}: {recipe!r}").items():
            for rung, row in _table(of_language, f"{where}: {recipe!r}.{language}").items():
                key = f"{where}: {recipe!r}.{language}.{rung}"
                severity = rung.removeprefix("severity-")
                if severity not in {"1", "2", "3", "4", "5"} or severity == rung:
                    raise CardError(f"{key}: severity-1 to severity-5 are needed here")
                found[recipe, language, int(severity)] = validate(Reviewed, row, key)
    return found


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise CardError(f'{where}: a table is needed here, such as ["typo@5".sw.severity-3]')
    return value


def reviews_to_toml(rows: Mapping[ReviewKey, Reviewed]) -> str:
    """Return the text of a table.

    Parameters
    ----------
    rows : mapping of ReviewKey to Reviewed
        The rows, in any order.
    """
    parts = [_HEAD]
    for (recipe, language, severity), row in sorted(rows.items()):
        lines = [f"{name} = {_written(value)}" for name, value in row.model_dump().items()]
        parts.append("\n".join([f"[{_written(recipe)}.{language}.severity-{severity}]", *lines, ""]))
    return "\n".join(parts)


def write_reviews(folder: Path, rows: Mapping[ReviewKey, Reviewed]) -> Path:
    """Write rows into the table of a folder of cards; a row that is there is replaced, all others stay.

    Parameters
    ----------
    folder : pathlib.Path
        Folder that holds attacks/.
    rows : mapping of ReviewKey to Reviewed
        The new rows.

    Returns
    -------
    pathlib.Path
        The table.

    Raises
    ------
    CardError
        If there is no such folder, or if its table has a fault.
    ResultError
        If the table cannot be written.
    """
    path = folder / "attacks" / REVIEWS
    if not path.parent.is_dir():
        raise CardError(f"{folder} holds no attacks/; name a folder of cards, such as the repository's own")
    there = read_reviews(read_toml(path), str(path)) if path.is_file() else {}
    write_whole(path, reviews_to_toml({**there, **rows}).encode())
    return path


def _written(value: object) -> str:
    """Return a number, a text or a list as TOML, which writes them as JSON does but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def reviews_of(recipe: Recipe) -> dict[ReviewKey, Reviewed]:
    """Return the reviews of a recipe in its version, whatever lexicons it used.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    """
    wanted = recipe.identity.name, recipe.identity.version
    found = {}
    for key, row in sorted(reviews(recipe.tables).items()):
        identity = RecipeIdentity.parse(key[0])
        if (identity.name, identity.version) == wanted:
            found[key] = row
    return found


def reviews_in_words(
    recipes: Iterable[str], languages: Iterable[str], severities: Iterable[int], tables: Tables = SHIPPED
) -> list[str]:
    """Return a sentence for each recipe and severity of a table of scores that speakers have reviewed.

    Parameters
    ----------
    recipes : iterable of str
        Identities of the recipes.
    languages : iterable of str
        Query languages.
    severities : iterable of int
        Severities.
    tables : Tables
        Where the reviews are found.
    """
    known = reviews(tables)
    wanted = sorted(set(languages))
    found = []
    for recipe in dict.fromkeys(recipes):
        for severity in dict.fromkeys(severities):
            rows = {code: known[key] for code in wanted if (key := (recipe, code, severity)) in known}
            if rows:
                shares = "; ".join(f"{code} {row.in_words()}" for code, row in rows.items())
                found.append(f"{recipe} at severity {severity}, {shares}")
    return found
