"""Checkpoints of a training: sealed by the SHA-256 of their files, and used only while every file has its own."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robustbench_ir._base.files import is_draft, read_checked, sha256_of, write_checked
from robustbench_ir.errors import ResultError, TrainingError
from robustbench_ir.training.record import Kept

SEAL = "checksums"
"""Name of the file that holds the SHA-256 of all others; it is written last and has a checksum of its own."""

_UNSEALED = frozenset({SEAL, "README.md", "training.json"})
_CHECKPOINTS = "checkpoints"
_STATE = "trainer_state.json"
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO})
_TORCH_WRITER = "inline_container.cc"


def checkpoint_folder(out: Path) -> Path:
    """Return the folder in which a training keeps its checkpoints."""
    return out / _CHECKPOINTS


def seal(folder: Path) -> None:
    """Write down the SHA-256 of all files of a folder, after which it is whole.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of a checkpoint or a model, all of whose files are written. Of a model, the card and `training.json` are
        left out: they are written again when the model is evaluated.

    Raises
    ------
    ResultError
        If the disk is full.
    """
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not is_draft(path))
    named = ((path.relative_to(folder).as_posix(), path) for path in files)
    passing = f"{_CHECKPOINTS}/"
    sums = {name: sha256_of(path) for name, path in named if name not in _UNSEALED and not name.startswith(passing)}
    write_checked(folder / SEAL, json.dumps(sums, indent=0).encode())


def damaged_file_of(folder: Path) -> str:
    """Return the first file of a sealed folder that is missing or changed; empty if the folder is whole.

    Parameters
    ----------
    folder : pathlib.Path
        A folder that `seal` was called for; one without a seal was never finished.
    """
    sealed = read_checked(folder / SEAL)
    if sealed is None:
        return SEAL
    sums: dict[str, str] = json.loads(sealed)
    return next((name for name, sha256 in sums.items() if not _has(folder / name, sha256)), "")


def check_model(out: Path) -> None:
    """Check that a trained model is as its training wrote it; one of an earlier version has no seal and is not checked.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the model.

    Raises
    ------
    TrainingError
        If a file of it has changed or is missing.
    """
    damaged = damaged_file_of(out) if (out / SEAL).exists() else ""
    if damaged:
        raise TrainingError(
            f"{out}: {damaged} is not as the training wrote it; restore it, or remove the folder to train again"
        )


def _has(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def last_checkpoint(out: Path, keep: Kept) -> Path | None:
    """Return the newest checkpoint that a training can go on from; None if there is none.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the model.
    keep : {"best", "last"}
        Which weights the training will keep. The best ones are read from their checkpoint at the end, so that it must
        be whole too.
    """
    return next((path for path in _newest_first(out) if not _fault(path, keep)), None)


def damaged_checkpoints(out: Path, keep: Kept) -> dict[Path, str]:
    """Return the checkpoints that are newer than `last_checkpoint`, each with what is damaged or was never written.

    Parameters
    ----------
    out, keep
        See `last_checkpoint`.
    """
    found = {}
    for path in _newest_first(out):
        fault = _fault(path, keep)
        if not fault:
            break
        found[path] = fault
    return found


def _newest_first(out: Path) -> list[Path]:
    return sorted(checkpoint_folder(out).glob("checkpoint-*"), key=step_of, reverse=True)


def step_of(checkpoint: Path) -> int:
    """Return the number of steps after which a checkpoint was written; 0 for a folder of another name."""
    digits = checkpoint.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


def _fault(checkpoint: Path, keep: Kept) -> str:
    damaged = damaged_file_of(checkpoint)
    if damaged or keep == "last":
        return damaged
    best = best_of(checkpoint)
    damaged = damaged_file_of(best) if best and best != checkpoint else ""
    return f"{best.name}/{damaged}" if best and damaged else ""


def best_of(checkpoint: Path) -> Path | None:
    """Return the checkpoint that had the best validation loss when a whole one was written."""
    step = json.loads((checkpoint / _STATE).read_bytes())["best_global_step"]
    return checkpoint.with_name(f"checkpoint-{step}") if step else None


def remove_outdated(newest: Path, best: Path | None) -> None:
    """Remove all checkpoints but the newest one, the one before it, and that of the best weights.

    Parameters
    ----------
    newest : pathlib.Path
        Checkpoint that has just been sealed. The one before it is what a training goes on from if this one is damaged.
    best : pathlib.Path, optional
        Checkpoint whose weights the training will keep.
    """
    older = sorted((path for path in newest.parent.glob("checkpoint-*") if path != newest), key=step_of)
    for path in older[:-1]:
        if path != best:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def one_line_if_the_disk_is_full(out: Path) -> Iterator[None]:
    """Turn what torch, safetensors and Python raise on a full disk into one error, and free what was half written.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the model.

    Raises
    ------
    TrainingError
        If a file could not be written.
    """
    try:
        yield
    except ResultError as error:
        raise _not_written(out, error.__cause__ or error) from error
    except Exception as error:
        if not _is_of_the_disk(error):
            raise
        raise _not_written(out, error) from error


def _is_of_the_disk(error: Exception) -> bool:
    """Return True for errors of writing: those of torch and safetensors are recognised by their text only."""
    if isinstance(error, OSError):
        return error.errno in _DISK
    return any(word in str(error) for word in ("(os error ", _TORCH_WRITER))


def _not_written(out: Path, error: BaseException) -> TrainingError:
    for path in _newest_first(out):
        if not (path / SEAL).exists():
            shutil.rmtree(path, ignore_errors=True)
    said = getattr(error, "strerror", None) or str(error).splitlines()[0]
    said = "the disk is full, or takes no larger files" if _TORCH_WRITER in said else said
    return TrainingError(f"cannot be written ({said}); free some space, then run the same command again")
