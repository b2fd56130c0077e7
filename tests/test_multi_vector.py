"""Multi-vector models, from each kind of folder that people have, are scored by MaxSim as the library scores them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import EncoderOptions, TokenEmbeddings, as_encoder, load_encoder
from robustbench_ir.encoders.examination import examine
from robustbench_ir.encoders.multi_vector import LateInteractionEncoder, is_multi_vector
from robustbench_ir.encoders.truncation import changed_inputs, cut_shares
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.leaderboard.building import build_board
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.verifying import verify
from robustbench_ir.retrieval.similarity import product_with
from robustbench_ir.tasks import load_task
from robustbench_ir.testing import check_encoder
from tests.support.models import reranker
from tests.support.multi_vector import COLUMNS, colbert_folder, make_model, pylate_folder

sentence_transformers = pytest.importorskip("sentence_transformers", minversion="6")
if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

QUERIES = ["what is this?", "a longer question, with more of everything", "a"]
PASSAGES = ["this, is an answer.", "?", "nothing at all, but words" * 4, "..."]


def saved(model: MultiVectorEncoder, folder: Path) -> Path:
    model.save_pretrained(str(folder))
    return folder


FOLDERS: dict[str, Callable[[Path], Path]] = {
    "maxsim": lambda folder: saved(make_model(folder), folder / "model"),
    "meanmaxsim": lambda folder: saved(make_model(folder, "meanmaxsim"), folder / "model"),
    "query expansion": lambda folder: saved(make_model(folder, expansion=32), folder / "model"),
    "PyLate": lambda folder: pylate_folder(make_model(folder), folder / "model"),
    "ColBERT": lambda folder: colbert_folder(folder / "model"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return FOLDERS["maxsim"](tmp_path_factory.mktemp("multi-vector"))


@pytest.mark.parametrize("kind", FOLDERS)
def test_scores_are_the_librarys_own(kind: str, tmp_path: Path) -> None:
    path = FOLDERS[kind](tmp_path)
    encoder = load_encoder(str(path), EncoderOptions(device="cpu"))
    model = sentence_transformers.MultiVectorEncoder(str(path), device="cpu")
    expected = model.similarity(model.encode_query(QUERIES), model.encode_document(PASSAGES)).numpy()
    queries, passages = encoder.encode_queries(QUERIES), encoder.encode_passages(PASSAGES)
    assert isinstance(passages, TokenEmbeddings)
    assert passages.counts.tolist() == [len(rows) for rows in model.encode_document(PASSAGES)]
    np.testing.assert_allclose(product_with(passages)(queries), expected, atol=1e-5)
    who = encoder.description
    assert (who.similarity, who.dimensions) == (model.similarity_fn_name, COLUMNS)
    assert (who.query_prompt, who.passage_prompt) == (model.prompts["query"], model.prompts["document"])


def test_the_contract_of_encoders_holds(folder: Path) -> None:
    check_encoder(str(folder), texts=["one", "a second, and longer, text", "a third"])


def test_an_object_is_taken_for_what_it_is(folder: Path) -> None:
    model = sentence_transformers.MultiVectorEncoder(str(folder), device="cpu")
    encoder = as_encoder(model, EncoderOptions(query_prompt=""))
    assert isinstance(encoder, LateInteractionEncoder)
    assert encoder.description.query_prompt == ""
    np.testing.assert_allclose(
        encoder.encode_queries(["a"]).gathered(), model.encode(["a"], prompt="", task="query")[0].numpy(), atol=1e-6
    )


def test_an_object_of_pylate_is_to_be_saved_first() -> None:
    class ColBERT:
        model_card_data = type("Card", (), {"base_model": "owner/colbert"})

        def encode(self, texts: list[str]) -> list[list[float]]:
            return [[0.0] for _ in texts]

    ColBERT.__module__ = "pylate.models.colbert"
    with pytest.raises(EncoderError, match=r"owner/colbert: a model of PyLate; save it by save_pretrained\(folder\)"):
        as_encoder(ColBERT())


def test_only_models_that_say_so_are_multi_vector(tiny_model: Path, folder: Path) -> None:
    options = EncoderOptions()
    assert is_multi_vector(str(folder), options)
    assert not is_multi_vector(str(tiny_model), options)
    assert not is_multi_vector(str(tiny_model.parent / "base"), options)


def changed(folder: Path, copy: Path, file: str, **values: object) -> Path:
    shutil.copytree(folder, copy)
    path = next(copy.glob(file))
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **values}), encoding="utf-8")
    return copy


def test_the_fingerprint_follows_what_decides_a_row(folder: Path, tmp_path: Path) -> None:
    def fingerprint(path: Path, **options: object) -> str:
        return load_encoder(str(path), EncoderOptions(**options)).description.fingerprint

    expansion = {"strategy": "fixed", "attend": False, "length": 16, "token": None}
    found = {
        "as it is": fingerprint(folder),
        "skiplist": fingerprint(changed(folder, tmp_path / "1", "*_MultiVectorMask/config.json", skiplist_words=["!"])),
        "expansion": fingerprint(
            changed(folder, tmp_path / "2", "sentence_bert_config.json", query_expansion=expansion)
        ),
        "limit": fingerprint(changed(folder, tmp_path / "3", "sentence_bert_config.json", document_length=9)),
        "similarity": fingerprint(
            changed(folder, tmp_path / "4", "config_sentence_transformers.json", similarity_fn_name="meanmaxsim")
        ),
        "prompt": fingerprint(folder, query_prompt="ask: "),
        "length": fingerprint(folder, max_length=12),
        "dtype": fingerprint(folder, dtype="bfloat16"),
    }
    assert len(set(found.values())) == len(found), found
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    assert fingerprint(moved) == found["as it is"]


def test_the_length_cuts_both_sides(folder: Path) -> None:
    encoder = load_encoder(str(folder), EncoderOptions(max_length=12))
    assert encoder.encode_passages(["word " * 40]).counts.tolist() == [12]
    assert encoder.encode_queries(["word " * 40]).counts.tolist() == [12]


def test_half_precision_gives_rows_of_float32(folder: Path) -> None:
    rows = load_encoder(str(folder), EncoderOptions(dtype="bfloat16")).encode_passages(PASSAGES)
    assert rows.dtype == np.float32
    assert np.isfinite(rows.rows).all()


def test_what_these_models_cannot_do_is_refused_in_one_line(folder: Path) -> None:
    with pytest.raises(OptionError, match="truncate_dim cannot be set for a multi-vector model; leave it out"):
        load_encoder(str(folder), EncoderOptions(truncate_dim=4))
    for option in ("query_prompt_name", "passage_prompt_name", "query_task", "passage_task"):
        with pytest.raises(OptionError, match=f"{option} cannot be set for a multi-vector model; leave it out"):
            load_encoder(str(folder), EncoderOptions(**{option: "query"}))
    with pytest.raises(OptionError, match="similarity cannot be set"):
        load_encoder(str(folder), EncoderOptions(similarity="dot"))
    with pytest.raises(OptionError, match="encode_kwargs cannot be set"):
        load_encoder(str(folder), EncoderOptions(encode_kwargs={"pool_factor": 2}))
    with pytest.raises(OptionError, match="gives a row for each token, and copies of a query have other tokens"):
        load_encoder(f"smoothed:{folder}")
    with pytest.raises(OptionError, match="gives a row for each token and has no cosine of two queries"):
        rb.attack("char-ngram", "mini", ["typo"], languages=["en"], semantic_floor=rb.SemanticFloor(0.5, str(folder)))


def test_a_broken_folder_is_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    next(broken.glob("**/model.safetensors")).write_bytes(b"nothing")
    with pytest.raises(EncoderError, match="broken: this multi-vector model cannot be loaded"):
        load_encoder(str(broken))


# Attacks, from end to end.


def digits(result: rb.Result) -> list[list[int]]:
    return [
        [*cell.ranks.in_pool.tolist(), *cell.ranks.in_language.tolist()] for cell in (result.clean, *result.attacked)
    ]


def test_an_attack_ranks_as_the_library_does_and_again_from_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = rb.attack(str(folder), "mini", ["typo"], languages=["en", "sw"])
    task = load_task("mini", languages=["en", "sw"])
    model = sentence_transformers.MultiVectorEncoder(str(folder), device="cpu")
    pool = model.encode_document([passage.text for passage in task.passages])
    asked = model.encode_query([query.text for query in task.queries])
    scores = model.similarity(asked, pool).double().numpy()
    own = scores[task.qrels.query, task.qrels.passage]
    # The library's scores are float32: what is nearer than that may stand either way.
    above = (scores[task.qrels.query] > own[:, None] + 1e-4).sum(axis=1)
    perhaps = (scores[task.qrels.query] > own[:, None] - 1e-4).sum(axis=1)
    ranks = result.clean.ranks.in_pool
    assert (above < ranks).all()
    assert (ranks <= perhaps).all()
    assert (perhaps - above).mean() < 2

    def no_more(*_: object) -> None:
        raise AssertionError("encodes again")

    for side in ("encode_queries", "encode_passages"):
        monkeypatch.setattr(LateInteractionEncoder, side, no_more)
    assert digits(rb.attack(str(folder), "mini", ["typo"], languages=["en", "sw"])) == digits(result)
    fresh = rb.RunOptions(resume=False)  # ranks are made again, of embeddings that are kept
    assert digits(rb.attack(str(folder), "mini", ["typo"], languages=["en", "sw"], run=fresh)) == digits(result)


@pytest.mark.slow
def test_two_processes_and_little_memory_make_the_same_ranks(folder: Path, tmp_path: Path) -> None:
    found = []
    for number, options in enumerate(({"jobs": 2}, {}, {"memory": 1 << 24})):
        run = rb.RunOptions(cache=tmp_path / str(number), **options)
        found.append(digits(rb.attack(str(folder), "mini", ["typo", "synonym"], languages=["en", "sw"], run=run)))
    assert found[0] == found[1] == found[2]


def test_a_compact_runner_ranks_alike(folder: Path) -> None:
    task = load_task("mini", languages=["en"])
    encoder = load_encoder(str(folder))
    texts = [query.text for query in task.queries]
    ranks = []
    for compact in (False, True):
        runner = Runner(encoder, task, compact=compact)
        ranks.append(runner.rank(range(len(texts)), texts, runner.encode(texts)).in_pool.tolist())
    assert ranks[0] == ranks[1]


def irb(*arguments: str) -> str:
    answer = CliRunner().invoke(irbench, arguments)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_the_command_line_attacks_searches_exports_and_reports(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    common = ("attack", "--model", str(folder), "--task", "mini", "--languages", "en,sw", "--recipe", "typo")
    assert "clean" in irb(*common, "--out", "mv.json", "--run-out", "runs", "--top", "20")
    result = rb.load_result("mv.json")
    assert result.encoder.similarity == "maxsim"
    lines = Path("runs/clean.trec").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 20 * len({line.split()[0] for line in lines})
    irb("report", "mv.json", "--with-passages", "--worst", "3", "--out", "mv.html")
    assert "Which passage overtook the right one is known only" not in Path("mv.html").read_text(encoding="utf-8")
    irb(*common, "--search", "greedy", "--budget-queries", "10", "--out", "search.json")
    assert rb.load_result("search.json").attacked
    assert "maxsim" in irb("encoders", "show", str(folder))
    refused = CliRunner().invoke(irbench, [*common, "--run-out", "other", "--index", "hnsw", "--fresh"])
    assert isinstance(refused.exception, OptionError)
    assert "takes dense embeddings only; use 'flat' with this encoder" in str(refused.exception)


@pytest.mark.slow
def test_its_result_is_submitted_and_the_entry_says_its_kind(folder: Path, tmp_path: Path) -> None:  # F1
    result = rb.attack(str(folder), "mini", ["typo"], languages=["en", "sw"])
    rb.save_result(result, tmp_path / "r.json")
    board = str(tmp_path / "board")
    said = ("--name", "tiny/colbert", "--link", "https://example.org/", "--saw-task", "no", "--folder", board)
    answer = CliRunner().invoke(irbench, ["submit", str(tmp_path / "r.json"), *said])
    assert answer.exit_code == 0, answer.output
    path = answer.output.split(" is your entry")[0]
    entry = read_entry(Path(path))
    assert (entry.model.kind, entry.model.similarity, entry.model.dimensions) == ("multi-vector", "maxsim", COLUMNS)
    checked = CliRunner().invoke(irbench, ["leaderboard", "check", "--new", path, "--folder", board])
    assert checked.exit_code == 0, checked.output
    assert "checked" in checked.output
    assert verify(entry, 20, seed=0, model=str(folder)).holds
    build_board(Path(board))
    (row,) = json.loads((Path(board) / "leaderboard.json").read_text(encoding="utf-8"))["boards"][0]["rows"]
    assert row["model"]["kind"] == "multi-vector"


def test_a_reranker_has_no_result_to_submit(tmp_path: Path) -> None:  # F1
    with pytest.raises(EncoderError, match=r"is a reranker \(CrossEncoder\): it scores pairs"):
        rb.attack(str(reranker(tmp_path / "reranker")), "mini", ["typo"], languages=["en"])


def test_the_check_of_an_encoder_looks_at_tokens_too(folder: Path) -> None:
    found = examine(str(folder), EncoderOptions())
    assert found.encoder.description.kind == "multi-vector"
    assert found.weights > 0
    assert found.modules
    assert found.batch_difference < 1e-5


# What the model reads: lengths of each side, type.


def test_each_side_is_cut_at_its_own_length(folder: Path, tmp_path: Path) -> None:
    """With [CLS], [SEP] and three tokens of "[Q] " or "[D] ", 59 letters of a query and 43 of a passage are read."""
    queries, passages = ["a" * 59, "a" * 60], ["a" * 43, "a" * 44, "a" * 60, "a"]
    encoder = load_encoder(str(folder), EncoderOptions(device="cpu"))
    assert cut_shares(encoder, queries, passages) == {"queries": 1 / 2, "passages": 1 / 2}
    assert encoder.description.token_limit == 48
    expanded = load_encoder(str(FOLDERS["query expansion"](tmp_path)), EncoderOptions(device="cpu"))
    assert cut_shares(expanded, ["a" * 27, "a" * 28, "a" * 29, "a"], ["a"]) == {"queries": 1 / 2, "passages": 0}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_query_is_read_up_to_its_length(kind: str, tmp_path: Path) -> None:
    """The rows of the model itself say whether it reads something else."""
    encoder = load_encoder(str(FOLDERS[kind](tmp_path)), EncoderOptions(device="cpu"))
    clean = ["what is this?", "a" * 70, "what is this?"]
    texts = ["what  is this?", "a" * 69 + "b", "what is tihs?"]
    changed = changed_inputs(encoder, clean, texts)
    assert changed is not None
    before, after = ([encoder.encode_queries([text]).gathered() for text in side] for side in (clean, texts))
    differ = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert changed.tolist() == differ == [False, False, True]


def test_half_precision_runs_in_float32_on_a_cpu_unless_told_otherwise(folder: Path, tmp_path: Path) -> None:
    sentence_transformers.MultiVectorEncoder(str(folder), device="cpu").half().save_pretrained(str(tmp_path / "half"))
    options = EncoderOptions(device="cpu")
    who = load_encoder(str(tmp_path / "half"), options).description
    assert who.dtype == "float32"
    assert who.notes == ("saved as float16, run in float32 on this CPU; --dtype float16 runs it as it was saved",)
    half = load_encoder(str(tmp_path / "half"), EncoderOptions(device="cpu", dtype="float16")).description
    assert (half.dtype, half.notes) == ("float16", ())
    assert half.fingerprint != who.fingerprint
