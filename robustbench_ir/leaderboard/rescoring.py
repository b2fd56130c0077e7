"""Score the run files of an entry again: the way to verify a system that is not an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robustbench_ir.errors import ResultError
from robustbench_ir.evaluation.score_runs import score_runs
from robustbench_ir.leaderboard.entry import Declaration, entry_of
from robustbench_ir.leaderboard.folder import task_name
from robustbench_ir.leaderboard.schema import Entry, EntryCell
from robustbench_ir.leaderboard.verifying import Verification
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.tasks import load_task

_ROUNDING = 1e-5


def rescore(entry: Entry, clean: Path, attacked: Sequence[tuple[str, Path]]) -> Verification:
    """Score the TREC runs of an entry again, for all queries; every value must equal that of the entry.

    This shows that the numbers are those of the runs, not that the system produced the runs.

    Parameters
    ----------
    entry : Entry
        Entry of kind ``run``, without faults.
    clean : pathlib.Path
        Run of the clean queries.
    attacked : sequence of (str, pathlib.Path)
        Query set and its run, as `robustbench_ir.evaluation.score_runs.split_runs` returns them.

    Raises
    ------
    ResultError
        If the entry is of an encoder, or the runs are not those of the entry.
    """
    name = entry.model.name
    if entry.model.kind != "run":
        raise ResultError(f"{name}: is an encoder, not scored by runs; leave --run out")
    result = score_runs(load_task(task_name(entry)), clean, attacked, list(entry.task.queries))
    made = entry_of(result, Declaration(name, entry.model.link), entry.date)
    if (made.task, made.model.fingerprint) != (entry.task, entry.model.fingerprint):
        raise ResultError(f"{name}: these are not the texts, or {clean} is not the run, of the entry")
    by_queries = {_key(cell): cell for cell in made.cells}
    missing = [cell.recipe for cell in entry.cells if _key(cell) not in by_queries]
    if missing:
        raise ResultError(f"{name}: no run of the entry's queries of {missing[0]}; name it with --run QUERIES=FILE")
    found = np.concatenate([_differences(cell, by_queries[_key(cell)]) for cell in entry.cells])
    equal = int((np.abs(found) <= _ROUNDING).sum())
    return Verification(
        sum(entry.task.queries.values()), len(found), equal, float(np.abs(found).max()), float(found.mean()), exact=True
    )


def _key(cell: EntryCell) -> tuple[str, int, int, str]:
    return cell.recipe, cell.severity, cell.seed, cell.queries_sha256


def _differences(said: EntryCell, found: EntryCell) -> Floats:
    pairs = [(said.average_precision[setting], found.average_precision[setting]) for setting in said.average_precision]
    return np.concatenate([np.subtract(*pair) for pair in pairs])
