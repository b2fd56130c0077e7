"""What people wrote in place of a folder's queries, for the recipe `variants:NAME`: lines of `variants/NAME.jsonl`.

::

    {"query_id": "q1", "text": "...", "source": "..."}

`source` may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from importlib.resources.abc import Traversable

from robustbench_ir._base.text import is_visible, nfc
from robustbench_ir.errors import nearest
from robustbench_ir.tasks.faults import Fault, Report, json_objects
from robustbench_ir.tasks.formats.folder_files import files_in
from robustbench_ir.tasks.task import Query, Variant

FOLDER = "variants"
_SUFFIXES = (".jsonl", ".jsonl.gz")
_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LINE = '{"query_id": "q1", "text": "..."}'


def variant_names(folder: Traversable) -> list[str]:
    """Return the names of a folder's sets of variants, sorted.

    Parameters
    ----------
    folder : Traversable
        From `robustbench_ir.tasks.formats.folder_files.opened`.
    """
    return [_name_of(path) for path in files_in(folder / FOLDER, _SUFFIXES)]


def read_variants(
    folder: Traversable, queries: Iterable[Query], known: Collection[str], report: Report
) -> dict[str, tuple[Variant, ...]]:
    """Read all sets of variants, and report each fault on the way.

    Parameters
    ----------
    folder : Traversable
        The folder of the task.
    queries : iterable of Query
        Its queries, as far as they have no fault.
    known : collection of str
        Ids of all its queries, so that a fault of a query is not reported twice.
    report : callable
        Receives each fault.
    """
    languages = {query.query_id: query.language for query in queries}
    found: dict[str, tuple[Variant, ...]] = {}
    for path in files_in(folder / FOLDER, _SUFFIXES):
        name = _name_of(path)
        if not _NAME.fullmatch(name):
            message = f"{name!a} cannot name a recipe; rename the file with letters, digits, '-', '_' and '.' only"
            report(Fault(path, None, message))
        elif name in found:
            report(Fault(path, None, f"there is {name}.jsonl too; remove one of them"))
        else:
            found[name] = _read(path, languages, known, report)
    return found


def _name_of(path: Traversable) -> str:
    return path.name.removesuffix(".gz").removesuffix(".jsonl")


def _read(path: Traversable, languages: dict[str, str], known: Collection[str], report: Report) -> tuple[Variant, ...]:
    found: dict[str, Variant] = {}
    line_of: dict[str, int] = {}
    number = 0
    for number, record in json_objects(path, report):
        try:
            query_id, text = _text(record, "query_id"), _text(record, "text")
            source = _text(record, "source") if record.get("source") is not None else ""
            _check_query(query_id, known, line_of)
        except ValueError as error:
            report(Fault(path, number, str(error)))
            continue
        line_of[query_id] = number
        if query_id in languages:
            found[query_id] = Variant(query_id, languages[query_id], text, source)
    if not number:
        report(Fault(path, None, f"no variant could be read; write lines such as {_LINE}, or remove the file"))
    return tuple(found.values())


def _text(record: dict[str, object], key: str) -> str:
    """Return the text under a key, NFC; raise a `ValueError` that says what is wrong with it."""
    value = record.get(key)
    if key not in record:
        raise ValueError(f'key "{key}" is missing; a line is such as {_LINE}')
    if not isinstance(value, str):
        raise ValueError(f'key "{key}" must be a string between quotation marks')  # a fault of the file
    if _SURROGATE.search(value):
        raise ValueError(f'key "{key}" holds a lone surrogate, which is not Unicode text')
    text = nfc(value.strip())
    if not text and key != "source":
        raise ValueError(f'key "{key}" is empty; write it, or remove the line')
    if text and not is_visible(text):
        raise ValueError(f'key "{key}" has only invisible characters; write it, or remove the line')
    return text


def _check_query(query_id: str, known: Collection[str], line_of: dict[str, int]) -> None:
    if query_id not in known:
        hint = nearest(query_id, known) if known else ""
        hint = hint if hint.startswith("did you mean") else "correct the id, or remove the line"
        raise ValueError(f"there is no query {query_id!a}; {hint}")
    if query_id in line_of:
        raise ValueError(f"query {query_id!a} has a variant already, on line {line_of[query_id]}; remove one of them")
