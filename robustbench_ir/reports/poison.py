"""Poisoned corpora for people and other programs: the matrix on a terminal, every number as CSV and JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from robustbench_ir._base.showing import csv_text, json_text, terminal_text
from robustbench_ir.adversary.crafts import Craft, Search
from robustbench_ir.adversary.detection import Detection
from robustbench_ir.adversary.poisoning import (
    ALL,
    DEPTHS,
    MEASURES,
    Asymmetry,
    Depth,
    HonestDrop,
    Poisoning,
    Reach,
    Row,
)
from robustbench_ir.reports.terminal import (
    counted,
    empty_table,
    formatted,
    formatted_with_interval,
    one_line,
    short_name,
)

_SIGNIFICANT = 0.05
_MOST_PAIRS = 5
_SEARCHES: dict[Search, str] = {
    "": "",
    "greedy": ", words changed by greedy search",
    "beam": ", words changed by beam search",
    "hotflip": ", words changed by gradients",
}
_NOTES = (
    "ASR@k = share of the questions with an injected passage among the first k; others = mean over the other query "
    "languages; ± half the width of its 95% interval ({clusters} resampled); * is p < 0.05, adjusted for all rows of "
    "its kind. A copied question is no false answer: it shows that a passage is found, not that a reader believes it."
)


_DETECTORS_NOTE = (
    "23% for 8%: flags 23% of the injected passages, and with them 8% of the honest ones in the same language"
)


def poison_table(found: Poisoning) -> RenderableType:
    """Return what the terminal shows of a poisoning: both matrices, the drops, and the largest asymmetries.

    Parameters
    ----------
    found : Poisoning
        What is shown.
    """
    cells = {depth: found.matrix(depth) for depth in DEPTHS}
    return Group(
        _heading(found),
        *(_matrix(found, depth, cells[depth]) for depth in reversed(DEPTHS)),
        _sources(found, cells),
        *_levels(cells[10]),
        *_asymmetries(found.asymmetries()),
        *_detections(found),
        one_line(""),
        one_line(_NOTES.format(clusters="topics" if found.unseen else "questions"), "dim"),
    )


def _heading(found: Poisoning) -> Text:
    name = short_name(found.encoder.name)
    return Text.assemble(one_line(name, "bold"), one_line(poison_heading(found).removeprefix(name)))


def poison_heading(found: Poisoning) -> str:
    """Return encoder and task, and how the passages were written, in a line."""
    queries = counted(len(found.judgements.query_ids), "query", "queries")
    each = counted(found.budget, "injected passage")
    aim = "topic, against its unseen questions" if found.unseen else "question"
    return (
        f"{short_name(found.encoder.name)} on {found.task}: {queries}, "
        f"{counted(found.judgements.pool_size, 'passage')}, and {each} for each {aim} ({_written(found)})"
    )


def _written(found: Poisoning) -> str:
    """Return how the passages were written."""
    craft = Craft.parse(found.craft)
    question = "a known question" if found.unseen else "the question"
    text = question + " and a marked sentence" * craft.payload + _SEARCHES[craft.search]
    if craft.search:
        text += f" with {counted(found.encodings, 'encoding')} each"
    return text + (f" on {short_name(found.crafter.name)}" if found.crafter else "")


def _table(columns: Sequence[str]) -> Table:
    table = empty_table()
    table.padding = (0, 1, 0, 0)
    for number, column in enumerate(columns):
        table.add_column(terminal_text(column), justify="right" if number else "left", overflow="fold")
    return table


def _titled(title: str, *below: RenderableType) -> Group:
    """Return something under a title that may be longer than it is wide."""
    return Group(one_line(""), one_line(title, "bold"), *below)


def _matrix(found: Poisoning, depth: Depth, cells: Sequence[Reach]) -> Group:
    share = {(one.source, one.language): one.share.value for one in cells}
    languages = found.query_languages
    table = _table(["", *languages, "others"])
    for source in found.sources:
        row = [share.get((source, language), math.nan) for language in (*languages, ALL)]
        table.add_row(terminal_text(source), *(whole_percent(100 * one) for one in row))
    if len(found.sources) > 1:
        row = [share.get((ALL, language), math.nan) for language in (*languages, ALL)]
        table.add_row("others", *(whole_percent(100 * one) for one in row))
    return _titled(f"ASR@{depth} in %: injected in (row), asked in (column)", table)


def whole_percent(percent: float) -> str:
    """Return whole percent; what is not quite 0 or 100 is not shown as such."""
    whole = formatted(percent, ".0f")
    if percent in {0.0, 100.0}:
        return whole
    return {"0": "<1", "100": ">99"}.get(whole, whole)


def _sources(found: Poisoning, cells: dict[Depth, list[Reach]]) -> Group:
    """Return the mean reach of each source language, with what it costs the honest passages."""
    reach = {(one.depth, one.source): one for of_depth in cells.values() for one in of_depth if one.language == ALL}
    drops: dict[str, list[HonestDrop]] = {source: [] for source in found.sources}
    for measure in MEASURES:
        for one in found.drops(measure):
            drops[one.source].append(one)
    table = _table(["", "ASR@10", "ASR@1", "mAP", "drop", "nDCG@10", "drop"])
    for source, (average, gain) in drops.items():
        shares = (reach.get((depth, source)) for depth in reversed(DEPTHS))
        numbers = (
            part
            for one in (average, gain)
            for part in (formatted(one.clean, ".3f"), formatted_with_interval(one.drop, ".3f", one.p_adjusted))
        )
        table.add_row(terminal_text(source), *(_share(one) for one in shares), *numbers)
    return _titled("Reach of each source language in the others, and drop of the honest passages", table)


def _share(one: Reach | None) -> str:
    if one is None or math.isnan(one.share.value):
        return "-"
    width = one.share.half_width
    return f"{one.share.value:.0%}" + ("" if math.isnan(width) else f" ±{100 * width:.0f}")


def _levels(cells: Sequence[Reach]) -> list[Group]:
    """Return a line for each two resource levels."""
    levels = [one for one in cells if one.source.endswith("-resource")]
    if len(levels) <= 1:
        return []
    lines = (f"from {one.source} to {one.language} languages: {_share(one)}" for one in levels)
    return [_titled("ASR@10 by resource level, own language left out", *map(one_line, lines))]


def _asymmetries(pairs: Sequence[Asymmetry]) -> list[Group]:
    """Return how many pairs of languages are not symmetric, and the largest differences."""
    if not pairs:
        return []
    far = [one for one in pairs if one.p_adjusted < _SIGNIFICANT]
    title = f"ASR@10 differs by direction in {len(far)} of {counted(len(pairs), 'pair')} of languages"
    lines = []
    for one in sorted(far, key=lambda one: -abs(one.difference.value))[:_MOST_PAIRS]:
        ways = sorted([(one.forth, one.first, one.second), (one.back, one.second, one.first)], reverse=True)
        reached = ", ".join(f"{source} reaches {language} in {share:.0%}" for share, source, language in ways)
        points = f"{100 * abs(one.difference.value):.0f} ±{100 * one.difference.half_width:.0f} points"
        lines.append(one_line(f"{reached}: {points}"))
    return [_titled(title, *lines)]


def _detections(found: Poisoning) -> list[Group]:
    """Return how many injected passages each detector catches, and how many honest ones with them."""
    applied = {(one.source, one.detector): one for one in found.detections if not one.reason}
    reasons = dict.fromkeys(f"{one.detector} does not apply: {one.reason}" for one in found.detections if one.reason)
    if not applied:
        return [_titled("No detector applies", *(one_line(note, "dim") for note in reasons))] if reasons else []
    detectors = list(dict.fromkeys(detector for _, detector in applied))
    table = _table(["", *detectors])
    for source in dict.fromkeys(source for source, _ in applied):
        each = (applied.get((source, detector)) for detector in detectors)
        table.add_row(terminal_text(source), *("-" if one is None else _caught(one) for one in each))
    notes = [_DETECTORS_NOTE, *reasons]
    if not math.isnan(found.foreign_share):
        notes.append(
            "a filter that hides passages in other languages than the query's stops all that came from there, and "
            f"hides {found.foreign_share:.0%} of the relevant passages among the first ten"
        )
    return [_titled("What detectors catch, and what they cost", table, *(one_line(note, "dim") for note in notes))]


def _caught(one: Detection) -> str:
    return f"{one.caught.value:.0%} for {one.cost:.0%}"


def poison_csv(found: Poisoning) -> str:
    """Return every number, one on a line; see `Poisoning.to_frame` for the columns."""
    return csv_text([Row._fields, *(_plain(row) for row in found.rows())])


def poison_json(found: Poisoning) -> str:
    """Return every number with what was measured."""
    rows = [dict(zip(Row._fields, _plain(row), strict=True)) for row in found.rows()]
    head = {"task": found.task, "encoder": found.encoder.name, "craft": found.craft, "budget": found.budget}
    if found.unseen:
        head["unseen"] = found.unseen
    if found.encodings:
        head |= {"encodings": found.encodings, "crafted_on": (found.crafter or found.encoder).name}
    return json_text({**head, "irbench": found.version, "rows": rows}, indent=1) + "\n"


def _plain(row: Row) -> tuple[object, ...]:
    return tuple(
        None if isinstance(one, float) and math.isnan(one) else round(one, 6) if isinstance(one, float) else one
        for one in row
    )


POISON_FORMATS: dict[str, Callable[[Poisoning], str]] = {"csv": poison_csv, "json": poison_json}
"""What `--format` writes, besides text."""
