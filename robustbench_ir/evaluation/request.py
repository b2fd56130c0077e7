"""What is asked of a run: all that decides its cells, in a form that can be sent to another process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from robustbench_ir._base.cache import Cache
from robustbench_ir.encoders import Encoder, EncoderOptions
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.run_export import RunExport
from robustbench_ir.perturb import Perturbation, default_recipe_names, load_recipe
from robustbench_ir.perturb.recipe import SEVERITIES
from robustbench_ir.retrieval.ranking import DEFAULT_MEMORY
from robustbench_ir.tasks import Task

SMALLEST_MEMORY = 1 << 24


class CellName(NamedTuple):
    """One cell of the table: a recipe at one severity with one seed."""

    recipe: str
    severity: int
    seed: int

    def __str__(self) -> str:
        return f"{self.recipe} severity {self.severity} seed {self.seed}"


def check_cells(severities: Sequence[int], seeds: int) -> None:
    """See to it that the severities and the number of seeds make cells.

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
        raise OptionError(f"{seeds} seeds; at least 1 is wanted")


@dataclass(frozen=True)
class Request:
    """The arguments of `robustbench_ir.attack`; see there.

    Raises
    ------
    OptionError
        A severity, number of seeds or memory out of range.
    UnknownNameError
        No such recipe.
    """

    encoder: str | Encoder | EncodeTexts | None = None
    task: str | Task = "mini"
    recipes: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    severities: tuple[int, ...] = (3,)
    seeds: int = 1
    options: EncoderOptions | None = None
    cards: Path | None = None
    resume: bool = True
    semantic_floor: float | None = None
    semantic_encoder: str | Encoder | None = None
    memory: int = DEFAULT_MEMORY
    runs: RunExport | None = None
    perturbed: dict[CellName, Sequence[Perturbation]] | None = None
    cache: Cache | None = None

    def __post_init__(self) -> None:
        check_cells(self.severities, self.seeds)
        if self.memory < SMALLEST_MEMORY:
            raise OptionError(f"memory of {self.memory} bytes; at least {SMALLEST_MEMORY >> 20} MiB is wanted")
        for name in self.recipe_names:
            load_recipe(name, self.cards)

    @property
    def recipe_names(self) -> tuple[str, ...]:
        """Names of the recipes, each once; those that run by default where none is named."""
        return tuple(default_recipe_names(self.cards) if self.recipes is None else dict.fromkeys(self.recipes))

    @property
    def cells(self) -> tuple[CellName, ...]:
        """The table's cells, in the order of the result."""
        return tuple(
            CellName(recipe, severity, seed)
            for recipe in self.recipe_names
            for severity in dict.fromkeys(self.severities)
            for seed in range(self.seeds)
        )
