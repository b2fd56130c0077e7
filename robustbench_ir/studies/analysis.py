"""Compute all numbers and verdicts of a study from the results of its checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.metrics.findings import covered_queries, only
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import SETTINGS, Setting, macro_average
from robustbench_ir.metrics.statistics import SEED
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.resources.languages import HIGH_RESOURCE, LOW_RESOURCE, resource_groups
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.studies.checkpoints import Arm
from robustbench_ir.studies.claims import (
    ArmComparison,
    Claim,
    ClaimTests,
    adjusted,
    claim_tests,
    comparisons,
    verdict_of,
)
from robustbench_ir.studies.config import UNTRAINED, StudyCard
from robustbench_ir.studies.measured import (
    RANK_DISTANCE,
    ArmScores,
    SeedResamples,
    SeedSpread,
    arm_intervals,
    attack_label,
    clean_for,
    score_arm,
    seed_spread,
)
from robustbench_ir.studies.record import ALL, Judged, StudyAttack, StudyRow

MULTILINGUAL: Setting = "multilingual"
NOT_TRAINED = "not trained"
LOWER, HIGHER = f"class {LOW_RESOURCE} or below", f"class {HIGH_RESOURCE} or above"


class _Quantity(NamedTuple):
    """The subject of a row, and the function that computes it for an arm."""

    name: str
    recipe: str
    group: str
    of: Callable[[ArmScores], SeedResamples]


@dataclass(frozen=True)
class Analysis:
    """All numbers of one base's checkpoints on one task.

    Attributes
    ----------
    rows : tuple of StudyRow
        Numbers of each arm, and of the differences between arms.
    comparisons : tuple of ArmComparison
        Evidence for the claims.
    """

    rows: tuple[StudyRow, ...]
    comparisons: tuple[ArmComparison, ...]


def analyse(
    base: str,
    task: str,
    results: Sequence[tuple[Arm, Sequence[Sequence[Result]]]],
    claims: Sequence[Claim],
    trained: Sequence[str],
    card: StudyCard,
) -> Analysis:
    """Analyse the checkpoints of one base on one task.

    Parameters
    ----------
    base, task : str
        Names of the base and of the task in the rows.
    results : sequence of (Arm, sequence of sequence of Result)
        Each arm with its results, for each seed those of all folds. The arms that the claims are about come first.
    claims : sequence of Claim
        Claims to judge.
    trained : sequence of str
        Languages of the training data.
    card : StudyCard
        Card of the study.
    """
    found = {arm.label: score_arm(seeds, card.resamples, card.severity) for arm, seeds in results}
    arms = [arm for arm, _ in results]
    any_arm = found[arms[0].label]
    wanted = [
        (arm.label, against, what)
        for arm in arms
        for against in ("", *_references(arm, arms))
        for what in _quantities(any_arm, trained)
    ]
    numbers = arm_intervals(
        [_number(found, *one) for one in wanted],
        np.random.default_rng(SEED),
        card.resamples,
        [_spread(found, card.samplers, *one) for one in wanted],
    )
    rows = tuple(
        StudyRow(base, task, arm, against, what.name, what.recipe, what.group, number)
        for (arm, against, what), number in zip(wanted, numbers, strict=True)
        if number.by_seed
    )
    return Analysis(rows, tuple(comparisons(claims, found, trained, card.resamples, card.margins)))


def _references(arm: Arm, arms: Sequence[Arm]) -> list[str]:
    """Return the arms to compare an arm with: for hybrid the baselines, for a variant the unchanged arm."""
    by_sampler = {one.label for one in arms}
    if arm.sampler == UNTRAINED:
        return []
    wanted = []
    if arm.label == "hybrid":
        wanted += ["mono", "cross"]
    if arm.label != arm.sampler:
        wanted += [arm.sampler]
    if arm.label == arm.sampler:
        wanted += [UNTRAINED]
    return [one for one in wanted if one in by_sampler]


def _number(found: Mapping[str, ArmScores], arm: str, against: str, what: _Quantity) -> SeedResamples:
    return what.of(found[arm]) - what.of(found[against]) if against else what.of(found[arm])


def _spread(
    found: Mapping[str, ArmScores], samplers: Sequence[str], arm: str, against: str, what: _Quantity
) -> SeedSpread | None:
    pair = [one for one in (arm, against) if one]
    every = [one for one in dict.fromkeys((*samplers, *pair)) if one in found]
    return seed_spread([what.of(found[one]) for one in pair], [what.of(found[one]) for one in every])


def _quantities(arm: ArmScores, trained: Sequence[str]) -> Iterator[_Quantity]:
    """Yield the subjects of rows: all macro averages, and the multilingual ones also by language and group."""
    for setting in SETTINGS:
        yield _Quantity(f"mAP {setting}", "", ALL, partial(_clean, setting, None))
    yield _Quantity(RANK_DISTANCE, "", ALL, partial(_clean, RANK_DISTANCE, None))
    for recipe in arm.recipes:
        for setting in SETTINGS:
            yield _Quantity(f"drop {setting}", recipe, ALL, partial(_drop, setting, recipe))
            yield _Quantity(f"relative drop {setting}", recipe, ALL, partial(_relative_drop, setting, recipe, None))
        yield _Quantity(f"{RANK_DISTANCE} change", recipe, ALL, partial(_change, RANK_DISTANCE, recipe))
    for name, languages in _groups(arm.languages, trained).items():
        yield _Quantity(f"mAP {MULTILINGUAL}", "", name, partial(_clean, MULTILINGUAL, languages))
        for recipe in arm.recipes:
            covered = [one for one in languages if one not in arm.not_covered[recipe]]
            if covered:
                lost = partial(_relative_drop, MULTILINGUAL, recipe, covered)
                yield _Quantity(f"relative drop {MULTILINGUAL}", recipe, name, lost)


def _clean(quantity: str, languages: Sequence[str] | None, arm: ArmScores) -> SeedResamples:
    return arm.number(quantity, languages=languages)


def _drop(quantity: str, recipe: str, arm: ArmScores) -> SeedResamples:
    return arm.drop(quantity, recipe)


def _change(quantity: str, recipe: str, arm: ArmScores) -> SeedResamples:
    return arm.number(quantity, recipe) - arm.number(quantity, clean_for(recipe))


def _relative_drop(quantity: str, recipe: str, languages: Sequence[str] | None, arm: ArmScores) -> SeedResamples:
    return arm.relative_drop(quantity, recipe, languages)


def _groups(languages: Sequence[str], trained: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return the groups of query languages that get rows; empty groups are left out."""
    low, high = resource_groups(languages)
    groups: dict[str, Sequence[str]] = {one: [one] for one in languages}
    groups |= {LOWER: low, HIGHER: high, NOT_TRAINED: [one for one in languages if one not in trained]}
    return {name: members for name, members in groups.items() if members}


def judge_claims(
    claims: Sequence[Claim], task: str, evidence: Mapping[str, Sequence[ArmComparison]], seeds: int
) -> list[Judged]:
    """Return the verdicts on one task: one for each base, or one for all bases where the claim asks for it.

    Parameters
    ----------
    claims : sequence of Claim
        In the order of the table.
    task : str
        Label of the task.
    evidence : mapping of str to sequence of ArmComparison
        Base to its comparisons on the task.
    seeds : int
        Fewest seeds of an arm. One seed cannot tell the way to train from the luck of a training: no claim is judged.
    """
    judged = [
        Judged(claim.id, claim.sentence, claim.family, recipe, base, task, "unresolved", claim_tests(rows), rows)
        for claim in claims
        for base, found in _together(claim, evidence)
        for recipe, rows in _by_recipe(found)
    ]
    every = {claim.id for claim in claims if claim.every_base}
    found: dict[int, Judged] = {}
    for base, family in dict.fromkeys((one.base, one.family) for one in judged):
        places = [place for place, one in enumerate(judged) if (one.base, one.family) == (base, family)]
        for place, tests in zip(places, adjusted([judged[place].p for place in places]), strict=True):
            alone = judged[place].id in every and len(evidence) == 1
            found[place] = _with_verdict(judged[place], tests, seeds, one_base_of_every=alone)
    return [found[place] for place in range(len(judged))]


def _together(
    claim: Claim, evidence: Mapping[str, Sequence[ArmComparison]]
) -> Iterator[tuple[str, list[ArmComparison]]]:
    """Yield the comparisons of a claim for each base, or for all bases together where the claim needs every base."""
    own = {base: [one for one in found if one.claim == claim.id] for base, found in evidence.items()}
    if claim.every_base:
        yield ", ".join(own), [one for found in own.values() for one in found]
    else:
        yield from own.items()


def _by_recipe(found: Sequence[ArmComparison]) -> Iterator[tuple[str, tuple[ArmComparison, ...]]]:
    for recipe in dict.fromkeys(one.recipe for one in found):
        yield recipe, tuple(one for one in found if one.recipe == recipe)


def _with_verdict(judged: Judged, tests: ClaimTests, seeds: int, *, one_base_of_every: bool) -> Judged:
    verdict = verdict_of(tests)
    if seeds == 1 and verdict != "no case":
        verdict = "unresolved"
    if one_base_of_every and verdict in {"supported", "equivalent"}:
        verdict = "unresolved"  # one base is not every base
    return replace(judged, p=tests, verdict=verdict)


def describe_attacks(task: str, results: Sequence[Result], severity: int) -> list[StudyAttack]:
    """Return how the queries of a task were perturbed; this is the same for every encoder.

    Parameters
    ----------
    task : str
        Label of the task.
    results : sequence of Result
        Results of any encoder, one for each fold; sizes are added up, shares averaged.
    severity : int
        Severity that needs no mention; see `attack_label`.
    """
    layouts = [one.judgements for one in results]
    return [
        StudyAttack(
            task=task,
            recipe=attack_label(str(recipe), dose, severity),
            queries=sum(len(one.query_ids) for one in layouts),
            questions=sum(one.questions for one in layouts),
            passages=sum(one.pool_size for one in layouts),
            coverage=_covered_mean(results, recipe, dose, lambda cell: cell.changed),
            touched=_covered_mean(results, recipe, dose, lambda cell: cell.touched),
            edit_rate=_covered_mean(results, recipe, dose, lambda cell: cell.edit_rate),
            not_covered=tuple(cells[0].not_covered),
            digests=tuple(cell.digest for one in results for cell in one.groups[recipe, dose]),
            signatures=tuple(one.signature(MULTILINGUAL, recipe, dose) for one in results),
        )
        for (recipe, dose), cells in results[0].groups.items()
    ]


def _covered_mean(
    results: Sequence[Result],
    recipe: AttackIdentity,
    dose: int,
    of: Callable[[Cell], Floats | NDArray[np.bool_]],
) -> float:
    """Return the macro average over the query languages that the recipe covers, and over the folds."""
    means = []
    for one in results:
        cells, layout = one.groups[recipe, dose], one.judgements
        by_seed = np.mean([of(cell) for cell in cells], axis=0, dtype=float)
        means.append(macro_average(layout, only(covered_queries(layout, cells), by_seed)))
    return float(np.mean(means))
