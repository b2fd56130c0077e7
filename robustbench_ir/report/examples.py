"""The worst queries of several results, with all that can be made again of them, and what could not and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustbench_ir.encode import Encoder
from robustbench_ir.errors import OptionError, RobustBenchError
from robustbench_ir.perturb import Perturbation
from robustbench_ir.report.content import Sheet
from robustbench_ir.report.overtaking import with_overtaking
from robustbench_ir.report.worst import WorstQuery, task_of, with_texts, worst_queries
from robustbench_ir.tasks import Task, task_card


@dataclass(frozen=True)
class Examples:
    """The worst queries of a result, what a reader must know of them, and whose texts they are, under which terms."""

    worst: Sequence[WorstQuery] = ()
    notes: Sequence[str] = ()
    source: str = ""


def examples_of(
    sheets: Sequence[Sheet],
    count: int,
    task: str | None = None,
    cards: Path | None = None,
    encoders: Sequence[Encoder] = (),
) -> list[Examples]:
    """Find the worst queries of each result and make their texts again.

    Parameters
    ----------
    sheets : sequence of Sheet
        One for each result.
    count : int
        Queries of each.
    task : str, optional
        As `irbench attack --task` took it; needed where a result does not say where its folder lies.
    cards : pathlib.Path, optional
        A user's folder of cards.
    encoders : sequence of Encoder
        Those that run again, for the passages that overtook the right ones; each serves the results that it made.

    Raises
    ------
    OptionError
        An encoder that made none of the results.
    """
    made = {sheet.result.encoder.fingerprint for sheet in sheets}
    for encoder in encoders:
        if encoder.description.fingerprint not in made:
            raise OptionError(
                f"{encoder.description.name} made none of these results (the fingerprints differ); name the encoder of "
                f"one, {sheets[0].result.encoder.name}, as it was then"
            )
    tasks: dict[str, Task | RobustBenchError] = {}
    known: dict[str, list[Perturbation]] = {}
    return [_examples(sheet, count, tasks, known, (task, cards, encoders)) for sheet in sheets]


def _examples(
    sheet: Sheet,
    count: int,
    tasks: dict[str, Task | RobustBenchError],
    known: dict[str, list[Perturbation]],
    sources: tuple[str | None, Path | None, Sequence[Encoder]],
) -> Examples:
    worst = worst_queries(sheet, count)
    if not worst:
        return Examples()
    name, cards, encoders = sources
    digest = sheet.result.task_digest
    if digest not in tasks:
        try:
            tasks[digest] = task_of(sheet.result, name, cards)
        except RobustBenchError as error:
            tasks[digest] = error
    task = tasks[digest]
    if isinstance(task, RobustBenchError):
        return Examples(worst, [_absent(sheet, task)])
    worst, faults = with_texts(worst, task, known, cards)
    notes = [f"No texts of some queries: {fault}." for fault in faults]
    source = _source(name or sheet.result.task.partition("@")[0], cards)
    encoder = next((one for one in encoders if one.description.fingerprint == sheet.result.encoder.fingerprint), None)
    if encoder:
        return Examples(with_overtaking(worst, task, encoder, sheet.setting), notes, source)
    advice = (
        "Which passage overtook the right one is known only where the encoder runs again: add --with-passages to the "
        "command of this report."
    )
    return Examples(worst, [*notes, advice], source)


def _source(name: str, cards: Path | None) -> str:
    """Say whose the texts are and under which terms, as the card of the task does; empty where it has none."""
    try:
        card = task_card(name, cards)
    except RobustBenchError:
        return ""
    return f"Texts: {card.title}, {card.licence}. {card.citation}"


def _absent(sheet: Sheet, error: RobustBenchError) -> str:
    name = sheet.result.task.partition("@")[0]
    return (
        f"A result holds ranks, no texts, and these are not here: {error}. `irbench attack --task {name}` downloads "
        f"them once; `irbench report --task` names a folder of your own."
    )
