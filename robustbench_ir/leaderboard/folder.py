"""The folder of submissions: one file for each entry, and no file is ever overwritten.

``submissions/<task>/<model>.json``; a later entry of the same model is ``<model>+2.json``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from filelock import FileLock

from robustbench_ir._base.files import refuse_links, sweep, write_whole
from robustbench_ir.errors import ResultError
from robustbench_ir.leaderboard.entry import entry_to_json
from robustbench_ir.leaderboard.faults import entry_faults
from robustbench_ir.leaderboard.names import skeleton, slug
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.schema import Entry
from robustbench_ir.leaderboard.sheet import EntrySheet, sheet_of
from robustbench_ir.tasks.task import TaskIdentity

_SUBMISSIONS = "submissions"


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
    return sorted(_files(folder / _SUBMISSIONS), key=_age)


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
    """Return what identifies the run behind an entry: model, task and query sets."""
    cells = sorted(cell.queries_sha256 + cell.recipe for cell in entry.cells)
    return entry.model.fingerprint or entry.model.name, entry.task.sha256, *cells


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
    place = folder / _SUBMISSIONS / slug(task_name(entry))
    refuse_links(place, folder)
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / _SUBMISSIONS / ".lock"):
        sweep(folder / _SUBMISSIONS)
        _refuse_imitation(entry, folder)
        stem = slug(entry.model.name)
        number = 1
        while (path := place / _file_name(stem, number)).exists():
            _refuse_duplicate(entry, path)
            number += 1
        refuse_links(path, folder)
        write_whole(path, entry_to_json(entry).encode())
    return path


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
        raise ResultError(f"{path}: is an entry of the same run; nothing was added")


def misplaced(one: FiledEntry) -> str:
    """Return where the file of an entry belongs; empty if it is at the right place."""
    wanted = (slug(task_name(one.entry)), slug(one.entry.model.name))
    if (one.path.parent.name, _stem(one.path)) != wanted:
        return f"belongs in {_SUBMISSIONS}/{wanted[0]}/{wanted[1]}.json"
    return ""


def clashes(filed: list[FiledEntry]) -> dict[Path, str]:
    """Return files that repeat an earlier entry or have a name that looks like that of another model, and why.

    The earlier file stays.
    """
    keys: dict[tuple[str, ...], Path] = {}
    names: dict[str, tuple[str, Path]] = {}
    found = {}
    for one in filed:
        first = keys.setdefault(content_key(one.entry), one.path)
        name, where = names.setdefault(skeleton(one.entry.model.name), (one.entry.model.name, one.path))
        if first != one.path:
            found[one.path] = f"the same run as {first}"
        elif name != one.entry.model.name:
            found[one.path] = f"its name looks like that of {where}"
    return found
