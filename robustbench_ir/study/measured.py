"""The numbers of one arm on one task, ready to be subtracted from those of another arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robustbench_ir.result import Result
from robustbench_ir.score.findings import macro, over_seeds
from robustbench_ir.score.measures import Floats
from robustbench_ir.score.settings import SETTINGS, Setting, rank_distances, values
from robustbench_ir.score.statistics import SEED, draws
from robustbench_ir.study.uncertainty import Drawn, mean_of

CLEAN = "clean"
RANK_DISTANCE = "rank distance"
Quantity = Setting | str


@dataclass(frozen=True)
class Measured:
    """What one arm, of several seeds, does on one task.

    Attributes
    ----------
    languages : tuple of str
        Query languages, in the task's order.
    recipes : mapping of str to str
        Name of each recipe to its identity.
    not_covered : mapping of str to tuple of str
        Name of each recipe to the query languages that it cannot touch.
    numbers : mapping
        Quantity (a setting, whose mAP it is, or ``"rank distance"``) and recipe (or ``"clean"``) to the macro average,
        then each query language's own mean.
    """

    languages: tuple[str, ...]
    recipes: Mapping[str, str]
    not_covered: Mapping[str, tuple[str, ...]]
    numbers: Mapping[tuple[Quantity, str], tuple[Drawn, ...]]

    def number(self, quantity: Quantity, recipe: str = CLEAN, languages: Sequence[str] | None = None) -> Drawn:
        """Return a macro average, over some of the query languages where they are named."""
        whole, *each = self.numbers[quantity, recipe]
        if languages is None:
            return whole
        return mean_of([each[self.languages.index(one)] for one in languages])

    def drop(self, quantity: Quantity, recipe: str, languages: Sequence[str] | None = None) -> Drawn:
        """Return clean - attacked."""
        return self.number(quantity, CLEAN, languages) - self.number(quantity, recipe, languages)

    def relative_drop(self, quantity: Quantity, recipe: str, languages: Sequence[str] | None = None) -> Drawn:
        """Return the drop divided by the clean number."""
        return self.drop(quantity, recipe, languages) / self.number(quantity, CLEAN, languages)


def measured(results: Sequence[Result], resamples: int, measure: str = "AP") -> Measured:
    """Draw the questions of an arm's results, one a seed, anew; every call draws the same ones.

    Parameters
    ----------
    results : sequence of Result
        Of one task, with the same cells, in the order of the seeds.
    resamples : int
        How many.
    measure : str
        Such as ``"AP"``.
    """
    by_seed = [_of_one(one, resamples, measure) for one in results]
    numbers = {
        key: tuple(
            Drawn(np.stack([draw for draw, _ in seeds]), np.stack([part for _, part in seeds]))
            for seeds in zip(*(one[key] for one in by_seed), strict=True)
        )
        for key in by_seed[0]
    }
    recipes = {identity.split("@")[0]: identity for identity, _ in results[0].groups}
    missed = {identity.split("@")[0]: tuple(cells[0].not_covered) for (identity, _), cells in results[0].groups.items()}
    return Measured(results[0].layout.query_languages, recipes, missed, numbers)


def _of_one(result: Result, resamples: int, measure: str) -> dict[tuple[Quantity, str], list[tuple[Floats, Floats]]]:
    """Return draws and parts of each number: the macro average, then each language's."""
    layout = result.layout
    found: dict[tuple[Quantity, str], Floats] = {}
    for setting in SETTINGS:
        clean = values(layout, result.clean.ranks, measure, setting)
        found[setting, CLEAN] = clean
        for (identity, _), cells in result.groups.items():
            attacked = over_seeds(layout, clean, cells, setting, measure)
            found[setting, identity.split("@")[0]] = attacked.value
            found[RANK_DISTANCE, identity.split("@")[0]] = attacked.rank_distance
    found[RANK_DISTANCE, CLEAN] = rank_distances(layout, result.clean.ranks)
    tables = [macro(layout, value, by) for value in found.values() for by in (None, "language")]
    drawn = iter(draws(tables, np.random.default_rng(SEED), resamples))
    parts = iter(tables)
    kept = np.r_[0, 1 + layout.questions : 1 + layout.questions + resamples]
    numbers = {}
    for key in found:
        whole = [(next(drawn)[:, kept], next(parts).contributions()) for _ in (None, "language")]
        numbers[key] = [(row, column) for draw, part in whole for row, column in zip(draw, part.T, strict=True)]
    return numbers
