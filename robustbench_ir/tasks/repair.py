"""A clean copy of a folder, and a line for each thing that was done to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from robustbench_ir.tasks.audit import copies_of_relevant, self_matches, unique_ids
from robustbench_ir.tasks.folder_writing import check_is_new, write_folder, write_variants
from robustbench_ir.tasks.task import Task


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
    check_is_new(out)
    done = list(task.notes)
    relevant = {task.passages[row].passage_id for row in task.qrels.passage.tolist()}
    copies, matches = copies_of_relevant(task), self_matches(task)
    dropped = {*copies, *(one for one in matches.values() if one not in relevant)}
    queries = unique_ids([one.query_id for one in task.queries])
    passages = unique_ids([one.passage_id for one in task.passages if one.passage_id not in dropped])
    done += _counted("copies of relevant passages left out", copies)
    done += _counted("passages left out that are a query, word for word", dropped - copies.keys())
    done += _counted("ids renamed, since they had white space in them", (*queries, *passages))
    rows = zip(*(column.tolist() for column in vars(task.qrels).values()), strict=True)
    judgements = []
    for query, passage, grade in rows:
        query_id, passage_id = task.queries[query].query_id, task.passages[passage].passage_id
        judgements.append((queries.get(query_id, query_id), passages.get(passage_id, passage_id), grade))
    write_folder(
        out,
        (replace(one, query_id=queries.get(one.query_id, one.query_id)) for one in task.queries),
        (
            replace(one, passage_id=passages.get(one.passage_id, one.passage_id))
            for one in task.passages
            if one.passage_id not in dropped
        ),
        judgements,
        about,
    )
    write_variants(out, task.variants, queries)
    return done


def _counted(what: str, ids: Iterable[str]) -> list[str]:
    found = list(ids)
    return [f"{what}: {len(found):,}, such as {found[0]!r}"] if found else []
