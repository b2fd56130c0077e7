"""An entry in other formats: the `model-index` of a model card on the hub, and a result file of mteb."""

from __future__ import annotations

from robustbench_ir._base.showing import json_text
from robustbench_ir.leaderboard.folder import task_name
from robustbench_ir.leaderboard.schema import Entry
from robustbench_ir.leaderboard.sheet import sheet_of

_PROJECT = "robustbench-ir"
_ADDRESS = "https://github.com/robustbench-ir/robustbench-ir"


def model_index(entry: Entry) -> str:
    """Return the `model-index` of a model card, as YAML that stands between the ``---`` lines of a README.md.

    The format is https://github.com/huggingface/hub-docs/blob/main/modelcard.md. huggingface_hub itself writes it, so
    that it reads it too, and quotes each text, so that no text of an entry can end that block.
    """
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="retrieval",
            dataset_type=task_name(entry),
            dataset_name=f"{entry.task.identity} ({_attack(score.recipe, score.severity)})",
            # huggingface_hub puts results of one configuration together and forgets all names but the first.
            dataset_config=f"{setting}, {_attack(score.recipe, score.severity)}",
            dataset_args={"setting": setting, "recipe": score.recipe, "severity": score.severity},
            dataset_split="test",
            dataset_revision=entry.task.sha256,
            metric_type="map",
            metric_name=f"mAP {setting}",
            metric_value=round(value, 6),
            source_name=_PROJECT,
            source_url=_ADDRESS,
        )
        for score in entry.scores
        for setting, value in score.average_precision.items()
    ]
    return str(ModelCardData(model_name=entry.model.name, eval_results=results).to_yaml())


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
