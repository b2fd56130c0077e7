"""Marks of verified entries: a mark belongs to the entry that it was written for, and falls when the entry changes."""

from __future__ import annotations

from hashlib import sha256

from robustbench_ir._version import __version__
from robustbench_ir.errors import OptionError
from robustbench_ir.leaderboard.entry import entry_to_json
from robustbench_ir.leaderboard.names import printable_text
from robustbench_ir.leaderboard.schema import Entry, VerifiedRecord
from robustbench_ir.leaderboard.verifying import LEAST_SAMPLE, MEAN_TOLERANCE, RANK_SHARE, Verification

_LONGEST_NAME = 100


def entry_digest(entry: Entry) -> str:
    """Return the SHA-256 of an entry without its mark, as 64 hexadecimal digits."""
    return sha256(entry_to_json(entry.model_copy(update={"verified": None})).encode()).hexdigest()


def verifier_name(name: str) -> str:
    """Return the name of a verifier unchanged.

    Raises
    ------
    OptionError
        If it is too long, or has characters that cannot be seen.
    """
    try:
        printable_text(name)
    except ValueError as error:
        raise OptionError(f"--by: {error}; write the name in plain letters") from error
    if len(name) > _LONGEST_NAME:
        raise OptionError(f"--by: {len(name)} characters; a name has at most {_LONGEST_NAME}")
    return name


def check_mark(entry: Entry, by: str, sample: int | None) -> None:
    """Refuse a mark that could not be written, before any work.

    Parameters
    ----------
    entry : Entry
        The entry.
    by : str
        Name of the verifier.
    sample : int or None
        Number of queries that are asked for; None for all.

    Raises
    ------
    OptionError
        If the name is no name, or if the sample is too small for a mark.
    """
    verifier_name(by)
    if sample is not None and sample < least_sample(entry):
        raise OptionError(f"--sample {sample}: a mark needs at least {least_sample(entry)} queries of this entry")


def marked(entry: Entry, found: Verification, by: str, date: str) -> Entry:
    """Return an entry with the mark of its verification.

    Parameters
    ----------
    entry : Entry
        The entry.
    found : Verification
        What was found; it holds.
    by, date : str
        Name of the verifier, and the day.

    Raises
    ------
    OptionError
        If the sample was too small for a mark.
    """
    check_mark(entry, by, found.sample)
    mark = VerifiedRecord(
        by=by,
        date=date,
        sample=found.sample,
        seed=found.seed,
        irbench=__version__,
        entry_sha256=entry_digest(entry),
        largest_mean_difference=found.largest_mean_difference,
        rank_agreement=found.rank_agreement,
        searched=found.searched,
    )
    return entry.model_copy(update={"verified": mark})


def least_sample(entry: Entry) -> int:
    """Return how many queries a mark needs: all, if there are few."""
    return min(LEAST_SAMPLE, sum(entry.task.queries.values()))


def mark_fault(entry: Entry, today: str) -> str:
    """Return why the mark of an entry does not count; empty if it does, or if there is none.

    Parameters
    ----------
    entry : Entry
        The entry.
    today : str
        Latest date that a mark may have, such as ``2026-11-26``.
    """
    mark = entry.verified
    if mark is None:
        return ""
    if not isinstance(mark, VerifiedRecord):
        return "the mark is of an earlier version and says nothing of the file"
    if mark.entry_sha256 != entry_digest(entry):
        return "the entry has changed since it was verified, or the mark was written by hand"
    if not entry.date <= mark.date <= today:
        return f"the mark is of {mark.date}, before the entry or in the future"
    queries = sum(entry.task.queries.values())
    fits = least_sample(entry) <= mark.sample <= queries
    if not fits or mark.largest_mean_difference > MEAN_TOLERANCE or mark.rank_agreement < RANK_SHARE:
        return "no verification that holds writes such a mark"
    return ""
