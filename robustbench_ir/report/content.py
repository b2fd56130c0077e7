"""What a report says of results, as numbers and names: every form of the report (page, table, picture) shows these."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from robustbench_ir.errors import OptionError
from robustbench_ir.languages import languages
from robustbench_ir.report.command import command_of
from robustbench_ir.report.estimates import Score, Wanted, drop_estimates, scores
from robustbench_ir.report.table import language_name, recipe_name
from robustbench_ir.result import Cell, Result
from robustbench_ir.score.bias import mean_rank_by_language
from robustbench_ir.score.bias_findings import BiasFinding
from robustbench_ir.score.measures import Floats
from robustbench_ir.score.settings import Setting, by_language
from robustbench_ir.score.statistics import RESAMPLES, Estimate
from robustbench_ir.score.summary import Summary
from robustbench_ir.score.worst_case import WorstCase

_USUAL_SEVERITY = 3
_FEW_RESULTS = 3
_RESAMPLES_OF_MANY = 2_000  # the ends of an interval are then uncertain by some 3% of its width
_MOST_MARGINS = 1024  # cells of a matrix
NO_INTERVAL = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class LanguageDrop:
    """The drop in one query language: under one recipe, or the mean over those recipes that cover the language.

    `reason` says why the recipe does not cover the language; the estimate is NaN then.
    """

    language: str
    estimate: Estimate
    reason: str = ""

    @property
    def name(self) -> str:
        """English name."""
        return language_name(self.language)

    @property
    def resource_class(self) -> int | None:
        """0 (left behind) to 5 (winners); None where it is not known."""
        facts = languages().get(self.language)
        return facts.resource_class if facts else None


@dataclass(frozen=True)
class Sheet:
    """One result and what is shown of it.

    Attributes
    ----------
    result : Result
        Whence all numbers.
    name : str
        Short name of the encoder, unlike that of other results.
    measure : str
        Such as ``"AP"``.
    setting : str
        Of what is shown for one setting only: multilingual where the task has it.
    severity : int
        Of what is shown for one severity only: 3 where it was run, else the middle one.
    resamples : int
        Of the bootstrap.
    detailed : bool
        Whether robustness, language bias and intervals of rank changes are shown, too: not among many results.
    """

    result: Result
    name: str
    measure: str
    setting: Setting
    severity: int
    resamples: int = RESAMPLES
    detailed: bool = True

    @property
    def measure_name(self) -> str:
        """As people write it: mAP for the mean of AP."""
        return "mAP" if self.measure == "AP" else self.measure

    @property
    def severities(self) -> list[int]:
        """All that were run, ascending."""
        return sorted({severity for _, severity in self.result.groups})

    @property
    def recipes(self) -> list[str]:
        """Identities of the recipes, in the order of the run."""
        return list(dict.fromkeys(recipe for recipe, _ in self.result.groups))

    @cached_property
    def recipe_names(self) -> dict[str, str]:
        """What each recipe is called: its name, or its whole identity where two share the name."""
        short = [recipe_name(recipe) for recipe in self.recipes]
        return {
            recipe: name if short.count(name) == 1 else recipe for recipe, name in zip(self.recipes, short, strict=True)
        }

    @cached_property
    def scores(self) -> dict[Setting, list[Score]]:
        """The macro drops of each setting, by recipe and severity."""
        return scores(self.result, self.measure, self.resamples)

    @cached_property
    def at_severity(self) -> list[Score]:
        """The macro drops in the one setting at the one severity, largest first."""
        found = [one for one in self.scores[self.setting] if one.severity == self.severity]
        return sorted(found, key=lambda one: -one.drop.value)

    @cached_property
    def _reasons(self) -> dict[str, dict[str, str]]:
        """By recipe, the languages that it does not cover and why."""
        return {cell.recipe: dict(cell.not_covered) for cell in self.result.attacked}

    @cached_property
    def by_language(self) -> dict[str, list[LanguageDrop]]:
        """The drop in each query language, largest first: by recipe, and under ``""`` the mean over recipes."""
        names = self.result.layout.query_languages
        here = [recipe for recipe in self.recipes if (recipe, self.severity) in self.result.groups]
        cells = [(recipe, name) for recipe in here for name in names if name not in self._reasons[recipe]]
        covered = {name: tuple(recipe for recipe, other in cells if other == name) for name in names}
        means = [name for name in names if covered[name]]
        wanted = [Wanted(((recipe, self.severity),), (name,)) for recipe, name in cells]
        wanted += [Wanted(tuple((recipe, self.severity) for recipe in covered[name]), (name,)) for name in means]
        found = drop_estimates(self.result, self.measure, self.setting, wanted, self.resamples)
        known = dict(zip([*cells, *(("", name) for name in means)], found, strict=True))
        return {
            recipe: sorted(
                (
                    LanguageDrop(name, known.get((recipe, name), NO_INTERVAL), self._reason(recipe, name))
                    for name in names
                ),
                key=lambda one: (math.isnan(one.estimate.value), -one.estimate.value),
            )
            for recipe in (*(("",) if len(here) > 1 else ()), *here)
        }

    def _reason(self, recipe: str, language: str) -> str:
        if recipe:
            return self._reasons[recipe].get(language, "")
        touched = any(language not in reasons for reasons in self._reasons.values())
        return "" if touched else "no recipe covers it"

    @cached_property
    def rank_changes(self) -> dict[str, Floats]:
        """By recipe, the change of the mean rank, shape (query languages, passage languages), mean over seeds."""
        clean = self._mean_ranks(self.result.clean)
        return {
            recipe: np.mean([self._mean_ranks(cell) for cell in cells], axis=0) - clean
            for (recipe, severity), cells in self.result.groups.items()
            if severity == self.severity
        }

    @cached_property
    def rank_margins(self) -> dict[str, Floats]:
        """By recipe, half of the 95% interval of each rank change; none where there are many."""
        layout = self.result.layout
        if not self.detailed or len(layout.query_languages) * len(layout.pool) > _MOST_MARGINS:
            return {}
        found = {
            recipe: self.result.mean_ranks(recipe, self.severity, resamples=self.resamples)
            for recipe in self.rank_changes
        }
        return {recipe: (one.high - one.low) / 2 for recipe, one in found.items()}

    @cached_property
    def summaries(self) -> list[Summary]:
        """Robustness against each recipe in the one setting."""
        return self.result.summaries(self.setting, self.measure, resamples=self.resamples)

    @cached_property
    def worst_cases(self) -> list[WorstCase]:
        """Each search against its average case in the one setting."""
        return self.result.worst_cases(self.setting, self.measure, resamples=self.resamples)

    @cached_property
    def bias(self) -> list[BiasFinding]:
        """Language bias at the one severity; none where queries have one relevant passage."""
        found = self.result.bias_findings(severity=self.severity, resamples=self.resamples)
        return found if any(not one.refusal for one in found) else []

    def _mean_ranks(self, cell: Cell) -> Floats:
        layout = self.result.layout
        shape = len(layout.query_languages), len(layout.pool)
        return mean_rank_by_language(
            cell.ranks.in_pool, layout.query, layout.passage_language, layout.query_language, shape
        )

    @cached_property
    def coverage(self) -> dict[str, dict[str, float]]:
        """By language and recipe, the share of queries that really changed at the one severity."""
        layout = self.result.layout
        rows: dict[str, dict[str, float]] = {name: {} for name in layout.query_languages}
        for (recipe, severity), cells in self.result.groups.items():
            if severity == self.severity:
                changed = np.mean([cell.changed for cell in cells], axis=0, dtype=float)
                for name, share in zip(layout.query_languages, by_language(layout, changed).tolist(), strict=True):
                    rows[name][recipe] = share
        return rows

    @property
    def not_covered(self) -> list[tuple[str, str, str]]:
        """Recipe, language and reason of what a recipe does not touch."""
        return [
            (self.recipe_names[recipe], language_name(language), reason)
            for recipe in self.recipes
            for language, reason in self._reasons[recipe].items()
        ]

    @property
    def signatures(self) -> list[str]:
        """One line for each recipe and severity, in the one setting."""
        return [self.result.signature(self.setting, *group, self.measure) for group in self.result.groups]

    @property
    def command(self) -> str:
        """The command that makes the result again."""
        return command_of(self.result)


def sheets(
    results: Sequence[tuple[str, Result]],
    measure: str = "AP",
    setting: Setting | None = None,
    severity: int | None = None,
    resamples: int | None = None,
) -> list[Sheet]:
    """Prepare results for a report.

    Parameters
    ----------
    results : sequence of (str, Result)
        Each with the name of its file, which tells two results of one encoder apart.
    measure : str
        Such as ``"AP"``.
    setting, severity : optional
        What is shown where there is room for one; by default the widest setting, and severity 3 or the middle one.
    resamples : int, optional
        Of the bootstrap; by default 10,000, and 2,000 for more than three results.

    Raises
    ------
    OptionError
        A setting or severity that a result does not have.
    """
    drawn = resamples or (RESAMPLES if len(results) <= _FEW_RESULTS else _RESAMPLES_OF_MANY)
    found = []
    for (file, result), name in zip(results, _names(results), strict=True):
        if setting is not None and setting not in result.settings:
            raise OptionError(f"{file}: no setting {setting!r}; there are: {', '.join(result.settings)}")
        severities = sorted({one for _, one in result.groups})
        if severity is not None and severity not in severities:
            ran = ", ".join(map(str, severities)) or "none"
            raise OptionError(f"{file}: severity {severity} was not run; there are: {ran}")
        found.append(
            Sheet(
                result,
                name,
                measure,
                setting or result.settings[-1],
                severity if severity is not None else _usual(severities),
                drawn,
                len(results) <= _FEW_RESULTS,
            )
        )
    return found


def _usual(severities: Sequence[int]) -> int:
    if _USUAL_SEVERITY in severities or not severities:
        return _USUAL_SEVERITY
    return severities[len(severities) // 2]


def _names(results: Sequence[tuple[str, Result]]) -> list[str]:
    """Return the last part of each encoder's name; the file's too where several share it, at last a number."""
    short = [re.split(r"[\\/]", result.encoder.name.rstrip("\\/"))[-1] or "encoder" for _, result in results]
    files = [
        name if short.count(name) == 1 else f"{name} ({Path(file).stem})"
        for name, (file, _) in zip(short, results, strict=True)
    ]
    return [
        name if files.count(name) == 1 else f"{name} {files[: number + 1].count(name)}"
        for number, name in enumerate(files)
    ]
