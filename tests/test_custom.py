"""Recipes of functions and loaded recipes, wherever names are taken; and the contracts that ship."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import robustbench_ir as rb
from robustbench_ir.encoders import Embeddings
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import as_recipe
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.tasks import Query, load_task
from robustbench_ir.testing import ContractError, check_encoder, check_recipe, check_task


def leet(text: str) -> str:
    """Write digits for letters."""
    return text.replace("e", "3").replace("o", "0")


def drop_a_letter(text: str, random: Random) -> str:
    place = int(random.random() * len(text))
    return text[:place] + text[place + 1 :]


def query(text: str) -> Query:
    return Query("q", "en", text, "q")


def test_names_recipes_and_functions_are_recipes() -> None:
    """The second line of 'It is done when': objects and functions stand beside names."""
    result = rb.attack("char-ngram", recipes=["synonym", rb.load_recipe("typo"), leet], languages=["en", "sw"])
    assert [str(cell.recipe) for cell in result.attacked] == ["synonym@5+mini", "typo@5", "leet@1"]
    by_name = rb.attack("char-ngram", recipes=["typo"], languages=["en", "sw"])
    assert result.attacked[1].digest == by_name.attacked[0].digest
    assert {str(row) for row in result.to_frame()["recipe"]} == {"synonym@5+mini", "typo@5", "leet@1"}


def test_a_function_is_called_with_the_query_and_a_generator_if_it_takes_one() -> None:
    made = [rb.recipe(drop_a_letter).perturb([query("a plain question")], 5, seed)[0].text for seed in (0, 0, 1, 2, 3)]
    assert made[0] == made[1]
    assert len(set(made)) > 1
    assert all(len(text) == len("a plain question") - 1 for text in made)


@pytest.mark.parametrize(("severity", "text"), [(0, "tree house open"), (1, "tr33 house open"), (5, "tr33 h0us3 0p3n")])
def test_a_severity_is_a_share_of_the_words_that_the_function_changes(severity: int, text: str) -> None:
    (one,) = rb.recipe(leet).perturb([query("tree house open")], severity, 4)
    changed = sum(a != b for a, b in zip(one.text.split(), ["tree", "house", "open"], strict=True))
    assert changed == {0: 0, 1: 1, 5: 3}[severity]
    assert severity != 5 or one.text == text


def test_changes_that_only_make_sense_together_are_made_together() -> None:
    turned = rb.recipe(lambda text: " ".join(reversed(text.split())), name="turned", whole=True)
    assert turned.perturb([query("one two three four")], 1, 0)[0].text == "four three two one"


@example(":", "0:0")
@given(st.text("a: .", max_size=12) | st.text(max_size=40), st.text("a: .", max_size=12) | st.text(max_size=40))
@settings(max_examples=500)
def test_severity_5_gives_what_the_function_returns(text: str, new: str) -> None:
    made = rb.recipe(lambda _: new, name="any").perturb([query(text)], 5, 0)[0]
    import unicodedata

    assert made.text == unicodedata.normalize("NFC", new)


@pytest.mark.parametrize(
    ("recipes", "message"),
    [
        ([3], "int: is not a recipe"),
        ([leet, rb.recipe(str.upper, name="leet")], "two recipes have the name 'leet'"),
        ([rb.recipe(len, name="number")], "recipe number: its function returned int; it must return a str"),
        ([rb.recipe(lambda text: text[999], name="broken")], "recipe broken: its function raised IndexError"),
        ([lambda: "nothing"], "takes no text"),
    ],
)
def test_what_is_no_recipe_is_one_line(recipes: Sequence[rb.Recipe], message: str) -> None:
    with pytest.raises(OptionError, match=message) as refused:
        rb.attack("char-ngram", recipes=recipes, languages=["en"])
    assert "\n" not in str(refused.value)


def test_languages_that_a_function_is_not_for_stay() -> None:
    result = rb.attack("char-ngram", recipes=[rb.recipe(leet, languages=["en"])], languages=["en", "sw"])
    assert list(result.attacked[0].not_covered) == ["sw"]


def test_functions_go_to_other_processes_and_can_be_searched_and_transferred() -> None:
    asked = {"recipes": [leet], "languages": ["en", "sw"], "severities": [3, 5]}
    one = rb.attack("char-ngram", **asked)
    two = rb.attack("char-ngram", **asked, run=rb.RunOptions(jobs=2, resume=False))
    for left, right in zip(one.attacked, two.attacked, strict=True):
        assert left.digest == right.digest
        np.testing.assert_array_equal(left.ranks.in_pool, right.ranks.in_pool)
    budget = rb.SearchOptions(budget=rb.Budget(2, 20))
    found = rb.search("char-ngram", "mini", [(leet, "typo")], budget, languages=["sw"])
    assert str(found.attacked[0].cell.recipe).startswith("greedy(leet@1,typo@5)|goal=map")
    carried = rb.transfer(["char-ngram"], ["bm25"], recipe=leet, search=budget, languages=["sw"])
    assert carried.drop("char-ngram", "bm25", "monolingual").recipe


def test_as_recipe_returns_a_recipe_as_it_is() -> None:
    typo = rb.load_recipe("typo")
    assert as_recipe(typo) is typo


def test_contracts_hold_for_ours_and_find_what_is_wrong() -> None:
    check_recipe("typo", languages=["hi"])
    check_recipe(leet)
    check_encoder("char-ngram")
    check_encoder("bm25")
    check_task("mini")
    for bad, message in (
        (lambda text: text + random.choice("abc"), "global generator|other queries"),
        (lambda text: text[:0], "nothing is left of the text"),
    ):
        with pytest.raises(ContractError, match=message):
            check_recipe(rb.recipe(bad, name="bad"), languages=["en"])


class InCompany:
    """An encoder whose rows depend on the batch."""

    description = rb.EncoderDescription("in company", "", "dot", 2)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        return np.array([[len(text), len(texts)] for text in texts], dtype=np.float32)

    encode_passages = encode_queries


def test_an_encoder_whose_rows_depend_on_company_is_found() -> None:
    with pytest.raises(ContractError, match="another row alone than in company"):
        check_encoder(InCompany())


def test_a_task_in_disorder_is_found() -> None:
    from dataclasses import replace

    mini = load_task("mini", ["en", "sw"])
    with pytest.raises(ContractError, match="do not stand together"):
        check_task(replace(mini, queries=(*mini.queries[1:], mini.queries[0])))


PLUGIN = """
from robustbench_ir import load_encoder, load_task, recipe
from robustbench_ir.perturb.transformation import Targets

def make_shout(language, parameters, options, tables):
    class Shout:
        def targets(self, text, words, random):
            return Targets(words, lambda word, _: (word.upper(), "shout"))
    return Shout()

def load_recipe(name):
    return recipe(str.upper, name=name)

def wrap(name, load):
    return load(name.partition(":")[2])

def facts(name):
    return {"name": "elsewhere", "version": 1, "title": name, "description": "", "format": "elsewhere", "licence": "",
            "citation": "", "homepage": "", "languages": {}}

def load(name, languages):
    return load_task("mini", languages)
"""
POINTS = """
[robustbench_ir.transformations]
shout = a_plugin:make_shout
[robustbench_ir.encoders]
theirs = robustbench_ir.encoders.lexical:CharacterNgrams
[robustbench_ir.recipe_schemes]
their-recipes = a_plugin:load_recipe
[robustbench_ir.encoder_schemes]
wrapped = a_plugin:wrap
[robustbench_ir.task_schemes]
elsewhere = a_plugin
"""
CARD = """
name = "shout"
version = 1
title = "capitals"
description = "Words in capitals."
transformation = "shout"
sources = ["none"]
languages = { en = {}, sw = {} }
"""


def test_a_package_brings_mechanisms_encoders_and_schemes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installed distribution with entry points does."""
    (tmp_path / "a_plugin.py").write_text(PLUGIN, encoding="utf-8")
    about = tmp_path / "a_plugin-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: a-plugin\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    (tmp_path / "cards" / "attacks").mkdir(parents=True)
    (tmp_path / "cards" / "attacks" / "shout.toml").write_text(CARD, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    run = rb.RunOptions(cards=tmp_path / "cards")
    for encoder in ("theirs", "wrapped:char-ngram"):
        result = rb.attack(encoder, "elsewhere:any", ["shout", "their-recipes:up"], languages=["en", "sw"], run=run)
        assert [str(cell.recipe) for cell in result.attacked] == ["shout@1", "their-recipes:up@1"]
        assert result.attacked[0].changed.all()
        assert result.task == "mini@1"
    check_recipe(rb.load_recipe("shout", tmp_path / "cards"), languages=["sw"])
