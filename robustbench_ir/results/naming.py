"""Names of result files: a result overwrites another one only if both are of the same run, or if that is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from robustbench_ir._base.files import is_stream
from robustbench_ir.errors import ResultError
from robustbench_ir.results.file import load_result, save_result
from robustbench_ir.results.result import Result

_LANGUAGES_IN_NAME = 5


@dataclass(frozen=True)
class RunIdentity:
    """What decides whether two results are of the same run.

    Attributes
    ----------
    encoder : str
        Fingerprint of the encoder.
    task, task_digest : str
        Identity of the task, and SHA-256 of its texts and judgements in the chosen languages.
    cells : frozenset of (str, int, int), optional
        Identity of the attack, severity and seed of each attacked cell; None while it is not known.
    """

    encoder: str
    task: str
    task_digest: str
    cells: frozenset[tuple[str, int, int]] | None

    @classmethod
    def of(cls, result: Result) -> RunIdentity:
        """Return the identity of the run that made a result."""
        cells = frozenset((str(cell.recipe), cell.severity, cell.seed) for cell in result.attacked)
        return cls(result.encoder.fingerprint, result.task, result.task_digest, cells)

    def may_be(self, other: RunIdentity) -> bool:
        """Return True if nothing that is known of two runs differs."""
        known = None not in {self.cells, other.cells}
        facts = [(run.encoder, run.task, run.task_digest, run.cells if known else None) for run in (self, other)]
        # An encoder without a fingerprint may be any encoder.
        return bool(self.encoder) and facts[0] == facts[1]


@dataclass(frozen=True)
class Saved:
    """Where a result was written.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    note : str
        What happened to an earlier file, in words; empty if there was none.
    """

    path: Path
    note: str = ""


def save_beside(result: Result, path: Path, *, force: bool = False) -> Saved:
    """Write a result file; beside the named one, under a name with a number, if that holds another run.

    Parameters
    ----------
    result : Result
        The result.
    path : pathlib.Path
        File to write.
    force : bool
        Replace whatever is there.

    Raises
    ------
    ResultError
        If the file cannot be written.
    """
    if is_stream(path) or not path.exists():
        return Saved(save_result(result, path))
    there = _result_at(path)
    same = there is not None and _are_of_one_run(there, result)
    if same or force:
        save_result(result, path)
        return Saved(path, f"replaced {'the earlier result of the same run' if same else 'what was there'}")
    free, taken = _free_path(path, result)
    save_result(result, free)
    again = "; replaced the earlier result of the same run" if taken else ""
    return Saved(free, f"{path} {_kept(there)} and was kept{again}")


def _kept(there: Result | None) -> str:
    return "is no result" if there is None else "has the result of another run"


def check_not_of_another_run(path: Path, run: RunIdentity, otherwise: str = "say --force") -> None:
    """Refuse to overwrite a file that was named on purpose, before hours are spent on a run.

    Parameters
    ----------
    path : pathlib.Path
        Where a result is to be written.
    run : RunIdentity
        The run that will make it.
    otherwise : str
        How to replace the file all the same, for the message.

    Raises
    ------
    ResultError
        If the file is no result, or that of another run.
    """
    if is_stream(path) or not path.exists():
        return
    there = _result_at(path)
    if there is None or not run.may_be(RunIdentity.of(there)):
        raise ResultError(f"{path}: is there already and {_kept(there)}; name another file, or {otherwise}")


def usual_name(encoder: str, task: str, languages: Iterable[str] | None = None, more: str = "") -> str:
    """Return the file name of a result, which tells encoder, task and languages apart.

    Parameters
    ----------
    encoder, task : str
        Names of encoder and task.
    languages : iterable of str, optional
        The languages that were chosen; None if all of the task were.
    more : str
        What else sets the result apart, such as ``"200-questions"``.

    Examples
    --------
    >>> usual_name("intfloat/multilingual-e5-small", "./shop", ["hi", "en"])
    'multilingual-e5-small-shop-en-hi.json'
    """
    codes = sorted(set(languages or ()))
    named = "-".join(codes) if len(codes) <= _LANGUAGES_IN_NAME else f"{len(codes)}-languages"
    return f"{'-'.join(map(file_name_part, filter(None, (encoder, task, named, more))))}.json"


def file_name_part(name: str) -> str:
    """Return a name as part of a file name: the last part of a path or hub name, without odd characters."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name.rstrip("/").rsplit("/", 1)[-1]).strip("-.") or "result"


def _result_at(path: Path) -> Result | None:
    try:
        return load_result(path)
    except ResultError:
        return None


def _are_of_one_run(one: Result, other: Result) -> bool:
    """Return True if two results have the same encoder, task and queries, so that they differ in no number."""
    digests = [sorted((str(cell.recipe), cell.severity, cell.seed, cell.digest) for cell in each.attacked)
               for each in (one, other)]  # fmt: skip
    same = digests[0] == digests[1] and one.scoring == other.scoring
    return same and RunIdentity.of(one).may_be(RunIdentity.of(other))


def _free_path(path: Path, result: Result) -> tuple[Path, bool]:
    """Return the first name with a number that is free or has the same run, and whether it is taken."""
    for number in count(2):
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        if not candidate.exists():
            return candidate, False
        there = _result_at(candidate)
        if there is not None and _are_of_one_run(there, result):
            return candidate, True
    raise AssertionError("numbers do not end")
