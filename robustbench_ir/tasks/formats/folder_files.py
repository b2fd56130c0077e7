"""Where a folder, or a ZIP archive of one, keeps its texts and judgements: BEIR's layout, the hub's and Anserini's."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

from robustbench_ir.errors import DataError
from robustbench_ir.tasks.formats.qrels import SUFFIXES

CORPUS = ("corpus", "collection", "documents", "docs")
QUERIES = ("queries", "topics")
_JUDGEMENTS = ("qrels", "data", "default")
TEXT_SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".parquet")
_NAMES_SHOWN = 8


def opened(path: Path) -> Traversable:
    """Return a folder, or what stands in a ZIP archive: its only folder, if it holds nothing else.

    Raises
    ------
    DataError
        Neither of them.
    """
    if path.is_dir():
        return path
    if path.suffix != ".zip" or not path.is_file():
        raise DataError(f"{path}: no such folder; a task of your own is a folder with corpus.jsonl and queries.jsonl")
    try:
        root = zipfile.Path(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path}: not a whole ZIP archive ({error}); download it again") from error
    inside = [one for one in root.iterdir() if one.name != "__MACOSX"]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else root


def text_files(folder: Traversable, stems: Sequence[str], suffixes: Sequence[str] = TEXT_SUFFIXES) -> list[Traversable]:
    """Return the files of a corpus or of queries: `corpus.jsonl` and the like, or all files of a folder `corpus`.

    Parameters
    ----------
    folder : Traversable
        From `opened`.
    stems : sequence of str
        Names to look for, `CORPUS` or `QUERIES`; the first that is there is taken.
    suffixes : sequence of str
        Ends of names.
    """
    for stem in stems:
        beside = [one for one in files_in(folder, suffixes) if one.name.split(".")[0].split("-")[0] == stem]
        exact = [one for one in beside if one.name.removeprefix(stem) in suffixes]
        found = exact[:1] or beside or files_in(folder / stem, suffixes)
        if found:
            return found
    return []


def judgement_files(folder: Traversable) -> list[Traversable]:
    """Return the files of judgements: those of the folder `qrels`, or `qrels.tsv` and the like beside the texts."""
    for name in _JUDGEMENTS:
        beside = [one for one in files_in(folder, SUFFIXES) if one.name.startswith("qrels")] if name == "qrels" else []
        found = files_in(folder / name, SUFFIXES) or beside
        if found:
            return found
    return []


def there_is(folder: Traversable) -> str:
    """Return the names in a folder, for the error that something else is not in it."""
    names = sorted(one.name for one in folder.iterdir())
    return ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "") if names else "nothing"


def files_in(folder: Traversable, suffixes: Sequence[str]) -> list[Traversable]:
    """Return the files of a folder whose names end so, by name; none where there is no such folder."""
    if not folder.is_dir():
        return []
    found = (one for one in folder.iterdir() if one.is_file() and one.name.endswith(tuple(suffixes)))
    return sorted((one for one in found if not one.name.startswith(".")), key=lambda one: one.name)
