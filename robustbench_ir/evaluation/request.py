"""The two values that define a run: what is attacked, and how it is run. Both can be sent to another process."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Literal, NamedTuple, SupportsIndex

from robustbench_ir._base.cache import Cache
from robustbench_ir._base.listed import listed
from robustbench_ir._base.parallel import Engine
from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir.encoders import Encoder, EncoderOptions
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.run_export import RunExport
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from robustbench_ir.perturb import Perturbation, Recipe, RecipeLike, as_recipe, default_recipe_names
from robustbench_ir.perturb.identity import CLEAN, PERTURBED_SIDES, PROMPT, PerturbedSide
from robustbench_ir.perturb.recipe import SEVERITIES, usual_severity
from robustbench_ir.perturb.variants import is_variants
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.retrieval.ranking import DEFAULT_MEMORY
from robustbench_ir.tasks import Task, load_task
from robustbench_ir.tasks.questions import Questions, draw_questions

_ON = " on "
_SMALLEST_MEMORY = 1 << 24
_MOST_JOBS = 4_096


Seeds = int | Literal["auto"]
"""Number of perturbations of each query, or as many as are worthwhile."""

MOST_SEEDS = 1_000
FIRST_SEEDS = 3
"""Seeds after which ``"auto"`` looks for the first time how much seeds matter."""

RecipeMix = RecipeLike | tuple[RecipeLike, ...]
"""A recipe. For a search also several whose rewritings are offered together: a tuple, or names joined by ``+``."""


class CellName(NamedTuple):
    """Name of a cell.

    Attributes
    ----------
    recipe : str
        Name of the recipe.
    severity, seed : int
        Severity and seed of the perturbation.
    """

    recipe: str
    severity: int
    seed: int

    def __str__(self) -> str:
        return f"{self.recipe} severity {self.severity} seed {self.seed}"


@dataclass(frozen=True)
class RunOptions:
    """How a request is run. It does not change any number.

    Attributes
    ----------
    jobs : int
        Number of processes that make cells, 1 or more. A script that uses more than one must begin with
        ``if __name__ == "__main__":``.
    engine : {"local", "ray"}
        Where these processes run: on this machine, or on a Ray cluster (extra ``ray``).
    memory : int
        Bytes that ranking may use in each process, without the embeddings; 16 MiB or more.
    resume : bool
        Whether finished cells of an earlier run with the same encoder, task and version are used.
    progress : Progress or bool
        Receives the stages of the run; True shows them, see `robustbench_ir._base.shown_progress.shown`.
    cards : pathlib.Path, optional
        Folder with the user's recipes and tasks, in which names are looked up first.
    cache : Cache, str or pathlib.Path, optional
        Folder for finished work and downloads, instead of the one that `ROBUSTBENCH_IR_CACHE` names.
    runs : RunExport, optional
        Write a TREC run for each cell; the queries of finished cells are encoded again for it.
    perturbed : mutable mapping of CellName to sequence of Perturbation, optional
        Perturbed queries of earlier attacks on the same task; missing ones are added. If attacks of several encoders
        on one task share this dictionary, the queries are perturbed only once.

    Raises
    ------
    OptionError
        If the number of jobs or bytes is out of range.
    """

    jobs: int = 1
    engine: Engine = "local"
    memory: int = DEFAULT_MEMORY
    resume: bool = True
    progress: Progress | bool = field(default_factory=Silence)
    cards: Path | None = None
    cache: Cache | str | Path | None = None
    runs: RunExport | None = None
    perturbed: MutableMapping[CellName, Sequence[Perturbation]] | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise OptionError(f"{self.jobs} jobs; at least 1 is needed")
        if self.jobs > _MOST_JOBS:
            raise OptionError(f"{self.jobs} jobs; each is a process, and at most {_MOST_JOBS:,} are allowed")
        if self.memory < _SMALLEST_MEMORY:
            raise OptionError(f"memory of {self.memory} bytes; at least {_SMALLEST_MEMORY >> 20} MiB are needed")

    @property
    def in_this_process(self) -> bool:
        """Whether all cells are made in this process."""
        return self.jobs == 1 and self.engine == "local"


DEFAULT_RUN = RunOptions()


@dataclass(frozen=True)
class Request:
    """What is attacked, and with what: everything that decides the numbers of a result.

    Attributes
    ----------
    encoder : str, Encoder, callable or None
        Encoder; see `robustbench_ir.encoders.as_encoder`.
    task : str, pathlib.Path or Task
        Name of a task, a folder (a string needs a slash in it), or a `Task`.
    recipes : tuple of str, Recipe or callable, optional
        Recipes; see `robustbench_ir.perturb.as_recipe`. None stands for those that run by default.
    languages : tuple of str, optional
        Restrict queries and pool to these languages.
    severities : tuple of int
        Severities, 1 to 5 each.
    seeds : int or "auto"
        Number of perturbations of each query, 1 to 1,000; or as many as are worthwhile, see `attack`.
    semantic_floor : SemanticFloor or float, optional
        Edits are undone until the cosine of perturbed and clean query reaches this, in (0, 1].
    options : EncoderOptions, optional
        How an encoder is loaded by name.
    questions : int or Questions, optional
        A quick look at that many questions of the task, drawn by seed; see `robustbench_ir.tasks.questions`.
    prompts : tuple of str
        Prompts in the place of the model's own; see `robustbench_ir.evaluation.prompts.load_prompts`.
    on : {"queries", "passages", "both"}
        Which texts are perturbed.

    Raises
    ------
    OptionError
        If a severity, the number of seeds or that of questions is out of range, or a floor is to judge passages.
    """

    encoder: str | Encoder | EncodeTexts | None = None
    task: str | Path | Task = "mini"
    recipes: Sequence[RecipeMix] | None = None
    languages: Iterable[str] | None = None
    severities: Sequence[int] = (3,)
    seeds: Seeds = 1
    semantic_floor: SemanticFloor | float | None = None
    options: EncoderOptions | None = None
    questions: Questions | int | None = None
    prompts: Iterable[str] = ()
    on: PerturbedSide = "queries"

    def __post_init__(self) -> None:
        recipes, prompts, on = _taken_apart(recipe_list(self.recipes), listed(self.prompts), self.on)
        for name, items in (
            ("recipes", recipes),
            ("languages", None if self.languages is None else listed(self.languages)),
            ("severities", severity_list(self.severities)),
            ("prompts", prompts),
            ("on", on),
        ):
            object.__setattr__(self, name, items)
        _check_cells(self.severities, self.seeds)
        if self.on not in PERTURBED_SIDES:
            raise OptionError(f"on={self.on!r}: there are {', '.join(PERTURBED_SIDES)}")
        if self.semantic_floor is not None and self.on != "queries":
            raise OptionError("a semantic floor judges queries, not passages; leave it out, or attack queries alone")
        if isinstance(self.questions, int):
            object.__setattr__(self, "questions", Questions(self.questions))

    def load_recipes(self, cards: Path | None) -> dict[str, Recipe]:
        """Return the recipes by name, each once; if none is given, those that run by default.

        Raises
        ------
        UnknownNameError
            If there is no such recipe.
        OptionError
            If two recipes have the same name.
        """
        loaded: dict[str, Recipe] = {}
        for given in default_recipe_names(cards) if self.recipes is None else dict.fromkeys(self.recipes):
            if isinstance(given, tuple):
                raise OptionError("only a search can combine recipes; give each recipe by itself")
            recipe = as_recipe(given, cards)
            if is_variants(recipe.name) and self.on != "queries":
                raise OptionError(f"{recipe.name} are variants of queries, not of passages; attack them by themselves")
            if recipe.name in loaded:
                raise OptionError(
                    f"two recipes have the name {recipe.name!r}; give each its own name by recipe(..., name=)"
                )
            loaded[recipe.name] = recipe
        return loaded

    def load_task(self, cards: Path | None, progress: DownloadProgress | None = None) -> Task:
        """Return the task, in the languages of the request, with the questions that it draws.

        Parameters
        ----------
        cards : pathlib.Path or None
            Folder with the user's tasks.
        progress : callable, optional
            Receives the progress of downloads.

        Raises
        ------
        RobustBenchError
            See `robustbench_ir.tasks.load_task`.
        """
        if isinstance(self.task, Task):
            return draw_questions(self.task.select(self.languages), self.questions)
        name = f"{self.task}/" if isinstance(self.task, Path) else self.task
        return draw_questions(load_task(name, self.languages, cards, progress), self.questions)

    def cells(self, recipes: Iterable[str]) -> tuple[CellName, ...]:
        """Return the names of the cells of these recipes, in the order of the result; of ``"auto"`` the first seeds.

        Variants that people wrote know neither severity nor seed, and are one cell.
        """
        seeds = FIRST_SEEDS if self.seeds == "auto" else self.seeds
        one, all_severities = [usual_severity(self.severities)], list(dict.fromkeys(self.severities))
        return tuple(
            CellName(recipe, severity, seed)
            for recipe in recipes
            for severity in (one if is_variants(recipe) else all_severities)
            for seed in range(1 if is_variants(recipe) else seeds)
        )


def _taken_apart(
    recipes: tuple[RecipeMix, ...] | None, prompts: Sequence[str], on: str
) -> tuple[tuple[RecipeMix, ...] | None, tuple[str, ...], str]:
    """Return recipes, prompts and side, which names such as ``prompt-none`` and ``typo on passages`` say together."""
    plain: list[RecipeMix] = []
    more, sides = list(prompts), set[str]()
    for one in recipes or ():
        if isinstance(one, str) and one.startswith(PROMPT):
            more.append(one.removeprefix(PROMPT))
        else:
            name, said, side = one.rpartition(_ON) if isinstance(one, str) else (one, "", "")
            plain.append(name if said else one)
            sides.add(side if said else on)
    if len(sides) > 1:
        raise OptionError(f"one run perturbs one side, and this one {' and '.join(sorted(sides))}; run them apart")
    return None if recipes is None else tuple(plain), tuple(more), sides.pop() if sides else on


def recipe_list(given: Sequence[RecipeMix] | RecipeLike | None) -> tuple[RecipeMix, ...] | None:
    """Return recipes that were given as a list, as one recipe, or as names with commas; ``"clean"`` is none.

    Raises
    ------
    OptionError
        If ``"clean"`` stands beside recipes.
    """
    if given is None:
        return None
    if isinstance(given, str) and given == CLEAN.label:
        return ()
    found = (given,) if isinstance(given, Recipe) or callable(given) else listed(given)
    if CLEAN.label in found:
        raise OptionError("every result has the clean scores; leave out clean, or all other recipes")
    return found


def severity_list(given: Sequence[int] | int | str) -> tuple[int, ...]:
    """Return severities that were given as a list, as one number, or as numbers with commas.

    Raises
    ------
    OptionError
        If one of them is not a whole number.
    """
    items: Iterable[object] = listed(given) if isinstance(given, Iterable) else (given,)
    return tuple(map(_severity, items))


def _severity(given: object) -> int:
    try:
        return int(given) if isinstance(given, str) else index(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise OptionError(f"severity {given!r} is not a whole number; give one or more from 1 to 5") from None


def check_seeds(seeds: object) -> None:
    """Check a number of perturbations of each query.

    Raises
    ------
    OptionError
        If it is no whole number, or out of range.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, SupportsIndex):
        raise OptionError(f"seeds={seeds!r}: give the number of perturbations of each query, such as 2, or 'auto'")
    if not 1 <= index(seeds) <= MOST_SEEDS:
        raise OptionError(f"{seeds} seeds are out of range; give 1 to {MOST_SEEDS}")


def _check_cells(severities: Sequence[int], seeds: Seeds) -> None:
    """Check the severities and the number of seeds.

    Raises
    ------
    OptionError
        If one of them is out of range.
    """
    for severity in severities:
        if severity not in SEVERITIES[1:]:
            raise OptionError(f"severity {severity} is out of range; 1 to 5")
    if not severities:
        raise OptionError("no severity is given; name one or more from 1 to 5")
    if seeds != "auto":
        check_seeds(seeds)
