"""The options of an encoder travel with its numbers: into the result, its command, the report and the entry."""

from __future__ import annotations

import html
import shlex
from dataclasses import fields, replace
from pathlib import Path

import pytest
from click import Context
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir import EncoderOptions, Result
from robustbench_ir.adversary.candidates import Budget
from robustbench_ir.adversary.transfer import transfer
from robustbench_ir.cli import irbench
from robustbench_ir.encoders.options import decisive_options, options_as_words, options_from
from robustbench_ir.errors import OptionError, ResultError
from robustbench_ir.leaderboard.entry import Declaration, entry_of
from robustbench_ir.leaderboard.verifying import verify
from robustbench_ir.reports.content import command_of
from robustbench_ir.results.file import result_to_json
from tests.support.models import KINDS

EVERY = EncoderOptions(
    query_prompt="",
    passage_prompt="passage: ",
    query_prompt_name="q",
    passage_prompt_name="p",
    query_task="retrieval.query",
    passage_task="retrieval.passage",
    similarity="dot",
    encode_kwargs={"k": True},
    model_kwargs={"attn_implementation": "eager"},
    device="cpu",
    batch_size=3,
    dtype="float32",
    max_length=8,
    revision="abc",
    trust_remote_code=True,
    truncate_dim=16,
    backend="onnx",
    devices=("cpu", "cpu"),
    requests_per_minute=9.0,
    timeout=3.0,
    query_body={"input_type": "query"},
    passage_body={"dimensions": [1, 2]},
    encoding_format="float",
)
NOT_DECISIVE = {"device", "batch_size", "trust_remote_code", "devices", "requests_per_minute", "timeout"}

SAID = Declaration(name="tiny", link="https://example.org/tiny", saw_task="no")


def test_every_option_that_decides_an_embedding_is_recorded() -> None:
    assert all(getattr(EVERY, one.name) != getattr(EncoderOptions(), one.name) for one in fields(EncoderOptions))
    recorded = decisive_options(EVERY)
    assert {*recorded} == {one.name for one in fields(EncoderOptions)} - NOT_DECISIVE
    assert recorded["query_prompt"] == ""
    assert "query_prompt" not in decisive_options(EncoderOptions())


def test_recorded_options_are_read_again() -> None:
    given = replace(EVERY, **dict.fromkeys(("query_prompt_name", "passage_prompt_name", "dtype")))
    assert decisive_options(options_from(decisive_options(given))) == decisive_options(given)
    for wrong in ({"trust_remote_code": True}, {"device": "cuda"}, {"max_length": "x"}, {"max_length": 0}, {"new": 1}):
        with pytest.raises(OptionError, match=next(iter(wrong)).replace("max_length", "max.*length")):
            options_from(wrong)


def test_the_command_line_has_each_recorded_option() -> None:
    attack = irbench.get_command(Context(irbench), "attack")
    assert attack is not None
    known = {word for option in attack.params for word in option.opts}
    words = options_as_words(decisive_options(EVERY))
    assert {word for word in words if word.startswith("--")} <= known
    for wanted in (["--query-prompt", ""], ["--encode-kwarg", "k=true"], ["--query-body", '{"input_type": "query"}']):
        place = words.index(wanted[0])
        assert words[place : place + 2] == wanted


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = KINDS["dense"](tmp_path_factory.mktemp("options") / "model")
    options = EncoderOptions(query_prompt="", passage_prompt="about: ", similarity="dot", max_length=9)
    return rb.attack(str(folder), languages=["sw"], recipes=["typo"], options=options)


def test_a_result_with_options_is_made_again(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(command_of(result))
    assert CliRunner().invoke(irbench, [*arguments, "--out", "again.json"]).exit_code == 0, program
    again = rb.load_result("again.json")
    assert (
        again.options
        == result.options
        == {
            "query_prompt": "",
            "passage_prompt": "about: ",
            "similarity": "dot",
            "max_length": 9,
        }
    )
    assert result_to_json(replace(again, timings={})) == result_to_json(replace(result, timings={}))


def test_a_transfer_with_options_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = (str(KINDS[kind](tmp_path / f"{kind}-model")) for kind in ("dense", "dot"))
    options = EncoderOptions(query_prompt="find: ", max_length=12)
    search = rb.SearchOptions(budget=Budget(1, 3))
    found = transfer([first], [second], languages=["sw"], search=search, options=options)
    for pair, result in found.results.items():
        assert result.options == {"query_prompt": "find: ", "max_length": 12}, pair
    line = command_of(found.results[first, second])
    assert "--query-prompt 'find: ' --max-length 12" in line
    program, *arguments = shlex.split(line)
    answer = CliRunner().invoke(irbench, arguments)
    assert answer.exit_code == 0, (program, answer.output)
    again = [rb.load_result(path) for path in Path("results").glob("*-to-*.json")]
    wanted = result_to_json(replace(found.results[first, second], timings={}))
    assert wanted in [result_to_json(replace(one, timings={})) for one in again]


def test_a_report_with_passages_encodes_with_the_same_options(result: Result, tmp_path: Path) -> None:
    rb.save_result(result, tmp_path / "r.json")
    words = ["report", f"{tmp_path}/r.json", "--with-passages", "--resamples", "100", "--out", f"{tmp_path}/r.html"]
    answer = CliRunner().invoke(irbench, words)
    assert answer.exit_code == 0, answer.output


def test_an_entry_is_verified_with_its_options(result: Result) -> None:
    entry = entry_of(result, SAID, "2026-11-01")
    assert entry.model.options == result.options
    assert verify(entry, 20, seed=0, model=result.encoder.name).holds
    cut = {**(entry.model.options or {}), "max_length": 4}
    other = entry.model_copy(update={"model": entry.model.model_copy(update={"options": cut})})
    with pytest.raises(ResultError, match="the entry says fingerprint"):
        verify(other, 20, seed=0, model=result.encoder.name)


@pytest.mark.parametrize(
    "options",
    [
        EncoderOptions(query_prompt="", passage_prompt=""),
        EncoderOptions(truncate_dim=4),
        EncoderOptions(max_length=6),
        EncoderOptions(dtype="bfloat16"),
    ],
    ids=["no prompts", "fewer dimensions", "fewer tokens", "another type"],
)
def test_honest_entries_with_options_are_verified_and_reproduced(options: EncoderOptions, tmp_path: Path) -> None:
    """Cases A5 and M4: the options are in the entry, in its check, in the report and in its command."""
    folder = str(KINDS["transformer"](tmp_path / "model"))  # has prompts of its own, and a limit of 48 tokens
    result = rb.attack(folder, languages=["en", "sw"], recipes=["typo"], options=options)
    given = decisive_options(options)
    assert result.options == given
    entry = entry_of(result, SAID, "2026-11-01")
    held = verify(entry, 60, seed=0, model=folder)
    assert held.holds
    assert held.largest == 0
    forgotten = entry.model_copy(update={"model": entry.model.model_copy(update={"options": {}})})
    with pytest.raises(ResultError, match="the entry says"):
        verify(forgotten, 60, seed=0, model=folder)
    words = shlex.split(command_of(result))
    for word, value in zip(*[iter(options_as_words(given))] * 2, strict=True):
        assert words[words.index(word) + 1] == value
    rb.save_result(result, tmp_path / "r.json")
    page = tmp_path / "r.html"
    told = CliRunner().invoke(irbench, ["report", f"{tmp_path}/r.json", "--resamples", "100", "--out", f"{page}"])
    assert told.exit_code == 0, told.output
    assert shlex.join(options_as_words(given)) in html.unescape(page.read_text(encoding="utf-8"))


def test_keywords_of_an_entry_do_not_reach_a_model(result: Result) -> None:
    entry = entry_of(result, SAID, "2026-11-01")
    for keyword in ("model_kwargs", "encode_kwargs"):
        keyed = entry.model.model_copy(update={"options": {keyword: {"trust_remote_code": True}}})
        with pytest.raises(ResultError, match=f"its {keyword} are not taken from an entry"):
            verify(entry.model_copy(update={"model": keyed}), 5, seed=0, model=result.encoder.name)
    trusting = entry.model.model_copy(update={"options": {"trust_remote_code": True}})
    with pytest.raises(OptionError, match="trust_remote_code: is not an option that decides"):
        verify(entry.model_copy(update={"model": trusting}), 5, seed=0, model=result.encoder.name)
