"""The contract of the recipes for every language that has a row, on the Universal Declaration of Human Rights."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from pathlib import Path

import pytest

from robustbench_ir.languages import languages
from robustbench_ir.perturb import coverage, load_recipe, recipe_names
from robustbench_ir.perturb.keyboards import key_places, neighbours
from robustbench_ir.tasks import Query
from robustbench_ir.text import nfc, word_spans
from tests.test_perturb import keeps_the_contract, skip_without_model

UDHR = {
    "am": "amh", "ar": "arb", "bem": "bem", "bn": "ben", "de": "deu_1996", "el": "ell_monotonic", "en": "eng",
    "es": "spa", "fa": "pes_1", "fi": "fin", "fon": "fon", "fr": "fra", "ha": "hau_NG", "hi": "hin", "hy": "hye",
    "id": "ind", "ig": "ibo", "ja": "jpn", "ka": "kat", "kk": "kaz", "km": "khm", "ko": "kor", "lo": "lao",
    "my": "mya", "ne": "nep", "ru": "rus", "rw": "kin", "si": "sin", "so": "som", "sw": "swh", "ta": "tam",
    "te": "tel", "th": "tha", "tr": "tur", "tw": "aka_asante", "ur": "urd", "uz": "uzn_latn", "vi": "vie",
    "wo": "wol", "yo": "yor", "zh": "cmn_hans", "zu": "zul",
}  # fmt: skip
LAYOUTS_OF_XKB = (
    "hi",
    "bn",
    "te",
    "ta",
    "ur",
    "ne",
    "si",
    "my",
    "km",
    "th",
    "lo",
    "tr",
    "el",
    "ar",
    "ru",
    "kk",
    "ka",
    "hy",
)
FEW = {
    "diacritics": 0,
    "synonym": 0.02,
    "code-switching": 0.05,
    "code-switching-mixed": 0.05,
    "homoglyph": 0.3,
    "transliteration": 0.05,
    "wrong-layout": 0.8,
}
"""Share of queries that a recipe changes at least in every language that it covers; 0.9 for the others."""


def test_every_language_has_text_to_be_tested_on() -> None:
    assert set(UDHR) == set(languages())


@cache
def queries_of(folder: Path, language: str) -> tuple[Query, ...]:
    """Return the first dozen words of each paragraph."""
    paragraphs = json.loads((folder / "udhr" / f"{UDHR[language]}.json").read_text(encoding="utf-8"))["paragraphs"]
    queries = []
    for number, paragraph in enumerate(paragraphs[:36]):
        text = nfc(paragraph["text"])
        end = word_spans(text, language)[:12][-1][1]
        queries.append(Query(f"{language}:{number}", language, text[:end], str(number)))
    return tuple(queries)


@pytest.mark.parametrize("language", sorted(UDHR))
@pytest.mark.parametrize("name", recipe_names())
def test_contract(name: str, language: str, shared_data: Path) -> None:
    recipe = load_recipe(name)
    if not recipe.covers(language):
        assert recipe.reason_not_covered(language)
        return
    skip_without_model(recipe)
    perturbed = keeps_the_contract(recipe, queries_of(shared_data, language))
    assert coverage(perturbed) >= FEW.get(name, 0.9)
    if name == "typo":
        assert coverage(perturbed) == 1


@pytest.mark.parametrize("layout", LAYOUTS_OF_XKB)
def test_tables_agree_with_debians_keyboards(layout: str, shared_data: Path) -> None:
    """Every letter of the layout stands where Debian's xkb-data has it, and the other way round."""
    rows = json.loads((shared_data / "xkb" / "xkb_layouts.json").read_text(encoding="utf-8"))[layout]
    theirs = {}
    for line, row in enumerate(reversed(rows)):
        for column, key in enumerate(row):
            for character in key[:2]:
                if len(character) == 1 and unicodedata.category(character)[0] in "LM":
                    theirs.setdefault(character, (line, column))
    ours = {one: place[:2] for one, place in key_places(layout).items() if unicodedata.category(one)[0] in "LM"}
    compatibility = {one for one in theirs if "\ufb50" <= one <= "\ufeff"}
    assert ours == {one: place for one, place in theirs.items() if one not in compatibility}


def test_korean_slips_stay_syllables() -> None:
    slips = neighbours("ko")["한"]
    assert {"란", "헌", "함"} <= set(slips), "a neighbour of the lead, of the vowel, of the tail"
    assert all("가" <= syllable <= "힣" for syllable in slips)


def test_japanese_flicks_stay_in_their_alphabet() -> None:
    assert {"き", "く", "あ", "た"} & set(neighbours("ja")["か"])
    assert not any("ァ" <= other <= "ヺ" for other in neighbours("ja")["か"])
