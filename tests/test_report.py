"""The report: right numbers in every form, texts made again and checked, nothing of the data taken for markup."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from robustbench_ir import Result, attack, save_result
from robustbench_ir._base.listed import in_words
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import EncoderDescription, load_encoder
from robustbench_ir.errors import OptionError
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity, RecipeIdentity
from robustbench_ir.reports import plots
from robustbench_ir.reports.charts import (
    Bar,
    apart,
    bar_chart,
    bias_legend,
    bias_pictures,
    compact,
    curves,
    heat_map,
    shortened,
    step,
    ticks,
)
from robustbench_ir.reports.content import Sheet, prepare_sheets, summary_sentences
from robustbench_ir.reports.exports import EXPORTS
from robustbench_ir.reports.page import report_page
from robustbench_ir.reports.shown_queries import text_direction
from robustbench_ir.reports.tables import (
    bias_table,
    language_comparison_table,
    rank_change_table,
    robustness_table,
    side_by_side_table,
    worst_case_table,
)
from robustbench_ir.reports.verdict import findings_in_words, verdict_sentence
from robustbench_ir.reports.worst import Examples, WorstQuery, find_examples
from robustbench_ir.results.result import Cell
from robustbench_ir.results.verdict import overall
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.tasks import load_task

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

EVIL = "<script>alert(1)</script>"
TYPO = AttackIdentity.parse("typo@5")
LANGUAGES = ["bn", "en", "hi"]
FEW = 200  # resamples: the numbers in the tests are exact, the intervals only have to be the same everywhere


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A real run, on the task that ships."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path_factory.mktemp("cache")))
        return attack("char-ngram", recipes=["typo", "transliteration"], languages=LANGUAGES, severities=[1, 3])


@pytest.fixture(scope="module")
def sheet(small: Result) -> Sheet:
    (one,) = prepare_sheets([("small.json", small)], resamples=FEW)
    return one


def by_hand(name: str = "a_b&c", recipe: AttackIdentity = TYPO) -> Result:
    """Four questions in English and Thai, one relevant passage in each language; AP can be had in the head.

    In one's own language all ranks are 1; the attack makes the second English passage the second: AP 1/2. With so few
    questions an interval reaches from none to all of the draws being that question.
    """
    questions = ("1", "2", "3", "4")
    layout = Judgements(
        query_ids=tuple(f"{language}:{one}" for language in ("en", "th") for one in questions),
        parallel_ids=questions * 2,
        languages=("en",) * 4 + ("th",) * 4,
        pool={"en": 5, "th": 5},
        query=np.repeat(np.arange(8, dtype=np.int32), 2),
        passage_language=np.array([0, 1] * 8, dtype=np.int32),
        grade=np.ones(16, dtype=np.int32),
    )
    in_pool, ones = np.array([1, 2] * 8, dtype=np.int32), np.ones(16, dtype=np.int32)
    clean = Cell(CLEAN, 0, 0, "0" * 64, np.zeros(8, bool), np.zeros(8), np.zeros(8), {}, Ranks(in_pool, ones))
    fallen_pool, fallen = in_pool.copy(), ones.copy()
    fallen_pool[2:4], fallen[2] = (4, 2), 2
    changed = np.array([True] * 4 + [False] * 4)
    attacked = replace(
        clean,
        recipe=recipe,
        severity=3,
        digest="1" * 64,
        changed=changed,
        touched=changed / 2,
        edit_rate=changed / 4,
        not_covered={"th": "50% | no_keys"},
        ranks=Ranks(fallen_pool, fallen),
    )
    encoder = EncoderDescription(name, "f" * 8, "cosine", 3)
    return Result("0.1.0", "hand@1", "2" * 64, encoder, layout, clean, (attacked,))


def page_of(*results: Result, worst: int = 3) -> str:
    prepared = prepare_sheets([(f"{place}.json", one) for place, one in enumerate(results)], resamples=FEW)
    return report_page(prepared, find_examples(prepared, worst))


# Numbers


def test_the_summary_names_the_recipe_and_the_languages_that_lose_most(small: Result, sheet: Sheet) -> None:
    drops = {one.recipe: one for one in small.drops("multilingual") if one.severity == 3}
    worst = max(drops.values(), key=lambda one: one.absolute)
    first, second = summary_sentences(sheet)
    assert f"{worst.recipe.label} costs char-ngram most: mAP falls" in first
    assert f"from {worst.clean:.3f} to {worst.attacked:.3f}, by {worst.absolute:.3f} (95% interval " in first
    assert re.search(
        r"queries in \w+ \(\d+\.\d% of the clean score, -?\d+\.\d% to \d+\.\d%; \d\.\d{3} in absolute terms\) lose",
        second,
    )


def test_a_recipe_that_helps_is_not_said_to_cost() -> None:
    result = by_hand()
    (cell,) = result.attacked
    better = replace(
        result, clean=replace(result.clean, ranks=cell.ranks), attacked=(replace(cell, ranks=result.clean.ranks),)
    )
    (one,) = prepare_sheets([("x.json", better)], resamples=FEW)
    assert "no recipe lowers the mAP of a_b&c" in summary_sentences(one)[0]


def test_intervals_by_language_are_those_of_the_findings(small: Result, sheet: Sheet) -> None:
    known = {
        (one.recipe, one.language): one.drop
        for one in small.findings("multilingual", by="language", resamples=FEW)
        if one.severity == 3
    }
    checked = 0
    for recipe in sheet.recipes:
        for one in sheet.by_language[recipe]:
            if not one.reason:
                found, expected = one.estimate, known[recipe, one.language]
                assert (found.value, found.low, found.high) == pytest.approx(
                    (expected.value, expected.low, expected.high), abs=1e-9
                )
                checked += 1
    assert checked == 2 * len(LANGUAGES) - sum(len(cell.not_covered) for cell in small.attacked if cell.severity == 3)


def test_intervals_of_the_macro_averages_are_those_of_the_findings(small: Result, sheet: Sheet) -> None:
    for setting in small.settings:
        for found, known in zip(sheet.scores[setting], small.findings(setting, resamples=FEW), strict=True):
            pairs = ((found.drop, known.drop), (found.rank_distance_change, known.rank_distance_change))
            for mine, theirs in pairs:
                assert (mine.value, mine.low, mine.high) == pytest.approx((theirs.value, theirs.low, theirs.high))
            assert (found.clean, found.attacked) == pytest.approx((known.clean.value, known.attacked.value))
            assert (found.relative, found.coverage) == pytest.approx((known.relative_drop.value, known.coverage))


@pytest.fixture(scope="module")
def wide(small: Result) -> Sheet:
    """The run with a second recipe that covers every language: the typos of severity 1."""
    later = tuple(
        replace(cell, recipe=AttackIdentity.parse("slip@5"), severity=3)
        for cell in small.attacked
        if cell.recipe.label == "typo" and cell.severity == 1
    )
    (one,) = prepare_sheets([("x.json", replace(small, attacked=(*small.attacked, *later)))], resamples=FEW)
    return one


def test_languages_are_compared_over_recipes_that_cover_all_of_them(wide: Sheet) -> None:
    """English has no romanisation, which would make other languages look worse, or better, than English."""
    drops = {
        (one.recipe, one.language): (one.absolute, one.clean)
        for one in wide.result.drops("multilingual", by="language")
        if one.severity == 3
    }
    shared = [one for one in wide.recipes if one.label != "transliteration"]
    assert wide.shared_recipes == shared
    assert list(wide.by_language) == [None, *wide.recipes]
    assert wide.heading(None) == "mean over typo and slip"
    for one in wide.by_language[None]:
        found = np.mean([drops[recipe, one.language] for recipe in shared], axis=0)
        assert one.estimate.value == pytest.approx(found[0], abs=1e-12)
        assert one.relative.value == pytest.approx(found[0] / found[1], abs=1e-12)
    order = [one.relative.value for one in wide.by_language[None]]
    assert order == sorted(order, reverse=True)
    assert summary_sentences(wide)[1].startswith("Averaged over typo and slip, which alone cover all these languages, ")
    typo_and_slip = [one for one in wide.result.attacked if one.recipe.label != "transliteration"]
    (alike,) = prepare_sheets([("x.json", replace(wide.result, attacked=tuple(typo_and_slip)))], resamples=FEW)
    assert alike.by_language[None] == wide.by_language[None]
    assert alike.heading(None) == "mean over recipes"
    assert summary_sentences(alike)[1].startswith("Averaged over the recipes, queries")


def test_with_one_recipe_for_all_languages_it_alone_compares_them(sheet: Sheet, small: Result) -> None:
    assert [one.label for one in sheet.by_language if one] == ["typo", "transliteration"]
    assert summary_sentences(sheet)[1].startswith("Under typo, which alone covers all languages, queries in ")
    turned = replace(small, attacked=small.attacked[::-1])
    (one,) = prepare_sheets([("x.json", turned)], resamples=FEW)
    assert [recipe.label for recipe in one.by_language if recipe] == ["typo", "transliteration"]
    only = replace(small, attacked=tuple(cell for cell in small.attacked if cell.recipe.label == "transliteration"))
    (other,) = prepare_sheets([("x.json", only)], resamples=FEW)
    assert summary_sentences(other)[1].startswith("Queries in ")


def test_results_are_compared_by_language_over_what_all_of_them_have(wide: Sheet, sheet: Sheet) -> None:
    table = language_comparison_table([wide, sheet])
    assert table.caption.endswith("by query language, under typo")
    (typo,) = sheet.shared_recipes
    known = {one.language: one.relative.value for one in sheet.by_language[typo]}
    assert {row[2].value for row in table.rows} == {row[3].value for row in table.rows} == set(known.values())
    assert language_comparison_table([wide, wide]).caption.endswith("mean over typo and slip")


def test_languages_are_sorted_by_drop_and_those_not_covered_stand_last_with_the_reason(sheet: Sheet) -> None:
    recipe = next(one for one in sheet.recipes if one.label == "transliteration")
    *covered, english = sheet.by_language[recipe]
    assert english.language == "en"
    assert "Latin" in english.reason
    assert [one.estimate.value for one in covered] == sorted((one.estimate.value for one in covered), reverse=True)


def test_rank_changes_are_attacked_minus_clean_mean_ranks() -> None:
    (one,) = prepare_sheets([("x.json", by_hand())], resamples=FEW)
    # English: question 2 of 4 falls from ranks 1 and 2 to 4 and 2, the others do not; Thai is not covered.
    assert one.rank_changes["typo@5"] == pytest.approx(np.array([[0.75, 0.0], [np.nan, np.nan]]), nan_ok=True)


def test_robustness_and_bias_are_those_of_the_result(small: Result, sheet: Sheet) -> None:
    table, summaries = robustness_table(sheet), small.summaries("multilingual", resamples=FEW)
    assert [row[0].text for row in table.rows[::2]] == [one.recipe.label for one in summaries]
    found = [of for one in summaries for of in (one.all_queries, one.changed_only)]
    for row, one in zip(table.rows, found, strict=True):
        assert one.worst is not None
        worst = one.worst.relative_drop.value, one.worst.drop.value
        assert [row[place].value for place in (2, 4, 7, 9)] == [one.area.value, one.curve[-1].value, *worst]
        assert row[6].text == {"bn": "Bengali", "hi": "Hindi", "en": "English"}[one.worst.language]
    findings = small.bias_findings(3, resamples=FEW)
    assert [row[4].value for row in bias_table(sheet).rows] == pytest.approx(
        [one.change.value for one in findings if not one.refusal]
    )
    assert {one.severity for one in findings} == {3}
    recipe = sheet.recipes[0]
    ranks = small.mean_ranks(recipe, 3, resamples=FEW)
    np.testing.assert_allclose(ranks.change, sheet.rank_changes[recipe])
    shown = rank_change_table(sheet, recipe).rows[0][1].text
    assert shown == f"{ranks.change[0, 0]:+,.1f} ±{(ranks.high - ranks.low)[0, 0] / 2:,.1f}"
    page = report_page([sheet], [Examples()])
    assert "Robustness in a few numbers" in page
    assert "same whatever the ranking" in page, "why there is no PEER"


def test_of_many_results_details_are_left_out(small: Result) -> None:
    prepared = prepare_sheets([(f"{one}.json", small) for one in range(4)], resamples=FEW)
    page = report_page(prepared, [Examples()] * 4)
    assert "Robustness in a few numbers" not in page
    assert all(not one.rank_margins for one in prepared)
    assert "language_bias" not in EXPORTS["json"](prepared)


def test_a_search_stands_beside_its_average_case_and_can_be_run_again(tmp_path: Path) -> None:
    result = by_hand(recipe=AttackIdentity.parse("greedy(typo@5,synonym@3)|goal=map|words=1|queries=30"))
    (worst,) = result.attacked
    by_chance = replace(worst.recipe, search=replace(worst.recipe.search, method="random"))
    chance = replace(worst, recipe=by_chance, ranks=result.clean.ranks)
    (one,) = prepare_sheets([("x.json", replace(result, attacked=(worst, chance)))], resamples=FEW)
    (row,) = worst_case_table(one).rows
    clean = result.drops("multilingual")[0].clean
    share = f"{0.125 / clean:+.1%}"
    assert [row[place].text for place in (0, 1, 2, 3, 4, 5, 7, 8, 9)] == [
        "greedy(typo,synonym)", "random(typo,synonym)", "3", "+0.0%", share, share, "+0.000", "+0.125", "+0.125",
    ]  # fmt: skip
    assert "Worst case against average case" in report_page([one], [Examples()])
    assert one.command.endswith(
        "--recipe typo+synonym --severity 3 --seeds 1 --search greedy --search random --goal map --budget-words 1 "
        "--budget-queries 30"
    )


# Texts made again


def test_the_worst_queries_are_the_worst_and_are_shown_as_they_were_ranked(small: Result, sheet: Sheet) -> None:
    (found,) = find_examples([sheet], 6)
    task = load_task("mini", LANGUAGES)
    by_id = small.per_query()
    clean = by_id[by_id.recipe == "clean"].set_index("query_id").multilingual
    assert len({small.judgements.parallel_ids[one.row] for one in found.worst}) == 6
    assert {one.cell.recipe for one in found.worst} == set(sheet.recipes)
    for one in found.worst:
        assert one.cell.severity == 3
        mine = by_id[(by_id.recipe == str(one.cell.recipe)) & (by_id.severity == 3)].set_index("query_id").multilingual
        assert one.clean - one.attacked == pytest.approx(clean[one.query_id] - mine[one.query_id])
        query = task.queries[one.row]
        (made,) = load_recipe(one.cell.recipe.label).perturb([query], 3, 0)
        assert one.texts is not None
        assert ("".join(p.text for p in one.texts.before), one.texts.perturbed) == (query.text, made.text)
        assert "".join(p.text for p in one.texts.after) == made.text
        assert one.texts.right.passage_id.split(":")[1] == query.parallel_id
        falls = dict(
            zip(
                (list(small.judgements.pool)[code] for code in small.judgements.passage_language[rows_of(small, one)]),
                (one.cell.ranks.in_pool - small.clean.ranks.in_pool)[rows_of(small, one)].tolist(),
                strict=True,
            )
        )
        assert falls[one.texts.right.language] == max(falls.values()) == one.rank_after - one.rank_before > 0
        assert one.passage_language == one.texts.right.language
    first = found.worst[0]
    fall = (
        clean
        - by_id[(by_id.recipe == str(first.cell.recipe)) & (by_id.severity == 3)].set_index("query_id").multilingual
    ).max()
    assert first.clean - first.attacked == pytest.approx(fall)
    assert any("--with-passages" in note for note in found.notes)


def rows_of(result: Result, one: WorstQuery) -> NDArray[np.bool_]:
    return np.asarray(result.judgements.query == one.row)


def test_the_passage_that_overtook_is_the_best_that_is_not_relevant(sheet: Sheet) -> None:
    encoder = load_encoder("char-ngram")
    (found,) = find_examples([sheet], 4, encoders=[encoder])
    task = load_task("mini", LANGUAGES)
    rows = encoder.encode_passages([passage.text for passage in task.passages])
    for one in found.worst:
        assert one.texts is not None
        scores = (encoder.encode_queries([one.texts.perturbed]) @ rows.T).toarray()[0]
        ordered = [task.passages[row] for row in np.argsort(-scores, kind="stable")]
        parallel = task.queries[one.row].parallel_id
        assert one.texts.overtook == next(p for p in ordered if p.passage_id.split(":")[1] != parallel)
    assert found.notes == []


def test_a_passage_that_is_not_retrieved_comes_behind_all_others_and_overtakes_none() -> None:
    lexical = attack("bm25", recipes=["typo"], languages=["en", "sw"], severities=[5])
    (one,) = prepare_sheets([("lexical.json", lexical)], resamples=FEW)
    (found,) = find_examples([one], 60, encoders=[load_encoder("bm25")])
    task = load_task("mini", ["en", "sw"])
    scored = load_encoder("bm25").fitted([passage.text for passage in task.passages])  # type: ignore[attr-defined]
    rows = scored.encode_passages([passage.text for passage in task.passages])
    ranks = lexical.clean.ranks.in_pool
    for worst in found.worst:
        known = ranks[lexical.judgements.query == worst.row]
        assert worst.rank_before == known[known > 0].min()
        assert worst.texts is not None
        scores = (scored.encode_queries([worst.texts.perturbed]) @ rows.T).toarray()[0]
        rivals = [row for row, passage in enumerate(task.passages) if passage.passage_id.split(":")[1]
                  != task.queries[worst.row].parallel_id and scores[row] > 0]  # fmt: skip
        assert (worst.texts.overtook is None) == (not rivals)
    assert any(worst.texts and worst.texts.overtook is None for worst in found.worst), "a query may lose all its words"
    lost = [worst for worst in found.worst if worst.rank_after == 0]
    assert lost
    page = report_page([one], [Examples(lost)])
    assert "to none (not retrieved)" in page
    assert "\u2192 0 " not in page


def test_the_legend_of_small_rank_changes_has_a_name_for_each_colour() -> None:
    sheet = prepare_sheets([("x.json", by_hand())], resamples=FEW)[0]
    meanings = [meaning for _, meaning in bias_legend(sheet)]
    assert len(set(meanings)) == 9
    assert not any(meaning.startswith("0 ") for meaning in meanings)


def test_another_encoder_is_refused(sheet: Sheet) -> None:
    with pytest.raises(OptionError, match=r"was made by bm25 .* name the encoder that made one, char-ngram"):
        find_examples([sheet], 4, encoders=[load_encoder("bm25")])


def test_texts_that_are_not_here_are_said_to_be_missing_and_nothing_is_made_up(
    small: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", "/nowhere")
    cases = {
        "unknown task 'gone'": replace(small, task="gone@1"),
        "holds other texts": replace(small, task_digest="0" * 64),
        "makes other queries": replace(small, attacked=tuple(replace(one, digest="0" * 64) for one in small.attacked)),
        r"typo@2 ran, this irbench has typo@5": replace(
            small, attacked=tuple(replace(one, recipe=AttackIdentity.parse("typo@2")) for one in small.attacked[:1])
        ),
    }
    for message, result in cases.items():
        (found,) = find_examples(prepare_sheets([("x.json", result)], resamples=FEW), 3)
        assert any(message in note for note in found.notes), (message, found.notes)
        assert found.worst, "ranks are known without texts"
        assert all(one.texts is None for one in found.worst)


def test_mixed_text_of_a_right_to_left_language_runs_from_the_right() -> None:
    assert text_direction("ar", "mata بدأت") == "rtl"
    assert text_direction("ar", "mata bada2at") == "auto"
    assert text_direction("th", "กข") == "ltr"
    assert text_direction("xx", "abc") == "auto"
    assert text_direction("ha", "ya kake") == "ltr"
    assert text_direction("ha", "يا كاكى") == "auto", (
        "a Latin-script language in the Arabic script that it is written in, too"
    )


# The page


def test_nothing_of_the_data_becomes_markup() -> None:
    page = page_of(by_hand(name=EVIL, recipe=AttackIdentity((RecipeIdentity(EVIL, "1"),))))
    assert EVIL not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<script>") == 1


def test_the_page_loads_nothing_and_allows_nothing_but_its_own_script(sheet: Sheet) -> None:
    page = report_page([sheet], [Examples()])
    assert "default-src 'none'; style-src 'sha256-" in page
    assert not re.search(r"\b(src|srcset|action|formaction|style|on\w+)=|url\(|@import|https?://|unsafe-inline", page)
    assert set(re.findall(r'href="([^"])', page)) == {"#"}
    targets, identifiers = set(re.findall(r'href="#([^"]+)"', page)), re.findall(r'\bid="([^"]+)"', page)
    assert targets <= set(identifiers)
    assert len(identifiers) == len(set(identifiers))


def test_every_picture_has_a_name_and_the_table_behind_it(sheet: Sheet) -> None:
    page = report_page([sheet], [Examples()])
    pictures = re.findall(r"<figure>.*?</figure>", page, flags=re.DOTALL)
    assert len(pictures) == 3 + 2 + 2  # settings; recipes; recipes
    for picture in pictures:
        assert re.search(r'<svg role="img" aria-label="[^"]{10,}"', picture)
        assert re.search(r"<details>.*<table.*<td", picture, flags=re.DOTALL)


def test_several_results_stand_side_by_side_under_names_of_their_own(small: Result) -> None:
    other = replace(small, encoder=replace(small.encoder, name="/models/owner/char-ngram/"))
    page = page_of(small, other, by_hand())
    assert 'href="#comparison"' in page
    assert "char-ngram (0)" in page
    assert "char-ngram (1)" in page
    assert "not of the same texts and judgements" in page
    assert "not of the same recipes" in page
    assert "not of the same texts" not in page_of(small, other)


def test_a_result_without_attack_has_a_page_and_all_exports() -> None:
    clean = replace(by_hand(), attacked=())
    assert "was not attacked" in page_of(clean)
    assert "was not attacked" in page_of(clean, by_hand())
    prepared = prepare_sheets([("x.json", clean)], resamples=FEW)
    assert all(write(prepared) for write in EXPORTS.values())


def test_the_command_makes_the_run_again(small: Result, sheet: Sheet) -> None:
    assert sheet.command == (
        "irbench attack --model char-ngram --task mini --languages bn,en,hi --recipe typo --recipe transliteration "
        "--severity 1 --severity 3 --seeds 1"
    )
    judged = AttackIdentity.parse("typo@5~use-multilingual>=0.8")
    floored = replace(small, attacked=(replace(small.attacked[0], recipe=judged),))
    (one,) = prepare_sheets([("x.json", floored)])
    assert one.command.endswith("--seeds 1 --semantic-floor 0.8 --semantic-encoder use-multilingual")


# Exports


def test_markdown() -> None:
    (one,) = prepare_sheets([("x.json", by_hand("a_b|<i>"))], resamples=FEW)
    text = EXPORTS["markdown"]([one])
    assert text.startswith(
        "## a\\_b\\|\\<i\\> on hand@1\n\n- typo: without th, which it does not cover\n\n"
        "At severity 3, under typo no verdict on a\\_b\\|\\<i\\> is possible.\n\n"
        "At severity 3, with the passages of all languages in one pool, "
    )
    assert "| typo | undecided | +12.5% | +0.0% to +50.0% | 4 | 100% | too few questions: 4" in text
    assert "| recipe | severity | setting | clean mAP | attacked mAP | drop | 95% interval of the drop |" in text
    assert "| typo | 3 | monolingual | 1.000 | 0.875 | +0.125 | +0.000 to +0.500 | +12.5% |" in text
    assert "| English | 5 | " in text
    tables = [[line.count(" | ") for line in block.splitlines()] for block in text.split("\n\n") if block[0] == "|"]
    assert len(tables) == 7
    assert all(len(set(widths)) == 1 for widths in tables)
    assert "signature" not in text
    assert (
        "task=hand@1|languages=en,th|recipe=typo@5|severity=3|seeds=0|pool=multilingual|measure=AP|scoring=5|irbench=0.1.0"
        in text
    )


def test_csv_has_each_language_and_the_macro_average() -> None:
    (one,) = prepare_sheets([("x.json", by_hand('a,"b"'))], resamples=FEW)
    rows = list(csv.DictReader(io.StringIO(EXPORTS["csv"]([one]))))
    assert [(row["setting"], row["language"]) for row in rows[:3]] == [
        ("monolingual", "all"), ("monolingual", "en"), ("monolingual", "th"),
    ]  # fmt: skip
    assert rows[0]["encoder"] == 'a,"b"'
    assert (rows[0]["clean"], rows[0]["attacked"], rows[0]["drop"], rows[0]["drop_high"]) == (
        "1.0",
        "0.875",
        "0.125",
        "0.5",
    )
    assert rows[1]["drop"] == "0.125"
    assert rows[1]["drop_low"] == "", "by language, intervals are those of the page: multilingual"
    multilingual = {row["language"]: row for row in rows if row["setting"] == "multilingual"}
    # Ranks 1 and 2: AP 1; ranks 2 and 4: (1/2 + 2/4)/2 = 1/2, for one question of four.
    assert (multilingual["en"]["clean"], multilingual["en"]["attacked"]) == ("1.0", "0.875")
    assert multilingual["en"]["drop_high"] == "0.5"


def test_json_says_what_the_page_says(sheet: Sheet) -> None:
    (content,) = json.loads(EXPORTS["json"]([sheet]))
    assert content["summary"] == [*summary_sentences(sheet), *findings_in_words(sheet)]
    assert content["verdict"] == verdict_sentence(sheet.verdicts, sheet.name, sheet.recipe_names)
    assert [(one["recipe"], one["word"]) for one in content["verdicts"]] == [
        (one.recipe, one.word) for one in sheet.verdicts
    ]
    assert [one["name"] for one in content["language_bias"][:3]] == [
        "rank_distance", "rank_distance_share", "rank_distance_median",
    ]  # fmt: skip
    assert content["robustness"][0]["all_queries"]["worst"]["drop"].keys() == {"value", "low", "high"}
    assert content["worst_case"] == []
    assert content["mean_rank_change"]["by_recipe"].keys() == set(sheet.recipes)
    (typo,) = sheet.shared_recipes
    assert content["languages_compared_over"] == [str(typo)]
    assert [one["language"] for one in content["drop_by_language"][str(typo)]] == [
        one.language for one in sheet.by_language[typo]
    ]


def test_all_panels_of_a_picture_have_one_scale(small: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "write_figure", lambda figure, _path, _form: figures.append(figure))
    (sheet,) = prepare_sheets([("x.json", small)], resamples=FEW)
    plots.write_plots([sheet], Path("nowhere"), "pdf")
    curves, languages, *_ = figures
    assert len(curves.axes) > 1
    assert len({axes.get_ylim() for axes in curves.axes}) == 1
    assert len(languages.axes) > 1
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in languages.axes}) == 1
    order = [one.language for one in next(iter(sheet.by_language.values()))]
    for axes, drops in zip(languages.axes, sheet.by_language.values(), strict=True):
        wanted = {order.index(one.language): one.relative.value for one in drops if not one.reason}
        assert {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in axes.patches} == wanted
    assert [text.get_text() for text in languages.legends[0].get_texts()]


def test_no_axis_shows_scores_that_cannot_be(small: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """A band of scores near 0 or 1 ends there, on the page and in the files."""
    pytest.importorskip("matplotlib")
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "write_figure", lambda figure, _path, _form: figures.append(figure))
    transliterated = replace(small, attacked=tuple(one for one in small.attacked if one.recipe.label != "typo"))
    (sheet,) = prepare_sheets([("x.json", transliterated)], resamples=FEW)
    drops = [one.drop for scores in sheet.scores.values() for one in scores]
    for setting in sheet.settings:
        clean = [one.clean for one in sheet.scores[setting]]
        for place, one in enumerate(sheet.scores[setting]):
            sheet.scores[setting][place] = replace(one, drop=replace(one.drop, high=clean[place] + 0.1, low=-1.0))
        for line in curves(sheet, setting):
            assert all(0 <= point.low <= point.high <= 1 for point in line.points)
    assert drops
    plots.write_plots([sheet], Path("nowhere"), "pdf")
    assert all(0 <= axes.get_ylim()[0] < axes.get_ylim()[1] <= 1.02 for axes in figures[0].axes)


def test_what_a_recipe_does_not_cover_is_no_zero_in_a_heat_map(sheet: Sheet) -> None:
    transliteration = next(one for one in sheet.recipes if one.label == "transliteration")
    place = LANGUAGES.index("en")
    changes = sheet.rank_changes[transliteration]
    assert np.isnan(changes[place]).all()
    assert np.isfinite(np.delete(changes, place, axis=0)).all()
    images = {one.heading: str(one.image) for one in bias_pictures(sheet)}
    assert "not covered" in images["transliteration"]
    assert images["transliteration"].count("<rect") == 6
    assert "not covered" not in images["typo"]
    assert {cell.text for cell in rank_change_table(sheet, transliteration).rows[place][1:]} == {"\N{EN DASH}"}
    content = json.loads(EXPORTS["json"]([sheet]))[0]["mean_rank_change"]["by_recipe"][str(transliteration)]
    assert content[place] == [None, None, None]


def test_side_by_side_says_by_what_a_result_is_broken(small: Result) -> None:
    prepared = prepare_sheets([("a.json", small), ("b.json", small)], resamples=FEW)
    said = side_by_side_table(prepared).rows[0][1].text
    word = overall(prepared[0].verdicts)
    assert word in {"shaken", "broken"}
    assert said == f"{word} by " + in_words([one.recipe.label for one in prepared[0].verdicts if one.word == word])
    assert f'<span class="word {word}">{said}</span>' in report_page(prepared, [Examples()] * 2)


def test_picture_files_are_named_after_the_encoder(small: Result, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    other = replace(small, encoder=replace(small.encoder, name="owner/My model"))
    alike = replace(small, encoder=replace(small.encoder, name="elsewhere/my-model"))
    prepared = prepare_sheets([("a.json", small), ("b.json", other), ("c.json", alike)], resamples=FEW)
    made = [path.name for path in plots.write_plots(prepared, tmp_path, "svg")]
    assert [name for name in made if "severity" in name] == [
        *("char-ngram-severity.svg", "my-model-severity.svg", "my-model-2-severity.svg")
    ]
    assert len(set(made)) == len(made)


def test_pictures_are_pdf_files_with_letters(small: Result, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    prepared = prepare_sheets([("x.json", small)], resamples=FEW)
    written = [path.read_bytes() for path in plots.write_plots(prepared, tmp_path, "pdf")]
    assert all(one.startswith(b"%PDF") for one in written)
    assert all(b"/Type3" not in one and b"CreationDate" not in one for one in written)
    assert written == [path.read_bytes() for path in plots.write_plots(prepared, tmp_path, "pdf")]


def test_plots_show_every_script_and_need_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib import font_manager

    if not {"Noto Sans Devanagari", "Noto Sans CJK JP"} <= {font.name for font in font_manager.fontManager.ttflist}:
        pytest.skip("NOTO FONTS ABSENT: without them pictures have boxes in place of letters; apt install fonts-noto")
    # A glyph that no font has is a warning, and warnings are errors here.
    prepared = prepare_sheets([("x.json", by_hand("दिल्ली กรุงเทพ 北京 القاهرة"))], resamples=FEW)
    written = plots.write_plots(prepared, tmp_path, "png")
    assert [path.name for path in written] == ["severity.png", "languages.png", "bias.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    drawn = [path.read_bytes() for path in plots.write_plots(prepared, tmp_path, "svg")]
    assert drawn == [path.read_bytes() for path in plots.write_plots(prepared, tmp_path, "svg")]
    assert "दिल्ली".encode() in drawn[0]
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    with pytest.raises(OptionError, match=r"pip install 'robustbench-ir\[plots\]'"):
        plots.write_plots(prepared, tmp_path, "png")


# Drawing


def test_ticks_are_round_and_span_the_values() -> None:
    assert ticks(0.206, 0.646) == [0.2, 0.4, 0.6, 0.8]
    assert ticks(0.0, 0.0)[0] <= 0.0
    assert ticks(-0.013, 0.02) == [-0.02, -0.01, 0.0, 0.01, 0.02]
    assert ticks(0.5, 0.5)[0] <= 0.5 <= ticks(0.5, 0.5)[-1]


def test_labels_stay_apart_in_order_and_inside() -> None:
    found = apart([50.0, 51.0, 52.0, 99.0], 10, 0, 100)
    assert all(after - before >= 10 for before, after in pairwise(found))
    assert 0 <= min(found) <= max(found) <= 100


def test_numbers_and_names_are_cut_to_what_fits() -> None:
    assert [compact(value) for value in (0.2, -3.4, 999.0, 1234.0, -23456.0)] == ["0", "-3", "+999", "+1.2k", "-23k"]
    assert len(shortened("paraphrase-multilingual-MiniLM-L12-v2")) <= 18
    assert shortened("typo") == "typo"
    assert [step(value, [1, 2, 3, 4]) for value in (0.5, 1, -4, 2.5)] == ["z", "p1", "n4", "p2"]


def test_text_in_pictures_is_escaped() -> None:
    bars = bar_chart(EVIL, [Bar(EVIL, 0.1, 0.0, 0.2, "low"), Bar("b", float("nan"), 0, 0, "low", note="<b>")])
    grid = heat_map(EVIL, [EVIL], [EVIL], [[1.0]], [1, 2, 3, 4])
    for picture in (bars, grid):
        assert "<script" not in picture
        assert "<b>" not in picture


# The command


def test_the_command_writes_a_page_an_export_and_says_what_is_wrong(small: Result, tmp_path: Path) -> None:
    path = save_result(small, tmp_path / "small.json")
    target = tmp_path / "out.html"
    done = CliRunner().invoke(
        irbench, ["report", str(path), "--out", str(target), "--with-passages", "--resamples", "100"]
    )
    assert done.exit_code == 0, done.output
    page = target.read_text(encoding="utf-8")
    assert "Overtaken by" in page
    assert "--with-passages" not in page
    done = CliRunner().invoke(irbench, ["report", str(path), "--format", "csv", "--resamples", "100"])
    assert done.output.startswith("encoder,task,recipe,severity,seeds,setting,measure,language,clean,attacked,drop,")
    wrong = (
        (["--severity", "2"], "severity 2 was not run; there are: 1, 3"),
        (["--format", "csv", "--model", "bm25"], "leave out --with-passages, --try-defences and --model for csv"),
        (["--model", "bm25", "--model", "char-ngram"], "2 models for results of 1 encoders"),
        (["--model", "bm25"], "none of these results was made by bm25"),
    )
    for arguments, message in wrong:
        done = CliRunner().invoke(
            irbench, ["report", str(path), "--out", str(target), "--resamples", "100", *arguments]
        )
        assert message in str(done.exception), (arguments, done.exception)
