"""What a reader must know beside the numbers: how many ranks chance decides, and how many passages have none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from robustbench_ir.encoders.kinds import RERANKED
from robustbench_ir.evaluation.score_runs import is_run
from robustbench_ir.metrics.bias_findings import rank_distance_estimate
from robustbench_ir.metrics.settings import macro_average, rank_distances, reference_rank_distances
from robustbench_ir.metrics.statistics import SEED
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.perturb.reviewed import reviews_in_words
from robustbench_ir.results.result import Cell, Result

_NAMED_FROM = 0.01
_FEW_PLACES = 2


def notes(result: Result) -> tuple[str, ...]:
    """Return a sentence for each thing that the numbers of a result do not say by themselves."""
    return (
        *result.task_notes,
        *side_notes(result),
        *left_out(result),
        *ladder_notes(result),
        *review_notes(result),
        *rank_notes(result),
    )


def side_notes(result: Result) -> list[str]:
    """Return a sentence for each kind of attack on passages: what its coverage and edits are of."""
    sides = dict.fromkeys(cell.recipe.on for cell in result.attacked)
    said = {
        "passages": "the queries are clean; coverage and edits are of the passages that answer them",
        "both": "coverage and edits are of the queries together with the passages that answer them",
    }
    return [f"passages were perturbed (--on {side}): {said[side]}" for side in sides if side in said]


def left_out(result: Result) -> list[str]:
    """Return a sentence for each attack that does not cover all query languages: its numbers are without the others."""
    missed = {cell.recipe: cell.not_covered for cell in result.attacked if cell.not_covered}
    return [
        f"{recipe.label}: without {', '.join(languages)}, which it does not cover"
        for recipe, languages in missed.items()
    ]


def ladder_notes(result: Result) -> list[str]:
    """Return a sentence for each attack with severities that make the same queries, or that hardly differ."""
    severities: dict[AttackIdentity, dict[tuple[str, ...], list[int]]] = {}
    for (recipe, severity), cells in result.groups.items():
        same = severities.setdefault(recipe, {})
        same.setdefault(tuple(cell.digest for cell in cells), []).append(severity)
    found = []
    for recipe, groups in severities.items():
        equal = [" = ".join(map(str, sorted(some))) for some in groups.values() if len(some) > 1]
        found += [f"{recipe.label}: severity {' and '.join(equal)}, the same queries"] if equal else []
        places = [cell.places for cell in result.attacked if cell.recipe == recipe and cell.places <= _FEW_PLACES]
        if places and recipe.search is None:
            found.append(
                f"{recipe.label}: half of the queries that it changes have {max(places):g} or fewer places that it can "
                "change, so that neighbouring severities make the same queries of them"
            )
    return found


def review_notes(result: Result) -> list[str]:
    """Return what speakers said of the recipes that were run, in the languages and at the severities that were run."""
    recipes = [str(recipe) for attack, _ in result.groups for recipe in attack.recipes]
    severities = [severity for _, severity in result.groups]
    said = reviews_in_words(recipes, result.judgements.query_languages, severities)
    return [f"speakers on whether people type this: {one}" for one in said]


def rank_notes(result: Result) -> list[str]:
    """Return what is to be said of ties, of passages that are not retrieved, and of a rank distance as of chance.

    Nothing is said of a share of ties below one in a hundred.
    """
    found = []
    if max(cell.tied_share for cell in (result.clean, *result.attacked)) > _NAMED_FROM:
        found.append(f"{_shares(result, lambda cell: cell.tied_share)} score as another passage does{_order(result)}")
    if max(cell.missing_share for cell in (result.clean, *result.attacked)) > 0:
        found.append(
            f"{_shares(result, lambda cell: cell.missing_share)} are not retrieved: they add nothing to the measures, "
            f"and rank distance is that of the {_known(result):.1%} of the queries for which every language is found"
        )
    return [*found, *_chance_notes(result)]


def _known(result: Result) -> float:
    """Return the share of the clean queries whose rank distance is known, among those that could have one."""
    random, _ = reference_rank_distances(result.judgements)
    could = ~np.isnan(random)
    known = ~np.isnan(rank_distances(result.judgements, result.clean.ranks))
    return float(known[could].mean()) if could.any() else 0.0


def _order(result: Result) -> str:
    if result.encoder.kind == RERANKED:
        # Ties are counted in the first stage; the reranker may tell them apart.
        return " in the first stage; a hash of the ids orders them before they are reranked"
    order = "trec_eval's, by id" if is_run(result.encoder) else "that of a hash of the ids"
    return f"; their order is {order}"


def _chance_notes(result: Result) -> list[str]:
    """Return a warning if the clean rank distance is not below that of a random ranking beyond doubt."""
    if not result.has_rank_distance:
        return []
    random, _ = reference_rank_distances(result.judgements)
    chance = macro_average(result.judgements, random)
    clean = rank_distance_estimate(result.judgements, result.clean.ranks, random=np.random.default_rng(SEED))
    if not clean.high >= chance:
        return []
    compared = "is larger than that of chance" if clean.low > chance else "is that of chance"
    return [
        f"this encoder hardly finds the passages of some languages: its rank distance {compared} ({clean.value:,.0f}, "
        f"95% interval {clean.low:,.0f} to {clean.high:,.0f}; a random ranking has {chance:,.0f})"
    ]


def _shares(result: Result, share: Callable[[Cell], float]) -> str:
    clean = f"{share(result.clean):.1%} of the judged passages"
    if not result.attacked:
        return clean
    least, most = min(map(share, result.attacked)), max(map(share, result.attacked))
    attacked = f"{least:.1%}" if f"{least:.1%}" == f"{most:.1%}" else f"{least:.1%} to {most:.1%}"
    return f"{clean} ({attacked} under attack)"
