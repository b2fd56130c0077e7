"""Tasks: cards under tasks/ and the readers of their file formats."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from robustbench_ir.cards import NamedCard, names, read_named
from robustbench_ir.fetch import DownloadProgress
from robustbench_ir.languages import select_languages
from robustbench_ir.plugins import built_in_or_plugin
from robustbench_ir.tasks.readers import READERS, Reader
from robustbench_ir.tasks.task import Passage, Qrels, Query, Task, build_task
from robustbench_ir.tasks.trec import read_trec_collection

__all__ = [
    "Passage",
    "Qrels",
    "Query",
    "Task",
    "TaskCard",
    "build_task",
    "load_task",
    "task_card",
    "task_names",
]


class TaskCard(NamedCard):
    """One card under `tasks/`.

    Attributes
    ----------
    name : str
        Name of the task and of the file.
    version : int
        Goes up whenever a score could change.
    title, description : str
        A few words; what it is, in one or two sentences.
    format : str
        Key of the reader.
    licence, citation, homepage : str
        Terms and origin of the data.
    synthetic : bool
        Whether the text was made up rather than found.
    notes : list of str
        What a user of the scores must know.
    languages : dict
        Language to what the reader needs to find its files.
    lexicons : dict
        The task's own lexicons; see `Task.lexicons`.
    """

    version: int = Field(ge=1)
    title: str
    description: str
    format: str
    licence: str
    citation: str
    homepage: str
    synthetic: bool = False
    notes: list[str] = []
    languages: dict[str, dict[str, object]]
    lexicons: dict[str, dict[str, dict[str, object]]] = {}


def task_names(cards: Path | None = None) -> list[str]:
    """List all tasks, sorted; `cards` is a user's folder of further cards."""
    return names("tasks", cards)


def task_card(name: str, cards: Path | None = None) -> TaskCard:
    """Read the card of a task, without its data.

    Raises
    ------
    UnknownNameError
        There is no such task; the nearest name is shown.
    CardError
        The card is not as it must be; file and key are named.
    """
    return read_named(TaskCard, "tasks", name, "task", cards)


def load_task(
    name: str,
    languages: Iterable[str] | None = None,
    cards: Path | None = None,
    progress: DownloadProgress | None = None,
) -> Task:
    """Load a task by name.

    Parameters
    ----------
    name : str
        Name of a card, such as ``"xquad-r"``.
    languages : iterable of str, optional
        Keep queries and pool in these languages only; all by default.
    cards : pathlib.Path, optional
        A user's folder with `tasks/*.toml`.
    progress : callable, optional
        Told about downloads.

    Raises
    ------
    UnknownNameError
        No such task, or a language that it does not have.
    CardError, DataError
        A fault in the card or in the data.
    """
    card = task_card(name, cards)
    reader = _reader(card)
    # Only the files of the wanted languages are downloaded and read.
    wanted = select_languages(languages, card.languages)
    raw = reader(card.languages, wanted, cards, progress)
    task = build_task(card.name, card.version, raw.queries, raw.passages, raw.relevant, card.lexicons)
    return task.select(wanted)


def _reader(card: TaskCard) -> Reader:
    built_in = {**READERS, "trec-collection": read_trec_collection}
    return built_in_or_plugin("tasks", card.format, built_in, f"tasks/{card.name}.toml: key 'format': no reader")
