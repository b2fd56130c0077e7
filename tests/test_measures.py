"""Measures agree with trec_eval and with the worked example of the design."""

from __future__ import annotations

import numpy as np
import pytest
import pytrec_eval
from numpy.random import Generator, default_rng

from robustbench_ir.errors import UnknownNameError
from robustbench_ir.metrics.bias_measures import mean_rank_by_language, own_language_first, rank_distance
from robustbench_ir.metrics.measures import Ranked, average_precision, look_up_measure

TREC_NAMES = {
    "AP": "map",
    "AP@10": "map_cut_10",
    "AP@1000": "map_cut_1000",
    "nDCG@10": "ndcg_cut_10",
    "nDCG@1000": "ndcg_cut_1000",
    "P@5": "P_5",
    "R@1": "recall_1",
    "R@10": "recall_10",
    "R@100": "recall_100",
    "Success@5": "success_5",
    "Success@10": "success_10",
}


def random_case(random: Generator) -> tuple[dict[str, int], dict[str, float]]:
    """Return graded judgements, and scores with many ties of nine in ten documents."""
    documents = [f"d{number:03}" for number in range(int(random.integers(1, 200)))]
    relevant = random.choice(documents, size=int(random.integers(1, min(len(documents), 15) + 1)), replace=False)
    grades = {str(document): int(random.integers(1, 4)) for document in relevant}
    return grades, {document: float(random.integers(0, 40)) for document in documents if random.random() < 0.9}


def test_measures_equal_trec_eval_on_a_thousand_random_rankings() -> None:
    """Graded judgements, documents that were not retrieved, ties: trec_eval orders them by name, descending."""
    random = default_rng(7)
    cases = [random_case(random) for _ in range(1000)]
    qrels = {str(number): grades for number, (grades, _) in enumerate(cases)}
    run = {str(number): scores for number, (_, scores) in enumerate(cases)}
    names = {"map", "map_cut.10,1000", "ndcg_cut.10,1000", "P.5", "recall.1,10,100", "success.5,10", "recip_rank"}
    expected = pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)

    rows = []
    for number, (grades, scores) in enumerate(cases):
        ranking = sorted(scores, key=lambda document: (scores[document], document), reverse=True)
        place = {document: rank for rank, document in enumerate(ranking, start=1)}
        rows += [(number, place.get(document, 0), grade) for document, grade in grades.items()]
    group, rank, grade = np.array(rows)[random.permutation(len(rows))].T
    ranked = Ranked(rank, group, grade, len(cases))
    for ours, theirs in TREC_NAMES.items():
        wanted = [expected[str(number)][theirs] for number in range(len(cases))]
        np.testing.assert_allclose(look_up_measure(ours)(ranked), wanted, rtol=0, atol=1e-9, err_msg=ours)
    reciprocal = np.array([expected[str(number)]["recip_rank"] for number in range(len(cases))])
    cut = np.where(reciprocal >= 1 / 10, reciprocal, 0)
    np.testing.assert_allclose(look_up_measure("RR@10")(ranked), cut, rtol=0, atol=1e-9)


def test_worked_example_of_the_design() -> None:
    """Relevant passages at ranks 2, 5, 7 of a pool of 20."""
    ranks, query = np.array([5, 2, 7]), np.zeros(3, dtype=int)
    assert average_precision(Ranked(ranks, query, query + 1, 1))[0] == pytest.approx((1 / 2 + 2 / 5 + 3 / 7) / 3)
    assert average_precision(Ranked(ranks, query, query + 1, 1))[0] == pytest.approx(0.442857, abs=1e-6)
    assert rank_distance(ranks, query, 1)[0] == 5
    assert rank_distance(ranks, query, 1)[0] / (20 - 1) == pytest.approx(0.263158, abs=1e-6)


def test_a_group_without_relevant_passages_is_no_case() -> None:
    ranked = Ranked(np.array([1]), np.array([1]), np.array([1]), 3)
    for name in ("AP", "nDCG@10", "RR@10", "R@10", "Success@10"):
        np.testing.assert_array_equal(look_up_measure(name)(ranked), [np.nan, 1, np.nan])


def test_rank_distance_needs_two_passages() -> None:
    assert np.isnan(rank_distance(np.array([4]), np.array([0]), 1)[0])


def test_own_language_first_and_mean_rank() -> None:
    """Two queries, in languages 0 and 1; passages in both languages each."""
    rank, query, language = np.array([1, 9, 2, 4]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    np.testing.assert_array_equal(own_language_first(rank, query, language, np.array([0, 1])), [1, 0])
    mean = mean_rank_by_language(rank, query, language, np.array([0, 1]), (2, 2))
    np.testing.assert_array_equal(mean, [[1, 9], [2, 4]])


@pytest.mark.parametrize("name", ["MAPS", "nDCG", "nDCG@0", "R@-1", "R@1.5", "MMRR@10", ""])
def test_unknown_measures_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown measure"):
        look_up_measure(name)
