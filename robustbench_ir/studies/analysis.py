"""Compute all numbers and verdicts of a study from the results of its checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.metrics.findings import covered_queries, only
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import SETTINGS, Judgements, Setting, macro_average
from robustbench_ir.metrics.statistics import SEED
from robustbench_ir.resources.languages import HIGH_RESOURCE, LOW_RESOURCE, resource_groups
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.studies.checkpoints import Arm
from robustbench_ir.studies.claims import ArmComparison, Claim, comparisons, joint_verdict
from robustbench_ir.studies.config import UNTRAINED
from robustbench_ir.studies.measured import RANK_DISTANCE, ArmScores, SeedResamples, arm_intervals, clean_for, score_arm
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
    results: Sequence[tuple[Arm, Sequence[Result]]],
    claims: Sequence[Claim],
    trained: Sequence[str],
    resamples: int,
) -> Analysis:
    """Analyse the checkpoints of one base on one task.

    Parameters
    ----------
    base, task : str
        Names of the base and of the task in the rows.
    results : sequence of (Arm, sequence of Result)
        Each arm with its results, one for each seed, in the order of the seeds. The arms that the claims are about come
        first.
    claims : sequence of Claim
        Claims to judge.
    trained : sequence of str
        Languages of the training data.
    resamples : int
        Number of resamples of the bootstrap, and of sign flips of the tests.
    """
    found = {arm.label: score_arm(seeds, resamples) for arm, seeds in results}
    arms = [arm for arm, _ in results]
    any_arm = found[arms[0].label]
    wanted = [
        (arm.label, against, what)
        for arm in arms
        for against in ("", *_references(arm, arms))
        for what in _quantities(any_arm, trained)
    ]
    numbers = arm_intervals([_number(found, *one) for one in wanted], np.random.default_rng(SEED), resamples)
    rows = tuple(
        StudyRow(base, task, arm, against, what.name, what.recipe, what.group, number)
        for (arm, against, what), number in zip(wanted, numbers, strict=True)
        if number.by_seed
    )
    return Analysis(rows, tuple(comparisons(claims, found, trained, resamples)))


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


def judge_claims(claims: Sequence[Claim], task: str, evidence: Mapping[str, Sequence[ArmComparison]]) -> list[Judged]:
    """Return the verdicts on one task: one for each base, or one for all bases where the claim asks for it.

    Parameters
    ----------
    claims : sequence of Claim
        In the order of the table.
    task : str
        Label of the task.
    evidence : mapping of str to sequence of ArmComparison
        Base to its comparisons on the task.
    """
    judged = []
    for claim in claims:
        own = {base: [one for one in found if one.claim == claim.id] for base, found in evidence.items()}
        together_with = {", ".join(own): [one for found in own.values() for one in found]} if claim.every_base else own
        for base, found in together_with.items():
            ordered = sorted(found, key=lambda one: one.recipe) if claim.each_recipe else found
            for recipe, group in groupby(ordered, key=lambda one: one.recipe):
                rows = tuple(group)
                verdict = joint_verdict(one.verdict for one in rows)
                if claim.every_base and len(evidence) == 1 and verdict == "supported":
                    verdict = "inconclusive"  # one base is not every base
                judged.append(Judged(claim.id, claim.sentence, recipe, base, task, verdict, rows))
    return judged


def describe_attacks(task: str, result: Result) -> list[StudyAttack]:
    """Return how the queries of a task were perturbed; this is the same for every encoder.

    Parameters
    ----------
    task : str
        Label of the task.
    result : Result
        Any result on the task.
    """
    layout = result.judgements
    return [
        StudyAttack(
            task=task,
            recipe=str(recipe),
            queries=len(layout.query_ids),
            questions=layout.questions,
            passages=layout.pool_size,
            coverage=_covered_mean(layout, cells, [one.changed for one in cells]),
            touched=_covered_mean(layout, cells, [one.touched for one in cells]),
            edit_rate=_covered_mean(layout, cells, [one.edit_rate for one in cells]),
            not_covered=tuple(cells[0].not_covered),
            digests=tuple(one.digest for one in cells),
            signature=result.signature(MULTILINGUAL, recipe, severity),
        )
        for (recipe, severity), cells in result.groups.items()
    ]


def _covered_mean(layout: Judgements, cells: Sequence[Cell], by_seed: Sequence[Floats | NDArray[np.bool_]]) -> float:
    """Return the macro average over the query languages that the recipe covers."""
    return macro_average(layout, only(covered_queries(layout, cells), np.mean(by_seed, axis=0, dtype=float)))
