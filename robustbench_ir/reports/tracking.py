"""Results for experiment trackers, as plain JSON: what Weights & Biases and MLflow take without a plug-in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from robustbench_ir._base.showing import json_text
from robustbench_ir.perturb.identity import CLEAN
from robustbench_ir.reports.content import Sheet

_FORBIDDEN = re.compile(r"[^\w./ -]", re.ASCII)  # MLflow allows no other characters in the names of metrics
_LONGEST_NAME = 250
_LONGEST_VALUE = 500


def to_wandb(sheets: Sequence[Sheet]) -> str:
    """Return for each result a ``config`` for `wandb.init`, and a ``summary`` for `run.summary.update`."""
    return _text([{"name": sheet.name, "config": _facts(sheet), "summary": dict(_numbers(sheet))} for sheet in sheets])


def to_mlflow(sheets: Sequence[Sheet]) -> str:
    """Return for each result ``params``, ``metrics`` and ``tags``, for the functions of MLflow that log them."""
    return _text([
        {
            "run_name": sheet.name,
            "params": {name: str(value)[:_LONGEST_VALUE] for name, value in _facts(sheet).items()},
            "metrics": {_FORBIDDEN.sub("_", name)[:_LONGEST_NAME]: value for name, value in _numbers(sheet)},
            "tags": {"irbench.command": sheet.command, "irbench.task_sha256": sheet.result.task_digest},
        }
        for sheet in sheets
    ])  # fmt: skip


def _text(records: Sequence[dict[str, object]]) -> str:
    return json_text(list(records), indent=1) + "\n"


def _facts(sheet: Sheet) -> dict[str, object]:
    """Return what was run."""
    result, who = sheet.result, sheet.result.encoder
    return {
        "encoder": who.name,
        "fingerprint": who.fingerprint,
        "revision": who.revision,
        "similarity": who.similarity,
        "dtype": who.dtype,
        "defence": who.preprocessing,
        "task": result.task,
        "languages": ",".join(result.judgements.query_languages),
        "recipes": ",".join(map(str, sheet.recipes)),
        "severities": ",".join(map(str, sheet.severities)),
        "seeds": len({cell.seed for cell in result.attacked}),
        "measure": sheet.measure,
        "scoring": result.scoring,
        "irbench": result.version,
    }


def _numbers(sheet: Sheet) -> Iterator[tuple[str, float]]:
    """Yield names such as ``multilingual/typo/severity-3/drop`` with their numbers; what is not defined is left out."""
    for setting, scores in sheet.scores.items():
        clean = sheet.result.score(sheet.result.clean, setting, sheet.measure)
        yield from _defined(f"{setting}/clean", {sheet.measure: clean})
        for one in (row for row in scores if row.recipe != CLEAN):
            place = f"{setting}/{sheet.recipe_names[one.recipe]}/severity-{one.severity}"
            numbers = {
                sheet.measure: one.attacked,
                "drop": one.drop.value,
                "drop_low": one.drop.low,
                "drop_high": one.drop.high,
                "relative_drop": one.relative,
                "rank_distance_change": one.rank_distance_change.value,
                "coverage": one.coverage,
            }
            yield from _defined(place, numbers)


def _defined(place: str, numbers: dict[str, float]) -> Iterator[tuple[str, float]]:
    for name, value in numbers.items():
        if not math.isnan(value):
            yield f"{place}/{name}", round(value, 6)
