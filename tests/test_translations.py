"""Translations ranked by evidence: what each kind of source counts, and what is left out."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.lexicons.compounds import collocations, joined
from robustbench_ir.perturb.lexicons.evidence import dictionary, find_evidence, hints, sentence_pairs
from robustbench_ir.perturb.lexicons.inflection import Inflection
from robustbench_ir.perturb.lexicons.stems import STEM, stemmer
from robustbench_ir.perturb.lexicons.store import Lexicon
from robustbench_ir.perturb.lexicons.translations import translations
from robustbench_ir.resources.cards import Tables, tables_of
from robustbench_ir.tasks import Query

# Lines of a text in three languages: Finnish, English, German.
LINES = [
    ("kissa nukkuu", "the cat sleeps", "die Katze schläft"),
    ("koira nukkuu", "the dog sleeps", "der Hund schläft"),
    ("kissa juo", "the cat drinks", "die Katze trinkt"),
    ("koira juo", "the dog drinks", "der Hund trinkt"),
    ("näen Helsingin", "I see Helsinki", "ich sehe Helsinki"),
    ("kissa näkee Helsingin", "the cat sees Helsinki", "die Katze sieht Helsinki"),
]


def written(folder: Path, path: str, text: str) -> str:
    """Write a data file, and return its hash."""
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return sha256(place.read_bytes()).hexdigest()


@pytest.fixture
def own_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tables:
    """Return sources of two languages with private codes: `qaa` (the Finnish lines) and `qab` (the English ones)."""
    data = tmp_path / "data"
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(data))
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path / "cache"))
    texts = {
        code: written(data, f"corpus/{code}.txt", "\n".join(line[place] for line in LINES) + "\n")
        for place, code in enumerate(("qaa", "qab", "qac"))
    }
    members = "".join(f'{code} = {{ "{code}.txt" = "{digest}" }}\n' for code, digest in texts.items())
    rows = {
        "words/qaa-qab.tsv": "kissa\tkitty\ntalo\thouse\nkuusi\tsix\nkuusi\tspruce\nuseampi kuin\tmore than (a few)\n",
        "wn/wordnet-qaa.tab": "1-n\tqaa:lemma\tkissa\n2-n\tqaa:lemma\tvirta\n",
        "wn/wordnet-qab.tab": "1-n\tqab:lemma\tcat\n2-n\tqab:lemma\tstream\n",
    }
    table = f'[corpus]\nformat = "lines"\nlicence = "CC0"\nattribution = "me"\nurl = "https://x.org/"\n[corpus.members]\n{members}'
    for name, form, path in (
        ("words/qaa-qab", "tsv", "words/qaa-qab.tsv"),
        ("wn/qaa", "synsets", "wn/wordnet-qaa.tab"),
        ("wn/qab", "synsets", "wn/wordnet-qab.tab"),
    ):
        written(tmp_path / "cards" / "attacks", path, rows[path])
        table += (
            f'["{name}"]\nformat = "{form}"\nevidence = true\ntable = "{path}"\nlicence = "CC0"\nattribution = "me"\n'
        )
    written(tmp_path / "cards", "attacks/_lexicons.toml", table)
    return tables_of(tmp_path / "cards")


def test_sources_are_found_by_the_names_of_the_languages(own_tables: Tables) -> None:
    found = find_evidence("qaa", "qab", own_tables)
    assert found.texts == (("corpus/qaa", "corpus/qab"),)
    assert found.dictionaries == (("words/qaa-qab", False),)
    assert found.wordnets == (("wn/qaa", "wn/qab"),)
    assert find_evidence("qab", "qaa", own_tables).dictionaries == (("words/qaa-qab", True),)
    assert not find_evidence("qaa", "xx", own_tables).is_enough
    assert sentence_pairs(found, own_tables)[0] == ("kissa nukkuu", "the cat sleeps")


def test_a_dictionary_is_joined_through_english(shared_data: Path) -> None:
    found = find_evidence("fon", "es")
    assert found.through == (("gatitos/fon-en", False), ("gatitos/en-fon", True))
    assert ("gatitos/en-es", False) in found.onward
    assert "escuela" in dictionary(found)["azɔmɛxɔmɛ"], "a school, in English"


def test_a_dictionary_shares_a_word_among_its_translations(own_tables: Tables) -> None:
    found = dictionary(find_evidence("qaa", "qab", own_tables), own_tables)
    assert found["kuusi"] == {"six": 0.5, "spruce": 0.5}
    assert found["useampi kuin"] == {"more than": 1.0}, "remarks of a dictionary are no translation"


def test_a_wordnet_proves_nothing_by_itself(own_tables: Tables) -> None:
    evidence = find_evidence("qaa", "qab", own_tables)
    assert hints(evidence, own_tables) == {"kissa": {"cat": 1.0}, "virta": {"stream": 1.0}}
    found = translations("qaa", "qab", 0.2, own_tables)
    assert "virta" not in found
    assert found["kissa"][0] == "cat", "the text and the wordnet agree against the dictionary"


def test_dictionaries_decide_where_the_text_is_silent(own_tables: Tables) -> None:
    found = translations("qaa", "qab", 0.3, own_tables)
    assert found["talo"] == ("house",)
    # 2 links are shared by two translations, of 2 + 1.5 that the word counts for: 1 / 3.5 each.
    assert "kuusi" not in found
    assert set(translations("qaa", "qab", 1 / 3.5 - 1e-6, own_tables)["kuusi"]) == {"six", "spruce"}


def test_words_of_the_text_are_linked_and_names_are_left_out(own_tables: Tables) -> None:
    found = translations("qaa", "qab", 0.3, own_tables)
    assert found["koira"] == ("dog",)
    assert found["juo"] == ("drinks",)
    assert "helsingin" not in found, "a name in both languages"
    assert "näen" not in found, "seen once"


def test_texts_of_different_length_name_both_files(own_tables: Tables, tmp_path: Path) -> None:
    short = "eins\nzwei\n"
    digest = written(tmp_path / "data", "corpus/qac.txt", short)
    table = tmp_path / "cards" / "attacks" / "_lexicons.toml"
    lines = [
        f'qac = {{ "qac.txt" = "{digest}" }}' if line.startswith("qac = ") else line
        for line in table.read_text(encoding="utf-8").splitlines()
    ]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    tables = tables_of(tmp_path / "cards")
    with pytest.raises(DataError, match=r"qac\.txt has 2 lines and .*qab\.txt has 6"):
        sentence_pairs(find_evidence("qac", "qab", tables), tables)


def test_class_prefixes_are_removed_where_the_stem_is_known() -> None:
    words = ["umuntu", "abantu", "isintu", "umlingo"]
    stem = stemmer("zu", words, Inflection(prefixes=["umu", "aba", "isi", "um"]))
    assert [stem(word) for word in words] == ["ntu", "ntu", "ntu", "umlingo"]
    rules = Inflection(prefixes=["umu", "aba", "ubu"])
    assert Lexicon({f"{STEM}ntu": ("person",)}, rules=rules).find("ubuntu") == ("person",)
    assert Lexicon({f"{STEM}ntu": ("person",)}, rules=rules).find("ukuntu") is None


def test_lemmas_of_words_behind_an_article() -> None:
    stem = stemmer("ar", (), Inflection(lemmas=True, proclitics=["وال", "ال"]))
    assert stem("والمدينة") == stem("المدينة") == stem("مدينة")


def test_syllables_that_stand_together_are_one_word() -> None:
    text = [["thành", "phố", "lớn"], ["thành", "phố", "nhỏ"], ["phố", "nhỏ"], ["ở", "thành", "phố"], ["thành", "phố"]]
    known = collocations(text)
    assert known == {"thành phố"}
    assert joined(["ở", "thành", "phố", "nhỏ"], known) == ["ở", "thành phố", "nhỏ"]


def test_a_compound_without_a_translation_stays_whole() -> None:
    lexicon = Lexicon({"phố": ("street",), "thành phố": ()}, rules=Inflection(compounds=True))
    assert lexicon.find_in("thành phố", (0, 9)) == ()
    assert lexicon.find_in("Thành Phố", (6, 9)) == (), "its second syllable is not a word"
    assert lexicon.find_in("con phố", (4, 7)) == ("street",)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("hi", "भारत की राजधानी क्या है", "capital"),
        ("sw", "watu wangapi wanaishi katika mji huu", "city"),
        ("ha", "a wace shekara aka gina makaranta", "school"),
        ("vi", "thành phố nào lớn nhất thế giới", "city"),
        ("zu", "ngubani umongameli", "president"),
        ("wo", "ñaata at la am", "année"),
    ],
)
def test_everyday_words_are_switched_rightly(language: str, text: str, expected: str, shared_data: Path) -> None:
    query = Query("q", language, nfc(text), "q")
    (made,) = load_recipe("code-switching").perturb([query], 5, 0)
    assert expected in {edit.after for edit in made.edits}
