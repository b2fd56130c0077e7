"""The numbers of a report with their intervals: each setting's drops, drops by language, means over recipes.

Drops and intervals are those of `Result.findings`, from the same resamples of the questions; only what a report shows
is estimated, all of it from one draw, because a page may hold hundreds of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robustbench_ir.result import Result
from robustbench_ir.score.clusters import ClusterMeans, cluster_means
from robustbench_ir.score.measures import Floats
from robustbench_ir.score.settings import Layout, Setting, headline, rank_distances, values
from robustbench_ir.score.statistics import SEED, Estimate, draws, intervals

Group = tuple[str, int]
"""Identity of a recipe, and severity."""


@dataclass(frozen=True)
class Score:
    """A drop under one recipe and severity in one setting, macro averages, means over seeds.

    Attributes
    ----------
    recipe, severity, setting
        Of what.
    clean : float
        The measure before.
    drop : Estimate
        Clean - attacked.
    rank_distance_change : Estimate
        Attacked - clean, in the multilingual pool, whatever the setting.
    coverage : float
        Share of queries that really changed.
    """

    recipe: str
    severity: int
    setting: Setting
    clean: float
    drop: Estimate
    rank_distance_change: Estimate
    coverage: float

    @property
    def attacked(self) -> float:
        """The measure after."""
        return self.clean - self.drop.value

    @property
    def relative(self) -> float:
        """The drop divided by the clean value; NaN where that is 0."""
        return self.drop.value / self.clean if self.clean else float("nan")


@dataclass(frozen=True)
class Wanted:
    """A macro mean: over recipes with their severity, and over query languages (all where none is named)."""

    groups: tuple[Group, ...]
    languages: tuple[str, ...] = ()


def scores(result: Result, measure: str, resamples: int) -> dict[Setting, list[Score]]:
    """Return the macro drops of each setting by recipe and severity, in the order of `Result.drops`."""
    layout, groups = result.layout, result.groups
    if not groups:
        return {setting: [] for setting in result.settings}
    wanted = [Wanted((group,)) for group in groups]
    drops = [_drops(result, measure, setting, list(groups)) for setting in result.settings]
    found = _estimates(layout, [*drops, _rank_distance_changes(result)], wanted, resamples)
    coverage = [
        headline(layout, np.mean([cell.changed for cell in cells], axis=0, dtype=float)) for cells in groups.values()
    ]
    clean = [headline(layout, values(layout, result.clean.ranks, measure, setting)) for setting in result.settings]
    return {
        setting: [
            Score(*group, setting, before, drop, distance, share)
            for group, drop, distance, share in zip(groups, estimates, found[-1], coverage, strict=True)
        ]
        for setting, before, estimates in zip(result.settings, clean, found, strict=False)
    }


def drop_estimates(
    result: Result, measure: str, setting: Setting, wanted: Sequence[Wanted], resamples: int
) -> list[Estimate]:
    """Return clean minus attacked for each of `wanted`."""
    groups = list(dict.fromkeys(group for one in wanted for group in one.groups))
    return _estimates(result.layout, [_drops(result, measure, setting, groups)], wanted, resamples)[0]


def _drops(result: Result, measure: str, setting: Setting, groups: Sequence[Group]) -> dict[Group, Floats]:
    clean = values(result.layout, result.clean.ranks, measure, setting)
    return {
        group: np.mean(
            [clean - values(result.layout, cell.ranks, measure, setting) for cell in result.groups[group]], axis=0
        )
        for group in groups
    }


def _rank_distance_changes(result: Result) -> dict[Group, Floats]:
    clean = rank_distances(result.layout, result.clean.ranks)
    return {
        group: np.mean([rank_distances(result.layout, cell.ranks) for cell in cells], axis=0) - clean
        for group, cells in result.groups.items()
    }


def _estimates(
    layout: Layout, changes: Sequence[Mapping[Group, Floats]], wanted: Sequence[Wanted], resamples: int
) -> list[list[Estimate]]:
    """Return the estimates of `wanted` for each kind of change, all from the same resamples."""
    if not wanted:
        return [[] for _ in changes]
    tables = [_macro(layout, one, wanted) for one in changes]
    found = draws(tables, np.random.default_rng(SEED), resamples)
    return [intervals(draw, layout.questions) for draw in found]


def _macro(layout: Layout, changes: Mapping[Group, Floats], wanted: Sequence[Wanted]) -> ClusterMeans:
    """Sum up by question and stratum: recipe and severity, query language, passage language."""
    place = {group: number for number, group in enumerate(changes)}
    value = np.stack([one.reshape(len(layout.query_ids), -1) for one in changes.values()])
    languages, passages = len(layout.query_languages), value.shape[2]
    number_of_language = {name: number for number, name in enumerate(layout.query_languages)}
    group = np.arange(len(place))[:, None, None]
    stratum = (group * languages + layout.query_language[:, None]) * passages + np.arange(passages)
    members = np.zeros((len(place), languages, passages, len(wanted)), dtype=bool)
    for number, one in enumerate(wanted):
        rows = [number_of_language[name] for name in one.languages or layout.query_languages]
        for group_of_one in one.groups:
            members[place[group_of_one], rows, :, number] = True
    cluster = np.broadcast_to(layout.question[:, None], value.shape)
    return cluster_means(value, cluster, stratum, members.reshape(-1, len(wanted)), layout.questions)
