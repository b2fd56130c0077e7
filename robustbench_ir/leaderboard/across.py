"""Models across the standard list of tasks: the mean of their places, and low- and high-resource languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import default_rng

from robustbench_ir.leaderboard.numbers import as_json
from robustbench_ir.leaderboard.ranking import Contributions, intervals, resampled
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import nanmean


@dataclass(frozen=True)
class OnTask:
    """The ranked models of one task, in its widest setting.

    Attributes
    ----------
    task : str
        Identity of the task.
    setting : str
        The setting.
    languages : int
        Number of query languages.
    models : tuple of str
        Name of each model; no name twice.
    cases : tuple of Contributions
        Attacked scores of each model by question and language.
    robust, low, high : float array of shape (models,)
        Attacked score in all languages, in low-resource and in high-resource ones; NaN where a task has none of them.
    """

    task: str
    setting: str
    languages: int
    models: tuple[str, ...]
    cases: tuple[Contributions, ...]
    robust: Floats
    low: Floats
    high: Floats


def across_tasks(tasks: Sequence[OnTask], resamples: int) -> dict[str, object] | None:
    """Compare the models that are ranked on all of several tasks.

    The place of a model on a task is its rank among these models by the attacked score. The interval of the mean place
    is over resamples of the questions of each task. Models whose scores are exactly equal share a place.

    Parameters
    ----------
    tasks : sequence of OnTask
        The tasks.
    resamples : int
        Number of resamples, 1 or more.

    Returns
    -------
    dict, optional
        ``tasks`` and ``settings``; ``missing``, the names of models that lack a task; and ``rows``, the best model
        first: its ``name``, its ``place`` (mean, and the ends of the 95% interval), its ``robust`` score and its
        ``places`` on each task, and the means of ``low`` and ``high`` and of their difference, ``gap``, over the tasks
        that have both. None if fewer than two models are on all of two or more tasks.
    """
    from scipy.stats import rankdata

    complete = sorted(set[str].intersection(*(set(one.models) for one in tasks))) if tasks else []
    if len(tasks) < 2 or len(complete) < 2:
        return None
    rows = [[task.models.index(name) for name in complete] for task in tasks]
    drawn = [
        rankdata(-resampled([task.cases[row] for row in own], default_rng(number), resamples), method="min", axis=0)
        for number, (task, own) in enumerate(zip(tasks, rows, strict=True))
    ]
    mean = np.mean(drawn, axis=0)
    place = np.vstack([mean[:, 0], intervals(mean[:, 1:])])
    robust, low, high = (
        np.stack([values[own] for values, own in zip(table, rows, strict=True)])
        for table in zip(*((task.robust, task.low, task.high) for task in tasks), strict=True)
    )
    both = ~np.isnan(low + high)
    groups = {name: nanmean(np.where(both, values, np.nan), axis=0) for name, values in (("low", low), ("high", high))}
    groups["gap"] = groups["high"] - groups["low"]
    return {
        "tasks": [one.task for one in tasks],
        "settings": [one.setting for one in tasks],
        "with_both": both.any(axis=1).tolist(),
        "missing": sorted({name for one in tasks for name in one.models} - set(complete)),
        "rows": [
            {
                "name": complete[row],
                "place": np.round(place[:, row].astype(float), 2).tolist(),
                "places": [int(one[row, 0]) for one in drawn],
                "robust": as_json(robust[:, row]),
                **{name: as_json(values[row : row + 1])[0] for name, values in groups.items()},
            }
            for row in np.lexsort((complete, mean[:, 0])).tolist()
        ],
    }
