"""What holds for any Unicode text at all."""

from __future__ import annotations

from itertools import accumulate, pairwise

import icu
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robustbench_ir.languages import languages
from robustbench_ir.perturb import load_recipe
from robustbench_ir.tasks import Query, load_task
from robustbench_ir.text import graphemes, nfc, word_spans

TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=st.characters(categories=["L", "M", "N", "Zs", "Cf", "So"]), max_size=60),
    st.sampled_from(["👩‍👩‍👧 क्ष ක්‍රි", "\u202eabc\u202c def", "12 34", "?!…", "İı ẞß", "a" * 3000]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, language=st.sampled_from(sorted(languages())), severity=st.integers(0, 5), seed=st.integers(0, 9))
@pytest.mark.parametrize("name", ["typo", "transliteration", "code-switching", "synonym"])
def test_any_text_is_perturbed_or_left_but_never_lost(
    name: str, text: str, language: str, severity: int, seed: int
) -> None:
    recipe = load_recipe(name).with_lexicons_of("mini", load_task("mini", ["en"]).lexicons.get(name))
    query = Query("q", language, text, "q")
    one = recipe.perturb([query], severity, seed)[0]
    assert one == recipe.perturb([query], severity, seed)[0], "same seed, same text"
    assert nfc(one.text) == one.text
    assert bool(one.text) == bool(text), "never empty for what is not empty"
    if severity == 0:
        assert one.text == nfc(text)
    assert len(one.edits) <= one.eligible


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_graphemes_and_words_lose_nothing(text: str) -> None:
    assert "".join(graphemes(text)) == text
    last = 0
    for start, end in word_spans(text, "th"):
        assert last <= start < end <= len(text)
        last = end


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, language=st.sampled_from(["en", "hi", "th", "zh", "ar", "fi"]))
def test_words_between_spaces_are_the_words_of_the_whole_text(text: str, language: str) -> None:
    breaker = icu.BreakIterator.createWordInstance(icu.Locale(language))
    breaker.setText(text)
    at = _code_points(text)
    whole = [(0, False), *((at[end], breaker.getRuleStatus() >= 100) for end in breaker)]
    assert word_spans(text, language) == [(start, end) for (start, _), (end, is_word) in pairwise(whole) if is_word]


def _code_points(text: str) -> dict[int, int]:
    """Return the code point that begins at each UTF-16 offset."""
    offsets = accumulate((1 + (character > "\uffff") for character in text), initial=0)
    return {offset: place for place, offset in enumerate(offsets)}
