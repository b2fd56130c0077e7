"""Files of unknown authors: plain files of limited size, and nothing that a link leads to."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from robustbench_ir.errors import ResultError


def plain_bytes(path: Path, most: int, what: str) -> bytes:
    """Return the content of a plain file.

    Parameters
    ----------
    path : pathlib.Path
        File to read.
    most : int
        Number of bytes that it may have, a multiple of a MiB.
    what : str
        What the file is, for the message, such as ``"a submission"``.

    Raises
    ------
    ResultError
        If it cannot be read, is a link, a pipe or a device, or is larger.
    """
    try:
        # A link could lead out of the folder, and a pipe would never end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        step = "look at its path" if isinstance(error, FileNotFoundError) else "name a plain file, not a link"
        raise ResultError(f"{path}: cannot be read ({error.strerror}); {step}") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise ResultError(f"{path}: is not a plain file")
    with os.fdopen(descriptor, "rb") as stream:
        if found.st_size > most:
            raise ResultError(f"{path}: {found.st_size >> 20} MiB; {what} has at most {most >> 20} MiB")
        content = stream.read(most + 1)
    if len(content) > most:
        raise ResultError(f"{path}: grew beyond {most >> 20} MiB while it was read")
    return content
