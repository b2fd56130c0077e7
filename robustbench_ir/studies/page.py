"""The report of a study as Markdown, made only from the content of `study.json`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from robustbench_ir._base.showing import markdown_block, markdown_table, markdown_text
from robustbench_ir.resources.languages import languages
from robustbench_ir.studies.analysis import HIGHER, LOWER, MULTILINGUAL, NOT_TRAINED
from robustbench_ir.studies.claims import ArmComparison
from robustbench_ir.studies.config import UNTRAINED
from robustbench_ir.studies.measured import RANK_DISTANCE, Interval
from robustbench_ir.studies.record import ALL, Judged, Study, StudyRow

_Value = TypeVar("_Value")

# The text of the report: the size of the study, the limits of its verdicts, how to read its numbers.

_HOW_TO_READ = """\
- hybrid, mono, cross: how batches were filled. A monolingual batch has one language; in a cross-lingual one, query and
  passage of each pair have different languages; hybrid training draws one kind or the other for each batch.
- mAP: mean average precision, the macro average over query languages (ordered pairs in the cross-lingual setting).
- rank distance: largest minus smallest rank of the parallel passages that answer a query, in the pool of all languages;
  lower is fairer. It can fall because everything sinks: read it beside mAP.
- drop = clean - attacked; relative drop = drop / clean. A better model has more to lose, so that the claims about
  robustness are about the relative drop. A model that finds nothing loses nothing: read it beside clean mAP too.
- gap: relative drop of the lower-resource query languages (class 2 or below, Joshi et al. 2020) minus that of the
  others (class 4 or above), over the languages that the attack can touch.
- Intervals are of 95%: questions are resampled (parallel queries of a question stay together; both sides of a
  difference get the same questions), and the variance between seeds is added with Student's t. With one seed they are
  over questions only.
- p is of the same standard error. A claim of several parts is supported where each part is (p is the largest), and
  refuted where any part is, after Bonferroni. Claims of one family are adjusted by Holm's method; the families are
  written in studies/_claims.toml.
- Equivalent: two one-sided tests show each difference to be within the margin that the card states. Unresolved: neither
  a difference nor equality is shown. "Detectable" is the smallest true difference that the test would find with a
  probability of 80%. "No case": the task lacks what the claim is about.
- In brackets: p by sign flips of whole questions, which is about these very models, not about the way to train."""

_MANY, _WEAK = 30, 0.1
_CHANGED = ("claim", "attack", "task", "verdict", "without them")
_CHANGES = "Each column is judged by itself, with its own adjustment for many comparisons."


def size_of(study: Study) -> str:
    """Return sentences on how much was trained, on what, and how often."""
    card = study.config
    training = card["training"]
    steps = training.get("steps", "the default number of") if isinstance(training, dict) else "?"
    seeds = len({one.seed for one in study.checkpoints if one.seconds > 0}) or 1
    bases = ", ".join(dict.fromkeys(one.base for one in study.checkpoints))
    names = card["data"]
    data = ", ".join(map(str, names)) if isinstance(names, list | tuple) else str(names)
    rows = " and ".join(f"{one:,}" for one in dict.fromkeys(study.training_rows))
    folds = f" on each of {card['folds']} folds" if card.get("folds", 1) != 1 else ""
    sentences = [
        f"Base: {bases}. Trained on {data}: {rows} rows in {len(study.trained_languages)} languages, {steps} steps "
        f"each, {seeds} seed{'s' if seeds > 1 else ''}{folds} for each way to fill a batch.",
    ]
    if len(study.trained_languages) < _MANY:
        sentences.append(f"Trained languages: {', '.join(study.trained_languages)}; all others are new to the models.")
    if "tatoeba" in data:
        sentences.append(
            "The training data are short everyday sentences and their translations, not questions and passages: a "
            "query is half of the words of a sentence, its passage the sentence, or a translation of it. They teach "
            "which sentence a phrase is from, not which passage answers a question."
        )
    if any("static" in one.base for one in study.checkpoints):
        sentences.append(
            "A static encoder is a table of vectors for pieces of words, averaged: it knows no word order and no "
            "context, has no pretraining behind it, and meets a language that it was not trained on only in pieces "
            "that languages share. The paper fine-tuned XLM-R and LaBSE on question and passage pairs."
        )
    return " ".join(sentences)


def cannot_say(study: Study, task: str) -> str:
    """Return sentences on the limits of the verdicts.

    Parameters
    ----------
    study : Study
        The study.
    task : str
        Label of the task of the claim table.
    """
    bases = len({one.base for one in study.checkpoints})
    seeds = len({one.seed for one in study.checkpoints if one.seconds > 0})
    sentences = [
        f"Every verdict is for {'this base' if bases == 1 else 'these bases'}, this training data and {task}; none is "
        "a verdict on the paper, whose models were larger and trained on other data."
    ]
    if bases == 1:
        sentences.append("One base was tried, so that a claim about every base can be refuted here but not confirmed.")
    if seeds > 1:
        sentences.append(
            f"With {seeds} seeds the spread between trainings is known from few values, so that the intervals follow "
            f"Student's t. Unresolved does not mean equal: that is said only where it is shown."
        )
    else:
        sentences.append(
            "There is one seed: the intervals are over questions only, so that they hold for these very models, and "
            "nothing is known of what another training of the same kind would give. So no claim has a verdict."
        )
    crossing = [
        one.number.value
        for one in study.rows
        if one.task == task and one.quantity == "mAP cross-lingual" and one.number.value > 0 and not one.against
    ]
    if crossing and max(crossing) < _WEAK:
        sentences.append(
            f"No model here finds passages of another language: cross-lingual mAP is at most {max(crossing):.3f}. What "
            "is said of the cross-lingual and multilingual settings compares models that fail there, and a drop from "
            "almost nothing says little."
        )
    return " ".join(sentences)


_NOTHING = "–"
_CLEAN = ("mAP monolingual", "mAP cross-lingual", "mAP multilingual", RANK_DISTANCE)


def study_page(study: Study) -> str:
    """Return the report; no text of the study is read as markup."""
    return _page(
        replace(_literal(study), command=study.command), [one for each in study.attacks for one in each.signatures]
    )


def _literal(value: _Value) -> _Value:
    """Return a study, or a part of it, whose texts are Markdown that shows them literally."""
    if isinstance(value, str):
        return cast("_Value", markdown_text(value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _literal(getattr(value, one.name)) for one in fields(value)})
    if isinstance(value, Mapping):
        return cast("_Value", {_literal(key): _literal(one) for key, one in value.items()})
    if isinstance(value, list | tuple):
        parts = map(_literal, value)
        # A named tuple is made of its parts one by one.
        return cast("_Value", type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts))
    return value


def _page(study: Study, signatures: Sequence[str]) -> str:
    main = _tasks(study)[0]
    parts = [
        f"# {study.title}",
        study.description,
        *_overlap_warning(study),
        "## What is small here",
        size_of(study),
        f"## The claims, on {main}",
        cannot_say(study, main),
        _claim_table(study, main),
        *_claims_elsewhere(study),
        *_sensitivity(study),
    ]
    for task in _tasks(study):
        for base in _bases(study):
            heading = f"## Numbers on {task}" + (f", from {base}" if len(_bases(study)) > 1 else "")
            parts += [heading, *_numbers(study, base, task)]
    parts += ["## How to read the numbers", _HOW_TO_READ, "## How it was made", *_making(study, signatures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tasks(study: Study) -> list[str]:
    return list(dict.fromkeys(one.task for one in study.attacks))


def _bases(study: Study) -> list[str]:
    return list(dict.fromkeys(one.base for one in study.checkpoints))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a Markdown table; all but the first `left` columns are aligned to the right."""
    return markdown_table(head, rows, range(left, len(head)))


def _formatted(value: float, quantity: str = "", *, signed: bool = False) -> str:
    """Return a number for the page: relative drops in per cent, rank distance in ranks, mAP with three digits.

    Differences of mAP have four digits.
    """
    if math.isnan(value):
        return _NOTHING
    sign = "+" if signed else ""
    # Adding 0 makes a positive zero of what rounds to a negative one.
    if quantity.startswith(RANK_DISTANCE):
        return f"{round(value) + 0:{sign},}"
    if "relative drop" in quantity:
        return f"{round(100 * value, 1) + 0.0:{sign}.1f}%"
    places = 4 if signed else 3
    return f"{round(value, places) + 0.0:{sign}.{places}f}"


def _with_interval(found: Interval, quantity: str, *, signed: bool = False) -> str:
    """Return a number with the ends of its interval."""
    if math.isnan(found.low):
        return _formatted(found.value, quantity, signed=signed)
    ends = ", ".join(_formatted(one, quantity, signed=signed) for one in (found.low, found.high))
    return f"{_formatted(found.value, quantity, signed=signed)} [{ends}]"


def _p_value(p: float) -> str:
    """Return a p value with two significant digits."""
    if math.isnan(p):
        return _NOTHING
    return "<0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def _overlap_warning(study: Study) -> list[str]:
    found = [str(one) for one in study.overlaps if one]
    if not found:
        return []
    return [f"**The training data holds texts of the evaluation: {'; '.join(found)}. Every number is marred by it.**"]


def _claim_table(study: Study, task: str) -> str:
    rows = []
    for one in study.claims:
        if one.task == task:
            named = one.sentence + (f" ({one.base})" if len(_bases(study)) > 1 else "")
            rows.append(
                (
                    *(named, one.recipe or "none", f"**{one.verdict}**", _decisive_p(one)),
                    "<br>".join(map(_evidence, one.comparisons)),
                )
            )
    return _table(("claim", "attack", "verdict", "p, adjusted", "evidence"), rows, left=5)


def _decisive_p(one: Judged) -> str:
    """Return the adjusted p value that the verdict rests on; of an unresolved claim, those of both questions."""
    if one.verdict == "no case":
        return _NOTHING
    sides = min(one.p.supported, one.p.refuted)
    if one.verdict == "equivalent":
        return _p_value(one.p.equivalent)
    return _p_value(sides) if one.verdict != "unresolved" else f"{_p_value(sides)}; equal {_p_value(one.p.equivalent)}"


def _evidence(one: ArmComparison) -> str:
    difference = _with_interval(one.difference, one.measure, signed=True)
    if one.against == "zero":
        message = f"gap {difference}"
    else:
        pair = f"{_formatted(one.value, one.measure)} against {_formatted(one.other, one.measure)} of {one.against}"
        message = f"{one.setting}: {pair}, {difference}"
    seen = f"equal within {_formatted(one.margin, one.measure)}: p {_p_value(one.p_equivalent)}"
    p = f"p {_p_value(one.difference.p)} ({_p_value(one.difference.p_questions)})"
    return f"{message}, {p}; {seen}; detectable {_formatted(one.detectable, one.measure)}"


def _claims_elsewhere(study: Study) -> list[str]:
    """Return the verdicts of every task side by side, where there are several."""
    tasks = _tasks(study)
    if len(tasks) < 2:
        return []
    keys = dict.fromkeys((one.id, one.sentence, one.recipe, one.base) for one in study.claims)
    verdicts = {(one.id, one.recipe, one.base, one.task): one.verdict for one in study.claims}
    several = len(_bases(study)) > 1
    rows = [
        (
            sentence + (f" ({base})" if several else ""),
            recipe or "none",
            *(verdicts.get((claim, recipe, base, task), "no case") for task in tasks),
        )
        for claim, sentence, recipe, base in keys
    ]
    head = ("claim", "attack", *tasks)
    return ["### The verdicts on every task", _CHANGES, _table(head, rows, left=len(head))]


def _sensitivity(study: Study) -> list[str]:
    """Return what changes without the seeds of diverged trainings, where there are any."""
    named = ", ".join(one.name for one in study.checkpoints if one.has_diverged)
    if not named:
        return []
    without = {(one.id, one.recipe, one.base, one.task): one.verdict for one in study.claims_without_diverged}
    compared = [(one, without.get((one.id, one.recipe, one.base, one.task), "no case")) for one in study.claims]
    rows = [
        (one.sentence, one.recipe or "none", one.task, one.verdict, other)
        for one, other in compared
        if one.verdict != other
    ]
    told = (
        f"These trainings diverged: their validation loss rose. They are part of every number: {named}. "
        f"Without their seeds {len(rows)} of {len(study.claims)} verdicts {'is' if len(rows) == 1 else 'are'} another."
    )
    return ["### Trainings that diverged", told, *([_table(_CHANGED, rows, left=5)] if rows else [])]


def _numbers(study: Study, base: str, task: str) -> list[str]:
    rows = [one for one in study.rows if (one.base, one.task) == (base, task)]
    arms = list(dict.fromkeys(one.arm for one in rows))
    found = {(one.arm, one.against, one.quantity, one.recipe, one.languages): one.number for one in rows}
    recipes = list(dict.fromkeys(one.recipe for one in rows if one.recipe))
    pairs = list(dict.fromkeys((one.arm, one.against) for one in rows if one.against))

    def cells(arm: str, against: str, recipe: str, quantities: Sequence[str]) -> list[str]:
        each = ((found.get((arm, against, one, recipe, ALL)), one) for one in quantities)
        return [_with_interval(one, what, signed=bool(against)) if one else _NOTHING for one, what in each]

    attacked = [f"drop {MULTILINGUAL}", f"relative drop {MULTILINGUAL}", f"{RANK_DISTANCE} change"]
    relative = [f"relative drop {one}" for one in ("monolingual", "cross-lingual", MULTILINGUAL)]
    names = [(f"{arm} - {against}", arm, against) for arm, against in pairs]
    parts = [
        "Clean queries, mean over seeds [95% interval over questions and seeds]:",
        _table(("batches", *_CLEAN), [(arm, *cells(arm, "", "", _CLEAN)) for arm in arms]),
        "What the attacks do, in the pool of all languages:",
        _table(
            ("attack", "batches", *attacked),
            [(recipe, arm, *cells(arm, "", recipe, attacked)) for recipe in recipes for arm in arms],
            left=2,
        ),
    ]
    if names:
        parts += [
            "Paired differences, clean:",
            _table(("difference", *_CLEAN), [(name, *cells(arm, other, "", _CLEAN)) for name, arm, other in names]),
            "Paired differences of the relative drop, by setting; below zero the first of the two loses less:",
            _table(
                ("attack", "difference", *relative),
                [
                    (recipe, name, *cells(arm, other, recipe, relative))
                    for recipe in recipes
                    for name, arm, other in names
                ],
                left=2,
            ),
        ]
    return [*parts, *_by_language(study, rows, recipes)]


def _by_language(study: Study, rows: Sequence[StudyRow], recipes: Sequence[str]) -> list[str]:
    """Return the tables by query language and group: the samplers clean, and hybrid against both under attack."""
    samplers = [one for one in ("hybrid", "mono", "cross", UNTRAINED) if any(row.arm == one for row in rows)]
    groups = list(dict.fromkeys(row.languages for row in rows if row.languages != ALL))
    found = {(row.arm, row.against, row.quantity, row.recipe, row.languages): row.number for row in rows}
    clean, lost = f"mAP {MULTILINGUAL}", f"relative drop {MULTILINGUAL}"

    def cell(arm: str, against: str, quantity: str, recipe: str, group: str) -> str:
        one = found.get((arm, against, quantity, recipe, group))
        return _with_interval(one, quantity, signed=bool(against)) if one else _NOTHING

    named = [(_named(study, one), one) for one in groups]
    parts = [
        "mAP in the pool of all languages, by query language and group:",
        _table(
            ("queries in", *samplers),
            [(name, *(cell(arm, "", clean, "", group) for arm in samplers)) for name, group in named],
        ),
    ]
    for other in ("mono", "cross"):
        if ("hybrid", other) in {(row.arm, row.against) for row in rows}:
            parts += [
                f"Relative drop, hybrid - {other}, by query language and group:",
                _table(
                    ("queries in", *recipes),
                    [
                        (name, *(cell("hybrid", other, lost, recipe, group) for recipe in recipes))
                        for name, group in named
                    ],
                ),
            ]
    return parts


def _named(study: Study, group: str) -> str:
    facts = languages().get(group)
    if facts is None:
        return {NOT_TRAINED: "languages not trained", LOWER: LOWER, HIGHER: HIGHER}.get(group, group)
    seen = "" if group in study.trained_languages else ", not trained"
    return f"{facts.name} (class {facts.resource_class}{seen})"


def _making(study: Study, signatures: Sequence[str]) -> list[str]:
    trained = [
        (one.arm, str(one.seed), _formatted_seconds(one.seconds), _facts(one.facts)) for one in study.checkpoints
    ]
    spent = ", ".join(f"{name} {seconds / 60:.0f} min" for name, seconds in study.seconds.items())
    attacked = [
        (
            *(one.task, one.recipe, f"{one.coverage:.0%}", f"{one.touched:.1%}", f"{one.edit_rate:.1%}"),
            ", ".join(one.not_covered) or _NOTHING,
        )
        for one in study.attacks
    ]
    overlap = [
        (one.task, f"{one.shared_queries} of {one.queries:,}", f"{one.shared_passages} of {one.passages:,}")
        for one in study.overlaps
    ]
    return [
        markdown_block(study.command),
        _followed(study),
        f"irbench {study.irbench}, {study.date}, {study.machine}; {spent}.",
        _table(("batches", "seed", "seconds", "the training says"), trained, left=4),
        "Texts of the evaluation that the training data has (after case and spaces are put aside):",
        _table(("task", "queries", "passages"), overlap),
        "What the attacks changed:",
        _table(
            ("task", "attack", "queries changed", "text in edited words", "edit distance", "not touched"),
            attacked,
            left=2,
        ),
        "Signatures of the numbers in the pool of all languages:",
        markdown_block("\n".join(signatures)),
    ]


def _followed(study: Study) -> str:
    plan = study.plan
    replaced = f" It replaced {', '.join(plan.replaced)} after the study had begun." if plan.replaced else ""
    return f"The plan is of {plan.date}, SHA-256 {plan.sha256}.{replaced}"


def _formatted_seconds(seconds: float) -> str:
    """Return seconds as they are printed."""
    return _NOTHING if math.isnan(seconds) else f"{seconds:.0f}"


def _facts(facts: object) -> str:
    items = facts.items() if isinstance(facts, dict) else ()
    return ", ".join(f"{name} {_fact(float(value))}" for name, value in items) or _NOTHING


def _fact(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() else f"{value:.4g}"
