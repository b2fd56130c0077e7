"""Every two models of a board, on the same resamples of its questions: what the page needs to compare any of them.

The test is that of the ranking: two models are distinguished if their difference is more than `reach` deviations of the
resamples, where `reach` is for all pairs of the models that are compared together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from robustbench_ir.leaderboard.numbers import as_json
from robustbench_ir.leaderboard.ranking import intervals, reach
from robustbench_ir.metrics.measures import Floats

MOST_PAIRED = 100
"""The best models by the attacked score, so that a board of thousands stays a page."""


def best_models(robust: Floats) -> list[int]:
    """Return the numbers of the models to compare, in their order; see `paired` for the scores."""
    return sorted(np.argsort(-robust[:, 0], kind="stable")[:MOST_PAIRED].tolist())


def paired(clean: Floats, robust: Floats, rows: Sequence[int], questions: int) -> dict[str, object]:
    """Return scores, intervals and deviations of two or more models of a board, in one setting.

    Parameters
    ----------
    clean, robust : float64 array of shape (models, 1 + resamples)
        Macro means of the data, and of the same resamples of the questions for all models and both scores; see
        `robustbench_ir.leaderboard.ranking.resampled`.
    rows : sequence of int
        Number of each model's row on the board.
    questions : int
        Number of questions that were resampled.

    Returns
    -------
    dict
        ``rows``; ``reach`` for 2, 3 and more compared models; and ``measures``: of ``clean``, ``robust``, ``drop`` and
        ``kept`` the ``score`` of each model, the 95% ``interval``, and the ``deviation`` of each two models' difference
        over the resamples: the first with the second, the first with the third, and so on.
    """
    drawn = {"clean": clean, "robust": robust, "drop": clean - robust, "kept": robust / clean}
    return {
        "rows": list(rows),
        "reach": [round(reach(models, questions), 6) for models in range(2, len(rows) + 1)],
        "measures": {name: _measure(values) for name, values in drawn.items()},
    }


def _measure(drawn: Floats) -> Mapping[str, object]:
    resampled = drawn[:, 1:]
    deviation = np.concatenate([np.std(resampled[row] - resampled[row + 1 :], axis=1) for row in range(len(drawn))])
    return {
        "score": as_json(drawn[:, 0]),
        "interval": as_json(intervals(resampled).T),
        "deviation": as_json(deviation),
    }
