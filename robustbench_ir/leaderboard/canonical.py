"""Digests of the query sets that the recipes of this version make, and whether an entry was ranked on those queries.

Digests that were computed once are kept in `leaderboard/canonical.json`, so that a board can be built, and an entry can
be checked, where the data of the task is not available. Entries themselves cannot change this file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import ResultError, RobustBenchError
from robustbench_ir.leaderboard.schema import Entry, EntryCell
from robustbench_ir.perturb import Perturbation, digest, load_recipe, recipe_names, unchanged
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity, Threat
from robustbench_ir.tasks import Task, load_task, task_names
from robustbench_ir.tasks.task import TaskIdentity

DigestStatus = Literal["canonical", "unverified digests", "non-comparable"]
Digests = Mapping[str, str]
"""``xquad-r@1 en,hi typo@3 3 0`` (task, languages, recipe, severity, seed), or task and languages alone, to SHA-256."""

CANONICAL_FILE = "canonical.json"


def read_canonical(folder: Path) -> dict[str, str]:
    """Read the digests that are kept in the folder of the leaderboard; an empty dict if there is no file.

    Raises
    ------
    ResultError
        If the file is not JSON.
    """
    path = folder / CANONICAL_FILE
    if not path.is_file():
        return {}
    try:
        table: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultError(f"{path}: not JSON ({error}); restore it from git") from error
    return table


def write_canonical(folder: Path, digests: Digests) -> None:
    """Add digests to those that are kept.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the leaderboard.
    digests : mapping of str to str
        Digests to add; they replace kept ones of the same key.
    """
    merged = {**read_canonical(folder), **digests}
    write_whole(folder / CANONICAL_FILE, (json.dumps(merged, indent=1, sort_keys=True) + "\n").encode())


def comparison_key(entry: Entry) -> str:
    """Return what entries must share to be compared: task, query languages, and pool languages if they differ."""
    asked, answered = ",".join(entry.task.queries), ",".join(entry.task.pool)
    return f"{entry.task.identity} {asked}" if asked == answered else f"{entry.task.identity} {asked} in {answered}"


def threat_model(recipe: str) -> Threat:
    """Return the threat model of a recipe's identity.

    >>> [threat(one) for one in ("typo@3", "greedy(typo@3)|goal=map|words=2|queries=500")]
    ['average case', 'worst case']
    """
    return AttackIdentity.parse(recipe).threat


def _place(entry: Entry, cell: EntryCell) -> str:
    return f"{comparison_key(entry)} {cell.recipe} {cell.severity} {cell.seed}"


def digest_status(entry: Entry, known: Digests) -> tuple[DigestStatus, str]:
    """Compare the digests of an entry with the canonical ones.

    Queries that a search made against one model belong to that model alone: for them there are no canonical digests.

    Parameters
    ----------
    entry : Entry
        Entry to judge.
    known : mapping of str to str
        Canonical digests.

    Returns
    -------
    str, str
        ``"canonical"``, ``"unverified digests"`` or ``"non-comparable"``; and the reason, empty for the first.
    """
    unknown = ""
    drawn = [cell for cell in entry.cells if threat_model(cell.recipe) == "average case"]
    said = {comparison_key(entry): entry.task.sha256} | {_place(entry, cell): cell.queries_sha256 for cell in drawn}
    for place, said_digest in said.items():
        if place not in known:
            unknown = unknown or place
        elif known[place] != said_digest:
            return "non-comparable", f"{place}: the digest is not the canonical one"
    return ("unverified digests", f"{unknown}: no canonical digest") if unknown else ("canonical", "")


def recompute_digests(entry: Entry) -> tuple[dict[str, str], str]:
    """Make the task and the query sets of an entry again, where data, task and recipe are available.

    Only cards that ship with the package are read: an entry cannot name files.

    Returns
    -------
    dict, str
        Digests by their key; and why some are missing, empty if none is.
    """
    name = TaskIdentity.parse(entry.task.identity).name
    if name not in task_names():
        return {}, f"task {entry.task.identity} does not ship with irbench"
    try:
        task = task_of_entry(entry)
    except RobustBenchError as error:
        return {}, str(error)
    if task.identity != entry.task.identity:
        return {}, f"this irbench has {task.identity}"
    found = {comparison_key(entry): task.digest}
    missing = ""
    for cell in entry.cells:
        if threat_model(cell.recipe) != "average case":
            continue
        try:
            made = perturbed_queries(task, cell)
        except RobustBenchError as error:
            made, missing = None, str(error)
        if made is not None:
            found[_place(entry, cell)] = digest(made)
        else:
            missing = missing or f"{cell.recipe} is not the recipe of this irbench"
    return found, missing


def task_of_entry(entry: Entry) -> Task:
    """Load the task of an entry.

    A task reads the passages of the chosen languages only. So the languages of the queries can give another pool than
    the languages of queries and passages together; the pool whose size is that of the entry is taken.
    """
    name = TaskIdentity.parse(entry.task.identity).name
    both = dict.fromkeys((*entry.task.queries, *entry.task.pool))
    task = load_task(name, list(entry.task.queries))
    if task.digest == entry.task.sha256 or len(both) == len(entry.task.queries):
        return task
    wider = load_task(name, list(both))
    return wider if wider.pool_sizes == entry.task.pool else task


def perturbed_queries(task: Task, cell: EntryCell) -> list[Perturbation] | None:
    """Make the queries of a cell again.

    Parameters
    ----------
    task : Task
        Task of the entry.
    cell : EntryCell
        Recipe, severity and seed.

    Returns
    -------
    list of Perturbation or None
        One for each query of the task; None if the recipe does not ship with this version.
    """
    attack = AttackIdentity.parse(cell.recipe)
    if attack == CLEAN:
        return [unchanged(one.query_id, one.text) for one in task.queries]
    name = attack.recipes[0].name
    if name not in recipe_names():
        return None
    recipe = load_recipe(name).for_task(task)
    if attack != AttackIdentity((recipe.identity,)):
        return None
    return recipe.perturb(task.queries, cell.severity, cell.seed)
