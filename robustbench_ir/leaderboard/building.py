"""Checks submissions, and writes the board and its page."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from robustbench_ir._base.files import write_whole
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
    """What a check says of a file.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    faults : tuple of str
        Why it is refused, one line each; empty where it is taken.
    remark : str
        ``canonical``, ``unverified digests: ...`` or ``non-comparable: ...``.
    digests : dict
        Those that were computed again.
    """

    path: Path
    faults: tuple[str, ...]
    remark: str = ""
    digests: dict[str, str] | None = None


def read_all(paths: Iterable[Path]) -> tuple[list[FiledEntry], list[FileCheck]]:
    """Read files; those that are refused come as verdicts."""
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
    """Check files, each against itself, the rest of the folder, and the canonical queries.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Which files; all of the folder if empty.
    folder : pathlib.Path
        Of the leaderboard.
    own_word : bool
        Whether an entry may say that it is verified; a new one may not.
    today : str, optional
        The latest date an entry may bear; that of the day in UTC by default.
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
                wrong.append("verified: is for `irbench leaderboard verify` to write")
            if one.entry.date > latest:
                wrong.append(f"date: {one.entry.date} is yet to come")
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
    """Write `leaderboard.json` and the page; whoever reads sees the old ones or the new ones.

    Parameters
    ----------
    folder : pathlib.Path
        Of the leaderboard.
    target : pathlib.Path, optional
        Folder of the page; ``site`` in it by default.

    Returns
    -------
    pathlib.Path, list of Verdict, int
        The page, the files that were left out, and the number of entries.
    """
    with _collector_at_rest():
        filed, refused = read_all(submission_files(folder))
        clashing = clashes(filed)
        refused += [FileCheck(path, (reason,)) for path, reason in clashing.items()]
        taken = [one for one in filed if one.path not in clashing]
        text = board_to_json(board(taken, read_canonical(folder), reported=read_published(folder)))
    site = target or folder / "site"
    written = page(text)
    write_whole(folder / BOARD, text.encode())
    write_whole(site / BOARD, text.encode())
    write_whole(site / "index.html", written.encode())
    return site / "index.html", refused, len(taken)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep Python from looking for cycles: among millions of numbers, none garbage, it takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_sound_entry(path: Path) -> Entry:
    """Read one entry that has no fault.

    Raises
    ------
    ResultError
        It has one.
    """
    entry = read_entry(path)
    wrong = entry_faults(entry)
    if wrong:
        raise ResultError(f"{path}: {wrong[0]}")
    return entry
