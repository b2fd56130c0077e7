"""The folder of submissions: one file for each entry, and no file is ever overwritten.

``submissions/<task>/<model>.json``; a later entry of the same model is ``<model>+2.json``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
from filelock import FileLock

from robustbench_ir._base.files import refuse_links, sweep, write_whole
from robustbench_ir.errors import DuplicateEntryError, ResultError
from robustbench_ir.leaderboard.entry import entry_to_json
from robustbench_ir.leaderboard.faults import entry_faults
from robustbench_ir.leaderboard.history import Age
from robustbench_ir.leaderboard.names import skeleton, slug
from robustbench_ir.leaderboard.ranks import ranks_of_entry
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.schema import Entry, RanksEntry
from robustbench_ir.leaderboard.sheet import EntrySheet, sheet_of
from robustbench_ir.tasks.task import TaskIdentity

SUBMISSIONS = "submissions"
_DEEP_RANK = 10
_DEEP_RANKS = 20
"""Two good models may share all ranks at the top; so many ranks further down are shared by copies alone."""

_COPY = 0.9


@dataclass(frozen=True)
class FiledEntry:
    """An entry and its file.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    entry : Entry
        Its content.
    """

    path: Path
    entry: Entry

    @cached_property
    def sheet(self) -> EntrySheet:
        """Values of the entry as arrays."""
        return sheet_of(self.entry)


def submission_files(folder: Path) -> list[Path]:
    """List the files of all submissions, in order; links to folders are not followed."""
    return sorted(_files(folder / SUBMISSIONS), key=_age)


def _age(path: Path) -> tuple[str, str, int, str]:
    """Return a key that sorts the files of a model as they were added: the second before the tenth."""
    return path.parent.name, _stem(path), len(path.name), path.name


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for task in os.scandir(folder):
        if task.is_dir(follow_symlinks=False):
            yield from (Path(one.path) for one in os.scandir(task.path) if one.name.endswith(".json"))


def task_name(entry: Entry) -> str:
    """Return the name of an entry's task, without its version."""
    return TaskIdentity.parse(entry.task.identity).name


def content_key(entry: Entry) -> tuple[str, ...]:
    """Return what identifies the run behind an entry: model, task, query sets and injected passages.

    The format is a part of it, so that a run of which there are values only can be submitted again with its ranks.
    """
    cells = sorted(cell.queries_sha256 + cell.recipe for cell in entry.cells)
    injected = sorted(one.attack for one in entry.poison) if isinstance(entry, RanksEntry) else []
    return str(entry.schema_version), entry.model.fingerprint or entry.model.name, entry.task.sha256, *cells, *injected


def submit(entry: Entry, folder: Path) -> Path:
    """Add an entry to the folder of the leaderboard. Several processes may do so at the same time.

    Parameters
    ----------
    entry : Entry
        Entry to add.
    folder : pathlib.Path
        Folder of the leaderboard.

    Returns
    -------
    pathlib.Path
        The new file.

    Raises
    ------
    ResultError
        If the entry has a fault, if it was added before, or if its name looks like that of another model.
    """
    wrong = entry_faults(entry)
    if wrong:
        raise ResultError(f"{entry.model.name}: {wrong[0]}")
    place = folder / SUBMISSIONS / slug(task_name(entry))
    refuse_links(place, folder)
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / SUBMISSIONS / ".lock"):
        sweep(folder / SUBMISSIONS)
        _refuse_imitation(entry, folder)
        stem = slug(entry.model.name)
        number = 1
        while (path := place / _file_name(stem, number)).exists():
            _refuse_duplicate(entry, path)
            number += 1
        refuse_links(path, folder)
        write_whole(path, entry_to_json(entry).encode())
    return path


def replace_with_mark(path: Path, entry: Entry) -> None:
    """Write the file of an entry again, with its mark; the file is not newer for it.

    Parameters
    ----------
    path : pathlib.Path
        File of the entry.
    entry : Entry
        The entry with its mark.
    """
    before = path.stat()
    write_whole(path, entry_to_json(entry).encode())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _file_name(stem: str, number: int) -> str:
    return f"{stem}.json" if number == 1 else f"{stem}+{number}.json"


def _stem(path: Path) -> str:
    return path.name.removesuffix(".json").split("+", maxsplit=1)[0]


def _refuse_imitation(entry: Entry, folder: Path) -> None:
    new = slug(entry.model.name)
    for path in submission_files(folder):
        if _stem(path) != new and skeleton(_stem(path)) == skeleton(new):
            raise ResultError(f"{entry.model.name}: looks like {_stem(path)}, which has an entry; choose another name")


def _refuse_duplicate(entry: Entry, path: Path) -> None:
    other = read_entry(path)
    if other.model.name != entry.model.name:
        raise ResultError(f"{entry.model.name}: looks like {other.model.name}, which has an entry; choose another name")
    if content_key(other) == content_key(entry):
        raise DuplicateEntryError(f"{path}: is an entry of the same run; nothing was added")


def misplaced(one: FiledEntry) -> str:
    """Return where the file of an entry belongs; empty if it is at the right place."""
    wanted = (slug(task_name(one.entry)), slug(one.entry.model.name))
    if (one.path.parent.name, _stem(one.path)) != wanted:
        return f"belongs in {SUBMISSIONS}/{wanted[0]}/{wanted[1]}.json"
    return ""


def behaviours(entry: Entry) -> Iterator[str]:
    """Yield a hash for each cell of an entry: equal ones are the same ranks of the same queries.

    Cells in which nearly all judged passages stand at the top have none: perfect rankings are alike.
    """
    if not isinstance(entry, RanksEntry):
        return
    for cell, ranks in zip(entry.cells, ranks_of_entry(entry), strict=True):
        if (ranks.in_pool > _DEEP_RANK).sum() >= _DEEP_RANKS:
            rows = ranks.in_pool.tobytes() + ranks.in_language.tobytes()
            yield sha256(f"{entry.task.sha256} {cell.queries_sha256} ".encode() + rows).hexdigest()


def likeness(entry: Entry, other: Entry) -> float:
    """Return the share of clean ranks beyond the tenth that two entries have in common; 0 if they cannot be compared.

    It is small for any two models, however good they are, and nearly 1 for a copy in which a few ranks were changed.
    """
    if not isinstance(entry, RanksEntry) or not isinstance(other, RanksEntry):
        return 0.0
    if (entry.task.sha256, entry.judged.count) != (other.task.sha256, other.judged.count):
        return 0.0
    mine, its = (ranks_of_entry(one)[0].in_pool for one in (entry, other))
    deep = np.minimum(mine, its) > _DEEP_RANK
    return float((mine == its)[deep].mean()) if deep.sum() >= _DEEP_RANKS else 0.0


def is_defence_of(entry: Entry, other: Entry) -> bool:
    """Return whether an entry is openly a defence of the encoder of another, and its attacked ranks show it.

    Both have the same ranks wherever the defence leaves the queries as they are, such as the clean ones.
    """
    named = re.fullmatch(r"(normalised:[^:]+|smoothed(-\d+)?):(?P<encoder>.+)", entry.model.encoder)
    own = named is not None and named["encoder"] == other.model.encoder
    same_weights = bool(other.model.fingerprint) and entry.model.fingerprint.endswith(f":{other.model.fingerprint}")
    return own and same_weights and set(behaviours(entry)) != set(behaviours(other))


def near_copy(one: FiledEntry, others: Iterable[FiledEntry]) -> str:
    """Return of which entry under another name a new one is a copy, up to a few ranks; empty if it is none."""
    for other in others:
        if other.entry.model.name != one.entry.model.name and not is_defence_of(one.entry, other.entry):
            share = likeness(one.entry, other.entry)
            if share >= _COPY:
                return f"a copy under another name: it has {share:.0%} of the deeper ranks of {other.path}"
    return ""


def _run_key(entry: Entry) -> Iterable[object]:
    return [content_key(entry)]


def _model_key(entry: Entry) -> Iterable[object]:
    return [(entry.task.identity, entry.model.fingerprint)] if entry.model.fingerprint else []


def _name_key(entry: Entry) -> Iterable[object]:
    return [skeleton(entry.model.name)]


@dataclass(frozen=True)
class _Rule:
    """What no two entries may share, and what the check says of the later one."""

    keys: Callable[[Entry], Iterable[object]]
    said: str
    under_one_name: bool = False
    unless: Callable[[Entry, Entry], bool] = lambda _, __: False


_RULES = (
    _Rule(_run_key, "the same run as {}", under_one_name=True),
    _Rule(_model_key, "a copy under another name: it has the fingerprint of {}"),
    _Rule(behaviours, "a copy under another name: it has the ranks of {}", unless=is_defence_of),
    _Rule(_name_key, "its name looks like that of {}"),
)


def clashes(filed: Sequence[FiledEntry], ages: Mapping[Path, Age]) -> dict[Path, str]:
    """Return the files that repeat an earlier entry, or copy it, or have a name that looks like its name, and why.

    The earlier file stays. Where nothing tells which one was first, none of them stays.

    Parameters
    ----------
    filed : sequence of FiledEntry
        Entries.
    ages : mapping of pathlib.Path to Age
        How early each file was there; see `robustbench_ir.leaderboard.history.ages`.
    """
    found: dict[Path, str] = {}
    for rule in _RULES:
        groups: dict[object, list[FiledEntry]] = {}
        for one in filed:
            for key in rule.keys(one.entry):
                groups.setdefault(key, []).append(one)
        for members in groups.values():
            if len(members) > 1:
                for path, why in _later(members, ages, rule):
                    found.setdefault(path, why)
    return found


def _later(members: Sequence[FiledEntry], ages: Mapping[Path, Age], rule: _Rule) -> Iterator[tuple[Path, str]]:
    """Yield the members of a group that came after another one with which they clash, and why."""
    ordered = sorted(members, key=lambda one: ages[one.path])
    for one in ordered:
        others = [other for other in ordered if other is not one and ages[other.path] <= ages[one.path]]
        rivals = [
            other
            for other in others
            if (rule.under_one_name or other.entry.model.name != one.entry.model.name)
            and not rule.unless(one.entry, other.entry)
            and not rule.unless(other.entry, one.entry)
        ]
        if rivals:
            tied = ages[rivals[0].path] == ages[one.path]
            yield one.path, rule.said.format(rivals[0].path) + ", and nothing says which was first" * tied
