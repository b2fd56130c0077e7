"""An option that an encoder would ignore is refused: a result would record it as if it had decided its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir import EncoderOptions
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import BUILT_IN, as_encoder, load_encoder
from robustbench_ir.errors import OptionError
from tests.support.models import KINDS
from tests.test_encoder_options import EVERY, NOT_DECISIVE

DECISIVE = sorted({one.name for one in fields(EncoderOptions)} - NOT_DECISIVE)
# No prompt is what an encoder without prompts has: so one with words.
GIVEN = replace(EVERY, query_prompt="query: ")
RUNNING = EncoderOptions(device="cpu", batch_size=3, requests_per_minute=9.0, timeout=3.0, trust_remote_code=True)


def only(option: str) -> EncoderOptions:
    return EncoderOptions(**{option: getattr(GIVEN, option)})


def refusal(given: object, options: EncoderOptions) -> str:
    with pytest.raises(OptionError) as raised:
        as_encoder(given, options)  # type: ignore[arg-type]
    return str(raised.value)


@pytest.mark.parametrize("option", DECISIVE)
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_encoder_takes_no_option_that_decides_a_number(name: str, option: str) -> None:
    message = refusal(name, only(option))
    assert message == f"{name}: {option} cannot be set for a built-in encoder; leave it out"
    assert refusal(f"normalised:nfkc:{name}", only(option)) == message


@pytest.mark.parametrize("name", ["bm25", "char-ngram"])
def test_a_built_in_encoder_takes_options_of_running_and_an_empty_prompt(name: str) -> None:
    assert load_encoder(name, replace(RUNNING, query_prompt="", passage_prompt="")).description.name == name


@pytest.mark.parametrize("option", DECISIVE)
def test_objects_and_functions_have_their_options_inside(option: str) -> None:
    def lengths(texts: Sequence[str]) -> np.ndarray:
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    for given in (lengths, load_encoder("char-ngram")):
        assert f"{option} cannot be set for an encoder object; leave it out" in refusal(given, only(option))
        as_encoder(given, RUNNING)


@pytest.mark.parametrize("option", ["query_body", "passage_body", "encoding_format"])
def test_fields_of_requests_are_for_endpoints(option: str, tiny_model: Path) -> None:
    expected = f"{tiny_model}: {option} cannot be set for a sentence-transformers model; leave it out"
    assert refusal(str(tiny_model), only(option)) == expected


@pytest.mark.parametrize("option", ["query_task", "passage_task"])
def test_a_task_is_for_models_that_take_one(option: str, tmp_path: Path) -> None:
    dense, router = (KINDS[kind](tmp_path / f"{kind}-model") for kind in ("dense", "router"))
    assert f"{option} cannot be set for a model that takes no task" in refusal(str(dense), only(option))
    side = {"query_task": "query", "passage_task": "document"}[option]
    load_encoder(str(router), EncoderOptions(**{option: side}))


@pytest.mark.parametrize("option", ["backend", "model_kwargs"])
def test_a_static_model_has_no_transformer_to_load(option: str, tmp_path: Path) -> None:
    folder = KINDS["static"](tmp_path / "model")
    assert f"{option} cannot be set for a static model" in refusal(str(folder), only(option))


@pytest.mark.parametrize("option", ["dtype", "max_length", "truncate_dim", "backend", "model_kwargs"])
def test_a_loaded_model_is_not_loaded_again(option: str, tiny_model: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_model), device="cpu")
    assert f"{option} cannot be set for a loaded model; leave it out" in refusal(model, only(option))


def test_the_command_line_refuses_in_one_line_and_no_result_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["attack", "--model", "bm25", "--languages", "en", "--recipe", "typo", "--max-length", "8"]
    answer = CliRunner().invoke(irbench, words)
    assert answer.exit_code != 0
    assert isinstance(answer.exception, OptionError | SystemExit)
    assert not list(tmp_path.rglob("*.json"))
    with pytest.raises(OptionError, match=r"^bm25: max_length cannot be set for a built-in encoder; leave it out$"):
        rb.attack("bm25", languages=["en"], recipes=["typo"], options=EncoderOptions(max_length=8))
