"""The gap between worst case and average case: how much more a search lowers retrieval than random perturbations."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from robustbench_ir.metrics.findings import AttackedCells, macro_means, over_seeds, ratio
from robustbench_ir.metrics.settings import Judgements, Setting, per_query_scores
from robustbench_ir.metrics.statistics import RESAMPLES, Estimate, IntervalMethod, bootstrap_intervals, draws_by_group
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.retrieval.ranking import Ranks

_RANDOM = "random"


@dataclass(frozen=True)
class WorstCase:
    """The drop under a search, and under random perturbations of the same queries, with 95% intervals.

    Attributes
    ----------
    average, worst : AttackIdentity
        Identities of the random perturbations and of the search.
    severity, setting, measure : int, str, str
        Severity, setting and measure.
    average_relative_drop, worst_relative_drop, relative_gap : Estimate
        The numbers below divided by the clean value over the same query languages.
    average_drop, worst_drop : Estimate
        Clean - attacked, macro averages over the covered query languages, as means over seeds.
    gap : Estimate
        Worst - average drop, paired.
    """

    average: AttackIdentity
    worst: AttackIdentity
    severity: int
    setting: Setting
    measure: str
    average_relative_drop: Estimate
    worst_relative_drop: Estimate
    relative_gap: Estimate
    average_drop: Estimate
    worst_drop: Estimate
    gap: Estimate


def average_case_of(worst: AttackIdentity, attacks: Collection[AttackIdentity]) -> AttackIdentity | None:
    """Return which attack is the average case of a search, or None.

    It is the random perturbation with the same goal and budget if there is one, otherwise the recipe itself.

    Parameters
    ----------
    worst : AttackIdentity
        Identity of the search.
    attacks : collection of AttackIdentity
        Identities to choose from.

    Examples
    --------
    >>> search = AttackIdentity.parse("greedy(typo@3)|goal=map|words=2|queries=500")
    >>> str(average_case_of(search, [AttackIdentity.parse("typo@3")]))
    'typo@3'
    """
    if worst.search is None or worst.search.method == _RANDOM:
        return None
    for one in attacks:
        if one.search and one.search.method == _RANDOM and _by_chance(one) == _by_chance(worst):
            return one
    plain = replace(worst, search=None) if len(worst.recipes) == 1 else None
    return plain if plain in attacks else None


def _by_chance(attack: AttackIdentity) -> AttackIdentity:
    """Return the random search with the same recipes, goal and budget, whatever its number of perturbations."""
    search = attack.search
    return replace(attack, search=replace(search, method=_RANDOM, starts=None)) if search else attack


def worst_cases(
    judgements: Judgements,
    clean: Ranks,
    attacked: AttackedCells,
    setting: Setting,
    measure: str,
    *,
    random: Generator,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "wider",
) -> list[WorstCase]:
    """Return a row for each search and severity whose average case is in the result; see `Result.worst_cases`.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    clean : Ranks
        Ranks of the clean queries.
    attacked : mapping
        Recipe and severity to their cells, one for each seed.
    setting, measure : str
        Setting and measure.
    random : numpy.random.Generator
        Source of the resamples.
    resamples : int
        Number of resamples.
    method : {"wider", "bca", "percentile"}
        Kind of interval.
    """
    pairs = []
    for worst, severity in attacked:
        average = average_case_of(worst, [recipe for recipe, other in attacked if other == severity])
        if average is not None:
            pairs.append((average, worst, severity))
    if not pairs:
        return []
    before = per_query_scores(judgements, clean, measure, setting)
    needed = {(name, severity) for average, worst, severity in pairs for name in (average, worst)}
    after = {
        key: over_seeds(judgements, before, cells, setting, measure) for key, cells in attacked.items() if key in needed
    }
    tables = {
        key: [macro_means(judgements, one.clean - one.value), macro_means(judgements, one.clean)]
        for key, one in after.items()
    }
    _, drawn = draws_by_group([], tables, random, resamples)
    rows = []
    for average, worst, severity in pairs:
        (usual, of_usual), (found, of_found) = drawn[average, severity], drawn[worst, severity]
        relative = ratio(usual, of_usual), ratio(found, of_found)
        six = np.concatenate([*relative, relative[1] - relative[0], usual, found, found - usual])
        estimates = bootstrap_intervals(six, judgements.questions, method)
        rows.append(WorstCase(average, worst, severity, setting, measure, *estimates))
    return rows
