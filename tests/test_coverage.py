"""Coverage counts what the encoder reads: token ids after the cut, with the share of changed texts beside it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape
from rich.console import Console

import robustbench_ir as rb
from robustbench_ir.adversary.transfer import transfer
from robustbench_ir.defences import normalised, smoothed
from robustbench_ir.encoders.encoder import Dense, as_dense
from robustbench_ir.encoders.pool import fitted_on
from robustbench_ir.encoders.truncation import changed_inputs, cut_shares
from robustbench_ir.errors import ResultError
from robustbench_ir.evaluation.score_runs import score_runs
from robustbench_ir.metrics.settings import SETTINGS
from robustbench_ir.reports.charts import curve_pictures
from robustbench_ir.reports.content import Sheet, prepare_sheets
from robustbench_ir.reports.exports import to_csv, to_json, to_markdown
from robustbench_ir.reports.page import report_page
from robustbench_ir.reports.tables import coverage_table, drops_table
from robustbench_ir.reports.terminal import score_table
from robustbench_ir.reports.worst import find_examples
from robustbench_ir.results.file import result_from_json, result_to_json
from robustbench_ir.results.result import Result
from robustbench_ir.tasks import Passage, Query, Task, build_task
from tests.support.encoders import letters_tokenizer
from tests.support.models import KINDS, SIZES
from tests.support.tasks import full_run, written
from tests.test_task_pools import shaped

LIMIT = 16  # tokens: [CLS], 14 letters, [SEP]
CLEAN = ["where is the old market", "who sells bread and maize", "when does the river rise"]
LATE = ["where is the old mXrket", "who sells bread and mXize", "when does the river rXse"]  # from letter 15 on
UPPER = [text.upper() for text in CLEAN]
TYPOS = ["wheer is the old market", "whoo sells bread and maize", "wen does the river rise"]
FEW = 200


@pytest.fixture(scope="module")
def uncased(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model of random weights that reads 16 tokens of small letters."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from tokenizers.normalizers import BertNormalizer
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("uncased")
    tokenizer = letters_tokenizer()
    tokenizer.backend_tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.save_pretrained(folder / "base")
    torch.manual_seed(1)
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **SIZES)).save_pretrained(
        folder / "base"
    )
    first = Transformer(str(folder / "base"))
    first.max_seq_length = LIMIT
    SentenceTransformer(modules=[first, Pooling(16)], device="cpu").save(str(folder / "model"))
    return folder / "model"


def small_task() -> Task:
    texts = ("the market is old", "bread is sold here", "the river rises in may")
    pool = [Passage(f"d{number}", "en", text) for number, text in enumerate(texts)]
    asked = [Query(f"q{number}", "en", text, f"q{number}") for number, text in enumerate(CLEAN)]
    return build_task("small", 1, asked, pool, {f"q{number}": {f"d{number}": 1} for number in range(3)})


def late(text: str) -> str:
    return LATE[CLEAN.index(text)]


def upper(text: str) -> str:
    return text.upper()


def typed(text: str) -> str:
    return TYPOS[CLEAN.index(text)]


@pytest.fixture(scope="module")
def result(uncased: Path) -> Result:
    return rb.attack(str(uncased), small_task(), [late, upper, typed], severities=[5])


def named(result: Result, name: str) -> int:
    return [cell.recipe.label for cell in result.attacked].index(name)


def test_only_what_the_encoder_reads_counts(result: Result) -> None:
    """Case 18: an edit behind the cut and one that the tokeniser takes back change the text alone; a typo counts."""
    rows = {row.recipe.label: row for row in result.findings("monolingual", resamples=FEW)}
    assert {name: (row.coverage, row.text_coverage) for name, row in rows.items()} == {
        "late": (0.0, 1.0),
        "upper": (0.0, 1.0),
        "typed": (1.0, 1.0),
    }
    assert np.isnan(rows["late"].changed_only.value)
    assert np.isnan(rows["late"].p)
    assert rows["typed"].changed_only.value == pytest.approx(rows["typed"].drop.value)
    drops = {row.recipe.label: row for row in result.drops("monolingual")}
    assert (drops["upper"].coverage, drops["upper"].text_coverage) == (0.0, 1.0)
    frame = result.per_query()
    late_rows = frame[frame.recipe.str.startswith("late")]
    assert (late_rows.changed.tolist(), late_rows.reached.tolist()) == ([True] * 3, [False] * 3)
    assert {"coverage", "text_coverage"} <= set(result.to_frame(resamples=FEW).columns)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (LATE, [False] * 3),
        (UPPER, [False] * 3),
        (TYPOS, [True] * 3),
        ([CLEAN[0], TYPOS[1], UPPER[2]], [False, True, False]),
        (CLEAN, [False] * 3),
    ],
)
def test_defences_pass_on_what_the_encoder_reads(uncased: Path, texts: list[str], expected: list[bool]) -> None:
    encoder = rb.load_encoder(str(uncased))
    changed = changed_inputs(encoder, CLEAN, texts)
    assert changed is not None
    assert changed.tolist() == expected
    behind = changed_inputs(normalised(encoder, ["nfkc"]), CLEAN, texts)
    assert behind is not None
    assert behind.tolist() == expected
    copies = changed_inputs(smoothed(encoder, 2), CLEAN, texts)
    assert copies is not None
    rows = [as_dense(smoothed(encoder, 2).encode_queries(one)) for one in (CLEAN, texts)]
    assert copies.tolist() == (~np.isclose(*rows, atol=1e-6).all(axis=1)).tolist()


def test_a_repaired_query_is_read_as_the_clean_one(uncased: Path) -> None:
    encoder = rb.load_encoder(str(uncased))
    wide, clean = ["ｗhere is"], ["where is"]
    alone, guarded = (changed_inputs(one, clean, wide) for one in (encoder, normalised(encoder, ["nfkc"])))
    assert alone is not None
    assert guarded is not None
    assert (alone.tolist(), guarded.tolist()) == ([True], [False])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rows_differ_where_inputs_do(kind: str, tmp_path: Path) -> None:
    """The encoder itself is the judge: equal inputs give equal rows, and other inputs other rows."""
    encoder = rb.load_encoder(str(KINDS[kind](tmp_path / "model")))
    long = "market opens " * 40
    clean = ["the market opens", "at six", "closes at noon", long, "the market opens", "soko"]
    texts = ["the  market opens", "AT SIX", "closes at nooon", f"{long}six", "the six opens", "soko \u200b"]
    changed = changed_inputs(encoder, clean, texts)
    assert changed is not None
    # One text at a time, since rows of one batch differ by rounding where their padding does.
    before, after = ([as_dense(encoder.encode_queries([text])) for text in side] for side in (clean, texts))
    differ = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert changed[4]
    assert (np.array(differ) <= changed).all(), "equal inputs gave other rows"
    # These may lose what they are given: a table of words, the largest of some numbers, the set of the tokens.
    if kind not in {"bag of words", "sparse autoencoder", "inference-free splade"}:
        assert differ == changed.tolist()


def test_lexical_encoders_know_what_they_read() -> None:
    pool = ["where the old market is", "bread"]
    clean = ["where is the market", "who knows it", "bread"]
    texts = ["the market where is", "whoo knows it", "Bread"]
    for name, expected in (("bm25", [False, False, False]), ("char-ngram", [False, True, False])):
        encoder = fitted_on(rb.load_encoder(name), pool)
        changed = changed_inputs(encoder, clean, texts)
        assert changed is not None
        rows = [encoder.encode_queries(one) for one in (clean, texts)]
        assert changed.tolist() == expected == [bool(one) for one in (abs(rows[0] - rows[1]).sum(axis=1) > 0)]


def test_an_encoder_that_cannot_say_has_the_share_of_changed_texts(tmp_path: Path) -> None:
    def lengths(texts: list[str]) -> Dense:
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)

    found = rb.attack(lengths, small_task(), [upper], severities=[5])
    assert found.attacked[0].input_changed is None
    (row,) = found.findings("monolingual", resamples=FEW)
    assert (row.coverage, row.text_coverage) == (1.0, 1.0)
    shown = printed(found)
    assert "coverage = share of queries whose text changed;" in shown
    assert "text changed" not in shown.replace("whose text changed", "")
    clean = written(tmp_path / "clean.trec", full_run(small_task(), CLEAN))
    assert score_runs(small_task(), clean).attacked == ()


def printed(result: Result, by: str | None = None) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(score_table(result, by))
    return " ".join(console.export_text().split())


def test_the_file_keeps_both(result: Result) -> None:
    text = result_to_json(result)
    again = result_from_json(text)
    assert result_to_json(again) == text
    assert [one.reached.tolist() for one in again.attacked] == [[False] * 3, [False] * 3, [True] * 3]
    content = json.loads(text)
    assert content["attacked"][0]["input_changed"] == [False] * 3
    for cell in content["attacked"]:
        del cell["input_changed"]
    for row in content["scores"]:
        del row["text_coverage"]
        row["signature"] = row["signature"].replace(f"irbench={content['irbench']}", "irbench=0.1.0")
    content["irbench"] = "0.1.0"  # the scores of earlier versions are their own
    old = result_from_json(json.dumps(content))
    assert [one.input_changed for one in old.attacked] == [None] * 3
    assert {row.coverage for row in old.drops("monolingual")} == {1.0}


@pytest.mark.parametrize(
    ("flags", "message"),
    [([True] * 2, "input_changed: 2 values, and 3 queries elsewhere"),
     ([True] * 3, "'input_changed' is true for a query whose text did not change")],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused(result: Result, flags: list[bool], message: str) -> None:
    content = json.loads(result_to_json(result))
    content["clean"]["input_changed"] = flags
    with pytest.raises(ResultError, match=message):
        result_from_json(json.dumps(content))


def test_changed_texts_stand_beside_coverage_where_they_differ(result: Result) -> None:
    shown = printed(result)
    assert re.search(r" late (\S+ ){5,7}0% 100% 4.2% upper ", shown), shown
    assert "coverage = share of queries whose change reaches the encoder" in shown
    assert "text changed = share of queries whose text changed" in shown
    only = rb.attack("char-ngram", small_task(), [typed], severities=[5])
    assert "text changed" not in printed(only)
    (sheet,) = prepare_sheets([("x.json", result)], resamples=FEW)
    (other,) = prepare_sheets([("x.json", only)], resamples=FEW)
    assert drops_table(sheet).columns[-4:-2] == ("coverage", "text changed")
    assert drops_table(other).columns[-3:] == ("coverage", "words touched", "edits")
    assert coverage_table(sheet).columns == ("language", "late", "late, text", "upper", "upper, text", "typed")
    assert coverage_table(other).columns == ("language", "typed")
    assert [cell.text for cell in coverage_table(sheet).rows[0]] == ["English", "0%", "100%", "0%", "100%", "100%"]
    header, first, *_ = (line.split(",") for line in to_csv([sheet]).splitlines())
    row = dict(zip(header, first, strict=False))
    assert (row["coverage"], row["text_coverage"]) == ("0.0", "1.0")
    (content,) = json.loads(to_json([sheet]))
    late_name = str(result.attacked[0].recipe)
    assert (content["coverage"]["en"][late_name], content["text_coverage"]["en"][late_name]) == (0.0, 1.0)
    page = report_page([sheet], find_examples([sheet], 1))
    assert "Text changed: share of queries whose text" in page
    assert "Text changed" not in report_page([other], find_examples([other], 1))


def test_a_transferred_attack_counts_what_the_target_reads(uncased: Path) -> None:
    """What is crafted on char-ngram is read by it; the target, which reads 14 letters, misses what lies behind them."""
    found = transfer(["char-ngram"], ["char-ngram", str(uncased)], small_task(), severity=5, recipe="typo")
    source, target = (found.results["char-ngram", name].attacked[0] for name in ("char-ngram", str(uncased)))
    assert source.changed.tolist() == target.changed.tolist()
    assert target.input_changed is not None
    assert (target.input_changed <= target.changed).all()
    encoder = rb.load_encoder(str(uncased))
    texts = [one.text for one in rb.load_task("mini").queries[:1]]
    assert changed_inputs(encoder, texts, texts).tolist() == [False]  # type: ignore[union-attr]


def test_cells_of_before_are_not_read(result: Result) -> None:
    from robustbench_ir.evaluation.cell_cache import SCORING_VERSION

    assert SCORING_VERSION >= 3, "version 2 kept cells without what the encoder reads"


def test_shares_of_cut_texts_are_known_behind_defences(uncased: Path) -> None:
    encoder = rb.load_encoder(str(uncased))
    queries, passages = ["six letters", CLEAN[0]], ["a", "b", "c", CLEAN[1]]
    expected = {"queries": 1 / 2, "passages": 1 / 4}
    for one in (encoder, normalised(encoder, ["nfkc"]), smoothed(encoder, 2)):
        assert cut_shares(one, queries, passages) == pytest.approx(expected)
    assert cut_shares(normalised(rb.load_encoder("char-ngram"), ["nfkc"]), queries, passages) == {}
    # A repair lengthens the query before it is cut: the ellipsis becomes three points, 15 tokens in all.
    pointed = ["abcdefghijkl \u2026"]
    assert cut_shares(encoder, pointed, [])["queries"] == 0
    assert cut_shares(normalised(encoder, ["nfkc"]), pointed, [])["queries"] == 1


@pytest.mark.parametrize("prefix", ["normalised:spelling:", "smoothed-2:"])
def test_a_result_behind_a_defence_has_the_shares(uncased: Path, prefix: str) -> None:
    found = rb.attack(f"{prefix}{uncased}", small_task(), [typed], severities=[5])
    assert found.cut == {"queries": 1.0, "passages": pytest.approx(2 / 3)}  # of 14, 15 and 18 letters
    assert found.attacked[0].input_changed is not None


# One table where two settings are one.


def reported(found: Result) -> tuple[Sheet, str]:
    sheets = prepare_sheets([("x.json", found)], resamples=FEW)
    return sheets[0], report_page(sheets, find_examples(sheets, 1))


def only_setting(found: Result) -> set[str]:
    """Return the setting of everything that a report of a result says, which is one."""
    sheet, page = reported(found)
    rows = csv.DictReader(io.StringIO(to_csv([sheet])))
    (content,) = json.loads(to_json([sheet]))
    named = {row["setting"] for row in rows} | {content["setting"]} | {row["setting"] for row in content["scores"]}
    named |= {row[2].text for row in drops_table(sheet).rows}
    named |= {line.strip("# ").partition(" (pool:")[0] for line in score_lines(found) if " (pool:" in line}
    assert {picture.heading for picture in curve_pictures(sheet)} == named
    for setting in SETTINGS:
        assert (f">{setting}<" in page) == (setting in named)
    return named


def score_lines(found: Result) -> list[str]:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(score_table(found))
    return console.export_text().splitlines()


def test_a_folder_in_one_language_has_one_table_without_rank_distance(tmp_path: Path) -> None:
    folder = shaped("fiqa", tmp_path / "fiqa")
    found = rb.attack("char-ngram", f"{folder}/", ["typo", "casing-spacing"])
    assert found.settings == ("monolingual", "multilingual")
    assert only_setting(found) == {"monolingual"}
    shown = printed(found)
    assert "RD" not in shown
    assert "rank distance" not in shown
    assert "|pool=monolingual|" in shown
    sheet, page = reported(found)
    assert not any("RD" in column for column in drops_table(sheet).columns)
    assert "RD is the rank distance" not in page
    (asked,) = prepare_sheets([("x.json", found)], setting="multilingual", resamples=FEW)
    assert set(asked.scores) == {"multilingual"}, "whoever asks for the other name of the one setting gets it"


def test_a_parallel_task_has_all_tables_and_rank_distance() -> None:
    found = rb.attack("char-ngram", "mini", ["typo"], languages=["en", "sw"])
    assert only_setting(found) == set(SETTINGS)
    assert printed(found).count("RD = rank distance of parallel passages") == 1
    assert "RD is the rank distance" in reported(found)[1]


def test_questions_that_one_other_language_answers_have_one_table(shared_data: Path) -> None:
    found = rb.attack("char-ngram", "afriqa", ["typo"], languages=["ha"])
    assert found.settings == ("cross-lingual", "multilingual")
    assert only_setting(found) == {"cross-lingual"}


def test_what_the_task_leaves_out_stands_on_the_page(tmp_path: Path) -> None:
    found = rb.attack("char-ngram", f"{shaped('fiqa', tmp_path / 'fiqa')}/", ["typo"])
    assert found.task_notes
    hostile = replace(found, task_notes=(*found.task_notes, "<b>bold</b> & [link](x)"))
    sheet, page = reported(hostile)
    for note in found.task_notes:
        assert f"<li>{escape(note)}</li>" in page
    assert "<li>&lt;b&gt;bold&lt;/b&gt; &amp; [link](x)</li>" in page
    assert r"\[link" in to_markdown([sheet])
    assert json.loads(to_json([sheet]))[0]["task_notes"] == list(hostile.task_notes)
    assert 'class="notes"' not in reported(replace(found, task_notes=()))[1]
