"""Check submissions, and write the board and its page."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from robustbench_ir._base.files import refuse_links, sweep, write_together
from robustbench_ir.errors import ResultError
from robustbench_ir.leaderboard.board import board, board_to_json, page
from robustbench_ir.leaderboard.canonical import CANONICAL_FILE, digest_status, read_canonical, recompute_digests
from robustbench_ir.leaderboard.faults import entry_faults
from robustbench_ir.leaderboard.folder import FiledEntry, clashes, misplaced, submission_files
from robustbench_ir.leaderboard.published import read_published
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.schema import Entry

BOARD = "leaderboard.json"


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
        ``canonical``, ``unverified digests: ...`` or ``non-comparable: ...``.
    digests : dict of str to str, optional
        Digests that the check has computed again.
    """

    path: Path
    faults: tuple[str, ...]
    remark: str = ""
    digests: dict[str, str] | None = None


def read_all(paths: Iterable[Path]) -> tuple[list[FiledEntry], list[FileCheck]]:
    """Read files, and return the accepted entries and the checks of the refused files."""
    filed, refused = [], []
    for path in paths:
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
    paths: Sequence[Path], folder: Path, own_word: bool = True, today: str | None = None
) -> list[FileCheck]:
    """Check each file by itself, against the rest of the folder, and against the canonical queries.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Files to check; all files of the folder if empty.
    folder : pathlib.Path
        Folder of the leaderboard.
    own_word : bool
        Whether an entry may declare itself verified. A new entry may not.
    today : str, optional
        Latest date that an entry may have, such as ``2026-11-26``; by default the current date in UTC.

    Returns
    -------
    list of FileCheck
        One for each file, sorted by path.
    """
    everything = submission_files(folder)
    wanted = {path.absolute() for path in paths or everything}
    filed, refused = read_all(dict.fromkeys((*everything, *paths)))
    verdicts = [one for one in refused if one.path.absolute() in wanted]
    clashing = clashes(filed)
    latest = today or datetime.now(UTC).date().isoformat()
    for one in filed:
        if one.path.absolute() in wanted:
            wrong = [clashing[one.path]] if one.path in clashing else []
            if one.entry.verified and not own_word:
                wrong.append("verified: only `irbench leaderboard verify` may write it")
            if one.entry.date > latest:
                wrong.append(f"date: {one.entry.date} is in the future")
            verdicts.append(_verdict(one, wrong, folder))
    return sorted(verdicts, key=lambda verdict: verdict.path)


def _verdict(one: FiledEntry, wrong: Sequence[str], folder: Path) -> FileCheck:
    if wrong:
        return FileCheck(one.path, tuple(wrong))
    made, why = recompute_digests(one.entry)
    name, reason = digest_status(one.entry, {**read_canonical(folder), **made})
    if name == "canonical" and why:
        return FileCheck(one.path, (), f"canonical by {CANONICAL_FILE}; not computed again: {why}", made)
    said = reason if name == "non-comparable" else why or reason
    return FileCheck(one.path, (), f"{name}: {said}" if said else name, made)


def build_board(folder: Path, target: Path | None = None) -> tuple[Path, list[FileCheck], int]:
    """Write `leaderboard.json` and the page: all of their files, or none if one cannot be written.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the leaderboard.
    target : pathlib.Path, optional
        Folder of the page; by default ``site`` inside `folder`.

    Returns
    -------
    pathlib.Path, list of FileCheck, int
        The page, the files that were left out, and the number of entries.
    """
    with _collector_at_rest():
        filed, refused = read_all(submission_files(folder))
        clashing = clashes(filed)
        refused += [FileCheck(path, (reason,)) for path, reason in clashing.items()]
        taken = [one for one in filed if one.path not in clashing]
        text = board_to_json(board(taken, read_canonical(folder), reported=read_published(folder)))
    site = target or folder / "site"
    written = {site / "index.html": page(text).encode(), **dict.fromkeys((site / BOARD, folder / BOARD), text.encode())}
    for path in written:
        refuse_links(path, site if target and path.parent == site else folder)
    sweep(folder)
    write_together(written)
    return site / "index.html", refused, len(taken)


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
