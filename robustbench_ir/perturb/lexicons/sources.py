"""Readers of published dictionaries: from a file to pairs of a word and its substitute."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError, DataUnavailableError, OptionError

Pair = tuple[str, str]
Format = Literal["tsv", "muse", "synsets", "naijasenti", "dictd", "tei"]
ReportLine = Callable[[str], None]
"""Receives a message for each faulty line, ``file:line: fault``."""

_DIGITS = {
    digit: value for value, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
_NUMBERING = re.compile(r"^\s*\d+\.\s*")
_REMARK = re.compile(r"\([^)]*\)|\[[^\]]*\]|<[^>]*>|\{[^}]*\}|/[^/]*/")


def refuse_line(fault: str) -> None:
    """Raise an error for a faulty line. A `ReportLine`.

    Raises
    ------
    DataError
        Always.
    """
    raise DataError(f"{fault}; correct the line, or leave such lines out with --on-bad-line skip")


def read_pairs(form: Format, entry: Traversable, complain: ReportLine = refuse_line) -> Iterator[Pair]:
    """Read a dictionary.

    Parameters
    ----------
    form : {"tsv", "muse", "synsets", "naijasenti", "dictd", "tei"}
        `tsv`: two columns. `muse`: two words with a space or a tab between them. `synsets`: Open Multilingual Wordnet
        tables; the substitute is the synset. `naijasenti`: CSV with the columns `human` and `word`. `dictd`: a `.index`
        file beside its `.dict` or `.dict.dz`. `tei`: FreeDict's XML.
    entry : Traversable
        The file.
    complain : callable
        Receives a message for each faulty line; by default the first one is an error.

    Yields
    ------
    (str, str)
        Word in lower case, and substitute; NFC, one space between words, neither empty.

    Raises
    ------
    DataError
        If the file is not UTF-8 or lacks a column, or its XML is broken or declares entities.
    """
    for word, substitute in _READERS[form](entry, complain):
        left, right = _clean(word).lower(), _clean(substitute)
        if left and right:
            yield left, right


def _clean(text: str) -> str:
    return nfc(" ".join(text.replace("_", " ").split()))


def read_text(entry: Traversable) -> str:
    """Read a file of UTF-8.

    Raises
    ------
    DataError
        If it is not UTF-8.
    DataUnavailableError
        If it cannot be read.
    """
    try:
        return entry.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{entry}: not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise DataUnavailableError(f"{entry}: cannot be read ({error.strerror or error}); name a file") from error


def _by_line(parse: Callable[[str], Pair | str | None]) -> Callable[[Traversable, ReportLine], Iterator[Pair]]:
    """Return a reader whose parser turns each line into a pair, into None, or into a message about its fault."""

    def read(entry: Traversable, complain: ReportLine) -> Iterator[Pair]:
        for number, line in enumerate(read_text(entry).split("\n"), start=1):
            stripped = line.rstrip("\r")
            if not stripped.strip() or stripped.startswith("#"):
                continue
            found = parse(stripped)
            if isinstance(found, str):
                complain(f"{entry}:{number}: {found}")
            elif found is not None:
                yield found

    return read


def _tsv(line: str) -> Pair | str:
    columns = line.split("\t")
    return (columns[0], columns[1]) if len(columns) == 2 else f"{len(columns)} columns, expected entry<TAB>substitute"


def _muse(line: str) -> Pair | str:
    words = line.split()
    return (words[0], words[1]) if len(words) == 2 else f"{len(words)} words, expected two"


def _synset(line: str) -> Pair | str | None:
    columns = line.split("\t")
    if len(columns) != 3:
        return f"{len(columns)} columns, expected synset<TAB>lang:lemma<TAB>word"
    return (columns[2], columns[0]) if columns[1].endswith("lemma") else None


def _naijasenti(entry: Traversable, complain: ReportLine) -> Iterator[Pair]:  # noqa: ARG001
    rows = csv.DictReader(io.StringIO(read_text(entry)))
    if not {"word", "human"} <= set(rows.fieldnames or ()):
        raise DataError(f"{entry}:1: no columns 'word' and 'human'")
    for row in rows:
        yield row["human"] or "", row["word"] or ""


def _dictd(entry: Traversable, complain: ReportLine) -> Iterator[Pair]:
    """Read a dictd database: `headword<TAB>offset<TAB>length` in base 64, and the bodies that it refers to."""
    bodies = _bodies(Path(str(entry)))
    for number, line in enumerate(read_text(entry).split("\n"), start=1):
        columns = line.split("\t")
        if not line or columns[0].startswith("00database"):
            continue
        try:
            headword, start, length = columns[0], _base64(columns[1]), _base64(columns[2])
        except (IndexError, KeyError):
            complain(f"{entry}:{number}: expected headword<TAB>offset<TAB>length, the numbers in base 64")
            continue
        body = bodies[start : start + length].decode("utf-8", "replace")
        for translation in _definitions(body):
            yield headword, translation


def _bodies(index: Path) -> bytes:
    for ending, unpack in ((".dict.dz", gzip.decompress), (".dict", bytes)):
        path = index.with_suffix(ending)
        if path.is_file():
            return unpack(path.read_bytes())
    raise DataUnavailableError(f"{index.with_suffix('.dict.dz')}: no such file; it belongs beside {index.name}")


def _base64(number: str) -> int:
    value = 0
    for digit in number:
        value = value * 64 + _DIGITS[digit]
    return value


def _definitions(body: str) -> Iterator[str]:
    """Yield the translations in one of FreeDict's bodies: after the headword's line, without remarks and examples."""
    for line in body.split("\n")[1:]:
        if line.lstrip().startswith('"'):
            continue
        for part in re.split("[,;]", _REMARK.sub(" ", _NUMBERING.sub("", line))):
            yield part.rpartition(":")[2].replace("~", " ")


def _tei(entry: Traversable, complain: ReportLine) -> Iterator[Pair]:  # noqa: ARG001
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, iterparse

    try:
        with entry.open("rb") as stream:
            for _, element in iterparse(stream):
                if element.tag.endswith("}entry") or element.tag == "entry":
                    yield from _tei_entry(element)
                    element.clear()
    except (ParseError, DefusedXmlException) as error:
        raise DataError(f"{entry}: not a TEI dictionary: {error}") from error


def _tei_entry(entry: Element) -> Iterator[Pair]:
    headwords = [orth.text or "" for orth in entry.findall("./{*}form/{*}orth")]
    for quote in entry.findall(".//{*}sense//{*}cit[@type='trans']/{*}quote"):
        for headword in headwords:
            yield headword, "".join(quote.itertext())


_READERS: Mapping[Format, Callable[[Traversable, ReportLine], Iterator[Pair]]] = {
    "tsv": _by_line(_tsv),
    "muse": _by_line(_muse),
    "synsets": _by_line(_synset),
    "naijasenti": _naijasenti,
    "dictd": _dictd,
    "tei": _tei,
}
FORMATS = tuple(_READERS)
_BY_ENDING: Mapping[str, Format] = {
    ".index": "dictd",
    ".tei": "tei",
    ".tsv": "tsv",
    ".tab": "synsets",
    ".csv": "naijasenti",
}


def guess_format(path: Path) -> Format:
    """Return the format that the name of a file suggests.

    Raises
    ------
    OptionError
        If the ending is unknown.
    """
    if path.suffix not in _BY_ENDING:
        raise OptionError(f"{path}: the ending of the name is unknown; add --format, one of {', '.join(FORMATS)}")
    return _BY_ENDING[path.suffix]
