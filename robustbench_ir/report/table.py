"""The score table on a terminal."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from robustbench_ir.languages import languages
from robustbench_ir.result import Drop, Result
from robustbench_ir.score.settings import Setting

_POOLS: dict[Setting, str] = {
    "monolingual": "pool: the query's language",
    "cross-lingual": "pool: one other language, all ordered pairs",
    "multilingual": "pool: all languages together",
}
_NOTES = (
    "drop = clean - attacked; RD = rank distance of parallel passages in the multilingual pool, the same in all settings, "
    "lower is fairer, and falls too when everything sinks; coverage = share of queries that really changed."
)


def score_table(result: Result, by: str | None = None, measure: str = "AP") -> RenderableType:
    """Return the tables of a result, one for each setting, with what they need to be read.

    Parameters
    ----------
    result : Result
        What to show.
    by : {"language"}, optional
        One row for each recipe and query language.
    measure : str
        Such as ``"AP"`` (shown as mAP) or ``"nDCG@10"``.
    """
    name = "mAP" if measure == "AP" else measure
    parts: list[RenderableType] = [_heading(result)]
    for setting in result.settings:
        table = Table(title=f"{setting} ({_POOLS[setting]})", title_justify="left", title_style="bold")
        table.add_column("recipe", no_wrap=True)
        if by == "language":
            table.add_column("language", no_wrap=True)
        for header in (f"clean {name}", f"attacked {name}", "drop", "drop %", "clean RD", "RD change", "coverage"):
            table.add_column(header, justify="right", no_wrap=True)
        last = None
        for drop in result.drops(setting, measure, by):
            if by == "language" and last not in {None, (drop.recipe, drop.severity)}:
                table.add_section()
            last = (drop.recipe, drop.severity)
            table.add_row(*_row(drop, by))
        parts.append(table)
    parts += [Text(_NOTES, style="dim"), *_not_covered(result), Text(_signature(result), style="dim")]
    return Group(*parts)


def _heading(result: Result) -> Text:
    pool = result.layout.pool
    text = Text()
    text.append(result.encoder.name, style="bold")
    text.append(
        f" on {result.task}: {len(result.layout.query_ids):,} queries in {len(result.layout.query_languages)} languages, "
        f"{result.layout.pool_size:,} passages in {len(pool)}"
    )
    return text


def _row(drop: Drop, by: str | None) -> list[str]:
    name = languages()[drop.language].name if drop.language in languages() else drop.language
    return [
        f"{drop.recipe} severity {drop.severity}",
        *([name] if by == "language" else []),
        _number(drop.clean, ".3f"),
        _number(drop.attacked, ".3f"),
        _number(drop.absolute, "+.3f"),
        _number(drop.relative, "+.1%"),
        _number(drop.clean_rank_distance, ",.1f"),
        _number(drop.rank_distance_change, "+,.1f"),
        _number(drop.coverage, ".1%"),
    ]


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"


def _not_covered(result: Result) -> list[Text]:
    lines = []
    for (recipe, _), cells in result.groups.items():
        for language, reason in cells[0].not_covered.items():
            line = Text(f"{recipe} does not touch {language}: {reason}", style="yellow")
            if line not in lines:
                lines.append(line)
    return lines


def _signature(result: Result) -> str:
    if not result.groups:
        return result.signature(result.settings[0])
    recipe, severity = next(iter(result.groups))
    return result.signature(result.settings[-1], recipe, severity)
