"""What a script or a notebook meets: strings and paths where they are meant, short texts, one-line errors."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.leaderboard.entry import Declaration, entry_of, entry_to_json
from robustbench_ir.metrics.measures import measure_name
from robustbench_ir.reports.content import command_of, prepare_sheets
from robustbench_ir.reports.exports import EXPORTS


@pytest.fixture(scope="module")
def attacked() -> rb.Result:
    return rb.attack("char-ngram", recipes="typo,diacritics", languages="english, Swahili", severities=3, name="mine")


@pytest.fixture(scope="module")
def clean() -> rb.Result:
    return rb.attack("char-ngram", recipes=[], languages=["en", "sw"])


def test_a_string_where_a_list_is_meant_is_one(attacked: rb.Result) -> None:  # M19
    listed = rb.attack("char-ngram", recipes=["typo", "diacritics"], languages=["en", "sw"], severities=[3])
    assert attacked.groups.keys() == listed.groups.keys()
    assert attacked.judgements.query_languages == ("en", "sw")
    assert set(attacked.to_frame("ndcg@10", resamples=50).measure) == {"nDCG@10"}
    assert rb.SearchOptions("greedy,random").methods == ("greedy", "random")
    assert rb.load_task("mini", "hindi").query_languages == ("hi",)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seeds": [0, 1]}, "give the number of perturbations of each query, such as 2"),
        ({"seeds": True}, "give the number of perturbations"),
        ({"seeds": 1.5}, "give the number of perturbations"),
        ({"severities": "hard"}, "severity 'hard' is not a whole number; give one or more from 1 to 5"),
        ({"severities": 2.5}, "severity 2.5 is not a whole number"),
        ({"severities": 6}, "severity 6 is out of range"),
        ({"recipes": "tipo"}, "did you mean 'typo'?"),
        ({"languages": "en,klingonish"}, "unknown language 'klingonish'"),
    ],
)
def test_a_mistake_is_one_line(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(rb.RobustBenchError) as refused:
        rb.attack("char-ngram", **wrong)  # type: ignore[arg-type]
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("numbers", ["drops", "findings", "robust_scores", "worst_shares"])
def test_an_unknown_setting_is_told(attacked: rb.Result, numbers: str) -> None:
    with pytest.raises(rb.RobustBenchError, match=r"unknown setting 'multi': there are: cross-lingual, monolingual, "):
        getattr(attacked, numbers)("multi")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("map", "AP"),
        ("MAP", "AP"),
        ("ap", "AP"),
        ("ndcg@10", "nDCG@10"),
        ("ndcg_cut_5", "nDCG@5"),
        ("ndcg_at_20", "nDCG@20"),
        ("mrr@10", "RR@10"),
        ("recall@1000", "R@1000"),
        ("recall_100", "R@100"),
        ("P@3", "P@3"),
        ("map@100", "AP@100"),
    ],
)
def test_measures_have_the_names_of_other_tools(written: str, name: str) -> None:
    assert measure_name(written) == name


@pytest.mark.parametrize("wrong", ["", "n", "AP@", "AP@0", "nDCG@-1", "map@k", "nDCG@0"])
def test_an_unknown_measure_is_told_that_any_k_goes(wrong: str) -> None:
    with pytest.raises(rb.RobustBenchError, match="with any whole number k"):
        measure_name(wrong)


def test_a_measure_without_its_depth_is_told_so() -> None:
    with pytest.raises(rb.RobustBenchError, match="nDCG needs a depth, any whole number: nDCG@10"):
        measure_name("ndcg")


def test_a_result_is_short_and_a_table_in_a_notebook(attacked: rb.Result) -> None:
    for one in (attacked, attacked.clean, rb.load_task("mini")):
        assert len(repr(one)) < 200
        assert "\n" not in repr(one)
    assert repr(attacked) == (
        "<Result: mine on mini@1, 120 queries in en,sw, 300 passages; typo, diacritics at severity 3>"
    )
    shown = attacked._repr_html_()
    assert shown.count("<tr>") == 1 + len(attacked.distinct_settings) * 2
    assert "<script" not in rb.attack("char-ngram", recipes="typo", languages="en", name="<script>")._repr_html_()


def test_frames_can_be_concatenated(attacked: rb.Result) -> None:
    for frame in (attacked.to_frame(resamples=50), attacked.per_query()):
        assert set(frame.encoder) == {"mine"}
        assert set(frame.task) == {"mini@1"}
        assert {"typo", "diacritics"} <= set(frame.recipe_name)
        assert "typo@5" in set(frame.recipe)


def test_a_result_shows_and_saves_itself(attacked: rb.Result, clean: rb.Result, tmp_path: Path) -> None:
    path = attacked.save(f"{tmp_path}/mine.json")
    assert repr(rb.load_result(str(path))) == repr(attacked)
    with pytest.raises(rb.RobustBenchError, match="another run; name another file, or give force=True"):
        clean.save(path)
    assert repr(rb.load_result(clean.save(path, force=True))) == repr(clean)
    assert "was not attacked" in clean.report(tmp_path / "page.html").read_text()
    assert r"\toprule" in attacked.to_latex("ndcg@10")
    picture = attacked.plot("languages")
    assert picture.save(tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in picture._repr_svg_()
    with pytest.raises(rb.RobustBenchError, match=r"let it end in \.png or \.svg"):
        picture.save(tmp_path / "x.gif")
    with pytest.raises(rb.RobustBenchError, match="there are: severity, languages, bias"):
        attacked.plot("spider")
    with pytest.raises(rb.RobustBenchError, match="it was not attacked"):
        clean.plot()


def test_a_name_of_ones_own_does_not_lose_the_model(tiny_model: Path, tmp_path: Path) -> None:
    """What is printed to make the result again loads the same model; no path of the machine stands in an entry."""
    made = rb.attack(str(tiny_model), recipes="typo", languages="en", name="mine")
    again = rb.load_result(made.save(tmp_path / "mine.json"))
    words = shlex.split(command_of(again))
    assert words[words.index("--model") + 1] == str(tiny_model)
    assert words[words.index("--name") + 1] == "mine"
    assert again.named("mine") == again
    assert again.named("other").encoder.loaded_by == str(tiny_model)
    asked = ["report", str(tmp_path / "mine.json"), "--with-passages", "--out", str(tmp_path / "x.html")]
    answer = CliRunner().invoke(irbench, asked)
    assert answer.exit_code == 0, answer.exception
    assert "mine" in repr(again)
    entry = entry_to_json(entry_of(again, Declaration(name="me/mine", link="https://example.org"), "2026-11-26"))
    assert str(tiny_model.parent) not in entry
    assert json.loads(entry)["model"]["encoder"] == tiny_model.name
    plain = rb.attack("char-ngram", recipes="typo", languages="en")
    assert "--name" not in command_of(plain)


def test_results_are_compared_by_their_files(attacked: rb.Result, tmp_path: Path) -> None:
    other = rb.attack("bm25", recipes="typo,diacritics", languages="en,sw", severities=3)
    files = [str(attacked.save(tmp_path / "a.json")), other.save(tmp_path / "b.json")]
    by_file, by_value = rb.compare(files, "map", resamples=50), rb.compare([attacked, other], resamples=50)
    assert [row.record() for row in by_file] == [row.record() for row in by_value]
    with pytest.raises(rb.RobustBenchError, match=r"compare\(\[first, second\]\)"):
        rb.compare(attacked, other)  # type: ignore[arg-type]


def test_a_plan_takes_what_an_attack_takes() -> None:
    found = rb.plan("char-ngram", recipes="typo", languages="en", severities=3)
    assert [cell.name for cell in found.cells] == ["clean", "typo severity 3 seed 0"]


def test_texts_are_perturbed_without_a_task() -> None:
    text = "where is the railway station"
    one = rb.perturb(text, "typo", language="english", severity=5)
    assert one.changed
    assert one.clean == text
    others = rb.perturb(["what is this", text], "typo", language="en", severity=5)
    assert others[1] == one, "order and company make no difference"
    assert rb.perturb(text, str.upper, language="en", severity=5).text == text.upper()
    task = rb.load_task("mini", "sw")
    assert rb.perturb(task, "typo", seed=1) == rb.load_recipe("typo").for_task(task).perturb(task.queries, 3, 1)
    with pytest.raises(rb.RobustBenchError, match="name the language of the texts"):
        rb.perturb(text, "typo")


def test_the_function_and_the_package_share_a_name() -> None:
    code = "import robustbench_ir as rb; print(rb.perturb('a b', str.upper, language='en', severity=5).text); "
    code += "import robustbench_ir.perturb.recipe; print(rb.perturb('a b', str.upper, language='en', severity=5).text)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "A B\nA B\n"


def test_clean_scores_alone_have_rows_everywhere(clean: rb.Result, tmp_path: Path) -> None:  # M11
    frame = clean.to_frame(resamples=50)
    by_language = 1 + len(clean.judgements.query_languages)
    assert len(frame) == len(clean.settings) * by_language
    assert set(frame.recipe) == {"clean"}
    assert frame["drop"].isna().all()
    (row,) = clean.drops("multilingual", "ndcg@10")
    assert row.clean == clean.score(clean.clean, "multilingual", "nDCG@10")
    assert np.isnan([row.attacked, row.absolute, row.coverage]).all()
    assert f"{row.clean:.3f}" in clean.report(tmp_path / "x.html", "ndcg@10").read_text()
    sheets = prepare_sheets([("x", clean)])
    score = f"{clean.score(clean.clean, 'multilingual'):.3f}"
    for name, export in EXPORTS.items():
        assert score in export(sheets), name
    assert command_of(clean).split("--recipe")[1].split()[0] == "clean"


def test_clean_scores_alone_are_no_entry_and_no_picture(
    clean: rb.Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(clean.save("clean.json"))
    submit = ("submit", path, "--name", "a/b", "--link", "https://example.org")
    for command, said in ((submit, "nothing was attacked"), (("report", path, "--format", "png"), "nothing to draw")):
        answer = CliRunner().invoke(irbench, command)
        assert said in str(answer.exception)


@pytest.mark.parametrize(
    "load",
    [
        lambda: rb.load_task("xquad-r", "en"),
        lambda: rb.load_task("mr-tydi", "sw"),
        lambda: rb.load_encoder("nobody/no-such-model"),
    ],
)
def test_a_missing_network_is_one_line(
    load: Callable[[], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(tmp_path))
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    with pytest.raises(rb.RobustBenchError) as refused:
        load()
    assert "\n" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
