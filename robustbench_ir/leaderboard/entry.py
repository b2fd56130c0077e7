"""Make an entry of the leaderboard from a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from robustbench_ir.adversary.poisoning import Poisoning
from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.encoders.kinds import RERANKED
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.score_runs import is_run
from robustbench_ir.leaderboard.attached import check_poisoning, refuse_sample, with_suite
from robustbench_ir.leaderboard.names import without_folders
from robustbench_ir.leaderboard.poisoned import poison_record
from robustbench_ir.leaderboard.ranks import judged_record, ranks_record
from robustbench_ir.leaderboard.robust import suite_records
from robustbench_ir.leaderboard.schema import (
    ENTRY_SCHEMA_VERSION,
    MAX_RANKS,
    Entry,
    RanksEntry,
    related_data,
)
from robustbench_ir.leaderboard.sheet import scores_of, sheet_of
from robustbench_ir.perturb.variants import is_variants
from robustbench_ir.results.file import readable_json
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.tasks.task import TaskIdentity


@dataclass(frozen=True)
class Declaration:
    """What a submitter declares about a model, because a result does not know it; empty where it is unknown.

    Attributes
    ----------
    name, link : str
        Name on the board; address of the model, which begins with ``https://``.
    paper, code : str
        Addresses of the paper and of the code.
    contact : str
        Who answers questions about the entry.
    licence : str
        Licence of the model.
    parameters : int or None
        Number of weights.
    languages : sequence of str
        Languages that the model was made for.
    saw_task : {"yes", "no", "unknown"}
        Whether the model was trained on the data of the task.
    datasets : sequence of str
        Names of the training data.
    """

    name: str
    link: str
    paper: str = ""
    code: str = ""
    contact: str = ""
    licence: str = ""
    parameters: int | None = None
    languages: Sequence[str] = ()
    saw_task: str = "unknown"
    datasets: Sequence[str] = ()


def entry_of(
    result: Result,
    declared: Declaration,
    date: str,
    suite: Result | None = None,
    poisonings: Sequence[Poisoning] = (),
) -> RanksEntry:
    """Make an entry from a result: its ranks, and the averages that follow from them.

    Where the attacks of a suite are among those of the result, the entry has its robust scores.

    Parameters
    ----------
    result : Result
        Result of an attack or of scored runs.
    declared : Declaration
        What the submitter declares.
    date : str
        Date of the submission, ``2026-11-26``.
    suite : Result, optional
        Result of the same encoder on the same task that has the attacks of a suite. Those that `result` lacks are
        added to the entry.
    poisonings : sequence of Poisoning
        Passages that were injected into the pool of the same task, against the same encoder.

    Raises
    ------
    OptionError
        If nothing was attacked, or only some questions were, or passages, or with variants of one folder; if something
        that was declared, or a recipe or seed of the result, does not fit the schema; if the result has more ranks
        than an entry may have; or if `suite` or `poisonings` are of another encoder or task.
    """
    if not result.attacked:
        raise OptionError("nothing was attacked, and an entry is about robustness; attack with recipes first")
    refuse_sample(result.task, "attack without --questions for the leaderboard")
    _refuse_other_cells(result)
    if suite is not None:
        result = with_suite(result, suite)
    for one in poisonings:
        check_poisoning(result, one)
    cells = (result.clean, *result.attacked)
    ranks = len(cells) * len(result.judgements.query)
    if ranks > MAX_RANKS:
        raise OptionError(f"{ranks} ranks, and an entry has at most {MAX_RANKS}; attack with fewer severities or seeds")
    task = TaskIdentity.parse(result.task).name
    related = related_data(task, declared.datasets)
    table = {
        "schema_version": ENTRY_SCHEMA_VERSION,
        "irbench": result.version,
        "date": date,
        "model": _model(result, declared),
        "training": {"saw_task": "yes" if related else declared.saw_task, "datasets": list(declared.datasets)},
        "task": _task(result),
        "environment": dict(result.encoder.versions),
    }
    try:
        draft = RanksEntry.model_validate(
            {
                **table,
                "scores": [_NO_SCORE],
                "cells": [_cell(cell) for cell in cells],
                "judged": judged_record(result.judgements),
                "ranks": ranks_record([cell.ranks for cell in cells]),
                "poison": [poison_record(one) for one in poisonings],
            }
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise OptionError(f"{key}: {first['msg']}; `irbench submit --help` lists what is needed") from error
    sheet = sheet_of(draft)
    records = suite_records(draft, sheet.average_precision)
    return draft.model_copy(update={"scores": scores_of(sheet), "suites": records})


def _refuse_other_cells(result: Result) -> None:
    """Refuse attacks whose queries only the submitter can make, or that change something else than queries."""
    if any(cell.recipe.prompt for cell in result.attacked):
        raise OptionError("other prompts are no part of an entry, whose model has one; attack without --prompts")
    for cell in result.attacked:
        if cell.recipe.on != "queries":
            raise OptionError(
                f"{cell.recipe.label}: the leaderboard is for attacks on queries; attack without --on {cell.recipe.on}"
            )
        if any(is_variants(recipe.name) for recipe in cell.recipe.recipes):
            raise OptionError(
                f"{cell.recipe.label} are texts of one folder, which the leaderboard cannot make again; "
                "attack with recipes of `irbench recipes`"
            )


_NO_SCORE = {
    "recipe": "clean",
    "severity": 0,
    "average_precision": {"multilingual": 0.0},
    "rank_distance": None,
    "coverage": 0.0,
}


def entry_to_json(entry: Entry) -> str:
    """Return the JSON text of an entry, with long lists on one line."""
    return readable_json(entry)


def _model(result: Result, declared: Declaration) -> dict[str, object]:
    who = result.encoder
    described = {
        key: getattr(who, key)
        for key in (
            *("revision", "fingerprint", "similarity", "dimensions", "query_prompt", "passage_prompt"),
            "retrieves_zero",
        )
    }
    said = {
        key: getattr(declared, key) for key in ("name", "link", "paper", "code", "contact", "licence", "parameters")
    }
    options = None if result.options is None else dict(result.options)
    return {
        "kind": kind_on_board(who),
        "encoder": without_folders(who.loaded_by),
        **described,
        "options": options,
        **said,
        "languages": list(declared.languages),
    }


def kind_on_board(who: EncoderDescription) -> str:
    """Return the kind of an encoder as an entry names it; see `ModelRecord`."""
    if is_run(who):
        return "run"
    return who.kind if who.kind in {"multi-vector", RERANKED} else "encoder"


def _task(result: Result) -> dict[str, object]:
    layout = result.judgements
    numbers: dict[str, int] = {}
    return {
        "identity": result.task,
        "sha256": result.task_digest,
        "pool": dict(layout.pool),
        "queries": {language: layout.languages.count(language) for language in layout.query_languages},
        "question": [numbers.setdefault(one, len(numbers)) for one in layout.parallel_ids],
    }


def _cell(cell: Cell) -> dict[str, object]:
    return {
        "recipe": str(cell.recipe),
        "severity": cell.severity,
        "seed": cell.seed,
        "queries_sha256": cell.digest,
        "changed": "".join("1" if one else "0" for one in cell.changed.tolist()),
    }
