"""Names from strangers through every command that prints them: no terminal, table or page obeys one.

One text has it all, and stands in every field of a result, an entry, a card, a folder, a model and a study that takes
it. A field that refuses it must say so in one line that obeys nothing either.
"""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from robustbench_ir import cli
from robustbench_ir._base.escaping import escaped
from robustbench_ir.leaderboard.entry import Declaration, entry_of, entry_to_json
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.results.file import load_result, result_from_json, result_to_json
from robustbench_ir.results.result import Result
from robustbench_ir.tasks.task import TaskIdentity

NAME = (
    "\x1b[31mR\x1b]0;pwned\x07\x9b2J\u202egpj\u2028x\n=1+1\r\t@a [/red][b] <b onclick='x'>{{7*7}} $\\frac$ `|_*\u200b#"
)
FORMULA = '=HYPERLINK("http://evil","x")\x1b]0;pwned\x07'
NAMES = [NAME, FORMULA]


@dataclass(frozen=True)
class Printed:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


Run = Callable[..., Printed]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the command line: it gives back what it printed, after checking that a terminal would obey none of it."""

    def call(*arguments: object, status: int | None = None) -> Printed:
        monkeypatch.setattr(sys, "argv", ["irbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        found = Printed(int(stopped.value.code or 0), out, err)
        assert found.status == status if status is not None else found.status in {0, 1, 2}, err
        command = shlex.join(map(str, arguments))
        for text in (out, err):
            obeyed = [one for one in text if one != "\n" and unicodedata.category(one) in {"Cc", "Zl", "Zp", "Cs"}]
            assert not obeyed, (command, obeyed)
            assert not set(text) & set("\u202e\u200b"), command
            if "markdown" not in arguments:  # its blocks have commands, in which a line may end inside quotation marks
                assert "\n=1+1" not in text, f"{command}: a name begins a line of its own"
        assert "Traceback" not in err
        if found.status == 2 and "irbench: " in err:
            assert sum("irbench: " in line for line in err.splitlines()) >= 1
        return found

    return call


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the text of an honest result."""
    from robustbench_ir import attack

    return result_to_json(attack("char-ngram", "mini", ["typo"], languages=["en", "sw"], severities=[2, 3]))


@pytest.fixture(scope="module", params=NAMES, ids=["terminal", "formula"])
def hostile(request: pytest.FixtureRequest, honest: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a result file in which every text that may be anything is hostile."""
    name: str = request.param
    result = result_from_json(honest)
    path = tmp_path_factory.mktemp("results") / "hostile.json"
    path.write_text(result_to_json(with_hostile_texts(result, name)), encoding="utf-8")
    assert load_result(path).encoder.name == name
    return path


def with_hostile_texts(result: Result, name: str) -> Result:
    """Return a result with a name in place of every text that is no digest, recipe and task included."""
    layout, who = result.judgements, result.encoder
    texts = {field.name: name for field in fields_of(who) if isinstance(getattr(who, field.name), str)}
    kept = {"kind": who.kind}  # it says how ranks are checked
    encoder = replace(who, **{**texts, **kept}, versions=((name, name),), origins=((name, name),), notes=(name,))
    judgements = replace(
        layout,
        query_ids=tuple(f"{name}{one}" for one in layout.query_ids),
        parallel_ids=tuple(f"{name}{one}" for one in layout.parallel_ids),
        languages=tuple(name if one == "sw" else one for one in layout.languages),
        pool={name if one == "sw" else one: size for one, size in layout.pool.items()},
    )
    attacked = [
        replace(cell, recipe=AttackIdentity.parse(f"{escaped(name)}@3"), not_covered={name: name})
        for cell in result.attacked
    ]
    task = str(replace(TaskIdentity.parse(result.task), name=name))
    more = {"version": name, "task": task, "task_notes": (name,), "timings": {name: 1.0}}
    return replace(result, encoder=encoder, judgements=judgements, attacked=tuple(attacked), **more)


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("show", "--by", "language"), ("show", "--at-damage", "0.05"), ("show", "--measure", "nDCG@10")],
    ids=" ".join,
)
def test_tables_of_a_hostile_result(run: Run, hostile: Path, arguments: tuple[str, ...]) -> None:
    printed = run(arguments[0], hostile, *arguments[1:], status=0)
    assert "pwned" in printed.out, "the name is shown, though not obeyed"


def test_a_comparison_of_hostile_results(run: Run, hostile: Path, tmp_path: Path) -> None:
    out = tmp_path / "comparison.json"
    assert "pwned" in run("compare", hostile, hostile, "--out", out, status=0).out
    assert not set(out.read_text(encoding="utf-8")) & set("\x1b\x07\x9b\u202e\u2028")


@pytest.mark.parametrize("form", ["csv", "json", "latex", "markdown"])
def test_exports_of_a_hostile_result(run: Run, hostile: Path, form: str, tmp_path: Path) -> None:
    printed = run("report", hostile, hostile, "--format", form, "--resamples", 100, status=0).out
    run("report", hostile, hostile, "--format", form, "--resamples", 100, "--out", tmp_path / "x", status=0)
    assert (tmp_path / "x").read_text(encoding="utf-8") == printed
    assert "pwned" in printed
    if form == "csv":
        for row in csv.reader(io.StringIO(printed)):
            for cell in row:
                assert not cell.strip().startswith(("=", "@", "+")), cell
                assert not cell.startswith("-") or float(cell)
    if form == "json":
        assert json.loads(printed)[0]["encoder"] in NAMES
    if form == "latex":
        lines = [line for line in printed.splitlines() if not line.startswith("%")]
        assert not any("\\frac" in line or ('HYPERLINK("' in line and "=" not in line) for line in lines)
        assert "\\textbackslash{}x1b" in printed
    if form == "markdown":
        blocks = MarkdownIt("commonmark").enable("table").parse(printed)
        children = [child for block in blocks for child in block.children or []]
        assert not {"html_inline", "link_open", "image", "em_open"} & {one.type for one in children}
        assert not [block for block in blocks if block.type == "html_block"]


@pytest.mark.parametrize("form", ["svg", "png"])
def test_pictures_of_a_hostile_result(run: Run, hostile: Path, form: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="MATPLOTLIB ABSENT: pip install -e '.[plots]'")
    with warnings.catch_warnings(action="ignore"):  # signs that no font has
        run("report", hostile, "--format", form, "--resamples", 100, "--out", tmp_path, status=0)
        run("compare", hostile, hostile, "--plot", tmp_path / f"compared.{form}", status=0)
    for path in tmp_path.glob("*.svg"):
        ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own file; a control character is no XML
        assert "pwned" in path.read_text(encoding="utf-8")


def test_the_page_of_a_hostile_result(run: Run, hostile: Path, tmp_path: Path) -> None:
    out = tmp_path / "page\x1b[2J.html"
    printed = run("report", hostile, "--worst", 0, "--resamples", 100, "--out", out, status=0)
    assert "page\\x1b[2J.html" in printed.out
    page = out.read_text(encoding="utf-8")
    assert not set(page) & set("\x1b\x07\x9b\u202e\u2028\r")
    assert "<b onclick" not in page
    assert "{{7*7}}" in page or FORMULA[:5] in page


def entry_file(folder: Path, honest: str) -> Path:
    """Write an honest entry of a result."""
    declared = Declaration("owner/model", "https://example.org/")
    path = folder / "submissions" / "mini" / "owner--model.json"
    path.parent.mkdir(parents=True)
    path.write_text(entry_to_json(entry_of(result_from_json(honest), declared, "2026-11-26")), encoding="utf-8")
    return path


def fields(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where each text, and each key of an object, stands in a table."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        yield (*path, "a hostile key")
        for key, one in value.items():
            yield from fields(one, (*path, key))
    elif isinstance(value, list):
        for place, one in enumerate(value[:2]):
            yield from fields(one, (*path, place))


def with_name(table: dict[str, object], path: tuple[str | int, ...]) -> str:
    """Return the JSON text of a table with the hostile name in one place."""
    copy = json.loads(json.dumps(table))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if path[-1] == "a hostile key":
        inner[NAME] = NAME
    else:
        inner[path[-1]] = NAME
    return json.dumps(copy)


def test_every_field_of_an_entry_is_refused_in_one_harmless_line(run: Run, honest: str, tmp_path: Path) -> None:
    path = entry_file(tmp_path, honest)
    table = json.loads(path.read_text(encoding="utf-8"))
    places = list(fields(table))
    assert len(places) > 40
    for place in places:
        path.write_text(with_name(table, place), encoding="utf-8")
        printed = run("leaderboard", "check", path, "--folder", tmp_path, "--offline", status=2)
        assert printed.out.count("\n") == 1, place
        assert "REFUSED" in printed.out


@pytest.mark.parametrize(
    "arguments", ["leaderboard verify", "leaderboard export --as mteb", "leaderboard export --as model-index"]
)
def test_a_hostile_entry_and_a_hostile_path(run: Run, honest: str, tmp_path: Path, arguments: str) -> None:
    path = entry_file(tmp_path, honest)
    table = json.loads(path.read_text(encoding="utf-8"))
    odd = path.with_name("\x1b[2J\u202e.json")
    odd.write_text(with_name(table, ("model", "encoder")), encoding="utf-8")
    printed = run(*arguments.split(), odd, status=2)
    assert printed.err.count("\n") == 1
    assert "\\x1b[2J\\u202e.json" in printed.err


def test_a_board_with_a_hostile_file_name(run: Run, honest: str, tmp_path: Path) -> None:
    path = entry_file(tmp_path, honest)
    shutil.copy(path, path.with_name("\x1b]0;pwned\x07\n=1.json"))
    printed = run("leaderboard", "build", "--folder", tmp_path)
    assert "LEFT OUT" in printed.err
    assert "\\x1b]0;pwned\\x07\\n=1.json" in printed.err


def test_declarations_that_want_to_be_more(run: Run, hostile: Path, honest: str, tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text(honest, encoding="utf-8")
    for option in ("--name", "--link", "--contact", "--licence", "--trained-on", "--model-languages", "--date"):
        usual = {"--name": "a/b", "--link": "https://example.org/", option: NAME}
        arguments = [part for pair in usual.items() for part in pair]
        assert run("submit", good, *arguments, "--folder", tmp_path / "board", status=2).err.count("\n") == 1
    printed = run("submit", hostile, "--name", "a/b", "--link", "https://example.org/", "--folder", tmp_path, status=2)
    assert printed.err.count("\n") == 1


TASK_CARD = """name = "innocent"
version = 1
title = {0}
description = {0}
format = "parallel-tsv"
licence = {0}
citation = {0}
homepage = {0}
notes = [{0}]
parallel = true
[languages]
en = {{ queries = "mini/queries/en.tsv", passages = "mini/passages/en.tsv" }}
sw = {{ queries = "mini/queries/sw.tsv", passages = "mini/passages/sw.tsv" }}
"""
RECIPE_CARD = """name = "shout"
version = 1
title = {0}
description = {0}
look_for = {0}
transformation = "word-order"
sources = [{0}]
[languages]
en = {{}}
[not_covered]
sw = {0}
"""


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """Return a folder with a task and a recipe whose texts are hostile."""
    folder = tmp_path / "cards\x1b[2J"
    (folder / "attacks").mkdir(parents=True)
    (folder / "tasks").mkdir()
    text = json.dumps(NAME)
    shutil.copytree(Path(__file__).parents[2] / "tasks" / "mini", folder / "tasks" / "mini")
    (folder / "tasks" / "innocent.toml").write_text(TASK_CARD.format(text), encoding="utf-8")
    (folder / "attacks" / "shout.toml").write_text(RECIPE_CARD.format(text), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "tasks --cards CARDS",
        "tasks --cards CARDS show innocent",
        "recipes --cards CARDS",
        "recipes --cards CARDS show shout",
        "attack --cards CARDS --task innocent --recipe shout --model char-ngram --out OUT",
        "attack --cards CARDS --task innocent --recipe shout --model char-ngram --plan",
        "attack --cards CARDS --task innocent --recipe shout --model char-ngram --name NAME --by language --out OUT",
        "preview --cards CARDS shout --language en NAME",
        "preview --cards CARDS shout --language sw NAME",
        "review pages --cards CARDS --recipe shout --languages en,sw --out OUT",
        "review pages --languages NAME",
        "review merge NAME",
        "review merge NAME --write-cards NAME",
        "audit --cards CARDS shout --task innocent",
        "audit --cards CARDS shout --task innocent --format csv",
        "audit --cards CARDS shout --task innocent --format json",
        "audit --cards CARDS shout --task innocent --format html --out OUT",
        "perturb --cards CARDS --task innocent --recipe shout --out OUT",
        "lexicon list --cards CARDS",
        "transfer --cards CARDS --task innocent --recipe shout --source char-ngram --targets bm25 --starts 1",
        "attack --cards NAME",
        "attack --task NAME",
        "attack --task ./NAME",
        "attack --recipe NAME",
        "attack --model NAME",
        "attack --model ./NAME",
        "attack --languages NAME",
        "attack --measure NAME",
        "attack --seeds NAME",
        "attack --NAME",
        "NAME",
        "show NAME",
        "compare NAME NAME",
        "check NAME --max-drop NAME",
        "check NAME --gate NAME",
        "report NAME",
        "report NAME --format csv",
        "recipes show NAME",
        "tasks show NAME",
        "tasks check NAME",
        "encoders show NAME",
        "encoders show ./NAME",
        "languages show NAME",
        "lexicon show NAME",
        "lexicon build NAME --language sw --embedded en --out OUT",
        "score --task mini --run NAME",
        "score --task mini --run NAME=NAME",
        "study NAME",
        "study --config NAME",
        "train --base NAME --data NAME --out OUT",
        "train --base static-multilingual --data NAME.tsv --out OUT",
        "cache prune --older-than NAME",
        "cache ls --kind NAME",
        "leaderboard check NAME",
        "leaderboard verify NAME",
        "leaderboard export NAME --as mteb",
        "leaderboard build --folder NAME",
        "submit NAME --name NAME --link NAME",
    ],
)
def test_hostile_cards_and_arguments(
    run: Run, cards: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(action="ignore"):
        put = {"CARDS": str(cards), "OUT": str(tmp_path / "out")}
        run(*(put.get(part, part.replace("NAME", NAME.replace("\0", ""))) for part in command.split()))


def test_a_hostile_folder_of_a_task(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / f"task{NAME.replace('/', '')}"
    (folder / "qrels").mkdir(parents=True)
    queries = [{"_id": f"{NAME}{n}", "text": f"{NAME} which river {n}?", "language": "en"} for n in range(3)]
    corpus = [
        {"_id": f"{NAME}{n}", "title": NAME, "text": f"{NAME} the river is {n}", "language": "en"} for n in range(3)
    ]
    for name, rows in (("queries", queries), ("corpus", corpus)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    judged = [{"query-id": f"{NAME}{n}", "corpus-id": f"{NAME}{n}", "score": 1} for n in range(3)]
    (folder / "qrels" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in judged), encoding="utf-8")
    (folder / "task.toml").write_text(f"title = {json.dumps(NAME)}\nnotes = [{json.dumps(NAME)}]\n", encoding="utf-8")
    name = f"./{folder.name}"
    with warnings.catch_warnings(action="ignore"):
        assert "It loads" in run("tasks", "check", name, "--repair", tmp_path / "clean", status=0).out
        attacked = run(
            "attack", "--task", name, "--model", "char-ngram", "--recipe", "typo", "--out", "r.json", status=0
        )
        assert "pwned" in attacked.out
        run("report", "r.json", "--out", "page.html", "--resamples", 100)
    assert "<b onclick" not in Path("page.html").read_text(encoding="utf-8")
    (folder / "qrels" / "test.jsonl").write_text(json.dumps({"query-id": NAME}) + "\n", encoding="utf-8")
    assert run("tasks", "check", name, status=2)


def kinds_of(markdown: str) -> set[str]:
    """Return what a Markdown page has beside text, headings, lists, tables and code."""
    blocks = MarkdownIt("commonmark").enable("table").parse(markdown)
    children = [child for block in blocks for child in block.children or []]
    own = {"text", "text_special", "code_inline", "softbreak", "strong_open", "strong_close"}
    return {one.type for one in children} - own | {one.type for one in blocks if one.type.startswith("html")}


def test_the_card_of_a_model_that_was_trained_on_hostile_data(honest: str, tmp_path: Path) -> None:
    from robustbench_ir.training.model_card import model_card
    from robustbench_ir.training.train import train
    from tests.test_train import SMALL, TABLE

    trained = train(SMALL.model_copy(update={"steps": 2}), tmp_path / "model", table=TABLE)
    data = trained.record.data.model_copy(
        update={"name": NAME, "licence": NAME, "notes": (NAME,), "languages": (NAME, "en"), "digest": "0"}
    )
    training = trained.record.training.model_copy(update={"base": NAME, "freeze": (NAME,), "prune_vocabulary": (NAME,)})
    hostile = replace(trained, record=trained.record.model_copy(update={"data": data, "training": training}))
    card = model_card(hostile, [with_hostile_texts(result_from_json(honest), NAME)])
    assert not set(card) & set("\x1b\x07\x9b\u202e\u2028\u200b")
    head, _, body = card.removeprefix("---\n").partition("\n---\n")
    assert json.loads(next(line for line in head.splitlines() if line.startswith("language: "))[10:]) == [NAME, "en"]
    assert kinds_of(body) == set()
    assert body.count("pwned") > 5
