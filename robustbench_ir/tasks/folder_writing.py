"""Write a task as a folder that `irbench attack --task ./folder` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import OptionError
from robustbench_ir.tasks.task import Passage, Query, Variant

_TABLE = "query-id\tcorpus-id\tscore\n"


def check_is_new(out: Path) -> None:
    """Raise an `OptionError` if there is something in a folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(f"{out}: is not empty; name a folder that is not there yet")


def write_folder(
    out: Path,
    queries: Iterable[Query],
    passages: Iterable[Passage],
    judgements: Sequence[tuple[str, str, int]],
    about: Mapping[str, object],
) -> None:
    """Write `corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv` and `task.toml`.

    Parameters
    ----------
    out : pathlib.Path
        The folder; it is made if necessary.
    queries, passages : iterable of Query, Passage
        The texts.
    judgements : sequence of (str, str, int)
        Query id, passage id and grade of each judgement.
    about : mapping
        What `task.toml` says; keys without a value are left out.

    Raises
    ------
    ResultError
        If it cannot be written.
    """
    _write_lines(
        out / "corpus.jsonl",
        ({"_id": one.passage_id, "text": one.text, "language": one.language} for one in passages),
    )
    _write_lines(
        out / "queries.jsonl",
        (
            {"_id": one.query_id, "text": one.text, "language": one.language, "parallel_id": one.parallel_id}
            for one in queries
        ),
    )
    rows = "".join(f"{query}\t{passage}\t{grade}\n" for query, passage, grade in judgements)
    write_whole(out / "qrels" / "test.tsv", (_TABLE + rows).encode())
    kept = {key: value for key, value in about.items() if value not in ("", [], None)}
    toml = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in kept.items())
    write_whole(out / "task.toml", toml.encode())


def write_variants(out: Path, variants: Mapping[str, Sequence[Variant]], ids: Mapping[str, str]) -> None:
    """Write `variants/NAME.jsonl` for each set of variants.

    Parameters
    ----------
    out : pathlib.Path
        The folder of the task.
    variants : mapping of str to sequence of Variant
        Name of the set to the variants.
    ids : mapping of str to str
        New ids of queries that were renamed.

    Raises
    ------
    ResultError
        If they cannot be written.
    """
    for name, found in variants.items():
        records = (
            {"query_id": ids.get(one.query_id, one.query_id), "text": one.text}
            | ({"source": one.source} if one.source else {})
            for one in found
        )
        _write_lines(out / "variants" / f"{name}.jsonl", records)


def _write_lines(path: Path, records: Iterable[dict[str, str]]) -> None:
    write_whole(path, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records).encode())
