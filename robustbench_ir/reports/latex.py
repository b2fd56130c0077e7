"""Tables for a paper: LaTeX that is compiled as it is, with the package booktabs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Literal, get_args

import numpy as np

from robustbench_ir._base.showing import latex_comment, latex_text
from robustbench_ir.errors import OptionError, nearest
from robustbench_ir.metrics.significance import holm
from robustbench_ir.perturb.identity import CLEAN
from robustbench_ir.reports.content import Score, Sheet
from robustbench_ir.reports.terminal import counted
from robustbench_ir.tasks.task import TaskIdentity

Column = Literal["clean", "attacked", "drop", "relative"]
COLUMNS: tuple[Column, ...] = get_args(Column)
DEFAULT_COLUMNS: tuple[Column, ...] = ("clean", "attacked", "drop")

_HEADS: dict[Column, str] = {"clean": "clean", "attacked": "attacked", "drop": "drop", "relative": r"drop \%"}
_SIGNIFICANT = 0.05
_DAGGER = r"$^{\dagger}$"
_NO_DAGGER = r"\phantom{$^{\dagger}$}"
_NOTHING = "--"

# Widths in points, at the size of footnotes of a text of 10 points.
_ONE_COLUMN, _TWO_COLUMNS = 195.0, 400.0
_NAME, _NUMBER, _GAP, _LETTER = 72.0, 30.0, 6.0, 4.4
_LONGEST_NAME = 16


def read_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Return columns by their names.

    Parameters
    ----------
    names : sequence of str
        Any of ``clean``, ``attacked``, ``drop`` and ``relative``, the drop in percent.

    Raises
    ------
    OptionError
        If there is no such column.
    """
    for name in names:
        if name not in COLUMNS:
            raise OptionError(f"there is no column {name!r}; {nearest(name, COLUMNS)}")
    return tuple(one for one in COLUMNS if one in names)


def to_latex(sheets: Sequence[Sheet], columns: Sequence[Column] = DEFAULT_COLUMNS) -> str:
    """Return a compact table of encoders and recipes for each task, setting and severity.

    Parameters
    ----------
    sheets : sequence of Sheet
        One for each result; those of one task, setting and severity share a table.
    columns : sequence of {"clean", "attacked", "drop", "relative"}
        What is shown; ``relative`` is the drop in percent of the clean score.
    """
    sources = [line for sheet in sheets for line in (*sheet.command.splitlines(), *sheet.signatures)]
    head = "% Needs \\usepackage{booktabs} in the preamble.\n"
    together = groupby(sorted(sheets, key=_order), key=_order)
    tables = "\n".join(_PaperTable(tuple(found), tuple(columns)).text() for _, found in together)
    return head + "".join(f"{latex_comment(line)}\n" for line in dict.fromkeys(sources)) + tables


def _order(sheet: Sheet) -> tuple[str, str, str, int, str]:
    return sheet.result.task, sheet.result.task_digest, sheet.setting, sheet.severity, sheet.measure


def latex_number(value: float, form: str) -> str:
    """Return a number with a minus sign, not a hyphen; a dash for NaN.

    >>> latex_number(-0.0214, ".3f")
    '$-$0.021'
    """
    if math.isnan(value):
        return _NOTHING
    written = f"{value:z{form}}".replace("%", r"\%")
    return f"$-${written[1:]}" if written.startswith("-") else written


def latex_table(columns: str, head: Sequence[str], body: Sequence[str], caption: str, label: str, wide: bool) -> str:
    """Return a floating table with rules of booktabs.

    Parameters
    ----------
    columns : str
        Kinds of the columns, such as ``lrr``.
    head, body : sequence of str
        Lines above and below the middle rule.
    caption : str
        Caption, as LaTeX.
    label : str
        Words of the label, which gets ``tab:`` and no letter that LaTeX could obey.
    wide : bool
        Whether the table spans both columns of a page.
    """
    kind = "table*" if wide else "table"
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")
    lines = (
        rf"\begin{{{kind}}}[t]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        *head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{slug}}}",
        rf"\end{{{kind}}}",
    )
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _PaperTable:
    """The table of some results of one task in one setting at one severity.

    Attributes
    ----------
    sheets : tuple of Sheet
        A row for each.
    columns : tuple of str
        What is shown.
    """

    sheets: tuple[Sheet, ...]
    columns: tuple[Column, ...]

    @property
    def _first(self) -> Sheet:
        return self.sheets[0]

    @cached_property
    def _recipes(self) -> list[str]:
        """Names of the recipes, in the order of the runs."""
        found = (sheet.recipe_names[one.recipe] for sheet in self.sheets for one in self._of_run(sheet))
        return list(dict.fromkeys(found)) if self._by_recipe else []

    @property
    def _by_recipe(self) -> tuple[Column, ...]:
        return tuple(one for one in self.columns if one != "clean")

    @staticmethod
    def _of_run(sheet: Sheet) -> list[Score]:
        return [one for one in sheet.scores[sheet.setting] if one.severity == sheet.severity and one.recipe != CLEAN]

    @cached_property
    def _cells(self) -> dict[tuple[int, str], Score]:
        """The drop of each row and recipe."""
        return {
            (row, sheet.recipe_names[one.recipe]): one
            for row, sheet in enumerate(self.sheets)
            for one in self._of_run(sheet)
        }

    @cached_property
    def _significant(self) -> set[tuple[int, str]]:
        """The drops that differ from 0 after Holm's correction for all drops of the table."""
        p: dict[tuple[int, str], float] = {}
        for row, sheet in enumerate(self.sheets):
            for one in sheet.result.findings(sheet.setting, sheet.measure, resamples=sheet.resamples):
                if one.severity == sheet.severity and one.recipe != CLEAN:
                    p[row, sheet.recipe_names[one.recipe]] = one.p
        adjusted = holm(np.array(list(p.values())))
        return {key for key, value in zip(p, adjusted.tolist(), strict=True) if value < _SIGNIFICANT}

    @cached_property
    def _clean(self) -> list[float]:
        return [sheet.result.score(sheet.result.clean, sheet.setting, sheet.measure) for sheet in self.sheets]

    def text(self) -> str:
        """Return the table."""
        blocks = self._blocks()
        wide = len(blocks) > 1 or self._width(blocks[0]) > _ONE_COLUMN
        per_recipe = len(self._by_recipe)
        most = max(map(len, blocks))
        name = "l" if self._narrow else "p{8em}"
        kinds = f"{name}{'r' * ('clean' in self.columns)}{'r' * (per_recipe * most)}"
        head, *more = (self._block(block, most) for block in blocks)
        body = [*head[1], *(line for names, rows in more for line in (r"\midrule", *names, r"\midrule", *rows))]
        label = f"robustness {TaskIdentity.parse(self._first.result.task).name} {self._first.setting}"
        label += f" {self._first.severity}" if self._recipes else ""
        return latex_table(kinds, head[0], body, self._caption(), label, wide)

    @property
    def _narrow(self) -> bool:
        return max(len(sheet.name) for sheet in self.sheets) <= _LONGEST_NAME

    def _blocks(self) -> list[list[str]]:
        """Return the recipes in as few blocks, one below the other, as fit into the width of a page."""
        names = self._recipes
        for number in range(1, len(names) + 1):
            size = -(-len(names) // number)
            blocks = [names[start : start + size] for start in range(0, len(names), size)]
            if all(self._width(block) <= _TWO_COLUMNS for block in blocks):
                return blocks
        return [[name] for name in names] or [[]]

    def _width(self, names: Sequence[str]) -> float:
        """Return about how wide a block is, in points."""
        numbers = len(self._by_recipe) * (_NUMBER + _GAP)
        clean = _NUMBER if "clean" in self.columns else 0.0
        return _NAME + clean + sum(max(numbers, len(name) * _LETTER + _GAP) for name in names)

    def _block(self, names: Sequence[str], most: int) -> tuple[list[str], list[str]]:
        """Return the heading and the rows of some recipes; `most` is the number of recipes in the widest block."""
        per_recipe, first = len(self._by_recipe), 2 + ("clean" in self.columns)
        empty = "&" * (per_recipe * (most - len(names)))
        above = "".join(rf" & \multicolumn{{{per_recipe}}}{{c}}{{{latex_text(name)}}}" for name in names)
        rules = "".join(
            rf"\cmidrule(lr){{{first + per_recipe * place}-{first + per_recipe * (place + 1) - 1}}}"
            for place in range(len(names))
        )
        heads = [_HEADS[one] for one in self._by_recipe] * len(names)
        clean = [_HEADS["clean"]] if "clean" in self.columns else []
        below = " & ".join(["encoder", *clean, *heads])
        top = [f"{' &' * len(clean)}{above}{empty} \\\\", rules] if names else []
        columns = [self._clean_column(), *(self._column(name, one) for name in names for one in self._by_recipe)]
        shown = columns[0 if clean else 1 :]
        rows = [
            " & ".join([_breakable(sheet.name), *(column[row] for column in shown)]) + empty + r" \\"
            for row, sheet in enumerate(self.sheets)
        ]
        return [*top, f"{below}{empty} \\\\"], rows

    def _clean_column(self) -> list[str]:
        return _with_best([latex_number(value, ".3f") for value in self._clean], self._clean)

    def _column(self, name: str, column: Column) -> list[str]:
        """Return a column of one recipe, the best value in bold: the highest score, or the smallest drop."""
        found = [self._cells.get((row, name)) for row in range(len(self.sheets))]
        values = [math.nan if one is None else _value(one, column) for one in found]
        form = ".1%" if column == "relative" else ".3f"
        shown = _with_best(
            [latex_number(value, form) for value in values],
            values if column == "attacked" else [-value for value in values],
        )
        if column != "drop":
            return shown
        marks = [_DAGGER if (row, name) in self._significant else _NO_DAGGER for row in range(len(found))]
        return [text + mark for text, mark in zip(shown, marks, strict=True)]

    def _caption(self) -> str:
        sheet, layout = self._first, self._first.result.judgements
        encoders = sheet.name if len(self.sheets) == 1 else counted(len(self.sheets), "encoder")
        queries = f"{counted(layout.questions, 'question')} in {counted(len(layout.query_languages), 'query language')}"
        task = TaskIdentity.parse(sheet.result.task).name
        parts = [f"{sheet.measure_name} of {encoders} on {task}, {sheet.setting} setting ({queries})."]
        if self._recipes:
            seeds = sorted({len(cells) for one in self.sheets for (_, at), cells in one.result.groups.items()
                            if at == one.severity})  # fmt: skip
            said = counted(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
            parts.append(f"Attacked: queries perturbed by each recipe at severity {sheet.severity} ({said}).")
            parts.append("Drop: clean minus attacked, so that a negative drop is a gain.")
            parts += self._not_covered()
        if len(self.sheets) > 1:
            parts.append("Bold: best of the column, not a test.")
        caption = latex_text(" ".join(parts))
        if not self._recipes or "drop" not in self.columns:
            return caption
        test = "two-sided sign-flip permutation test over questions, Holm's correction for the"
        drops = counted(len(self._cells), "drop")
        return f"{caption} {_DAGGER}: the drop differs from 0 ($p<0.05$, {test} {drops} of the table)."

    def _not_covered(self) -> list[str]:
        """Return a sentence on each recipe whose numbers are of fewer languages than the clean score."""
        missing: dict[str, set[str]] = {}
        for sheet in self.sheets:
            for cell in sheet.result.attacked:
                if cell.not_covered and cell.severity == sheet.severity:
                    missing.setdefault(sheet.recipe_names[cell.recipe], set()).update(cell.not_covered)
        return [
            f"{name} does not cover {', '.join(sorted(codes))}; its numbers are of the other languages"
            f"{self._clean_there(name)}."
            for name, codes in missing.items()
        ]

    def _clean_there(self, name: str) -> str:
        """Return the clean scores in the languages that a recipe covers, which no column has."""
        found = [
            (sheet.name, one.clean) for row, sheet in enumerate(self.sheets) if (one := self._cells.get((row, name)))
        ]
        scores = ", ".join(f"{clean:.3f}{f' ({who})' if len(found) > 1 else ''}" for who, clean in found)
        return f", where the clean score is {scores}" if "clean" in self.columns and found else ""


def _value(one: Score, column: Column) -> float:
    return {"attacked": one.attacked, "drop": one.drop.value, "relative": one.relative}.get(column, math.nan)


def _with_best(shown: Sequence[str], values: Sequence[float]) -> list[str]:
    """Return texts, those in bold that are printed as the best value is; none if all are the same."""
    known = [place for place, value in enumerate(values) if not math.isnan(value)]
    if len({shown[place] for place in known}) < 2:
        return list(shown)
    best = shown[max(known, key=lambda place: values[place])]
    return [rf"\textbf{{{text}}}" if text == best else text for text in shown]


def _breakable(name: str) -> str:
    """Return a name as LaTeX that may break after a slash, a colon, an underscore or an at sign."""
    return re.sub(r"(/|:|\\_|@)", r"\1\\allowbreak{}", latex_text(name))
