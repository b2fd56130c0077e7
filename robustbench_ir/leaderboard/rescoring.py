"""Score the run files of an entry again: the way to verify a system that is not an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robustbench_ir.errors import ResultError
from robustbench_ir.evaluation.score_runs import score_runs
from robustbench_ir.leaderboard.canonical import layout_faults
from robustbench_ir.leaderboard.folder import task_name
from robustbench_ir.leaderboard.schema import Entry, EntryCell, RanksEntry
from robustbench_ir.leaderboard.verifying import Verification, differences
from robustbench_ir.results.result import Cell
from robustbench_ir.tasks import load_task


def rescore(entry: Entry, clean: Path, attacked: Sequence[tuple[str, Path]]) -> Verification:
    """Score the TREC runs of an entry again, for all queries; every rank must equal that of the entry.

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
        If the entry is of an encoder or of format 1, or the runs are not those of the entry.
    """
    name = entry.model.name
    if entry.model.kind != "run":
        raise ResultError(f"{name}: is an encoder, not scored by runs; leave --run out")
    if not isinstance(entry, RanksEntry):
        raise ResultError(f"{name}: format 1 has no ranks to compare; submit the result again")
    task = load_task(task_name(entry))
    result = score_runs(task, clean, attacked, list(entry.task.queries))
    who = result.encoder
    same = (result.task, result.task_digest, who.fingerprint, who.similarity)
    if same != (entry.task.identity, entry.task.sha256, entry.model.fingerprint, entry.model.similarity):
        raise ResultError(f"{name}: these are not the texts, or {clean} is not the run, of the entry")
    wrong = layout_faults(entry, task.select(list(entry.task.queries)))
    if wrong:
        raise ResultError(f"{name}: {wrong[0]}")
    by_queries = {_key_of(cell): cell for cell in (result.clean, *result.attacked)}
    missing = [cell.recipe for cell in entry.cells if _key(cell) not in by_queries]
    if missing:
        raise ResultError(f"{name}: no run of the entry's queries of {missing[0]}; name it with --run QUERIES=FILE")
    ranks = [by_queries[_key(cell)].ranks for cell in entry.cells]
    rows = range(len(entry.task.question))
    found = differences(entry, range(len(entry.cells)), ranks, rows, exact=True)
    return Verification(len(rows), seed=0, differences=tuple(found), exact=True)


_Key = tuple[str, int, int, str, str]


def _key(cell: EntryCell) -> _Key:
    return cell.recipe, cell.severity, cell.seed, cell.queries_sha256, cell.changed


def _key_of(cell: Cell) -> _Key:
    changed = "".join("01"[one] for one in cell.changed.astype(int))
    return str(cell.recipe), cell.severity, cell.seed, cell.digest, changed
