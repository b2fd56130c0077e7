"""Readers of lexicons, and the tables that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from robustbench_ir.cards import packaged
from robustbench_ir.errors import DataError, UnknownNameError
from robustbench_ir.languages import languages
from robustbench_ir.perturb import load_recipe, recipe_names
from robustbench_ir.perturb.lexicons import (
    bilingual,
    joined,
    lexicon_sources,
    muse_pairs,
    naijasenti_pairs,
    pivoted,
    synonyms,
    synset_pairs,
    tsv_pairs,
)
from robustbench_ir.tasks import task_names
from robustbench_ir.text import nfc, script


def test_formats() -> None:
    assert list(tsv_pairs("a little\tun poco\n\n# note\nb\tc\r\n", "x")) == [("a little", "un poco"), ("b", "c")]
    assert list(muse_pairs("cat gato\ndog\tperro\n", "x")) == [("cat", "gato"), ("dog", "perro")]
    table = "# Wiktionary\ttha\n00047786-a\ttha:lemma\tเสพติด\n00047786-a\ttha:def\tno\n"
    assert list(synset_pairs(table, "x")) == [("เสพติด", "00047786-a")]
    assert list(naijasenti_pairs("word,machine,human\nogre,ogre,dodo\n", "x")) == [("dodo", "ogre")]


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (tsv_pairs, "a\tb\nc\n", r"file\.tsv:2: 1 columns"),
        (muse_pairs, "a b\na b c\n", r"file\.tsv:2: 3 words"),
        (synset_pairs, "a\tb\n", r"file\.tsv:1: 2 columns"),
        (naijasenti_pairs, "english,hausa\n", r"file\.tsv:1: no columns 'word' and 'human'"),
    ],
)
def test_a_wrong_line_is_named(reader, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(reader(text, "file.tsv"))


def test_unknown_lexicon() -> None:
    with pytest.raises(UnknownNameError, match="unknown lexicon 'gatitos/hi-eng': did you mean"):
        bilingual(["gatitos/hi-eng"])


def test_translations_by_shared_synsets(shared_data: Path) -> None:
    lexicon = joined("omw-wikt/de", "wordnet/en")
    assert "water" in lexicon["wasser"]
    assert "house" in lexicon["haus"]


def test_synonyms_by_synset_and_by_pivot(shared_data: Path) -> None:
    assert "car" in synonyms("wordnet/en")["automobile"]
    assert "保护" in pivoted(["cc-cedict/zh-en"], 2)["防护"]
    for word, others in synonyms("omw-wikt/vi").items():
        assert {script(other) for other in others} == {script(word)}


@pytest.mark.parametrize("name", sorted(lexicon_sources()))
def test_every_lexicon_can_be_read(name: str, shared_data: Path) -> None:
    source = lexicon_sources()[name]
    assert source.licence
    assert source.attribution
    read = synonyms if source.format == "synsets" else lambda one: bilingual([one])
    entries = read(name)
    assert entries
    assert all(word == nfc(word).lower() for word in entries)


def test_every_folder_of_lexicons_has_its_licence() -> None:
    for folder in (packaged("attacks") / "lexicons").iterdir():
        assert (folder / "LICENCE.txt").is_file(), folder


@pytest.mark.parametrize("name", recipe_names())
def test_every_language_of_the_tasks_is_covered_or_explained(name: str) -> None:
    assert task_names() == ["mini", "xquad-r"]
    card = load_recipe(name).card
    assert set(card.languages) | set(card.not_covered) == set(languages())
    assert not set(card.languages) & set(card.not_covered)


@pytest.mark.parametrize("kind", ["keyboards", "romanisation"])
def test_every_table_names_its_source(kind: str) -> None:
    for table in (packaged("attacks") / kind).iterdir():
        assert 'source = "' in table.read_text(encoding="utf-8"), table
