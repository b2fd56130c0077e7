"""Synonyms by two witnesses: what proves a pair, and what must never stand for a word."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robustbench_ir._base.text import nfc
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.lexicons.catalogue import word_pairs
from robustbench_ir.perturb.lexicons.inflection import Inflection, inflection
from robustbench_ir.perturb.lexicons.links import linked_words
from robustbench_ir.perturb.lexicons.offensive import offensive_words
from robustbench_ir.perturb.lexicons.synonyms import agree, same_root, same_word, synonyms_by_evidence, with_proclitics
from robustbench_ir.perturb.mechanisms.substitution import LexiconRow, lexicon_rows, load_lexicon
from robustbench_ir.resources.cards import SHIPPED, Tables, tables_of

# Finnish and English: "auto" and "kaara" are both cars, "kuusi" is both six and a spruce.
LINES = [
    ("auto seisoo", "the car stands"),
    ("kaara seisoo", "the car stands"),
    ("auto palaa", "the car burns"),
    ("kaara palaa", "the car burns"),
    ("auto liikkuu", "the car moves"),
    ("kaara liikkuu", "the car moves"),
    ("kissa nukkuu", "the cat sleeps"),
    ("kissa juo", "the cat drinks"),
]


@pytest.fixture
def own_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tables:
    """Return a text in two languages with private codes, and a dictionary of three words."""
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path / "cache"))
    corpus, cards = tmp_path / "data" / "corpus", tmp_path / "cards" / "attacks"
    corpus.mkdir(parents=True)
    cards.mkdir(parents=True)
    members = ""
    for place, code in enumerate(("qaa", "qab")):
        path = corpus / f"{code}.txt"
        path.write_text("\n".join(line[place] for line in LINES) + "\n", encoding="utf-8")
        members += f'{code} = {{ "{code}.txt" = "{sha256(path.read_bytes()).hexdigest()}" }}\n'
    (cards / "words.tsv").write_text(
        "katti\tcat\nmirri\tcat\nkuusi\tsix\nkuusi\tspruce\nkuutonen\tsix\n", encoding="utf-8"
    )
    terms = 'licence = "CC0"\nattribution = "me"\n'
    (cards / "_lexicons.toml").write_text(
        f'[corpus]\nformat = "lines"\n{terms}url = "https://x.org/"\n[corpus.members]\n{members}'
        f'["words/qaa-qab"]\nformat = "tsv"\nevidence = true\ntable = "words.tsv"\n{terms}',
        encoding="utf-8",
    )
    return tables_of(tmp_path / "cards")


def test_two_sentences_or_a_dictionary_prove_a_pair(own_tables: Tables) -> None:
    found = synonyms_by_evidence("qaa", "qab", own_tables)
    assert found["auto"] == ("kaara",), "three sentences each say that both are cars"
    assert found["kaara"] == ("auto",)
    assert set(found["katti"]) == {"mirri", "kissa"}, "a dictionary has them, and the text has one more"


def test_one_of_several_senses_proves_nothing(own_tables: Tables) -> None:
    found = synonyms_by_evidence("qaa", "qab", own_tables)
    assert "kuusi" not in found.get("kuutonen", ()), "a spruce in half of its senses, and no text has it"


@pytest.mark.parametrize(
    ("language", "word", "wrong"),
    [
        ("es", "miembros", "penes"),
        ("es", "primos", "bobos"),
        ("es", "jugador", "tahúr"),
        ("es", "tipo", "tío"),
        ("ar", "سنة", "نوم"),
        ("ru", "леса", "подмостки"),
        ("ru", "тип", "мужик"),
        ("tr", "yüzde", "faiz"),
        ("tr", "iyi", "yakşı"),
        ("ha", "wuta", "jahannama"),
        ("en", "other", "early"),
        ("en", "number", "routine"),
        ("en", "arm", "hand"),
        ("fr", "arrêté", "arrestation"),
        ("fr", "temps", "fois"),
        ("fa", "جدول", "میز"),
        ("ko", "지난", "작년에는"),
        ("th", "ทีม", "กลุ่ม"),
    ],
)
def test_what_is_no_synonym(language: str, word: str, wrong: str, shared_data: Path) -> None:
    assert wrong not in (shipped(language).find(word) or ())


@pytest.mark.parametrize(
    ("language", "word", "right"),
    [
        ("en", "begin", "start"),
        ("en", "students", "pupils"),
        ("es", "empresas", "compañías"),
        ("es", "utiliza", "usa"),
        ("ar", "المدينة", "البلدة"),
        ("hi", "वर्ष", "साल"),
        ("ha", "yaren", "harshen"),
        ("zh", "教师", "老师"),
        ("fr", "entreprises", "sociétés"),
        ("fa", "تلاش", "سعی"),
        ("ja", "昨年", "去年"),
    ],
)
def test_what_is_a_synonym(language: str, word: str, right: str, shared_data: Path) -> None:
    assert right in (shipped(language).find(word) or ())


def shipped(language: str):
    """Return the compiled lexicon of the shipped recipe; of languages that it does not cover, by the same rules."""
    rows = load_recipe("synonym").card.languages
    (row,) = lexicon_rows(language, rows.get(language, {"pivot": ["en"]}))
    return load_lexicon(language, row, SHIPPED)


@pytest.mark.parametrize("language", ["en", "es", "ha", "zu", "tw"])
def test_forms_of_one_word_are_no_synonyms_and_prefixes_agree(language: str, shared_data: Path) -> None:
    rules = inflection(language)
    for word, others in shipped(language).entries.items():
        for other in others:
            assert word != other
            assert agree(word, other, rules), (word, other)


def test_class_prefixes_and_endings_agree() -> None:
    zulu = inflection("zu")
    assert agree("isikole", "isifundo", zulu)
    assert not agree("isikole", "umfundi", zulu)
    hausa = inflection("ha")
    assert agree("gari", "garka", hausa)
    assert not agree("garin", "birni", hausa), "only one has the linker"


@pytest.mark.parametrize(
    ("word", "other", "expected"),
    [
        ("escribir", "escrito", False),
        ("писать", "написать", True),
        ("عمل", "يعمل", True),
        ("änderung", "veränderung", True),
        ("begin", "start", False),
        ("team", "teams", True),
    ],
)
def test_forms_of_one_word(word: str, other: str, expected: bool) -> None:
    assert same_root(word, other) == expected


@given(st.text(alphabet="abcdefghij", min_size=4, max_size=12), st.sampled_from(["", "s", "en"]))
def test_a_word_with_an_ending_is_the_same_word(word: str, ending: str) -> None:
    assert same_root(word, word + ending)
    assert same_root(word + ending, word)


def test_a_substitute_keeps_the_proclitic() -> None:
    rules = Inflection(proclitics=["ال"])
    entries = {"مدينة": ("بلدة",), "أعداد": ("يستعد",)}
    found = dict(with_proclitics(entries, rules.proclitics, {"البلدة", "يستعد", "الأعداد"}.__contains__))
    assert found == {"المدينة": ("البلدة",)}, "no article before a verb"


def test_a_proposed_pair_needs_a_source_that_supports_it(own_tables: Tables, tmp_path: Path) -> None:
    cards = tmp_path / "cards" / "attacks"
    (cards / "proposed.tsv").write_text("kuusi\tkuutonen\nkuusi\tkissa\n", encoding="utf-8")
    with (cards / "_lexicons.toml").open("a", encoding="utf-8") as table:
        table.write('["proposed/qaa"]\nformat = "tsv"\ntable = "proposed.tsv"\nlicence = "CC0"\nattribution = "me"\n')
    found = synonyms_by_evidence("qaa", "qab", tables_of(tmp_path / "cards"), "proposed/qaa")
    assert found["kuusi"] == ("kuutonen",), "both are six for the dictionary; nothing says that a cat is one"


def test_a_language_can_be_limited_to_the_pairs_that_a_reader_marked_as_right(
    own_tables: Tables, tmp_path: Path
) -> None:
    marks = tmp_path / "cards" / "attacks" / "audit"
    marks.mkdir()
    (marks / "synonym.tsv").write_text(
        "qaa\tkatti\tmirri\tright\tme\nqaa\tkatti\tkissa\tunsure\tme\n", encoding="utf-8"
    )
    tables = tables_of(tmp_path / "cards")
    everything = load_lexicon("qaa", LexiconRow(pivot=["qab"]), tables)
    assert set(everything.find("katti") or ()) == {"mirri", "kissa"}
    assert everything.find("auto") == ("kaara",)
    read = load_lexicon("qaa", LexiconRow(pivot=["qab"], read=True), tables)
    assert read.find("katti") == ("mirri",)
    assert not read.find("auto"), "nobody has read it"


def test_a_compound_of_small_syllables_is_no_name(shared_data: Path) -> None:
    small = linked_words("vi", "en").small
    assert {"thành phố", "thay đổi"} <= small
    assert "hà nội" not in small
    assert "hoa kỳ" not in small


def test_the_lemma_of_a_greek_word_is_found_before_its_final_sigma_is_folded(shared_data: Path) -> None:
    stem = linked_words("el", "en").stem
    # "of years", "year", "years" of χρόνος, and "teachers" of δάσκαλος (Holton et al., Greek: A Comprehensive Grammar)
    assert {stem(word) for word in ("χρόνοσ", "χρόνος", "χρόνων", "χρόνουσ")} == {"χρόνοσ"}
    assert stem("δασκάλουσ") == stem("δάσκαλοσ") == "δάσκαλοσ"


def test_inflected_english_words_are_supported_by_their_lemmas(shared_data: Path) -> None:
    found = shipped("en")
    assert found.find("built") == ("constructed",), "WordNet has build and construct in one synset"
    assert found.find("founded") == ("established",), "WordNet has found and establish in one synset"


@pytest.mark.parametrize("language", ["ar", "de", "el", "en", "es", "ha", "ru", "zh"])
def test_the_proposed_lists_are_clean(language: str) -> None:
    unwanted = stop_words(language, SHIPPED) | offensive_words(language, SHIPPED)
    pairs = list(word_pairs(f"project/{language}-synonyms", SHIPPED))
    assert len(pairs) > 100
    for word, other in pairs:
        assert nfc(word + other).lower() == word + other
        assert not {word, other} & unwanted, (word, other)
        assert not same_word(word, other), (word, other)
