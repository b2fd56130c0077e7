"""What the numbers of a report mean, in plain words: the verdict, what limits it, and what to try next."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.console import Group, RenderableType

from robustbench_ir._base.listed import in_words
from robustbench_ir.defences.choice import repairs_against
from robustbench_ir.evaluation.score_runs import is_run
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.perturb.kinds import INTO_THE_PASSAGES
from robustbench_ir.reports.content import Sheet, command_of, prepare_sheets
from robustbench_ir.reports.tables import Table, TableCell, interval_cell, number_cell
from robustbench_ir.reports.terminal import MOSTLY_COVERED, one_line
from robustbench_ir.results.result import Result
from robustbench_ir.results.verdict import BROKEN_FROM, SHAKEN_FROM, AttackVerdict, Word, worst_of
from robustbench_ir.tasks.questions import questions_of

THRESHOLDS = (
    f"Steady: certainly loses at most {SHAKEN_FROM:.0%} of the clean score. Shaken: certainly loses more than "
    f"{SHAKEN_FROM:.0%}. Broken: certainly loses more than {BROKEN_FROM:.0%}. Certain is what the whole 95% interval "
    f"says, for all attacks at once. Counted are the queries whose change reached the encoder."
)
_SIGNIFICANT = 0.05
_RANK: tuple[Word, ...] = ("broken", "shaken", "undecided", "steady")
_BETWEEN = "steady or shaken"
_ORDER: Mapping[Word, str] = {"broken": "broken by", "shaken": "shaken by", "steady": "steady under"}


def verdict_sentence(verdicts: Sequence[AttackVerdict], who: str, names: Mapping[AttackIdentity, str]) -> str:
    """Return one sentence on how an encoder stands its attacks; empty if there is none.

    Parameters
    ----------
    verdicts : sequence of AttackVerdict
        The verdicts.
    who : str
        Name of the encoder.
    names : mapping of AttackIdentity to str
        What the attacks are called; by default their labels.
    """
    if not verdicts:
        return ""
    found: dict[str, list[str]] = {}
    for one in sorted(verdicts, key=lambda one: -one.loss.low if one.word != "undecided" else math.inf):
        said = _BETWEEN if one.not_broken else one.word
        found.setdefault(said, []).append(names.get(one.recipe, one.recipe.label))
    told = [f"{words} {in_words(found[word])}" for word, words in _ORDER.items() if word in found]
    parts = [f"{who} is {in_words(told)}"] if told else []
    if _BETWEEN in found:
        parts.append(f"under {in_words(found[_BETWEEN])} {'it' if told else who} is {_BETWEEN}, certainly not broken")
    if "undecided" in found:
        which = "no verdict is possible" if parts else f"no verdict on {who} is possible"
        parts.append(f"under {in_words(found['undecided'])} {which}")
    return f"At severity {verdicts[0].severity}, {'; '.join(parts)}."


def verdict_of(result: Result, measure: str = "AP") -> str:
    """Return the sentence on a result at its usual severity, in its widest setting; empty if nothing was attacked.

    Parameters
    ----------
    result : Result
        The result.
    measure : str
        Such as ``"AP"``.
    """
    (sheet,) = prepare_sheets([("", result)], measure)
    return verdict_sentence(sheet.verdicts, sheet.name, sheet.recipe_names)


def verdict_lines(result: Result, measure: str = "AP") -> RenderableType:
    """Return the verdict for the end of a terminal's tables: two lines, or nothing where nothing was attacked."""
    sentence = verdict_of(result, measure)
    if not sentence:
        return Group()
    limits = f"steady: at most {SHAKEN_FROM:.0%} lost for certain; shaken: more; broken: over {BROKEN_FROM:.0%}"
    return Group(one_line(sentence, "bold"), one_line(f"({limits}; why: `irbench report`)", "dim"))


def verdict_table(sheet: Sheet) -> Table:
    """Return the verdict on each attack, the worst first, with the number and the interval that decided."""
    ordered = sorted(sheet.verdicts, key=lambda one: (_RANK.index(one.word), math.isnan(one.loss.low), -one.loss.low))
    rows = tuple(
        (
            TableCell(sheet.recipe_names[one.recipe]),
            TableCell(_BETWEEN if one.not_broken else one.word),
            number_cell(one.loss.value, "+z.1%"),
            interval_cell(one.loss, "+z.1%"),
            number_cell(one.questions, ",d"),
            number_cell(one.coverage, ".0%"),
            TableCell(_remark(one)),
        )
        for one in ordered
    )
    columns = ("attack", "verdict", f"loss of {sheet.measure_name}", "95% interval, all attacks at once", "questions",
               "coverage", "remark")  # fmt: skip
    return Table(f"{sheet.name}: verdict at severity {sheet.severity}, {sheet.setting}", columns, rows, judges=True)


def _remark(one: AttackVerdict) -> str:
    remarks = [one.reason] if one.reason else []
    if one.perhaps_broken:
        remarks.append("perhaps broken: the interval does not exclude it")
    if one.gains:
        remarks.append("it finds more under this attack")
    if one.towards_passages == "left out":
        remarks.append("without the pairs that are switched towards the passages' language")
    return "; ".join(remarks)


def findings_in_words(sheet: Sheet) -> list[str]:
    """Return sentences on language bias, on coverage, and on attacks that help, as far as they are certain."""
    return [*_bias(sheet), *_coverage(sheet), *_gains(sheet)]


def _bias(sheet: Sheet) -> Iterator[str]:
    if not sheet.detailed or not sheet.verdicts or sheet.setting != "multilingual":
        return
    rows = [one for one in sheet.bias if one.name == "rank_distance" and not one.refusal]
    if not rows:
        return
    certain = [one for one in rows if one.change.low > 0 and one.p_adjusted < _SIGNIFICANT]
    if not certain:
        yield "No attack is certain to raise language bias."
        return
    each = in_words(
        [
            f"{sheet.recipe_names[one.recipe]} (by {one.change.value:,.0f} ranks, {one.change.low:,.0f} to "
            f"{one.change.high:,.0f}, from {one.clean.value:,.0f})"
            for one in certain
        ]
    )
    yield f"Language bias grew: the relevant passages of one question in the other languages sank further under {each}."


def _coverage(sheet: Sheet) -> Iterator[str]:
    low = [one for one in sheet.at_severity if one.coverage < MOSTLY_COVERED]
    if low:
        each = in_words([f"{sheet.recipe_names[one.recipe]} ({one.coverage:.0%})" for one in low])
        yield (
            f"Coverage is low for {each}: the share of queries whose change {_reached(sheet)}. The scores below are "
            f"over all queries, the verdict is over the changed ones."
        )


def _reached(sheet: Sheet) -> str:
    return "reaches the encoder" if sheet.result.knows_inputs else "is seen in their text"


def _gains(sheet: Sheet) -> Iterator[str]:
    """Yield a sentence on attacks that raise the score: switching towards the passages' language is a translation."""
    switched = [
        one
        for one in sheet.relations[sheet.setting]
        if one.relation == INTO_THE_PASSAGES and one.severity == sheet.severity and one.drop.high < 0
    ]
    whole = {one.recipe: one for one in sheet.verdicts if one.gains}
    for one in switched:
        yield (
            f"{sheet.recipe_names[one.recipe].capitalize()} into the passages' language raises {sheet.measure_name} by "
            f"{-one.drop.value:.3f} ({-one.drop.high:.3f} to {-one.drop.low:.3f}): it translates the query in part, "
            f"which is no robustness. The verdict leaves these pairs of languages out."
        )
    for recipe, verdict in whole.items():
        why = (
            "it switches words into a language of the passages, which translates the query in part and is no robustness"
            if verdict.towards_passages == "all"
            else "look at the queries to see why"
        )
        name = sheet.recipe_names[recipe].capitalize()
        yield f"{name} raises {sheet.measure_name} by {-verdict.loss.value:.1%}: {why}."


@dataclass(frozen=True)
class Step:
    """Something to try next.

    Attributes
    ----------
    why : str
        What it is good for.
    commands : tuple of str
        Command lines.
    """

    why: str
    commands: tuple[str, ...]


def next_steps(sheet: Sheet, *, tried: bool = False) -> list[Step]:
    """Return what to try next, as commands.

    Parameters
    ----------
    sheet : Sheet
        The result.
    tried : bool
        Whether the cheap defences were tried already.
    """
    worst = worst_of(sheet.verdicts)
    if is_run(sheet.result.encoder) or not sheet.verdicts:
        return []
    steps = [*_defences(sheet, worst, tried=tried), *_training(sheet, worst)] if worst else []
    return [*steps, *_harder(sheet, worst), *_more_questions(sheet)]


def _defences(sheet: Sheet, worst: AttackVerdict, *, tried: bool) -> Iterator[Step]:
    only = _only(sheet.result, worst)
    romanised = [code for code, kind in only.attacked[0].kinds.items() if kind.name == "romanised"]
    repairs = repairs_against([one.name for one in worst.recipe.recipes], romanised)
    name = sheet.recipe_names[worst.recipe]
    if worst.recipe.on == "passages":  # there is nothing to repair in clean queries
        return
    if repairs and not sheet.result.encoder.preprocessing:
        command = f"{command_of(only)} --normalise {repairs}"
        yield Step(f"Repair queries before they are encoded; the table says what that wins back of {name}.", (command,))
    if not tried and not worst.recipe.search and worst.recipe.on == "queries":
        command = f"irbench report {sheet.shown_file} --try-defences"
        yield Step(f"Let the report try all cheap repairs against {name}.", (command,))


def _training(sheet: Sheet, worst: AttackVerdict) -> Iterator[Step]:
    """Yield the way to an encoder that was trained on the attack, and to the proof that it is better."""
    if worst.recipe.search or worst.recipe.floor or worst.recipe.on == "passages":
        return
    name = sheet.result.encoder.loaded_by
    base = name if "/" in name and ":" not in name else "intfloat/multilingual-e5-small"
    shares = ",".join(f"{one.name}:0.3" for one in worst.recipe.recipes)
    only = _only(sheet.result, worst)
    trained = replace(only, encoder=replace(only.encoder, name="./trained", given="", revision=""), options={})
    commands = (
        f"irbench train --base {shlex.quote(base)} --data tatoeba --augment {shares} --out trained",
        f"{command_of(trained)} --out trained.json",
        f"irbench compare {sheet.shown_file} trained.json",
    )
    yield Step("Train an encoder on perturbed queries, attack it with the same, and test the difference.", commands)


def _harder(sheet: Sheet, worst: AttackVerdict | None) -> Iterator[Step]:
    steady = all(one.word == "steady" for one in sheet.verdicts)
    if worst is None and steady and max(sheet.severities) < _HARDEST and not any(r.search for r in sheet.recipes):
        once = replace(sheet.result, attacked=tuple(replace(one, severity=_HARDEST) for one in sheet.result.attacked))
        yield Step("Nothing shook it: attack harder.", (command_of(_each_once(once)),))


_HARDEST = 5


def _each_once(result: Result) -> Result:
    """Return a result with each attack, severity and seed once."""
    found = {(one.recipe, one.severity, one.seed): one for one in result.attacked}
    return replace(result, attacked=tuple(found.values()))


def _more_questions(sheet: Sheet) -> Iterator[Step]:
    """Yield the command without its draw of questions, where a verdict failed for their number."""
    short = any(one.needed is not None for one in sheet.verdicts if one.word == "undecided")
    drawn = questions_of(sheet.result.task)
    if short and drawn:
        words = shlex.split(command_of(_only_severity(sheet)))
        place = words.index("--questions")
        yield Step(
            "More questions would tell: take all of the task.", (shlex.join(words[:place] + words[place + 2 :]),)
        )


def _only(result: Result, verdict: AttackVerdict) -> Result:
    return replace(result, attacked=result.groups[verdict.recipe, verdict.severity])


def _only_severity(sheet: Sheet) -> Result:
    found = tuple(one for one in sheet.result.attacked if one.severity == sheet.severity)
    return replace(sheet.result, attacked=found)
