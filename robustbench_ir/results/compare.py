"""Paired comparison of encoders on the same questions and the same perturbed queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from robustbench_ir.errors import OptionError
from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.findings import AttackGroup, macro_means, over_seeds
from robustbench_ir.metrics.measures import Floats, measure_name
from robustbench_ir.metrics.settings import Setting, nanmean, per_query_scores
from robustbench_ir.metrics.significance import effect_size, holm, sign_flip_tests
from robustbench_ir.metrics.statistics import RESAMPLES, SEED, Estimate, IntervalMethod, bootstrap_intervals, draws
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity
from robustbench_ir.results.file import load_result
from robustbench_ir.results.result import Result


@dataclass(frozen=True)
class EncoderComparison:
    """A paired comparison of one score or drop of two encoders, with 95% intervals.

    Attributes
    ----------
    first, second : str
        Names of the encoders; `first` is that of the first result.
    setting, measure : str
        Setting and measure.
    recipe : AttackIdentity
        Identity of the attack; ``clean`` for clean scores.
    severity : int
        Severity, 0 for clean scores.
    quantity : str
        ``"score"`` of the clean or attacked queries, or ``"drop"``, clean - attacked.
    of_first, of_second, difference : Estimate
        Macro averages, as means over seeds; difference = second - first.
    p, p_adjusted : float
        p value of the hypothesis that the difference is 0, by sign flips of whole questions; `p_adjusted` is adjusted
        for all rows of a setting by step-down max-T.
    effect_size : float
        Standardised mean difference over questions (Cohen's d_z).
    """

    first: str
    second: str
    setting: Setting
    measure: str
    recipe: AttackIdentity
    severity: int
    quantity: str
    of_first: Estimate
    of_second: Estimate
    difference: Estimate
    p: float
    p_adjusted: float
    effect_size: float

    def record(self) -> dict[str, object]:
        """Return the fields as plain values for JSON; NaN becomes None."""
        return {name: _plain(value) for name, value in vars(self).items()}


def _plain(value: object) -> object:
    if isinstance(value, AttackIdentity):
        return str(value)
    if isinstance(value, Estimate):
        return {name: _plain(one) for name, one in asdict(value).items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def same_scoring(results: Sequence[Result]) -> str:
    """Return a sentence where ranks were made by different versions of the scoring; empty where they were not."""
    versions = sorted({result.scoring for result in results})
    if len(versions) < 2:
        return ""
    named = ", ".join(map(str, versions))
    return (
        f"these results were ranked by different versions of the scoring ({named}), which order equal scores in "
        f"different ways; run the older ones again to be sure of small differences"
    )


def compare(
    results: Sequence[Result | str | Path],
    measure: str = "AP",
    *,
    setting: Setting | None = None,
    severity: int | None = None,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "wider",
    seed: int = SEED,
) -> list[EncoderComparison]:
    """Compare each further result with the first one.

    Parameters
    ----------
    results : sequence of Result, str or pathlib.Path
        Two or more results, or their files, of the same task and the same perturbed queries.
    measure : str
        Name of the measure, such as ``"AP"``.
    setting, severity : optional
        The only setting, and the only severity beside the clean queries; by default all that there are. p values are
        adjusted for the rows of a setting that are asked for.
    resamples, method, seed
        See `Result.findings`.

    Raises
    ------
    OptionError
        If the results cannot be compared, or do not have the setting or the severity; the message says why.
    ResultError
        If a file is no result.

    Examples
    --------
    >>> compare(["results/e5.json", "results/labse.json"])[0].difference  # doctest: +SKIP
    """
    if isinstance(results, Result | str | Path) or not isinstance(measure, str):
        raise OptionError("give the results as one list: compare([first, second])")
    measure = measure_name(measure)
    loaded = [one if isinstance(one, Result) else load_result(one) for one in results]
    _check_all(loaded)
    first, *others = (_at(severity, one) for one in loaded)
    settings = [setting] if setting else first.distinct_settings
    if setting and setting not in first.settings:
        raise OptionError(f"the results have no setting {setting!r}; there are: {', '.join(first.settings)}")
    return [row for one in settings for row in _rows(first, others, one, measure, resamples, method, seed)]


def _check_all(results: Sequence[Result]) -> None:
    if len(results) < 2:
        raise OptionError("a single result cannot be compared; name two or more")
    for number, other in enumerate(results[1:], start=2):
        _check(results[0], other, number)


def _at(severity: int | None, result: Result) -> Result:
    """Return a result with the attacks at one severity; as it is if none is named."""
    if severity is None:
        return result
    found = tuple(cell for cell in result.attacked if cell.severity == severity)
    if not found:
        there = ", ".join(map(str, sorted({one for _, one in result.groups}))) or "none"
        raise OptionError(f"{result.encoder.name}: severity {severity} was not run; there are: {there}")
    return replace(result, attacked=found)


def _check(first: Result, other: Result, number: int) -> None:
    where = f"result {number} ({other.encoder.name}) cannot be compared with the first ({first.encoder.name})"
    check_same_questions(first, other, where)
    if (first.groups or other.groups) and not common_groups(first, other):
        raise OptionError(f"{where}: no recipe and severity in common; attack both with the same --recipe --severity")
    check_same_attacks(first, other, where)


def check_same_questions(first: Result, other: Result, where: str) -> None:
    """Raise OptionError, which begins with `where`, if two results are not of the same queries and passages."""
    if first.task != other.task:
        raise OptionError(f"{where}: task {other.task}, not {first.task}; attack both on one task")
    same = [one.judgements.query_ids + one.judgements.languages + tuple(one.judgements.pool) for one in (first, other)]
    if first.task_digest != other.task_digest or same[0] != same[1]:
        raise OptionError(f"{where}: other queries, passages or languages of {first.task}; attack both with the same")


def check_same_attacks(first: Result, other: Result, where: str) -> None:
    """Raise OptionError, which begins with `where`, if an attack that two results share made other queries in one."""
    for recipe, severity in common_groups(first, other):
        cells = [{cell.seed: cell.digest for cell in one.groups[recipe, severity]} for one in (first, other)]
        if cells[0].keys() != cells[1].keys():
            raise OptionError(
                f"{where}: not the same seeds of {recipe} severity {severity}; give both the same --seeds"
            )
        if cells[0] != cells[1]:
            raise OptionError(
                f"{where}: {recipe} severity {severity} made other queries (digests differ); run both with one irbench"
            )


def common_groups(first: Result, other: Result) -> list[AttackGroup]:
    """Return the attacks, with their severities, that two results share, in the order of the first."""
    return [key for key in first.groups if key in other.groups]


def _rows(
    first: Result,
    others: Sequence[Result],
    setting: Setting,
    measure: str,
    resamples: int,
    method: IntervalMethod,
    seed: int,
) -> list[EncoderComparison]:
    """Return the rows of one setting, whose p values are adjusted together."""
    rows: list[EncoderComparison] = []
    differences: list[ClusterMeans] = []
    for other in others:
        some, means = _pair(first, other, setting, measure, resamples, method, seed)
        rows += some
        differences += means
    (family,) = sign_flip_tests([differences], np.random.default_rng(seed), resamples)
    return [
        replace(row, p=float(p), p_adjusted=float(adjusted))
        for row, p, adjusted in zip(rows, family.p, family.p_adjusted, strict=True)
    ]


def _pair(
    first: Result, other: Result, setting: Setting, measure: str, resamples: int, method: IntervalMethod, seed: int
) -> tuple[list[EncoderComparison], list[ClusterMeans]]:
    """Return the rows of one encoder before the tests, and the differences to be tested."""
    judgements, random = first.judgements, np.random.default_rng(seed)
    keys = [(CLEAN, 0, "score")]
    columns = [_numbers(one, common_groups(first, other), setting, measure) for one in (first, other)]
    for recipe, severity in common_groups(first, other):
        keys += [(recipe, severity, "score"), (recipe, severity, "drop")]
    # Differences have tables of their own, so that those of equal columns are exactly 0, whatever the order of BLAS.
    differences = [macro_means(judgements, b - a) for a, b in zip(*columns, strict=True)]
    draw = draws(
        [*(macro_means(judgements, found) for found in columns[0] + columns[1]), *differences], random, resamples
    )
    rows = []
    for number, key in enumerate(keys):
        of_first, of_second, difference = (
            bootstrap_intervals(one, judgements.questions, method)[0] for one in draw[number :: len(keys)]
        )
        recipe, severity, quantity = key
        rows.append(
            EncoderComparison(
                first=first.encoder.name,
                second=other.encoder.name,
                setting=setting,
                measure=measure,
                recipe=recipe,
                severity=severity,
                quantity=quantity,
                of_first=of_first,
                of_second=of_second,
                difference=difference,
                p=float("nan"),
                p_adjusted=float("nan"),
                effect_size=float(effect_size(differences[number])[0]),
            )
        )
    return rows, differences


def _numbers(result: Result, common: Sequence[AttackGroup], setting: Setting, measure: str) -> list[Floats]:
    """Return, for each query, the clean measure, and the attacked measure and the drop of each recipe and severity."""
    clean = per_query_scores(result.judgements, result.clean.ranks, measure, setting)
    found = [clean]
    for key in common:
        attacked = over_seeds(result.judgements, clean, result.groups[key], setting, measure).value
        found += [attacked, clean - attacked]
    return found


@dataclass(frozen=True)
class Standing:
    """Which of several encoders is best, and from which it cannot be distinguished.

    Attributes
    ----------
    setting, measure : str
        Setting and measure.
    attacks : int
        Number of attacks that all results have, over which the scores are means; 0 for clean scores.
    scores : tuple of (str, float)
        Encoders with their macro averages, the best first.
    p : tuple of float
        For each encoder after the first, the p value of its difference from the best one, by sign flips of whole
        questions, after Holm's correction for all pairs.
    """

    setting: Setting
    measure: str
    attacks: int
    scores: tuple[tuple[str, float], ...]
    p: tuple[float, ...]


def standing(
    results: Sequence[Result],
    measure: str = "AP",
    *,
    setting: Setting | None = None,
    severity: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Standing:
    """Rank encoders by their mean score under all attacks that they share.

    Parameters
    ----------
    results, measure, severity, resamples, seed
        See `compare`.
    setting : str, optional
        The setting; by default the widest one.

    Raises
    ------
    OptionError
        See `compare`.
    """
    _check_all(results)
    layout, where = results[0].judgements, setting or results[0].distinct_settings[-1]
    chosen = [_at(severity, one) for one in results]
    shared = [key for key in chosen[0].groups if all(key in one.groups for one in chosen)]
    found = [_mean_score(one, shared, where, measure) for one in chosen]
    means = [float(macro_means(layout, one).estimate()[0]) for one in found]
    pairs = list(combinations(range(len(found)), 2))
    differences = [macro_means(layout, found[a] - found[b]) for a, b in pairs]
    (family,) = sign_flip_tests([differences], np.random.default_rng(seed), resamples)
    adjusted = dict(zip(pairs, holm(family.p).tolist(), strict=True))
    best, *others = sorted(range(len(found)), key=lambda place: -means[place])
    return Standing(
        setting=where,
        measure=measure,
        attacks=len(shared),
        scores=tuple((results[place].encoder.name, means[place]) for place in (best, *others)),
        p=tuple(adjusted[min(best, place), max(best, place)] for place in others),
    )


def _mean_score(result: Result, shared: Sequence[AttackGroup], setting: Setting, measure: str) -> Floats:
    """Return the mean over attacks of each query's measure; the clean measure if there is no attack."""
    clean = per_query_scores(result.judgements, result.clean.ranks, measure, setting)
    if not shared:
        return clean
    each = [over_seeds(result.judgements, clean, result.groups[key], setting, measure).value for key in shared]
    return nanmean(np.stack(each), axis=0)
