"""The values of an entry as arrays, and the macro averages that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.leaderboard.ranks import judgements_of_entry, ranks_of_entry
from robustbench_ir.leaderboard.schema import NOT_RETRIEVED, Entry, EntryScore, RanksEntry, ValuesEntry
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import (
    SETTINGS,
    Judgements,
    Setting,
    mean_over_passage_languages,
    nanmean,
    per_query_scores,
    rank_distances,
)
from robustbench_ir.retrieval.ranking import Ranks

CellKey = tuple[str, int]
_MOST_QUERIES = 0.95
_RANKS_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class EntrySheet:
    """The values of one entry.

    Attributes
    ----------
    starts : integer array of shape (languages,)
        First row of each query language; queries are grouped by it.
    keys : tuple of (str, int)
        Recipe and severity of each cell; each seed is a cell of its own. The first cell is clean.
    average_precision : mapping of setting to float64 array of shape (cells, queries)
        0 where there is no case.
    rank_distance : float64 array of shape (cells, queries)
        0 where there is no case, or where it is unknown because a run lacks the passages.
    changed : bool array of shape (cells, queries)
        Whether the query's text changed.
    truncated : bool
        Whether passages may have no rank, as in runs.
    """

    starts: NDArray[np.intp]
    keys: tuple[CellKey, ...]
    average_precision: Mapping[Setting, Floats]
    rank_distance: Floats
    changed: NDArray[np.bool_]
    truncated: bool = False

    @cached_property
    def groups(self) -> dict[CellKey, list[int]]:
        """Rows of the cells of each recipe and severity."""
        found: dict[CellKey, list[int]] = {}
        for row, key in enumerate(self.keys):
            found.setdefault(key, []).append(row)
        return found

    @cached_property
    def by_language(self) -> dict[Setting, Floats]:
        """Mean AP, shape (groups, languages); NaN where a language has no case."""
        return {setting: self._means(found) for setting, found in self.average_precision.items()}

    @cached_property
    def distance_by_language(self) -> Floats:
        """Mean rank distance, shape (groups, languages)."""
        having = self.rank_distance > 0
        if (having == having[0]).all():
            return self._means(self.rank_distance)
        # In runs it is known for other queries under each recipe.
        count = np.add.reduceat(having.astype(float), self.starts, axis=1)
        total = np.add.reduceat(self.rank_distance, self.starts, axis=1)
        mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        return np.stack([nanmean(mean[rows], axis=0) for rows in self.groups.values()])

    @property
    def distance_on_board(self) -> Floats:
        """Mean rank distance as the board compares it, shape (groups, languages); NaN where few queries have one.

        An engine that finds the passages of all languages for a few easy queries only would seem the fairest of all.
        """
        known = (self.rank_distance > 0).mean(axis=1).min()
        representative = not self.truncated or known >= _MOST_QUERIES
        return self.distance_by_language if representative else np.full_like(self.distance_by_language, np.nan)

    @cached_property
    def coverage(self) -> Floats:
        """Share of queries whose text changed, macro average over languages, shape (groups,)."""
        size = np.diff(np.append(self.starts, self.changed.shape[1]))
        share = np.add.reduceat(self.changed.astype(float), self.starts, axis=1) / size
        return np.asarray(self._over_seeds(share).mean(axis=1))

    def _means(self, found: Floats) -> Floats:
        count = np.add.reduceat((found[0] > 0).astype(float), self.starts)
        total = self._over_seeds(np.add.reduceat(found, self.starts, axis=1))
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)

    def _over_seeds(self, found: Floats) -> Floats:
        if len(self.groups) == len(self.keys):
            return found
        return np.stack([found[rows].mean(axis=0) for rows in self.groups.values()])


def sheet_of(entry: Entry) -> EntrySheet:
    """Return the arrays of an entry that has the right shape (see `robustbench_ir.leaderboard.faults`)."""
    sizes = list(entry.task.queries.values())
    digits = np.frombuffer("".join(cell.changed for cell in entry.cells).encode(), dtype=np.uint8)
    if isinstance(entry, RanksEntry):
        precision, distance = values_of_ranks(judgements_of_entry(entry), ranks_of_entry(entry))
    else:
        precision, distance = _values(entry)
    return EntrySheet(
        starts=np.cumsum([0, *sizes[:-1]]),
        keys=tuple((cell.recipe, cell.severity) for cell in entry.cells),
        average_precision=precision,
        rank_distance=distance,
        changed=digits.reshape(len(entry.cells), -1) == ord("1"),
        truncated=may_lack_ranks(entry),
    )


def may_lack_ranks(entry: Entry) -> bool:
    """Return whether passages may have no rank: in runs, and where passages with the score 0 are not retrieved."""
    return entry.model.kind == "run" or not entry.model.retrieves_zero


def _values(entry: Entry) -> tuple[dict[Setting, Floats], Floats]:
    if not isinstance(entry, ValuesEntry):
        raise TypeError(f"no entry of this format: {type(entry).__name__}")
    precision = {
        setting: np.array([cell.average_precision[setting] for cell in entry.cells])
        for setting in entry.cells[0].average_precision
    }
    return precision, np.array([cell.rank_distance for cell in entry.cells], dtype=float)


def values_of_ranks(judgements: Judgements, ranks: Sequence[Ranks]) -> tuple[dict[Setting, Floats], Floats]:
    """Return AP in each setting that has a case, and rank distance, as an `EntrySheet` has them.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    ranks : sequence of Ranks
        Ranks in each cell, the clean ones first.
    """
    at_once = max(1, _RANKS_AT_ONCE // len(judgements.query))
    parts = [_values_of_some(judgements, ranks[start : start + at_once]) for start in range(0, len(ranks), at_once)]
    having = [setting for setting in SETTINGS if not np.isnan(parts[0][0][setting][0]).all()]
    precision = {setting: np.concatenate([found[setting] for found, _ in parts]) for setting in having}
    known = {
        setting: np.where(np.isnan(found), 0, np.maximum(found, NOT_RETRIEVED)) for setting, found in precision.items()
    }
    return known, np.nan_to_num(np.concatenate([distance for _, distance in parts]))


def _values_of_some(judgements: Judgements, ranks: Sequence[Ranks]) -> tuple[dict[Setting, Floats], Floats]:
    """Return AP and rank distance of some cells, which are measured as one large query set: NaN where no case is."""
    cells, queries = len(ranks), len(judgements.query_ids)
    rows = judgements.query + queries * np.arange(cells, dtype=np.int32)[:, None]
    together = replace(
        judgements,
        query_ids=judgements.query_ids * cells,
        parallel_ids=judgements.parallel_ids * cells,
        languages=judgements.languages * cells,
        query=rows.ravel(),
        passage_language=np.tile(judgements.passage_language, cells),
        grade=np.tile(judgements.grade, cells),
    )
    found = Ranks(np.concatenate([one.in_pool for one in ranks]), np.concatenate([one.in_language for one in ranks]))
    precision = {
        setting: mean_over_passage_languages(per_query_scores(together, found, "AP", setting)).reshape(cells, queries)
        for setting in SETTINGS
    }
    return precision, rank_distances(together, found).reshape(cells, queries)


def _macro(found: Floats) -> Floats:
    """Return the mean over languages. `nanmean` is slow for thousands of entries and used only where it is needed."""
    plain = np.asarray(np.add.reduce(found, axis=1) / found.shape[1])  # as `mean`, in half the time
    return nanmean(found, axis=1) if np.isnan(plain).any() else plain


def scores_of(sheet: EntrySheet) -> list[EntryScore]:
    """Return the macro averages, clean first."""
    macro = {setting: _macro(found) for setting, found in sheet.by_language.items()}
    distance = _macro(sheet.distance_by_language)
    return [
        EntryScore(
            recipe=recipe,
            severity=severity,
            average_precision={setting: round(float(found[row]), 9) for setting, found in macro.items()},
            rank_distance=None if np.isnan(distance[row]) else round(float(distance[row]), 9),
            coverage=round(float(sheet.coverage[row]), 9),
        )
        for row, (recipe, severity) in enumerate(sheet.groups)
    ]
