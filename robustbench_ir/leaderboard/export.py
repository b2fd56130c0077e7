"""An entry in other formats: the `model-index` of a model card on the hub, and a result file of mteb."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from robustbench_ir._base.showing import json_text
from robustbench_ir.leaderboard.folder import task_name
from robustbench_ir.leaderboard.poisoned import asr_by_language
from robustbench_ir.leaderboard.robust import robust_by_language
from robustbench_ir.leaderboard.schema import Entry, RanksEntry
from robustbench_ir.leaderboard.sheet import sheet_of
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import Setting

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
            dataset_name=f"{entry.task.identity} ({one.attack})",
            # huggingface_hub puts results of one configuration together and forgets all names but the first.
            dataset_config=f"{one.setting}, {one.attack}",
            dataset_args={"setting": one.setting, **one.arguments},
            dataset_split="test",
            dataset_revision=entry.task.sha256,
            metric_type=one.metric,
            metric_name=f"{one.metric_name} {one.setting}",
            metric_value=round(one.value, 6),
            source_name=_PROJECT,
            source_url=_ADDRESS,
        )
        for one in _exported(entry)
    ]
    return str(ModelCardData(model_name=entry.model.name, eval_results=results).to_yaml())


class _Exported(NamedTuple):
    """One number of an entry, with what it is called elsewhere."""

    setting: Setting
    attack: str
    arguments: Mapping[str, object]
    metric: str
    metric_name: str
    value: float


def _exported(entry: Entry) -> Iterator[_Exported]:
    for score in entry.scores:
        attack = _attack(score.recipe, score.severity)
        for setting, value in score.average_precision.items():
            arguments = {"recipe": score.recipe, "severity": score.severity}
            yield _Exported(setting, attack, arguments, "map", "mAP", value)
    if not isinstance(entry, RanksEntry):
        return
    for suite in entry.suites:
        for setting, found in suite.scores.items():
            attack = f"worst of {suite.suite}"
            yield _Exported(setting, attack, {"suite": suite.suite}, "map", "robust mAP", found.robust)
    for poison in entry.poison:
        arguments = {"injected": poison.attack}
        yield _Exported("multilingual", f"injected {poison.attack}", arguments, "asr_at_10", "ASR@10", poison.asr_at_10)


def _attack(recipe: str, severity: int) -> str:
    return recipe if recipe == "clean" else f"{recipe}, severity {severity}"


def mteb_result(entry: Entry) -> str:
    """Return a result file like those of mteb 2 (`mteb.TaskResult`): a list of scores for each split.

    A split names the attack, a subset a query language with a setting. The score of injected passages is lower if
    better, and is called ``asr_at_10``.
    """
    sheet, languages = sheet_of(entry), list(entry.task.queries)
    scores: dict[str, list[dict[str, object]]] = {}
    for row, (recipe, severity) in enumerate(sheet.groups):
        split = recipe if recipe == "clean" else f"{recipe}-severity-{severity}"
        means = {setting: found[row] for setting, found in sheet.by_language.items()}
        scores[split] = _by_subset(languages, means, "map")
    if isinstance(entry, RanksEntry):
        for suite in entry.suites:
            robust = robust_by_language(entry, suite.cells, sheet.average_precision)
            scores[f"worst of {suite.suite}"] = _by_subset(languages, robust, "map")
        for poison in entry.poison:
            shares: dict[Setting, Floats] = {"multilingual": asr_by_language(entry, poison)}
            scores[f"injected {poison.attack}"] = _by_subset(languages, shares, "asr_at_10")
    table = {
        "dataset_revision": entry.task.sha256,
        "task_name": task_name(entry),
        "mteb_version": None,
        "scores": scores,
        "evaluation_time": None,
        "kg_co2_emissions": None,
    }
    return json_text(table, indent=2)


def _by_subset(languages: Sequence[str], means: Mapping[Setting, Floats], name: str) -> list[dict[str, object]]:
    return [
        {
            "hf_subset": f"{language}-{setting}",
            "languages": [language],
            "main_score": round(float(value), 6),
            name: round(float(value), 6),
        }
        for setting, found in means.items()
        for language, value in zip(languages, found, strict=True)
        if not math.isnan(value)  # the language has a case
    ]
