"""Misspellings: those that people make most are made, and nothing else changes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from robustbench_ir.errors import CardError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.confusions import misspellings
from robustbench_ir.perturb.mechanisms.misspelling import make_misspelling
from robustbench_ir.perturb.perturbation import Edit, spaced
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.resources.cards import Tables
from robustbench_ir.tasks import Query

BENCHMARKS = {
    "XQuAD-R": "ar de el en es hi ru th tr vi zh",
    "AfriQA": "bem fon ha ig rw sw tw wo yo zu",
    "MIRACL": "ar bn de en es fa fi fr hi id ja ko ru sw te th yo zh",
    "CIRAL": "ha so sw yo",
}
GOOD = 'title = "Two letters"\nsource = "this test"\nlicence = "none"\n'


def drawn(recipe: str, language: str, text: str, draws: int = 600) -> Counter[str]:
    loaded = load_recipe(recipe)
    made = loaded.perturb([Query(str(one), language, text, "q") for one in range(draws)], 5, 0)
    return Counter(one.text for one in made)


@pytest.mark.parametrize(
    ("language", "right", "written"),
    [
        ("ar", "على", ["علي"]),
        ("ar", "إلى", ["الى"]),
        ("ar", "مدرسة", ["مدرسه"]),
        ("ar", "أحمد", ["احمد"]),
        ("fa", "می\u200cخواهم", ["میخواهم", "می خواهم"]),
        ("kk", "қала", ["кала"]),
        ("am", "ሐኪም", ["ሀኪም"]),
        ("am", "ሠላም", ["ሰላም"]),
        ("am", "ዓለም", ["አለም"]),
        ("hi", "पाँच", ["पांच"]),
        ("hi", "ज़्यादा", ["ज्यादा"]),
        ("th", "แมว", ["เเมว"]),
        ("th", "แม่น้ำ", ["แม่นํ้า"]),
        ("th", "หญ้า", ["หญา้"]),
        ("vi", "Đại", ["Đaị"]),
        ("vi", "hòa", ["hoà"]),
        ("vi", "được", ["duoc"]),
        ("tr", "ışık", ["isik"]),
        ("fr", "été", ["ete"]),
        ("yo", "orúkọ", ["oruko"]),
        ("ru", "корова", ["карова"]),
        ("es", "hacer", ["aser", "haser"]),
        ("en", "separate", ["seperate"]),
        ("en", "definitely", ["definately"]),
        ("de", "Straße", ["Strasse"]),
        ("de", "größer", ["groesser", "grösser"]),
    ],
)
def test_the_mistakes_that_people_make_most(language: str, right: str, written: list[str]) -> None:
    found = drawn("misspelling", language, right, 3000)
    assert set(written) <= set(found), found.most_common(12)


@pytest.mark.parametrize(
    ("language", "right", "written"),
    [
        ("ru", "солдаты", ["солдьаты", "сольдаты", "солдатьы"]),
        ("ru", "фонда", ["фоенда", "фоонда", "фоннда"]),
        ("de", "ist", ["isst", "iist"]),
        ("de", "Grad", ["Grrad", "Gradd"]),
        ("de", "sich", ["siech"]),
        ("de", "kann", ["ckann"]),
        ("en", "most", ["mosst", "mostt"]),
        ("en", "on", ["onn", "ont"]),
        ("es", "el", ["hel"]),
        ("it", "altro", ["agltro"]),
        ("hu", "jól", ["lyól"]),
        ("nl", "gemaakt", ["chemaakt"]),
        ("hr", "koju", ["kojju"]),
        ("tr", "ENEL'e", ["ENnEL'e"]),
        ("ar", "كم", ["كمم"]),
        ("de", "der", ["där"]),
        ("sw", "nchini", ["nckhini"]),
        ("ig", "egwu", ["eghwu"]),
        ("bn", "দিয়েছেন", ["দিজ\u09bcেছেন"]),  # a letter with a nukta is not the letter without
        ("hi", "गया", ["गय"]),
        ("ja", "すると", ["するど"]),
    ],
)
def test_what_no_one_writes_is_not_made(language: str, right: str, written: list[str]) -> None:
    found = drawn("misspelling", language, right, 3000)
    assert set(written).isdisjoint(found), found.most_common(12)


@pytest.mark.parametrize(
    ("language", "right", "written"),
    [
        ("ru", "нравится", "нравиться"),
        ("ru", "женщина", "женьщина"),
        ("ru", "сделано", "сделанно"),
        ("ru", "следующий", "следущий"),
        ("en", "until", "untill"),
        ("en", "exercise", "excercise"),
        ("en", "argument", "arguement"),
        ("en", "occasion", "occassion"),
        ("de", "Musik", "Musick"),
        ("de", "Adresse", "Addresse"),
        ("de", "Maschine", "Maschiene"),
        ("bn", "হয়ে", "হযে"),
        ("sw", "habari", "abari"),
        ("fr", "arrivé", "arriver"),
    ],
)
def test_the_letters_that_people_do_insert(language: str, right: str, written: str) -> None:
    assert written in drawn("misspelling", language, right, 3000)


def misspelt_by(folder: Path, table: str, word: str) -> set[str]:
    """Return all that a table of one's own makes of a word."""
    (folder / "attacks" / "misspellings").mkdir(parents=True, exist_ok=True)
    (folder / "attacks" / "misspellings" / "mine.toml").write_text(GOOD + table + "\n", encoding="utf-8")
    misspellings.cache_clear()
    mechanism = make_misspelling("en", {}, {"table": "mine"}, Tables(folder))
    spans, rewrite, _ = mechanism.targets(word, [(0, len(word))], generator("any"))
    if not spans:
        return set()
    made = [rewrite(word, generator("draw", number)) for number in range(400)]
    return {one[0] for one in made if one}


@pytest.mark.parametrize(
    ("word", "made"),
    [
        ("adres", {"addres"}),  # a vowel before d and a liquid after it; r is behind a consonant
        ("grades", {"graddes"}),  # g and r stand behind no vowel; s ends the word
        ("most", set()),  # s before t, t behind s and at the end
        ("GRADES", {"GRADDES"}),
        ("grAdes", {"grAddes"}),
    ],
)
def test_a_consonant_is_doubled_between_a_vowel_and_a_vowel_or_liquid(
    word: str, made: set[str], tmp_path: Path
) -> None:
    assert misspelt_by(tmp_path, 'doubled = [["grdst", 1]]', word) == made


def test_short_words_lose_their_marks_at_most_unless_a_rule_names_them(tmp_path: Path) -> None:
    table = 'whole_until = 3\nmarks = 1.0\nconfusions = [["t", "te", 1], ["^too$", "to", 1], ["o", "u", 1]]'
    assert misspelt_by(tmp_path, table, "hot") == set()
    assert misspelt_by(tmp_path, table, "too") == {"to"}
    assert misspelt_by(tmp_path, table, "hôt") == {"hot"}
    assert misspelt_by(tmp_path, table, "shot") == {"shut", "shote"}


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_language_of_the_benchmarks_has_a_table(benchmark: str) -> None:
    covered = load_recipe("misspelling").card.languages
    assert set(BENCHMARKS[benchmark].split()) <= set(covered)
    assert len(covered) >= 35
    for row in covered.values():
        table = misspellings(str(row["table"]), Tables())
        assert table.source
        assert table.licence


def test_capitals_stay_where_they_were() -> None:
    assert all(text[:1].isupper() for text in drawn("misspelling", "ru", "Корова") if len(text) > len("орова"))
    assert all(text.isupper() for text in drawn("misspelling", "ru", "КОРОВА"))


def test_a_longer_spelling_is_not_made_longer() -> None:
    """The table of Yoruba says that people write gb for b."""
    assert not any("ggb" in text for text in drawn("misspelling", "yo", "gbọdọ̀"))
    assert not any("lll" in text for text in drawn("misspelling", "en", "really"))


def test_a_word_that_is_joined_stays_joined_when_the_next_one_is_edited() -> None:
    assert any(text.startswith("не") and " " not in text for text in drawn("misspelling", "ru", "не знаю"))
    edits = [Edit((0, 3), "of ", "of", "join"), Edit((3, 6), "the", "teh", "transpose")]
    assert [edit.after for edit in spaced("of the", edits)] == ["of", "teh"]
    thai = [Edit((0, 3), "แมว", "maeo", "x"), Edit((3, 5), "ดำ", "dam", "x")]
    assert [edit.after for edit in spaced("แมวดำ", thai)] == ["maeo", " dam"]


def test_the_mixture_makes_slips_and_misspellings() -> None:
    loaded = load_recipe("typo")
    queries = [Query(str(one), "en", "which separate house", "q") for one in range(600)]
    operations = Counter(edit.operation for one in loaded.perturb(queries, 5, 0) for edit in one.edits)
    misspelt = sum(operations[one] for one in ("confuse", "double", "omit", "split", "marks", "join"))
    slips = sum(operations[one] for one in ("transpose", "substitute", "insert", "repeat", "delete"))
    assert misspelt / (misspelt + slips) == pytest.approx(0.5, abs=0.06)  # undoubled letters are in both


def test_only_typo_is_a_default() -> None:
    assert load_recipe("typo").card.default
    assert not load_recipe("slip").card.default
    assert not load_recipe("misspelling").card.default


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("", "the table is empty"),
        ('confusions = [["a", "a", 1]]', r"key 'confusions.0': 'a' must be lower case"),
        ('confusions = [["^$", "b", 1]]', r"key 'confusions.0'"),
        ('confusions = [["A", "b", 1]]', r"key 'confusions.0': 'A' must be lower case"),
        ('confusions = [["a", "b", 0]]', "key 'confusions.0.2': Input should be greater than 0"),
        ('exchanged = [["a", 1]]', "key 'exchanged.0': 'a' needs two spellings"),
        ("confusion = []", "key 'confusion' is unknown: did you mean 'confusions'"),
    ],
)
def test_a_faulty_table_is_refused_with_file_and_key(added: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "attacks" / "misspellings").mkdir(parents=True)
    (tmp_path / "attacks" / "misspellings" / "mine.toml").write_text(GOOD + added + "\n", encoding="utf-8")
    with pytest.raises(CardError, match=rf"misspellings/mine\.toml: .*{message}|{message}"):
        misspellings("mine", Tables(tmp_path))


@pytest.mark.parametrize("recipe", ["misspelling"])
@pytest.mark.parametrize(
    ("text", "onset", "kept"),
    [("tránh", "td", "tr"), ("tính", "lh", "nh"), ("khách", "tr", "ch"), ("trường", "ld", "ng")],
)
def test_vietnamese_onsets_are_confused_only_where_they_are_onsets(
    recipe: str, text: str, onset: str, kept: str
) -> None:
    """The sounds r/d, l/n and ch/tr are confused at the beginning of a syllable, never inside tr, nh or at its end."""
    found = drawn(recipe, "vi", text)
    assert not [one for one in found if onset in one]
    assert any(kept in one for one in found)


def test_vietnamese_l_and_n_are_confused_at_the_beginning() -> None:
    assert drawn("misspelling", "vi", "lăn", 2000)["năn"]
