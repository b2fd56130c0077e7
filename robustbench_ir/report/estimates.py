"""Drops by query language, and their means over recipes, with intervals.

`Result.findings` has the former for every severity and the latter not at all. The resamples of the questions are the
same as there, so that the same number has the same interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robustbench_ir.result import Cell, Result
from robustbench_ir.score.clusters import cluster_means
from robustbench_ir.score.measures import Floats
from robustbench_ir.score.settings import Layout, Setting, values
from robustbench_ir.score.statistics import RESAMPLES, SEED, Estimate, draws, intervals

Group = tuple[str, int]
"""Identity of a recipe, and severity."""


@dataclass(frozen=True)
class Wanted:
    """A macro mean: over recipes with their severity, and over query languages (all where none is named)."""

    groups: tuple[Group, ...]
    languages: tuple[str, ...] = ()


def drop_estimates(
    result: Result, setting: Setting, measure: str, wanted: Sequence[Wanted], resamples: int = RESAMPLES
) -> list[Estimate]:
    """Return clean minus attacked with its interval, mean over seeds, for each of `wanted`.

    The estimate is that of `Result.drops`: macro over languages or ordered pairs.
    """
    clean = values(result.layout, result.clean.ranks, measure, setting)

    def drop(cell: Cell) -> Floats:
        return np.asarray(clean - values(result.layout, cell.ranks, measure, setting))

    changes = {group: _mean([drop(cell) for cell in cells]) for group, cells in result.groups.items()}
    return _estimates(result.layout, changes, wanted, resamples)


def _mean(found: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean(found, axis=0))


def _estimates(
    layout: Layout, changes: dict[Group, Floats], wanted: Sequence[Wanted], resamples: int
) -> list[Estimate]:
    if not wanted:
        return []
    place = {group: number for number, group in enumerate(changes)}
    value = np.stack([one.reshape(len(layout.query_ids), -1) for one in changes.values()])
    passages = value.shape[2]
    languages = len(layout.query_languages)
    stratum = (
        np.arange(len(place))[:, None, None] * languages + layout.query_language[None, :, None]
    ) * passages + np.arange(passages)
    members = np.zeros((len(place), languages, passages, len(wanted)), dtype=bool)
    for number, one in enumerate(wanted):
        rows = [layout.query_languages.index(name) for name in one.languages] or list(range(languages))
        for group in one.groups:
            members[place[group], rows, :, number] = True
    means = cluster_means(
        value,
        np.broadcast_to(layout.question[None, :, None], value.shape),
        stratum,
        members.reshape(-1, len(wanted)),
        layout.questions,
    )
    (draw,) = draws([means], np.random.default_rng(SEED), resamples)
    return intervals(draw, layout.questions)
