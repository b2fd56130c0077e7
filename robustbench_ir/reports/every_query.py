"""All queries of a result, a page at a time, with a search: what `irbench view` has behind the hardest-hit ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlencode

from robustbench_ir._version import __version__
from robustbench_ir.errors import RobustBenchError
from robustbench_ir.perturb import Perturbation
from robustbench_ir.reports.content import Sheet
from robustbench_ir.reports.shown_queries import text_direction, with_visible_code_points
from robustbench_ir.reports.templates import inlined, rendered
from robustbench_ir.reports.terminal import counted, language_name
from robustbench_ir.reports.worst import WorstQuery, perturbed_again, queries_by_fall, task_of_result, with_texts
from robustbench_ir.results.result import Cell
from robustbench_ir.tasks import Task

PER_PAGE = 25
_LONGEST_SEARCH = 200
_LONGEST_NUMBER = 6


@dataclass(frozen=True)
class Asked:
    """What a reader of the pages asks for.

    Attributes
    ----------
    attack : str
        Number of the attack, in the order of the result; empty for the one that costs most.
    language : str
        Code of a query language; empty for all.
    text : str
        Part of a query, clean or perturbed, or of its id; empty for all.
    page : int
        Number of the page, from 1.
    """

    attack: str = ""
    language: str = ""
    text: str = ""
    page: int = 1

    @classmethod
    def parse(cls, query: str) -> Asked:
        """Read what stands behind the question mark of an address; whatever it cannot mean is left out."""
        try:
            given = {key: values[0] for key, values in parse_qs(query, max_num_fields=10).items()}
        except ValueError:
            given = {}
        page = given.get("page", "")
        number = int(page) if page.isdecimal() and len(page) <= _LONGEST_NUMBER else 1
        text = given.get("text", "").strip()[:_LONGEST_SEARCH]
        return cls(given.get("attack", ""), given.get("language", ""), text, max(number, 1))

    def __str__(self) -> str:
        given = {"attack": self.attack, "language": self.language, "text": self.text}
        page = {"page": str(self.page)} if self.page > 1 else {}
        return "?" + urlencode({**{key: value for key, value in given.items() if value}, **page})


@dataclass
class EveryQuery:
    """The queries of one result, with the texts of the attack that was looked at last.

    Attributes
    ----------
    sheet : Sheet
        The result.
    """

    sheet: Sheet
    _task: Task | None = None
    _made: dict[str, list[Perturbation]] = field(default_factory=dict, repr=False)

    def page(self, asked: Asked, home: str, report: str) -> str:
        """Return a page of queries; every text is escaped.

        Parameters
        ----------
        asked : Asked
            What is asked for.
        home, report : str
            Addresses of the list of results and of the report.
        """
        attacks = self._attacks()
        chosen = asked.attack if asked.attack in attacks else self._costliest(attacks)
        asked = replace(asked, attack=chosen)
        shown, number, problem = self._found(asked, attacks[chosen]) if attacks else ([], 0, "")
        first = (asked.page - 1) * PER_PAGE
        return rendered(
            "queries.html.jinja",
            {"visible": with_visible_code_points, "language_name": language_name, "direction": text_direction},
            **inlined("report.css"),
            version=__version__,
            sheet=self.sheet,
            asked=asked,
            attacks={
                key: f"{self.sheet.recipe_names[one.recipe]}, severity {one.severity}" for key, one in attacks.items()
            },
            languages=self.sheet.result.judgements.query_languages,
            queries=shown,
            told=_told(first, len(shown), number),
            problem=problem,
            before=str(replace(asked, page=asked.page - 1)) if asked.page > 1 else "",
            after=str(replace(asked, page=asked.page + 1)) if first + len(shown) < number else "",
            home=home,
            report=report,
        )

    def _attacks(self) -> dict[str, Cell]:
        """Return the first seed of each attack and severity, by number."""
        return {str(place): cells[0] for place, cells in enumerate(self.sheet.result.groups.values(), start=1)}

    def _called(self, cell: Cell) -> str:
        return f"{self.sheet.recipe_names[cell.recipe]}, severity {cell.severity}"

    def _costliest(self, attacks: dict[str, Cell]) -> str:
        first = next(((one.recipe, one.severity) for one in self.sheet.at_severity), None)
        return next((key for key, one in attacks.items() if (one.recipe, one.severity) == first), "")

    def _found(self, asked: Asked, cell: Cell) -> tuple[list[WorstQuery], int, str]:
        """Return the queries of a page, the number of all that are asked for, and why there are no texts."""
        problem = ""
        try:
            self._make(cell)
        except RobustBenchError as error:
            problem = f"No texts, and a search for ids alone: {error}."
        first = (asked.page - 1) * PER_PAGE
        shown: list[WorstQuery] = []
        number = 0
        for one in self._matching(asked, cell):
            if first <= number < first + PER_PAGE:
                shown.append(one)
            number += 1
        if self._task is not None and not problem:
            shown, _ = with_texts(shown, self._task, self._made)
        return shown, number, problem

    def _make(self, cell: Cell) -> None:
        """Make the perturbed queries of an attack; those of the last one are forgotten."""
        if cell.digest in self._made:
            return
        self._made.clear()
        if self._task is None:
            self._task = task_of_result(self.sheet.result)
        self._made[cell.digest] = perturbed_again(self._task, cell)

    def _matching(self, asked: Asked, cell: Cell) -> Iterator[WorstQuery]:
        contains = _search(asked.text, self._made.get(cell.digest))
        for one in queries_by_fall(self.sheet, cell, whole=True):
            if asked.language in {"", one.language} and contains(one):
                yield one


def _search(text: str, made: list[Perturbation] | None) -> Callable[[WorstQuery], bool]:
    wanted = text.casefold()

    def contains(one: WorstQuery) -> bool:
        texts = (made[one.row].clean, made[one.row].text) if made else ()
        return any(wanted in found.casefold() for found in (one.query_id, *texts))

    return contains if wanted else lambda _: True


def _told(first: int, shown: int, number: int) -> str:
    if not number:
        return "No query is like that."
    if not shown:
        return f"There are {counted(number, 'query', 'queries')}, and no such page."
    return (
        f"{first + 1:,} to {first + shown:,} of {counted(number, 'query', 'queries')}; those that lost most come first"
    )
