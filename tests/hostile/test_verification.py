"""`irbench leaderboard verify`: what cheats tried, what honest entries need, and what its mark is worth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir import EncoderOptions, attack
from robustbench_ir.cli import irbench
from robustbench_ir.encoders.options import decisive_options
from robustbench_ir.errors import OptionError, ResultError
from robustbench_ir.leaderboard.building import build_board, check_submissions
from robustbench_ir.leaderboard.entry import Declaration, entry_of, entry_to_json
from robustbench_ir.leaderboard.folder import submit
from robustbench_ir.leaderboard.marks import LEAST_SAMPLE, check_mark, entry_digest, mark_fault, marked
from robustbench_ir.leaderboard.packing import packed, unpacked
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.schema import Entry, RanksEntry, VerifiedRecord
from robustbench_ir.leaderboard.verifying import MEAN_TOLERANCE, Difference, is_named_after, verify
from robustbench_ir.results.result import Result
from tests.support.encoders import EmbeddingServer
from tests.support.entries import DAY, read, rescored, small_values, table_of, with_ranks
from tests.support.models import KINDS

SAID = Declaration("char-ngram", "https://example.org/char", saw_task="no")
ALL = 120


@pytest.fixture(scope="session")
def honest(honest_result: Result) -> RanksEntry:
    return entry_of(honest_result, SAID, DAY)


def run(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(irbench, ["leaderboard", *arguments])
    return answer.exit_code, f"{answer.output}{answer.exception or ''}"


# Tolerances: for a neural model, whose last bits differ between machines, ranks need not be the same.


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Difference("typo@3", 0.0, 0.0, 1.0, 1.0, 0.0, 0.0), ""),
        (Difference("typo@3", 0.0015, -0.0015, 0.97, 0.96, 0.005, 0.3), ""),
        (Difference("typo@3", -0.0199, 0.0, 1.0, 1.0, 0.0, 0.02), "mean AP differs by -0.0199"),
        (Difference("typo@3", 0.0019, 0.0048, 1.0, 1.0, 0.0, 0.02), "the drop differs by +0.0048"),
        (Difference("typo@3", 0.0, 0.0, 0.9, 1.0, 0.0, 0.5), "10.0% of the queries by more than 0.02"),
        (Difference("typo@3", 0.0, 0.0, 1.0, 0.9, 0.0, 0.0), "only 90.0% of the ranks agree"),
        (Difference("typo@3", 0.0, 0.0, 1.0, 1.0, 0.1, 0.0), "rank distance differs by 10.0%"),
    ],
)
def test_a_cell_holds_within_tolerances_well_below_a_drop(difference: Difference, said: str) -> None:
    """Case F2 moved clean values down by 0.0199 and attacked ones up by 0.0049; the smallest drop there was 0.0067."""
    assert 3 * MEAN_TOLERANCE < 0.0067
    assert said in difference.fault(exact=False)
    assert bool(said) == bool(difference.fault(exact=False))


def test_what_counts_characters_must_give_every_rank() -> None:
    """Elsewhere a passage may move by two places and a tenth."""
    almost = Difference("typo@3", 0.0, 0.0, 1.0, 0.999, 0.0, 0.0)
    assert almost.fault(exact=True).endswith("of the ranks differ")
    assert almost.fault(exact=False) == ""


# Case D: the sample is not known beforehand.


def test_the_seed_is_drawn_printed_and_kept(honest: RanksEntry, tmp_path: Path) -> None:
    path = submit(honest, tmp_path)
    seeds = []
    for _ in range(2):
        status, said = run("verify", str(path), "--by", "who ran it")
        assert status == 0, said
        (seed,) = re.findall(r"seed (\d+)", said)
        mark = read_entry(path).verified
        assert isinstance(mark, VerifiedRecord)
        assert str(mark.seed) == seed
        seeds.append(seed)
    assert seeds[0] != seeds[1], "of 2^63 seeds"
    assert run("verify", str(path), "--seed", seeds[0])[1].startswith(f"{path}: holds: {ALL} queries, seed {seeds[0]};")


def test_the_mark_says_what_was_done(honest: RanksEntry) -> None:
    mark = marked(honest, verify(honest, 110, seed=11), "who ran it", DAY).verified
    assert isinstance(mark, VerifiedRecord)
    assert (mark.by, mark.date, mark.sample, mark.seed) == ("who ran it", DAY, 110, 11)
    assert (mark.largest_mean_difference, mark.rank_agreement, mark.searched) == (0, 1, 0)
    assert mark.irbench == rb.__version__
    assert mark.entry_sha256 == entry_digest(honest)


# Case H: the mark belongs to the entry that it was written for.


def leaves(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*place, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for key, inner in enumerate(value):
            yield from leaves(inner, (*place, key))
    else:
        yield place


def other(value: object) -> object:
    """Return a value that is near another one, and of its type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if isinstance(value, int) else value * 0.999 + 0.0001
    if isinstance(value, str):
        return {"https://example.org/char": "https://example.org/other", "no": "yes", DAY: "2026-11-25"}.get(
            value, value[:-1] + ("0" if value[-1:] != "0" else "1") if value else "x"
        )
    if isinstance(value, list):
        return [*value[1:], *value[:1]] if len({*value}) > 1 else [*value, "en"]
    return 5


def test_no_byte_of_a_verified_entry_can_be_changed(honest: RanksEntry, tmp_path: Path) -> None:
    path = submit(marked(honest, verify(honest, ALL, seed=5), "who ran it", DAY), tmp_path)
    assert check_submissions([path], tmp_path, today=DAY)[0].remark == "checked"
    table = table_of(read_entry(path))
    places = [place for place in leaves(table) if place[0] != "verified" or place[1] in {"entry_sha256", "date"}]
    assert len(places) > 60
    for place in places:
        changed = json.loads(json.dumps(table))
        inner = changed
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = other(inner[place[-1]])
        assert changed != table, place
        try:
            entry = read(changed)
        except ResultError:
            continue
        assert mark_fault(entry, DAY), place


def test_a_fallen_mark_is_refused_by_check_and_not_shown_by_the_board(honest: RanksEntry, tmp_path: Path) -> None:
    sound = marked(honest, verify(honest, ALL, seed=5), "who ran it", DAY)
    path = submit(sound, tmp_path)
    build_board(tmp_path, today=DAY)
    assert _row(tmp_path)["verified"]["seed"] == 5
    fallen = read({**table_of(sound), "model": {**table_of(sound)["model"], "licence": "MIT"}})
    path.write_text(entry_to_json(fallen), encoding="utf-8")
    (verdict,) = check_submissions([path], tmp_path, today=DAY)
    assert verdict.faults[0].startswith("verified: the entry has changed since it was verified")
    build_board(tmp_path, today=DAY)
    assert _row(tmp_path)["verified"] is None
    assert "has changed since" in _row(tmp_path)["fallen"]


def _row(folder: Path) -> dict[str, Any]:
    (made,) = json.loads((folder / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    (row,) = made["rows"]
    return dict(row)


@pytest.mark.parametrize(
    "change",
    [
        {"date": "2026-11-25"},
        {"date": "2026-11-27"},
        {"sample": 50},
        {"sample": ALL + 1},
        {"largest_mean_difference": 0.1},
        {"rank_agreement": 0.5},
    ],
    ids=str,
)
def test_a_mark_that_no_verification_writes_does_not_count(change: dict[str, Any], honest: RanksEntry) -> None:
    sound = marked(honest, verify(honest, ALL, seed=5), "who ran it", DAY)
    assert mark_fault(sound, DAY) == ""
    assert sound.verified is not None
    assert mark_fault(sound.model_copy(update={"verified": sound.verified.model_copy(update=change)}), DAY)


def test_a_mark_of_format_1_says_nothing_of_the_file(tmp_path: Path) -> None:
    entry = read({**small_values(), "verified": {"by": "x", "date": DAY, "sample": 1}})
    assert "earlier version" in mark_fault(entry, DAY)
    submit(entry, tmp_path)
    build_board(tmp_path, today=DAY)
    row = _row(tmp_path)
    assert (row["verified"], row["digests"], row["ranks"]) == (None, "format 1, values only", {})
    with pytest.raises(ResultError, match="format 1 has no ranks to compare"):
        verify(entry, 5, seed=0)


# Case I: what cannot be written is refused before any work.


@pytest.mark.parametrize(
    "words",
    [("--by", "a\u202eb"), ("--by", "x" * 200), ("--by", "a\x1bb"), ("--by", "me", "--sample", str(LEAST_SAMPLE - 1))],
)
def test_no_work_is_done_for_a_mark_that_cannot_be_written(
    words: tuple[str, ...], honest: RanksEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = submit(honest, tmp_path)
    monkeypatch.setattr("robustbench_ir.leaderboard.verifying.verify", lambda *_: pytest.fail("it was run"))
    status, said = run("verify", str(path), *words)
    assert status != 0
    assert said.startswith(words[-2])
    assert said.isprintable()


def test_a_small_task_needs_all_its_queries(honest: RanksEntry) -> None:
    few = honest.model_copy(update={"task": honest.task.model_copy(update={"queries": {"en": 60}})})
    check_mark(few, "me", 60)
    with pytest.raises(OptionError, match="at least 60 queries"):
        check_mark(few, "me", 59)


def test_the_file_of_a_marked_entry_is_not_newer(honest: RanksEntry, tmp_path: Path) -> None:
    """In a folder without history, the time of a file says which one was first."""
    path = submit(honest, tmp_path)
    before = path.stat().st_mtime_ns
    assert run("verify", str(path), "--by", "me")[0] == 0
    assert path.stat().st_mtime_ns == before


# Cases A5 and G: who the model is, and every option that it may have.

OPTIONS: dict[str, tuple[str, EncoderOptions]] = {
    "query_prompt": ("transformer", EncoderOptions(query_prompt="")),
    "passage_prompt": ("transformer", EncoderOptions(passage_prompt="about: ")),
    "query_prompt_name": ("transformer", EncoderOptions(query_prompt_name="document")),
    "passage_prompt_name": ("transformer", EncoderOptions(passage_prompt_name="query")),
    "query_task": ("router", EncoderOptions(query_task="query")),
    "passage_task": ("router", EncoderOptions(passage_task="document")),
    "similarity": ("transformer", EncoderOptions(similarity="euclidean")),
    "encode_kwargs": ("splade", EncoderOptions(encode_kwargs={"max_active_dims": 4})),
    "model_kwargs": ("transformer", EncoderOptions(model_kwargs={"attn_implementation": "eager"})),
    "device": ("transformer", EncoderOptions(device="cpu")),
    "batch_size": ("transformer", EncoderOptions(batch_size=7)),
    "dtype": ("transformer", EncoderOptions(dtype="bfloat16")),
    "max_length": ("transformer", EncoderOptions(max_length=6)),
    "revision": ("endpoint", EncoderOptions(revision="spring")),
    "trust_remote_code": ("transformer", EncoderOptions(trust_remote_code=True)),
    "truncate_dim": ("transformer", EncoderOptions(truncate_dim=4)),
    "backend": ("transformer", EncoderOptions(backend="onnx")),
    "devices": ("transformer", EncoderOptions(devices=("cpu", "cpu"))),
    "requests_per_minute": ("endpoint", EncoderOptions(requests_per_minute=1e6)),
    "timeout": ("endpoint", EncoderOptions(timeout=30.0)),
    "query_body": ("endpoint", EncoderOptions(query_body={"input_type": "query"})),
    "passage_body": ("endpoint", EncoderOptions(passage_body={"input_type": "document"})),
    "encoding_format": ("endpoint", EncoderOptions(encoding_format="float")),
}


def test_the_table_has_every_option() -> None:
    assert set(OPTIONS) == {one.name for one in fields(EncoderOptions)}
    for name, (_, options) in OPTIONS.items():
        assert getattr(options, name) != getattr(EncoderOptions(), name)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingServer]:
    for variable in ("ROBUSTBENCH_IR_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    running = EmbeddingServer()
    yield running
    running.close()


SLOW = {"devices"}  # each process loads the libraries anew


@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in OPTIONS])
def test_an_honest_entry_with_any_option_is_verified(name: str, tmp_path: Path, server: EmbeddingServer) -> None:
    kind, options = OPTIONS[name]
    if name == "backend":
        pytest.importorskip("optimum.onnxruntime", reason="ONNX ABSENT: pip install 'robustbench-ir[onnx]'")
    model = f"openai:tiny@{server.url}" if kind == "endpoint" else str(KINDS[kind](tmp_path / "model"))
    result = attack(model, "mini", ["typo"], languages=["sw"], options=options)
    entry = entry_of(result, replace(SAID, name="tiny"), DAY)
    given = decisive_options(options)
    assert entry.model.options == given
    keywords = {key: value for key, value in given.items() if key.endswith("_kwargs")}
    if keywords:
        with pytest.raises(ResultError, match="are not taken from an entry"):
            verify(entry, 60, seed=1, model=model)
    found = verify(entry, 60, seed=1, model=model, keywords=keywords)
    assert found.holds
    assert found.rank_agreement == 1


def test_another_model_does_not_pass_for_this_one(tmp_path: Path) -> None:
    folder = str(KINDS["transformer"](tmp_path / "model"))
    result = attack(folder, "mini", ["typo"], languages=["sw"])
    for said, wrong in (("parameters", {"parameters": 1000}), ("dimensions", {"dimensions": 17})):
        entry = entry_of(result, replace(SAID, name="tiny"), DAY)
        other_model = entry.model_copy(update={"model": entry.model.model_copy(update=wrong)})
        with pytest.raises(ResultError, match=said):
            verify(other_model, 60, seed=1, model=folder)
    from sentence_transformers import SentenceTransformer

    count = sum(one.numel() for one in SentenceTransformer(folder, device="cpu").parameters())
    about = entry_of(result, replace(SAID, name="tiny", parameters=round(count, -2)), DAY)
    assert verify(about, 60, seed=1, model=folder).holds


def test_another_name_is_shown_with_what_was_run(honest: RanksEntry, tmp_path: Path) -> None:
    """Case G: an entry of char-ngram that calls itself tiny/model."""
    named = honest.model_copy(update={"model": honest.model.model_copy(update={"name": "tiny/model"})})
    path = submit(named, tmp_path)
    status, said = run("verify", str(path), "--by", "me")
    assert status == 0
    assert "what was run is 'char-ngram'; the board shows it beside the name" in said
    build_board(tmp_path)
    assert _row(tmp_path)["model"]["encoder"] == "char-ngram"
    assert "encoder: ${row.model.encoder" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    for name in ("char-ngram", "Char-Ngram", "char-ngram (2 to 4 letters)"):
        assert is_named_after(name, "char-ngram")
    for name in ("char-ngram-plus", "tiny/char-ngram", "tiny/model"):
        assert not is_named_after(name, "char-ngram")


def test_the_name_of_another_encoder_is_refused(honest: RanksEntry) -> None:
    named = honest.model_copy(update={"model": honest.model.model_copy(update={"name": "BM25"})})
    with pytest.raises(ResultError, match="the name is that of another encoder"):
        verify(named, 20, seed=1)


def test_flags_are_compared_in_every_query_and_not_in_a_sample(honest: RanksEntry) -> None:
    table = table_of(honest)
    last = table["cells"][2]["changed"].rindex("0")
    table["cells"][2]["changed"] = table["cells"][2]["changed"][:last] + "1" + table["cells"][2]["changed"][last + 1 :]
    with pytest.raises(ResultError, match=r"cells\.2: 'changed' does not say"):
        verify(read(rescored(table)), 1, seed=0)


def test_three_percent_of_flattered_queries_are_found_in_nineteen_of_twenty_samples() -> None:
    """A hundred queries, drawn without replacement from 13,090 of which 393 are flattered: 1 - 0.97^100 = 0.952."""
    flattered = np.zeros(13_090, dtype=bool)
    flattered[: round(0.03 * len(flattered))] = True
    drawn = [np.random.default_rng(seed).choice(len(flattered), LEAST_SAMPLE, replace=False) for seed in range(1_000)]
    assert np.mean([flattered[rows].any() for rows in drawn]) > 0.93


def test_what_is_packed_is_what_is_unpacked() -> None:
    numbers = np.array([0, 1, 255, 256, 65_536, 2**31 - 1])
    assert unpacked(packed(numbers), 6).tolist() == numbers.tolist()
    for count in (5, 7, 0):
        with pytest.raises(ValueError, match=f"not {count} packed numbers"):
            unpacked(packed(numbers), count)
    with pytest.raises(ValueError, match=r"2\^31"):
        unpacked(packed(np.array([2**31])), 1)


def test_a_flattered_entry_does_not_hold_and_is_not_marked(honest: RanksEntry, tmp_path: Path) -> None:
    def better(pool: np.ndarray, language: np.ndarray) -> None:
        language[1] = np.maximum(language[1] // 2, 1)
        pool[1] = np.maximum(pool[1] // 2, language[1])

    flattered: Entry = read(rescored(with_ranks(table_of(honest), better)))
    path = tmp_path / "submissions" / "mini" / "char-ngram.json"
    path.parent.mkdir(parents=True)
    path.write_text(entry_to_json(flattered), encoding="utf-8")
    if run("check", str(path), "--folder", str(tmp_path))[0] == 0:
        status, said = run("verify", str(path), "--by", "me")
        assert status == 2
        assert "DOES NOT HOLD" in said
        assert "of the ranks differ" in said
    assert read_entry(path).verified is None
