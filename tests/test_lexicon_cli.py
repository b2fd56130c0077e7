"""`irbench lexicon`: from a dictionary, a wordnet or parallel queries to a recipe that works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from robustbench_ir.cli import irbench
from robustbench_ir.errors import RobustBenchError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.tasks import Query

WORDNET = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.1.dtd">
<LexicalResource xmlns:dc="https://globalwordnet.github.io/schemas/dc/">
  <Lexicon id="tiny-fi" label="Tiny Finnish" language="fi" email="a@example.org"
           license="https://creativecommons.org/licenses/by/4.0/" version="1" citation="Nobody (2026)">
    <LexicalEntry id="w1"><Lemma writtenForm="koti" partOfSpeech="n"/><Sense id="s1" synset="y1"/></LexicalEntry>
    <LexicalEntry id="w2"><Lemma writtenForm="asunto" partOfSpeech="n"/><Sense id="s2" synset="y1"/></LexicalEntry>
    <LexicalEntry id="w3"><Lemma writtenForm="kissa" partOfSpeech="n"/><Sense id="s3" synset="y2"/></LexicalEntry>
    <Synset id="y1" ili="" partOfSpeech="n"/>
    <Synset id="y2" ili="" partOfSpeech="n"/>
  </Lexicon>
</LexicalResource>
"""


def run(*arguments: str) -> str:
    answer = CliRunner().invoke(irbench, ["lexicon", *arguments], catch_exceptions=True)
    if isinstance(answer.exception, RobustBenchError):
        raise answer.exception
    assert answer.exit_code == 0, answer.output
    return answer.output


def switched(recipe: str, cards: Path, language: str, text: str) -> str:
    return load_recipe(recipe, cards).perturb([Query("q", language, text, "q")], 5, 0)[0].text


@pytest.mark.slow
def test_build_from_a_table_and_use_it(tmp_path: Path) -> None:
    (tmp_path / "sw.tsv").write_text("kitabu\tbook\nchuo kikuu\tuniversity\n", encoding="utf-8")
    told = run("build", str(tmp_path / "sw.tsv"), "--language", "swa", "--embedded", "en", "--out", str(tmp_path / "c"))
    assert "2 pairs, recipe code-switching-own" in told
    assert switched("code-switching-own", tmp_path / "c", "sw", "chuo kikuu na kitabu") == "university na book"


def test_a_dictionary_can_be_turned_round(tmp_path: Path) -> None:
    (tmp_path / "en-hi.tsv").write_text("Book\tकिताब\nwater\tपानी\n", encoding="utf-8")
    options = ["--language", "hi", "--embedded", "en", "--reverse", "--out", str(tmp_path / "c")]
    run("build", str(tmp_path / "en-hi.tsv"), *options)
    assert switched("code-switching-own", tmp_path / "c", "hi", "पानी") == "water"


def test_bad_lines_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("a\tb\n" + "c\n" * 5, encoding="utf-8")
    options = ["--language", "sw", "--embedded", "en", "--out", str(tmp_path / "c")]
    with pytest.raises(RobustBenchError, match=r"x\.tsv:2: 1 columns"):
        run("build", str(tmp_path / "x.tsv"), *options)
    told = run("build", str(tmp_path / "x.tsv"), "--on-bad-line", "skip", *options)
    assert "left out: 2 more lines" in told


@pytest.mark.parametrize("phrases", ["--phrases", "--words"])
def test_induce_from_the_parallel_queries_of_a_task(phrases: str, tmp_path: Path) -> None:
    cards = str(tmp_path / "c")
    told = run("induce", "--task", "mini", "--from", "en", "--to", "es,hi", phrases, "--out", cards)
    assert "en into es: " in told
    assert "en into hi: " in told
    recipe = load_recipe("code-switching-induced", tmp_path / "c")
    rows = recipe.card.languages["en"]["any_of"]
    assert isinstance(rows, list)
    assert [row["embedded"] for row in rows] == ["es", "hi"]
    table = (tmp_path / "c/attacks/lexicons/code-switching-induced/en-es.tsv").read_text(encoding="utf-8")
    assert any(" " in line.split("\t")[0] for line in table.splitlines()) == (phrases == "--phrases")


def test_induce_to_all_languages_of_the_task(tmp_path: Path) -> None:
    told = run("induce", "--task", "mini", "--from", "sw", "--to", "all", "--out", str(tmp_path / "c"))
    assert told.count("sw into ") == 11


def test_an_induced_recipe_switches_questions_of_xquad_r(tmp_path: Path, shared_data: Path) -> None:
    run("induce", "--task", "xquad-r", "--from", "hi", "--out", str(tmp_path / "c"))
    assert "market" in switched("code-switching-induced", tmp_path / "c", "hi", "कौन से प्राचीन बाजार").lower()


@pytest.mark.slow
def test_a_wordnet_of_the_wn_library_becomes_synonyms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wn = pytest.importorskip("wn")
    monkeypatch.setattr(wn.config, "_dbpath", None, raising=False)
    wn.config.data_directory = tmp_path / "wn"
    (tmp_path / "tiny.xml").write_text(WORDNET, encoding="utf-8")
    wn.add(tmp_path / "tiny.xml", progress_handler=None)
    run("wordnet", "tiny-fi:1", "--language", "fi", "--out", str(tmp_path / "c"))
    assert switched("synonym-own", tmp_path / "c", "fi", "koti ja kissa") == "asunto ja kissa"
    rows = (tmp_path / "c/attacks/_lexicons.toml").read_text(encoding="utf-8")
    assert "creativecommons.org/licenses/by/4.0" in rows
    assert "Nobody (2026)" in rows
    with pytest.raises(RobustBenchError, match=r"wordnet tiny-f:1 is not installed: did you mean 'tiny-fi:1'"):
        run("wordnet", "tiny-f:1", "--language", "fi", "--out", str(tmp_path / "c"))


def test_without_wn_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wn", None)
    with pytest.raises(RobustBenchError, match=r"pip install 'robustbench-ir\[wordnets\]'"):
        run("wordnet", "omw-fi:1.4", "--language", "fi", "--out", str(tmp_path / "c"))
