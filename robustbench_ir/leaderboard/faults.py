"""Faults of an entry, one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from robustbench_ir.leaderboard.schema import Entry, EntryCell, EntryScore, related_data
from robustbench_ir.leaderboard.sheet import EntrySheet, scores_of, sheet_of
from robustbench_ir.tasks.task import TaskIdentity

_TOLERANCE = 1e-6


def entry_faults(entry: Entry, sheet_for: Callable[[], EntrySheet] | None = None) -> list[str]:
    """Return the faults of an entry: of its shape first, then impossible values, then averages that do not follow.

    Parameters
    ----------
    entry : Entry
        Entry to check.
    sheet_for : callable, optional
        Returns the arrays of the entry where the caller keeps them; it is called only if all lists have the right
        length.

    Returns
    -------
    list of str
        One line for each fault; empty if there is none.
    """
    misshapen = [*_misshapen(entry)]
    if misshapen:
        return misshapen
    sheet = sheet_for() if sheet_for else sheet_of(entry)
    # No average is derived from impossible values: it need not lie between 0 and 1.
    return [*_undeclared(entry), *_impossible(entry, sheet)] or [*_not_derived(entry, sheet)]


def _misshapen(entry: Entry) -> Iterator[str]:
    queries = sum(entry.task.queries.values())
    if len(entry.task.question) != queries:
        yield f"task.question: {len(entry.task.question)} numbers, but {queries} queries"
    elif max(entry.task.question) + 1 != len(set(entry.task.question)):
        yield "task.question: numbers must be 0 to the number of questions, without a gap"
    for number, cell in enumerate(entry.cells):
        rows = chain([cell.changed, cell.rank_distance], cell.average_precision.values())
        if any(len(row) != queries for row in rows):
            yield f"cells.{number}: every list must have one value for each of the {queries} queries"
        if cell.average_precision.keys() != entry.cells[0].average_precision.keys():
            yield f"cells.{number}: its settings are not those of the first cell"
        if (cell.recipe == "clean") != (number == 0) or (cell.severity == 0) != (number == 0):
            yield f"cells.{number}: the first cell is clean with severity 0, and no other is"
    if len({_key(cell) for cell in entry.cells}) < len(entry.cells):
        yield "cells: the same recipe, severity and seed occur twice"


def _key(cell: EntryCell) -> tuple[str, int, int]:
    return cell.recipe, cell.severity, cell.seed


def _undeclared(entry: Entry) -> Iterator[str]:
    related = related_data(TaskIdentity.parse(entry.task.identity).name, entry.training.datasets)
    if related and entry.training.saw_task != "yes":
        yield f"training.saw_task: must be 'yes', the task is made of {related[0]}"


def _impossible(entry: Entry, sheet: EntrySheet) -> Iterator[str]:
    pool = sum(entry.task.pool.values())
    for setting, found in sheet.average_precision.items():
        if not sheet.truncated and ((found > 0) & (found < 0.9999 / pool)).any():
            yield f"{setting}: an average precision below that of a passage at the last of {pool} ranks"
        if ((found > 0) != (found[:1] > 0)).any():
            yield f"{setting}: a query has a case under one recipe and none under another"
        if ((found != found[:1]) & ~sheet.changed).any():
            yield f"{setting}: average precision differs where the query did not change"
        if not (found[0] > 0).any():
            yield f"{setting}: no query has a case; leave the setting out"
    distance = sheet.rank_distance
    if distance.max() > pool - 1:
        yield f"rank_distance: {distance.max():.0f} in a pool of {pool}"
    elsewhere = (distance > 0) != (distance[:1] > 0)
    if (not sheet.truncated and elsewhere.any()) or ((distance != distance[:1]) & ~sheet.changed).any():
        yield "rank_distance: differs where the query did not change, or has a case under one recipe only"
    if sheet.changed[0].any():
        yield "cells.0: no query changes without an attack"


def _not_derived(entry: Entry, sheet: EntrySheet) -> Iterator[str]:
    derived = {(one.recipe, one.severity): one for one in scores_of(sheet)}
    written = {(one.recipe, one.severity): one for one in entry.scores}
    if derived.keys() != written.keys() or len(written) != len(entry.scores):
        yield "scores: must have one row for each recipe and severity of the cells"
        return
    for key, score in written.items():
        for name, (said, found) in _pairs(score, derived[key]).items():
            if (said is None) != (found is None) or abs((said or 0) - (found or 0)) > _TOLERANCE:
                yield f"scores of {key[0]} severity {key[1]}: {name} is {said}, the queries give {found}"


def _pairs(said: EntryScore, found: EntryScore) -> dict[str, tuple[float | None, float | None]]:
    settings = dict.fromkeys((*said.average_precision, *found.average_precision))
    return {
        **{one: (said.average_precision.get(one), found.average_precision.get(one)) for one in settings},
        "rank_distance": (said.rank_distance, found.rank_distance),
        "coverage": (said.coverage, found.coverage),
    }
