"""Agreement of reviewers: golden values of Krippendorff's own example and of the package `krippendorff` 0.9.0."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from scipy.stats import binomtest

from robustbench_ir.metrics.agreement import Level, krippendorff_alpha, pairwise_agreement, share_with_interval

# "Computing Krippendorff's Alpha-Reliability" (2011), part C: four observers, twelve units, some of them not judged.
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
# Drawn at random; the values are those of krippendorff.alpha(..., level_of_measurement=...) with all three values.
DRAWN = ("1202.0.0012.1.", "2022221.211212", "202122..12..22", "111222.22.22.2", "22210022021222")


def items_of(observers: tuple[str, ...]) -> list[list[int]]:
    return [[int(one) for one in column if one != "."] for column in zip(*observers, strict=True)]


@pytest.mark.parametrize(
    ("observers", "level", "published", "alpha"),
    [
        (OBSERVERS, "nominal", 0.743, 0.743421052631579),
        (OBSERVERS, "ordinal", 0.815, 0.8153875037548814),
        (DRAWN, "nominal", None, -0.056122448979591955),
        (DRAWN, "ordinal", None, -0.11916919555064776),
    ],
)
def test_alpha_is_that_of_the_paper_and_of_the_package(
    observers: tuple[str, ...], level: Level, published: float | None, alpha: float
) -> None:
    found = krippendorff_alpha(items_of(observers), level)
    assert found == pytest.approx(alpha, abs=1e-12)
    assert published is None or round(found, 3) == published


def test_alpha_has_no_value_without_disagreement_or_without_pairs() -> None:
    assert math.isnan(krippendorff_alpha([[0, 0], [0, 0, 0]], "ordinal"))
    assert math.isnan(krippendorff_alpha([[0], [1], []], "ordinal"))
    assert math.isnan(krippendorff_alpha([], "nominal"))
    assert krippendorff_alpha([[0, 0], [2, 2]], "ordinal") == 1


def test_ordinal_alpha_forgives_neighbours_more_than_extremes() -> None:
    near, far = ([[0, 0], [1, 1], [2, 2], [0, other]] for other in (1, 2))
    assert krippendorff_alpha(near, "nominal") > 0
    assert krippendorff_alpha(near, "ordinal") > krippendorff_alpha(far, "ordinal")


def test_pairwise_agreement_is_that_of_all_pairs() -> None:
    items = items_of(DRAWN)
    pairs = [one == other for item in items for one, other in combinations(item, 2)]
    assert pairwise_agreement(items) == pytest.approx(sum(pairs) / len(pairs))
    assert math.isnan(pairwise_agreement([[1], []]))


@pytest.mark.parametrize(("count", "number"), [(0, 4), (4, 4), (3, 17), (120, 300)])
def test_the_interval_of_a_share_is_wilsons(count: int, number: int) -> None:
    reference = binomtest(count, number).proportion_ci(method="wilson")
    found = share_with_interval(count, number, number)
    assert (found.value, found.low, found.high) == pytest.approx((count / number, reference.low, reference.high))


def test_judgements_of_one_item_make_the_interval_no_narrower() -> None:
    once, thrice = share_with_interval(6, 10, 10), share_with_interval(18, 30, 10)
    assert (once.low, once.high) == (thrice.low, thrice.high)
    assert math.isnan(share_with_interval(0, 0, 0).value)
