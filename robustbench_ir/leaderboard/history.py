"""Which submission was there first: the history of the repository says it, never the name of a file.

Dates inside commits and files can be written at will, so that the order of the commits on the main line counts: a
commit of the main line is one that was accepted. Git is asked with fixed arguments and without a shell.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from robustbench_ir.errors import OptionError, ResultError

Age = tuple[int, float]
"""Smaller is earlier; equal ages cannot be distinguished."""

_BASE, _RECORDED, _HERE, NAMED = range(4)
_SECONDS = 60


@dataclass(frozen=True)
class History:
    """The accepted submissions of a repository.

    Attributes
    ----------
    root : pathlib.Path
        Top folder of the repository.
    base : str
        The commit that a change is compared with; empty without one.
    added : mapping of pathlib.Path to int
        File to the place of the commit that added it, on the main line of `base`, or of the current commit; 0 is the
        earliest.
    changed, deleted : frozenset of pathlib.Path
        Files that are there in `base` and have another content here, or are missing here.
    """

    root: Path
    base: str = ""
    added: Mapping[Path, int] = field(default_factory=dict)
    changed: frozenset[Path] = frozenset()
    deleted: frozenset[Path] = frozenset()

    def content_before(self, path: Path) -> bytes:
        """Return the content of a file in the base commit.

        Raises
        ------
        ResultError
            If git cannot tell.
        """
        return _git(self.root, "show", f"{self.base}:{path.relative_to(self.root).as_posix()}")


def history_of(folder: Path, base: str | None = None) -> History | None:
    """Read the history of the files in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        A folder.
    base : str, optional
        A commit, branch or tag: what it has was there first. By default the current commit stands for it.

    Returns
    -------
    History or None
        None if no base is given and the folder is in no repository that has a commit.

    Raises
    ------
    OptionError
        If `base` is given and is no commit.
    """
    here = folder.resolve()
    try:
        root = Path(_git(here, "rev-parse", "--show-toplevel").decode().rstrip("\n")).resolve()
        # Resolved first: a name that begins with a dash would be an option, and a branch could move meanwhile.
        wanted = f"{'HEAD' if base is None else base}^{{commit}}"
        commit = _git(here, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    except (ResultError, OSError) as error:
        if base is None:
            return None
        raise OptionError(
            f"--base {base!a}: no commit of a repository around {folder}; "
            f"name a branch such as origin/main, and fetch it with its whole history"
        ) from error
    name = commit.decode().strip()
    added = _added(root, here, name)
    if base is None:
        return History(root, "", added)
    changes = _paths_by_status(_git(here, "diff", "--name-status", "--no-renames", "-z", name, "--", "."), root)
    return History(root, name, added, frozenset(changes.get("M", ())), frozenset(changes.get("D", ())))


def _added(root: Path, here: Path, commit: str) -> dict[Path, int]:
    """Return for each file of a commit the place of the commit on the main line that added it last."""
    present = {root / name for name in _names(_git(root, "ls-tree", "-r", "-z", "--name-only", commit))}
    log = _git(
        here,
        *("log", "--first-parent", "--diff-merges=first-parent", "--no-renames", "--diff-filter=A"),
        *("--format=%x01", "--name-only", "-z", commit, "--", "."),
    )
    found: dict[Path, int] = {}
    for place, names in enumerate(reversed(log.split(b"\x01"))):
        for name in _names(names):
            found[root / name] = place
    return {path: place for path, place in found.items() if path in present}


def _names(text: bytes) -> list[str]:
    return [name for name in text.decode("utf-8", "surrogateescape").strip("\n").split("\0") if name.strip("\n")]


def _paths_by_status(text: bytes, root: Path) -> dict[str, list[Path]]:
    """Return the files of ``git diff --name-status -z``: a letter and a name in turn, a NUL after each."""
    parts = _names(text)
    found: dict[str, list[Path]] = {}
    for letter, name in zip(parts[::2], parts[1::2], strict=True):
        # A changed type, such as a link in place of a file, is another content.
        found.setdefault("M" if letter == "T" else letter, []).append(root / name)
    return found


def _git(place: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(place), "-c", "core.quotePath=false", "-c", "core.fsmonitor=false", *arguments]
    # Inside a hook of git, these would name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments, no shell
            command,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ResultError(f"git cannot be asked who was first ({error}); install git and try again") from error
    if done.returncode:
        raise ResultError(f"git {arguments[0]} failed in {place}; see `git -C {place} status`")
    return done.stdout


def ages(paths: Iterable[Path], history: History | None, named: Iterable[Path] = ()) -> dict[Path, Age]:
    """Return how early each file was there.

    Files of the base commit come first, in the order in which they were added. Then come the other files, those that
    are named on the command line last: against them, everything else was there. Without a base, files that the history
    knows come before those that it does not know. Among the latter the time of the file counts, which proves nothing,
    but nothing better is there.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files.
    history : History, optional
        Their history, if there is one.
    named : iterable of pathlib.Path
        Files that are about to be added.
    """
    late = {path.absolute() for path in named}
    return {path: _age(path, history, late) for path in paths}


def _age(path: Path, history: History | None, late: set[Path]) -> Age:
    place = history.added.get(path.resolve()) if history else None
    if history and history.base and place is not None:
        return _BASE, place
    if path.absolute() in late:
        return NAMED, _time(path) if place is None else place
    return (_HERE, _time(path)) if place is None else (_RECORDED, place)


def _time(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return float("inf")
