"""Print the README's sentence about hybrid batches from the verdicts of the study.

python tools/study_sentence.py docs/hybrid-batch-claims.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_VERDICTS = {
    "supported": "more robust than",
    "refuted": "less robust than",
    "equivalent": "as robust as",
    "unresolved": "not shown to differ from",
    "no case": "not comparable with",
}
_ARMS = {"mono": "monolingual ones", "cross": "cross-lingual ones"}
_ROBUSTNESS = ("relative drop", "growth of rank distance", "gap of relative drop")


def sentence(record: dict[str, Any]) -> str:
    """Return the answer of a study: the primary outcome with its intervals, and how many claims have a verdict.

    Parameters
    ----------
    record : dict
        Content of the study's `claims.json`.
    """
    tasks = list(dict.fromkeys(one["task"] for one in record["claims"]))
    parts = [_comparison(one) for one in record["claims"] if (one["task"], one["family"]) == (tasks[0], "primary")]
    shares = [_judged([one for one in record["claims"] if one["task"] == task]) for task in tasks]
    return (
        f"On {_short(tasks[0])} under typos, in the pool of all languages, hybrid batches are {' and '.join(parts)}. "
        "Verdicts about robustness that are other than unresolved: "
        f"{', '.join(f'{share} on {_short(task)}' for share, task in zip(shares, tasks, strict=True))}."
    )


def _short(task: str) -> str:
    return task.partition(" ")[0].partition(":")[0]


def _judged(claims: list[dict[str, Any]]) -> str:
    """Return how many verdicts about robustness are other than unresolved, of those that the task has a case for."""
    asked = [
        one["verdict"]
        for one in claims
        if one["verdict"] != "no case" and one["comparisons"] and one["comparisons"][0]["measure"] in _ROBUSTNESS
    ]
    return f"{sum(one != 'unresolved' for one in asked)} of {len(asked)}"


def _comparison(claim: dict[str, Any]) -> str:
    one = claim["comparisons"][0]
    difference, low, high = (100 * one[key] for key in ("difference", "low", "high"))
    within = f" within {100 * one['margin']:g} points" if claim["verdict"] == "equivalent" else ""
    return (
        f"{_VERDICTS[claim['verdict']]} {_ARMS[one['against']]}{within} "
        f"(difference of the relative drop {difference:+.1f} points, 95% interval {low:+.1f} to {high:+.1f})"
    )


if __name__ == "__main__":
    print(sentence(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
