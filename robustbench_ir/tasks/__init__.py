"""Tasks: cards under tasks/ and the readers of their file formats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

from pydantic import Field

from robustbench_ir._base.files import folder_like
from robustbench_ir.errors import UnknownNameError
from robustbench_ir.resources.cards import NamedCard, card_names, read_named, validate
from robustbench_ir.resources.languages import select_languages
from robustbench_ir.resources.plugins import built_in_or_plugin, scheme
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.tasks.folds import name_and_fold, select_fold
from robustbench_ir.tasks.formats.beir import folder_and_split, folder_name, folder_settings, is_folder, load_folder
from robustbench_ir.tasks.formats.pool import task_of
from robustbench_ir.tasks.formats.readers import Reader
from robustbench_ir.tasks.formats.registry import READERS
from robustbench_ir.tasks.formats.trec import check_download_size
from robustbench_ir.tasks.task import Passage, Qrels, Query, Task, build_task
from robustbench_ir.tasks.translations import Translations

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
        It is raised whenever a score could change.
    title, description : str
        A few words; a description in one or two sentences.
    format : str
        Key of the reader.
    licence, citation, homepage : str
        Terms, reference and address of the data.
    synthetic : bool
        Whether the texts were written for this task, not found.
    parallel : bool
        Whether the questions are the same in all languages, as far as each has them.
    translated : bool
        Whether the queries have human translations among the texts of the task, although they are not parallel.
    notes : list of str
        What a user of the scores must know.
    languages : dict
        Language to the keys that the reader needs to find its files.
    lexicons : dict
        The task's own lexicons; see `Task.lexicons`.
    words_a_piece : int
        See `Task.words_a_piece`.
    """

    version: int = Field(ge=1)
    title: str
    description: str
    format: str
    licence: str
    citation: str
    homepage: str
    synthetic: bool = False
    parallel: bool = False
    translated: bool = False
    notes: list[str] = []
    languages: dict[str, dict[str, object]]
    lexicons: dict[str, dict[str, dict[str, object]]] = {}
    words_a_piece: int = Field(default=0, ge=0)


class TaskScheme(Protocol):
    """Loader for tasks of another library, whose names begin with its scheme, such as ``mteb:``."""

    def facts(self, name: str) -> Mapping[str, object]:
        """Return the keys of the task's `TaskCard`, without loading its data."""

    def load(self, name: str, languages: Iterable[str] | None) -> Task:
        """Load the task.

        Parameters
        ----------
        name : str
            Name of the task, with its scheme.
        languages : iterable of str, optional
            Only these languages; all by default.
        """


def task_names(cards: Path | None = None) -> list[str]:
    """Return the names of all tasks, sorted; `cards` is a user's folder of further cards."""
    return card_names("tasks", cards)


def task_card(name: str, cards: Path | None = None) -> TaskCard:
    """Read the card of a task, without its data.

    A folder of your own and a task of mteb have no card; one is made from what they say about themselves.

    Parameters
    ----------
    name : str
        Name of the task; see `load_task`.
    cards : pathlib.Path, optional
        A user's folder of cards.

    Raises
    ------
    DataError
        If there is no such folder.
    UnknownNameError
        If there is no such task; the message shows the nearest name.
    CardError
        If the card has a fault; the message names file and key.
    """
    if is_folder(name):
        folder, _ = folder_and_split(name)
        settings = folder_settings(folder)
        facts = settings.model_dump(include=set(TaskCard.model_fields))
        about = {"title": folder_name(folder), "description": f"Your own folder {name}."}
        own = {**facts, "title": settings.title or about["title"], "description": about["description"], "languages": {}}
        return validate(TaskCard, {"name": about["title"], "version": 1, "format": "beir", **own}, name)
    elsewhere = _scheme(name)
    if elsewhere is not None:
        return validate(TaskCard, elsewhere.facts(name), name)
    try:
        return read_named(TaskCard, "tasks", name_and_fold(name)[0], "task", cards)
    except UnknownNameError as error:
        near = folder_like(name.partition(":")[0])
        if near is None or ("did you mean" in str(error) and near != f"./{name}"):
            raise
        meant = f"it is a folder here; write {near}" if near == f"./{name}" else f"did you mean {near}?"
        raise UnknownNameError("task", name, task_names(cards), meant) from None


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
        Name of a card, such as ``"xquad-r"``; path of a folder of your own, with a slash in it, such as ``"./mine"``,
        where ``"./mine:dev"`` chooses the judgements of a split; or a retrieval task of mteb, such as
        ``"mteb:NFCorpus"``. ``"xquad-r:1of2"`` is the first of two folds by document, ``"xquad-r:not1of2"`` all others.
    languages : iterable of str, optional
        Only queries and passages in these languages; all by default. Collections of many gigabytes need a choice, and
        ``["all"]`` chooses all languages.
    cards : pathlib.Path, optional
        A user's folder with `tasks/*.toml`.
    progress : callable, optional
        Receives the progress of downloads.

    Raises
    ------
    UnknownNameError
        If there is no such task, or the task does not have one of the languages.
    CardError, DataError
        If there is a fault in the card or in the data.
    OptionError
        If no language is named for a task whose data is more than a gigabyte to download, or no split behind a colon.
    """
    if is_folder(name):
        return load_folder(*folder_and_split(name)).select(languages)
    elsewhere = _scheme(name)
    if elsewhere is not None:
        return elsewhere.load(name, languages)
    card = task_card(name, cards)
    reader = _reader(card)
    if languages is None:
        check_download_size(card.name, card.languages)
    # Only the files of the chosen languages are downloaded and read.
    wanted = select_languages(languages, card.languages)
    raw = reader(card.languages, wanted, cards, progress)
    task = task_of(raw, card.name, card.version, {**card.lexicons, **raw.lexicons}, words_a_piece=card.words_a_piece)
    # Those of the whole task, although only the files of the chosen languages have been read.
    translations = Translations(_Files(card, reader, cards)) if card.parallel or card.translated else None
    return select_fold(replace(task, translations=translations).select(wanted), name_and_fold(name)[1])


@dataclass(frozen=True)
class _Files:
    """Reads the queries of a card's task in some languages, and the texts that translate them."""

    card: TaskCard
    reader: Reader
    cards: Path | None

    def __call__(self, languages: Sequence[str]) -> list[Query]:
        wanted = [language for language in self.card.languages if language in languages]
        if len(wanted) < len(set(languages)):
            return []
        raw = self.reader(self.card.languages, wanted, self.cards, None)
        return [*raw.queries, *raw.translations]


def _scheme(name: str) -> TaskScheme | None:
    found = scheme("task_schemes", name)
    return None if found is None else cast("TaskScheme", found.load())


def _reader(card: TaskCard) -> Reader:
    return built_in_or_plugin("tasks", card.format, READERS, f"tasks/{card.name}.toml: key 'format': no reader")
