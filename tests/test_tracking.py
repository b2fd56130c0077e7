"""What experiment trackers take: plain JSON with names that they allow."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from robustbench_ir import save_result
from robustbench_ir.cli import irbench
from robustbench_ir.reports.content import prepare_sheets
from robustbench_ir.reports.exports import EXPORTS
from robustbench_ir.results.result import Result
from tests.support.results import result_of_ranks

# mlflow/utils/validation.py: names of metrics and parameters, and how long a parameter may be.
MLFLOW_NAME = re.compile(r"^[/\w.\- ]*$")
MLFLOW_LONGEST = 500


def made(name: str = "made") -> Result:
    """Return a result in which AP falls from 1 to 1/2 in a fifth of the questions."""
    clean = np.ones((50, 2), dtype=np.int32)
    attacked = clean.copy()
    attacked[:10] = 2
    return result_of_ranks(clean, {("typo@5", 3): attacked, ("textattack:X@1", 3): clean}, ("en", "hi"), name=name)


def records(form: str, *results: Result) -> list[dict[str, dict[str, object]]]:
    sheets = prepare_sheets([(f"{place}.json", one) for place, one in enumerate(results)], "nDCG@10", resamples=200)
    found: list[dict[str, dict[str, object]]] = json.loads(EXPORTS[form](sheets))
    return found


def test_mlflow_takes_every_name_and_number() -> None:
    (one,) = records("mlflow", made("x" * 600))
    assert set(one) == {"run_name", "params", "metrics", "tags"}
    assert all(MLFLOW_NAME.match(name) for part in ("params", "metrics", "tags") for name in one[part])
    assert all(isinstance(value, float) for value in one["metrics"].values())
    assert all(isinstance(value, str) and len(value) <= MLFLOW_LONGEST for value in one["params"].values())
    assert "multilingual/textattack_X/severity-3/nDCG_10" in one["metrics"]


def test_wandb_has_a_config_and_a_summary() -> None:
    """nDCG of rank 2 is 1 / log2(3) = 0.63093; a fifth of the questions lose 0.36907."""
    one, other = records("wandb", made("one"), made("other"))
    assert (one["config"]["encoder"], other["config"]["encoder"]) == ("one", "other")
    assert one["config"]["task"] == "hand@1"
    assert one["summary"]["multilingual/clean/nDCG@10"] == 1
    assert one["summary"]["multilingual/typo/severity-3/drop"] == round(0.2 * (1 - 1 / np.log2(3)), 6)
    assert one["summary"]["multilingual/typo/severity-3/nDCG@10"] == round(1 - 0.2 * (1 - 1 / np.log2(3)), 6)


def test_the_command_writes_them(tmp_path: Path) -> None:
    path = str(save_result(made(), tmp_path / "made.json"))
    for form in ("mlflow", "wandb"):
        answer = CliRunner().invoke(irbench, ["report", path, "--format", form], catch_exceptions=False)
        assert len(json.loads(answer.output)) == 1
