"""Measures agree with trec_eval and with the worked example of the design."""

from __future__ import annotations

import numpy as np
import pytest
import pytrec_eval
from numpy.random import Generator, default_rng

from robustbench_ir.errors import UnknownNameError
from robustbench_ir.score.bias import mean_rank_by_language, own_language_first, rank_distance
from robustbench_ir.score.measures import Ranked, average_precision, measure

TREC_NAMES = {"AP": "map", "nDCG@10": "ndcg_cut_10", "R@1": "recall_1", "R@10": "recall_10", "R@100": "recall_100"}


def random_case(random: Generator) -> tuple[dict[str, int], list[str]]:
    """Return graded judgements and a ranking of all documents."""
    documents = [f"d{number}" for number in range(int(random.integers(1, 200)))]
    relevant = random.choice(documents, size=int(random.integers(1, min(len(documents), 15) + 1)), replace=False)
    grades = {str(document): int(random.integers(1, 4)) for document in relevant}
    return grades, [str(document) for document in random.permutation(documents)]


def test_measures_equal_trec_eval_on_random_rankings() -> None:
    random = default_rng(7)
    cases = [random_case(random) for _ in range(300)]
    qrels = {str(number): grades for number, (grades, _) in enumerate(cases)}
    run = {
        str(number): {document: float(-place) for place, document in enumerate(ranking)}
        for number, (_, ranking) in enumerate(cases)
    }
    names = {"map", "ndcg_cut.10", "recall.1,10,100", "recip_rank"}
    expected = pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)

    rows = [
        (number, ranking.index(document) + 1, grade)
        for number, (grades, ranking) in enumerate(cases)
        for document, grade in grades.items()
    ]
    group, rank, grade = np.array(rows)[random.permutation(len(rows))].T
    ranked = Ranked(rank, group, grade, len(cases))
    for ours, theirs in TREC_NAMES.items():
        wanted = [expected[str(number)][theirs] for number in range(len(cases))]
        np.testing.assert_allclose(measure(ours)(ranked), wanted, rtol=0, atol=1e-9, err_msg=ours)
    reciprocal = np.array([expected[str(number)]["recip_rank"] for number in range(len(cases))])
    cut = np.where(reciprocal >= 1 / 10, reciprocal, 0)
    np.testing.assert_allclose(measure("RR@10")(ranked), cut, rtol=0, atol=1e-9)


def test_worked_example_of_the_design() -> None:
    """Relevant passages at ranks 2, 5, 7 of a pool of 20."""
    ranks, query = np.array([5, 2, 7]), np.zeros(3, dtype=int)
    assert average_precision(Ranked(ranks, query, query + 1, 1))[0] == pytest.approx((1 / 2 + 2 / 5 + 3 / 7) / 3)
    assert average_precision(Ranked(ranks, query, query + 1, 1))[0] == pytest.approx(0.442857, abs=1e-6)
    assert rank_distance(ranks, query, 1)[0] == 5
    assert rank_distance(ranks, query, 1)[0] / (20 - 1) == pytest.approx(0.263158, abs=1e-6)


def test_a_group_without_relevant_passages_is_no_case() -> None:
    ranked = Ranked(np.array([1]), np.array([1]), np.array([1]), 3)
    for name in ("AP", "nDCG@10", "RR@10", "R@10"):
        np.testing.assert_array_equal(measure(name)(ranked), [np.nan, 1, np.nan])


def test_rank_distance_needs_two_passages() -> None:
    assert np.isnan(rank_distance(np.array([4]), np.array([0]), 1)[0])


def test_own_language_first_and_mean_rank() -> None:
    """Two queries, in languages 0 and 1; passages in both languages each."""
    rank, query, language = np.array([1, 9, 2, 4]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    np.testing.assert_array_equal(own_language_first(rank, query, language, np.array([0, 1])), [1, 0])
    mean = mean_rank_by_language(rank, query, language, np.array([0, 1]), (2, 2))
    np.testing.assert_array_equal(mean, [[1, 9], [2, 4]])


@pytest.mark.parametrize("name", ["MAP", "nDCG", "nDCG@0", "R@-1", "R@1.5", "P@10", ""])
def test_unknown_measures_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown measure"):
        measure(name)
