"""Digests of tasks and of the query sets that the recipes of this version make, and what an entry was ranked on.

Digests that were computed once are kept in `leaderboard/canonical.json`, so that a board can be built, and an entry can
be checked, where the data of the task is not available. Entries themselves cannot change this file. For a task it has
the digest of the texts and that of the layout: languages and their order, pools, questions and judgements. For a query
set it has the digest of the texts and that of the digits which say what changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Literal

from robustbench_ir._base.files import refuse_links, write_whole
from robustbench_ir.errors import ResultError, RobustBenchError
from robustbench_ir.leaderboard.ranks import judgements_of_entry, layout_digest
from robustbench_ir.leaderboard.schema import Entry, EntryCell, RanksEntry
from robustbench_ir.metrics.settings import judgements_of
from robustbench_ir.perturb import Perturbation, digest, load_recipe, recipe_names, unchanged
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity, Threat
from robustbench_ir.tasks import Task, load_task, task_names
from robustbench_ir.tasks.task import TaskIdentity

DigestStatus = Literal["checked", "not checked", "format 1, values only", "non-comparable"]
Digests = Mapping[str, str]
"""``xquad-r@1 en,hi typo@3 3 0`` (task, languages, recipe, severity, seed), or task and languages alone, to SHA-256;
the same followed by ``changed`` or ``layout`` for what is known beside the texts."""

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
    path = folder / CANONICAL_FILE
    refuse_links(path, folder)
    merged = {**read_canonical(folder), **digests}
    write_whole(path, (json.dumps(merged, indent=1, sort_keys=True) + "\n").encode())


def comparison_key(entry: Entry) -> str:
    """Return what entries must share to be compared: task, query languages, and pool languages if they differ.

    Languages are sorted here: whether their order is that of the task is a question of the layout.
    """
    asked, answered = ",".join(sorted(entry.task.queries)), ",".join(sorted(entry.task.pool))
    return f"{entry.task.identity} {asked}" if asked == answered else f"{entry.task.identity} {asked} in {answered}"


def threat_model(recipe: str) -> Threat:
    """Return the threat model of a recipe's identity.

    >>> [threat(one) for one in ("typo@3", "greedy(typo@3)|goal=map|words=2|queries=500")]
    ['average case', 'worst case']
    """
    return AttackIdentity.parse(recipe).threat


def _place(entry: Entry, cell: EntryCell) -> str:
    return f"{comparison_key(entry)} {cell.recipe} {cell.severity} {cell.seed}"


def _layout(key: str) -> str:
    return f"{key} layout"


def _changed(place: str) -> str:
    return f"{place} changed"


def _drawn(entry: Entry) -> Iterator[tuple[int, EntryCell]]:
    """Yield the cells whose queries anybody can make, with their numbers."""
    for number, cell in enumerate(entry.cells):
        if threat_model(cell.recipe) == "average case":
            yield number, cell


def digest_of_changes(changed: str) -> str:
    """Return the SHA-256 of the digits that say which queries changed."""
    return sha256(changed.encode()).hexdigest()


def digest_status(entry: Entry, known: Digests) -> tuple[DigestStatus, str]:
    """Compare the digests of an entry with the canonical ones.

    Queries that a search made against one model belong to that model alone: for them there are no canonical digests.

    Parameters
    ----------
    entry : Entry
        Entry to judge; `contradictions` found nothing in it.
    known : mapping of str to str
        Canonical digests.

    Returns
    -------
    str, str
        ``"checked"``, ``"not checked"``, ``"format 1, values only"`` or ``"non-comparable"``; and the reason.
        It is empty for the first, unless the canonical file has no layout yet.
    """
    unknown = ""
    key = comparison_key(entry)
    said = {key: entry.task.sha256} | {_place(entry, cell): cell.queries_sha256 for _, cell in _drawn(entry)}
    for place, said_digest in said.items():
        if place not in known:
            unknown = unknown or place
        elif known[place] != said_digest:
            return "non-comparable", f"{place}: the digest is not the canonical one"
    if not isinstance(entry, RanksEntry):
        return "format 1, values only", "format 1 has no ranks to check; submit the result again to be ranked"
    if unknown:
        return "not checked", f"{unknown}: no canonical digest is known"
    older = _layout(key) not in known
    return "checked", f"{CANONICAL_FILE} is older and has no layout of {key}; add it with --record" * older


def contradictions(entry: Entry, known: Digests) -> list[str]:
    """Return what an entry says otherwise than the canonical texts that it names, one line each.

    Parameters
    ----------
    entry : Entry
        Entry whose lists have the right lengths.
    known : mapping of str to str
        Canonical digests.
    """
    found, key = [], comparison_key(entry)
    texts = [place for place, digest_there in known.items() if digest_there == entry.task.sha256 and place != key]
    if texts:
        found.append(f"task: its languages are not those of the texts that it names, which are {texts[0]}")
    layout = known.get(_layout(key))
    named = layout and known.get(key) == entry.task.sha256
    if named and isinstance(entry, RanksEntry) and layout_digest(judgements_of_entry(entry)) != layout:
        found.append("task: languages, order, pools, questions or judgements are not those of the texts it names")
    for number, cell in _drawn(entry):
        place = _place(entry, cell)
        changed = known.get(_changed(place))
        if changed and known.get(place) == cell.queries_sha256 and changed != digest_of_changes(cell.changed):
            found.append(f"cells.{number}: 'changed' does not say which of these queries changed")
    return found


def layout_faults(entry: Entry, task: Task) -> list[str]:
    """Return what an entry says otherwise than a task whose texts it names, one line each."""
    if entry.task.sha256 != task.digest:
        return []
    there = judgements_of(task)
    counts = {language: there.languages.count(language) for language in there.query_languages}
    pairs: dict[str, tuple[object, object]] = {
        "task.queries": ([*entry.task.queries.items()], [*counts.items()]),
        "task.pool": ([*entry.task.pool.items()], [*there.pool.items()]),
        "task.question": (entry.task.question, there.question.tolist()),
    }
    if isinstance(entry, RanksEntry):
        said = judgements_of_entry(entry)
        pairs |= {
            f"judged.{name}": (getattr(said, name).tolist(), getattr(there, name).tolist())
            for name in ("query", "passage_language", "grade")
        }
        pairs["judged.relevant_from"] = said.relevant_from, there.relevant_from
    return [f"{name}: is not that of {task.identity}" for name, (mine, its) in pairs.items() if mine != its]


def task_at_hand(entry: Entry) -> tuple[Task | None, str]:
    """Load the task of an entry if it ships and its data is available.

    Only cards that ship with the package are read: an entry cannot name files.

    Returns
    -------
    Task or None, str
        The task, and why there is none.
    """
    name = TaskIdentity.parse(entry.task.identity).name
    if name not in task_names():
        return None, f"task {entry.task.identity} does not ship with irbench"
    try:
        task = task_of_entry(entry)
    except RobustBenchError as error:
        return None, str(error)
    return (task, "") if task.identity == entry.task.identity else (None, f"this irbench has {task.identity}")


def recompute_digests(entry: Entry, task: Task) -> tuple[dict[str, str], str]:
    """Make the query sets of an entry again, where the recipe is available.

    Parameters
    ----------
    entry : Entry
        The entry.
    task : Task
        Its task, as `task_at_hand` gives it.

    Returns
    -------
    dict, str
        Digests by their key; and why some are missing, empty if none is.
    """
    key = comparison_key(entry)
    found = {key: task.digest, _layout(key): layout_digest(judgements_of(task))}
    missing = ""
    for _, cell in _drawn(entry):
        try:
            made = perturbed_queries(task, cell)
        except RobustBenchError as error:
            made, missing = None, str(error)
        if made is not None:
            found[_place(entry, cell)] = digest(made)
            found[_changed(_place(entry, cell))] = digest_of_changes("".join("01"[one.changed] for one in made))
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
