"""What is added to an entry beside its result: the attacks of a suite, and injected passages, of the same encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from robustbench_ir.adversary.poisoning import Poisoning
from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.errors import OptionError
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.results.suite import largest_suite_in, suites
from robustbench_ir.tasks.questions import questions_of

_SUITE, _POISON = "--suite", "--poison"


def refuse_sample(task: str, instead: str) -> None:
    """Refuse a task of which only some questions were drawn.

    Parameters
    ----------
    task : str
        Identity of the task.
    instead : str
        The next step.

    Raises
    ------
    OptionError
        If questions were drawn.
    """
    drawn = questions_of(task)
    if drawn:
        raise OptionError(f"{drawn.number} questions were drawn of this task, for a quick look; {instead}")


def with_suite(result: Result, suite: Result) -> Result:
    """Return a result with those cells of another one that it lacks.

    Parameters
    ----------
    result : Result
        Result that becomes an entry.
    suite : Result
        Result of the same encoder on the same task, which has the attacks of a suite.

    Raises
    ------
    OptionError
        If it has no suite, or is of another encoder or task, or of other queries.
    """
    refuse_sample(suite.task, f"attack without --questions, and name that result with {_SUITE}")
    _refuse_others(_SUITE, _said_by_result(result), _said_by_result(suite))
    if not np.array_equal(suite.clean.ranks.in_pool, result.clean.ranks.in_pool):
        raise OptionError(f"{_SUITE}: its clean ranks are not those of the result; run both on the same machine")
    found = largest_suite_in(suite)
    if found is None:
        names = " or ".join(one.name for one in suites())
        raise OptionError(f"{_SUITE}: the result has no whole suite; run `irbench attack --suite` with {names}")
    there = {_key(cell): cell.digest for cell in result.attacked}
    added = []
    for cell in found.of(suite).attacked:
        if _key(cell) not in there:
            added.append(cell)
        elif there[_key(cell)] != cell.digest:
            raise OptionError(
                f"{_SUITE}: its queries of {cell.recipe}, severity {cell.severity}, seed {cell.seed}, are not those of "
                "the result; run both with one version of irbench"
            )
    return replace(result, attacked=(*result.attacked, *added))


def _key(cell: Cell) -> tuple[str, int, int]:
    return str(cell.recipe), cell.severity, cell.seed


def check_poisoning(result: Result, found: Poisoning) -> None:
    """Refuse injected passages that are not of the encoder and task of a result, or not of all their questions.

    Parameters
    ----------
    result : Result
        Result that becomes an entry.
    found : Poisoning
        Injected passages.

    Raises
    ------
    OptionError
        If something differs; the message says what.
    """
    refuse_sample(found.task, f"run `irbench poison` without --questions, and name that file with {_POISON}")
    if found.unseen:
        raise OptionError(f"{_POISON}: the attacker did not know all questions; run `irbench poison` without --unseen")
    said = _said_by_result(result)
    shared = _of_encoder(found.encoder) | _of_task(found.task, found.task_digest, found.scoring)
    _refuse_others(_POISON, {name: said[name] for name in shared}, shared)
    languages = found.query_languages
    if languages != result.judgements.query_languages or found.judgements.query_ids != result.judgements.query_ids:
        raise OptionError(f"{_POISON}: its queries are not those of the result; run both in the same languages")
    if found.sources != languages:
        raise OptionError(
            f"{_POISON}: passages were injected in {','.join(found.sources)}, and the board compares all languages of "
            "the queries; run `irbench poison` without --source-languages"
        )
    if len(languages) < 2:
        raise OptionError(
            f"{_POISON}: the queries are in one language, and the leaderboard shows how far passages reach into other "
            "ones; leave it out"
        )


def _said_by_result(result: Result) -> dict[str, object]:
    options = None if result.options is None else dict(result.options)
    task = _of_task(result.task, result.task_digest, result.scoring)
    return {**task, **_of_encoder(result.encoder), "options of the encoder": options}


def _of_task(task: str, digest: str, scoring: int) -> dict[str, object]:
    return {"task": task, "digest of the task's texts": digest, "version of the scoring": scoring}


def _of_encoder(who: EncoderDescription) -> dict[str, object]:
    return {
        "fingerprint": who.fingerprint or who.name,
        "similarity": who.similarity,
        "query prompt": who.query_prompt,
        "passage prompt": who.passage_prompt,
    }


def _refuse_others(option: str, mine: Mapping[str, object], its: Mapping[str, object]) -> None:
    for name, value in mine.items():
        if its[name] != value:
            raise OptionError(
                f"{option}: its {name} is {its[name]!a:.100}, that of the result is {value!a:.100}; "
                "run both with the same model, options and task"
            )
