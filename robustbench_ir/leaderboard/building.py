"""Check submissions, and write the board and its page."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from robustbench_ir._base.files import refuse_links, sweep, write_together
from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir._version import __version__
from robustbench_ir.errors import ResultError
from robustbench_ir.leaderboard.board import board, board_to_json
from robustbench_ir.leaderboard.canonical import (
    CANONICAL_FILE,
    Digests,
    contradictions,
    digest_status,
    layout_faults,
    read_canonical,
    recompute_digests,
    task_at_hand,
)
from robustbench_ir.leaderboard.faults import entry_faults
from robustbench_ir.leaderboard.folder import SUBMISSIONS, FiledEntry, clashes, misplaced, near_copy, submission_files
from robustbench_ir.leaderboard.history import NAMED, History, ages, history_of
from robustbench_ir.leaderboard.marks import mark_fault
from robustbench_ir.leaderboard.page import page
from robustbench_ir.leaderboard.published import read_published
from robustbench_ir.leaderboard.reading import entry_from_json, read_entry
from robustbench_ir.leaderboard.schema import Entry, RanksEntry

BOARD = "leaderboard.json"
_SILENCE = Silence()


@dataclass(frozen=True)
class FileCheck:
    """Outcome of the check of one file.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    faults : tuple of str
        Why the file is refused, one line each; empty if it is accepted.
    remark : str
        ``checked``, ``not checked: ...`` or ``non-comparable: ...``; docs/glossary.md has these words.
    digests : dict of str to str, optional
        Digests that the check has computed again.
    recorded : bool
        Whether `canonical.json` has them already, so that the board, which computes none, says the same.
    """

    path: Path
    faults: tuple[str, ...]
    remark: str = ""
    digests: dict[str, str] | None = None
    recorded: bool = True


BuiltBoard = tuple[Path, list[FileCheck], int]


def read_all(paths: Collection[Path], progress: Progress = _SILENCE) -> tuple[list[FiledEntry], list[FileCheck]]:
    """Read files, and return the accepted entries and the checks of the refused files."""
    filed, refused = [], []
    for number, path in enumerate(paths, 1):
        progress.stage(f"read {number} of {len(paths)}: {path}")
        try:
            one = FiledEntry(path, read_entry(path))
        except ResultError as error:
            refused.append(FileCheck(path, (str(error).removeprefix(f"{path}: "),)))
            continue
        wrong = [*entry_faults(one.entry, partial(getattr, one, "sheet")), *filter(None, [misplaced(one)])]
        if wrong:
            refused.append(FileCheck(path, tuple(wrong)))
        else:
            filed.append(one)
    return filed, refused


def check_submissions(
    paths: Sequence[Path],
    folder: Path,
    own_word: bool = True,
    today: str | None = None,
    base: str | None = None,
    progress: Progress = _SILENCE,
) -> list[FileCheck]:
    """Check each file by itself, against the rest of the folder, and against the canonical queries.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Files to check; all files of the folder if empty. They are about to be added: what else is there was first.
    folder : pathlib.Path
        Folder of the leaderboard.
    own_word : bool
        Whether an entry may declare itself verified. A new entry may not.
    today : str, optional
        Latest date that an entry may have, such as ``2026-11-26``; by default the current date in UTC.
    base : str, optional
        Commit, branch or tag that has the accepted entries: what it has was first, and stays as it is.
    progress : Progress
        Receives which entry is read, and which is checked, which can take seconds for each.

    Returns
    -------
    list of FileCheck
        One for each file, sorted by path; and one for each file of the base that was changed or deleted.

    Raises
    ------
    OptionError
        If `base` is no commit of a repository around the folder.
    """
    everything = submission_files(folder)
    history = history_of(folder, base)
    wanted = {path.absolute() for path in paths or everything}
    filed, refused = read_all(dict.fromkeys((*everything, *_outside(paths, everything))), progress)
    changed = history.changed if history else frozenset()
    verdicts = [one for one in refused if one.path.absolute() in wanted or one.path.resolve() in changed]
    there = ages([one.path for one in filed], history, paths)
    clashing = clashes(filed, there)
    check = _Check(read_canonical(folder), own_word, _day(today), None if base is None else history)
    looked_at = [one for one in filed if one.path.absolute() in wanted or one.path.resolve() in changed]
    for number, one in enumerate(looked_at, 1):
        progress.stage(f"check {number} of {len(looked_at)}: {one.path}")
        why = [clashing[one.path]] if one.path in clashing else []
        if not why and (there[one.path][0] == NAMED or check.proposes(one)):
            earlier = [other for other in filed if there[other.path] < there[one.path]]
            why = [said] if (said := near_copy(one, earlier)) else []
        verdicts.append(check.verdict(one, why))
    if check.history:
        gone = sorted(path for path in check.history.deleted if _is_submission(path, folder))
        verdicts += [FileCheck(path, ("was deleted; an accepted entry stays: restore it",)) for path in gone]
    return sorted(verdicts, key=lambda verdict: verdict.path)


def _outside(paths: Iterable[Path], everything: Iterable[Path]) -> list[Path]:
    known = {path.absolute() for path in everything}
    return [path for path in paths if path.absolute() not in known]


def _day(today: str | None) -> str:
    return today or datetime.now(UTC).date().isoformat()


def _is_submission(path: Path, folder: Path) -> bool:
    return path.is_relative_to((folder / SUBMISSIONS).resolve()) and path.suffix == ".json"


@dataclass(frozen=True)
class _Check:
    """What files are checked against."""

    known: Digests
    own_word: bool
    latest: str
    history: History | None

    def verdict(self, one: FiledEntry, why: Sequence[str]) -> FileCheck:
        wrong = [*why, *self._of_mark(one), *self._of_base(one)]
        if one.entry.date > self.latest:
            wrong.append(f"date: {one.entry.date} is in the future")
        task, missing = task_at_hand(one.entry)
        wrong += layout_faults(one.entry, task) if task else []
        if wrong:
            return FileCheck(one.path, tuple(wrong))
        made, missing = recompute_digests(one.entry, task) if task else ({}, missing)
        wrong = contradictions(one.entry, {**self.known, **made})
        if wrong:
            return FileCheck(one.path, tuple(wrong))
        name, reason = digest_status(one.entry, {**self.known, **made})
        if name == "checked" and missing:
            return FileCheck(one.path, (), f"checked by {CANONICAL_FILE}; not computed again: {missing}", made)
        said = missing or reason if name == "not checked" else reason
        recorded = name != "checked" or digest_status(one.entry, self.known)[0] == "checked"
        return FileCheck(one.path, (), f"{name}: {said}" if said else name, made, recorded)

    def proposes(self, one: FiledEntry) -> bool:
        """Return whether a file is not in the base commit."""
        return self.history is not None and one.path.resolve() not in self.history.added

    def _of_mark(self, one: FiledEntry) -> list[str]:
        if one.entry.verified is None:
            return []
        if not self.own_word or self.proposes(one):
            return ["verified: only `irbench leaderboard verify` may write it, after the entry was accepted"]
        fault = mark_fault(one.entry, self.latest) if isinstance(one.entry, RanksEntry) else ""
        return [f"verified: {fault}; remove the mark, and verify the entry again"] if fault else []

    def _of_base(self, one: FiledEntry) -> list[str]:
        """Return why an accepted file may not be as it is: nothing of it may change."""
        if not self.history or one.path.resolve() not in self.history.changed:
            return []
        try:
            before = entry_from_json(self.history.content_before(one.path.resolve()), str(one.path))
        except ResultError:
            return ["was there before, and cannot be read there; add the entry under another number"]
        if before.model_copy(update={"verified": None}) == one.entry.model_copy(update={"verified": None}):
            return ["verified: a mark is written on the main branch, by whoever merges"]
        return ["was changed; an accepted entry stays as it is: restore it, and add yours by `irbench submit`"]


def build_board(folder: Path, target: Path | None = None, today: str | None = None) -> BuiltBoard:
    """Write `leaderboard.json` and the page: all of their files, or none if one cannot be written.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the leaderboard.
    target : pathlib.Path, optional
        Folder of the page; by default ``site`` inside `folder`.
    today : str, optional
        Latest date that an entry may have; by default the current date in UTC.

    Returns
    -------
    pathlib.Path, list of FileCheck, int
        The page, the files that were left out, and the number of entries.
    """
    with _collector_at_rest():
        read, refused = read_all(submission_files(folder))
        known, latest = read_canonical(folder), _day(today)
        wrong = {one.path: why[0] for one in read if (why := _left_out(one, known, latest))}
        filed = [one for one in read if one.path not in wrong]
        there = ages([one.path for one in filed], history_of(folder))
        wrong |= clashes(filed, there)
        refused += [FileCheck(path, (reason,)) for path, reason in wrong.items()]
        taken = sorted((one for one in filed if one.path not in wrong), key=lambda one: there[one.path])
        made = board(taken, known, reported=read_published(folder), today=latest)
        text = board_to_json(made)
    site = target or folder / "site"
    newest = max((one.entry.date for one in taken), default="none")
    built = f"on {latest} with irbench {__version__} from {len(taken)} entries, the newest of {newest},"
    written = {
        site / "index.html": page(text, built).encode(),
        **dict.fromkeys((site / BOARD, folder / BOARD), text.encode()),
    }
    for path in written:
        refuse_links(path, site if target and path.parent == site else folder)
    sweep(folder)
    write_together(written)
    return site / "index.html", refused, len(taken)


def _left_out(one: FiledEntry, known: Digests, latest: str) -> list[str]:
    future = [f"date: {one.entry.date} is in the future"] if one.entry.date > latest else []
    return [*future, *contradictions(one.entry, known)]


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Switch Python's garbage collector off for a while.

    Among millions of numbers, none of which is garbage, its search for cycles takes a quarter of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_sound_entry(path: Path) -> Entry:
    """Read one entry, and refuse it if it has a fault.

    Raises
    ------
    ResultError
        If the entry has a fault.
    """
    entry = read_entry(path)
    wrong = entry_faults(entry)
    if wrong:
        raise ResultError(f"{path}: {wrong[0]}")
    return entry
