"""Half precision on a CPU: it is loaded as float32, a plan times that, and the check says which type is faster."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from sentence_transformers import SentenceTransformer

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import EncoderOptions, as_encoder, load_encoder
from robustbench_ir.encoders.examination import Examination, examine
from robustbench_ir.encoders.sentence_transformer import SentenceTransformerEncoder
from robustbench_ir.encoders.speed import Speed, measured_speeds
from robustbench_ir.evaluation import plan
from robustbench_ir.evaluation.request import Request
from tests.support.models import KINDS

MILLISECONDS = {torch.float32: 40, torch.bfloat16: 10, torch.float16: 80}


def slow_by_type(folder: Path) -> SentenceTransformerEncoder:
    """Load a small model whose forward pass takes a set time for each type of its weights."""
    model = SentenceTransformer(str(KINDS["dense"](folder)), device="cpu")

    def waits(module: Any, *_: object) -> None:
        time.sleep(MILLISECONDS[next(module.parameters()).dtype] / 1000)

    model.register_forward_pre_hook(waits)
    encoder = as_encoder(model)
    assert isinstance(encoder, SentenceTransformerEncoder)
    return encoder


def test_ratios_are_those_of_the_times(tmp_path: Path) -> None:
    encoder = slow_by_type(tmp_path / "model")
    present, bfloat16, float16 = measured_speeds(encoder, "float16", "torch")
    assert present == Speed("float32", 1.0)
    # The passes take 40, 10 and 80 milliseconds, and the rest of a batch a few more.
    assert (bfloat16.dtype, float16.dtype) == ("bfloat16", "float16")
    assert 2 < bfloat16.ratio <= 4.2
    assert 0.45 < float16.ratio < 0.75
    assert {weight.dtype for weight in encoder.model.parameters()} == {torch.float32}, "the encoder stays as it was"
    assert [one.dtype for one in measured_speeds(encoder, "", "torch")] == ["float32", "bfloat16"]


def test_the_fastest_type_is_named_only_where_it_is_worth_it() -> None:
    def found(*ratios: float) -> Examination:
        speeds = tuple(Speed(f"type{place}", ratio) for place, ratio in enumerate((1.0, *ratios)))
        return Examination(as_encoder("char-ngram"), (), 0, (), 0.0, speeds)

    assert found(3.0, 0.2).faster == Speed("type1", 3.0)
    assert found(1.1, 0.2).faster is None
    assert found().faster is None
    assert replace(found(), speeds=()).faster is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["char-ngram", "static", "word embeddings"])
def test_types_mean_nothing_without_a_transformer(name: str, tmp_path: Path) -> None:
    given = str(KINDS[name](tmp_path / "model")) if name in KINDS else name
    assert examine(given, EncoderOptions()).speeds == ()


@pytest.mark.slow
def test_the_check_says_the_option_and_what_it_costs(tmp_path: Path) -> None:
    folder = KINDS["half precision"](tmp_path / "model")
    found = examine(str(folder), EncoderOptions(device="cpu"))
    assert [one.dtype for one in found.speeds] == ["float32", "bfloat16", "float16"]
    told = CliRunner().invoke(irbench, ["encoders", "check", str(folder), "--device", "cpu"]).output
    line = " ".join(told.partition("speed ")[2].split())
    assert line.startswith("texts per second here, where float32 is 1: bfloat16 ")
    assert ("; no other type is much faster" in line) != ("is the fastest, but changes rows" in line)


def test_a_plan_times_the_type_that_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # M3
    folder = str(KINDS["half precision"](tmp_path / "model"))
    timed: list[str] = []
    plain = plan._cost_of_one

    def recording(encode: Callable[..., Any], texts: Any) -> tuple[float, float]:
        timed.append(encode.__self__.description.dtype)  # type: ignore[attr-defined]
        return plain(encode, texts)

    monkeypatch.setattr(plan, "_cost_of_one", recording)
    for given, used in ((None, "float32"), ("float16", "float16"), ("bfloat16", "bfloat16")):
        timed.clear()
        options = EncoderOptions(device="cpu", dtype=given)
        planned = plan.plan_run(Request(folder, "mini", ("typo",), languages=("en",), options=options))
        assert timed == [used, used]
        assert any("run in float32 on this CPU" in note for note in planned.notes) == (given is None)
        attacked = rb.attack(folder, "mini", ["typo"], languages=["en"], options=options)
        assert attacked.encoder.dtype == used
    words = ["attack", "--model", folder, "--languages", "en", "--recipe", "typo", "--device", "cpu", "--plan"]
    assert "saved as float16, run in float32 on this CPU; --dtype float16" in CliRunner().invoke(irbench, words).output


def test_multi_vector_models_in_half_precision_run_in_float32_too(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", minversion="6")
    from tests.support.multi_vector import make_model

    model = make_model(tmp_path)
    model.half().save_pretrained(str(tmp_path / "half"))
    who = load_encoder(str(tmp_path / "half"), EncoderOptions(device="cpu")).description
    assert who.dtype == "float32"
    assert who.notes == ("saved as float16, run in float32 on this CPU; --dtype float16 runs it as it was saved",)
    half = load_encoder(str(tmp_path / "half"), EncoderOptions(device="cpu", dtype="float16")).description
    assert (half.dtype, half.notes) == ("float16", ())
