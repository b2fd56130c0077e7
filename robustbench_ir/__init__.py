"""Measure how far multilingual retrieval falls, and which languages lose, when the queries are not clean.

>>> import robustbench_ir as rb
>>> result = rb.attack("char-ngram", task="mini")  # doctest: +SKIP
>>> print(result.to_frame())  # doctest: +SKIP

Importing this package loads none of its back ends; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from robustbench_ir._version import __version__

if TYPE_CHECKING:
    from robustbench_ir._base.cache import Cache
    from robustbench_ir._base.progress import Progress
    from robustbench_ir.adversary.candidates import Budget
    from robustbench_ir.adversary.poison import poison
    from robustbench_ir.adversary.poison_file import load_poisoning, save_poisoning
    from robustbench_ir.adversary.poisoning import Poisoning
    from robustbench_ir.adversary.search import Searched, SearchOptions, search
    from robustbench_ir.adversary.transfer import Transfer, transfer
    from robustbench_ir.defences import normalised, repair, smoothed
    from robustbench_ir.encoders import (
        Encoder,
        EncoderDescription,
        EncoderOptions,
        encoder_names,
        load_encoder,
        load_reranker,
        reranked,
    )
    from robustbench_ir.errors import RobustBenchError
    from robustbench_ir.evaluation.attack import attack
    from robustbench_ir.evaluation.plan import Plan, plan
    from robustbench_ir.evaluation.request import RunOptions
    from robustbench_ir.evaluation.run_export import RunExport
    from robustbench_ir.evaluation.semantic_floor import SemanticFloor
    from robustbench_ir.perturb import Edit, Perturbation, Recipe, load_recipe, perturb, recipe, recipe_names
    from robustbench_ir.perturb.identity import AttackIdentity, RecipeIdentity, Signature
    from robustbench_ir.results.compare import EncoderComparison, compare
    from robustbench_ir.results.file import load_result, save_result
    from robustbench_ir.results.gate import Checked, Outcome, check
    from robustbench_ir.results.presentation import Plot
    from robustbench_ir.results.result import Cell, Drop, Result
    from robustbench_ir.results.rules import Gate, Rule
    from robustbench_ir.tasks import Passage, Query, Task, build_task, load_task, task_names
    from robustbench_ir.tasks.questions import Questions

_HOMES = {
    "_base.cache": ("Cache",),
    "_base.progress": ("Progress",),
    "adversary.candidates": ("Budget",),
    "adversary.poison": ("poison",),
    "adversary.poison_file": ("load_poisoning", "save_poisoning"),
    "adversary.poisoning": ("Poisoning",),
    "adversary.search": (
        "Searched",
        "SearchOptions",
        "search",
    ),
    "adversary.suite": ("run_suite",),
    "adversary.transfer": (
        "Transfer",
        "transfer",
    ),
    "adversary.triggers": ("Triggered", "find_triggers"),
    "defences": ("normalised", "repair", "smoothed"),
    "encoders": (
        "Encoder",
        "EncoderDescription",
        "EncoderOptions",
        "encoder_names",
        "load_encoder",
        "load_reranker",
        "reranked",
    ),
    "errors": ("RobustBenchError",),
    "evaluation.attack": ("attack",),
    "evaluation.plan": ("Plan", "plan"),
    "evaluation.request": ("RunOptions",),
    "evaluation.run_export": ("RunExport",),
    "evaluation.semantic_floor": ("SemanticFloor",),
    "perturb": (
        "Edit",
        "Perturbation",
        "Recipe",
        "load_recipe",
        "recipe",
        "recipe_names",
    ),
    "perturb.identity": ("AttackIdentity", "RecipeIdentity", "Signature"),
    "results.compare": ("EncoderComparison", "compare"),
    "results.file": (
        "load_result",
        "save_result",
    ),
    "results.gate": ("Checked", "Outcome", "check"),
    "results.presentation": ("Plot",),
    "results.result": (
        "Cell",
        "Drop",
        "Result",
    ),
    "results.rules": ("Gate", "Rule"),
    "results.suite": ("Suite", "load_suite"),
    "tasks.questions": ("Questions",),
    "tasks": (
        "Passage",
        "Query",
        "Task",
        "build_task",
        "load_task",
        "task_names",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AttackIdentity",
    "Budget",
    "Cache",
    "Cell",
    "Checked",
    "Drop",
    "Edit",
    "Encoder",
    "EncoderComparison",
    "EncoderDescription",
    "EncoderOptions",
    "Gate",
    "Outcome",
    "Passage",
    "Perturbation",
    "Plan",
    "Plot",
    "Poisoning",
    "Progress",
    "Query",
    "Questions",
    "Recipe",
    "RecipeIdentity",
    "Result",
    "RobustBenchError",
    "Rule",
    "RunExport",
    "RunOptions",
    "SearchOptions",
    "Searched",
    "SemanticFloor",
    "Signature",
    "Suite",
    "Task",
    "Transfer",
    "Triggered",
    "__version__",
    "attack",
    "build_task",
    "check",
    "compare",
    "encoder_names",
    "find_triggers",
    "load_encoder",
    "load_poisoning",
    "load_recipe",
    "load_reranker",
    "load_result",
    "load_suite",
    "load_task",
    "normalised",
    "perturb",
    "plan",
    "poison",
    "recipe",
    "recipe_names",
    "repair",
    "reranked",
    "run_suite",
    "save_poisoning",
    "save_result",
    "search",
    "smoothed",
    "task_names",
    "transfer",
]


def __getattr__(name: str) -> object:
    if name == "perturb":  # the package itself, which can be called
        return import_module(f"{__name__}.perturb")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
