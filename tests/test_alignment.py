"""Word alignment: IBM model 1 against nltk, symmetrisation by hand, phrase pairs by their definition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustbench_ir.errors import DataError
from robustbench_ir.perturb.lexicons.alignment import (
    NULL,
    Sentence,
    align,
    ibm_model_1,
    induce,
    names_among,
    phrase_pairs,
    sentence,
)
from robustbench_ir.perturb.lexicons.parallel_text import read_parallel_files, read_translated_questions

GOLDEN = json.loads((Path(__file__).parent / "golden" / "ibm_model_1.json").read_text(encoding="utf-8"))
CORPUS: list[tuple[str, str]] = [(source, target) for source, target in GOLDEN["corpus"]]


def german_and_english() -> list[tuple[Sentence, Sentence]]:
    return [(sentence(source, "de"), sentence(target, "en")) for source, target in CORPUS]


def test_model_1_is_that_of_nltk() -> None:
    """The golden file says how nltk computed its table."""
    pairs = [((NULL, *source.split()), target.split()) for source, target in CORPUS]
    found = ibm_model_1(pairs, GOLDEN["rounds"])
    theirs = {tuple(key.split(" ")): value for key, value in GOLDEN["probabilities"].items()}
    assert found.keys() == theirs.keys()
    assert found == pytest.approx(theirs, abs=1e-9)


def test_probabilities_of_a_source_word_sum_to_one() -> None:
    found = ibm_model_1([(source.split(), target.split()) for source, target in CORPUS])
    for word in {source for source, _ in found}:
        assert sum(value for (source, _), value in found.items() if source == word) == pytest.approx(1)


def test_links_of_both_directions_and_their_neighbours() -> None:
    """Both models link a-x and b-y; only one of them links b-z, which stands beside b-y."""
    forth = {("a", "x"): 1.0, ("b", "y"): 1.0, ("b", "z"): 0.6}
    back = {("x", "a"): 1.0, ("y", "b"): 1.0, ("z", "b"): 0.2}
    assert align(["a", "b"], ["x", "y", "z"], forth, back) == {(0, 0), (1, 1), (1, 2)}


def test_a_word_that_the_null_word_explains_is_not_linked() -> None:
    forth = {("a", "x"): 0.9, ("a", "the"): 0.1, (NULL, "the"): 0.5}
    back = {("x", "a"): 0.9, ("the", "a"): 0.05}
    assert align(["a"], ["the", "x"], forth, back) == {(0, 1)}


def test_phrases_of_crossing_links() -> None:
    """Koehn's rule on "casa blanca" - "white house": the words, and both together."""
    assert set(phrase_pairs({(0, 1), (1, 0)}, 2, 2)) == {((0, 0), (1, 1)), ((1, 1), (0, 0)), ((0, 1), (0, 1))}


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12))
def test_phrase_pairs_are_consistent_with_the_links(links: set[tuple[int, int]]) -> None:
    for (first, last), (low, high) in phrase_pairs(links, 8, 8):
        assert last - first < 4
        assert high - low < 4
        assert any(first <= left <= last and low <= right <= high for left, right in links)
        for left, right in links:
            assert (first <= left <= last) == (low <= right <= high), "no link leaves the box"


def test_an_induced_lexicon_and_its_scores() -> None:
    found = {(one.entry, one.substitute): one for one in induce(german_and_english())}
    assert {("haus", "house"), ("buch", "book"), ("klein", "small")} <= found.keys()
    assert found["haus", "house"].count == 3
    assert found["haus", "house"].score == 1
    assert found["haus", "house"].probability > 0.9


def test_phrases_on_request() -> None:
    found = {(one.entry, one.substitute) for one in induce(german_and_english(), phrases=True)}
    assert ("das haus", "the house") in found
    assert not any(" " in entry for entry, _ in {(one.entry, 0) for one in induce(german_and_english())})


def test_the_capital_that_begins_a_sentence_is_no_spelling() -> None:
    pairs = [(sentence(source, "de"), sentence(target.capitalize(), "en")) for source, target in CORPUS]
    assert [one.substitute for one in induce(pairs) if one.entry == "das"] == ["the"]


def test_names_have_capitals_within_the_sentence() -> None:
    texts = ["Ubani uMandela?", "Incwadi kaMandela", "Ngubani uMandela wesizwe"]
    assert names_among(sentence(text, "zu") for text in texts) == {"umandela", "kamandela"}


def test_bitext_of_unequal_length_names_both_files(tmp_path: Path) -> None:
    text, translation = tmp_path / "a.fi", tmp_path / "a.en"
    text.write_text("yksi\nkaksi\n", encoding="utf-8")
    translation.write_text("one\ntwo\n", encoding="utf-8")
    assert read_parallel_files(text, translation) == [("yksi", "one"), ("kaksi", "two")]
    translation.write_text("one\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.fi has 2 lines and .*a\.en has 1"):
        read_parallel_files(text, translation)


def test_translated_questions_name_the_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "queries.json"
    path.write_text('{"question": "ubani", "translated_question": "who"}\n\n{"question": 1}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"queries\.json:3: no JSON object with 'question' and 'translated_question'"):
        read_translated_questions([path])
