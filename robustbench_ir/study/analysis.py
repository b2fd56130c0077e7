"""From the results of all checkpoints to every number and every verdict of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from robustbench_ir.result import Result
from robustbench_ir.score.settings import SETTINGS, Setting, headline
from robustbench_ir.score.statistics import SEED
from robustbench_ir.study.checkpoints import Arm
from robustbench_ir.study.claims import Claim, Comparison, comparisons, resource_groups, together
from robustbench_ir.study.config import UNTRAINED
from robustbench_ir.study.measured import RANK_DISTANCE, Measured, measured
from robustbench_ir.study.record import ALL, Attacked, Judged, Row
from robustbench_ir.study.uncertainty import Drawn, intervals

MULTILINGUAL: Setting = "multilingual"
NOT_TRAINED = "not trained"
LOWER, HIGHER = "class 3 or below", "class 4 or above"
_Number = Callable[[Measured], Drawn]


@dataclass(frozen=True)
class Analysed:
    """All that one base's checkpoints say on one task.

    Attributes
    ----------
    rows : tuple of Row
        Numbers of each arm, and of the differences between arms.
    comparisons : tuple of Comparison
        The evidence of the claims.
    """

    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]


def analyse(
    base: str,
    task: str,
    results: Sequence[tuple[Arm, Sequence[Result]]],
    claims: Sequence[Claim],
    trained: Sequence[str],
    resamples: int,
) -> Analysed:
    """Analyse one base on one task.

    Parameters
    ----------
    base, task : str
        How the rows call them.
    results : sequence of (Arm, results)
        Results of each arm, one a seed, in the order of the seeds; the arms that the claims are about come first.
    claims : sequence of Claim
        To judge.
    trained : sequence of str
        Languages of the training data.
    resamples : int
        Of the bootstrap, and sign flips of the tests.
    """
    found = {arm.label: measured(seeds, resamples) for arm, seeds in results}
    arms = [arm for arm, _ in results]
    any_arm = found[arms[0].label]
    wanted = [
        (arm.label, against, *key, _difference(found, arm.label, against, number))
        for arm in arms
        for against in ("", *_references(arm, arms))
        for key, number in _numbers(any_arm, trained)
    ]
    numbers = intervals([one[-1] for one in wanted], np.random.default_rng(SEED), resamples)
    rows = tuple(
        Row(base, task, *names, number) for (*names, _), number in zip(wanted, numbers, strict=True) if number.by_seed
    )
    return Analysed(rows, tuple(comparisons(claims, found, trained, resamples)))


def _references(arm: Arm, arms: Sequence[Arm]) -> list[str]:
    """Return the arms that an arm is compared with: hybrid with the baselines, a change with what it changes."""
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


def _difference(found: Mapping[str, Measured], arm: str, against: str, number: _Number) -> Drawn:
    return number(found[arm]) - number(found[against]) if against else number(found[arm])


def _numbers(arm: Measured, trained: Sequence[str]) -> Iterator[tuple[tuple[str, str, str], _Number]]:
    """Yield quantity, recipe and languages, and the function that takes the number from an arm."""
    for setting in SETTINGS:
        yield (f"mAP {setting}", "", ALL), lambda one, s=setting: one.number(s)
    yield (RANK_DISTANCE, "", ALL), lambda one: one.number(RANK_DISTANCE)
    for recipe in arm.recipes:
        for setting in SETTINGS:
            yield (f"drop {setting}", recipe, ALL), lambda one, s=setting, r=recipe: one.drop(s, r)
            yield (f"relative drop {setting}", recipe, ALL), lambda one, s=setting, r=recipe: one.relative_drop(s, r)
        yield (
            (f"{RANK_DISTANCE} change", recipe, ALL),
            lambda one, r=recipe: one.number(RANK_DISTANCE, r) - one.number(RANK_DISTANCE),
        )
    for name, languages in _groups(arm.languages, trained).items():
        yield (f"mAP {MULTILINGUAL}", "", name), lambda one, group=languages: one.number(MULTILINGUAL, languages=group)
        for recipe in arm.recipes:
            covered = [one for one in languages if one not in arm.not_covered[recipe]]
            if covered:
                yield (
                    (f"relative drop {MULTILINGUAL}", recipe, name),
                    lambda one, r=recipe, group=covered: one.relative_drop(MULTILINGUAL, r, group),
                )


def _groups(languages: Sequence[str], trained: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return the groups of query languages that rows are made for, those with a member."""
    low, high = resource_groups(languages)
    groups: dict[str, Sequence[str]] = {one: [one] for one in languages}
    groups |= {LOWER: low, HIGHER: high, NOT_TRAINED: [one for one in languages if one not in trained]}
    return {name: members for name, members in groups.items() if members}


def judge(claims: Sequence[Claim], task: str, evidence: Mapping[str, Sequence[Comparison]]) -> list[Judged]:
    """Turn comparisons into verdicts on one task: one a base, or one for all bases where the claim says so.

    Parameters
    ----------
    claims : sequence of Claim
        In the order of the table.
    task : str
        Its label.
    evidence : mapping of str to sequence of Comparison
        Base to its comparisons on the task.
    """
    judged = []
    for claim in claims:
        own = {base: [one for one in found if one.claim == claim.id] for base, found in evidence.items()}
        together_with = {", ".join(own): [one for found in own.values() for one in found]} if claim.every_base else own
        for base, found in together_with.items():
            ordered = sorted(found, key=lambda one: one.recipe) if claim.each_recipe else found
            for recipe, rows in groupby(ordered, key=lambda one: one.recipe):
                rows = tuple(rows)
                verdict = together(one.verdict for one in rows)
                if claim.every_base and len(evidence) == 1 and verdict == "supported":
                    verdict = "inconclusive"  # one base is not every base
                judged.append(Judged(claim.id, claim.sentence, recipe, base, task, verdict, rows))
    return judged


def attacks(task: str, result: Result) -> list[Attacked]:
    """Say how the queries of a task were perturbed; the same for every encoder."""
    layout = result.layout
    return [
        Attacked(
            task=task,
            recipe=recipe,
            queries=len(layout.query_ids),
            questions=layout.questions,
            passages=layout.pool_size,
            coverage=headline(layout, np.mean([one.changed for one in cells], axis=0)),
            edit_rate=headline(layout, np.mean([one.edit_rate for one in cells], axis=0)),
            not_covered=tuple(cells[0].not_covered),
            digests=tuple(one.digest for one in cells),
            signature=result.signature(MULTILINGUAL, recipe, severity),
        )
        for (recipe, severity), cells in result.groups.items()
    ]
