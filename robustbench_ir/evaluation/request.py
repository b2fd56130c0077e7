"""The two values that say what a run is: what is attacked, and how it is run. Both can be sent to another process."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from robustbench_ir._base.cache import Cache
from robustbench_ir._base.parallel import Engine
from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir.encoders import Encoder, EncoderOptions
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.run_export import RunExport
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from robustbench_ir.perturb import Perturbation, Recipe, RecipeLike, as_recipe, default_recipe_names
from robustbench_ir.perturb.recipe import SEVERITIES
from robustbench_ir.resources.downloads import DownloadProgress
from robustbench_ir.retrieval.ranking import DEFAULT_MEMORY
from robustbench_ir.tasks import Task, load_task

_SMALLEST_MEMORY = 1 << 24


RecipeMix = RecipeLike | tuple[RecipeLike, ...]
"""A recipe; for a search, also several whose rewritings are offered together: a tuple, or names joined by ``+``."""


class CellName(NamedTuple):
    """One cell of the table: the name of a recipe, a severity and a seed."""

    recipe: str
    severity: int
    seed: int

    def __str__(self) -> str:
        return f"{self.recipe} severity {self.severity} seed {self.seed}"


@dataclass(frozen=True)
class RunOptions:
    """How something is run; none of it changes a number.

    Attributes
    ----------
    jobs : int
        Number of processes that make cells, 1 or more. A script that asks for more than one begins with
        ``if __name__ == "__main__":``.
    engine : {"local", "ray"}
        Where these processes run: on this machine, or on the Ray cluster at hand (extra ``ray``).
    memory : int
        Bytes that ranking may take in each process, beside the embeddings; 16 MiB or more.
    resume : bool
        Use the cells that an earlier run of the same encoder, task and version has finished.
    progress : Progress
        Receives the stages of the run.
    cards : pathlib.Path, optional
        Folder with recipes and tasks of your own, which names are looked up in first.
    cache : Cache, str or pathlib.Path, optional
        Where finished work and downloads are kept, instead of in the folder that `ROBUSTBENCH_IR_CACHE` names.
    runs : RunExport, optional
        Write a TREC run for each cell too; the queries of finished cells are encoded again for it.
    perturbed : mutable mapping of CellName to sequence of Perturbation, optional
        Perturbed queries that an earlier attack on the same task has made; what is missing is added. Give every attack
        of several encoders on one task the same dictionary, and its queries are perturbed once.

    Raises
    ------
    OptionError
        A number of jobs or bytes that is out of range.
    """

    jobs: int = 1
    engine: Engine = "local"
    memory: int = DEFAULT_MEMORY
    resume: bool = True
    progress: Progress = field(default_factory=Silence)
    cards: Path | None = None
    cache: Cache | str | Path | None = None
    runs: RunExport | None = None
    perturbed: MutableMapping[CellName, Sequence[Perturbation]] | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise OptionError(f"{self.jobs} jobs; at least 1 is needed")
        if self.memory < _SMALLEST_MEMORY:
            raise OptionError(f"memory of {self.memory} bytes; at least {_SMALLEST_MEMORY >> 20} MiB are needed")

    @property
    def in_this_process(self) -> bool:
        """Whether all cells are made here."""
        return self.jobs == 1 and self.engine == "local"


DEFAULT_RUN = RunOptions()


@dataclass(frozen=True)
class Request:
    """What is attacked, and with what: all that decides the numbers of a result.

    Attributes
    ----------
    encoder : str, Encoder, callable or None
        As `robustbench_ir.encoders.as_encoder` takes it.
    task : str, pathlib.Path or Task
        Name of a task, a folder (a string needs a slash in it), or a task that you built.
    recipes : tuple of str, Recipe or callable, optional
        As `robustbench_ir.perturb.as_recipe` takes them; None for those that run by default.
    languages : tuple of str, optional
        Restrict queries and pool to these languages.
    severities : tuple of int
        1 to 5 each.
    seeds : int
        Number of perturbations of each query, 1 or more.
    semantic_floor : SemanticFloor or float, optional
        Edits are taken back until the perturbed query is this near to the clean one.
    options : EncoderOptions, optional
        How an encoder is loaded by name.

    Raises
    ------
    OptionError
        A severity or number of seeds that is out of range.
    """

    encoder: str | Encoder | EncodeTexts | None = None
    task: str | Path | Task = "mini"
    recipes: Sequence[RecipeMix] | None = None
    languages: Iterable[str] | None = None
    severities: Sequence[int] = (3,)
    seeds: int = 1
    semantic_floor: SemanticFloor | float | None = None
    options: EncoderOptions | None = None

    def __post_init__(self) -> None:
        for name in ("recipes", "languages", "severities"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, tuple(value))
        _check_cells(self.severities, self.seeds)

    def load_recipes(self, cards: Path | None) -> dict[str, Recipe]:
        """Load the recipes by name, each once; those that run by default where none is given.

        Raises
        ------
        UnknownNameError
            There is no such recipe.
        OptionError
            Two recipes have one name.
        """
        loaded: dict[str, Recipe] = {}
        for given in default_recipe_names(cards) if self.recipes is None else dict.fromkeys(self.recipes):
            if isinstance(given, tuple):
                raise OptionError("several recipes at once are for a search; give each by itself")
            recipe = as_recipe(given, cards)
            if recipe.name in loaded:
                raise OptionError(f"two recipes have the name {recipe.name!r}; give each its own by recipe(..., name=)")
            loaded[recipe.name] = recipe
        return loaded

    def load_task(self, cards: Path | None, progress: DownloadProgress | None = None) -> Task:
        """Load the task, in the languages asked for; see `robustbench_ir.tasks.load_task` for the errors raised."""
        if isinstance(self.task, Task):
            return self.task.select(self.languages)
        name = f"{self.task}/" if isinstance(self.task, Path) else self.task
        return load_task(name, self.languages, cards, progress)

    def cells(self, recipes: Iterable[str]) -> tuple[CellName, ...]:
        """Return the cells of the table, in the order of the result."""
        return tuple(
            CellName(recipe, severity, seed)
            for recipe in recipes
            for severity in dict.fromkeys(self.severities)
            for seed in range(self.seeds)
        )


def _check_cells(severities: Sequence[int], seeds: int) -> None:
    """Check that the severities and the number of seeds make cells.

    Raises
    ------
    OptionError
        One of them is out of range.
    """
    for severity in severities:
        if severity not in SEVERITIES[1:]:
            raise OptionError(f"severity {severity} is out of range; 1 to 5")
    if not severities:
        raise OptionError("no severity at all; name one or more from 1 to 5")
    if seeds < 1:
        raise OptionError(f"{seeds} seeds; at least 1 is needed")
