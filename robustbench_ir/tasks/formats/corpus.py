"""Corpora as JSON Lines, gzipped or not: read once, line by line, keeping only what is needed."""

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
    """One line of a corpus; other keys, such as the address of a news article, are ignored.

    Attributes
    ----------
    docid : str
        Id of the passage.
    title, text : str, optional
        Its texts.
    """

    model_config = ConfigDict(extra="ignore")

    docid: str
    title: str | None = None
    text: str | None = None


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Read the lines of a file in bounded memory. The file is unpacked if its name ends in ``.gz``.

    Raises
    ------
    DataError
        If the file cannot be unpacked or is incomplete (a download is then deleted), or a line is longer than 16 MiB.
    """
    try:
        with closing(_opened(path)) as stream:
            lines = iter(partial(stream.readline, _LONGEST_LINE_BYTES + 1), b"")
            for number, line in enumerate(lines, start=1):
                if len(line) > _LONGEST_LINE_BYTES:
                    raise DataError(f"{path}:{number}: a line of over 16 MiB, which is not a passage; correct the file")
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
        If a line is not UTF-8, not JSON, or without `docid`; the message names file and line.
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
    """Yield all passages of a corpus that have text: one without text can never be found.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        The files, in order.
    language : str
        Language of the passages.
    """
    for line in corpus_lines(paths):
        passage = _passage(line, language)
        if passage.text:
            yield passage


def judged_and_sampled(
    paths: Iterable[Path], language: str, judged: Collection[str], sampled: int
) -> Iterator[Passage]:
    """Yield the judged passages of a corpus and a sample of the others, reading the corpus once.

    The sample has the passages whose `docid` has the smallest BLAKE2b hash: the same on every machine and in any order
    of the files, and a larger sample contains a smaller one. Memory grows with the number of passages that are kept.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        The files, in order.
    language : str
        Language of the passages.
    judged : collection of str
        Ids of the passages to keep in any case; a set.
    sampled : int
        Number of other passages to keep.
    """
    # The largest hash stands first, so that a smaller one replaces it; the number of the line decides ties.
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
    """Join title and text as Anserini's MrTyDiCollection does, with which the published baselines were made."""
    text = nfc(f"{line.title or ''}\n{line.text or ''}".strip())
    return Passage(f"{language}:{line.docid}", language, text)
