"""Score TREC runs of other engines on a task, with the same measures and the same result as an attack on an encoder.

A run is truncated: a relevant passage that it lacks has no rank (0). It adds nothing to AP, as in trec_eval, whereas a
complete ranking would add a little. Rank distance is known only for queries whose parallel passages are all in the run.
So runs can be compared only with runs of the same depth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from pydantic import ValidationError

from robustbench_ir._version import __version__
from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.evaluation.query_sets import JSON_LINES, MANIFEST, Manifest
from robustbench_ir.metrics.settings import judgements_of
from robustbench_ir.perturb import Edit, Perturbation, digest, load_recipe, unchanged
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.perturb.recipe import SEVERITIES, usual_severity
from robustbench_ir.perturb.variants import is_variants
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.retrieval.trec_runs import Run, ranks_of_run, read_run
from robustbench_ir.tasks import Task

_FINGERPRINT = "run:"


@dataclass(frozen=True)
class RunQueries:
    """The query set of a run.

    Attributes
    ----------
    recipe : AttackIdentity
        Identity of the attack.
    severity, seed : int
        Severity and seed of the perturbation.
    queries : sequence of Perturbation
        Perturbations, in the order of the task's queries.
    not_covered : mapping of str to str
        Languages that the recipe does not cover, with the reason.
    kinds : mapping of str to KindOfChange
        What the recipe does to each language, where that is not the same in all.
    """

    recipe: AttackIdentity
    severity: int
    seed: int
    queries: Sequence[Perturbation]
    not_covered: Mapping[str, str]
    kinds: Mapping[str, KindOfChange]


def score_runs(
    task: Task,
    clean: Path,
    attacked: Sequence[tuple[str, Path]] = (),
    languages: Sequence[str] | None = None,
    cards: Path | None = None,
    name: str | None = None,
) -> Result:
    """Score the run of the clean queries, and those of perturbed queries.

    Parameters
    ----------
    task : Task
        The whole task, against which the ids of the runs are checked.
    clean : pathlib.Path
        Run of the clean queries.
    attacked : sequence of (str, pathlib.Path)
        For each further run, its query set (see `load_query_set`) and its file.
    languages : sequence of str, optional
        Score these languages only, and ignore everything else in the runs.
    cards : pathlib.Path, optional
        Folder with the user's recipes.
    name : str, optional
        Name of the engine. Default: the tag of the clean run.

    Raises
    ------
    DataError
        If a run is malformed, or if the queries are not those of the task.
    OptionError
        If a name does not stand for a query set.
    """
    chosen = task.select(languages)
    run = read_run(clean, task)
    same = [unchanged(query.query_id, query.text) for query in chosen.queries]
    sets = [(load_query_set(label, chosen, cards), read_run(path, task)) for label, path in attacked]
    return Result(
        version=__version__,
        task=chosen.identity,
        task_digest=chosen.digest,
        encoder=_engine(name or run.tag, run),
        judgements=judgements_of(chosen),
        clean=_cell(RunQueries(CLEAN, 0, 0, same, {}, {}), run, chosen),
        attacked=tuple(_cell(one, its_run, chosen) for one, its_run in sets),
        task_notes=chosen.notes,
    )


def _engine(name: str, run: Run) -> EncoderDescription:
    listed = json.dumps([[query, *passages] for query, passages in sorted(run.ranked.items())])
    fingerprint = f"{_FINGERPRINT}{blake2b(listed.encode(), digest_size=16).hexdigest()}"
    return EncoderDescription(name, fingerprint, f"run of depth {run.depth}", 0)


def is_run(who: EncoderDescription) -> bool:
    """Return True if a result comes from TREC runs, so that there is no encoder that could be run again."""
    return who.fingerprint.startswith(_FINGERPRINT)


def split_runs(runs: Sequence[str]) -> tuple[Path, list[tuple[str, Path]]]:
    """Split the values of ``--run`` into the clean run, and the query set and path of each other run.

    Parameters
    ----------
    runs : sequence of str
        One path, and any number of ``QUERIES=PATH``; see `load_query_set`.

    Raises
    ------
    OptionError
        If there is not exactly one clean run.
    """
    clean = [run for run in runs if "=" not in run or Path(run).is_file()]
    if len(clean) != 1:
        raise OptionError(f"{len(clean)} runs of the clean queries; give exactly one, such as --run clean.trec")
    others = (run.rpartition("=") for run in runs if run != clean[0])
    return Path(clean[0]), [(label, Path(path)) for label, _, path in others]


def _cell(one: RunQueries, run: Run, task: Task) -> Cell:
    ranks = ranks_of_run(run, task)
    return Cell.of(one.recipe, one.severity, one.seed, one.queries, ranks, one.not_covered, kinds=one.kinds)


def load_query_set(label: str, task: Task, cards: Path | None = None) -> RunQueries:
    """Return the query set of a name.

    Parameters
    ----------
    label : str
        A folder that `irbench perturb` has written; recipe, severity and seed, such as ``typo@3`` or ``typo@3:1``,
        for the queries that this version of `irbench perturb` would write; or ``variants:NAME``.
    task : Task
        Task with the clean queries.
    cards : pathlib.Path, optional
        Folder with the user's recipes.

    Raises
    ------
    OptionError
        If it is neither of them.
    UnknownNameError
        If there is no such recipe.
    DataError
        If the folder is incomplete, or has the queries of another task.
    """
    if (Path(label) / MANIFEST).is_file():
        return _read_exported(Path(label), task)
    recipe, _, rest = label.partition("@")
    if is_variants(recipe) and not rest:
        rest = str(usual_severity(()))  # they know no severity
    severity, _, seed = rest.partition(":")
    if not (severity.isdecimal() and (seed or "0").isdecimal() and int(severity) in SEVERITIES):
        raise OptionError(
            f"{label!r} is not a query set; write recipe@severity or recipe@severity:seed, such as typo@3=typo.trec, "
            f"variants:NAME, or name a folder that `irbench perturb` has written"
        )
    ready = load_recipe(recipe, cards).for_task(task)
    missed = ready.not_covered(task.query_languages)
    queries = ready.perturb(task.queries, int(severity), int(seed or 0))
    kinds = ready.kinds(task.query_languages)
    return RunQueries(AttackIdentity((ready.identity,)), int(severity), int(seed or 0), queries, missed, kinds)


def _read_exported(folder: Path, task: Task) -> RunQueries:
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        lines = (folder / JSON_LINES).read_text(encoding="utf-8").removesuffix("\n").split("\n")
        found = {one.query_id: one for one in map(_perturbation, lines)}
        attack = AttackIdentity.parse(manifest.recipe)
        kinds = {one: KindOfChange.parse(kind) for one, kind in manifest.kinds.items() if one in task.query_languages}
    except (OSError, ValidationError, DataError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder}: was not written by `irbench perturb` ({type(error).__name__}); write it again"
        ) from error
    if digest(list(found.values())) != manifest.digest:
        raise DataError(f"{folder}: {JSON_LINES} does not match {MANIFEST}; write it again with `irbench perturb`")
    for query in task.queries:
        if query.query_id not in found:
            raise DataError(
                f"{folder}: has no query {query.query_id!r} of {task.identity}; it belongs to {manifest.task}"
            )
    queries = [found[query.query_id] for query in task.queries]
    missed = {one: why for one, why in manifest.not_covered.items() if one in task.query_languages}
    return RunQueries(attack, manifest.severity, manifest.seed, queries, missed, kinds)


def _perturbation(line: str) -> Perturbation:
    record = json.loads(line)
    about = record["metadata"]
    edits = tuple(Edit(tuple(one["span"]), one["before"], one["after"], one["operation"]) for one in about["edits"])
    return Perturbation(record["_id"], about["clean"], record["text"], edits, 0)
