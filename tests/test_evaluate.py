"""The pipeline: right numbers, the same bytes, finished work kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from robustbench_ir import attack, load_result, save_result
from robustbench_ir.encoders import load_encoder
from robustbench_ir.errors import OptionError, ResultError, UnknownNameError
from robustbench_ir.evaluation.request import CellName, RunOptions
from robustbench_ir.perturb import Perturbation, digest, load_recipe
from robustbench_ir.results.file import result_from_json, result_to_json
from robustbench_ir.results.result import Result
from robustbench_ir.tasks import load_task
from tests.support.command_line import irbench, without_timings
from tests.support.ties import rows_by_score


@pytest.fixture(scope="module")
def small() -> Result:
    return attack(
        "char-ngram", recipes=["typo", "transliteration"], languages=["en", "hi", "sw"], seeds=2, severities=[1, 5]
    )


def average_precision(ranks: list[int]) -> float:
    return sum(place / rank for place, rank in enumerate(sorted(ranks), start=1)) / len(ranks)


def test_scores_equal_a_naive_computation(small: Result) -> None:
    """Embed, sort, and average with loops, by another road than the package's."""
    task = load_task("mini", ["en", "hi", "sw"])
    encoder = load_encoder("char-ngram")
    pool_rows = encoder.encode_passages([passage.text for passage in task.passages])
    perturbed = load_recipe("typo").perturb(task.queries, 5, 1)
    cell = next(c for c in small.attacked if (c.recipe, c.severity, c.seed) == ("typo@5", 5, 1))
    assert cell.digest == digest(perturbed)
    for texts, found in (([q.text for q in task.queries], small.clean), ([p.text for p in perturbed], cell)):
        scores = (encoder.encode_queries(texts) @ pool_rows.T).toarray()
        languages = [passage.language for passage in task.passages]
        per_pair: dict[tuple[str, str], list[float]] = {}
        multilingual: dict[str, list[float]] = {}
        distance: dict[str, list[float]] = {}
        for row, query in enumerate(task.queries):
            order = rows_by_score(task, row, scores[row])
            relevant = [row for row, p in enumerate(task.passages) if p.passage_id.split(":")[1] == query.parallel_id]
            ranks = [order.index(one) + 1 for one in relevant]
            multilingual.setdefault(query.language, []).append(average_precision(ranks))
            distance.setdefault(query.language, []).append(max(ranks) - min(ranks))
            for one in relevant:
                own = [other for other in order if languages[other] == languages[one]]
                per_pair.setdefault((query.language, languages[one]), []).append(1 / (own.index(one) + 1))

        def macro(values: list[list[float]]) -> float:
            return float(np.mean([np.mean(one) for one in values]))

        mono = [values for (asked, answered), values in per_pair.items() if asked == answered]
        cross = [values for (asked, answered), values in per_pair.items() if asked != answered]
        assert small.score(found, "monolingual") == pytest.approx(macro(mono), abs=1e-12)
        assert small.score(found, "cross-lingual") == pytest.approx(macro(cross), abs=1e-12)
        assert small.score(found, "multilingual") == pytest.approx(macro(list(multilingual.values())), abs=1e-12)
        assert small.bias(found).rank_distance == pytest.approx(macro(list(distance.values())), abs=1e-12)


def test_a_language_that_is_not_covered_is_said_and_unchanged(small: Result) -> None:
    cells = [cell for cell in small.attacked if cell.recipe.label == "transliteration"]
    for cell in cells:
        assert set(cell.not_covered) == {"en", "sw"}
        assert "Latin script" in cell.not_covered["en"]
    rows = {
        (row.language, row.severity): row
        for row in small.drops("multilingual", by="language")
        if row.recipe == "transliteration@5"
    }
    assert np.isnan([rows["en", 5].coverage, rows["en", 5].absolute]).all()
    assert rows["hi", 5].coverage == 1
    assert rows["hi", 5].absolute > 0.01


def test_severity_five_hurts_more_than_one(small: Result) -> None:
    typo = {row.severity: row for row in small.drops("monolingual") if row.recipe == "typo@5"}
    assert typo[5].absolute > typo[1].absolute
    assert typo[5].edit_rate > typo[1].edit_rate
    assert typo[5].coverage == 1


def test_result_survives_the_file(small: Result, tmp_path: Path) -> None:
    path = save_result(small, tmp_path / "deep" / "result.json")
    again = load_result(path)
    assert result_to_json(again) == path.read_text(encoding="utf-8")
    assert again.to_frame(["AP", "nDCG@10"]).equals(small.to_frame(["AP", "nDCG@10"]))
    assert again.per_query().equals(small.per_query())


def test_the_file_lets_everything_be_computed_again(small: Result) -> None:
    record = json.loads(result_to_json(small))
    ranks = np.array(record["clean"]["rank_in_pool"]).reshape(-1, 3)
    assert record["clean"]["average_precision"]["multilingual"] == pytest.approx(
        [average_precision(row.tolist()) for row in ranks]
    )
    assert record["clean"]["rank_distance"] == pytest.approx((ranks.max(axis=1) - ranks.min(axis=1)).tolist())
    signature = (
        "task=mini@1|languages=en,hi,sw|recipe=typo@5|severity=5|seeds=0,1|pool=multilingual|measure=AP"
        f"|scoring={record['scoring']}|irbench={record['irbench']}"
    )
    row = next(row for row in record["scores"] if row["signature"] == signature)
    assert row["clean"] - row["attacked"] == pytest.approx(row["drop"])


def test_frames_are_tidy(small: Result) -> None:
    frame = small.to_frame()
    assert len(frame) == 3 * 4 * 4  # settings x (all + 3 languages) x cells without seeds
    assert {"setting", "language", "recipe", "severity", "clean", "attacked", "drop", "coverage"} <= set(frame.columns)
    queries = small.per_query()
    assert len(queries) == 180 * 9
    assert queries["multilingual"].between(0, 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["clean"]["rank_in_pool"].__setitem__(0, 10**6), "rank_in_pool"),
        (lambda r: r["clean"]["rank_in_language"].__setitem__(0, 0), "rank_in_language"),
        (lambda r: r["clean"]["rank_distance"].__setitem__(0, 1.5), "changed by hand"),
        (lambda r: r["attacked"][0]["changed"].pop(), "changed: 179 values, and 180 queries elsewhere"),
        (lambda r: r["judgements"]["query"].__setitem__(0, 999), "does not exist"),
        (lambda r: r.__setitem__("extra", 1), "extra: Extra inputs"),
        (lambda r: r.pop("encoder"), "encoder: Field required"),
        (lambda r: r.__setitem__("schema_version", 99), "schema version 99"),
        (lambda r: r["clean"].__setitem__("severity", "high"), r"clean\.severity"),
    ],
)
def test_a_result_at_odds_with_itself_is_refused(small: Result, change, message: str) -> None:
    record = json.loads(result_to_json(small))
    change(record)
    with pytest.raises(ResultError, match=message):
        result_from_json(json.dumps(record))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": NaN}', "\x00"])
def test_what_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(ResultError, match="not an irbench result"):
        result_from_json(text)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"severities": [0]}, OptionError),
        ({"severities": [6]}, OptionError),
        ({"severities": []}, OptionError),
        ({"seeds": 0}, OptionError),
        ({"recipes": ["tipo"]}, UnknownNameError),
        ({"languages": ["xx"]}, UnknownNameError),
    ],
)
def test_wrong_arguments_are_refused_before_any_work(arguments: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        attack("char-ngram", **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["char-ngram", "tiny"])
def test_two_runs_give_the_same_bytes(model: str, tiny_model: Path, tmp_path: Path) -> None:
    name = str(tiny_model) if model == "tiny" else model
    for run in ("a", "b"):
        process = irbench(
            tmp_path / f"cache-{run}", tmp_path / f"{run}.json", "--model", name, PYTHONHASHSEED=str(ord(run))
        )
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert without_timings(tmp_path / "a.json") == without_timings(tmp_path / "b.json")


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_finished_cells(tmp_path: Path) -> None:
    """Kill -9 again and again after the first new cells; the end is that of an undisturbed run."""
    options = ("--model", "char-ngram", "--recipe", "typo", "--recipe", "synonym", "--seeds", "4")
    undisturbed = irbench(tmp_path / "cache-1", tmp_path / "whole.json", *options)
    undisturbed.communicate(timeout=120)
    assert undisturbed.returncode == 0
    cells = tmp_path / "cache-2" / "cells"
    for wanted in (1, 3, 5):
        process = irbench(tmp_path / "cache-2", tmp_path / "killed.json", *options)
        while process.poll() is None and len(list(cells.glob("*.json"))) < wanted:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not (tmp_path / "killed.json").exists()
    kept = {path: path.stat().st_ino for path in cells.glob("*.json")}
    assert len(kept) >= 5
    # A file that was cut short is noticed and done again.
    damaged = min(kept)
    damaged.write_bytes(damaged.read_bytes()[:-10])
    process = irbench(tmp_path / "cache-2", tmp_path / "killed.json", *options)
    process.communicate(timeout=120)
    assert process.returncode == 0
    untouched = [path for path, changed in kept.items() if path != damaged and path.stat().st_ino == changed]
    assert len(untouched) == len(kept) - 1, "finished cells are not done again"
    assert without_timings(tmp_path / "killed.json") == without_timings(tmp_path / "whole.json")


def test_control_c_says_how_to_go_on(tmp_path: Path) -> None:
    process = irbench(tmp_path / "cache", tmp_path / "out.json", "--model", "char-ngram", "--seeds", "200")
    while not list((tmp_path / "cache" / "cells").glob("*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (
        errors.strip()
        .splitlines()[-1]
        .startswith("irbench: stopped; finished work is kept: run the same command again")
    )
    assert "Traceback" not in errors
    assert not (tmp_path / "out.json").exists()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists() or os.geteuid() != 0, reason="needs to mount a small file system")
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """A real, full file system of 16 KiB: one line, status 2, the old result untouched."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("CANNOT MOUNT a file system here")
    try:
        (small / "out.json").write_text("old", encoding="utf-8")
        process = irbench(
            tmp_path / "cache", small / "out.json", "--model", "char-ngram", "--recipe", "typo", "--force"
        )
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 2
        last = errors.strip().splitlines()[-1]
        assert "cannot be written (No space left on device)" in last
        assert "run the same command again" in last
        assert (small / "out.json").read_text(encoding="utf-8") == "old"
        assert [path.name for path in small.iterdir()] == ["out.json"]
        assert list((tmp_path / "cache" / "cells").glob("*.json"))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_attacks_that_share_their_perturbed_queries_give_the_same_result() -> None:
    perturbed: dict[CellName, Sequence[Perturbation]] = {}
    alone = [attack(name, "mini", ["typo"], languages=["en", "sw"]) for name in ("char-ngram", "bm25")]
    shared = [
        attack(name, "mini", ["typo"], languages=["en", "sw"], run=RunOptions(resume=False, perturbed=perturbed))
        for name in ("char-ngram", "bm25")
    ]
    assert list(perturbed) == [CellName("typo", 3, 0)]
    for one, other in zip(alone, shared, strict=True):
        assert result_to_json(one).split('"timings')[0] == result_to_json(other).split('"timings')[0]
