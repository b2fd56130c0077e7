"""A clean copy of a folder, and a line for each thing that was done to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import OptionError
from robustbench_ir.tasks.audit import copies_of_relevant, self_matches, unique_ids
from robustbench_ir.tasks.task import Task

_TABLE = "query-id\tcorpus-id\tscore\n"


def write_repaired(task: Task, out: Path, about: dict[str, object]) -> list[str]:
    """Write a task as a folder without what an audit finds, and return what was done, a sentence for each kind.

    Left out are texts and judgements that loading leaves out, copies of relevant passages, and passages with the
    text of a query that they do not answer; ids with white space are renamed.

    Parameters
    ----------
    task : Task
        As it was loaded.
    out : pathlib.Path
        A folder that is not there yet, or empty.
    about : dict
        What `task.toml` says.

    Raises
    ------
    OptionError
        There is something in the folder.
    ResultError
        It cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(f"{out}: is not empty; name a folder that is not there yet")
    done = list(task.notes)
    relevant = {task.passages[row].passage_id for row in task.qrels.passage.tolist()}
    copies, matches = copies_of_relevant(task), self_matches(task)
    dropped = {*copies, *(one for one in matches.values() if one not in relevant)}
    queries = unique_ids([one.query_id for one in task.queries])
    passages = unique_ids([one.passage_id for one in task.passages if one.passage_id not in dropped])
    done += _counted("copies of relevant passages left out", copies)
    done += _counted("passages left out that are a query, word for word", dropped - copies.keys())
    done += _counted("ids renamed, since they had white space in them", (*queries, *passages))
    _write(
        out / "corpus.jsonl",
        (
            {"_id": passages.get(one.passage_id, one.passage_id), "text": one.text, "language": one.language}
            for one in task.passages
            if one.passage_id not in dropped
        ),
    )
    _write(
        out / "queries.jsonl",
        (
            {
                "_id": queries.get(one.query_id, one.query_id),
                "text": one.text,
                "language": one.language,
                "parallel_id": one.parallel_id,
            }
            for one in task.queries
        ),
    )
    rows = []
    for query, passage, grade in zip(*(column.tolist() for column in vars(task.qrels).values()), strict=True):
        query_id, passage_id = task.queries[query].query_id, task.passages[passage].passage_id
        rows.append(f"{queries.get(query_id, query_id)}\t{passages.get(passage_id, passage_id)}\t{grade}\n")
    write_whole(out / "qrels" / "test.tsv", (_TABLE + "".join(rows)).encode())
    kept = {key: value for key, value in about.items() if value not in ("", [], None)}
    toml = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in kept.items())
    write_whole(out / "task.toml", toml.encode())
    return done


def _write(path: Path, records: Iterable[dict[str, str]]) -> None:
    write_whole(path, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records).encode())


def _counted(what: str, ids: Iterable[str]) -> list[str]:
    found = list(ids)
    return [f"{what}: {len(found):,}, such as {found[0]!r}"] if found else []
