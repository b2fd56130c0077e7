"""Look-up by every spelling of a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import CardError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.lexicons.inflection import Inflection
from robustbench_ir.perturb.lexicons.store import Lexicon, as_lines, compiled_lexicon, loosely_spelt, respelt
from robustbench_ir.perturb.spelling import AS_WRITTEN, spelling, spelling_fold
from robustbench_ir.resources.cards import SHIPPED, tables_of
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Query

# Pairs of public bug reports: two spellings of one word, the second as people type it.
PAIRS = [
    *(("ar", *pair.split("/")) for pair in ("مدرسة/مدرسه", "أرض/ارض", "مدينة/مَدِينَة", "كتاب/ﻛﺘﺎﺏ")),
    *(("fa", *pair.split("/")) for pair in ("کتاب/كتاب", "می‌روم/میروم")),
    *(("ur", *pair.split("/")) for pair in ("کتاب/كتاب", "ہاتھ/هاته")),
    ("ckb", "کتێب", "كتێب"),
    *(("hi", *pair.split("/")) for pair in ("हिन्दी/हिंदी", "फ़िल्म/फिल्म", "पाँच/पांच")),
    *(("th", *pair.split("/")) for pair in ("น้ำ/นํ้า", "แม่น้ำ/เเม่น้ำ")),
    *(("ru", *pair.split("/")) for pair in ("самолёт/самолет", "чёрный/черный")),
    *(("de", *pair.split("/")) for pair in ("größer/groesser", "Straße/Strasse")),
    ("es", "educación", "educacion"),
    ("fr", "école", "ecole"),
    *(("tr", *pair.split("/")) for pair in ("şehir/sehir", "ışık/IŞIK")),
    *(("el", *pair.split("/")) for pair in ("πόλη/πολη", "άνθρωπος/ΑΝΘΡΩΠΟΣ")),
    ("zh", "学校", "學校"),
    ("my", "မြို့", "ၿမိဳ႕"),
    ("kk", "қала", "кала"),
    ("vi", "hòa bình", "hoà bình"),
]
# Rules whose words today's lexicons lack, or that leave function words alone.
FOLDED = [
    ("ru", "ещё", "ЕЩЕ"),
    ("am", "ሐኪም", "ሀኪም"),
    ("am", "ዓለም", "አለም"),
    ("ti", "ፀሓይ", "ጸሓይ"),
    ("ml", "എന്‍", "എൻ"),
    ("bn", "উত্‍সব", "উৎসব"),
    ("yo", "orúkọ", "oruko"),
    ("ha", "ƙasar", "kasar"),
    ("tr", "İSTANBUL", "istanbul"),
    ("lo", "ນ້ຳ", "ນໍ້າ"),
    ("km", "ផ្ដើម", "ផ្តើម"),
    ("te", "అందం", "అన్దం"),
    ("ja", "カメラ", "ｶﾒﾗ"),
    ("uz", "oʻzbek", "o'zbek"),
    ("el", "λόγος", "ΛΟΓΟΣ"),
    ("hy", "և", "եւ"),
    ("fr", "cœur", "coeur"),
    ("ckb", "کە", "که‌"),
    ("tw", "afahyɛ", "afahyε"),
]


def switched(language: str, word: str) -> str:
    recipe = load_recipe("code-switching")
    return recipe.perturb([Query("preview", language, word, "preview")], 5, 0)[0].text.lower()


@pytest.mark.parametrize(("language", "usual", "typed"), PAIRS)
def test_both_spellings_are_switched_to_one_word(language: str, usual: str, typed: str, shared_data: Path) -> None:
    one, other = switched(language, usual), switched(language, typed)
    if one == usual.lower():
        assert other == typed.lower(), "a word that the lexicon does not have is left alone in every spelling"
    else:
        assert one == other


@pytest.mark.parametrize(("language", "usual", "typed"), [*PAIRS, *FOLDED])
def test_both_spellings_have_one_key(language: str, usual: str, typed: str) -> None:
    fold = spelling_fold(language)
    assert fold(nfc(usual)) == fold(nfc(typed))


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("ru", "небо", "нёбо"),  # sky, palate
        ("de", "Maße", "Masse"),  # measures, mass
        ("tr", "kıl", "kil"),  # hair, clay
        ("hi", "राज", "राज़"),  # rule, secret
        ("ar", "كرة", "كره"),  # ball, hate
        ("es", "papa", "papá"),  # potato, dad
        ("el", "νόμος", "νομός"),  # law, prefecture
        ("yo", "ilé", "ilẹ̀"),  # house, land
        ("vi", "ma", "mạ"),  # ghost, seedling
    ],
)
def test_other_words_keep_their_own_spelling(language: str, one: str, other: str) -> None:
    spelt = spelling(language)
    assert spelt.same(nfc(one)) != spelt.same(nfc(other))


def found(language: str, entries: dict[str, tuple[str, ...]], word: str) -> tuple[str, ...]:
    spelt = spelling(language)
    kept = respelt(entries, spelt)
    return Lexicon(kept, spelling=spelt, loose=as_lines(loosely_spelt(kept, {}, spelt))).find(word) or ()


def test_the_exact_spelling_comes_first_and_a_loose_one_must_have_one_reading() -> None:
    spanish = {"papa": ("potato",), "papá": ("dad",), "médico": ("doctor",), "público": ("public",)}
    assert found("es", spanish, "papa") == ("potato",)
    assert found("es", spanish, "papá") == ("dad",)
    assert found("es", spanish, "Pàpa") == (), "it may be either"
    assert found("es", spanish, "medico") == ("doctor",)
    greek = {"νόμος": ("law",), "νομός": ("prefecture",), "πόλη": ("city", "town"), "πολή": ("town",)}
    assert found("el", greek, "ΝΟΜΟΣ") == ()
    assert found("el", greek, "πολη") == ("town",), "what both mean"


def test_a_full_spelling_is_preferred_where_the_rules_say_so() -> None:
    assert found("ru", {"черный": ("sable",), "чёрный": ("black",)}, "черный") == ("black",)
    assert found("ar", {"كتب": ("write",), "كُتُب": ("books",)}, "كُتُب") == ("write",)


def test_short_words_of_tonal_languages_are_looked_up_exactly() -> None:
    assert found("yo", {"ilé": ("house",)}, "ile") == ()
    assert found("yo", {"orúkọ": ("name",)}, "oruko") == ("name",)


def test_forms_have_loose_spellings_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path))
    compiled = compiled_lexicon(
        {}, Inflection(), lambda: ({"école": ("school",)}, {"écoles": ("schools",)}), spelling("fr")
    )
    assert compiled.find("ecoles") == ("schools",)
    assert compiled.find("ECOLE") == ("school",)
    other = compiled_lexicon({}, Inflection(), lambda: ({"école": ("school",)}, {}), AS_WRITTEN)
    assert other.find("ecole") is None, "other rules, another file"


def test_proclitics_are_removed_from_a_loose_spelling() -> None:
    spelt = spelling("ar")
    entries = respelt({"أرض": ("land",)}, spelt)
    lexicon = Lexicon(
        entries, rules=Inflection(proclitics=["ال"]), spelling=spelt, loose=as_lines(loosely_spelt(entries, {}, spelt))
    )
    assert lexicon.find("الارض") == ("land",)


@pytest.mark.parametrize("language", languages())
def test_every_row_can_be_read_and_folding_twice_changes_nothing(language: str) -> None:
    spelt = spelling(language)
    for word in ("Ab’c", "٣ كتاب", "हिन्दी", "größer", "İıIi", "ፀሓይ"):
        same = spelt.same(word)
        assert spelt.same(same) == same
        assert spelt.loosened(spelt.loosened(same)) in ("", spelt.loosened(same))


def test_zawgyi_words_are_switched_whole_or_not_at_all(shared_data: Path) -> None:
    assert switched("my", "ျမန္မာႏိုင္ငံ ၿမိဳ႕").endswith(switched("my", "ၿမိဳ႕"))
    assert switched("my", "ျမန္မာႏိုင္ငံၿမိဳ႕") == "ျမန္မာႏိုင္ငံၿမိဳ႕"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("xx = { letters = 3 }", r"_spelling\.toml: \[xx\]"),
        ('xx = { sequences = { "(" = "" } }', "not a regular expression"),
        ('xx = { leters = { "a" = "b" } }', "leters"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "_spelling.toml").write_text(row, encoding="utf-8")
    with pytest.raises(CardError, match=message):
        spelling("xx", tables_of(tmp_path))


def test_all_rows_belong_to_a_script_or_a_language() -> None:
    scripts = {facts.script for facts in languages().values()} | {"Zyyy"}
    # Portuguese and Italian queries come with a user's own lexicon.
    assert set(SHIPPED.rows("_spelling.toml")) <= scripts | set(languages()) | {"pt", "it"}
