"""The command under "Reproduce" makes the result again, whatever made it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.adversary.candidates import Budget
from robustbench_ir.adversary.search import search
from robustbench_ir.adversary.transfer import transfer
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import Embeddings, EncoderDescription, load_encoder
from robustbench_ir.leaderboard.canonical import threat_model
from robustbench_ir.perturb.identity import Signature
from robustbench_ir.reports.content import command_of, task_name
from robustbench_ir.reports.worst import task_of_result
from robustbench_ir.results.file import result_to_json
from robustbench_ir.results.result import Result
from robustbench_ir.tasks.task import TaskIdentity

ATTACK = ("attack", "--model", "char-ngram", "--languages", "sw", "--recipe", "typo")
GREEDY = (*ATTACK, "--search", "greedy", "--budget-words", "1", "--budget-queries", "10")


def irb(*arguments: str) -> str:
    answer = CliRunner().invoke(irbench, arguments)
    assert answer.exit_code == 0, answer.output
    return answer.output


def made_again(line: str, file: str) -> Result:
    """Run a line in the current folder and read the result that it writes."""
    program, *arguments = shlex.split(line)
    assert program == "irbench"
    irb(*arguments)
    return rb.load_result(Path("results") / file)


def assert_same(one: Result, other: Result) -> None:
    assert result_to_json(replace(one, timings={})) == result_to_json(replace(other, timings={}))


@pytest.mark.parametrize(
    "arguments",
    [
        (*ATTACK, "--recipe", "diacritics", "--severity", "3", "--severity", "1", "--seeds", "2"),
        (*ATTACK, "--semantic-floor", "0.75", "--semantic-encoder", "char-ngram"),
        (*GREEDY, "--until-reached"),
        (*GREEDY, "--semantic-floor", "0.8", "--semantic-encoder", "char-ngram"),
        (*GREEDY, "--budget-edit-rate", "0.05", "--starts", "0", "--alternatives", "2"),
        (*GREEDY, "--recipe", "typo+diacritics", "--search", "random", "--goal", "beyond@10"),
        (*GREEDY, "--severity", "1", "--severity", "5", "--goal", "map:monolingual"),
    ],
    ids=lambda arguments: " ".join(arguments[7:]),
)
def test_a_result_is_made_again(arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    irb(*arguments, "--out", "r.json")
    result = rb.load_result("r.json")
    irb("report", "r.json", "--worst", "1", "--resamples", "100")
    assert_same(made_again(command_of(result), "char-ngram-mini-sw.json"), result)


@pytest.mark.parametrize("split", ["", ":dev"])
def test_a_result_on_a_folder_is_made_again(split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command named the folder as if it were a task that ships: `--task shop`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop" / "qrels").mkdir(parents=True)
    for name, texts in (("corpus", ["red shoes", "blue shoes"]), ("queries", ["shoes that are red", "blue shoes"])):
        lines = [
            json.dumps({"_id": f"{name}{place}", "text": text, "language": "en"}) for place, text in enumerate(texts)
        ]
        (tmp_path / "shop" / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for name in ("test", "dev"):
        judged = "queries0\tcorpus0\t1\nqueries1\tcorpus1\t1\n"
        (tmp_path / "shop" / "qrels" / f"{name}.tsv").write_text(judged, encoding="utf-8")
    irb("attack", "--model", "char-ngram", "--task", f"./shop{split}", "--recipe", "typo", "--out", "r.json")
    result = rb.load_result("r.json")
    line = command_of(result)
    assert f"--task ./shop{split} " in line
    irb(*shlex.split(line)[1:], "--out", "again.json")
    assert_same(rb.load_result("again.json"), result)
    assert task_of_result(result, None).digest == result.task_digest, "a report looks into the folder of the command"
    (tmp_path / "shop").rename(tmp_path / "moved")
    with pytest.raises(rb.RobustBenchError, match="no such folder"):
        task_of_result(result, None)
    assert task_of_result(result, f"./moved{split}").digest == result.task_digest


def test_a_search_until_the_goal_is_reached_says_so(tmp_path: Path) -> None:
    """`irbench report` ended in a traceback."""
    irb(*GREEDY, "--until-reached", "--out", f"{tmp_path}/r.json")
    irb("report", f"{tmp_path}/r.json", "--out", f"{tmp_path}/rep.html", "--resamples", "100")
    assert "--budget-queries 10 --until-reached" in (tmp_path / "rep.html").read_text(encoding="utf-8")


def test_a_transfer_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was said to be a search on the encoder that was asked."""
    monkeypatch.chdir(tmp_path)
    found = transfer(["char-ngram"], ["bm25"], languages=["sw"], search=rb.SearchOptions(budget=Budget(1, 10)))
    result = found.results["char-ngram", "bm25"]
    line = command_of(result)
    assert line.startswith(
        "irbench transfer --source char-ngram --targets bm25 --task mini --languages sw --recipe typo"
    )
    assert_same(made_again(line, "char-ngram-to-bm25.json"), result)
    own = found.results["char-ngram", "char-ngram"]
    assert_same(made_again(command_of(own), "char-ngram-mini-sw.json"), own)


def test_a_transfer_of_a_search_with_a_floor_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = transfer(
        ["char-ngram"],
        ["bm25"],
        languages=["sw"],
        recipe="typo+diacritics",
        search=rb.SearchOptions(budget=Budget(1, 10, 0.3), starts=2, alternatives=3, until_reached=True),
        semantic_floor=rb.SemanticFloor(0.7, "char-ngram"),
    ).results["char-ngram", "bm25"]
    (cell,) = result.attacked
    typo, diacritics = (rb.load_recipe(name).identity for name in ("typo", "diacritics"))
    assert cell.recipe == (
        f"greedy({typo}~char-ngram>=0.7,{diacritics}~char-ngram>=0.7)|goal=map|words=1|queries=10|edit-rate=0.3"
        "|until-reached|starts=2|alternatives=3|crafted-on=char-ngram"
    )
    assert_same(made_again(command_of(result), "char-ngram-to-bm25.json"), result)


def test_searches_with_different_budgets_have_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small, large = (
        search("char-ngram", "mini", ["typo"], rb.SearchOptions(budget=budget), languages=["sw"]).result
        for budget in (Budget(1, 5), Budget(2, 10))
    )
    lines = command_of(replace(small, attacked=(*small.attacked, *large.attacked))).splitlines()
    assert len(lines) == 2
    # The second is another run, and leaves the first one's file as it is.
    files = ("char-ngram-mini-sw.json", "char-ngram-mini-sw-2.json")
    for line, result, file in zip(lines, (small, large), files, strict=True):
        assert_same(made_again(line, file), result)


def test_a_plain_attack_beside_a_search_has_its_own_line() -> None:
    searched = search("char-ngram", "mini", ["typo"], rb.SearchOptions(budget=Budget(1, 5)), languages=["sw"]).result
    plain = rb.attack("char-ngram", "mini", ["typo"], languages=["sw"], seeds=2)
    first, second = command_of(replace(plain, attacked=(*plain.attacked, *searched.attacked))).splitlines()
    assert first.endswith("--recipe typo --severity 3 --seeds 2")
    assert second.endswith("--seeds 1 --search greedy --goal map --budget-words 1 --budget-queries 5")


def test_only_what_was_run_is_run_again() -> None:
    """One command runs all severities of all recipes, so that recipes with different ones have a line each."""
    both = rb.attack("char-ngram", "mini", ["typo", "diacritics"], languages=["sw"], severities=[1, 3])
    kept = [cell for cell in both.attacked if cell.recipe.label == "typo" or cell.severity == 3]
    lines = command_of(replace(both, attacked=tuple(kept))).splitlines()
    assert [line[line.index("--recipe") :] for line in lines] == [
        "--recipe typo --severity 1 --severity 3 --seeds 1",
        "--recipe diacritics --severity 3 --seeds 1",
    ]


def test_runs_of_another_engine_are_scored_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were said to be an attack on an encoder of that name, which there is not."""
    monkeypatch.chdir(tmp_path)
    irb(*ATTACK, "--run-out", ".", "--top", "600", "--out", "a.json")
    irb("score", "--task", "mini", "--languages", "sw", "--run", "clean.trec", "--run",
        "typo@3=typo-severity3-seed0.trec", "--out", "r.json")  # fmt: skip
    result = rb.load_result("r.json")
    line = command_of(result)
    assert line == (
        "irbench score --task mini --languages sw --run clean.trec --run typo@3:0=typo-severity3-seed0.trec"
    )
    irb(*shlex.split(line)[1:], "--out", "again.json")
    assert_same(rb.load_result("again.json"), result)


@dataclass(frozen=True)
class Renamed:
    """An encoder under a name that means something in an identity."""

    name: str

    @property
    def description(self) -> EncoderDescription:
        return EncoderDescription(self.name, f"renamed {self.name}", "cosine", 0)

    def encode_queries(self, texts: list[str]) -> Embeddings:
        return load_encoder("char-ngram").encode_queries(texts)

    def encode_passages(self, texts: list[str]) -> Embeddings:
        return load_encoder("char-ngram").encode_passages(texts)


@pytest.mark.parametrize("name", ["model(v2)", "a|b", "x>=0.5~y", "normalised:nfkc+invisible:z", "50%, तेज़\n"])
def test_encoders_with_odd_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    judge = Renamed(name)
    plain = rb.attack("char-ngram", "mini", ["typo"], languages=["sw"], semantic_floor=rb.SemanticFloor(0.8, judge))
    crafted = transfer([judge], ["bm25"], languages=["sw"], search=rb.SearchOptions(budget=Budget(1, 3))).results[
        name, "bm25"
    ]
    result = replace(plain, attacked=(*plain.attacked, replace(crafted.attacked[0])))
    rb.save_result(result, Path("r.json"))
    again = rb.load_result("r.json")
    average, carried = (cell.recipe for cell in again.attacked)
    assert (average, carried) == tuple(cell.recipe for cell in result.attacked)
    assert (average.threat, carried.threat) == ("average case", "transfer")
    assert average.floor is not None
    assert carried.search is not None
    assert (average.floor.encoder, carried.search.crafted_on) == (name, name)
    for recipe in (average, carried):
        written = again.signature("multilingual", recipe, 3)
        assert Signature.parse(written).recipes == (recipe,)
    words = shlex.split(command_of(again))
    assert words[words.index("--semantic-encoder") + 1] == name
    assert words[words.index("--source") + 1] == name


def test_the_threat_of_a_floor_with_parentheses_is_the_average_case() -> None:
    assert threat_model("typo@5~model(v2)>=0.8") == "average case"
    assert threat_model("typo@5~model%28v2%29>=0.8") == "average case"


def test_users_name_an_attack_by_its_text() -> None:
    result = rb.attack("char-ngram", "mini", ["typo"], languages=["en", "sw"])
    (cell,) = result.groups["typo@5", 3]
    assert cell.recipe == "typo@5"
    assert [row for row in result.drops("multilingual") if row.recipe == "typo@5"]
    assert result.signature("multilingual", "typo@5", 3) == result.signature("multilingual", cell.recipe, 3)
    ranks = result.mean_ranks("typo@5", 3, resamples=100)
    assert np.array_equal(ranks.change, result.mean_ranks(cell.recipe, 3, resamples=100).change)
    frame = result.to_frame(resamples=100)
    assert set(frame.recipe) == {"typo@5"}
    assert all(type(one) is str for one in [*frame.recipe, *result.per_query().recipe])
    with pytest.raises(rb.errors.DataError, match="'typo' is not the identity of an attack"):
        result.mean_ranks("typo", 3)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("clean", "", "clean: recipe: '' is not"),
        ("attacked", "typo", "attacked.0: recipe: 'typo' is not the identity of an attack"),
        ("attacked", "greedy(typo@5)|goal=map", r"attacked.0: recipe: 'greedy\(typo@5\)\|goal=map' is not"),
        ("attacked", "typo@5\n", r"attacked.0: recipe: 'typo@5\\n' is not"),
        ("task", "mini", "task: 'mini' is not the identity of a task"),
    ],
)
def test_a_result_file_with_a_malformed_identity(place: str, value: str, said: str, tmp_path: Path) -> None:
    result = rb.attack("char-ngram", "mini", ["typo"], languages=["sw"])
    table = json.loads(result_to_json(result))
    if place == "task":
        table["task"] = value
    else:
        (table[place] if place == "clean" else table[place][0])["recipe"] = value
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(rb.errors.ResultError, match=rf"bad\.json: {said}"):
        rb.load_result(path)


@pytest.mark.parametrize(
    ("identity", "named"),
    [
        ("xquad-r@1-fold-1of2", "xquad-r:1of2"),
        ("xquad-r@1-fold-not2of3-40-questions-seed-0", "xquad-r:not2of3"),
        ("xquad-r@1", "xquad-r"),
        ("shop@58026111d1b1-split-dev", "./shop:dev"),
    ],
)
def test_a_task_is_named_as_the_command_line_takes_it(identity: str, named: str) -> None:
    assert task_name(TaskIdentity.parse(identity)) == named
