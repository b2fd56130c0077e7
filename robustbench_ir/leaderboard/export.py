"""An entry in other formats: the `model-index` of a model card on the hub, and a result file of mteb."""

from __future__ import annotations

from robustbench_ir._base.showing import json_text
from robustbench_ir.leaderboard.folder import task_name
from robustbench_ir.leaderboard.schema import Entry
from robustbench_ir.leaderboard.sheet import sheet_of

_SOURCE = {"name": "robustbench-ir"}


def model_index(entry: Entry) -> str:
    """Return the `model-index` of a model card.

    The format is https://github.com/huggingface/hub-docs/blob/main/modelcard.md. JSON is valid YAML, so that the text
    can be pasted between the ``---`` lines of a README.md, and no text of an entry can end that block.
    """
    results = [
        {
            "task": {"type": "retrieval"},
            "dataset": {
                "name": f"{entry.task.identity} ({_attack(score.recipe, score.severity)})",
                "type": task_name(entry),
                "config": setting,
                "split": "test",
                "revision": entry.task.sha256,
            },
            "metrics": [{"type": "map", "name": f"mAP {setting}", "value": round(value, 6)}],
            "source": _SOURCE,
        }
        for score in entry.scores
        for setting, value in score.average_precision.items()
    ]
    return json_text({"model-index": [{"name": entry.model.name, "results": results}]}, indent=2)


def _attack(recipe: str, severity: int) -> str:
    return recipe if recipe == "clean" else f"{recipe}, severity {severity}"


def mteb_result(entry: Entry) -> str:
    """Return a result file like those of mteb 2 (`mteb.TaskResult`): a list of scores for each split.

    A split names the attack on the queries, a subset a query language with a setting.
    """
    sheet = sheet_of(entry)
    scores: dict[str, list[dict[str, object]]] = {}
    for row, (recipe, severity) in enumerate(sheet.groups):
        split = recipe if recipe == "clean" else f"{recipe}-severity-{severity}"
        scores[split] = [
            {
                "hf_subset": f"{language}-{setting}",
                "languages": [language],
                "main_score": round(float(value), 6),
                "map": round(float(value), 6),
            }
            for setting, found in sheet.by_language.items()
            for language, value in zip(entry.task.queries, found[row], strict=True)
            if value == value  # noqa: PLR0124  NaN: the language has no case
        ]
    table = {
        "dataset_revision": entry.task.sha256,
        "task_name": task_name(entry),
        "mteb_version": None,
        "scores": scores,
        "evaluation_time": None,
        "kg_co2_emissions": None,
    }
    return json_text(table, indent=2)
