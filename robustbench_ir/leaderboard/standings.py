"""The attacked scores of the ranked entries of a board: their ranks, all pairs, and the task for `across_tasks`.

The score of a query is computed once for each setting, and all three are made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import default_rng

from robustbench_ir.leaderboard.across import OnTask
from robustbench_ir.leaderboard.pairs import best_models, paired
from robustbench_ir.leaderboard.ranking import Contributions, contributions, questions_of, ranked_draws, resampled
from robustbench_ir.leaderboard.schema import TaskRecord
from robustbench_ir.leaderboard.sheet import CellKey, EntrySheet
from robustbench_ir.metrics.measures import Floats, Integers
from robustbench_ir.metrics.settings import Setting, nanmean
from robustbench_ir.resources.languages import resource_groups

_SEED = 0
_DIGITS = 5


@dataclass(frozen=True)
class Standings:
    """The ranked entries of a board in one setting, by the number of their row.

    Attributes
    ----------
    cases : mapping of int to Contributions
        Attacked scores by question and language.
    places : mapping of int to list of float
        Score, ends of its interval, rank, best and worst rank.
    pairs : dict of str, optional
        See `robustbench_ir.leaderboard.pairs.paired`; None if there are fewer than two entries.
    """

    cases: Mapping[int, Contributions]
    places: Mapping[int, list[float | int]]
    pairs: dict[str, object] | None


def standings(
    sheets: Mapping[int, EntrySheet], headline: set[CellKey], setting: Setting, task: TaskRecord, resamples: int
) -> Standings:
    """Rank entries, and compare every two of them.

    Parameters
    ----------
    sheets : mapping of int to EntrySheet
        The entries that can be ranked, by the number of their row. All have the same queries and the cells of the
        headline.
    headline : set of (str, int)
        The cells that the ranking is over.
    setting : str
        The setting; entries without it are left out.
    task : TaskRecord
        The task of all of them.
    resamples : int
        Number of resamples, 1 or more.
    """
    having = {number: sheet for number, sheet in sheets.items() if headline and setting in sheet.average_precision}
    if not having:
        return Standings({}, {}, None)
    question, language = _cases_of(task)
    cases = {
        number: contributions(_mean_over(sheet, headline, setting), question, language)
        for number, sheet in having.items()
    }
    questions = questions_of(list(cases.values()))
    robust = resampled(list(cases.values()), default_rng(_SEED), resamples)
    places: dict[int, list[float | int]] = {}
    for number, one in zip(cases, ranked_draws(robust, questions), strict=True):
        score, low, high = (round(value, _DIGITS) for value in (one.score, one.low, one.high))
        places[number] = [score, low, high, one.rank, one.best, one.worst]
    if len(cases) < 2:
        return Standings(cases, places, None)
    best = best_models(robust)
    rows = [list(cases)[number] for number in best]
    # The same seed draws the same resamples, so that clean and attacked scores are paired, too.
    clean = resampled(
        [contributions(_mean_over(having[row], {having[row].keys[0]}, setting), question, language) for row in rows],
        default_rng(_SEED),
        resamples,
    )
    return Standings(cases, places, paired(clean, robust[best], rows, questions))


def _cases_of(task: TaskRecord) -> tuple[Integers, Integers]:
    """Return the numbers of question and language of each query."""
    return np.array(task.question), np.repeat(np.arange(len(task.queries)), list(task.queries.values()))


def _mean_over(sheet: EntrySheet, keys: set[CellKey], setting: Setting) -> Floats:
    """Return the mean AP of each query over some cells, and over the seeds of each."""
    values = sheet.average_precision[setting]
    cells = (values[sheet.groups[key]] for key in sorted(keys))
    over_seeds = [seeds[0] if len(seeds) == 1 else seeds.mean(axis=0) for seeds in cells]
    return np.asarray(np.add.reduce(over_seeds) / len(over_seeds))


def on_task(
    latest: Mapping[str, tuple[EntrySheet, Contributions]], headline: set[CellKey], setting: Setting, task: TaskRecord
) -> OnTask:
    """Return what the comparison across tasks needs.

    Parameters
    ----------
    latest : mapping of str to (EntrySheet, Contributions)
        Entry of each model, and its attacked scores.
    headline : set of (str, int)
        The cells that the ranking is over.
    setting : str
        The widest setting of the task.
    task : TaskRecord
        The task.
    """
    codes = list(task.queries)
    robust = [_by_language(sheet, headline, setting) for sheet, _ in latest.values()]
    groups = [[codes.index(code) for code in group] for group in (codes, *resource_groups(codes))]
    overall, low, high = (
        np.array([nanmean(one[group], axis=0) if group else np.nan for one in robust]) for group in groups
    )
    cases = tuple(one for _, one in latest.values())
    return OnTask(task.identity, setting, len(codes), tuple(latest), cases, overall, low, high)


def _by_language(sheet: EntrySheet, headline: set[CellKey], setting: Setting) -> Floats:
    place = {key: number for number, key in enumerate(sheet.groups)}
    return np.asarray(sheet.by_language[setting][[place[key] for key in headline]].mean(axis=0))
