"""Detectors of injected passages: what they catch and what they cost."""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import robustbench_ir as rb
from robustbench_ir.adversary.character_model import CharacterModel
from robustbench_ir.adversary.detection import Injected, detections
from robustbench_ir.reports.poison import poison_table
from robustbench_ir.tasks import Passage

LATIN = ("the cat sat on the mat", "a dog lay in the hall", "the cow ate the grass", "a bird flew to the hill")


def pool_of(number: int = 200, seed: int = 0) -> tuple[list[Passage], np.ndarray]:
    """Return passages of a few words, and embeddings around one direction, of length 1 to 1.2."""
    random = np.random.default_rng(seed)
    passages = [Passage(f"p{row}", "en", f"{random.choice(LATIN)} {random.choice(LATIN)}") for row in range(number)]
    rows = random.normal(size=(number, 8)).astype(np.float32) * 0.2 + 1
    rows *= (random.uniform(1, 1.2, number) / np.linalg.norm(rows, axis=1))[:, None].astype(np.float32)
    return passages, rows


def perplexity_of(training: Sequence[str], text: str) -> float:
    """Return the perplexity of a text after some others, character by character as the formula says."""
    count: Counter[str] = Counter()
    for one in training:
        for end in range(len(one)):
            count.update(one[start : end + 1] for start in range(max(0, end - 4), end + 1))

    def probability(context: str, character: str) -> float:
        following = {piece: number for piece, number in count.items() if piece[:-1] == context}
        shorter = probability(context[1:], character) if context else 1 / (len(following) + 1)
        if not following:
            return shorter
        return (count[context + character] + len(following) * shorter) / (sum(following.values()) + len(following))

    logs = [math.log(probability(text[max(0, end - 4) : end], text[end])) for end in range(len(text))]
    return math.exp(-sum(logs) / max(len(logs), 1))


def test_a_character_model_by_hand() -> None:
    """After "ab" alone: p(a) = (1 + 2/3) / (2 + 2), since 2 kinds were seen in 2 places, over a uniform 1/3.

    After "a", b was seen once, as the only kind: p(b after a) = (1 + p(b)) / (1 + 1), and p(b) = p(a).
    """
    first = (1 + 2 / 3) / 4
    second = (1 + first) / 2
    expected = math.exp(-(math.log(first) + math.log(second)) / 2)
    assert CharacterModel.of(["ab"]).perplexities(["ab"]) == pytest.approx([expected])
    assert perplexity_of(["ab"], "ab") == pytest.approx(expected)


@given(
    st.lists(st.text("abc ก😀", max_size=9), min_size=1, max_size=5).filter(any),
    st.lists(st.text("abcd ก😀中", max_size=9), max_size=4),
)
def test_a_character_model_is_that_of_the_formula(training: list[str], texts: list[str]) -> None:
    found = CharacterModel.of(training).perplexities(texts)
    assert found == pytest.approx([perplexity_of(training, text) for text in texts])


def test_a_character_model_is_a_distribution() -> None:
    """Over the characters that it knows, and one more that stands for all others, probabilities sum to 1."""
    model, characters = CharacterModel.of(LATIN), sorted({*"".join(LATIN), "Z"})
    # One character after another one: the chance of both, divided by that of the first.
    first = 1 / model.perplexities(["t"])[0]
    total = (model.perplexities([f"t{one}" for one in characters]) ** -2).sum()
    assert total / first == pytest.approx(1)


def test_gibberish_far_away_is_caught_by_all_and_costs_little() -> None:
    passages, rows = pool_of()
    gibberish = Injected(("zqx vvk jjw", "kkq zzj wxv"), np.eye(2, 8, dtype=np.float32) * 5, np.array([0, 1]))
    found = {one.detector: one for one in detections(passages, rows, {"en": gibberish})}
    assert list(found) == ["perplexity", "density", "norm"]
    for one in found.values():
        assert one.caught.value == 1
        assert one.auc == 1
        assert one.caught.low < 1  # two questions prove little
        assert 0 <= one.cost < 0.15


def test_honest_passages_of_the_same_source_are_flagged_at_chance() -> None:
    passages, rows = pool_of()
    others, more = pool_of(400, seed=1)
    same = Injected([one.text for one in others], more, np.arange(400))
    for one in detections(passages, rows, {"en": same}):
        assert 0.4 < one.auc < 0.6, one
        assert one.caught.value < 0.15, one


def test_where_a_detector_does_not_apply_it_says_why() -> None:
    passages, rows = pool_of()
    normalised = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    attack = Injected(["the cat"], normalised[:1], np.array([0]))
    found = detections(passages, normalised, {"en": attack, "sw": attack})
    reasons = {(one.source, one.detector): one.reason for one in found}
    assert reasons["en", "norm"] == "the encoder gives all passages the same norm"
    assert reasons["en", "density"] == reasons["en", "perplexity"] == ""
    assert all("has 0 passages in this language" in reasons["sw", one] for one in ("norm", "density", "perplexity"))
    assert all(math.isnan(one.caught.value) and math.isnan(one.auc) for one in found if one.reason)


def test_a_poisoning_says_what_detectors_catch(tmp_path: Path) -> None:
    found = rb.poison("char-ngram", "mini", source_languages="en,sw", languages="en,sw", questions=20)
    assert [(one.source, one.detector) for one in found.detections] == [
        (source, detector) for source in ("en", "sw") for detector in ("perplexity", "density", "norm")
    ]
    rows = {(row.quantity, row.source): row for row in found.rows(resamples=50)}
    assert rows["caught by perplexity", "sw"].questions == 20
    assert 0 <= rows["cost of density", "en"].value < 0.2
    again = rb.load_poisoning(rb.save_poisoning(found, tmp_path / "p.json"))
    assert repr(again.detections) == repr(found.detections)
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(poison_table(found))
    printed = console.export_text()
    assert "What detectors catch, and what they cost" in printed
    assert "norm does not apply" in printed


def test_the_cost_of_a_filter_by_language_is_the_share_of_answers_in_other_languages() -> None:
    """Of mini's questions, each has one answer in either language; ranks are counted by a plain loop."""
    found = rb.poison("char-ngram", "mini", languages="en,es")
    layout, pool = found.judgements, tuple(found.judgements.pool)
    shown = foreign = 0
    for query, language, rank in zip(layout.query, layout.passage_language, found.clean.in_pool, strict=True):
        if rank <= 10:
            shown += 1
            foreign += pool[language] != layout.languages[query]
    assert 0 < foreign < shown
    assert found.foreign_share == foreign / shown
