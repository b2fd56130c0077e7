"""The audit that many reviewers make together: by recipe and language, what they answered and how far they agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath

from rich.console import Group, RenderableType
from rich.text import Text

from robustbench_ir._base.showing import csv_text, json_text, terminal_text
from robustbench_ir._version import __version__
from robustbench_ir.metrics.agreement import krippendorff_alpha, pairwise_agreement, share_with_interval
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.perturb import Recipe
from robustbench_ir.perturb.identity import RecipeIdentity
from robustbench_ir.perturb.reviewed import Reviewed
from robustbench_ir.reports.review.answers import ANSWERS, Answer, Judgement, MergedAnswers
from robustbench_ir.reports.review.items import ItemKey, is_made
from robustbench_ir.reports.shown_queries import text_direction, with_visible_code_points
from robustbench_ir.reports.templates import inlined, rendered
from robustbench_ir.reports.terminal import counted, empty_table, formatted, language_name, one_line

ALL_RECIPES = "all recipes"

_LEGEND = (
    "by: number of reviewers; real, odd, never: share of the judgements and its 95% interval in percent, for which the "
    "judgements of one item count as one; agree: share of pairs of reviewers of an item with the same answer; alpha: "
    "Krippendorff's, for an order (real > odd > never), where 1 is perfect agreement and 0 that of chance; a dash: no "
    "two reviewers judged the same item, or all answers are the same."
)


@dataclass(frozen=True)
class AuditRow:
    """What reviewers said of a recipe in a language, or of all recipes there.

    Attributes
    ----------
    language, recipe : str
        Code of the language, and identity of the recipe or `ALL_RECIPES`.
    severity : int, optional
        None for all recipes.
    items, reviewers, native : int
        Number of items with an answer, of reviewers, and of those whose first language it is.
    real, odd, never : int
        Number of judgements.
    agreement, alpha, alpha_nominal : float
        Share of pairs that are the same, and Krippendorff's alpha, ordinal and nominal; NaN where there is none.
    """

    language: str
    recipe: str
    severity: int | None
    items: int
    reviewers: int
    native: int
    real: int
    odd: int
    never: int
    agreement: float
    alpha: float
    alpha_nominal: float

    @property
    def judgements(self) -> int:
        """Number of judgements."""
        return self.real + self.odd + self.never

    def share(self, answer: Answer) -> Estimate:
        """Return the share of an answer with its interval."""
        return share_with_interval(getattr(self, answer), self.judgements, self.items)


@dataclass(frozen=True)
class Audit:
    """The audit of several files of answers.

    Attributes
    ----------
    rows : tuple of AuditRow
        By language and recipe; the row of all recipes is the last of its language.
    comments : tuple of Judgement
        Those with a comment.
    merged : MergedAnswers
        What the audit is made of.
    notes : tuple of str
        What a reader of the numbers must know.
    """

    rows: tuple[AuditRow, ...]
    comments: tuple[Judgement, ...]
    merged: MergedAnswers
    notes: tuple[str, ...]


def audit(merged: MergedAnswers, recipes: Sequence[Recipe], verify: bool = False) -> Audit:
    """Return the audit of merged answers.

    Parameters
    ----------
    merged : MergedAnswers
        The answers.
    recipes : sequence of Recipe
        The recipes of this release; items of others are counted, and told.
    verify : bool
        Whether to make the changed queries again, and to tell which are none of the recipe's.
    """
    answered = sorted((one for one in merged.judgements if one.item.answer is not None), key=_row_of)
    rows: list[AuditRow] = []
    for language, of_language in groupby(answered, key=lambda one: one.item.language):
        found = list(of_language)
        by_recipe = [(key, list(of_recipe)) for key, of_recipe in groupby(found, key=_row_of)]
        rows += [_row(language, recipe, severity, judgements) for (_, recipe, severity), judgements in by_recipe]
        rows += [_row(language, ALL_RECIPES, None, found)] if len(by_recipe) > 1 else []
    told = [*_of_other_versions(answered, recipes), *(_made_up(answered, recipes) if verify else ())]
    comments = tuple(one for one in merged.judgements if one.item.comment.strip())
    return Audit(tuple(rows), comments, merged, (*merged.notes, *told))


def _of_other_versions(answered: Sequence[Judgement], recipes: Sequence[Recipe]) -> list[str]:
    known = {_name_and_version(one.identity) for one in recipes}
    named = sorted({one.item.recipe for one in answered})
    return [
        f"{recipe} is no recipe of this release: its items are counted, and say nothing of another version"
        for recipe in named
        if _name_and_version(RecipeIdentity.parse(recipe)) not in known
    ]


def _made_up(answered: Sequence[Judgement], recipes: Sequence[Recipe]) -> list[str]:
    """Return a note for each recipe with items that it does not make, or that cannot be made again here."""
    by_identity = {str(one.identity): one for one in recipes}
    items = sorted({one.item.key: one.item for one in answered}.items())
    wrong: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for key, item in items:
        if key.recipe not in by_identity:
            unknown[key.recipe] += 1
        elif not is_made(by_identity[key.recipe], key, item.clean):
            wrong[key.recipe] += 1
    return [
        *(f"{recipe} does not make {count} of its items" for recipe, count in wrong.items()),
        *(
            f"{counted(count, 'item')} of {recipe} cannot be made again here: another version, or lexicons of a task"
            for recipe, count in unknown.items()
        ),
    ]


def _row_of(one: Judgement) -> tuple[str, str, int]:
    return one.item.language, one.item.recipe, one.item.severity


def _name_and_version(identity: RecipeIdentity) -> tuple[str, str]:
    return identity.name, identity.version


def _row(language: str, recipe: str, severity: int | None, judgements: Sequence[Judgement]) -> AuditRow:
    by_item: dict[ItemKey, list[int]] = {}
    for one in judgements:
        if one.item.answer is not None:
            by_item.setdefault(one.item.key, []).append(ANSWERS.index(one.item.answer))
    items = list(by_item.values())
    given = [place for item in items for place in item]
    levels = {one.reviewer.key: one.reviewer.level for one in judgements}
    return AuditRow(
        language=language,
        recipe=recipe,
        severity=severity,
        items=len(items),
        reviewers=len(levels),
        native=sum(level == "native" for level in levels.values()),
        real=given.count(0),
        odd=given.count(1),
        never=given.count(2),
        agreement=pairwise_agreement(items),
        alpha=krippendorff_alpha(items, "ordinal"),
        alpha_nominal=krippendorff_alpha(items, "nominal"),
    )


def card_rows(found: Audit) -> dict[tuple[str, str, int], Reviewed]:
    """Return what cards say of an audit, by recipe, language and severity.

    Parameters
    ----------
    found : Audit
        The audit.
    """
    return {
        (row.recipe, row.language, row.severity): Reviewed(
            reviewers=row.reviewers,
            native=row.native,
            items=row.items,
            real=row.real,
            odd=row.odd,
            never=row.never,
            date=found.merged.date,
            sources=[terminal_text(PurePath(path).name) for path in found.merged.sources[row.language]],
        )
        for row in found.rows
        if row.severity is not None
    }


# Forms of an audit. Comments and remarks are other people's text.


def audit_table(found: Audit) -> RenderableType:
    """Return a table for each language, with notes, comments and remarks after them."""
    parts: list[RenderableType] = []
    for language, rows in groupby(found.rows, key=lambda row: row.language):
        table = empty_table(language_name(language))
        table.padding = (0, 1, 0, 0)
        table.add_column("recipe", vertical="bottom", overflow="fold")
        for header in ("sev-\nerity", "items", "by", *ANSWERS, "agree", "alpha"):
            table.add_column(header, justify="right", no_wrap=True, vertical="bottom")
        for row in rows:
            severity = "" if row.severity is None else f"{row.severity}"
            shares = [_with_interval(row.share(answer)) for answer in ANSWERS]
            numbers = (f"{row.items}", f"{row.reviewers}", *shares, _share(row.agreement), _two_digits(row.alpha))
            table.add_row(*map(one_line, (row.recipe, severity, *numbers)))
        parts.append(table)
    parts.append(Text(f"\n{_LEGEND}", style="dim"))
    parts += [one_line(f"note: {note}", "yellow") for note in found.notes]
    parts += [one_line(f"comment: {line}") for line in map(_comment_line, found.comments)]
    parts += [one_line(f"remark, {language}, {name}: {remark}") for language, name, remark in found.merged.remarks]
    return Group(*parts)


def _with_interval(share: Estimate) -> str:
    """Return a share with its interval in percent, such as ``74% 60-85``."""
    return f"{share.value:.0%} {100 * share.low:.0f}-{100 * share.high:.0f}"


def _share(value: float) -> str:
    return formatted(value, ".0%")


def _two_digits(alpha: float) -> str:
    return formatted(alpha, ".2f")


def _comment_line(one: Judgement) -> str:
    item = one.item
    answer = item.answer or "no answer"
    return f"{item.language}, {item.recipe}, {one.reviewer.name}, {answer}: {item.text}: {item.comment}"


_COLUMNS = (
    *("language", "recipe", "severity", "items", "reviewers", "native", "judgements"),
    *(f"{answer}{part}" for answer in ANSWERS for part in ("", "_share", "_low", "_high")),
    *("agreement", "alpha", "alpha_nominal"),
)


def audit_to_csv(found: Audit) -> str:
    """Return the rows as CSV; a number that there is not is an empty cell."""
    return csv_text([_COLUMNS, *(list(_values(row).values()) for row in found.rows)])


def audit_to_json(found: Audit) -> str:
    """Return the audit as JSON, with every comment beside its item."""
    comments = [
        {**one.item.model_dump(), "reviewer": one.reviewer.name, "level": one.reviewer.level} for one in found.comments
    ]
    remarks = [dict(zip(("language", "reviewer", "remark"), one, strict=True)) for one in found.merged.remarks]
    table = {
        "irbench": __version__,
        "date": found.merged.date,
        "rows": [_values(row) for row in found.rows],
        "notes": found.notes,
        "comments": comments,
        "remarks": remarks,
    }
    return json_text(table, indent=1) + "\n"


def _values(row: AuditRow) -> dict[str, object]:
    """Return the numbers of a row by the names of the columns; None where there is no number."""
    values: list[object] = [getattr(row, name) for name in _COLUMNS[: _COLUMNS.index("judgements") + 1]]
    for answer in ANSWERS:
        share = row.share(answer)
        values += [getattr(row, answer), share.value, share.low, share.high]
    values += [None if math.isnan(one) else one for one in (row.agreement, row.alpha, row.alpha_nominal)]
    return dict(zip(_COLUMNS, values, strict=True))


def audit_to_html(found: Audit) -> str:
    """Return a page with the table, and comments beside their items."""
    functions: dict[str, Callable[..., str]] = {
        "visible": with_visible_code_points,
        "named": language_name,
        "direction": text_direction,
        "interval": _with_interval,
        "share": _share,
        "two_digits": _two_digits,
    }
    return rendered(
        "review/audit.html.jinja",
        functions,
        found=found,
        answers=ANSWERS,
        legend=_LEGEND,
        reviewers=counted(len({(one.item.language, one.reviewer.key) for one in found.merged.judgements}), "reviewer"),
        version=__version__,
        **inlined("review/review.css"),
    )


AUDIT_FORMATS: dict[str, Callable[[Audit], str]] = {
    "csv": audit_to_csv,
    "json": audit_to_json,
    "html": audit_to_html,
}
"""What writes an audit to a file, by the name of the format."""
