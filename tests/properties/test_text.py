"""What holds for graphemes and words of any Unicode text."""

from __future__ import annotations

from itertools import accumulate, pairwise

import icu
from hypothesis import given, settings
from hypothesis import strategies as st

from robustbench_ir._base.text import graphemes, word_spans

TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=st.characters(categories=["L", "M", "N", "Zs", "Cf", "So"]), max_size=60),
    st.sampled_from(["👩‍👩‍👧 क्ष ක්‍රි", "\u202eabc\u202c def", "12 34", "?!…", "İı ẞß", "a" * 3000]),
)


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
    text = f" {text}"
    breaker = icu.BreakIterator.createWordInstance(icu.Locale(language))
    breaker.setText(text)
    at = _code_points(text)
    whole = [(0, False), *((at[end], breaker.getRuleStatus() >= 100) for end in breaker)]
    words = [(start, end) for (start, _), (end, is_word) in pairwise(whole) if is_word]
    # ICU calls a Thai vowel sign behind a space a word, but the space is its grapheme's first half.
    beginnings = {0, *accumulate(map(len, graphemes(text)))}
    assert word_spans(text, language) == [(start, end) for start, end in words if start in beginnings]


def _code_points(text: str) -> dict[int, int]:
    """Return the code point that begins at each UTF-16 offset."""
    offsets = accumulate((1 + (character > "\uffff") for character in text), initial=0)
    return {offset: place for place, offset in enumerate(offsets)}
