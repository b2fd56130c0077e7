"""Corpora as gzipped or plain JSON Lines: read once, line by line, keeping only what is wanted."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from functools import partial
from hashlib import blake2b
from heapq import heappush, heapreplace
from pathlib import Path
from typing import BinaryIO, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError
from robustbench_ir.resources.downloads import damaged_file
from robustbench_ir.tasks.task import Passage

_LONGEST_LINE_BYTES = 1 << 24
_BUFFER_BYTES = 1 << 20


class CorpusLine(BaseModel):
    """One line of a corpus; keys that are not read, such as the address of a news article, are left out."""

    model_config = ConfigDict(extra="ignore")

    docid: str
    title: str | None = None
    text: str | None = None


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Read the lines of a file, unpacked if its name ends in ``.gz``, in bounded memory.

    Raises
    ------
    DataError
        The file cannot be unpacked or is cut short (a download is thrown away), or a line is over 16 MiB.
    """
    try:
        with closing(_opened(path)) as stream:
            lines = iter(partial(stream.readline, _LONGEST_LINE_BYTES + 1), b"")
            for number, line in enumerate(lines, start=1):
                if len(line) > _LONGEST_LINE_BYTES:
                    raise DataError(f"{path}:{number}: a line of over 16 MiB; it is no passage, mend the file")
                yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged_file(path, f"cannot be unpacked to its end ({error})") from error


def _opened(path: Path) -> BinaryIO:
    if path.suffix != ".gz":
        return path.open("rb", buffering=_BUFFER_BYTES)
    # The buffer in front finds lines in C; GzipFile's own takes several Python calls for each.
    return io.BufferedReader(cast("io.RawIOBase", gzip.open(path)), _BUFFER_BYTES)


def corpus_lines(paths: Iterable[Path]) -> Iterator[CorpusLine]:
    """Read the passages of a corpus.

    Raises
    ------
    DataError
        A line that is not UTF-8, not JSON, or without `docid`: named by file and number.
    """
    read = CorpusLine.model_validate_json
    for path in paths:
        for number, line in numbered_lines(path):
            try:
                yield read(line)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                key = ".".join(map(str, first["loc"]))
                raise DataError(f"{path}:{number}: {f'key {key!r}: ' if key else ''}{first['msg']}") from error


def passages(paths: Iterable[Path], language: str) -> Iterator[Passage]:
    """Return all passages of a corpus; one without any text is left out, as nothing could find it."""
    for line in corpus_lines(paths):
        passage = _passage(line, language)
        if passage.text:
            yield passage


def judged_and_sampled(
    paths: Iterable[Path], language: str, judged: Collection[str], sampled: int
) -> Iterator[Passage]:
    """Return the judged passages of a corpus and a sample of the others, reading it once.

    The sample is those whose `docid` has the smallest BLAKE2b hashes: the same on every machine and in any order of the
    files, and a larger sample holds the smaller one. Memory grows with what is kept.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        The files, one after the other.
    language : str
        Language of the passages.
    judged : collection of str
        What is kept anyway; a set.
    sampled : int
        How many others.
    """
    # The largest hash stands first, so that it goes when a smaller one comes; the number settles ties.
    kept: list[tuple[int, int, CorpusLine]] = []
    for number, line in enumerate(corpus_lines(paths)):
        if line.docid in judged:
            passage = _passage(line, language)
            if passage.text:
                yield passage
            continue
        place = -int.from_bytes(blake2b(line.docid.encode(), digest_size=8).digest())
        if len(kept) < sampled:
            heappush(kept, (place, number, line))
        elif place > kept[0][0]:
            heapreplace(kept, (place, number, line))
    others = (_passage(line, language) for _, _, line in sorted(kept, reverse=True))
    yield from (passage for passage in others if passage.text)


def _passage(line: CorpusLine, language: str) -> Passage:
    """Put title and text together as Anserini's MrTyDiCollection does, which made the published baselines."""
    text = nfc(f"{line.title or ''}\n{line.text or ''}".strip())
    return Passage(f"{language}:{line.docid}", language, text)
