"""Attack a list of models on the tasks of a list, one after the other, and make an entry of each result."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir.encoders import EncoderOptions
from robustbench_ir.encoders.options import is_gpu
from robustbench_ir.errors import DuplicateEntryError, OptionError, RobustBenchError
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.evaluation.request import RunOptions
from robustbench_ir.leaderboard.entry import Declaration, entry_of
from robustbench_ir.leaderboard.folder import submit
from robustbench_ir.leaderboard.names import slug
from robustbench_ir.resources.cards import Card, read_card, resource
from robustbench_ir.results.file import load_result, save_result

_ON_GPU = 256  # texts per forward pass; an encoder halves it where the memory does not suffice
OptionValue = str | int | float | bool


class BoardModel(Card):
    """A model that is run for the board.

    Attributes
    ----------
    model : str
        What `irbench attack --model` takes.
    name : str
        Name on the board; by default the same.
    link, paper, code, licence : str
        Addresses of the model, its paper and its code; its licence.
    parameters : int, optional
        Number of weights.
    languages : tuple of str
        Languages that it was made for.
    trained_on : tuple of str
        Names of its training data.
    seen : tuple of str
        Tasks whose data it was trained on.
    unseen : tuple of str
        Tasks whose data it was surely not trained on. Of others it is unknown.
    options : mapping
        Fields of `EncoderOptions`.
    note : str
        What someone who runs it has to know, such as that it needs code of its own.
    """

    model: str
    name: str = ""
    link: str = Field(pattern=r"^https://")
    paper: str = ""
    code: str = ""
    licence: str = ""
    parameters: int | None = Field(default=None, ge=0)
    languages: tuple[str, ...] = ()
    trained_on: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    options: dict[str, OptionValue] = {}
    note: str = ""

    @property
    def on_board(self) -> str:
        """Name on the board."""
        return self.name or self.model


class BoardModels(Card):
    """A list of models, in the order in which they are run."""

    models: tuple[BoardModel, ...] = Field(min_length=1)


class Outcome(NamedTuple):
    """What became of one model on one task: ``made`` now, made ``before``, or ``failed``, and the reason."""

    model: str
    task: str
    state: Literal["made", "before", "failed"]
    reason: str = ""


def load_models(path: Path | None) -> BoardModels:
    """Read a list of models; the one that ships if no file is named.

    Raises
    ------
    CardError
        If the file has a fault; the message names the key and the right form.
    OptionError
        If two models have the same name on the board.
    """
    found = read_card(BoardModels, path or resource("leaderboard", "models.toml"))
    names = [one.on_board for one in found.models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise OptionError(f"{path or 'models.toml'}: {twice} stands there twice; give one of them another name")
    return found


def run_board(
    models: Sequence[BoardModel],
    tasks: Sequence[str],
    results: Path,
    folder: Path,
    *,
    date: str,
    device: str | None = None,
    dtype: str | None = None,
    progress: Progress | None = None,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Attack each model on each task with the default recipes, and add the entries to the leaderboard.

    A result that is in its folder already is not made again, so that a run that was stopped goes on. What fails is
    told, and the next task or model follows.

    Parameters
    ----------
    models : sequence of BoardModel
        The models.
    tasks : sequence of str
        Names of tasks.
    results : pathlib.Path
        Folder of the result files.
    folder : pathlib.Path
        Folder of the leaderboard.
    date : str
        Date of the entries, ``2026-11-29``.
    device : str, optional
        Such as ``"cuda"``; by default the best available.
    dtype : str, optional
        Such as ``"bfloat16"``, for models whose options name no type.
    progress : Progress, optional
        Receives the progress of the current model.
    tell : callable
        Receives each outcome when it is known.
    """
    batch_size = _ON_GPU if is_gpu(device) else EncoderOptions().batch_size
    running: dict[str, object] = {"device": device, "batch_size": batch_size, "dtype": dtype}
    found = []
    for model in models:
        for task in tasks:
            try:
                outcome = _one(model, task, results, folder, date, running, progress or Silence())
            except RobustBenchError as error:
                outcome = Outcome(model.on_board, task, "failed", str(error))
            tell(outcome)
            found.append(outcome)
        _release_memory()
    return found


def _one(
    model: BoardModel,
    task: str,
    results: Path,
    folder: Path,
    date: str,
    running: Mapping[str, object],
    progress: Progress,
) -> Outcome:
    path = results / f"{slug(model.on_board)}-{slug(task)}.json"
    if not path.exists():
        options = _options(model, {**running, **model.options})
        result = attack(model.model, task, options=options, run=RunOptions(progress=progress))
        save_result(result, path)
    declared = Declaration(
        model.on_board,
        model.link,
        model.paper,
        model.code,
        licence=model.licence,
        parameters=model.parameters,
        languages=model.languages,
        saw_task="yes" if task in model.seen else "no" if task in model.unseen else "unknown",
        datasets=model.trained_on,
    )
    try:
        submit(entry_of(load_result(path), declared, date), folder)
    except DuplicateEntryError:
        return Outcome(model.on_board, task, "before")
    return Outcome(model.on_board, task, "made")


def _options(model: BoardModel, settings: Mapping[str, object]) -> EncoderOptions:
    try:
        return EncoderOptions(**settings)  # type: ignore[arg-type]
    except TypeError as error:
        known = ", ".join(EncoderOptions.__dataclass_fields__)
        raise OptionError(f"{model.on_board}: {error}; options are {known}") from error


def _release_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
