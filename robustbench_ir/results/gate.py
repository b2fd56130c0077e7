"""A gate: rules on a result, each judged by the interval of its number and not by the number alone.

A rule is broken where the whole interval is beyond its limit, and holds where the whole interval is within it. Between
the two it cannot be decided, and the answer says how many questions would be needed. The intervals are those of
`Result.findings` and `robustbench_ir.results.compare`: whole questions are resampled, clean and attacked queries, and
those of the baseline, together.

Where a gate has several tests, the ends that can fail it hold for all tests at once (`statistics.simultaneous`), so
that a gate with many rules fails no more often by chance than a gate with one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from robustbench_ir.errors import OptionError, UnknownNameError, nearest
from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.findings import AttackGroup, covered_queries, macro_means, only, over_seeds, ratio
from robustbench_ir.metrics.measures import Floats, look_up_measure
from robustbench_ir.metrics.settings import Setting, per_query_scores
from robustbench_ir.metrics.statistics import (
    CONFIDENCE,
    RESAMPLES,
    SEED,
    Estimate,
    bootstrap_intervals,
    draws,
    simultaneous,
)
from robustbench_ir.resources.languages import language_and_script, languages
from robustbench_ir.results.compare import check_same_attacks, check_same_questions, common_groups
from robustbench_ir.results.file import load_result
from robustbench_ir.results.result import Result
from robustbench_ir.results.rules import ALL, CLEAN_QUERIES, EACH, Gate, Rule, read_settings

Verdict = Literal["passed", "failed", "undecided"]

FEWEST_QUESTIONS = 10
"""Fewer questions decide nothing, whatever their interval says."""

LITTLE = 0.05
"""Below this clean score an encoder has so little to lose that a small drop says nothing."""

_RULE_OF_THREE = 3.0
_MOST_QUESTIONS = 100_000
_TINY = 1e-9
_LIMIT_STEP = 0.001
_STATUS: Mapping[Verdict, int] = {"passed": 0, "failed": 1, "undecided": 3}
_ENDS = (1 - CONFIDENCE) / 2, (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class Outcome:
    """What became of one rule in one setting, under one attack, in one language.

    Attributes
    ----------
    rule : Rule
        The rule.
    verdict : {"passed", "failed", "undecided"}
        Whether the whole interval is within the limit, beyond it, or neither.
    setting, measure, recipe : str
        Setting, measure, and the name of the attack, ``clean`` for the clean queries.
    severity : int
        Severity of the attack, 0 for the clean queries.
    language : str
        Query language, or ``"all"`` for the macro average.
    estimate : Estimate
        The drop, the score, or the loss against the baseline, with its 95% interval; a share where the limit is one.
    questions : int
        Number of questions that have a value.
    needed : int or None
        About how many questions would decide, if the number stays as it is; None if the rule is decided, or if the
        number is so near the limit that more than 100,000 would be needed.
    supported : Rule or None
        The rule with the limit nearest to its own that these questions show to hold: the end of the interval; None if
        the rule is decided, or if they show none.
    coverage : float
        Share of the queries whose text changed; 1 for the clean queries.
    signature : str
        What the number depends on.
    """

    rule: Rule
    verdict: Verdict
    setting: Setting
    measure: str
    recipe: str
    severity: int
    language: str
    estimate: Estimate
    questions: int
    needed: int | None
    supported: Rule | None
    coverage: float
    signature: str


@dataclass(frozen=True)
class Checked:
    """What became of the rules of a gate.

    Attributes
    ----------
    encoder, task : str
        What was checked.
    outcomes : tuple of Outcome
        In the order of the rules.
    notes : tuple of str
        What the rules do not see, a sentence each.
    baseline : str
        Name of the encoder of the baseline; empty without one.
    """

    encoder: str
    task: str
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()
    baseline: str = ""

    @property
    def verdict(self) -> Verdict:
        """``failed`` if any rule is broken for certain, else ``undecided`` if any cannot be decided."""
        found = {one.verdict for one in self.outcomes}
        return "failed" if "failed" in found else "undecided" if "undecided" in found else "passed"

    @property
    def passed(self) -> bool:
        """Whether every rule holds for certain."""
        return self.verdict == "passed"

    @property
    def status(self) -> int:
        """Status of `irbench check`: 0 passed, 1 failed, 3 not enough questions to tell."""
        return _STATUS[self.verdict]

    def count(self, verdict: Verdict) -> int:
        """Return the number of outcomes with a verdict."""
        return sum(one.verdict == verdict for one in self.outcomes)


def check(
    result: Result | str | Path,
    rules: Gate | Rule | str | Path | Sequence[Rule | str],
    baseline: Result | str | Path | None = None,
    *,
    measure: str = "AP",
    settings: Sequence[str] | str = (),
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Checked:
    """Check a result against rules, and decide only what is statistically certain.

    Parameters
    ----------
    result : Result, str or pathlib.Path
        The result, or its file.
    rules : Gate, Rule, str, pathlib.Path, or sequence of Rule and str
        Rules, such as ``["max-drop typo=10%", "min nDCG@10=0.6", "no-worse 2%"]``; or the path of a file such as
        ``gate.toml``, whose measure, settings and baseline are then used.
    baseline : Result, str or pathlib.Path, optional
        Result on the same questions and perturbed queries, for ``no-worse``.
    measure : str
        Measure of drops and of comparisons with the baseline.
    settings : str or sequence of str
        Settings in which the rules must hold, or ``"all"``; by default the widest one that the result has.
    resamples, seed
        See `Result.findings`.

    Returns
    -------
    Checked
        The verdict, and the outcome of each rule.

    Raises
    ------
    OptionError
        If a rule names what the result does not have, or a number is not defined; if the baseline has other questions.
    ResultError
        If a file cannot be read.
    UnknownNameError
        If there is no such measure.

    Examples
    --------
    >>> checked = rb.check("results/e5.json", ["max-drop typo=10%", "min nDCG@10=0.6"])  # doctest: +SKIP
    >>> checked.passed  # doctest: +SKIP
    True
    """
    gate = _as_gate(rules, measure, settings)
    found = result if isinstance(result, Result) else load_result(result)
    base = baseline if baseline is not None else gate.baseline
    compared = base if base is None or isinstance(base, Result) else load_result(base)
    look_up_measure(gate.measure)
    return _Checking(found, gate, compared, resamples, seed).checked()


def _as_gate(
    rules: Gate | Rule | str | Path | Sequence[Rule | str], measure: str, settings: Sequence[str] | str
) -> Gate:
    if isinstance(rules, Gate):
        return rules
    if isinstance(rules, Path) or (isinstance(rules, str) and rules.endswith(".toml")):
        return Gate.read(Path(rules))
    several = [rules] if isinstance(rules, Rule | str) else rules
    parsed = tuple(one if isinstance(one, Rule) else Rule.parse(one) for one in several)
    return Gate(parsed, measure, read_settings([settings] if isinstance(settings, str) else settings))


@dataclass(frozen=True)
class _Test:
    """A number of the result that a rule is about.

    Attributes
    ----------
    rule, setting, measure, language
        See `Outcome`.
    group : AttackGroup, optional
        The attack; None for the clean queries.
    above : ClusterMeans
        The drop, the score or the loss.
    below : ClusterMeans or None
        What it is divided by, for limits in percent.
    most : float
        The largest value of the number: the whole clean score for a drop, 1 for a score and for a share.
    whole : float
        The score that is lost from: clean, or that of the baseline; NaN for a lowest score.
    coverage : float
        See `Outcome`.
    """

    rule: Rule
    setting: Setting
    measure: str
    language: str
    group: AttackGroup | None
    above: ClusterMeans
    below: ClusterMeans | None
    most: float
    whole: float
    coverage: float


@dataclass(frozen=True)
class _Checking:
    """A result with the rules that it is checked against."""

    result: Result
    gate: Gate
    baseline: Result | None
    resamples: int
    seed: int

    def checked(self) -> Checked:
        """Return the outcome of every rule."""
        self._check_baseline()
        tests = [test for rule in self.gate.rules for test in self._sound_tests_of(rule)]
        return Checked(
            encoder=self.result.encoder.name,
            task=self.result.task,
            outcomes=tuple(self._judged(tests)),
            notes=(*self._notes(), *_little(tests)),
            baseline=self.baseline.encoder.name if self.baseline else "",
        )

    def _check_baseline(self) -> None:
        if not self.gate.rules:
            raise OptionError("there is no rule to check; give one such as --max-drop typo=10%, or --gate gate.toml")
        compares = any(rule.kind == "no-worse" for rule in self.gate.rules)
        if self.baseline is not None and not compares:
            raise OptionError("a baseline is for no-worse; add a rule such as --no-worse 2%, or leave the baseline out")
        if compares:
            where = f"the baseline ({self._compared.encoder.name}) cannot be compared with the result"
            check_same_questions(self.result, self._compared, where)
            check_same_attacks(self.result, self._compared, where)

    @property
    def _compared(self) -> Result:
        if self.baseline is None:
            raise OptionError("no-worse compares with a baseline; name its result file: --baseline main.json")
        return self.baseline

    @cached_property
    def _settings(self) -> tuple[Setting, ...]:
        there = self.result.distinct_settings
        if not self.gate.settings:
            return there[-1:]
        found = tuple(one for one in self.result.settings if one in self.gate.settings)
        if not found:
            raise OptionError(
                f"the result has no setting {', '.join(self.gate.settings)}; there are: {', '.join(there)}"
            )
        return tuple(one for one in found if one in there) or found

    @cached_property
    def _common(self) -> list[AttackGroup]:
        return common_groups(self.result, self.baseline) if self.baseline else []

    def _sound_tests_of(self, rule: Rule) -> list[_Test]:
        """Return the tests of a rule; a limit that no drop can exceed would pass for certain, and say nothing."""
        tests = list(self._tests_of(rule))
        if rule.kind == "max-drop" and tests and all(rule.limit >= test.most for test in tests):
            most = max(test.most for test in tests)
            why = "the clean score is lost at 100%" if rule.relative else f"the clean score is only {most:.3f}"
            meant = "such as 10%" if rule.relative else f"such as 10%; {rule.shown_limit} is {rule.limit * 100:g}%"
            raise OptionError(
                f"rule {rule}: no drop can exceed {rule.shown_limit}, since {why}; give a lower limit, {meant}"
            )
        return tests

    def _tests_of(self, rule: Rule) -> Iterator[_Test]:
        """Yield the tests of a rule; attacks that touch none of its languages have none, if there are others."""
        names = self._languages(rule)
        wanted = [(group, [name for name in names if not self._untouched(group, name)]) for group in self._groups(rule)]
        for group, covered in wanted:
            if not covered and (rule.recipe != ALL or not any(found for _, found in wanted)):
                raise OptionError(f"rule {rule}: {_called(group)} does not touch {self._untouched(group, names[0])}")
        for setting in self._settings:
            for group, covered in wanted:
                yield from self._tests(rule, setting, group, covered)

    def _groups(self, rule: Rule) -> list[AttackGroup | None]:
        """Return what a rule is about: the clean queries (None) and attacks with their severities."""
        result = self.result
        clean: list[AttackGroup | None] = [] if rule.kind == "max-drop" else [None]
        if rule.recipe == CLEAN_QUERIES:
            return clean
        if not result.groups and (rule.kind == "max-drop" or rule.recipe != ALL):
            raise OptionError(f"rule {rule}: the result has clean scores only; attack with a recipe first")
        found = [key for key in result.groups if rule.recipe in {ALL, key[0].label, key[0].head, str(key[0])}]
        if not found and rule.recipe != ALL:
            labels = dict.fromkeys(recipe.label for recipe, _ in result.groups)
            raise OptionError(f"rule {rule}: the result has no recipe {rule.recipe!r}; {nearest(rule.recipe, labels)}")
        if rule.severity is not None:
            ran = sorted({severity for _, severity in found})
            found = [key for key in found if key[1] == rule.severity]
            if not found:
                there = ", ".join(map(str, ran))
                raise OptionError(f"rule {rule}: severity {rule.severity} was not run; there are: {there}")
        if rule.kind == "no-worse":
            found = self._in_baseline(rule, found)
        return [*(clean if rule.recipe == ALL and rule.severity is None else []), *found]

    def _in_baseline(self, rule: Rule, found: Sequence[AttackGroup]) -> list[AttackGroup]:
        """Return the attacks that the baseline has too."""
        common = [key for key in found if key in self._common]
        if found and not common:
            theirs = (f"{recipe} at severity {severity}" for recipe, severity in self._compared.groups)
            there = ", ".join(theirs) or "clean scores only"
            wanted = ", ".join(f"{recipe} at severity {severity}" for recipe, severity in found)
            raise OptionError(f"rule {rule}: the baseline does not have {wanted}, but {there}; run the baseline again")
        return common

    def _languages(self, rule: Rule) -> list[str]:
        names = self.result.judgements.query_languages
        if rule.language == ALL:
            return [ALL]
        if rule.language == EACH:
            return list(names)
        if _code(rule.language) not in names:
            raise OptionError(
                f"rule {rule}: the result has no queries in {rule.language!r}; {nearest(rule.language, [*names, EACH])}"
            )
        return [_code(rule.language)]

    def _untouched(self, group: AttackGroup | None, name: str) -> str:
        """Return a language that an attack does not touch, with the reason; empty if it touches some of those named."""
        missing = self.result.groups[group][0].not_covered if group else {}
        codes = self.result.judgements.query_languages if name == ALL else [name]
        return "" if any(code not in missing for code in codes) else f"{codes[0]}: {missing[codes[0]]}"

    def _tests(self, rule: Rule, setting: Setting, group: AttackGroup | None, names: Sequence[str]) -> Iterator[_Test]:
        """Yield the tests of a rule under one attack, one for each language."""
        measure = rule.measure or self.gate.measure
        score, changed = _scores(self.result, setting, measure, group)
        below: Floats | None = None
        if rule.kind == "max-drop":
            below = _clean(self.result, setting, measure, group)
        elif rule.kind == "no-worse":
            below, _ = _scores(self._compared, setting, measure, group)
        above = score if below is None else below - score
        for language in names:
            coverage = float(_macro(self.result, changed, language).estimate()[0])
            if coverage == 0:
                raise OptionError(
                    f"rule {rule}: {_called(group)} changed no query, so that there is nothing to check; "
                    "choose a higher severity, or another recipe"
                )
            table = _macro(self.result, above, language)
            whole = None if below is None else _macro(self.result, below, language)
            clean = math.nan if whole is None else float(whole.estimate()[0])
            most = 1.0 if whole is None or rule.relative else clean
            divisor = whole if rule.relative else None
            yield _Test(rule, setting, measure, language, group, table, divisor, most, clean, coverage)

    def _judged(self, tests: Sequence[_Test]) -> list[Outcome]:
        layout = self.result.judgements
        tables = [table for test in tests for table in (test.above, test.below) if table is not None]
        drawn = iter(draws(tables, np.random.default_rng(self.seed), self.resamples))
        numbers = []
        for test in tests:
            above = next(drawn)
            numbers.append(above if test.below is None else ratio(above, next(drawn)))
            _check_number(test, float(numbers[-1][0, 0]))
        draw = np.concatenate(numbers)
        having = np.concatenate([test.above.clusters for test in tests])
        estimates = bootstrap_intervals(draw, layout.questions, having=having)
        if len(tests) > 1:
            together = simultaneous(draw, layout.questions, having, _ENDS)
            ends = zip(tests, estimates, together, strict=True)
            estimates = [_with_failing_end(test.rule, one, other) for test, one, other in ends]
        return [
            self._outcome(test, estimate, questions)
            for test, estimate, questions in zip(tests, estimates, having.tolist(), strict=True)
        ]

    def _outcome(self, test: _Test, estimate: Estimate, questions: int) -> Outcome:
        verdict, needed = judge(test.rule, estimate, questions, test.most)
        attack, severity = test.group or (None, 0)
        return Outcome(
            rule=test.rule,
            verdict=verdict,
            setting=test.setting,
            measure=test.measure,
            recipe=_called(test.group),
            severity=severity,
            language=test.language,
            estimate=estimate,
            questions=questions,
            needed=needed,
            supported=supported_rule(test.rule, estimate, questions, test.most) if verdict == "undecided" else None,
            coverage=test.coverage,
            signature=self.result.signature(test.setting, attack, severity, test.measure),
        )

    def _notes(self) -> Iterator[str]:
        """Yield what the rules do not see."""
        for name, missing in _not_covered(self.result).items():
            if any(rule.recipe == name or (rule.recipe == ALL and rule.language == ALL) for rule in self.gate.rules):
                codes = ", ".join(f"{_language(code)} ({reason})" for code, reason in missing.items())
                whole = len(missing) == len(self.result.judgements.query_languages)
                rest = "it is not checked" if whole else "its numbers are those of the other languages"
                yield f"{name} does not touch {codes}; {rest}"
        if self.baseline:
            for recipe, severity in self.result.groups:
                if (recipe, severity) not in self._common:
                    yield f"the baseline has no {recipe} at severity {severity}, so that it is not compared"


def _little(tests: Sequence[_Test]) -> Iterator[str]:
    """Yield a note for each score that is too low to lose much."""
    for test in tests:
        if test.rule.kind == "max-drop" and test.whole < LITTLE:
            where = "" if test.language == ALL else f" of {_language(test.language)}"
            yield (
                f"{_called(test.group)}: the clean {test.measure}{where} in the {test.setting} setting is "
                f"{test.whole:.3f}, so that there is little to lose, and a small drop says nothing"
            )


def _not_covered(result: Result) -> dict[str, Mapping[str, str]]:
    return {cell.recipe.label: cell.not_covered for cell in result.attacked if cell.not_covered}


def _language(code: str) -> str:
    return languages()[code].name if code in languages() else code


def _code(name: str) -> str:
    """Return a language as results name it; what is no language stays as it is."""
    try:
        return language_and_script(name)
    except UnknownNameError:
        return name


def _called(group: AttackGroup | None) -> str:
    return group[0].label if group else CLEAN_QUERIES


def _clean(result: Result, setting: Setting, measure: str, group: AttackGroup | None) -> Floats:
    """Return the clean measure of each query, NaN where the attack does not cover the language."""
    found = per_query_scores(result.judgements, result.clean.ranks, measure, setting)
    return only(covered_queries(result.judgements, result.groups[group]), found) if group else found


def _scores(result: Result, setting: Setting, measure: str, group: AttackGroup | None) -> tuple[Floats, Floats]:
    """Return the measure of each query, clean or as the mean over seeds, and whether its text changed."""
    clean = per_query_scores(result.judgements, result.clean.ranks, measure, setting)
    if group is None:
        return clean, np.ones_like(clean)
    found = over_seeds(result.judgements, clean, result.groups[group], setting, measure)
    return found.value, found.text_coverage


def _macro(result: Result, found: Floats, language: str) -> ClusterMeans:
    """Return the macro mean over query languages, or the mean of one language."""
    layout = result.judgements
    if language == ALL:
        return macro_means(layout, found)
    table = macro_means(layout, found, "language")
    place = layout.query_languages.index(language)
    return replace(table, members=table.members[:, place : place + 1])


def _check_number(test: _Test, value: float) -> None:
    """Raise OptionError for a number that is not defined."""
    if not math.isnan(value):
        return
    where = f"rule {test.rule}: {test.measure} in the {test.setting} setting"
    if test.below is not None and not np.any(test.below.estimate()):
        raise OptionError(
            f"{where} is 0, so that there is nothing to lose; set a lowest score instead, such as --min AP=0.5"
        )
    raise OptionError(f"{where} is not defined for these queries; choose another --setting or language")


def _with_failing_end(rule: Rule, one: Estimate, together: Estimate) -> Estimate:
    """Return an interval whose end that can fail the rule holds for all tests at once.

    The other end needs no such care: the gate passes only if every rule holds.
    """
    if rule.kind == "min":
        return replace(one, high=float(np.fmax(one.high, together.high)))
    return replace(one, low=float(np.fmin(one.low, together.low)))


def judge(rule: Rule, estimate: Estimate, questions: int, most: float = 1.0) -> tuple[Verdict, int | None]:
    """Return the verdict on a number, and about how many questions would decide it where these do not.

    Parameters
    ----------
    rule : Rule
        The rule.
    estimate : Estimate
        Its number with the interval.
    questions : int
        Number of questions behind it.
    most : float
        The largest value that the number can have.
    """
    # Written so that more is worse, as it is for drops and losses.
    sign = -1.0 if rule.kind == "min" else 1.0
    value, limit = sign * estimate.value, sign * rule.limit
    low, high = sorted((sign * estimate.low, sign * estimate.high))
    beyond = value > limit
    certain = low > limit if beyond else high <= limit
    fewest = _fewest(rule, estimate.value, most, beyond)
    if certain and questions >= fewest:
        return ("failed" if beyond else "passed"), None
    distance, reach = abs(value - limit), value - low if beyond else high - value
    if questions < 2:
        return "undecided", _rounded_up(fewest)
    if distance == 0 or max(fewest, needed := questions * (reach / distance) ** 2) > _MOST_QUESTIONS:
        return "undecided", None
    return "undecided", _rounded_up(max(fewest, needed, questions + 1))


def supported_rule(rule: Rule, estimate: Estimate, questions: int, most: float = 1.0) -> Rule | None:
    """Return a rule with the limit nearest to its own that would hold for certain; None if there is none.

    Parameters
    ----------
    rule, estimate, questions, most
        See `judge`.
    """
    if math.isnan(estimate.low):  # one question has no interval
        return None
    hidden = _RULE_OF_THREE / questions
    if rule.kind == "min":
        limit = math.floor(min(estimate.low, 1 - hidden) / _LIMIT_STEP) * _LIMIT_STEP
    else:
        least = hidden * most if rule.kind == "max-drop" else 0
        limit = math.ceil(max(estimate.high, least, _LIMIT_STEP) / _LIMIT_STEP) * _LIMIT_STEP
    found = replace(rule, limit=round(limit, 3))
    sound = 0 < found.limit <= 1 and (rule.kind != "max-drop" or found.limit < most)
    return found if sound and judge(found, estimate, questions, most)[0] == "passed" else None


def _fewest(rule: Rule, value: float, most: float, beyond: bool) -> float:
    """Return the number of questions below which no interval decides, by the rule of three.

    Up to 3 in n questions may be of a kind that none of n questions shows (Hanley and Lippman-Hand 1983,
    https://doi.org/10.1001/jama.1983.03330370053031). A bootstrap cannot see it: ten questions that all lose nothing
    have an interval from 0 to 0. So questions that keep everything must be too many to hide lost ones beyond the
    limit, and questions that all lose something must be too many to hide unharmed ones.
    """
    if rule.kind == "min":
        share = 1 - rule.limit if not beyond else (rule.limit - value) / max(1 - value, _TINY)
    elif beyond:
        share = (value - rule.limit) / value
    elif rule.kind == "max-drop":
        share = rule.limit / max(most, _TINY)
    else:
        share = 1.0  # what a result loses against its baseline is seen in the pairs
    return max(FEWEST_QUESTIONS, _RULE_OF_THREE / max(share, _TINY))


def _rounded_up(number: float) -> int:
    """Return a number with two digits that is not below it."""
    unit: int = 10 ** max(0, math.ceil(math.log10(number)) - 2)
    return math.ceil(number / unit) * unit
