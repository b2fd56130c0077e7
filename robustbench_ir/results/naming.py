"""Names of result files: results of encoders or tasks that are called alike never overwrite each other."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from robustbench_ir._base.files import is_stream
from robustbench_ir.errors import ResultError
from robustbench_ir.results.file import load_result
from robustbench_ir.results.result import Result


def is_of_another_run(path: Path, fingerprint: str, task: str) -> bool:
    """Return True if a file is there and is not a result of this encoder on this task.

    Parameters
    ----------
    path : pathlib.Path
        Where a result is to be written.
    fingerprint : str
        Fingerprint of the encoder.
    task : str
        Identity of the task.
    """
    if not path.exists() or is_stream(path):
        return False
    try:
        there = load_result(path)
    except ResultError:
        return True
    return (there.encoder.fingerprint, there.task) != (fingerprint, task)


def free_path(path: Path, result: Result) -> Path:
    """Return a path for a result: with some digits in its name where the file there is of another encoder or task."""
    fingerprint, task = result.encoder.fingerprint, result.task
    if not is_of_another_run(path, fingerprint, task):
        return path
    digits = blake2b(f"{fingerprint}\n{task}".encode(), digest_size=4).hexdigest()
    return path.with_name(f"{path.stem}-{digits}{path.suffix}")


def check_not_of_another_run(path: Path, fingerprint: str, task: str) -> None:
    """Raise ResultError where a file that was named on purpose is of another encoder or task, or is no result."""
    if is_of_another_run(path, fingerprint, task):
        raise ResultError(
            f"{path}: is there already, and is no result of this encoder on {task}; name another file, or say --force"
        )
