"""How much of a drop's uncertainty comes from the seeds of the perturbation, and how many seeds are enough.

Every query has a generator of its own for each seed, so seeds are nested in queries: a seed has no effect that all
queries share. Another seed is then a new draw of each question, and the intervals of the drops, which resample
questions, hold for new questions and for new seeds. More seeds lower only that part of the variance which comes from
seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.findings import AttackedCells, covered_queries, macro_means, only
from robustbench_ir.metrics.settings import Judgements, Setting, per_query_scores
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.retrieval.ranking import Ranks

WORTHWHILE = 0.05
MOST_SEEDS = 20


@dataclass(frozen=True)
class SeedEffect:
    """What the seeds of one recipe and severity do to the drop in one setting.

    Attributes
    ----------
    recipe, severity, setting, measure : AttackIdentity, int, str, str
        Attack, setting and measure.
    seeds : int
        Number of seeds.
    share : float
        Share of the variance of a drop with one seed that comes from the seed, 0 to 1; the rest comes from the choice
        of questions. NaN with one seed.
    deviation : float
        Standard deviation of the drop between seeds on the same questions, each seed by itself: what another seed would
        move. Languages that the recipe does not cover count as drops of 0. NaN with one seed.
    """

    recipe: AttackIdentity
    severity: int
    setting: Setting
    measure: str
    seeds: int
    share: float
    deviation: float

    def width(self, seeds: int) -> float:
        """Return the width of the interval with some number of seeds, as a share of that with one seed.

        Parameters
        ----------
        seeds : int
            Number of seeds, 1 or more.
        """
        return float(np.sqrt(1 - self.share + self.share / seeds))

    @property
    def enough(self) -> int:
        """Smallest number of seeds with which the interval cannot be narrowed by 5% with more seeds, 20 at most."""
        narrowest = np.sqrt(1 - self.share)
        numbers = range(1, MOST_SEEDS)
        return next((one for one in numbers if narrowest > (1 - WORTHWHILE) * self.width(one)), MOST_SEEDS)


def seed_effects(
    judgements: Judgements, clean: Ranks, attacked: AttackedCells, setting: Setting, measure: str
) -> list[SeedEffect]:
    """Return the effect of seeds for each recipe and severity; see `Result.seed_effects`.

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
    """
    before = per_query_scores(judgements, clean, measure, setting)
    rows = []
    for (recipe, severity), cells in attacked.items():
        covered = covered_queries(judgements, cells)
        drops = [
            macro_means(judgements, only(covered, before - per_query_scores(judgements, cell.ranks, measure, setting)))
            for cell in cells
        ]
        share, deviation = _between_seeds(drops) if len(drops) > 1 else (float("nan"), float("nan"))
        if len(drops) > 1 and not covered.any():  # a recipe that changes nothing draws nothing
            share, deviation = 0.0, 0.0
        rows.append(SeedEffect(recipe, severity, setting, measure, len(cells), share, deviation))
    return rows


def _between_seeds(drops: Sequence[ClusterMeans]) -> tuple[float, float]:
    """Return the share of the variance of one seed's drop that comes from the seed, and the deviation between seeds."""
    seeds, questions = len(drops), int(drops[0].clusters[0])
    if questions < 2:
        return float("nan"), float("nan")
    # A drop is the sum of what its questions contribute, and each question has its own random numbers.
    of_seeds = float(np.stack([drop.contributions()[:, 0] for drop in drops]).var(axis=0, ddof=1).sum())
    mean_influence = np.mean([drop.influence()[:, 0] for drop in drops], axis=0)
    of_mean = float((mean_influence**2).sum() / (questions - 1)) / questions
    of_one = of_mean + of_seeds * (1 - 1 / seeds)
    return min(of_seeds / of_one, 1.0) if of_one > 0 else 0.0, float(np.sqrt(of_seeds))


def enough_seeds(
    judgements: Judgements, clean: Ranks, attacked: AttackedCells, settings: Iterable[Setting], measure: str = "AP"
) -> int:
    """Return the number of seeds with which no interval of a drop can be narrowed by 5% with more seeds, 20 at most.

    Parameters
    ----------
    judgements, clean, attacked, measure
        See `seed_effects`; with two or more seeds.
    settings : iterable of str
        Settings to look at.
    """
    effects = [one for setting in settings for one in seed_effects(judgements, clean, attacked, setting, measure)]
    return max((one.enough for one in effects), default=1)
