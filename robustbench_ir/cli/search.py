"""Options of `irbench attack` that ask for an adversary, and what is printed of it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from robustbench_ir.cli.options import alternatives_option, edit_rate_option, starts_option, until_reached_option
from robustbench_ir.errors import OptionError
from robustbench_ir.results.result import Result

if TYPE_CHECKING:
    from robustbench_ir.adversary.candidates import Budget
    from robustbench_ir.adversary.outcomes import Attacked
    from robustbench_ir.adversary.search import Searched

Command = TypeVar("Command", bound=Callable[..., object])

_NOTES = (
    "success = share of the queries that reach the goal (map: AP falls to half) among those that do not when clean; "
    "texts = what the encoder was asked about besides the clean queries; words = places changed, mean."
)


class Adversary:
    """Stands in for `robustbench_ir.attack`, and keeps what it found to say it."""

    def __init__(
        self,
        methods: tuple[str, ...],
        goal: str,
        budget: Budget,
        until_reached: bool,
        starts: int | None,
        alternatives: int | None,
    ) -> None:
        from robustbench_ir.adversary.run import DEFAULT_ALTERNATIVES

        self.methods, self.goal, self.budget, self.until_reached = methods, goal, budget, until_reached
        self.starts, self.alternatives = starts, DEFAULT_ALTERNATIVES if alternatives is None else alternatives
        self.searched: Searched | None = None

    def attack(
        self,
        *arguments: object,
        jobs: int = 1,
        engine: str = "local",
        memory: int = 0,  # noqa: ARG002 (a search ranks a few texts at a time)
        runs: object = None,
        **named: object,
    ) -> Result:
        """Search; the arguments are those of `robustbench_ir.attack`."""
        from robustbench_ir.adversary.search import search

        if jobs != 1 or engine != "local" or runs is not None:
            raise OptionError(
                "--search runs in one process, whose searches share what they learn of the encoder, and writes no "
                "TREC runs; leave out --jobs, --engine, --run-out"
            )
        run = cast("Callable[..., Searched]", search)
        self.searched = run(
            *arguments,
            methods=self.methods,
            goal=self.goal,
            budget=self.budget,
            until_reached=self.until_reached,
            starts=self.starts,
            alternatives=self.alternatives,
            **named,
        )
        return self.searched.result

    def tell(self, console: Console, result_file: Path) -> None:
        """Print what the searches cost and won, and write the attacked queries beside the result."""
        from robustbench_ir.adversary.outcomes import write_queries

        if self.searched is None:
            return
        console.print(search_table(self.searched.attacked, self.goal))
        console.print(Text(_NOTES, style="dim"))
        folder = result_file.with_name(f"{result_file.stem}-queries")
        for one in self.searched.attacked:
            cell = one.cell
            write_queries(
                folder / f"{cell.recipe.slug}-severity{cell.severity}-seed{cell.seed}.jsonl", self.searched.task, one
            )
        console.print(Text.assemble((str(folder), "bold"), " has the attacked queries"), soft_wrap=True)


def search_table(attacked: tuple[Attacked, ...], goal: str) -> Table:
    """Return a row for each cell: the goal before and after, successes, and what they cost."""
    table = Table(title=f"\ngoal {goal}", title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("search")
    for header in ("clean", "attacked", "success", "texts a\nquery", "texts a\nsuccess", "words"):
        table.add_column(header, justify="right", vertical="bottom")
    for one in attacked:
        success = "-" if math.isnan(one.success_rate) else f"{one.success_rate:.1%}"
        cost = "-" if math.isinf(one.encodings_per_success) else f"{one.encodings_per_success:,.1f}"
        numbers = (f"{one.clean_value:.3f}", f"{one.value:.3f}", success, f"{one.encodings_per_query:.1f}", cost)
        table.add_row(one.cell.recipe.label, *numbers, f"{one.words:.2f}")
    return table


def budget_of(words: int | None, queries: int | None, edit_rate: float | None) -> Budget:
    """Return the budget that options ask for; those that are not given have their default."""
    from robustbench_ir.adversary.candidates import Budget

    default = Budget()
    return Budget(
        words=default.words if words is None else words,
        queries=default.queries if queries is None else queries,
        edit_rate=default.edit_rate if edit_rate is None else edit_rate,
    )


def search_options(function: Command) -> Command:
    """Add the options of an adversary; the command gets one argument, `adversary`, None where none is wanted."""
    options = (
        click.option(
            "--search",
            "methods",
            multiple=True,
            help="Worst: greedy, greedy-rare, greedy-score, beam-4, annealing-200, best-of-20, exhaustive; random.",
        ),
        click.option(
            "--goal", help="map, beyond@10, rank-distance, language=en, passage=ID, joined by +. Default: map."
        ),
        click.option("--budget-words", type=int, help="Words that a search may change. Default: 2."),
        click.option("--budget-queries", type=int, help="Texts that a search may ask the encoder about. Default: 500."),
        edit_rate_option,
        until_reached_option,
        starts_option,
        alternatives_option,
    )

    @functools.wraps(function)
    def command(
        methods: tuple[str, ...],
        goal: str | None,
        budget_words: int | None,
        budget_queries: int | None,
        edit_rate: float | None,
        until_reached: bool,
        starts: int | None,
        alternatives: int | None,
        **named: object,
    ) -> object:
        given = (goal, budget_words, budget_queries, edit_rate, starts, alternatives)
        if not methods and (until_reached or any(one is not None for one in given)):
            raise OptionError(
                "--goal, --budget, --until-reached, --starts and --alternatives are those of an adversary; "
                "say --search greedy, too"
            )
        if not methods:
            return function(adversary=None, **named)
        budget = budget_of(budget_words, budget_queries, edit_rate)
        adversary = Adversary(methods, goal or "map", budget, until_reached, starts, alternatives)
        return function(adversary=adversary, **named)

    with_options: Callable[..., object] = command
    for option in reversed(options):
        with_options = option(with_options)
    return cast("Command", with_options)
