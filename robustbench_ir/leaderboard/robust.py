"""Scores of an entry under the worst attack of a suite: they follow from its ranks, like all of its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from robustbench_ir.leaderboard.numbers import Choices, as_json, by_group
from robustbench_ir.leaderboard.ranks import judgements_of_entry, ranks_of_entry
from robustbench_ir.leaderboard.schema import EntryCell, RanksEntry, RobustRecord, SuiteRecord
from robustbench_ir.metrics.findings import macro_means, ratio
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.robust import CoveringCells, robust_queries
from robustbench_ir.metrics.settings import Judgements, Setting, mean_over_passage_languages, nanmean
from robustbench_ir.metrics.statistics import SEED, Estimate, bootstrap_intervals, draws, share_interval
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.results.suite import Member, suites
from robustbench_ir.retrieval.ranking import Ranks

_DIGITS = 9


@dataclass(frozen=True)
class UnderSuite:
    """Values of each query in one setting, shape (queries,): NaN where it has no case.

    Attributes
    ----------
    clean, average, robust : float64 array
        AP; see `robustbench_ir.metrics.robust.RobustScore`.
    robust_at_10 : float64 array
        Whether a relevant passage stays among the first ten under all attacks; a share where there are several pools.
    """

    clean: Floats
    average: Floats
    robust: Floats
    robust_at_10: Floats


@dataclass(frozen=True)
class _RankedCell:
    ranks: Ranks
    not_covered: Mapping[str, str] = field(default_factory=dict)  # an entry does not say it


def attacks_of(cells: Sequence[EntryCell]) -> list[Member]:
    """Return the attacks of cells of an entry, as a suite compares them."""
    return [Member(AttackIdentity.parse(cell.recipe), cell.severity, cell.seed) for cell in cells]


def suite_records(entry: RanksEntry, settings: Iterable[Setting]) -> list[SuiteRecord]:
    """Return the records of all suites whose attacks an entry has.

    Parameters
    ----------
    entry : RanksEntry
        Entry without faults.
    settings : iterable of str
        Settings in which it has cases.
    """
    attacks, there = attacks_of(entry.cells), list(settings)
    found = []
    for suite in suites():
        places = sorted(suite.places_in(attacks))
        if places:
            adaptive = any(attacks[place].attack.threat == "worst case" for place in places)
            scores = robust_records(entry, places, there)
            found.append(SuiteRecord(suite=suite.identity, cells=places, adaptive=adaptive, scores=scores))
    return found


def robust_records(entry: RanksEntry, cells: Sequence[int], settings: Iterable[Setting]) -> dict[Setting, RobustRecord]:
    """Return the scores under the attacks of some cells, by setting; macro averages over query languages.

    Parameters
    ----------
    entry : RanksEntry
        Entry whose ranks are such that a run gives them.
    cells : sequence of int
        Numbers of the cells.
    settings : iterable of str
        Settings in which it has cases.
    """
    judgements = judgements_of_entry(entry)
    found = {}
    for setting, values in under_suite(entry, cells, settings).items():
        clean, average, robust, top = (
            float(nanmean(_by_language(judgements, one), axis=0))
            for one in (values.clean, values.average, values.robust, values.robust_at_10)
        )
        found[setting] = RobustRecord(
            average=round(average, _DIGITS),
            robust=round(robust, _DIGITS),
            kept=round(robust / clean, _DIGITS) if clean else None,
            robust_at_10=round(top, _DIGITS),
            questions=int(macro_means(judgements, values.clean).clusters[0]),
        )
    return found


def under_suite(entry: RanksEntry, cells: Sequence[int], settings: Iterable[Setting]) -> dict[Setting, UnderSuite]:
    """Return what each query keeps under the attacks of some cells; see `robust_records`."""
    judgements, ranks = judgements_of_entry(entry), ranks_of_entry(entry)
    by_attack: dict[tuple[AttackIdentity, int], list[_RankedCell]] = {}
    for number in cells:
        cell = entry.cells[number]
        by_attack.setdefault((AttackIdentity.parse(cell.recipe), cell.severity), []).append(_RankedCell(ranks[number]))
    attacked: CoveringCells = by_attack
    found = {}
    for setting in settings:
        precision, top = (
            robust_queries(judgements, ranks[0], attacked, setting, measure) for measure in ("AP", "Success@10")
        )
        found[setting] = UnderSuite(*map(mean_over_passage_languages, (*precision, top.robust)))
    return found


def robust_by_language(entry: RanksEntry, cells: Sequence[int], settings: Iterable[Setting]) -> dict[Setting, Floats]:
    """Return robust mAP of each query language under the attacks of some cells; see `robust_records`."""
    judgements = judgements_of_entry(entry)
    found = under_suite(entry, cells, settings)
    return {setting: _by_language(judgements, values.robust) for setting, values in found.items()}


def _by_language(judgements: Judgements, values: Floats) -> Floats:
    return macro_means(judgements, values, "language").estimate()


def suite_row(
    entry: RanksEntry, suite: SuiteRecord, settings: Iterable[Setting], asked: Choices, resamples: int
) -> dict[str, object]:
    """Return what the board shows of an entry under a suite.

    Parameters
    ----------
    entry : RanksEntry
        Entry without faults.
    suite : SuiteRecord
        One of its suites.
    settings : iterable of str
        Settings in which it has cases.
    asked : Choices
        Groups of languages.
    resamples : int
        Number of resamples of the questions for intervals.
    """
    judgements = judgements_of_entry(entry)
    shown: dict[str, object] = {}
    for setting, values in under_suite(entry, suite.cells, settings).items():
        tables = [macro_means(judgements, one) for one in (values.clean, values.robust, values.robust_at_10)]
        clean, robust, top = draws(tables, np.random.default_rng(SEED), resamples)
        having = tables[0].clusters
        of_robust, of_kept, of_top = (
            bootstrap_intervals(one, judgements.questions, having=having)[0]
            for one in (robust, ratio(robust, clean), top)
        )
        shown[setting] = {
            "robust": as_json(by_group(_by_language(judgements, values.robust), asked)),
            "intervals": {
                "robust": ends(of_robust),
                "kept": ends(of_kept),
                "robust_at_10": ends(share_interval(of_top, int(having[0]))),
            },
            **suite.scores[setting].model_dump(mode="json", exclude={"robust"}),
        }
    known = suite.suite in {one.identity for one in suites()}
    return {"adaptive": suite.adaptive, "known": known, "scores": shown}


def ends(found: Estimate) -> list[object]:
    """Return the ends of an interval for the page."""
    return as_json(np.array([found.low, found.high]))
