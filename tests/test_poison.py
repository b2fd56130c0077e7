"""Injected passages: incremental ranks against a full ranking, the matrix by hand, files, bad input, the command."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from robustbench_ir.adversary.crafts import Craft
from robustbench_ir.adversary.injection import inject, payload
from robustbench_ir.adversary.poison import poison
from robustbench_ir.adversary.poison_file import load_poisoning, save_poisoning
from robustbench_ir.adversary.poisoning import Poisoning
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import Encoder, as_encoder
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
from robustbench_ir.errors import DataError, EncoderError, OptionError, ResultError, RobustBenchError, UnknownNameError
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.reports.poison import poison_table
from robustbench_ir.reports.poisoned import poisoned
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import Passage, Query, Task, build_task, load_task
from robustbench_ir.tasks.task import first_questions

LANGUAGES = ("en", "es", "sw")


def rough(texts: Sequence[str]) -> np.ndarray:
    """Return few small whole numbers for each text, so that many passages score alike."""
    return np.array([[len(text) % 3, text.count("a") % 3, text.count("e") % 2] for text in texts], dtype=np.float32)


def tokens(texts: Sequence[str]) -> TokenEmbeddings:
    """Return a rough row for each word."""
    words = [text.split() for text in texts]
    rows = rough([word for one in words for word in one])
    return TokenEmbeddings.in_order(rows, np.array([len(one) for one in words]))


@pytest.fixture(scope="module")
def few() -> Task:
    return first_questions(load_task("mini", LANGUAGES), 5)


@pytest.fixture(scope="module")
def found(few: Task) -> Poisoning:
    return poison("char-ngram", few)


def poisoned_task(task: Task, question: str, source: str, found: Poisoning) -> Task:
    """Return a task of one question whose pool really has the passages that are injected for it."""
    injection = inject(task, LANGUAGES, found.budget, Craft.parse(found.craft))
    row = next(row for row, query in enumerate(task.queries) if query.parallel_id == question)
    added = [
        replace(injection.passages[number], text=found.passages[number].text) for number in injection.aimed[source][row]
    ]
    relevant: dict[str, dict[str, int]] = {}
    for query, passage, grade in zip(*(column.tolist() for column in vars(task.qrels).values()), strict=True):
        if task.queries[query].parallel_id == question:
            relevant.setdefault(task.queries[query].query_id, {})[task.passages[passage].passage_id] = grade
    queries = [query for query in task.queries if query.parallel_id == question]
    return build_task(task.name, task.version, queries, [*task.passages, *added], relevant)


@pytest.mark.parametrize(("craft", "budget"), [("copy", 1), ("payload", 2), ("copy", 3), ("payload+greedy", 2)])
@pytest.mark.parametrize("encoder", ["char-ngram", rough, tokens])
def test_incremental_ranks_are_those_of_a_full_ranking(few: Task, encoder: object, craft: str, budget: int) -> None:
    """Bit for bit, equal scores included; and the honest passages stay in their order."""
    victim: Encoder = as_encoder(encoder, None)  # type: ignore[arg-type]
    incremental = poison(victim, few, budget=budget, craft=craft, **({"encodings": 6} if "greedy" in craft else {}))
    judged = np.array([few.queries[row].parallel_id for row in few.qrels.query])
    ids = np.array([query.parallel_id for query in few.queries])
    honest = Runner(victim, few, keeps_embeddings=False)
    everything = best_passages(
        honest.pool, honest.encode([one.text for one in few.queries]), len(few.passages), ties=honest.ties
    )
    for source, question in product(LANGUAGES, dict.fromkeys(ids.tolist())):
        whole = poisoned_task(few, question, source, incremental)
        full = attack(victim, whole, []).clean.ranks.in_pool
        assert np.array_equal(incremental.attacked(source).in_pool[judged == question], full)
        runner = Runner(victim, whole, keeps_embeddings=False)
        rows = best_passages(
            runner.pool, runner.encode([one.text for one in whole.queries]), len(whole.passages), ties=runner.ties
        ).rows
        for row, place, order in zip(
            rows, incremental.place[source][ids == question], everything.rows[ids == question], strict=True
        ):
            names = [whole.passages[one].passage_id for one in row]
            first = 1 + next(number for number, name in enumerate(names) if name.startswith("injected-"))
            assert place == (first if first <= 10 else 0)
            assert [one for one in names if not one.startswith("injected-")] == [
                few.passages[one].passage_id for one in order
            ]


def test_the_best_injected_passage_counts_and_none_adds_more_than_the_budget(few: Task) -> None:
    one, three = poison("char-ngram", few), poison("char-ngram", few, budget=3)
    for source in LANGUAGES:
        assert (three.above[source] >= one.above[source]).all()
        assert three.above[source].max() <= 3
        assert (three.found(source) >= one.found(source)).all()
    for source in LANGUAGES[1:]:
        assert np.array_equal(three.place[LANGUAGES[0]], three.place[source]), "all three texts are in each"


def test_shares_of_the_matrix_are_means_of_queries(found: Poisoning) -> None:
    cells = {(one.source, one.language): one for one in found.matrix(resamples=500)}
    languages = np.array(found.judgements.languages)
    shares = {}
    for source, language in product(LANGUAGES, LANGUAGES):
        place = found.place[source][languages == language]
        shares[source, language] = np.mean([1 <= one <= 10 for one in place])
        one = cells[source, language]
        assert one.share.value == pytest.approx(shares[source, language])
        assert one.share.low <= one.share.value <= one.share.high
        assert one.questions == 5
        assert np.isnan(one.p) == (source == language)
    for source in LANGUAGES:
        others = [shares[source, language] for language in LANGUAGES if language != source]
        assert cells[source, "all"].share.value == pytest.approx(np.mean(others))
    different = [share for (source, language), share in shares.items() if source != language]
    assert cells["all", "all"].share.value == pytest.approx(np.mean(different))
    low = [shares[source, "sw"] for source in ("en", "es")]
    assert cells["high-resource", "low-resource"].share.value == pytest.approx(np.mean(low))
    assert ("low-resource", "low-resource") not in cells, "Swahili is the only one"


def test_a_passage_in_the_readers_own_language_counts_in_no_mean(few: Task) -> None:
    """With a budget of two, what is injected in English is there in Spanish too: only Swahili is another language."""
    two = poison("char-ngram", few, budget=2)
    assert [two.written_in(source) for source in LANGUAGES] == [("en", "es"), ("es", "sw"), ("sw", "en")]
    cells = {(one.source, one.language): one for one in two.matrix(resamples=200)}
    assert cells["en", "es"].share.value == 1, "a copy of the query itself"
    for source, other in zip(LANGUAGES, ("sw", "en", "es"), strict=True):
        assert cells[source, "all"].share.value == cells[source, other].share.value
        assert [cells[source, language].p >= 0 for language in LANGUAGES] == [one == other for one in LANGUAGES]
    assert cells["all", "sw"].share.value == cells["en", "sw"].share.value
    assert cells["high-resource", "low-resource"].share.value == cells["en", "sw"].share.value
    assert two.asymmetries(resamples=200) == []
    three = poison("char-ngram", few, budget=3)
    assert {one.language for one in three.matrix(resamples=200)} == set(LANGUAGES), "no other language is left"
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(poison_table(three))
    assert "others" in console.export_text()
    page = poisoned(three)
    assert [row[1].text for row in page.drops.rows] == ["–"] * 3, "and the page says so"


def test_a_share_of_all_or_none_has_an_interval(found: Poisoning) -> None:
    """Of Clopper and Pearson: 5 of 5 say no more than 48%."""
    from scipy.stats import binomtest

    own = next(one for one in found.matrix(resamples=100) if one.source == one.language == "en")
    wanted = binomtest(5, 5).proportion_ci(0.95)
    assert (own.share.low, own.share.high) == pytest.approx((wanted.low, wanted.high))


def invented(places: dict[str, list[list[int]]], languages: Sequence[str]) -> Poisoning:
    """Return a poisoning with the places of each source: a list of questions for each query language."""
    questions = len(next(iter(places.values()))[0])
    count = questions * len(languages)
    judgements = Judgements(
        query_ids=tuple(str(number) for number in range(count)),
        parallel_ids=tuple(str(number % questions) for number in range(count)),
        languages=tuple(language for language in languages for _ in range(questions)),
        pool=dict.fromkeys(languages, 50),
        query=np.arange(count, dtype=np.int32),
        passage_language=np.repeat(np.arange(len(languages)), questions).astype(np.int32),
        grade=np.ones(count, dtype=np.int32),
    )
    some = poison("char-ngram", first_questions(load_task("mini", ["en"]), 1))
    ranks = np.arange(count, dtype=np.int32) % 7 + 1
    return replace(
        some,
        judgements=judgements,
        clean=Ranks(ranks, ranks),
        place={source: np.concatenate(of).astype(np.int32) for source, of in places.items()},
        above={source: (np.concatenate(of) == 1).astype(np.int32) for source, of in places.items()},
    )


def test_p_values_are_those_of_all_sign_flips() -> None:
    """Asymmetry and own language by hand: every flip of nine questions, and the farthest of all tests in each."""
    random = np.random.default_rng(5)
    names = ("en", "de", "hi")
    shares = {"en": (0.9, 0.8, 0.1), "de": (0.9, 0.9, 0.2), "hi": (0.9, 0.9, 0.9)}
    drawn = {one: [(random.random(9) < share).astype(int).tolist() for share in of] for one, of in shares.items()}
    found = invented(drawn, names)
    hit = {(source, language): np.array(drawn[source][row]) for source in names for row, language in enumerate(names)}
    pairs = [("en", "de"), ("en", "hi"), ("de", "hi")]
    cells = [(source, language) for source in names for language in names if source != language]
    for tests, rows in (
        ([hit[a, b] - hit[b, a] for a, b in pairs], found.asymmetries(resamples=20_000)),
        (
            [hit[a, b] - hit[b, b] for a, b in cells],
            [one for one in found.matrix(resamples=20_000) if (one.source, one.language) in cells],
        ),
    ):
        wanted, adjusted = naive_p(np.stack(tests, axis=1))
        assert [one.p for one in rows] == pytest.approx(wanted.tolist(), abs=0.012)
        assert [one.p_adjusted for one in rows] == pytest.approx(adjusted.tolist(), abs=0.015)
    for (a, b), row in zip(pairs, found.asymmetries(resamples=200), strict=True):
        assert (row.first, row.second, row.forth, row.back) == (a, b, hit[a, b].mean(), hit[b, a].mean())
        assert row.difference.value == pytest.approx(hit[a, b].mean() - hit[b, a].mean())


def naive_p(difference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p and step-down max-T p of paired differences, shape (questions, tests)."""
    norm = np.linalg.norm(difference, axis=0)
    unit = np.divide(difference, norm, out=np.zeros(difference.shape), where=norm > 0)
    flipped = np.abs(np.array(list(product([1, -1], repeat=len(unit)))) @ unit)
    observed, adjusted = np.abs(unit.sum(axis=0)), np.zeros(unit.shape[1])
    order, before = np.argsort(-observed, kind="stable"), 0.0
    for place, test in enumerate(order):
        before = max(before, float(np.mean(flipped[:, order[place:]].max(axis=1) >= observed[test] - 1e-9)))
        adjusted[test] = before
    return (flipped >= observed - 1e-9).mean(axis=0), adjusted


@pytest.mark.parametrize("measure", ["AP", "nDCG@10"])
def test_the_drop_of_honest_passages_by_hand(found: Poisoning, measure: str) -> None:
    def score(ranks: np.ndarray) -> float:
        ranks = np.sort(ranks)
        if measure == "AP":
            return float(np.mean(np.arange(1, len(ranks) + 1) / ranks))
        ideal = np.sum(1 / np.log2(np.arange(2, 2 + min(len(ranks), 10))))
        return float(np.sum(1 / np.log2(1 + ranks[ranks <= 10])) / ideal)

    for row in found.drops(measure, resamples=200):
        by_language = []
        for language in LANGUAGES:
            of = [number for number, one in enumerate(found.judgements.languages) if one == language]
            pairs = []
            for query in of:
                judged = found.judgements.query == query
                before = found.clean.in_pool[judged]
                pairs.append((score(before), score(before + found.above[row.source][judged])))
            by_language.append(np.mean(pairs, axis=0))
        clean, attacked = np.mean(by_language, axis=0)
        assert (row.clean, row.attacked, row.drop.value) == pytest.approx((clean, attacked, clean - attacked))
        assert row.drop.low <= row.drop.value <= row.drop.high
        assert row.drop.value > 0


def test_a_question_without_a_text_in_the_source_language_is_no_target() -> None:
    queries = [Query("e1", "en", "where is it?", "1"), Query("d1", "de", "wo ist das?", "1")]
    queries += [Query("e2", "en", "who is it?", "2")]
    passages = [Passage(f"p{number}", "en", f"here is number {number}") for number in range(4)]
    task = build_task("small", 1, queries, passages, {"e1": {"p0": 1}, "d1": {"p0": 1}, "e2": {"p1": 1}})
    found = poison("char-ngram", task, source_languages="German")
    assert found.sources == ("de",)
    assert found.place["de"].tolist()[1] == -1
    assert np.isnan(found.found("de")).tolist() == [False, True, False]
    (row,) = found.drops(resamples=50)
    assert row.questions == 1
    shown = Console(width=80, file=io.StringIO(), record=True)
    shown.print(poison_table(found))
    assert "nan" not in shown.export_text()


def test_translations_that_were_not_selected_can_be_injected(few: Task) -> None:
    fewer = few.select(["en", "es"])
    found = poison("char-ngram", fewer, source_languages=["sw"])
    assert found.query_languages == ("en", "es")
    texts = {query.parallel_id: query.text for query in few.queries if query.language == "sw"}
    assert [one.text for one in inject(fewer, ["sw"]).passages] == list(texts.values())


def test_payloads_are_marked_and_in_the_source_language(few: Task) -> None:
    sentences = SHIPPED.rows("_payloads.toml")
    assert all("[irbench]" in str(sentence) for sentence in sentences.values())
    assert len(set(sentences.values())) == len(sentences)
    questions = {(query.parallel_id, query.language): query.text for query in few.queries}
    for passage in inject(few, craft=Craft(payload=True)).passages:
        assert passage.text.startswith(tuple(questions.values()))
        assert passage.text.endswith(str(sentences[passage.language]))
    assert payload("ilo") == sentences["en"]


def test_a_file_reads_back_what_was_written(found: Poisoning, tmp_path: Path) -> None:
    path = save_poisoning(found, tmp_path / "poison.json")
    read = load_poisoning(path)
    assert repr(read.rows(resamples=50)) == repr(found.rows(resamples=50))
    again = save_poisoning(read, tmp_path / "again.json")
    assert again.read_bytes() == path.read_bytes()
    json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_a_file_of_the_first_version_is_read(found: Poisoning, tmp_path: Path) -> None:
    record = json.loads(save_poisoning(found, tmp_path / "poison.json").read_text(encoding="utf-8"))
    assert record["passages"][0]["text"] == found.passages[0].text
    for name in ("encodings", "crafter", "passages"):
        del record[name]
    first = tmp_path / "first.json"
    first.write_text(json.dumps(record | {"schema_version": 1}), encoding="utf-8")
    read = load_poisoning(first)
    assert not read.passages
    assert repr(read.rows(resamples=50)) == repr(found.rows(resamples=50))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"budget": 1', '"budget": 0', "budget: Input should be greater than or equal to 1"),
        ('"budget": 1', '"budgets": 1', "budget: Field required"),
        ('"schema_version": 2', '"schema_version": 9', "schema version 9"),
        ('"source": "es"', '"source": "en"', "a source language occurs twice"),
        ('"source": "en",\n      "place"', '"source": "all",\n      "place"', "'all' is the mean of all languages"),
        ('"reason": ""', '"reason": "none"', "one has neither a share nor a reason why there is none, or both"),
        ('"cost": 0', '"cost": 10', "detections.0.cost: Input should be less than or equal to 1"),
        ('"place": [', '"place": [1,', "'place' must have one entry for each of the 15 queries"),
        ('"above": [', '"above": [0,', "'above' must have one entry"),
        ('"above": [', '"above": [7,', "judgements"),
        ('"clean_rank_in_pool": [', '"clean_rank_in_pool": [', ""),
        ('"craft": "copy"', '"craft": "copied"', "unknown craft 'copied'"),
        ('"task": "mini@1"', '"task": "mini"', "is not the identity of a task"),
    ],
)
def test_a_changed_file_is_refused_in_one_line(
    found: Poisoning, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = save_poisoning(found, tmp_path / "poison.json").read_text(encoding="utf-8")
    assert old in text
    changed = tmp_path / "changed.json"
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    if not message:
        load_poisoning(changed)
        return
    with pytest.raises(ResultError, match="changed") as raised:
        load_poisoning(changed)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="is no file"):
        load_poisoning(tmp_path)
    (tmp_path / "cut.json").write_text('{"schema_version": 1, ', encoding="utf-8")
    with pytest.raises(ResultError, match="not a file of `irbench poison`"):
        load_poisoning(tmp_path / "cut.json")


def with_first_query(task: Task, text: str) -> Task:
    """Return a task whose first question is asked with another text in its first language."""
    first, *others = task.queries
    queries = (replace(first, text=text), *others)
    return replace(task, queries=queries, translations=None)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"budget": 0}, OptionError, "budget 0"),
        ({"budget": 4}, OptionError, "a budget of 3 at most"),
        ({"budget": "2"}, OptionError, "budget '2' is not a whole number"),
        ({"budget": float("nan")}, OptionError, "budget nan is not a whole number"),
        ({"budget": True}, OptionError, "budget True is not a whole number"),
        ({"unseen": "half"}, OptionError, "'half' of the questions unseen: give a share between 0 and 1"),
        ({"unseen": float("nan")}, OptionError, "nan of the questions unseen"),
        ({"craft": None}, OptionError, "unknown craft None"),
        ({"encodings": 20}, OptionError, "craft copy asks no encoder; leave out --encodings"),
        ({"craft": "greedy", "encodings": 2.5}, OptionError, "number of encodings 2.5 is not a whole number"),
        ({"craft": "greedy", "encodings": "5"}, OptionError, "number of encodings '5' is not a whole number"),
        ({"source_languages": 3}, OptionError, "3 is no list"),
        ({"source_languages": [1]}, UnknownNameError, "unknown language '1'"),
        ({"languages": 5, "task": "mini"}, OptionError, "5 is no list"),
        ({"languages": [None], "task": "mini"}, UnknownNameError, "unknown language 'None'"),
        ({"craft": "essay"}, OptionError, "unknown craft 'essay'"),
        ({"source_languages": []}, OptionError, "no source language"),
        (
            {"source_languages": ["th"]},
            DataError,
            "source language th; there are: en, es, sw",
        ),
        ({"source_languages": ["klingonese"]}, UnknownNameError, "unknown language"),
        ({"encoder": "bm25"}, EncoderError, "scores depend on the pool"),
    ],
)
def test_bad_input_is_one_line(
    few: Task, wrong: dict[str, object], error: type[RobustBenchError], message: str
) -> None:
    with pytest.raises(error) as raised:
        poison(**{"encoder": "char-ngram", "task": few, **wrong})  # type: ignore[arg-type]
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"unseen": 2.0}, {"craft": "greedy", "encodings": 0}])
def test_wrong_numbers_are_told_before_a_model_is_loaded(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        poison("./no-such-model", "./no-such-task", **wrong)  # type: ignore[arg-type]


def test_numbers_are_asked_for_by_names_that_there_are(found: Poisoning) -> None:
    for ask in (found.found, found.attacked, found.written_in):
        with pytest.raises(UnknownNameError, match=r"unknown source language 'xx': there are: en, es, sw"):
            ask("xx")
    with pytest.raises(OptionError, match="0 resamples"):
        found.matrix(resamples=0)
    assert {one.measure for one in found.drops("map", resamples=50)} == {"AP"}


def test_the_terminal_says_why_no_detector_applies(found: Poisoning) -> None:
    reason = "the pool has 12 passages in this language, too few to fit a threshold"
    detections = tuple(replace(one, reason=reason) for one in found.detections)
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(poison_table(replace(found, detections=detections)))
    assert f"perplexity does not apply: {reason}" in console.export_text()


def test_a_poisoning_is_short_in_a_notebook(found: Poisoning) -> None:
    assert repr(found).startswith("<Poisoning: char-ngram on mini@")
    assert repr(found).endswith(", 15 queries in en,es,sw, 450 passages; copy in en,es,sw, budget 1>")


def test_a_relevant_passage_and_an_empty_one_are_refused(few: Task) -> None:
    answer = few.passages[few.qrels.passage[0]].text
    with pytest.raises(DataError, match="is the relevant passage"):
        poison("char-ngram", with_first_query(few, f"  {answer.upper()} "))
    poison("char-ngram", with_first_query(few, answer), craft="payload")
    with pytest.raises(DataError, match="is empty once it is normalised"):
        poison("char-ngram", with_first_query(few, "\u200b\u2060"))


def test_a_target_without_relevant_passages_is_refused(few: Task) -> None:
    kept = few.qrels.query > 0
    qrels = replace(few.qrels, **{name: column[kept] for name, column in vars(few.qrels).items()})
    with pytest.raises(DataError, match="has no relevant passage"):
        poison("char-ngram", replace(few, qrels=qrels))


def command(*arguments: str) -> str:
    answer = CliRunner().invoke(irbench, ["poison", *arguments], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def test_the_command_prints_text_csv_and_json(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    asked = ("--model", "char-ngram", "--task", "mini", "--languages", "en,sw", "--questions", "6", "--out", str(out))
    text = command(*asked)
    assert "ASR@10 in %" in text
    assert text.count("\nen ") >= 3
    rows = list(csv.DictReader(io.StringIO(command(*asked, "--force", "--format", "csv"))))
    found = load_poisoning(out)
    assert len(rows) == len(found.rows(resamples=10))
    own = next(row for row in rows if (row["quantity"], row["source"], row["language"]) == ("ASR@10", "en", "en"))
    assert float(own["value"]) == np.nanmean(found.found("en")[np.array(found.judgements.languages) == "en"])
    assert not own["p"]
    record = json.loads(command(*asked, "--force", "--format", "json"))
    assert [row["quantity"] for row in record["rows"]] == [row["quantity"] for row in rows]
    with pytest.raises(OptionError, match=r"is there already; `irbench show .* prints it again"):
        command(*asked)
    assert CliRunner().invoke(irbench, ["show", str(out)], catch_exceptions=False).output in text


def test_the_command_searches_words_on_another_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ("--model", "char-ngram", "--task", "mini", "--languages", "en,sw", "--questions", "3")
    text = command(
        *asked, "--craft", "greedy", "--encodings", "5", "--craft-on", "char-ngram", "--source-languages", "sw"
    )
    assert "words changed by greedy search with 5 encodings each on char-ngram" in " ".join(text.split())
    (written,) = (tmp_path / "results").iterdir()
    assert "greedy" in written.name
    found = load_poisoning(written)
    assert found.crafter is not None
    assert (found.craft, found.encodings, found.crafter.name) == ("greedy", 5, "char-ngram")
    record = json.loads(command(*asked, "--craft", "beam", "--encodings", "5", "--format", "json"))
    assert (record["craft"], record["encodings"], record["crafted_on"]) == ("beam-4", 5, "char-ngram")


def test_eleven_languages_fit_into_eighty_columns() -> None:
    names = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
    found = invented({source: [[1, 0, 2] if row % 2 else [1, 1, 1] for row in range(11)] for source in names}, names)
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(poison_table(found))
    lines = console.export_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("ASR@10 in %"))
    assert max(map(len, lines)) <= 80
    assert lines[start + 1].split() == [*names, "others"]
    for name, line in zip(names, lines[start + 3 :], strict=False):
        assert line.split()[:12] == [name, *(["100", "67"] * 6)[:11]]
