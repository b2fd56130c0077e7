"""What the numbers of a setting are over: the queries that it scores, in languages that the recipe covers."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from robustbench_ir import attack
from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.metrics.findings import Finding
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity
from robustbench_ir.reports.content import macro_scores
from robustbench_ir.reports.terminal import score_table
from robustbench_ir.results.file import result_from_json, result_to_json
from robustbench_ir.results.result import Cell, Drop, Result
from robustbench_ir.retrieval.ranking import Ranks

TYPO = AttackIdentity.parse("typo@3")


def by_hand(not_covered: dict[str, str] | None = None) -> Result:
    """Two questions each in English, French and Swahili; passages are English and French only.

    Every query has one relevant English and one relevant French passage, all at rank 1 of their language. Attacked, the
    first English query and both Swahili ones change; the first English passage of the English query falls to rank 2, so
    that its AP there is 1/2.
    """
    layout = Judgements(
        query_ids=("en:1", "en:2", "fr:1", "fr:2", "sw:1", "sw:2"),
        parallel_ids=("1", "2") * 3,
        languages=("en", "en", "fr", "fr", "sw", "sw"),
        pool={"en": 5, "fr": 5},
        query=np.repeat(np.arange(6, dtype=np.int32), 2),
        passage_language=np.array([0, 1] * 6, dtype=np.int32),
        grade=np.ones(12, dtype=np.int32),
    )
    in_pool, ones = np.array([1, 2] * 6, dtype=np.int32), np.ones(12, dtype=np.int32)
    none = np.zeros(6)
    clean = Cell(CLEAN, 0, 0, "0" * 64, none > 0, none, none, {}, Ranks(in_pool, ones))
    fallen_pool, fallen = in_pool.copy(), ones.copy()
    fallen_pool[:2], fallen[0] = (3, 2), 2
    changed = np.array([1, 0, 0, 0, 1, 1], dtype=bool)
    attacked = replace(
        clean,
        recipe=TYPO,
        severity=3,
        digest="1" * 64,
        changed=changed,
        touched=changed / 2,
        edit_rate=changed / 4,
        not_covered=not_covered or {},
        ranks=Ranks(fallen_pool, fallen),
    )
    encoder = EncoderDescription("by hand", "f" * 8, "cosine", 3)
    return Result("0.1.0", "hand@1", "2" * 64, encoder, layout, clean, (attacked,))


def row_of(rows: list[Drop] | list[Finding]) -> Drop | Finding:
    (row,) = rows
    return row


@pytest.fixture(params=["drops", "findings"])
def rows_of(request: pytest.FixtureRequest) -> Callable[[Result, str], list[Drop] | list[Finding]]:
    return lambda result, setting: getattr(result, request.param)(setting)


def test_coverage_is_over_the_queries_that_the_setting_scores(
    rows_of: Callable[[Result, str], list[Drop] | list[Finding]],
) -> None:
    """Swahili has no passages, so it has no monolingual score: 1 of 2 English and 0 of 2 French queries changed."""
    row = row_of(rows_of(by_hand(), "monolingual"))
    assert (row.coverage, row.text_coverage) == (0.25, 0.25)
    assert (row.touched, row.edit_rate) == (0.125, 0.0625)  # half of (1/4 + 0) / 2 in English, and 0 in French
    # Cross-lingual pairs: en-fr 1/2, fr-en 0, sw-en 1, sw-fr 1.
    row = row_of(rows_of(by_hand(), "cross-lingual"))
    assert row.coverage == 0.625
    row = row_of(rows_of(by_hand(), "multilingual"))
    assert row.coverage == pytest.approx(0.5)


def test_a_headline_is_over_the_languages_that_the_recipe_covers() -> None:
    """French is not covered: the monolingual numbers are those of English, where AP falls from 1 to (1 + 1/2) / 2."""
    result = by_hand({"fr": "no keys"})
    drop = row_of(result.drops("monolingual"))
    assert isinstance(drop, Drop)
    assert (drop.clean, drop.attacked, drop.coverage, drop.edit_rate) == (1, 0.75, 0.5, 0.125)
    finding = row_of(result.findings("monolingual", resamples=100))
    assert isinstance(finding, Finding)
    assert (finding.clean.value, finding.attacked.value, finding.drop.value) == (1, 0.75, 0.25)
    assert finding.clean_rank_distance.value == 1
    (summary,) = result.summaries("monolingual", resamples=100)
    assert summary.all_queries.curve[-1].value == 0.75
    (score,) = macro_scores(result, "AP", ["monolingual"], 100)["monolingual"]
    assert (score.clean, score.drop.value, score.coverage) == (1, 0.25, 0.5)


def test_a_language_that_is_not_covered_has_no_drop() -> None:
    rows = {row.language: row for row in by_hand({"fr": "no keys"}).drops("monolingual", by="language")}
    assert np.isnan([rows["fr"].clean, rows["fr"].absolute, rows["fr"].coverage]).all()
    assert rows["en"].absolute == 0.25


def test_a_result_in_which_nothing_is_covered_can_be_saved() -> None:
    result = by_hand(dict.fromkeys(("en", "fr", "sw"), "no keys"))
    assert np.isnan(row_of(result.drops("monolingual")).coverage)
    assert result_from_json(result_to_json(result)).attacked[0].not_covered == result.attacked[0].not_covered


@pytest.mark.slow
def test_afriqa_counts_english_and_french_in_the_monolingual_setting(shared_data: Path) -> None:
    """The reference is computed from the table of queries, by pandas alone."""
    recipes = ["code-switching", "synonym", "diacritics"]
    found = attack("char-ngram", "afriqa", recipes, languages=["en", "fr", "fon", "sw"], seeds=2)
    frame = found.per_query()
    missed = {str(cell.recipe): set(cell.not_covered) for cell in found.attacked}
    measured = {}
    for row in found.drops("monolingual"):
        scored = frame[(frame["recipe"] == str(row.recipe)) & frame["monolingual"].notna()]
        assert set(scored["language"]) == {"en", "fr"}
        of_language = scored.groupby("language")[["reached", "changed", "edit_rate"]].mean()
        covered = of_language[~of_language.index.isin(missed[str(row.recipe)])].mean()
        assert (row.coverage, row.text_coverage, row.edit_rate) == pytest.approx(tuple(covered))
        measured[row.recipe.label] = float(of_language["changed"].mean())
    # What a recipe does not touch counts as unchanged there, and not at all in the figures above.
    assert all(0 < share <= 1 for share in measured.values())


def test_language_bias_is_over_the_covered_languages_too() -> None:
    """The French answer of a query is at rank 2, the English one at 1; attacked, that of English query 1 is at 3."""
    rows = {row.name: row for row in by_hand({"fr": "no keys"}).bias_findings(resamples=100)}
    share = rows["english_first"]
    assert (share.clean.value, share.attacked.value) == (1, 1), "over Swahili queries: French ones are not covered"
    own = rows["own_language_first"]
    assert (own.clean.value, own.attacked.value) == (1, 0.5), "Swahili has no passages, so this is English alone"


def test_the_drop_of_changed_queries_stands_in_the_terminal_where_coverage_is_low() -> None:
    def headers(result: Result) -> str:
        console = Console(width=100, record=True, file=StringIO())
        console.print(score_table(result))
        return console.export_text()

    low = by_hand()
    changed = np.ones(6, dtype=bool)
    high = replace(low, attacked=(replace(low.attacked[0], changed=changed),))
    assert "drop," in headers(low)
    assert "drop," not in headers(high)
    assert "6.2%" in headers(low), "the edit distance, in the monolingual table"


def test_seeds_and_worst_cases_are_over_the_covered_languages() -> None:
    """A language that no attack touched neither hides the effect of seeds nor dilutes a relative drop."""
    result = attack("char-ngram", recipes=["transliteration"], languages=["en", "hi", "ru"], seeds=3)
    assert set(result.attacked[0].not_covered) == {"en"}
    (effect,) = result.seed_effects("monolingual")
    whole = replace(result, attacked=tuple(replace(cell, not_covered={}) for cell in result.attacked))
    (diluted,) = whole.seed_effects("monolingual")
    assert effect.deviation == pytest.approx(diluted.deviation * 3 / 2), "over two languages instead of three"
    search = AttackIdentity.parse("greedy(transliteration@5)|goal=map|words=2|queries=30")
    searched = tuple(replace(cell, recipe=search) for cell in result.attacked)
    both = replace(result, attacked=(*result.attacked, *searched))
    (row,) = both.worst_cases("monolingual", resamples=200)
    plain = both.findings("monolingual", resamples=200)[0]
    assert row.average_relative_drop.value == pytest.approx(plain.relative_drop.value)
    assert row.relative_gap.value == pytest.approx(0)
