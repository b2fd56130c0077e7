"""The section of the page about injected passages: the matrix as a heat map, the drops, the detectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robustbench_ir.adversary.poisoning import ALL, DEPTHS, MEASURES, Depth, Poisoning, Reach
from robustbench_ir.reports.charts import Picture, heat_map
from robustbench_ir.reports.poison import poison_heading, whole_percent
from robustbench_ir.reports.tables import Table, TableCell, interval_cell, number_cell
from robustbench_ir.reports.terminal import language_name, measured

SHARES = (2.0, 25.0, 50.0, 75.0)
"""Percent at which the colour of a heat map changes."""


@dataclass(frozen=True)
class Poisoned:
    """What the page says of one poisoning.

    Attributes
    ----------
    heading : str
        Encoder, task, and how the passages were written.
    pictures : list of Picture
        ASR@10 and ASR@1, with their numbers.
    drops : Table
        Reach in other languages, and drop of the honest passages, for each source language.
    detectors : Table or None
        What detectors catch; None where none applies.
    foreign : str
        Percent of the relevant passages that a filter by language would hide; empty if it is not known.
    """

    heading: str
    pictures: list[Picture]
    drops: Table
    detectors: Table | None
    foreign: str


def poisoned(found: Poisoning) -> Poisoned:
    """Return what the page says of a poisoning."""
    cells = {depth: found.matrix(depth) for depth in DEPTHS}
    return Poisoned(
        poison_heading(found),
        [_matrix(found, depth, cells[depth]) for depth in reversed(DEPTHS)],
        _drops(found, cells[10]),
        _detectors(found),
        "" if math.isnan(found.foreign_share) else f"{found.foreign_share:.0%}",
    )


def _matrix(found: Poisoning, depth: Depth, cells: list[Reach]) -> Picture:
    share = {(one.source, one.language): one for one in cells}
    names, codes = [language_name(source) for source in found.sources], list(found.query_languages)
    heading = f"ASR@{depth} in percent: injected in (down), asked in (across)"
    values = [[100 * share[source, language].share.value for language in codes] for source in found.sources]
    image = heat_map(heading, names, codes, values, SHARES, whole_percent)
    shown = [one for one in cells if ALL not in {one.source, one.language} and "-resource" not in one.source]
    rows = tuple(
        (
            TableCell(language_name(one.source)),
            TableCell(language_name(one.language)),
            number_cell(one.share.value, ".1%"),
            interval_cell(one.share, ".1%"),
            number_cell(one.p_adjusted, ".3f"),
        )
        for one in shown
    )
    columns = ("injected in", "asked in", f"ASR@{depth}", "95% interval", "p, own language")
    return Picture(heading, image, Table(f"ASR@{depth} by language", columns, rows))


def _drops(found: Poisoning, cells: list[Reach]) -> Table:
    reach = {one.source: one for one in cells if one.language == ALL}
    drops = {measure: {one.source: one for one in found.drops(measure)} for measure in MEASURES}
    rows = tuple(
        (
            TableCell(language_name(source)),
            number_cell(reach[source].share.value if source in reach else math.nan, ".1%"),
            *(
                cell
                for measure in MEASURES
                for one in (drops[measure][source],)
                for cell in (
                    number_cell(one.clean, ".3f"),
                    number_cell(one.drop.value, "+.3f"),
                    interval_cell(one.drop, "+.3f"),
                )
            ),
        )
        for source in found.sources
    )
    names = map(measured, MEASURES)
    numbers = (column for name in names for column in (f"clean {name}", f"drop of {name}", "95% interval"))
    return Table("Honest passages", ("injected in", "ASR@10, other languages", *numbers), rows)


def _detectors(found: Poisoning) -> Table | None:
    rows = tuple(
        (
            TableCell(one.detector),
            TableCell(language_name(one.source)),
            number_cell(one.caught.value, ".1%"),
            interval_cell(one.caught, ".1%"),
            number_cell(one.cost, ".1%"),
            number_cell(one.auc, ".2f"),
        )
        for one in found.detections
        if not one.reason
    )
    columns = ("detector", "injected in", "caught", "95% interval", "honest ones flagged", "AUC")
    return Table("Detectors", columns, rows) if rows else None
