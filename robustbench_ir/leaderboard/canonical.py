"""The digests of query sets as the recipes of this version make them, and whether an entry was ranked on those.

What was recomputed is kept in `leaderboard/canonical.json`, so that a board can be built, and an entry be checked,
where the task's data is not at hand. Entries themselves have no say in it.
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
    """Read the digests kept in the leaderboard's folder; none where there is no file."""
    path = folder / CANONICAL_FILE
    if not path.is_file():
        return {}
    try:
        table: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultError(f"{path}: not JSON ({error}); restore it from git") from error
    return table


def write_canonical(folder: Path, digests: Digests) -> None:
    """Add digests to those kept."""
    merged = {**read_canonical(folder), **digests}
    write_whole(folder / CANONICAL_FILE, (json.dumps(merged, indent=1, sort_keys=True) + "\n").encode())


def comparison_key(entry: Entry) -> str:
    """Say on what an entry was ranked: task, languages of the queries, and of the pool where they are others."""
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
    """Say whether an entry was ranked on the canonical queries and passages, and what is wrong or not known.

    Queries that a search made against one model are its own: there are no canonical ones.
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
    """Make an entry's task and query sets anew, where data, task and recipe are at hand.

    Returns
    -------
    dict, str
        Digests by place, and why some are missing, or nothing. Only cards that ship are read: an entry names no files.
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
    """Load the task of an entry: with the languages of its queries, or of its pool, too, if that is its size.

    A task reads the passages of the languages asked for, so that both can be different pools.
    """
    name = TaskIdentity.parse(entry.task.identity).name
    both = dict.fromkeys((*entry.task.queries, *entry.task.pool))
    task = load_task(name, list(entry.task.queries))
    if task.digest == entry.task.sha256 or len(both) == len(entry.task.queries):
        return task
    wider = load_task(name, list(both))
    return wider if wider.pool_sizes == entry.task.pool else task


def perturbed_queries(task: Task, cell: EntryCell) -> list[Perturbation] | None:
    """Make the queries of a cell anew; None where its recipe is not one that ships with this version."""
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
