"""Faults in a user's files, by file and line. Lines are read with bounded memory."""

from __future__ import annotations

import codecs
import gzip
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import BinaryIO, cast

from robustbench_ir.errors import DataError

LONGEST_LINE = 16 << 20
"""Number of bytes; a longer line is refused and never held in memory."""


@dataclass(frozen=True)
class Fault:
    """A fault, or a remark, at one place of a file.

    Attributes
    ----------
    path : pathlib.Path or the like
        The file, which may be a member of a ZIP archive.
    line : int, optional
        Line number from 1; None for the file as a whole.
    message : str
        The fault, and what to do about it.
    note : bool
        Whether it is only a remark: the task loads all the same.
    """

    path: Traversable
    line: int | None
    message: str
    note: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else f"{self.path}"
        return f"{place}: {'note: ' if self.note else ''}{self.message}"


Report = Callable[[Fault], None]
"""Receives each fault, in the order in which they are found."""


def raise_first(fault: Fault) -> None:
    """Raise an error for a fault, and ignore a remark. A `Report`.

    Raises
    ------
    DataError
        If it is a fault; the message names file and line.
    """
    if not fault.note:
        raise DataError(str(fault))


@contextmanager
def _opened(path: Traversable) -> Iterator[BinaryIO]:
    """Open a file for its bytes, unpacked if its name ends in ``.gz``."""
    with cast("BinaryIO", path.open("rb")) as raw:
        yield cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if path.name.endswith(".gz") else raw


def lines(path: Traversable, report: Report) -> Iterator[tuple[int, str]]:
    """Read the lines of a text file that are not blank, with their numbers, without line feeds; unpack ``.gz``."""
    try:
        with _opened(path) as stream:
            number = 0
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    report(Fault(path, number, f"the line is longer than {LONGEST_LINE >> 20} MiB; split its text"))
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(LONGEST_LINE)
                    continue
                try:
                    text = line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode()
                except UnicodeDecodeError as error:
                    report(Fault(path, number, f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"))
                    continue
                if text.strip():
                    yield number, text.rstrip("\r\n")
    except FileNotFoundError:
        report(Fault(path, None, "no such file"))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        report(Fault(path, None, f"cannot be read: {getattr(error, 'strerror', None) or error}"))


def json_objects(path: Traversable, report: Report) -> Iterator[tuple[int, dict[str, object]]]:
    """Read the objects of a JSON Lines file, or the rows of a Parquet file, with their numbers from 1."""
    if path.name.endswith(".parquet"):
        yield from _parquet_rows(path, report)
        return
    for number, line in lines(path, report):
        try:
            found = json.loads(line)
        except json.JSONDecodeError as error:
            report(Fault(path, number, f"not JSON: column {error.colno}: {error.msg}"))
        except (ValueError, RecursionError):
            report(Fault(path, number, "not JSON: a number without end, or brackets nested too deep"))
        else:
            if isinstance(found, dict):
                yield number, found
            else:
                report(Fault(path, number, 'a line must be an object, such as {"_id": "1", "text": "..."}'))


def _parquet_rows(path: Traversable, report: Report) -> Iterator[tuple[int, dict[str, object]]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        report(Fault(path, None, "a Parquet file is read by pyarrow; pip install pyarrow, or save it as JSON Lines"))
        return
    number = 0
    try:
        with path.open("rb") as stream:
            for batch in parquet.ParquetFile(stream).iter_batches():
                for number, record in enumerate(batch.to_pylist(), start=number + 1):  # noqa: B020  # goes on counting
                    yield number, record
    except (OSError, ArrowException) as error:
        report(Fault(path, None, f"cannot be read as Parquet: {str(error).splitlines()[0]}"))
