"""The verdict of a report: no more than the questions can tell, by numbers that are computed naively here."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from robustbench_ir import Result, attack, save_result
from robustbench_ir.cli import irbench
from robustbench_ir.defences.choice import cheap_repairs, repairs_against
from robustbench_ir.encoders import load_encoder
from robustbench_ir.errors import OptionError
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.reports.content import Sheet, prepare_sheets, summary_sentences
from robustbench_ir.reports.defended import defences_sentence, try_defences
from robustbench_ir.reports.verdict import findings_in_words, next_steps, verdict_of, verdict_sentence, verdict_table
from robustbench_ir.results.result import Cell
from robustbench_ir.results.verdict import AttackVerdict, attack_verdicts
from robustbench_ir.retrieval.ranking import Ranks
from tests.support.results import result_of_ranks

FEW = 500


def one_language(
    clean: Sequence[int], attacked: Sequence[int], changed: Sequence[bool] | None = None, **fields: object
) -> Result:
    """Return a result with one English passage for each question, so that AP is 1 / rank."""
    columns = [np.array(one, dtype=np.int32)[:, None] for one in (clean, attacked)]
    result = result_of_ranks(columns[0], {("typo@5", 3): columns[1]}, name="e")
    (cell,) = result.attacked
    said = cell.changed if changed is None else np.array(changed)
    return replace(result, attacked=(replace(cell, changed=said, **fields),))


def only_verdict(result: Result) -> AttackVerdict:
    (one,) = attack_verdicts(result, "monolingual", 3, resamples=FEW)
    return one


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A real run, on the task that ships: Hindi is romanised, which breaks an encoder of letters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path_factory.mktemp("cache")))
        return attack("char-ngram", recipes=["typo", "transliteration", "code-switching"], languages=["en", "es", "hi"])


@pytest.fixture(scope="module")
def sheet(small: Result) -> Sheet:
    (one,) = prepare_sheets([("folder/small one.json", small)], resamples=FEW)
    return one


# Words


@pytest.mark.parametrize(
    ("fall", "word"),
    [(0, "steady"), (1, "steady"), (40, "shaken"), (150, "broken")],
    ids=["nothing", "one in 200", "a tenth", "a third"],
)
def test_the_end_of_the_interval_decides(fall: int, word: str) -> None:
    # Of 200 queries at rank 1, `fall` sink to rank 2 and lose half: a relative drop of fall / 400.
    verdict = only_verdict(one_language([1] * 200, [2] * fall + [1] * (200 - fall)))
    assert verdict.loss.value == pytest.approx(fall / 400)
    assert verdict.word == word


def test_near_a_limit_nothing_is_said_but_how_many_questions_would_tell() -> None:
    verdict = only_verdict(one_language([1] * 200, [2] * 24 + [1] * 176))
    assert verdict.loss.low < 0.05 < verdict.loss.high
    assert verdict.word == "undecided"
    assert verdict.needed is not None
    assert verdict.needed > 200
    assert verdict.not_broken
    assert verdict_sentence([verdict], "e", {}) == (
        "At severity 3, under typo e is steady or shaken, certainly not broken."
    )
    assert verdict.reason == f"too few questions: 200; about {verdict.needed:,} would tell"


def test_a_shaken_encoder_may_be_a_broken_one() -> None:
    verdict = only_verdict(one_language([1] * 100, [2] * 52 + [1] * 48))
    assert verdict.word == "shaken"
    assert verdict.perhaps_broken


@pytest.mark.parametrize("number", [5, 50])
def test_few_questions_are_never_steady(number: int) -> None:
    """By the rule of three, 50 questions that lose nothing may hide 6% that lose everything."""
    verdict = only_verdict(one_language([1] * number, [1] * number))
    assert verdict.word == "undecided"
    assert "too few questions" in verdict.reason


def test_five_questions_that_lose_everything_are_too_few() -> None:
    assert only_verdict(one_language([1] * 5, [900] * 5)).word == "undecided"


def test_unchanged_queries_are_no_robustness() -> None:
    changed = [True] * 100 + [False] * 900
    verdict = only_verdict(one_language([1] * 1_000, [2] * 100 + [1] * 900, changed))
    assert verdict.loss.value == pytest.approx(0.5)
    assert verdict.word == "broken"
    assert verdict.coverage == pytest.approx(0.1)
    assert verdict.questions == 100


def test_where_nothing_changed_there_is_no_verdict() -> None:
    verdict = only_verdict(one_language([1] * 100, [1] * 100, [False] * 100))
    assert (verdict.word, verdict.reason) == ("undecided", "no change reached the encoder")


def test_an_encoder_that_finds_nothing_is_not_steady() -> None:
    verdict = only_verdict(one_language([500] * 200, [500] * 200))
    assert verdict.word == "undecided"
    assert "finds too little" in verdict.reason


def test_a_translation_in_part_is_no_robustness() -> None:
    result = one_language([1] * 200, [1] * 200, kinds={"en": KindOfChange("embedded", ("en",))})
    verdict = only_verdict(result)
    assert verdict.word == "undecided"
    assert not verdict.not_broken
    assert "translates it in part" in verdict.reason
    # Harm needs no such doubt.
    harmed = one_language([1] * 200, [9] * 200, kinds={"en": KindOfChange("embedded", ("en",))})
    assert only_verdict(harmed).word == "broken"


def test_a_gain_is_told() -> None:
    verdict = only_verdict(one_language([2] * 200, [1] * 200))
    assert verdict.word == "steady"
    assert verdict.gains


def test_losses_are_those_of_a_loop_over_queries(small: Result) -> None:
    """The macro mean of 1 - attacked / clean over the changed queries of each language that the recipe covers."""
    for verdict in attack_verdicts(small, "multilingual", 3, resamples=FEW):
        if verdict.recipe.label == "code-switching":
            assert verdict.towards_passages == "all"
        (cell,) = small.groups[verdict.recipe, 3]
        before, after = [], []
        for language in small.judgements.query_languages:
            rows = [
                row
                for row, of in enumerate(small.judgements.languages)
                if of == language and cell.reached[row] and language not in cell.not_covered
            ]
            if rows:
                before.append(np.mean([average_precision(small, small.clean, row) for row in rows]))
                after.append(np.mean([average_precision(small, cell, row) for row in rows]))
        assert verdict.loss.value == pytest.approx(1 - np.mean(after) / np.mean(before))


def average_precision(result: Result, cell: Cell, row: int) -> float:
    ranks = sorted(cell.ranks.in_pool[result.judgements.query == row].tolist())
    return sum(place / rank for place, rank in enumerate(ranks, start=1)) / len(ranks)


def test_intervals_hold_for_all_attacks_at_once(small: Result) -> None:
    together = attack_verdicts(small, "multilingual", 3, resamples=FEW)
    for one in together:
        (alone,) = attack_verdicts(
            replace(small, attacked=small.groups[one.recipe, 3]), "multilingual", 3, resamples=FEW
        )
        assert one.loss.low <= alone.loss.low + 1e-9
        assert one.loss.high >= alone.loss.high - 1e-9
    assert attack_verdicts(small, "multilingual", 5) == []


# Sentences, table, commands


def test_the_whole_is_one_sentence(sheet: Sheet) -> None:
    sentence = verdict_sentence(sheet.verdicts, sheet.name, sheet.recipe_names)
    assert sentence.startswith("At severity 3, char-ngram is broken by transliteration and steady under typo;")
    assert sentence.endswith("under code-switching no verdict is possible.")
    table = verdict_table(sheet)
    assert [row[1].text for row in table.rows] == ["broken", "undecided", "steady"]
    assert verdict_sentence([], "e", {}) == ""


def test_the_terminal_and_the_notebook_end_with_the_same_sentence(small: Result, tmp_path: Path) -> None:
    sentence = verdict_of(small)
    assert sentence.startswith("At severity 3, char-ngram is broken by transliteration")
    assert f"<p><b>{sentence}</b></p>" in small._repr_html_()
    file = save_result(small, tmp_path / "small.json")
    done = CliRunner().invoke(irbench, ["show", str(file)], catch_exceptions=False)
    *_, last = " ".join(done.output.split()).split("irbench=")
    assert sentence in last
    assert last.endswith("(steady: at most 5% lost for certain; shaken: more; broken: over 25%; why: `irbench report`)")
    assert len(done.output.splitlines()) - done.output[: done.output.index("At severity 3, char")].count("\n") <= 3
    clean = save_result(replace(small, attacked=()), tmp_path / "clean.json")
    assert "steady" not in CliRunner().invoke(irbench, ["show", str(clean)], catch_exceptions=False).output


def test_of_too_few_questions_only_that_is_said() -> None:
    (one,) = prepare_sheets([("x.json", one_language([1] * 5, [9] * 5))], resamples=FEW)
    assert verdict_sentence(one.verdicts, "e", {}) == ("At severity 3, under typo no verdict on e is possible.")
    assert next_steps(one) == []


def test_coverage_and_gains_are_explained(sheet: Sheet) -> None:
    told = " ".join(findings_in_words(sheet))
    assert "ode-switching raises mAP by" in told
    assert "translates the query in part and is no robustness" in told
    (few,) = prepare_sheets(
        [("x.json", one_language([1] * 200, [1] * 200, [True] * 80 + [False] * 120))], resamples=FEW
    )
    assert findings_in_words(few) == [
        "Coverage is low for typo (40%): the share of queries whose change is seen in their text. The scores below are "
        "over all queries, the verdict is over the changed ones."
    ]


def test_bias_that_grew_for_certain_is_told() -> None:
    """The English passages stay first, the Thai ones sink: rank distance grows in each of 60 questions."""
    questions = tuple(map(str, range(60)))
    layout = Judgements(
        query_ids=questions,
        parallel_ids=questions,
        languages=("en",) * 60,
        pool={"en": 60, "th": 60},
        query=np.repeat(np.arange(60, dtype=np.int32), 2),
        passage_language=np.array([0, 1] * 60, dtype=np.int32),
        grade=np.ones(120, dtype=np.int32),
    )
    before, ones = np.array([1, 2] * 60, dtype=np.int32), np.ones(120, dtype=np.int32)
    after = before.copy()
    after[1::2] = 40 + np.arange(60) % 3
    result = one_language([1] * 60, [1] * 60)
    (cell,) = result.attacked
    result = replace(
        result,
        judgements=layout,
        clean=replace(result.clean, ranks=Ranks(before, ones)),
        attacked=(replace(cell, ranks=Ranks(after, ones)),),
    )
    (one,) = prepare_sheets([("x.json", result)], resamples=FEW)
    (sentence,) = findings_in_words(one)
    assert sentence.startswith("Language bias grew")
    assert "typo (by 39 ranks, 39 to 39, from 1)" in sentence
    same = replace(result, attacked=(replace(cell, ranks=Ranks(before, ones)),))
    (one,) = prepare_sheets([("x.json", same)], resamples=FEW)
    assert findings_in_words(one) == ["No attack is certain to raise language bias."]


def test_a_language_gains_only_where_that_is_certain(small: Result) -> None:
    """Under a real typo attack at severity 3, a language gains by chance, and its interval says so."""
    typos = replace(small, attacked=tuple(one for one in small.attacked if one.recipe.label == "typo"))
    (one,) = prepare_sheets([("x.json", typos)], resamples=FEW)
    least = next(iter(one.by_language.values()))[-1]
    assert least.relative.low < 0 < least.relative.high
    one.by_language[one.recipes[0]][-1] = replace(least, relative=replace(least.relative, value=-0.01))
    assert summary_sentences(one)[1].endswith("lose least.")
    one.by_language[one.recipes[0]][-1] = replace(least, relative=replace(least.relative, value=-0.01, high=-0.005))
    assert summary_sentences(one)[1].endswith("gain.")


def test_steps_are_commands_that_exist(sheet: Sheet) -> None:
    lines = [line for step in next_steps(sheet) for line in step.commands]
    assert "irbench report 'folder/small one.json' --try-defences" in lines
    moved = replace(sheet, file="/home/me/small one.json")
    assert moved.shown_file == "'small one.json'", "no folder of this machine"
    assert lines[0].startswith("irbench attack --model char-ngram --task mini --languages en,es,hi --recipe translit")
    assert lines[0].endswith("--normalise deromanise-hi")
    for line in lines:
        _, name, *words = shlex.split(line)
        command = irbench.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        known = {flag for option in command.params for flag in option.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_a_quick_look_is_advised_to_take_all_questions() -> None:
    quick = replace(one_language([1] * 30, [1] * 30), task="mini@1-30-questions")
    (one,) = prepare_sheets([("x.json", quick)], resamples=FEW)
    (step,) = next_steps(one)
    assert "--questions" not in step.commands[0]
    assert step.commands[0].startswith("irbench attack --model e --task mini ")


def test_whom_nothing_shakes_is_attacked_harder() -> None:
    (one,) = prepare_sheets([("x.json", one_language([1] * 100, [1] * 100))], resamples=FEW)
    (step,) = next_steps(one)
    assert "--severity 5" in step.commands[0]


# Defences


def test_repairs_are_those_that_are_made_for_the_attack() -> None:
    assert repairs_against(["typo"], []) == "spelling"
    assert repairs_against(["transliteration"], ["hi", "en"]) == "deromanise-hi"
    assert repairs_against(["word-order"], []) == ""
    assert repairs_against(["homoglyph", "typo"], []) == "nfkc+invisible+confusables+spelling"
    assert cheap_repairs(["en"]) == ["spelling", "nfkc+invisible+confusables"]
    assert cheap_repairs(["en", "hi", "ru"])[-1] == "deromanise-hi+deromanise-ru"


def test_what_a_defence_wins_back_is_what_a_run_with_it_finds(
    sheet: Sheet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path))
    tried = try_defences(sheet, [load_encoder("char-ngram")])
    assert [one.repairs for one in tried] == ["spelling", "nfkc+invisible+confusables", "deromanise-hi"]
    best = tried[-1]
    again = attack("normalised:deromanise-hi:char-ngram", recipes=["transliteration"], languages=["en", "es", "hi"])
    (drop,) = again.drops("multilingual")
    assert best.attacked == pytest.approx(drop.attacked)
    (alone,) = [one for one in sheet.result.drops("multilingual") if one.recipe == best.recipe]
    assert best.won.value == pytest.approx(drop.attacked - alone.attacked)
    assert best.of_drop == pytest.approx((drop.attacked - alone.attacked) / alone.absolute)
    assert best.certain
    assert "deromanise-hi wins back" in defences_sentence(sheet, tried)
    assert "No cheap repair certainly" in defences_sentence(sheet, [one for one in tried if not one.certain])
    with pytest.raises(OptionError, match="not here as it was then"):
        try_defences(sheet, [load_encoder("bm25")])


def test_the_command_tries_them(small: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path))
    file, page = save_result(small, tmp_path / "small.json"), tmp_path / "page.html"
    arguments = ["report", str(file), "--out", str(page), "--resamples", "200"]
    done = CliRunner().invoke(irbench, [*arguments, "--try-defences"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "What cheap repairs win back" in page.read_text(encoding="utf-8")
    with pytest.raises(OptionError, match="on the page only"):
        CliRunner().invoke(irbench, ["report", str(file), "--try-defences", "--format", "csv"], catch_exceptions=False)
