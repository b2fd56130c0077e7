"""Readers of lexicons, and the tables that ship."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustbench_ir._base.text import nfc, script, word_spans
from robustbench_ir.errors import DataError, RobustBenchError, UnknownNameError
from robustbench_ir.perturb import load_recipe, recipe_names
from robustbench_ir.perturb.lexicons.build import merged_bilingual, synonyms
from robustbench_ir.perturb.lexicons.catalogue import lexicon_sources, word_pairs
from robustbench_ir.perturb.lexicons.inflection import (
    Entries,
    Inflection,
    _dictionary,
    behind_elision,
    inflected_synonyms,
    inflection,
    lemma_forms,
    translated_forms,
)
from robustbench_ir.perturb.lexicons.parallel_text import PARALLEL_FORMATS
from robustbench_ir.perturb.lexicons.sources import Format, ReportLine, read_pairs, refuse_line
from robustbench_ir.perturb.lexicons.store import Lexicon, as_lines, compiled_lexicon
from robustbench_ir.perturb.mechanisms.substitution import LexiconSubstitution
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.resources.cards import SHIPPED, packaged
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Query, task_card


def pairs_of(tmp_path: Path, form: Format, text: str, complain: ReportLine = refuse_line) -> list[tuple[str, str]]:
    path = tmp_path / "table.tsv"
    path.write_text(text, encoding="utf-8")
    return list(read_pairs(form, path, complain))


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("tsv", "a little\tun poco\n\n# note\nB\tC\r\n", [("a little", "un poco"), ("b", "C")]),
        ("muse", "cat gato\ndog\tperro\n", [("cat", "gato"), ("dog", "perro")]),
        ("synsets", "# Wiktionary\ttha\n47-a\ttha:lemma\tเสพติด\n47-a\ttha:def\tno\n", [("เสพติด", "47-a")]),
        ("naijasenti", "word,machine,human\nogre,ogre,dodo\nx,y,\n", [("dodo", "ogre")]),
    ],
)
def test_formats(tmp_path: Path, form: Format, text: str, expected: list[tuple[str, str]]) -> None:
    assert pairs_of(tmp_path, form, text) == expected


@pytest.mark.parametrize(
    ("form", "text", "message"),
    [
        ("tsv", "a\tb\nc\n", r"table\.tsv:2: 1 columns.*--on-bad-line skip"),
        ("muse", "a b\na b c\n", r"table\.tsv:2: 3 words"),
        ("synsets", "a\tb\n", r"table\.tsv:1: 2 columns"),
        ("naijasenti", "english,hausa\n", r"table\.tsv:1: no columns 'word' and 'human'"),
        ("tei", "<TEI><entry></TEI>", r"table\.tsv: not a TEI dictionary"),
        ("tei", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', r"table\.tsv: not a TEI dictionary: Entities"),
        ("dictd", "head\tA\n", r"table\.dict\.dz: no such file"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, form: Format, text: str, message: str) -> None:
    with pytest.raises(RobustBenchError, match=message):
        pairs_of(tmp_path, form, text)


def test_wrong_lines_are_left_out_and_told_on_request(tmp_path: Path) -> None:
    faults: list[str] = []
    assert pairs_of(tmp_path, "tsv", "a\tb\nc\nd\te\tf\ng\th\n", faults.append) == [("a", "b"), ("g", "h")]
    assert [fault.split("table.tsv")[1] for fault in faults] == [
        ":2: 1 columns, expected entry<TAB>substitute",
        ":3: 3 columns, expected entry<TAB>substitute",
    ]


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "latin.tsv").write_bytes("é\tb\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.tsv: not UTF-8 at byte 0"):
        list(read_pairs("tsv", tmp_path / "latin.tsv"))


def test_freedict_as_dictd_has_it(tmp_path: Path) -> None:
    """Bodies in the layout of dict-freedict-swh-eng and dict-freedict-eng-hin 2022.04.21."""
    bodies = {
        "angalia": "angalia /ˌaŋɡalˈia/ <v>\n1.\nlook at, observe\n2.\nbe careful; watch out\n",
        "viatu": "viatu /viˈatu/ <n>\n\nPlural of : shoe\n",
        "about": 'about /əbˈaʊt/ <Adv>\n1. आस~पास\n      "I dropped the pen about here."\n',
    }
    blob, rows = b"", ["00databaseinfo\tA\tA"]
    for headword, body in bodies.items():
        rows.append(f"{headword}\t{in_base64(len(blob))}\t{in_base64(len(body.encode()))}")
        blob += body.encode()
    (tmp_path / "x.index").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "x.dict.dz").write_bytes(gzip.compress(blob))
    assert list(read_pairs("dictd", tmp_path / "x.index")) == [
        *(("angalia", one) for one in ("look at", "observe", "be careful", "watch out")),
        ("viatu", "shoe"),
        ("about", "आस पास"),
    ]


def in_base64(number: int) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return (in_base64(number // 64) if number >= 64 else "") + alphabet[number % 64]


def test_freedict_as_tei_has_it(tmp_path: Path) -> None:
    text = """<TEI xmlns="http://www.tei-c.org/ns/1.0"><text><body>
    <entry><form><orth>Haus</orth></form><gramGrp><pos>n</pos></gramGrp>
      <sense><cit type="trans"><quote>house</quote></cit><cit type="example"><quote>no</quote></cit></sense>
      <sense><cit type="trans"><quote>home</quote></cit></sense></entry></body></text></TEI>"""
    assert pairs_of(tmp_path, "tei", text) == [("haus", "house"), ("haus", "home")]


def test_inflected_forms_are_found_by_lemma_clitic_and_beginning(tmp_path: Path) -> None:
    entries = {"city": ("ciudad",), "كتاب": ("book",), "పుస్తకం": ("book",), "పుస్తకా": ("books",)}
    forms = translated_forms(entries, lemma_forms("en", entries))
    assert forms["cities"] == ("ciudad",)
    arabic = Inflection(proclitics=["وال", "ال"])
    assert Lexicon(entries, rules=arabic).find("والكتاب") == ("book",)
    assert Lexicon(entries).find("والكتاب") is None
    telugu = Lexicon(entries, rules=Inflection(beginning=4))
    assert telugu.find("పుస్తకాలు") == ("books",)
    assert telugu.find("పుస్త") is None, "a form is longer than its entry"


def test_forms_of_fewer_lemmas_are_among_those_that_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from simplemma.strategies.dictionaries import DEFAULT_DICTIONARY_FACTORY

    passes = []

    def get_dictionary(language: str) -> dict[str, str]:
        passes.append(language)
        return {"cities": "city", "Cars": "car", "cars": "car", "city": "city", "mice": "mouse"}

    monkeypatch.setattr(DEFAULT_DICTIONARY_FACTORY, "_get_dictionary", get_dictionary)
    _dictionary.cache_clear()
    assert lemma_forms("en", ["city", "car"]) == {"cities": "city", "cars": "car"}
    assert lemma_forms("en", ["car"]) == {"cars": "car"}
    assert passes == ["en"], "one pass through millions of forms is enough for both"
    assert lemma_forms("en", ["mouse"]) == {"mice": "mouse"}
    _dictionary.cache_clear()


def test_synonyms_of_inflected_words_are_inflected() -> None:
    entries = {"car": ("auto", "limousine"), "city": ("metropolis",)}
    forms = lemma_forms("en", ["car", "auto", "limousine", "city", "metropolis"])
    found = inflected_synonyms(entries, forms)
    assert found["cars"] == ("autos", "limousines")
    assert "cities" not in found, "no form of metropolis ends as cities does"


_SMALL = st.text(min_size=1, max_size=6).filter(lambda one: one.isalnum() and one == one.lower())


@given(st.dictionaries(_SMALL, st.just(("x", "y")), max_size=30))
def test_forms_are_found_by_binary_search(forms: dict[str, tuple[str, ...]]) -> None:
    stored = Lexicon({}, as_lines(forms))
    assert all(stored.find(form) == found for form, found in forms.items())
    assert stored.find("not there") is stored.find("!") is None


def test_compiled_lexicons_are_kept_checked_and_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path))
    made = []

    def compile_entries() -> tuple[Entries, Entries]:
        made.append(1)
        return {"a b": ("c",), "d": ("e", "f")}, {"ds": ("es",)}

    def load(what: str) -> Lexicon:
        return compiled_lexicon({"what": what}, Inflection(lemmas=True), compile_entries)

    assert load("one").find("a b") == ("c",)
    assert load("one").find("ds") == ("es",)
    assert len(made) == 1, "the second time it is read"
    load("two")
    assert len(made) == 2, "another source, another file"
    for path in (tmp_path / "lexicons").iterdir():
        path.write_bytes(path.read_bytes()[:-3])
    assert load("one").find("ds") == ("es",)
    assert len(made) == 3, "a damaged file is made again"


def test_a_cache_that_cannot_be_written_to_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path / "file" / "below"))
    assert compiled_lexicon({}, Inflection(), lambda: ({"a": ("b",)}, {})).find("a") == ("b",)


def test_nothing_is_loaded_for_other_languages(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def spy(language: str, *rest: object) -> Lexicon:
        read.append(language)
        return Lexicon({"wasser": ("water",)})

    monkeypatch.setattr("robustbench_ir.perturb.mechanisms.substitution.load_lexicon", spy)
    load_recipe("code-switching").perturb([Query("q", "de", "Wasser", "q")], 5, 0)
    assert read == ["de"]


def test_unknown_lexicon() -> None:
    with pytest.raises(UnknownNameError, match="unknown lexicon 'gatitos/hi-eng': did you mean"):
        merged_bilingual(["gatitos/hi-eng"])


def test_synonyms_by_synset(shared_data: Path) -> None:
    assert "car" in synonyms("wordnet/en")["automobile"]
    for word, others in synonyms("omw-wikt/vi").items():
        assert {script(other) for other in others} == {script(word)}


@pytest.mark.parametrize("collection", sorted({name.partition("/")[0] for name in lexicon_sources()}))
def test_every_lexicon_can_be_read(collection: str, shared_data: Path) -> None:
    for name, source in lexicon_sources().items():
        if not name.startswith(f"{collection}/"):
            continue
        assert source.licence
        assert source.attribution
        if source.format in PARALLEL_FORMATS:
            assert all(path.stat().st_size for path in source.places()), name
            continue
        read = synonyms if source.format == "synsets" else lambda one: merged_bilingual([one])
        entries = read(name)
        assert entries, name
        assert all(word == nfc(word).lower() for word in entries), name


def test_every_folder_of_lexicons_has_its_licence() -> None:
    for folder in (packaged("attacks") / "lexicons").iterdir():
        assert (folder / "LICENCE.txt").is_file(), folder


@pytest.mark.parametrize("name", recipe_names())
def test_every_language_of_the_tasks_is_covered_or_explained(name: str) -> None:
    for task in ("afriqa", "ciral", "mini", "miracl", "mlqa-r", "mr-tydi", "xquad-r"):
        assert task_card(task).languages.keys() <= languages().keys()
    card = load_recipe(name).card
    assert set(card.languages) | set(card.not_covered) == set(languages())
    assert not set(card.languages) & set(card.not_covered)


@pytest.mark.parametrize("kind", ["keyboards", "romanisation"])
def test_every_table_names_its_source(kind: str) -> None:
    for table in (packaged("attacks") / kind).iterdir():
        if table.is_dir():
            assert (table / "LICENCE.txt").is_file()
            continue
        assert 'source = "' in table.read_text(encoding="utf-8"), table


@pytest.mark.parametrize("part", ["n", "v", "a", "r"])
@pytest.mark.parametrize("language", ["de", "ru"])
def test_the_synsets_of_other_wordnets_are_the_english_ones(language: str, part: str, shared_data: Path) -> None:
    english = {synset for _, synset in word_pairs("wordnet/en", SHIPPED)}
    theirs = {synset for _, synset in word_pairs(f"omw-wikt/{language}", SHIPPED) if synset.endswith(part)}
    assert len(theirs & english) > 0.8 * len(theirs), "the offsets of another edition of WordNet do not match"


@pytest.mark.parametrize(
    ("language", "text", "bare"),
    [
        ("rw", "n'abantu", "abantu"),
        ("rw", "Y’igihugu", "igihugu"),
        ("rn", "c'imiti", "imiti"),
        ("lg", "eby'obulamu", "obulamu"),
        ("lg", "ng'ombe", "ng'ombe"),  # ng' is one letter of the Luganda alphabet
        ("rw", "intego'", "intego'"),
        ("fr", "l'équipe", "l'équipe"),
    ],
)
def test_words_behind_elided_words_are_found(language: str, text: str, bare: str) -> None:
    start, end = behind_elision(text, (0, len(text)), inflection(language).elided)
    assert text[start:end] == bare


def test_what_stands_before_the_apostrophe_stays() -> None:
    entries = {"abantu": ("people",), "amerika": ("america",)}
    lexicon = Lexicon(entries, rules=Inflection(elided=["n"]), language="en")
    text = "Abana n'abantu n'Amerika"
    mechanism = LexiconSubstitution(((lexicon,),), "switch", embedded=("en",))
    targets = mechanism.targets(text, word_spans(text, "rw"), generator("x"))
    assert [text[start:end] for start, end in targets.spans] == ["abantu"], "Amerika is a name"
    assert targets.rewrite("abantu", generator("x")) == ("people", "switch")
