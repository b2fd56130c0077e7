"""Drops by relation: apart for what an attack does to some languages or pairs of languages, and not to others.

Code-switching into the language of the passages is a translation of the query in part, and lifts the scores of an
encoder that does not know the language of the query: it stands apart from switching into another language.
Transliteration writes some languages in another script and takes only the diacritics of others: these stand apart too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.findings import AttackedCells, Finding, findings, macro_means, over_seeds, within
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import Judgements, Setting, per_query_scores, rank_distances
from robustbench_ir.metrics.significance import minimum_detectable, sign_flip_tests
from robustbench_ir.metrics.statistics import RESAMPLES, SEED, IntervalMethod
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.perturb.kinds import INTO_THE_PASSAGES, RELATIONS, KindOfChange
from robustbench_ir.retrieval.ranking import Ranks

TowardsPassages = Literal["none", "left out", "all"]
"""Which language pairs switch towards the language of the passages: none, some that are left out, or all."""


def relation_findings(
    judgements: Judgements,
    clean: Ranks,
    attacked: AttackedCells,
    setting: Setting,
    measure: str,
    *,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "wider",
) -> list[Finding]:
    """Return a finding for each recipe, severity and relation, for the recipes that have several in the setting.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    clean : Ranks
        Ranks of the clean queries.
    attacked : mapping
        Recipe and severity to their cells, one for each seed.
    setting, measure : str
        Setting and measure.
    seed : int
        Seed of the resamples.
    resamples : int
        Number of resamples.
    method : {"wider", "bca", "percentile"}
        Kind of interval.
    """
    before = per_query_scores(judgements, clean, measure, setting)
    counted = language_pairs(judgements, before)
    groups: dict[AttackIdentity, dict[tuple[AttackIdentity, int], None]] = {}
    for group in attacked:
        groups.setdefault(group[0], {})[group] = None
    distance = rank_distances(judgements, clean)
    rows: list[Finding] = []
    drops: list[ClusterMeans] = []
    distances: list[ClusterMeans] = []
    for of_recipe in groups.values():
        cells = {group: attacked[group] for group in of_recipe}
        over = [over_seeds(judgements, before, one, setting, measure) for one in cells.values()]
        masks = relations(judgements, next(iter(cells.values()))[0].kinds, setting, counted)
        for relation, pairs in masks.items() if len(masks) > 1 else ():
            asked = ",".join(np.array(judgements.query_languages)[pairs.any(axis=1)])
            random = np.random.default_rng(seed)
            found = findings(
                judgements, clean, cells, setting, measure, None,
                random=random, resamples=resamples, method=method, pairs=pairs,
            )  # fmt: skip
            rows += [replace(row, relation=relation, language=asked) for row in found]
            mask = pairs[judgements.query_language]
            for after in over:
                drops.append(macro_means(judgements, within(mask, before - after.value)))
                distances.append(macro_means(judgements, within(mask, after.rank_distance - distance)))
    return _adjusted(rows, drops, distances, np.random.default_rng(seed), resamples)


def _adjusted(
    rows: Sequence[Finding],
    drops: Sequence[ClusterMeans],
    distances: Sequence[ClusterMeans],
    random: Generator,
    resamples: int,
) -> list[Finding]:
    """Adjust the tests for all rows of the table, since each recipe and relation was tested by itself."""
    if not rows:
        return []
    of_drops, of_distances = sign_flip_tests([drops, distances], random, resamples)
    return [
        replace(
            row,
            p_adjusted=float("nan") if np.isnan(row.p) else float(one),
            p_rank_distance_adjusted=float("nan") if np.isnan(row.p_rank_distance) else float(other),
            minimum_detectable=float(minimum_detectable(drop, of_drops.critical)[0]),
        )
        for row, drop, one, other in zip(rows, drops, of_drops.p_adjusted, of_distances.p_adjusted, strict=True)
    ]


def language_pairs(judgements: Judgements, scores: Floats) -> NDArray[np.bool_]:
    """Return the pairs of languages that a setting has.

    Parameters
    ----------
    judgements : Judgements
        Queries and languages.
    scores : float64 array of shape (queries,) or (queries, passage languages)
        NaN where the setting has no score.

    Returns
    -------
    bool array of shape (query languages, passage languages)
        One column in the multilingual setting.
    """
    known = ~np.isnan(scores.reshape(len(scores), -1))
    return np.array(
        [known[judgements.query_language == row].any(axis=0) for row in range(len(judgements.query_languages))]
    )


def relations(
    judgements: Judgements, kinds: Mapping[str, KindOfChange], setting: Setting, counted: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """Return the pairs of languages of each relation, bool arrays like `counted`; languages without a kind are in none.

    Parameters
    ----------
    judgements : Judgements
        Queries and languages.
    kinds : mapping of str to KindOfChange
        Query language to what the recipe does to it.
    setting : str
        In the multilingual setting all languages are one pool.
    counted : bool array of shape (query languages, passage languages)
        The pairs that the setting has; one column in the multilingual setting.
    """
    pools = [tuple(judgements.pool)] if setting == "multilingual" else [(language,) for language in judgements.pool]
    masks: dict[str, NDArray[np.bool_]] = {}
    for row, language in enumerate(judgements.query_languages):
        for column, pool in enumerate(pools):
            if language in kinds and counted[row, column]:
                relation = kinds[language].relation(pool)
                masks.setdefault(relation, np.zeros_like(counted))[row, column] = True
    return dict(sorted(masks.items(), key=lambda one: RELATIONS.index(one[0])))


def not_towards_passages(
    judgements: Judgements, kinds: Mapping[str, KindOfChange], setting: Setting, scores: Floats
) -> tuple[TowardsPassages, NDArray[np.bool_]]:
    """Return which pairs switch towards the language of the passages, and the others, shape (queries, languages).

    Parameters
    ----------
    judgements : Judgements
        Queries and languages.
    kinds : mapping of str to KindOfChange
        Query language to what the recipe does to it.
    setting : str
        The setting.
    scores : float64 array of shape (queries,) or (queries, passage languages)
        NaN where the setting has no score.
    """
    counted = language_pairs(judgements, scores)
    towards = relations(judgements, kinds, setting, counted).get(INTO_THE_PASSAGES, np.zeros_like(counted))
    kept = counted & ~towards
    found: TowardsPassages = "none" if not towards.any() else "left out" if kept.any() else "all"
    return found, kept[judgements.query_language]
