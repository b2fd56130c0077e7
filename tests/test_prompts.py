"""Other prompts than the model's own: the texts of the queries stay, and so do the embeddings of the passages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.encoders.encoder import Dense
from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.evaluation.prompts import load_prompts
from robustbench_ir.evaluation.request import Request
from robustbench_ir.leaderboard.entry import Declaration, entry_of
from robustbench_ir.reports.content import command_of
from robustbench_ir.results.file import result_from_json, result_to_json
from robustbench_ir.results.result import Result

NAMES = ["none", "paraphrase-1", "paraphrase-2", "paraphrase-3", "wrong-language"]
OPTIONS = rb.EncoderOptions(query_prompt="query: ", passage_prompt="passage: ")


@pytest.fixture(scope="module")
def found(tiny_model: Path) -> Result:
    """A random model with the prompts of e5, on ten questions."""
    asked = {"languages": "en,sw,hi", "questions": 10, "options": OPTIONS}
    return rb.attack(str(tiny_model), "mini", "typo,prompt-all", **asked)


def test_ranks_are_those_of_a_model_that_is_loaded_with_the_prompt(found: Result, tiny_model: Path) -> None:
    task = rb.load_task("mini", ["en", "sw", "hi"])
    for name, prompt in (("none", ""), ("paraphrase-2", "search: ")):
        options = rb.EncoderOptions(query_prompt=prompt, passage_prompt="passage: ")
        other = rb.attack(str(tiny_model), task, "clean", questions=10, options=options)
        (cell,) = found.groups[f"prompt-{name}@1", 3]
        np.testing.assert_array_equal(cell.ranks.in_pool, other.clean.ranks.in_pool)
        assert (cell.ranks.in_pool != found.clean.ranks.in_pool).any()


def test_only_queries_are_encoded_again(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = rb.load_encoder(str(tiny_model), OPTIONS)
    encoded: list[int] = []
    real = type(encoder).encode_passages

    def counting(self: object, texts: list[str]) -> Dense:
        encoded.append(len(texts))
        return real(self, texts)

    monkeypatch.setattr(type(encoder), "encode_passages", counting)
    rb.attack(encoder, "mini", "prompt-all", languages="en,sw", questions=5)
    assert sum(encoded) == 300  # the pool of both languages, once


def test_texts_stay_and_what_the_model_reads_changes(found: Result) -> None:
    cells = [cell for cell in found.attacked if cell.recipe.prompt]
    assert [cell.recipe.prompt for cell in cells] == NAMES
    for cell in cells:
        assert cell.digest == found.clean.digest
        assert not cell.changed.any()
        assert (cell.touched == 0).all()
        assert cell.input_changed is not None
        in_swahili = np.array(found.judgements.languages) == "sw"
        expected = ~in_swahili if cell.recipe.prompt == "wrong-language" else np.ones(30, dtype=bool)
        np.testing.assert_array_equal(cell.input_changed, expected)
    assert cells[-1].not_covered == {"sw": "the prompt is in this language"}
    again = result_from_json(result_to_json(found))
    assert again.drops("multilingual") == found.drops("multilingual")


def test_the_prompt_of_its_own_changes_nothing(tiny_model: Path) -> None:
    options = rb.EncoderOptions(query_prompt="question: ")
    same = rb.attack(str(tiny_model), "mini", "prompt-paraphrase-1", languages="en", questions=5, options=options)
    (cell,) = same.attacked
    np.testing.assert_array_equal(cell.ranks.in_pool, same.clean.ranks.in_pool)
    assert not cell.reached.any()


def test_a_model_with_a_sentence_gets_sentences() -> None:
    (variant,) = load_prompts(["paraphrase-1"]).values()
    assert variant.for_model("query: ") == variant.for_model("") == "question: "
    assert variant.for_model("Instruct: Given a question, retrieve passages\nQuery: ").startswith("Instruct: Find")


def test_the_command_that_makes_it_again_has_the_prompts(found: Result) -> None:
    assert f"--recipe typo --prompts {','.join(NAMES)}" in command_of(found)


def test_what_cannot_be_is_one_line(found: Result) -> None:
    with pytest.raises(UnknownNameError, match="unknown prompt variant 'nun'"):
        rb.attack("char-ngram", "mini", "prompt-nun")
    with pytest.raises(OptionError, match="char-ngram: has no query prompt that could be another one"):
        rb.attack("char-ngram", "mini", ["prompt-none"])
    whole = replace(found, task="mini@1")
    with pytest.raises(OptionError, match="other prompts are no part of an entry"):
        entry_of(whole, Declaration("a/b", "https://example.org"), "2026-11-29")
    for more, said in (("--search", "one after the other"), ("--run-out", "no TREC runs")):
        words = ["attack", "--task", "mini", "--recipe", "typo", "--prompts", "none", more, "greedy"]
        with pytest.raises(OptionError, match=said):
            CliRunner().invoke(irbench, words, catch_exceptions=False)


def test_names_say_prompt_and_side() -> None:
    asked = Request("bm25", recipes=["typo on passages", "prompt-none"])
    assert (asked.recipes, asked.prompts, asked.on) == (("typo",), ("none",), "passages")
    assert replace(asked, seeds=2).on == "passages"
    assert Request("bm25", recipes="prompt-all").recipes == ()
    assert Request("bm25").recipes is None
    with pytest.raises(OptionError, match="one run perturbs one side, and this one passages and queries"):
        Request("bm25", recipes=["typo on passages", "synonym"])


def test_a_plan_of_prompts_needs_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    words = [
        "attack",
        "--model",
        "somebody/some-model",
        "--prompts",
        "none,wrong-language",
        "--recipe",
        "typo",
        "--plan",
    ]
    printed = CliRunner().invoke(irbench, words, catch_exceptions=False).output
    for part in ("prompt-none severity 3", "prompt-wrong-language severity 3", "the encoder was not downloaded yet"):
        assert part in printed
