"""The comparison of encoders for other programs and for papers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from robustbench_ir._base.showing import csv_text, json_text, latex_text, markdown_text
from robustbench_ir.perturb.identity import CLEAN
from robustbench_ir.reports.exports import captioned
from robustbench_ir.reports.latex import latex_number, latex_table
from robustbench_ir.reports.tables import Table, TableCell, interval_cell, number_cell
from robustbench_ir.reports.terminal import short_name
from robustbench_ir.reports.winner import standing_sentence
from robustbench_ir.results.compare import EncoderComparison, Standing

_SIGNIFICANT = 0.05
_TEST = (
    "p is that of a paired two-sided sign-flip permutation test over questions, adjusted for all rows of a setting "
    "(step-down max-T)"
)
_CSV_COLUMNS = (
    *("setting", "measure", "recipe", "severity", "quantity", "first", "second", "of_first", "of_second"),
    *("difference", "difference_low", "difference_high", "p", "p_adjusted", "effect_size"),
)


def comparison_csv(rows: Sequence[EncoderComparison], standing: Standing) -> str:  # noqa: ARG001
    """Return a line for each difference."""
    return csv_text([_CSV_COLUMNS, *(_csv_row(row) for row in rows)])


def _csv_row(row: EncoderComparison) -> tuple[object, ...]:
    numbers = (
        *(row.of_first.value, row.of_second.value, row.difference.value, row.difference.low, row.difference.high),
        *(row.p, row.p_adjusted, row.effect_size),
    )
    words = row.setting, row.measure, str(row.recipe), row.severity, row.quantity, row.first, row.second
    return *words, *(None if math.isnan(value) else round(value, 6) for value in numbers)


def comparison_json(rows: Sequence[EncoderComparison], standing: Standing) -> str:  # noqa: ARG001
    """Return all fields of each difference."""
    return json_text([row.record() for row in rows], indent=1) + "\n"


def comparison_markdown(rows: Sequence[EncoderComparison], standing: Standing) -> str:
    """Return a table of each setting and pair of encoders, and the sentence."""
    tables = [captioned(_table(group)) for group in _groups(rows)]
    return "\n\n".join([*tables, markdown_text(f"{_TEST}."), markdown_text(standing_sentence(standing))]) + "\n"


def _groups(rows: Sequence[EncoderComparison]) -> list[list[EncoderComparison]]:
    """Return the rows of each setting and pair of encoders; each pair begins with its clean rows."""
    found: list[list[EncoderComparison]] = []
    for row in rows:
        if row.recipe == CLEAN:
            found.append([])
        found[-1].append(row)
    return found


def _table(rows: Sequence[EncoderComparison]) -> Table:
    first = rows[0]
    measure = "mAP" if first.measure == "AP" else first.measure
    names = short_name(first.first), short_name(first.second)
    columns = "recipe", "severity", "what", *names, "difference", "95% interval", "p"
    cells = tuple(
        (
            TableCell(row.recipe.label),
            TableCell(str(row.severity) if row.severity else ""),
            TableCell(row.quantity),
            number_cell(row.of_first.value, ".3f"),
            number_cell(row.of_second.value, ".3f"),
            number_cell(row.difference.value, "+z.3f"),
            interval_cell(row.difference, "+z.3f"),
            number_cell(row.p_adjusted, ".4f"),
        )
        for row in rows
    )
    return Table(f"{measure}, {first.setting}: {names[1]} minus {names[0]}", columns, cells)


def comparison_latex(rows: Sequence[EncoderComparison], standing: Standing) -> str:
    """Return a table of each setting and pair of encoders, for the package booktabs."""
    tables = [_latex_table(group, number, standing) for number, group in enumerate(_groups(rows), start=1)]
    return "% Needs \\usepackage{booktabs} in the preamble.\n" + "\n".join(tables)


def _latex_table(rows: Sequence[EncoderComparison], number: int, standing: Standing) -> str:
    first = rows[0]
    measure = "mAP" if first.measure == "AP" else first.measure
    head = " & ".join(["recipe", "", "A", "B", r"B $-$ A", r"95\% interval", "$p$"]) + r" \\"
    body = []
    for row in rows:
        attack = f"{row.recipe.label} {row.severity}" if row.severity else row.recipe.label
        difference = latex_number(row.difference.value, ".3f")
        low, high = (latex_number(end, ".3f") for end in (row.difference.low, row.difference.high))
        cells = [
            *(latex_text(attack), row.quantity),
            *(latex_number(one.value, ".3f") for one in (row.of_first, row.of_second)),
            rf"\textbf{{{difference}}}" if row.p_adjusted < _SIGNIFICANT else difference,
            rf"{low} to {high}",
            r"$<$0.001" if row.p_adjusted < 0.001 else latex_number(row.p_adjusted, ".3f"),
        ]
        body.append(" & ".join(cells) + r" \\")
    caption = (
        f"{measure} of A, {short_name(first.first)}, and B, {short_name(first.second)}, on the same questions and the "
        f"same perturbed queries, {first.setting} setting. The number after a recipe is the severity; drop is clean "
        f"minus attacked. Bold: p below 0.05. {_TEST}."
    )
    if first.setting == standing.setting:
        caption += f" {standing_sentence(standing)}"
    return latex_table("llrrrrr", [head], body, latex_text(caption), f"comparison {first.setting} {number}", wide=True)


COMPARISON_FORMATS = {
    "csv": comparison_csv,
    "json": comparison_json,
    "latex": comparison_latex,
    "markdown": comparison_markdown,
}
