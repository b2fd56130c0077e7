"""Perturbed query sets as files, for systems that this package does not run.

`queries.jsonl` has BEIR's format: `_id`, `text`, `metadata`. Each line of `queries.tsv` has the id, a tab and the text.
`manifest.json` describes the perturbation and the task, and has the SHA-256 of both files; it is written last, so that
a folder with a manifest is complete.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from robustbench_ir._base.files import check_writable, is_draft, opened_whole, write_whole
from robustbench_ir._version import __version__
from robustbench_ir.errors import ResultError
from robustbench_ir.evaluation.semantic_floor import FloorJudge
from robustbench_ir.perturb import Edit, Perturbation, Recipe, coverage, digest
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.perturb.perturbation import mean_edit_rate, mean_touched
from robustbench_ir.resources.cards import Card
from robustbench_ir.tasks import Query, Task

MANIFEST = "manifest.json"
JSON_LINES = "queries.jsonl"
_TABLE = "queries.tsv"
_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")  # tab, and all line breaks of `str.splitlines`


class ChangeSummary(Card):
    """How much a perturbation changed.

    Attributes
    ----------
    queries : int
        Number of queries.
    coverage : float
        Share of the queries that changed, 0 to 1.
    touched : float
        Mean share of a query's code points that are in edited words, 0 to 1; NaN in manifests of earlier versions,
        which call it `edit_rate`.
    edit_rate : float
        Mean edit distance to the clean query, divided by its length, both in graphemes; 0 to 1, or more if text is
        added.
    """

    queries: int
    coverage: float
    touched: float = math.nan
    edit_rate: float


class Manifest(ChangeSummary):
    """Content of `manifest.json`, with the change of all queries.

    Attributes
    ----------
    irbench : str
        Version of this package.
    task, task_digest : str
        Identity of the task, and the SHA-256 of its texts.
    licence, citation, homepage : str
        Licence and origin of the task, which hold for the perturbed queries too; empty for a user's own task.
    recipe : str
        Identity of the attack, such as ``typo@1``.
    severity, seed : int
        Severity and seed of the perturbation.
    digest : str
        SHA-256 of the perturbed query set, as in the results of `irbench attack`.
    languages : dict
        Language to how much changed in it.
    not_covered : dict
        Language to the reason why its queries did not change.
    kinds : dict
        Language to what the recipe does to it, where that is not the same in all languages; see `KindOfChange`.
    files : dict
        File to its SHA-256.
    """

    irbench: str
    task: str
    task_digest: str
    licence: str
    citation: str
    homepage: str
    recipe: str
    severity: int
    seed: int
    digest: str
    languages: dict[str, ChangeSummary]
    not_covered: dict[str, str]
    kinds: dict[str, str] = {}
    files: dict[str, str]


def export_query_set(
    task: Task,
    recipe: Recipe,
    severity: int,
    seed: int,
    folder: Path,
    terms: Mapping[str, str] | None = None,
    floor: FloorJudge | None = None,
) -> Manifest:
    """Write the perturbed queries of a task; the same arguments always write the same bytes.

    Parameters
    ----------
    task : Task
        Task with the clean queries.
    recipe : Recipe
        Recipe that perturbs them; it uses the task's own lexicons if there are any.
    severity, seed : int
        Severity, 0 to 5, and seed of the perturbation.
    folder : pathlib.Path
        Folder to write to; it is created if it does not exist.
    terms : mapping, optional
        `licence`, `citation` and `homepage` of the task.
    floor : FloorJudge, optional
        Sentence-encoder constraint that each query must satisfy.

    Raises
    ------
    OptionError
        If the severity is out of range.
    DataError
        If a query is not Unicode text.
    ResultError
        If the folder cannot be written to.
    """
    ready = recipe.for_task(task)
    perturbed = ready.perturb(task.queries, severity, seed)
    if floor:
        perturbed = floor.applied(perturbed)
    pairs = list(zip(task.queries, perturbed, strict=True))
    languages = list(dict.fromkeys(query.language for query in task.queries))
    manifest = Manifest(
        irbench=__version__,
        task=task.identity,
        task_digest=task.digest,
        **{key: (terms or {}).get(key, "") for key in ("licence", "citation", "homepage")},
        recipe=str(AttackIdentity((ready.identity,), floor.identity if floor else None)),
        severity=severity,
        seed=seed,
        digest=digest(perturbed),
        **_changed(perturbed).model_dump(),
        languages={
            language: _changed([one for query, one in pairs if query.language == language]) for language in languages
        },
        not_covered=ready.not_covered(languages),
        kinds={language: str(kind) for language, kind in ready.kinds(languages).items()},
        files={
            JSON_LINES: _write_lines(folder / JSON_LINES, pairs, _json_line),
            _TABLE: _write_lines(folder / _TABLE, pairs, _table_line),
        },
    )
    write_whole(folder / MANIFEST, (manifest.model_dump_json(indent=2) + "\n").encode())
    return manifest


def check_target(folder: Path, *, force: bool) -> None:
    """Create the folder for query sets, and check that it is empty and can be written to.

    Parameters
    ----------
    folder : pathlib.Path
        Folder to write to.
    force : bool
        Accept a folder that is not empty: its manifest is removed now, and files of the same name will be replaced.

    Raises
    ------
    ResultError
        If it is not empty, is not a folder, or cannot be created.
    """
    manifest = folder / MANIFEST
    check_writable(manifest)
    if force:
        manifest.unlink(missing_ok=True)
    elif not all(map(is_draft, folder.iterdir())):  # what a killed process has left does not count
        raise ResultError(
            f"{folder}: is not empty; name another folder, or give --force to replace the query sets in it"
        )


def _changed(perturbed: Sequence[Perturbation]) -> ChangeSummary:
    return ChangeSummary(
        queries=len(perturbed),
        coverage=coverage(perturbed),
        touched=mean_touched(perturbed),
        edit_rate=mean_edit_rate(perturbed),
    )


def _write_lines(
    path: Path, pairs: Iterable[tuple[Query, Perturbation]], line: Callable[[Query, Perturbation], str]
) -> str:
    """Write a line for each query, and return the SHA-256 of the file."""
    checksum = sha256()
    with opened_whole(path) as stream:
        for query, one in pairs:
            content = f"{line(query, one)}\n".encode()
            checksum.update(content)
            stream.write(content)
    return checksum.hexdigest()


def _json_line(query: Query, one: Perturbation) -> str:
    edits = [edit_record(edit) for edit in one.edits]
    metadata = {"language": query.language, "parallel_id": query.parallel_id, "clean": one.clean, "edits": edits}
    return json.dumps({"_id": query.query_id, "text": one.text, "metadata": metadata}, ensure_ascii=False)


def edit_record(edit: Edit) -> dict[str, object]:
    """Return an edit as a JSON object."""
    return {"span": list(edit.span), "before": edit.before, "after": edit.after, "operation": edit.operation}


def _table_line(query: Query, one: Perturbation) -> str:
    return f"{_one_cell(query.query_id)}\t{_one_cell(one.text)}"


def _one_cell(text: str) -> str:
    """Return `text` with spaces in place of tabs and line breaks, which would end the cell."""
    return _BREAKS.sub(" ", text)
