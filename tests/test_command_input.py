"""What is typed: lists with commas, names of languages and measures, near matches, a run as a file, completion."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click import shell_completion
from click.testing import CliRunner, Result

import robustbench_ir as rb
from robustbench_ir.cli import _status, irbench
from robustbench_ir.cli.attack import command as attack
from robustbench_ir.cli.config import EXAMPLE, read_config

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(irbench, arguments)


def attacked(*arguments: str) -> rb.Result:
    answer = call("attack", "--model", "char-ngram", "--out", "made.json", "--force", *arguments)
    assert answer.exit_code == 0, answer.exception
    return rb.load_result("made.json")


def groups(result: rb.Result) -> set[tuple[str, int]]:
    return {(recipe.label, severity) for recipe, severity in result.groups}


@pytest.mark.parametrize(
    "typed",
    [
        ("--recipe", "typo,synonym", "--severity", "1,3", "--languages", "en,hi"),
        ("--recipes", "typo, synonym", "--severities", "1,3,3", "--languages", "English,hindi"),
        ("--recipe", "typo", "--recipe", "synonym", "--severity", "1", "--severity", "3", "--language", "en,HINDI"),
    ],
)
def test_lists_have_commas_everywhere(typed: tuple[str, ...]) -> None:
    found = attacked(*typed)
    assert groups(found) == {(recipe, severity) for recipe in ("typo", "synonym") for severity in (1, 3)}
    assert found.judgements.query_languages == ("en", "hi")


def test_language_names_make_the_same_file_name() -> None:
    for name in ("hindi", "hi"):
        answer = call("attack", "--model", "char-ngram", "--languages", name, "--recipe", "typo")
        assert answer.exit_code == 0
    assert [path.name for path in Path("results").iterdir()] == ["char-ngram-mini-hi.json"]


def test_clean_scores_alone_can_be_asked_for() -> None:
    assert not attacked("--recipe", "clean", "--languages", "en").attacked
    assert "every result has the clean scores; leave out clean" in str(
        call("attack", "--model", "char-ngram", "--recipe", "typo,clean", "--languages", "en").exception
    )


MISTAKES = {
    # Names: the nearest one, or those that there are.
    "attack --recipe tipo": "unknown recipe 'tipo': did you mean 'typo'?",
    "attack --recipe typo,synonim": "did you mean 'synonym'?",
    "attack --recipe typo,,synonym": "empty part",
    "attack --recipe hinglsh": "did you mean 'hinglish'?",
    "recipes show typos": "did you mean 'typo'?",
    "recipes hinglish": "`irbench recipes show hinglish` shows what has this name",
    "attack --languages en,xx": "unknown language 'xx': there are: am, ar",
    "attack --languages en,hindu": "did you mean 'hi' (Hindi)?",
    "attack --languages englisch": "did you mean 'en' (English)?",
    "attack --languages en,,hi": "empty part",
    "languages show swahilli": "did you mean 'sw' (Swahili)?",
    "preview typo --language klingonese x": "unknown language 'klingonese'",
    "attack --measure ndgc@10": "with any whole number k",
    "attack --measure ndcg": "nDCG needs a depth, any whole number: nDCG@10",
    "attack --task xquad": "did you mean 'xquad-r'?",
    "attack --task shop": "is a folder here; write ./shop",
    "attack --task shpo": "did you mean ./shop?",
    "attack --task ./nowhere": "nowhere: no such folder; a task of your own is",
    "tasks show minni": "did you mean 'mini'?",
    "tasks check nowhere": "nowhere: no such folder",
    "attack --model bm52": "did you mean 'bm25'?",
    "attack --model me5-small": "me5-small: not a sentence-transformers folder (it has no modules.json)",
    "attack --model me5-smal": "did you mean ./me5-small?",
    "attack --model gte-large": "or a folder such as ./my-model, or owner/model on the hub",
    "attack --search greedi": "did you mean 'greedy'?",
    "attack --for leaderbord": "is not 'leaderboard'",
    # Options of a run.
    "attack --severity 1,9": "severity 9 is out of range; 1 to 5",
    "attack --severity 1,x": "'x' is not a valid integer",
    "attack --seeds 0": "0 seeds are out of range; give 1",
    "attack --seeds 0,1": "give one, such as 3, or auto",
    "attack --questions many": "give one, such as 200, or 200:1",
    "attack --jobs 0": "0 jobs; at least 1 is needed",
    "attack --goal map": "add --search greedy",
    "attack --cards nowhere": "--cards nowhere: not a folder",
    "attack --modl bm25": "Did you mean one of:",
    "attack --for leaderboard --languages en": "leave out --languages",
    "attack --normalise deromanise": "write deromanise-CODE, such as deromanise-hi; the codes are: ",
    "attack --normalise deromanize-hi": "write deromanise-CODE, such as deromanise-hi; the codes are: ",
    "attack --normalise spellin": "did you mean 'spelling'?",
    "attack --normalise ''": "unknown repair ''",
    "attack --languages hi --recipe typo --out result.json": "another run; name another file, or say --force",
    "preview typo --language hi ' '": "the text is empty",
    "preview typo --language en --severity 6 x": "severity 6 is out of range",
    # How a model is loaded.
    "attack --query-prompt q": "query_prompt cannot be set for a built-in encoder; leave it out",
    "attack --model ./tiny --device cuda:99": "torch cannot use it here",
    "attack --model ./tiny --dtype float12": "there are float32, float16, bfloat16",
    "attack --model ./tiny --backend tensorrt": "there are torch, onnx, openvino",
    "attack --model ./tiny --similarity cos": "there are cosine, dot",
    "attack --model ./tiny --truncate-dim 9999": "tiny has 16 dimensions",
    # Gates.
    "check result.json": "give one such as --max-drop typo=10%, or --gate gate.toml",
    "check result.json --max-drop tipo=10%": "did you mean 'typo'?",
    "check result.json --max-drop typo": "has no limit; write such as max-drop typo=10%",
    "check result.json --max-drop typo=10": "write 10% or a number such as 0.1",
    "check result.json --min nDCG@10": "has no limit; write such as min nDCG@10=0.6",
    "check result.json --min typo/en:nDCG@10=0.6": "write min typo:nDCG@10/en=0.6",
    "check result.json --no-worse 2%": "name its result file: --baseline main.json",
    "check result.json --gate nowhere.toml": "name a file with rules",
    "check result.json --gate key.toml": 'write quotation marks around it: "nDCG@10"',
    "check result.json --gate percentage.toml": 'write quotation marks around it: "10%"',
    "check percentage.toml": "rules go to --gate; name the result first: irbench check RESULT --gate percentage.toml",
    # Injected passages.
    "poison --budget 0": "budget 0: an attack without an injected passage changes nothing; give 1 or more",
    "poison --budget 1.5": "'1.5' is not a valid integer",
    "poison --model char-ngram --budget 99 --languages en,hi": "name more of them, or a budget of 2 at most",
    "poison --unseen 0": "give a share between 0 and 1, such as 0.5",
    "poison --unseen 1": "give a share between 0 and 1, such as 0.5",
    "poison --unseen nan": "nan of the questions unseen: give a share between 0 and 1",
    "poison --model char-ngram --unseen 0.5": "leave out --unseen, or take a task such as xquad-r",
    "poison --encodings 5": "craft copy asks no encoder; leave out --encodings",
    "poison --craft-on bm25": "craft copy asks no encoder; leave out --craft-on",
    "poison --craft greedy --encodings 0": "give 1 or more, or craft copy",
    "poison --craft greddy": "did you mean 'greedy'?",
    "poison --craft beam-0": "did you mean 'beam-4'?",
    "poison --craft ''": "unknown craft '': there are: copy, payload",
    "poison --model char-ngram --craft hotflip": "craft on another encoder with --craft-on MODEL",
    "poison --model char-ngram --craft greedy --craft-on bm52": "did you mean 'bm25'?",
    "poison --model bm25": "its scores depend on the pool",
    "poison --source-languages klingonese": "unknown language 'klingonese'",
    "poison --source-languages en,,hi": "empty part",
    "poison --model char-ngram --source-languages ta --languages en,hi": "source language ta; there are: en, hi",
    "poison --languages en,hindu": "did you mean 'hi' (Hindi)?",
    "poison --questions 0": "give a whole number, 1 or more",
    "poison --task ./nowhere": "nowhere: no such folder",
    "poison --format xml": "is not one of 'text', 'csv', 'json'",
    "poison --out poison.json": "`irbench show poison.json` prints it again; name another file by --out",
    "poison --out result.json": "is there already; name another file by --out, or say --force",
    "poison --out shop": "is a directory",
    "show poison.json --by language": "has injected passages, whose tables are always the same; leave out --by",
    "show broken-poison.json": "not a file of `irbench poison`: budget: ",
    "check poison.json --max-drop typo=10%": "`irbench show` prints them",
    "compare poison.json result.json": "has injected passages of `irbench poison`",
    "submit poison.json --name a/b --link https://example.org": "has injected passages of `irbench poison`",
    "report poison.json": "`irbench report RESULT --poison FILE` shows them on a page",
    "report result.json --poison result.json": "is a result of `irbench attack`; name a file that `irbench poison`",
    "report result.json --poison nowhere.json": "nowhere.json: is no file; name a file that `irbench poison` wrote",
    "report result.json --poison poison.json,": "empty part",
    "report result.json --poison poison.json --format csv": "leave out --poison for csv",
    # Triggers, suites, prompts, passages, variants.
    "trigger --words 0": "a trigger of 0 words; 1 to 10 are possible",
    "trigger --words three": "'three' is not a valid integer",
    "trigger --unseen nan": "nan of the questions unseen: give a share between 0 and 1",
    "trigger --model char-ngram --questions 1": "a trigger needs known and unseen ones; draw more",
    "attack --suite big": "unknown suite 'big': there are: small, standard",
    "attack --suite small --recipe typo": "leave out --recipe",
    "attack --suite small --on passages": "leave out --on",
    "attack --suite small --prompts none": "leave out --prompts",
    "attack --on sideways": "is not one of 'queries', 'passages', 'both'",
    "attack --on both --search greedy": "leave out --on, or --search",
    "attack --model char-ngram --on passages --semantic-floor 0.8": "a semantic floor judges queries, not passages",
    "attack --model ./tiny --prompts nonsense": "unknown prompt variant 'nonsense': did you mean 'none'?",
    "attack --model char-ngram --prompts all": "leave out --prompts",
    "attack --prompts none --search greedy": "run one after the other",
    "attack --model char-ngram --recipe variants:phone": "write variants/phone.jsonl into a folder of your own",
    "attack --model char-ngram --task ./wrong-variants": "phone.jsonl:1: there is no query 'q9'; correct the id",
    "attack --model char-ngram --task ./told --recipe variants:fone": "did you mean 'variants:phone'?",
    "attack --model char-ngram --task ./told --recipe variants:": "name the set of variants, such as variants:ocr",
    "attack --model char-ngram --task ./told --recipe variants:phone --on both": "variants of queries, not of passages",
    "attack --model char-ngram --task ./told --recipe variants:phone --search greedy": "leave out --search",
    "score --task ./told --run clean.trec --run variants=x.trec": "variants:NAME, or name a folder",
    # Results and reports.
    "show nothing.json": "cannot be read",
    "report key.toml": "not an irbench result",
    "report result.json --format latx": "is not one of 'html', 'csv', 'json', 'latex'",
    "report result.json --setting both": "is not one of 'monolingual'",
    "report result.json --with-passages --model char-ngram": "none of these results was made by char-ngram",
    "report clean.json --format png": "nothing was attacked, so that there is nothing to draw",
    "compare result.json": "name two or more",
    "compare result.json clean.json": "attack both with the same --recipe --severity",
    "view nowhere": "name the one that has the results",
    # The leaderboard.
    "submit clean.json --name a/b --link https://example.org": "attack with recipes first",
    "submit result.json --name a/b --link http://x": "write one that begins with https://",
    "leaderboard check --folder nowhere": "nowhere: no such folder",
    "leaderboard build --folder nowhere": "nowhere: no such folder",
    "leaderboard serve --folder nowhere": "nowhere: no such folder",
    "leaderboard export nowhere.json --as model-index": "look at its path",
    # What is no command, or misses a part.
    "atack": "unknown command 'atack': did you mean 'attack'?",
    "run": "Missing argument 'FILE'",
    "run nowhere.toml": "name a TOML file",
    "score --task mini": "Missing option '--run'",
}


def task_folder(folder: Path, variant: dict[str, str]) -> None:
    """Write a task of one question, with what somebody wrote instead of it."""
    lines = {
        "corpus.jsonl": {"_id": "d1", "text": "Ulm lies on the Danube.", "language": "en"},
        "queries.jsonl": {"_id": "q1", "text": "where is Ulm", "language": "en"},
        "variants/phone.jsonl": variant,
    }
    for name, line in lines.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(line) + "\n")
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")


@pytest.fixture(scope="module")
def belongings(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Make a folder with what people have: results, rules, a task and a model, of which some are no such thing."""
    folder = tmp_path_factory.mktemp("belongings")
    for name in ("shop", "me5-small"):
        (folder / name).mkdir()
    (folder / "tiny").symlink_to(tiny_model)
    rb.attack("bm25", recipes="typo", languages="en").save(folder / "result.json")
    rb.attack("bm25", recipes=[], languages="en").save(folder / "clean.json")
    poisoning = rb.save_poisoning(rb.poison("char-ngram", languages="en", questions=3), folder / "poison.json")
    broken = poisoning.read_text(encoding="utf-8").replace('"budget": 1', '"budget": 0')
    (folder / "broken-poison.json").write_text(broken, encoding="utf-8")
    for name, query in (("told", "q1"), ("wrong-variants", "q9")):
        task_folder(folder / name, {"query_id": query, "text": "wher is Ulm"})
    (folder / "clean.trec").write_text("q1 Q0 d1 1 1.0 engine\n")
    (folder / "key.toml").write_text("[min]\nnDCG@10 = 0.6\n")
    (folder / "percentage.toml").write_text("[max-drop]\ntypo = 10%\n")
    return folder


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_that_says_the_next_step(
    line: str, belongings: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What Python raises and nobody meant has no line, and `_status` lets it through."""
    monkeypatch.chdir(belongings)
    monkeypatch.setattr(sys, "argv", ["irbench", *shlex.split(line)])
    before = sorted(path for path in belongings.rglob("*") if path.is_file())
    assert _status() == 2
    said = [one for one in capsys.readouterr().err.splitlines() if one.startswith("irbench: ")]
    assert len(said) == 1
    assert MISTAKES[line] in said[0]
    assert sorted(path for path in belongings.rglob("*") if path.is_file()) == before, "nothing is written"


def test_the_bare_command_prints_help_with_status_0() -> None:
    for bare in ((), ("--help",)):
        answer = call(*bare)
        assert answer.exit_code == 0
        assert "Commands:" in answer.output


def test_the_help_of_attack_has_sections_and_an_example() -> None:
    said = call("attack", "--help").output
    titles = ("What is attacked:", "How the queries are perturbed:", "How the encoder is loaded:", "How it runs:")
    places = [said.index(title) for title in titles]
    assert said.index("What is attacked:") == min(places)
    assert "irbench attack --model bm25 --task mini" in said
    others = said.partition("Other options:")[2]
    assert [line.split()[0] for line in others.splitlines() if line.startswith("  -")] == ["-h,"]


def test_a_run_as_a_file() -> None:
    Path("run.toml").write_text(
        """
encoder = "char-ngram"
recipes = ["typo", "diacritics"]
languages = ["en", "swahili"]
severities = [1, 5]
seeds = 2
questions = {number = 10, seed = 1}
out = "made.json"
[options]
batch_size = 8
[run]
memory = 67108864
resume = false
"""
    )
    assert call("run", "run.toml").exit_code == 0
    made = rb.load_result("made.json")
    same = rb.attack(
        "char-ngram",
        recipes=["typo", "diacritics"],
        languages="en,sw",
        severities=[1, 5],
        seeds=2,
        questions=rb.Questions(10, seed=1),
    )
    assert made.task_digest == same.task_digest
    assert [cell.digest for cell in made.attacked] == [cell.digest for cell in same.attacked]
    assert call("run", "run.toml", "--recipe", "typo", "--severity", "3", "--out", "other.json").exit_code == 0
    assert groups(rb.load_result("other.json")) == {("typo", 3)}, "what is typed wins"
    assert call("attack", "--config", "run.toml", "--force").exit_code == 0


def test_a_file_may_have_a_search_and_a_floor() -> None:
    Path("run.toml").write_text(
        """
semantic_floor = 0.8
[search]
methods = ["greedy", "random"]
until_reached = true
budget = {words = 1, queries = 20}
[run]
runs = {folder = "runs", top = 10}
[options]
model_kwargs = {a = 1, b = "x"}
devices = ["cpu", "cuda:0"]
"""
    )
    found = read_config(Path("run.toml"))
    with attack.make_context("attack", ["--config", "run.toml"]) as context:
        values = context.params
    assert found["model_kwargs"] == ["a=1", "b=x"]
    assert values["methods"] == ("greedy", "random")
    assert (values["budget_words"], values["budget_queries"], values["until_reached"]) == (1, 20, True)
    assert (values["semantic_floor"], values["run_out"], values["top"]) == (0.8, Path("runs"), 10)
    assert values["model_kwargs"] == {"a": 1, "b": "x"}
    assert values["devices"] == ("cpu", "cuda:0")


def test_the_example_of_a_file_is_one() -> None:
    Path("run.toml").write_text(EXAMPLE.replace("\b\n", ""))
    assert {"model", "dtype", "jobs", "questions"} <= read_config(Path("run.toml")).keys()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("tsk = 'mini'", "there is no 'tsk'; did you mean 'task'?"),
        ("[options]\ndtyp = 'x'", "key 'options': there is no 'dtyp'; did you mean 'dtype'?"),
        ("[run]\njob = 2", "key 'run': there is no 'job'; did you mean 'jobs'?"),
        ("task = ", "not a TOML file"),
        ("severities = ['hard']", "'hard' is not a valid integer"),
    ],
)
def test_a_mistake_in_a_file_is_one_line(content: str, said: str) -> None:
    Path("run.toml").write_text(content)
    answer = call("run", "run.toml")
    told = str(answer.exception) if not isinstance(answer.exception, SystemExit) else answer.output
    assert said in told
    assert "cannot be read" in str(call("run", "none.toml").exception)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("irbench attack --recipe ty", {"typo"}),
        ("irbench attack --recipe typo,diac", {"typo,diacritics"}),
        ("irbench attack --task xq", {"xquad-r"}),
        ("irbench attack --languages en,s", {"en,sw", "en,so"}),
        ("irbench attack --model bm", {"bm25"}),
        ("irbench attack --measure ndcg", {"nDCG@10"}),
        ("irbench recipes show tran", {"transliteration"}),
        ("irbench preview typ", {"typo"}),
        ("irbench tasks show belebe", {"belebele"}),
    ],
)
def test_the_shell_completes_names(typed: str, offered: set[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "from robustbench_ir.cli import main; import sys; sys.argv[0] = 'irbench'; main()"],
        env={**os.environ, **words, "_IRBENCH_COMPLETE": "bash_complete", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = {line.partition(",")[2] for line in done.stdout.splitlines()}
    assert offered <= found, done.stderr
    assert all(one.lower().startswith(typed.rsplit(maxsplit=1)[-1].lower()) for one in found)


def test_completion_is_documented() -> None:
    page = (ROOT / "docs" / "completion.md").read_text()
    for shell in shell_completion._available_shells:
        assert f"{shell}_source" in page
