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
    tested = record["claims"][0]["task"].partition(" ")[0]
    here = [one for one in record["claims"] if one["task"] == record["claims"][0]["task"]]
    parts = [_comparison(one) for one in here if one["family"] == "primary"]
    robust = [one for one in here if one["comparisons"] and one["comparisons"][0]["measure"] in _ROBUSTNESS]
    judged = [one for one in robust if one["verdict"] not in {"unresolved", "no case"}]
    return (
        f"On {tested} under typos, in the pool of all languages, hybrid batches are {' and '.join(parts)}. "
        f"{len(judged)} of {len(robust)} verdicts about robustness there are other than unresolved."
    )


def _comparison(claim: dict[str, Any]) -> str:
    one = claim["comparisons"][0]
    difference, low, high = (100 * one[key] for key in ("difference", "low", "high"))
    within = f" within {100 * one['margin']:g} points" if claim["verdict"] == "equivalent" else ""
    return (
        f"{_VERDICTS[claim['verdict']]} {_ARMS[one['against']]}{within} "
        f"(they lose {difference:+.1f} points of relative mAP, 95% interval {low:+.1f} to {high:+.1f})"
    )


if __name__ == "__main__":
    print(sentence(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
