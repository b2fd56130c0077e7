"""Translations ranked by evidence: what each kind of source counts, and what is left out."""

from __future__ import annotations

import warnings
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from robustbench_ir._base.text import nfc, word_spans
from robustbench_ir.errors import DataError, DataWarning, RobustBenchError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.lexicons.audit import MARKS as MARKS_OF_READERS
from robustbench_ir.perturb.lexicons.audit import AuditName, audited_pairs
from robustbench_ir.perturb.lexicons.compounds import collocations, joined
from robustbench_ir.perturb.lexicons.evidence import dictionary, find_evidence, hints, sentence_pairs
from robustbench_ir.perturb.lexicons.inflection import Inflection
from robustbench_ir.perturb.lexicons.stems import STEM, stemmer
from robustbench_ir.perturb.lexicons.store import Lexicon
from robustbench_ir.perturb.lexicons.translations import translations
from robustbench_ir.perturb.mechanisms.substitution import LexiconRow, load_lexicon, make_substitution
from robustbench_ir.perturb.spelling import Spelling
from robustbench_ir.resources.cards import SHIPPED, Tables, tables_of
from robustbench_ir.resources.languages import languages
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


def test_a_word_of_both_languages_stays(own_tables: Tables) -> None:
    assert own_tables.extra is not None
    path = own_tables.extra / "attacks/words/qaa-qab.tsv"
    lines = path.read_text(encoding="utf-8")
    path.write_text(f"{lines}radio\tradio\nradio\twireless\n", encoding="utf-8")
    assert "radio" not in translations("qaa", "qab", 0.1, tables_of(own_tables.extra))


def test_less_probable_translations_are_for_queries_without_a_probable_one(own_tables: Tables) -> None:
    row = {"embedded": "qab", "minimum_probability": 0.5, "least_probability": 0.2}
    made = make_substitution("qaa", {"operation": "switch"}, row, own_tables)

    def offered(text: str) -> list[str]:
        spans = word_spans(text, "en")
        return [text[start:end] for start, end in made.targets(text, spans, Random(0)).spans]

    # By the counts above: "talo" 2 / 3.5, "kuusi" 1 / 3.5 for each of two translations.
    assert offered("talo kuusi") == ["talo"]
    assert offered("iso kuusi") == ["kuusi"]
    assert offered("iso") == []


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


def test_a_word_beside_which_another_means_something_else_is_no_switch() -> None:
    lexicon = Lexicon({"hora": ("hour",), "la hora": (), "media hora": ("half an hour",)})
    assert lexicon.find_in("a la hora de comer", (5, 9)) == (), "a la hora de: at the time of"
    assert lexicon.find_in("a la, hora", (6, 10)) == ("hour",)
    assert lexicon.find_in("media hora", (6, 10)) == ("hour",), "only what has no translation at all hides a word"


@pytest.mark.parametrize(
    ("language", "text", "word", "expected"),
    [
        ("es", "A la hora de", "hora", False),
        ("es", "cada hora", "hora", True),
        ("es", "a punto de empezar", "punto", False),
        ("es", "cada punto", "punto", True),
    ],
)
def test_parts_of_fixed_phrases_stay(language: str, text: str, word: str, expected: bool, shared_data: Path) -> None:
    start = text.index(word)
    assert bool(shipped(language).find_in(text, (start, start + len(word)))) is expected


@pytest.mark.parametrize(
    ("language", "phrase", "expected"),
    [
        ("vi", "nhà lãnh đạo", "leaders"),
        ("zh", "全民公投", "referendum"),
        ("am", "ትምህርት ቤት", "school"),
        ("fa", "رئیس جمهور", "president"),
    ],
)
def test_two_words_that_one_word_translates_are_switched_as_a_whole(
    language: str, phrase: str, expected: str, shared_data: Path
) -> None:
    assert shipped(language).find(phrase) == (expected,)


def shipped(language: str) -> Lexicon:
    """Return the compiled lexicon of the shipped recipe."""
    row = load_recipe("code-switching").card.languages[language]
    return load_lexicon(language, LexiconRow.model_validate({**row, "least_probability": None}), SHIPPED)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("hi", "भारत की राजधानी क्या है", "capital"),
        ("sw", "shule ya msingi ilianza mwaka gani", "school"),
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


def test_another_language_is_mixed_in_on_request(shared_data: Path) -> None:
    recipe = load_recipe("code-switching:fra")
    assert str(recipe.identity) == f"code-switching:fr@{load_recipe('code-switching').card.version}"
    assert recipe.kinds(["sw"])["sw"].languages == ("fr",)
    (made,) = recipe.perturb([Query("q", "sw", "watu wangapi wanaishi katika mji huu", "q")], 5, 0)
    assert "ville" in made.text
    assert recipe.reason_not_covered("fr") == "it is the language that is mixed in"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("code-switching:qq", "unknown language 'qq'"),
        ("code-switching:st", "nothing translates into st; name another language"),
        ("typo:fr", "typo mixes in no language; write typo without :fr"),
        ("code-swiching:fr", "unknown recipe 'code-swiching': did you mean 'code-switching'"),
    ],
)
def test_a_language_that_cannot_be_mixed_in_is_refused(name: str, message: str) -> None:
    with pytest.raises(RobustBenchError, match=message):
        load_recipe(name)


MARKS = "language\tword\tsubstitute\tmark\treader\n"


def with_marks(own_tables: Tables, name: str, lines: str) -> Tables:
    assert own_tables.extra is not None
    written(own_tables.extra, f"attacks/audit/{name}.tsv", MARKS + lines)
    return tables_of(own_tables.extra)


def test_pairs_that_a_reader_found_wrong_are_struck_out(own_tables: Tables) -> None:
    row = LexiconRow(embedded="qab")
    assert load_lexicon("qaa", row, own_tables).find("talo") == ("house",)
    tables = with_marks(own_tables, "code-switching", "qaa\ttalo\thouse\twrong\tme\nqaa\tkoira\tdog\tright\tme\n")
    assert load_lexicon("qaa", row, tables).find("talo") is None
    assert load_lexicon("qaa", row, tables).find("koira") == ("dog",)


@pytest.mark.parametrize(
    ("lexicon", "word", "found"),
    [
        (Lexicon({"nusu": ("sister", "half")}, rules=Inflection(proclitics=["wa"])), "wanusu", ("half",)),
        (Lexicon({STEM + "nusu": ("half",)}, rules=Inflection(prefixes=["ki"])), "kinusu", ()),
        (Lexicon({"nusu": ("half",)}, spelling=Spelling(lambda text: text.lower().replace("ss", "s"))), "Nussu", ()),
    ],
    ids=["clitic", "prefix", "spelling"],
)
def test_a_wrong_pair_is_struck_out_however_the_word_is_found(
    lexicon: Lexicon, word: str, found: tuple[str, ...]
) -> None:
    offered = lexicon.find(word)
    assert offered
    kept = lexicon.without([(word, other) for other in offered if other not in found])
    assert kept.find(word) == found
    assert lexicon.without([("sana", "word")]) is lexicon


def test_unknown_marks_and_missing_pairs_are_told_and_ignored(own_tables: Tables) -> None:
    tables = with_marks(own_tables, "code-switching", "qaa\ttalo\thouse\tfalsch\tme\nqaa\tauto\tcar\twrong\tme\nqaa\n")
    with pytest.warns(DataWarning) as told:
        found = load_lexicon("qaa", LexiconRow(embedded="qab"), tables)
    messages = [str(one.message) for one in told]
    assert any("tsv:2: mark 'falsch' is unknown; there are right, wrong, unsure" in one for one in messages)
    assert any("tsv:4: 1 columns, expected language, word, substitute, mark, reader" in one for one in messages)
    assert any("the lexicon of qaa does not have auto" in one for one in messages)
    assert found.find("talo") == ("house",)


@pytest.mark.parametrize("name", ["code-switching", "synonym"])
def test_the_shipped_marks_can_be_read(name: AuditName) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {language: audited_pairs(name, language) for language in languages()}
    assert all(pair.mark in MARKS_OF_READERS and pair.reader for pairs in found.values() for pair in pairs)


def test_a_word_that_a_creole_has_from_the_embedded_language_stays(tmp_path: Path) -> None:
    card = {
        "attacks/words/qaa-en.tsv": "win\tconquer\npikin\tchild\n",
        "attacks/_lexicons.toml": '["words/qaa-en"]\nformat = "tsv"\nevidence = true\ntable = "words/qaa-en.tsv"\n'
        'licence = "CC0"\nattribution = "me"\n',
    }
    for path, text in card.items():
        written(tmp_path / "cards", path, text)
    tables = tables_of(tmp_path / "cards")
    assert load_lexicon("qaa", LexiconRow(embedded="en"), tables).find("win") == ("conquer",)
    creole = load_lexicon("qaa", LexiconRow(embedded="en", lexifier=True), tables)
    assert creole.find("win") is None
    assert creole.find("pikin") == ("child",)
