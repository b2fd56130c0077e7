"""The report for other programs: Markdown, CSV and JSON; LaTeX is in `robustbench_ir.reports.latex`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass

from robustbench_ir._base.showing import (
    csv_text,
    json_text,
    markdown_block,
    markdown_table,
    markdown_text,
)
from robustbench_ir.metrics.findings import Finding
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.reports.content import NO_INTERVAL, LanguageDrop, Sheet, summary_sentences
from robustbench_ir.reports.latex import to_latex
from robustbench_ir.reports.notes import rank_notes
from robustbench_ir.reports.tables import (
    Table,
    coverage_table,
    drops_table,
    language_comparison_table,
    language_table,
    more_tables,
    side_by_side_table,
)
from robustbench_ir.reports.tracking import to_mlflow, to_wandb
from robustbench_ir.reports.verdict import THRESHOLDS, findings_in_words, verdict_sentence, verdict_table
from robustbench_ir.reports.winner import winner_sentence
from robustbench_ir.results.result import Drop, Result
from robustbench_ir.results.verdict import AttackVerdict

_CSV_COLUMNS = (
    *("encoder", "task", "recipe", "severity", "seeds", "setting", "measure", "language"),
    *("clean", "attacked", "drop", "drop_low", "drop_high", "relative_drop"),
    *("clean_rank_distance", "random_rank_distance", "unbiased_rank_distance"),
    *(
        "rank_distance_change",
        "rank_distance_change_low",
        "rank_distance_change_high",
        "changed_only",
        "coverage",
        "text_coverage",
        "relation",
        "touched",
        "edit_rate",
        "signature",
    ),
)


def to_markdown(sheets: Sequence[Sheet]) -> str:
    """Return summary, scores, drops by language and coverage as GitHub-flavoured Markdown."""
    parts = []
    if len(sheets) > 1:
        parts += ["## Side by side", markdown_text(winner_sentence(sheets))]
        parts += [*map(captioned, (side_by_side_table(sheets), *_languages_side_by_side(sheets)))]
    for sheet in sheets:
        parts.append(f"## {markdown_text(sheet.name)} on {markdown_text(sheet.result.task)}")
        parts += [f"- {markdown_text(note)}" for note in sheet.notes]
        said = [verdict_sentence(sheet.verdicts, sheet.name, sheet.recipe_names)] if sheet.verdicts else []
        parts += [markdown_text(one) for one in (*said, *summary_sentences(sheet), *findings_in_words(sheet))]
        parts += [captioned(verdict_table(sheet)), markdown_text(THRESHOLDS)] if sheet.verdicts else []
        parts += map(captioned, _tables(sheet))
        parts.append(markdown_block("\n".join((sheet.command, *sheet.signatures))))
    return "\n\n".join(parts) + "\n"


def _tables(sheet: Sheet) -> Iterator[Table]:
    yield drops_table(sheet)
    if not sheet.result.groups:
        return
    yield from more_tables(sheet)
    yield language_table(sheet, next(iter(sheet.by_language)))
    yield coverage_table(sheet)


def _languages_side_by_side(sheets: Sequence[Sheet]) -> list[Table]:
    attacked = [sheet for sheet in sheets if sheet.result.groups]
    tables = [language_comparison_table(attacked)] if attacked else []
    return [one for one in tables if one.rows]


def captioned(table: Table) -> str:
    """Return a table as GitHub-flavoured Markdown, its caption above it."""
    right = {place for place in range(len(table.columns)) if table.is_numeric(place)}
    rows = [[markdown_text(entry.text) for entry in row] for row in table.rows]
    return f"**{markdown_text(table.caption)}**\n\n" + markdown_table(
        [markdown_text(name) for name in table.columns], rows, right
    )


def to_csv(sheets: Sequence[Sheet]) -> str:
    """Return one row for each result, setting, recipe, severity and query language; ``all`` is the macro average.

    Rows by relation, such as switching into the passages' language, name it, and their query languages. A missing
    number is empty. By language, only rows in the setting and at the severity of the page have intervals.
    """
    records = ([row[column] for column in _CSV_COLUMNS] for sheet in sheets for row in _records(sheet))
    return csv_text([_CSV_COLUMNS, *records])


def _records(sheet: Sheet) -> Iterator[dict[str, object]]:
    result = sheet.result
    by_language = {(recipe, one.language): one.estimate for recipe, drops in sheet.by_language.items() for one in drops}
    for setting, scores in sheet.scores.items():
        macro = {(one.recipe, one.severity): one for one in scores}
        for drop in (*result.drops(setting, sheet.measure), *result.drops(setting, sheet.measure, "language")):
            shown = (setting, drop.severity) == (sheet.setting, sheet.severity)
            interval, distance = NO_INTERVAL, NO_INTERVAL
            if drop.language == "all":
                group = macro[drop.recipe, drop.severity]
                interval, distance = group.drop, group.rank_distance_change
            elif shown:
                interval = by_language.get((drop.recipe, drop.language), NO_INTERVAL)
            numbers = (drop.clean, drop.attacked, drop.absolute, drop.relative)
            yield _record(
                result, drop, numbers, (drop.clean_rank_distance, drop.rank_distance_change), interval, distance
            )
        for row in sheet.relations[setting]:
            numbers = (row.clean.value, row.attacked.value, row.drop.value, row.relative_drop.value)
            distances = row.clean_rank_distance.value, row.rank_distance_change.value
            yield _record(result, row, numbers, distances, row.drop, row.rank_distance_change)


def _record(
    result: Result,
    row: Drop | Finding,
    numbers: tuple[float, float, float, float],
    distances: tuple[float, float],
    interval: Estimate,
    distance: Estimate,
) -> dict[str, object]:
    """Return a row of the CSV file: scores, drop and rank distance with the intervals of drop and of its change."""
    return {
        "encoder": result.encoder.name,
        "task": result.task,
        "recipe": str(row.recipe),
        "severity": row.severity,
        "seeds": len(result.groups.get((row.recipe, row.severity), ())),
        "setting": row.setting,
        "measure": row.measure,
        "language": row.language,
        "relation": row.relation if isinstance(row, Finding) else "",
        **dict(zip(("clean", "attacked", "drop", "relative_drop"), map(_number, numbers), strict=True)),
        "drop_low": _number(interval.low),
        "drop_high": _number(interval.high),
        "clean_rank_distance": _number(distances[0]),
        "random_rank_distance": _number(row.random_rank_distance),
        "unbiased_rank_distance": _number(row.unbiased_rank_distance),
        "rank_distance_change": _number(distances[1]),
        "rank_distance_change_low": _number(distance.low),
        "rank_distance_change_high": _number(distance.high),
        "changed_only": _number(row.changed_only if isinstance(row, Drop) else row.changed_only.value),
        "coverage": _number(row.coverage),
        "text_coverage": _number(row.text_coverage),
        "touched": _number(row.touched),
        "edit_rate": _number(row.edit_rate),
        "signature": result.signature(row.setting, row.recipe if row.severity else None, row.severity, row.measure),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def to_json(sheets: Sequence[Sheet]) -> str:
    """Return the content of the page: summary, rows as in CSV, drops by language, rank changes, coverage, command."""
    return json_text([_content(sheet) for sheet in sheets], indent=1) + "\n"


def _content(sheet: Sheet) -> dict[str, object]:
    layout = sheet.result.judgements
    return {
        "encoder": sheet.result.encoder.name,
        "task": sheet.result.task,
        "task_sha256": sheet.result.task_digest,
        "task_notes": list(sheet.result.task_notes),
        "rank_notes": list(rank_notes(sheet.result)),
        "setting": sheet.setting,
        "severity": sheet.severity,
        "summary": [*summary_sentences(sheet), *findings_in_words(sheet)],
        "verdict": verdict_sentence(sheet.verdicts, sheet.name, sheet.recipe_names),
        "verdicts": [{**_verdict(one), "reason": one.reason} for one in sheet.verdicts],
        "scores": list(_records(sheet)),
        "languages_compared_over": list(map(str, sheet.shared_recipes)),
        "drop_by_language": {
            str(recipe or "mean over recipes"): [_language(one) for one in drops]
            for recipe, drops in sheet.by_language.items()
        },
        "mean_rank_change": {
            "query_languages": list(layout.query_languages),
            "passage_languages": list(layout.pool),
            "by_recipe": {
                str(recipe): [[_number(value) for value in line] for line in changes.tolist()]
                for recipe, changes in sheet.rank_changes.items()
            },
        },
        **({"at_damage": [_plain(one) for one in sheet.at_damage]} if sheet.at_damage else {}),
        **(_details(sheet) if sheet.detailed else {}),
        **{
            name: {
                language: {str(recipe): _number(share) for recipe, share in shares.items()}
                for language, shares in found.items()
            }
            for name, found in (("coverage", sheet.coverage), ("text_coverage", sheet.text_coverage))
        },
        "command": sheet.command,
    }


def _verdict(one: AttackVerdict) -> dict[str, object]:
    return {name: _plain(value) for name, value in vars(one).items()}


def _details(sheet: Sheet) -> dict[str, object]:
    return {
        "robustness": [_plain(one) for one in sheet.summaries],
        "worst_case": [_plain(one) for one in sheet.worst_cases],
        "language_bias": [_plain(one) for one in sheet.bias],
    }


def _plain(value: object) -> object:
    """Return a value that JSON can hold: rounded numbers, and None for NaN."""
    if isinstance(value, AttackIdentity):
        return str(value)
    if is_dataclass(value):
        return {name: _plain(one) for name, one in vars(value).items()}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _number(value) if isinstance(value, float) else value


def _language(one: LanguageDrop) -> dict[str, object]:
    estimate: Estimate = one.estimate
    return {
        "language": one.language,
        "resource_class": one.resource_class,
        "drop": _number(estimate.value),
        "drop_low": _number(estimate.low),
        "drop_high": _number(estimate.high),
        "relative_drop": _number(one.relative.value),
        "relative_drop_low": _number(one.relative.low),
        "relative_drop_high": _number(one.relative.high),
        "not_covered": one.reason or None,
    }


EXPORTS: Mapping[str, Callable[[Sequence[Sheet]], str]] = {
    "csv": to_csv,
    "json": to_json,
    "latex": to_latex,
    "markdown": to_markdown,
    "mlflow": to_mlflow,
    "wandb": to_wandb,
}
