"""What holds for every recipe, in every language, on any text: Hypothesis looks for one where it does not."""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import accumulate, pairwise

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from robustbench_ir._base.text import replace_spans
from robustbench_ir.perturb import Perturbation, Recipe, load_recipe, recipe_names
from robustbench_ir.perturb.recipe import number_to_change
from robustbench_ir.tasks import Query, load_task
from tests.support.recipes import is_whole_on_mini

ODD = (
    "\u200f", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u0301", "\u0323\u0301", "\ud800", "\udfff", "\x00",
    "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇰🇪", "e\u0301\u0302", "क्ष", "ක්‍ර", "กำ", "ﷺ", "ﬁ", "ǅ", "ß", "İ", "ı", "ʼ", "𝒳", "한",
    "\u1112\u1161", "ẛ̣", "٣", "१२", "3rd", "http://a.b/c", "a@b.org", "...", "?!", "\t", "\n", "\u3000", "\u1361",
)  # fmt: skip


@cache
def recipes() -> list[Recipe]:
    mini = load_task("mini")
    return [load_recipe(name).for_task(mini) for name in whole_recipes()]


@cache
def whole_recipes() -> list[str]:
    return [name for name in recipe_names() if is_whole_on_mini(name)]


@cache
def words(language: str) -> list[str]:
    queries = load_task("mini").queries
    return sorted({word for query in queries if query.language == language for word in query.text.split()})


@st.composite
def cases(draw: st.DrawFn) -> tuple[Recipe, Query]:
    """Draw a recipe, one of its languages, and a text of that language's words, odd characters and anything else."""
    recipe = draw(st.sampled_from(recipes()))
    language = draw(st.sampled_from(sorted(recipe.card.languages)))
    anything = st.text(st.characters(exclude_categories=()), max_size=8)
    real = st.sampled_from(words(language) or words("en"))
    pieces = draw(st.lists(st.one_of(real, real, st.sampled_from(ODD), anything), max_size=12))
    return recipe, Query("q", language, draw(st.sampled_from(["", " "])).join(pieces), "q")


@settings(max_examples=500, deadline=None)
@given(cases(), st.integers(1, 5), st.integers(0, 3))
def test_any_text_is_perturbed_by_the_rules(case: tuple[Recipe, Query], severity: int, seed: int) -> None:
    recipe, query = case
    one = perturb(recipe, query, severity, seed)
    assert unicodedata.is_normalized("NFC", one.text)
    assert bool(one.text.strip()) == bool(one.clean.strip()), "nothing is lost"
    assert len(one.edits) <= number_to_change(one.eligible, recipe.card.ladder[severity - 1]), "the budget is kept"
    assert one.text == replace_spans(one.clean, [(edit.span, edit.after) for edit in one.edits])
    assert one == perturb(recipe, query, severity, seed), "the same seed, the same text"
    assert perturb(recipe, query, 0, seed).text == one.clean == unicodedata.normalize("NFC", query.text)


@settings(max_examples=500, deadline=None)
@given(cases(), st.integers(0, 3))
def test_an_edit_takes_graphemes_whole(case: tuple[Recipe, Query], seed: int) -> None:
    one = perturb(*case, 5, seed)
    clusters = regex.findall(r"\X", one.clean)  # not our own function: it is what this test doubts
    boundaries = {0, *accumulate(map(len, clusters))}
    for edit in one.edits:
        assert set(edit.span) <= boundaries, edit


@settings(max_examples=300, deadline=None)
@given(cases(), st.integers(0, 3))
def test_a_severity_makes_the_edits_of_the_one_below(case: tuple[Recipe, Query], seed: int) -> None:
    recipe, query = case
    touched = [{edit.span for edit in perturb(recipe, query, severity, seed).edits} for severity in range(6)]
    assert all(lower <= higher for lower, higher in pairwise(touched))


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "1234 56.7 ٣٤", "?!... — «»", "👨‍👩‍👧‍👦 🏳️‍🌈", "\u200f\u202e\u2066", "\ud800"]
)
@pytest.mark.parametrize("name", whole_recipes())
def test_where_there_is_no_word_there_is_nothing_to_change(name: str, text: str) -> None:
    (recipe,) = (one for one in recipes() if one.name == name)
    for language in recipe.card.languages:
        # Digits of a script are no words, and romanisation writes them as ASCII ones.
        in_ascii = "".join(str(unicodedata.digit(one)) if one.isdecimal() else one for one in text)
        assert perturb(recipe, Query("q", language, text, "q"), 5, 0).text in {text, in_ascii}


@pytest.mark.parametrize("name", whole_recipes())
def test_a_query_of_a_megabyte_takes_its_time_and_no_more(name: str) -> None:
    """Thirty thousand words, and a "word" without end that would take hours where something is quadratic."""
    (recipe,) = (one for one in recipes() if one.name == name)
    language = next((one for one in ("hi", "yo", "ar", "ru") if recipe.covers(one)), "")
    if not language:
        pytest.skip(f"{name} covers no language of mini")
    some = " ".join([word for word in words(language) if word.isalpha()][:5])
    text = f"{some} " * 6_000 + "क" * 300_000
    one = perturb(recipe, Query("q", language, text, "q"), 3, 0)
    assert len(one.edits) > 1_000 or name == "search-box", "which has at most three places"
    assert one.text.endswith("क" * 300_000) or name == "ocr", "which reads any stretch of letters"


def perturb(recipe: Recipe, query: Query, severity: int, seed: int) -> Perturbation:
    return recipe.perturb([query], severity, seed)[0]
