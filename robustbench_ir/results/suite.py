"""Suites: fixed sets of attacks, so that the robust scores of two encoders are of the same attacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, NamedTuple

from pydantic import Field

from robustbench_ir.errors import CardError, DataError, ResultError, UnknownNameError
from robustbench_ir.perturb.identity import AttackIdentity, RecipeIdentity
from robustbench_ir.resources.cards import SHIPPED, Card, validate
from robustbench_ir.results.result import Cell, Result

_FILE = "_suites.toml"


class _SuiteCard(Card):
    version: int = Field(ge=1)
    recipes: tuple[str, ...] = Field(min_length=1)
    severities: tuple[Annotated[int, Field(ge=1, le=5)], ...] = Field(min_length=1)
    seeds: int = Field(ge=1)
    searches: tuple[str, ...] = ()


class Member(NamedTuple):
    """One attack of a suite.

    Attributes
    ----------
    attack : AttackIdentity
        Recipe or search, with its version.
    severity, seed : int
        Severity and seed.
    """

    attack: AttackIdentity
    severity: int
    seed: int

    def __str__(self) -> str:
        return f"{self.attack} at severity {self.severity}, seed {self.seed}"

    @classmethod
    def that_ran(cls, cell: Cell) -> Member:
        """Return the attack of a cell."""
        return cls(cell.recipe, cell.severity, cell.seed)

    def is_of(self, ran: Member) -> bool:
        """Return whether an attack that was run is this one, with whatever lexicons the task has of its own."""
        return (
            (self.severity, self.seed, self.attack.search) == (ran.severity, ran.seed, ran.attack.search)
            and self.attack.on == ran.attack.on
            and ran.attack.floor is None
            and [_version(one) for one in self.attack.recipes] == [_version(one) for one in ran.attack.recipes]
        )


def _version(recipe: RecipeIdentity) -> tuple[str, str]:
    return recipe.name, recipe.version


@dataclass(frozen=True)
class Suite:
    """A fixed set of attacks.

    Attributes
    ----------
    name : str
        Name in `attacks/_suites.toml`.
    version : int
        Raised with any change of the suite.
    recipes : tuple of AttackIdentity
        Recipes in their versions, each run at each severity with each seed.
    severities : tuple of int
        Severities, 1 to 5 each.
    seeds : int
        Number of perturbations of each query by a recipe.
    searches : tuple of AttackIdentity
        Searches, each run at the first severity with seed 0.
    """

    name: str
    version: int
    recipes: tuple[AttackIdentity, ...]
    severities: tuple[int, ...]
    seeds: int
    searches: tuple[AttackIdentity, ...] = ()

    @property
    def identity(self) -> str:
        """Name and version, such as ``"standard@1"``."""
        return f"{self.name}@{self.version}"

    @property
    def members(self) -> Iterator[Member]:
        """The attacks, those of recipes first."""
        for recipe in self.recipes:
            for severity in self.severities:
                for seed in range(self.seeds):
                    yield Member(recipe, severity, seed)
        for search in self.searches:
            yield Member(search, self.severities[0], 0)

    def of(self, result: Result) -> Result:
        """Return a result with the cells of this suite only.

        Raises
        ------
        ResultError
            If the result lacks an attack of the suite.
        """
        ran = [Member.that_ran(cell) for cell in result.attacked]
        missing = next((member for member in self.members if not any(map(member.is_of, ran))), None)
        if missing:
            raise ResultError(
                f"{result.encoder.name} on {result.task}: the result lacks {missing} of the suite {self.identity}; "
                f"run `irbench attack --suite {self.name}`"
            )
        return replace(result, attacked=tuple(result.attacked[place] for place in self.places_in(ran)))

    def is_in(self, result: Result) -> bool:
        """Return whether a result has all attacks of this suite."""
        return bool(self.places_in([Member.that_ran(cell) for cell in result.attacked]))

    def places_in(self, ran: Sequence[Member]) -> list[int]:
        """Return where the attacks of this suite stand among some that were run; empty if one of them is missing."""
        places = [next((place for place, one in enumerate(ran) if member.is_of(one)), -1) for member in self.members]
        return [] if -1 in places else places


def load_suite(name: str) -> Suite:
    """Return the suite of a name.

    Raises
    ------
    UnknownNameError
        If there is no such suite.
    """
    tables = SHIPPED.rows(_FILE)
    if str(name) not in tables:
        raise UnknownNameError("suite", str(name), tuple(tables))
    where = f"attacks/{_FILE}: {name}"
    card = validate(_SuiteCard, tables[name], where)
    try:
        recipes, searches = (tuple(map(AttackIdentity.parse, texts)) for texts in (card.recipes, card.searches))
    except DataError as error:
        raise CardError(f"{where}: {error}") from error
    for attack in (*recipes, *searches):
        if (attack in searches) != (attack.search is not None):
            raise CardError(f"{where}: {attack} belongs to {'searches' if attack.search else 'recipes'}")
    return Suite(name, card.version, recipes, card.severities, card.seeds, searches)


def suites() -> tuple[Suite, ...]:
    """Return all suites, the smallest first."""
    return tuple(map(load_suite, SHIPPED.rows(_FILE)))


def largest_suite_in(result: Result) -> Suite | None:
    """Return the last suite of the file whose attacks a result has, None if it has those of none."""
    return next((suite for suite in reversed(suites()) if suite.is_in(result)), None)
