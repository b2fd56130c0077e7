"""Detectors of injected passages: what they catch and what they cost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from robustbench_ir.adversary.detection import Injected, character_model, detections
from robustbench_ir.tasks import Passage

LATIN = ("the cat sat on the mat", "a dog lay in the hall", "the cow ate the grass", "a bird flew to the hill")


def pool_of(number: int = 200, seed: int = 0) -> tuple[list[Passage], np.ndarray]:
    """Return passages of a few words, and embeddings around one direction, of length 1 to 1.2."""
    random = np.random.default_rng(seed)
    passages = [Passage(f"p{row}", "en", f"{random.choice(LATIN)} {random.choice(LATIN)}") for row in range(number)]
    rows = random.normal(size=(number, 8)).astype(np.float32) * 0.2 + 1
    rows *= (random.uniform(1, 1.2, number) / np.linalg.norm(rows, axis=1))[:, None].astype(np.float32)
    return passages, rows


def test_a_character_model_by_hand() -> None:
    """After "ab" alone: p(a) = (1 + 2/3) / (2 + 2), since 2 kinds were seen in 2 places, over a uniform 1/3.

    After "a", b was seen once, as the only kind: p(b after a) = (1 + p(b)) / (1 + 1), and p(b) = p(a).
    """
    first = (1 + 2 / 3) / 4
    second = (1 + first) / 2
    assert character_model(["ab"])("ab") == pytest.approx(math.exp(-(math.log(first) + math.log(second)) / 2))


def test_a_character_model_is_a_distribution() -> None:
    """Over the characters that it knows, and one more that stands for all others, probabilities sum to 1."""
    perplexity, characters = character_model(LATIN), sorted({*"".join(LATIN), "Z"})
    # One character after another one: the chance of both, divided by that of the first.
    first = 1 / perplexity("t")
    total = sum(perplexity(f"t{one}") ** -2 for one in characters)
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
