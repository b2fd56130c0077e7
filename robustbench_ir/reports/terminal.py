"""The tables of a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from robustbench_ir._base.showing import terminal_text
from robustbench_ir.adversary.outcomes import SearchedCell
from robustbench_ir.encoders.choices import choices_in_words
from robustbench_ir.evaluation.plan import Plan, PlannedCell
from robustbench_ir.metrics.findings import AttackGroup, Finding
from robustbench_ir.metrics.settings import (
    Setting,
    macro_average,
    reference_rank_distances,
)
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.perturb.identity import CLEAN
from robustbench_ir.perturb.kinds import INTO_THE_PASSAGES
from robustbench_ir.reports.notes import notes
from robustbench_ir.resources.languages import languages
from robustbench_ir.results.compare import EncoderComparison
from robustbench_ir.results.result import Drop, Result

_POOLS: dict[Setting, str] = {
    "monolingual": "pool: the query's language",
    "cross-lingual": "pool: one other language, all ordered pairs",
    "multilingual": "pool: all languages together",
}
_NOTES = (
    "drop = clean - attacked, ± half the width of its 95% interval (new questions and seeds); p is adjusted for all "
    "rows of its kind in a table, and * marks p < 0.05"
)
_RANK_DISTANCE_NOTE = "RD = rank distance of parallel passages, lower is fairer, and falls too when all passages fall"
_SWITCHING_NOTE = "switching into the passages' language translates the query in part: read it apart"
_EDITS_NOTE = "edits = edit distance of the queries to the clean ones, divided by their length, in characters"
_DAMAGE_NOTE = (
    "interpolated between the severities that were run, from no drop at no edits; the interval allows for both the "
    "drops and the edit distances of other questions"
)
_SEARCH_NOTES = (
    "success = share of the queries that reach the goal ({}) among those that do not when clean; "
    "texts = what the encoder was asked about besides the clean queries; words = places changed, mean."
)
_REACHED = {
    "map": "AP falls to half",
    "beyond": "no relevant passage is ranked that high",
    "rank-distance": "it doubles",
    "language": "a relevant passage in that language comes before the others",
    "passage": "the passage is ranked first",
}
_SIGNIFICANT = 0.05
MOSTLY_COVERED = 0.95
"""Below this coverage, the drop over the changed queries alone stands beside the drop."""
_SMALLEST_P = 0.001
_WIDEST = 10_000


def score_table(result: Result, by: str | None = None, measure: str = "AP") -> RenderableType:
    """Return the tables of a result, one for each setting, with the notes that explain them.

    Parameters
    ----------
    result : Result
        Result to show.
    by : {"language"}, optional
        One row for each recipe and query language.
    measure : str
        Such as ``"AP"`` (shown as mAP) or ``"nDCG@10"``.
    """
    parts: list[RenderableType] = [_heading(result)]
    parts += [one_line(line, "dim") for line in choices_in_words(result.encoder, result.cut)]
    parts += [one_line(f"note: {note}", "yellow") for note in notes(result)]
    rows = {setting: result.findings(setting, measure, by) for setting in result.distinct_settings}
    biased = "multilingual" in rows and result.has_rank_distance
    texts = any(_texts_differ(row) for found in rows.values() for row in found)
    apart = {setting: [] if by else result.findings(setting, measure, "relation") for setting in rows}
    for setting, found in rows.items():
        shown = [*found, *apart[setting]]
        # By language there is no room for it; the frames and the exports have it.
        changed = by is None and any(row.coverage < MOSTLY_COVERED for row in shown)
        columns = _columns(measure, changed, biased and setting == "multilingual", texts)
        parts.append(_setting_table(result, setting, by, shown, *columns))
    switched = any(row.relation == INTO_THE_PASSAGES for found in apart.values() for row in found)
    told = [note for note, said in ((_SWITCHING_NOTE, switched), (_RANK_DISTANCE_NOTE, biased)) if said]
    legend = [_NOTES, *told, _coverage_note(result, texts), _EDITS_NOTE]
    parts += [*_worst_cases(result, measure), Text(), Text(f"{'; '.join(legend)}.", style="dim")]
    parts += [one_line(line, "dim") for line in _of_seeds(result, result.distinct_settings[-1:], measure)]
    parts += [*_not_covered(result), _signature(result, measure)]
    return Group(*parts)


_Column = tuple[str, Callable[[Finding], str | Text]]
"""Header of a column, and what stands in it."""


def _columns(measure: str, changed: bool, biased: bool, texts: bool) -> tuple[list[_Column], list[_Column]]:
    """Return the columns that every table has, and those that explain them.

    Parameters
    ----------
    measure : str
        Such as ``"AP"``.
    changed, biased, texts : bool
        Whether there are the drop over changed queries only, rank distance, and the share of changed texts.
    """
    name = measured(measure)
    main: list[_Column] = [
        (f"clean\n{name}", lambda row: formatted(row.clean.value, ".3f")),
        (f"attacked\n{name}", lambda row: formatted(row.attacked.value, ".3f")),
        ("drop", _drop),
        ("drop\n%", lambda row: formatted(row.relative_drop.value, "+.1%")),
        ("p", lambda row: formatted_p(row.p_adjusted)),
    ]
    of_changed: list[_Column] = [("drop,\nchanged", lambda row: formatted(row.changed_only.value, "+.3f"))]
    of_texts: list[_Column] = [("text\nchanged", lambda row: formatted(row.text_coverage, ".0%"))]
    more = [
        *(of_changed if changed else []),
        *(_BIAS_COLUMNS if biased else []),
        ("cov-\nerage", lambda row: formatted(row.coverage, ".0%")),
        *(of_texts if texts else []),
        ("edits", lambda row: formatted(row.edit_rate, ".1%")),
    ]
    return main, more


def _drop(row: Finding) -> Text:
    """Return the drop, coloured where it is certain: its sign and its star say the same without colour."""
    text = formatted_with_interval(row.drop, ".3f", row.p_adjusted)
    certain = row.p_adjusted < _SIGNIFICANT
    return Text(text, style=("red" if row.drop.value > 0 else "green") if certain else "")


_BIAS_COLUMNS: list[_Column] = [
    ("clean\nRD", lambda row: formatted(row.clean_rank_distance.value, ",.0f")),
    (
        "RD\nchange",
        lambda row: formatted_with_interval(row.rank_distance_change, ",.0f", row.p_rank_distance_adjusted),
    ),
]


_LONGEST_LABEL = 32


@dataclass(frozen=True)
class _Fitting:
    """A table; where it is too wide for the terminal, the same rows in two tables, so that no number is cut.

    Attributes
    ----------
    whole : Table
        The table.
    parts : tuple of Table
        What stands in its place.
    """

    whole: Table
    parts: tuple[Table, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield what fits."""
        needed = console.measure(self.whole, options=options.update(max_width=_WIDEST)).maximum
        yield from [self.whole] if needed <= options.max_width else self.parts


def _setting_table(
    result: Result, setting: Setting, by: str | None, rows: Sequence[Finding], main: list[_Column], more: list[_Column]
) -> _Fitting:
    """Return the table of one setting."""
    title = f"{setting} ({_POOLS[setting]})"
    whole = _drops_table(result, title, by, rows, [*main, *more])
    parts = _drops_table(result, title, by, rows, main), _drops_table(result, f"{setting}, continued", by, rows, more)
    for table in (whole, parts[-1]):
        if any(column in more for column in _BIAS_COLUMNS):
            table.caption, table.caption_justify = rank_distance_references(result), "left"
    return _Fitting(whole, parts)


def _drops_table(
    result: Result, title: str, by: str | None, rows: Sequence[Finding], columns: Sequence[_Column]
) -> Table:
    """Return a table with a row for each finding."""
    several = len({severity for _, severity in result.groups}) > 1
    table = empty_table(title)
    for header in ("recipe", *(["language"] if by == "language" else [])):
        table.add_column(header, vertical="bottom", overflow="fold")
    if several:
        table.add_column("sev-\nerity", no_wrap=True, vertical="bottom")
    for header, _ in columns:
        table.add_column(header, justify="right", no_wrap=True, vertical="bottom")
    for (recipe, severity), found in _by_group(rows).items():
        for row in found:
            labels = [f"  {row.relation}" if row.relation else _short_label(recipe.label)]
            labels += [language_name(row.language)] if by == "language" else []
            labels += [str(severity)] if several else []
            table.add_row(*map(one_line, labels), *(show(row) for _, show in columns))
        if by == "language":
            table.add_section()
    return table


def _short_label(label: str) -> str:
    """Return the name of an attack, cut where it is so long that a table would begin a line with the rest of it.

    The names of recipes are short; those in a result of an unknown author may not be. The signature has the whole name.
    """
    shown = terminal_text(label)
    return shown if len(shown) <= _LONGEST_LABEL else f"{shown[: _LONGEST_LABEL - 1]}\N{HORIZONTAL ELLIPSIS}"


def _by_group(rows: Sequence[Finding]) -> dict[AttackGroup, list[Finding]]:
    """Return rows by recipe and severity, each with its rows by relation after it."""
    found: dict[AttackGroup, list[Finding]] = {}
    for row in rows:
        found.setdefault((row.recipe, row.severity), []).append(row)
    return found


def rank_distance_references(result: Result) -> str:
    """Return what a rank distance is compared with, in words: those of a random and of a perfect, blind ranking."""
    random, perfect = (macro_average(result.judgements, one) for one in reference_rank_distances(result.judgements))
    return f"RD of a random ranking {random:,.0f}, of a perfect one that is blind to language {perfect:,.0f}"


def _texts_differ(row: Finding) -> bool:
    """Return whether more texts changed than the encoder reads of, as far as a table shows it."""
    return formatted(row.coverage, ".0%") != formatted(row.text_coverage, ".0%")


def _coverage_note(result: Result, texts: bool) -> str:
    if not result.knows_inputs:
        return "coverage = share of queries whose text changed"
    beside = "; text changed = share of queries whose text changed, read by the encoder or not" if texts else ""
    return f"coverage = share of queries whose change reaches the encoder{beside}"


def _of_seeds(result: Result, settings: Sequence[Setting], measure: str) -> list[str]:
    """Return in a line for each setting what seeds do to the drops, if there are several."""
    said = "share of the variance that comes from seeds, and what another seed moves"
    lines = []
    for setting in settings:
        effects = [one for one in result.seed_effects(setting, measure) if one.seeds > 1]
        each = (f"{one.recipe.label}@{one.severity} {one.share:.0%}, ±{one.deviation:.4f}" for one in effects)
        lines += [f"{said}, {setting}: {'; '.join(each)}"] if effects else []
    return lines


def _worst_cases(result: Result, measure: str) -> list[RenderableType]:
    """Return the table of worst against average case, where the result has both."""
    rows = [row for setting in result.distinct_settings for row in result.worst_cases(setting, measure)]
    if not rows:
        return []
    found = []
    for row in rows:
        shares = (
            formatted(row.average_relative_drop.value, "+.1%"),
            formatted(row.worst_relative_drop.value, "+.1%"),
            formatted_with_interval(row.relative_gap, ".1%", float("nan")),
        )
        drops = (formatted(row.average_drop.value, "+.3f"), formatted(row.worst_drop.value, "+.3f"))
        gap = formatted_with_interval(row.gap, ".3f", float("nan"))
        found.append(((_short_label(row.worst.label), row.setting, str(row.severity)), (*shares, *drops, gap)))
    title = "worst case against average case (gap: what the search adds to chance)"
    of_shares, of_drops = ("average\ndrop %", "worst\ndrop %", "gap %"), ("average\ndrop", "worst\ndrop", "gap")
    return [_in_two(title, ("search", "setting", "sev-\nerity"), of_shares, of_drops, found)]


def _in_two(
    title: str,
    labels: Sequence[str],
    main: Sequence[str],
    more: Sequence[str],
    rows: Sequence[tuple[Sequence[str], Sequence[str]]],
) -> _Fitting:
    """Return a table of labels and numbers, with the first numbers in one table and the others in another if needed."""
    cuts = (slice(None), slice(len(main)), slice(len(main), None))
    tables = []
    for cut, heading in zip(cuts, (title, title, "continued"), strict=True):
        table = empty_table(heading)
        for header in labels:
            table.add_column(header, vertical="bottom", overflow="fold")
        for header in (*main, *more)[cut]:
            table.add_column(header, justify="right", no_wrap=True, vertical="bottom")
        for names, numbers in rows:
            table.add_row(*map(one_line, names), *numbers[cut])
        tables.append(table)
    return _Fitting(tables[0], (tables[1], tables[2]))


def damage_table(result: Result, edit_rate: float, by: str | None = None, measure: str = "AP") -> RenderableType:
    """Return the drops where the queries are a given edit distance from the clean ones, in all settings.

    Parameters
    ----------
    result : Result
        Result to show.
    edit_rate : float
        Mean edit rate; see `Result.at_damage`.
    by, measure
        See `score_table`.
    """
    table = empty_table(f"drop in {measured(measure)} at an edit distance of {edit_rate:.1%} of a query")
    for header in ("setting", "recipe", *(["language"] if by == "language" else [])):
        table.add_column(header, no_wrap=True)
    for header in ("drop", "drop\n%"):
        table.add_column(header, justify="right", no_wrap=True, vertical="bottom")
    table.add_column("")
    for row in result.at_damage(edit_rate, measure, by):
        labels = [row.setting, row.recipe.label, *([language_name(row.language)] if by == "language" else [])]
        drop = formatted_with_interval(row.drop, ".3f", math.nan)
        table.add_row(*map(terminal_text, labels), drop, formatted(row.relative_drop.value, "+.1%"), f" {row.remark}")
    return Group(table, Text(f"\n{_DAMAGE_NOTE}", style="dim"))


def search_table(attacked: Sequence[SearchedCell], goal: str) -> RenderableType:
    """Return a row for each searched cell: the goal before and after, successes, and their cost.

    Parameters
    ----------
    attacked : sequence of SearchedCell
        Outcomes of the searches.
    goal : str
        Goal of the searches.
    """
    table = Table(
        title=f"\ngoal {terminal_text(goal)}",
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        show_edge=False,
    )
    table.add_column("search")
    for header in ("clean", "attacked", "success", "texts a\nquery", "texts a\nsuccess", "words"):
        table.add_column(header, justify="right", vertical="bottom")
    for one in attacked:
        success = "-" if math.isnan(one.success_rate) else f"{one.success_rate:.1%}"
        cost = "-" if math.isinf(one.encodings_per_success) else f"{one.encodings_per_success:,.1f}"
        numbers = (f"{one.clean_value:.3f}", f"{one.value:.3f}", success, f"{one.encodings_per_query:.1f}", cost)
        table.add_row(one_line(one.cell.recipe.label), *numbers, f"{one.words:.2f}")
    aims = [name for name in _REACHED if any(part.startswith(name) for part in goal.split("+"))]
    reached = "; ".join(f"{name}: {_REACHED[name]}" for name in aims)
    return Group(table, Text(_SEARCH_NOTES.format(reached), style="dim"))


def one_line(text: str, style: str = "") -> Text:
    """Return one line with a style, in which nothing is obeyed."""
    return Text(terminal_text(text), style=style)


def empty_table(title: str = "") -> Table:
    """Return a table without columns, in the style of all tables of this module."""
    return Table(
        title=f"\n{title}" if title else None,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=0,
    )


def _heading(result: Result) -> Text:
    languages_of_queries = counted(len(result.judgements.query_languages), "language")
    queries = f"{counted(len(result.judgements.query_ids), 'query', 'queries')} in {languages_of_queries}"
    passages = f"{counted(result.judgements.pool_size, 'passage')} in {len(result.judgements.pool)}"
    *others, last = dict.fromkeys(str(severity) for _, severity in result.groups) or ("",)
    severities = f"severities {', '.join(others)} and {last}" if others else f"severity {last}"
    seeds = len({cell.seed for cell in result.attacked})
    attack = f"; {severities}, {counted(seeds, 'seed')}" if result.groups else ""
    return Text.assemble(
        one_line(result.encoder.name, "bold"), one_line(f" on {result.task}: {queries}, {passages}{attack}")
    )


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun.

    >>> counted(1, "language"), counted(1200, "query", "queries")
    ('1 language', '1,200 queries')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def language_name(code: str) -> str:
    """Return the English name of a language, or its code if the name is unknown."""
    return languages()[code].name if code in languages() else code


def formatted_p(p: float) -> str:
    """Return a p value with three digits, such as ``0.012`` or ``<0.001``; a dash for NaN."""
    return "<0.001" if p < _SMALLEST_P else formatted(p, ".3f")


def formatted_with_interval(estimate: Estimate, form: str, p: float) -> str:
    """Return a number with half of its interval, such as ``+0.055* ±0.004``; numbers without a star keep its space.

    Parameters
    ----------
    estimate : Estimate
        Number and interval.
    form : str
        Format of the number, such as ``".3f"``.
    p : float
        p value; a star marks one below 0.05.
    """
    if math.isnan(estimate.value):
        return "-"
    star = "*" if p < _SIGNIFICANT else " "
    width = "" if math.isnan(estimate.half_width) else f" ±{estimate.half_width:{form}}"
    return f"{estimate.value:+{form}}{star}{width}"


def formatted(value: float, form: str) -> str:
    """Return a number in a format, or a dash for NaN.

    Parameters
    ----------
    value : float
        The number.
    form : str
        Format, such as ``".3f"``.
    """
    return "-" if math.isnan(value) else f"{value:{form}}"


def _not_covered(result: Result) -> list[Text]:
    reasons = {
        f"{cell.recipe.label} does not touch {language_name(language)}: {reason}"
        for cell in result.attacked
        for language, reason in cell.not_covered.items()
    }
    return [one_line(line, "yellow") for line in sorted(reasons)]


@dataclass(frozen=True)
class _Unfolded:
    """A signature, which is broken at the end of its parts only, so that it can be copied."""

    signature: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield as many parts a line as fit."""
        line = ""
        for part in self.signature.split("|"):
            longer = f"{line}|{part}" if line else part
            if line and cell_len(longer) >= options.max_width:
                yield Text(f"{line}|", style="dim", overflow="fold")
                longer = part
            line = longer
        yield Text(line, style="dim", overflow="fold")


def _signature(result: Result, measure: str) -> _Unfolded:
    recipes = list(dict.fromkeys(recipe for recipe, _ in result.groups))
    severity, *further = dict.fromkeys(severity for _, severity in result.groups) or (0,)
    shared = result.shared_signature(result.distinct_settings[-1], recipes, severity, measure)
    return _Unfolded(terminal_text(str(replace(shared, further_severities=tuple(further)))))


# The table of a comparison on a terminal.

_LONGEST_HEADER = 10
_COMPARISON_NOTES = (
    "difference = second - first, ± half of its 95% interval (questions resampled); p is that of a paired test by "
    "sign flips of whole questions, adjusted for all rows of a setting, * below 0.05; d_z = difference in standard "
    "deviations over questions. A drop that is larger in the second encoder has a difference above 0."
)


def comparison_table(rows: Sequence[EncoderComparison]) -> RenderableType:
    """Return the tables of a comparison, one for each setting and pair of encoders."""
    parts: list[RenderableType] = []
    for (setting, first, second), group in groupby(rows, lambda row: (row.setting, row.first, row.second)):
        found = list(group)
        names = [short_name(first), short_name(second)]
        pair = f"{setting}: {names[0]} (first) and {names[1]} (second), {measured(found[0].measure)}"
        parts += [Text(), one_line(pair, "bold")]
        table = empty_table()
        several = len({row.severity for row in found if row.recipe != CLEAN}) > 1
        for header in ("recipe", *(["severity"] if several else []), ""):
            table.add_column(header, no_wrap=True)
        fit = names[0] != names[1] and max(map(len, names)) <= _LONGEST_HEADER
        for header in (*(map(terminal_text, names) if fit else ("first", "second")), "difference", "p", "d_z"):
            table.add_column(header, justify="right", no_wrap=True)
        for row in found:
            table.add_row(
                one_line(row.recipe.label),
                *([str(row.severity) if row.severity else ""] if several else []),
                row.quantity,
                formatted(row.of_first.value, ".3f"),
                formatted(row.of_second.value, ".3f"),
                formatted_with_interval(row.difference, ".3f", row.p_adjusted),
                formatted(row.p_adjusted, ".4f"),
                formatted(row.effect_size, "+.2f"),
            )
        parts.append(table)
    return Group(*parts, Text(), Text(_COMPARISON_NOTES, style="dim"))


_ADDRESS = re.compile(r"@https?://.*")
_FOLDERS = re.compile(r"(?:^|(?<=:))(?:[A-Za-z]:)?[^:@]*[\\/]")


def short_name(encoder: str) -> str:
    """Return the last part of the name or path of an encoder, behind its defences; an endpoint loses its address.

    >>> short_name("/home/me/models/e5-small/")
    'e5-small'
    >>> short_name("normalised:nfkc+spelling:sentence-transformers/LaBSE")
    'normalised:nfkc+spelling:LaBSE'
    >>> short_name("openai:qwen3-embedding@http://localhost:8000/v1")
    'openai:qwen3-embedding'
    """
    return _FOLDERS.sub("", _ADDRESS.sub("", encoder).rstrip("\\/")) or "encoder"


def measured(measure: str) -> str:
    """Return what the macro average of a measure is called."""
    return "mAP" if measure == "AP" else measure


# The effect of a defence: the same attacks with and without it, side by side.

_NOTE = (
    "what changes, changes because a preprocessor repairs the queries; the encoder itself is not more robust, and the "
    "signature names the defence"
)


def with_and_without(without: Result, guarded: Result, measure: str = "AP") -> RenderableType:
    """Return a table of drops, with a row for each setting, recipe and severity.

    Parameters
    ----------
    without, guarded : Result
        Results of the same attacks without and with the defence.
    measure : str
        Such as ``"AP"`` (shown as mAP) or ``"nDCG@10"``.
    """
    rows = [
        ((setting, left.recipe.label, str(left.severity)), _defence_numbers(left, right))
        for setting in guarded.distinct_settings
        for left, right in zip(without.drops(setting, measure), guarded.drops(setting, measure), strict=True)
    ]
    title = f"{measured(measure)} without and with {terminal_text(guarded.encoder.preprocessing)}"
    scores = ("clean\nwithout", "clean\nwith", "attacked\nwithout", "attacked\nwith")
    labels = ("setting", "recipe", "sev-\nerity")
    return Group(_in_two(title, labels, scores, ("drop\nwithout", "drop\nwith"), rows), Text(_NOTE, style="dim"))


def _defence_numbers(left: Drop, right: Drop) -> list[str]:
    scores = [getattr(drop, name) for name in ("clean", "attacked") for drop in (left, right)]
    drops = [drop.absolute for drop in (left, right)]
    return [
        *("-" if math.isnan(value) else f"{value:.3f}" for value in scores),
        *("-" if math.isnan(value) else f"{value:+.3f}" for value in drops),
    ]


# The plan of a run on a terminal.

_MEBIBYTE = 1 << 20


def plan_table(plan: Plan) -> RenderableType:
    """Return a line for each cell, and below them texts, duration and memory."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("cell", no_wrap=True)
    table.add_column("texts to encode", justify="right", no_wrap=True)
    for cell in plan.cells:
        table.add_row(one_line(cell.name), _texts(cell))
    left = sum(not cell.finished for cell in plan.cells)
    some = "" if all(cell.exact for cell in plan.cells) else "at most "
    time = "unknown: the encoder was not downloaded yet" if plan.seconds is None else about(plan.seconds)
    memory = "unknown" if plan.memory is None else f"about {plan.memory / _MEBIBYTE:,.0f} MiB"
    lines = (
        Text.assemble(
            one_line(plan.encoder, "bold"), one_line(f" on {plan.task}: {len(plan.cells)} cells, {left} to be made")
        ),
        Text(f"texts to encode: {plan.passages:,} passages and {some}{plan.queries:,} queries, each distinct one once"),
        Text(f"time to encode them, one job: {time}"),
        Text(f"memory of each job beside model and texts: {memory}"),
    )
    notes = (one_line(f"note: {note}", "yellow") for note in plan.notes)
    return Group(lines[0], Text(), table, Text(), *lines[1:], *notes)


def _texts(cell: PlannedCell) -> str:
    if cell.finished:
        return "finished"
    most, passages = "" if cell.exact else "at most ", f" and {cell.passages:,} passages" if cell.passages else ""
    return f"{most}{cell.texts:,}{passages}"


def about(seconds: float) -> str:
    """Return a time as people say it.

    >>> about(0.2), about(1), about(45), about(1920), about(50_318)
    ('less than a second', 'about 1 second', 'about 45 seconds', 'about 32 minutes', 'about 14 hours')
    """
    if seconds < 1:
        return "less than a second"
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * size:
            return f"about {counted(round(seconds / size), unit)}"
    return f"about {counted(round(seconds), 'second')}"
