"""The contract of the recipes for every language that has a row, on the Universal Declaration of Human Rights."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path

import pytest

from robustbench_ir._base.text import nfc, word_spans
from robustbench_ir.perturb import coverage, load_recipe, recipe_names
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Query
from tests.test_perturb import keeps_the_contract, skip_without_model

UDHR = {
    "am": "amh", "ar": "arb", "bem": "bem", "bho": "bho", "bm": "bam", "bn": "ben", "de": "deu_1996", "ee": "ewe",
    "el": "ell_monotonic", "en": "eng", "es": "spa", "fa": "pes_1", "fi": "fin", "fil": "tgl", "fon": "fon",
    "fr": "fra", "gn": "gug", "gu": "guj", "ha": "hau_NG", "hi": "hin", "hy": "hye", "id": "ind", "ig": "ibo",
    "ja": "jpn", "ka": "kat", "kk": "kaz", "km": "khm", "kn": "kan", "ko": "kor", "lg": "lug", "ln": "lin",
    "lo": "lao", "mai": "mai", "ml": "mal_chillus", "mr": "mar", "my": "mya", "ne": "nep", "nso": "nso", "om": "gax",
    "pa": "pan", "ps": "pbu", "ru": "rus", "rw": "kin", "si": "sin", "sn": "sna", "so": "som", "st": "sot",
    "sw": "swh", "ta": "tam", "te": "tel", "th": "tha", "ti": "tir", "tn": "tsn", "tr": "tur", "ts": "tso_ZW",
    "tw": "aka_asante", "ug": "uig_arab", "ur": "urd", "uz": "uzn_latn", "vi": "vie", "wo": "wol", "xh": "xho",
    "yo": "yor", "zh": "cmn_hans", "zu": "zul",
}  # fmt: skip
OWN: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parent / "own_questions.toml").read_text(encoding="utf-8"),
)
"""Questions in the languages that have no Declaration in the shared data."""
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
    assert set(UDHR).isdisjoint(OWN)
    assert {*UDHR, *OWN} == set(languages())


def texts_of(folder: Path, language: str) -> list[str]:
    """Return the paragraphs of the Declaration; five of the Luganda ones are a stray "&1"."""
    if language in OWN:
        return [nfc(question) for question in OWN[language]]
    paragraphs = json.loads((folder / "udhr" / f"{UDHR[language]}.json").read_text(encoding="utf-8"))["paragraphs"]
    return [nfc(one["text"]) for one in paragraphs if any(map(str.isalpha, one["text"]))]


@cache
def queries_of(folder: Path, language: str) -> tuple[Query, ...]:
    """Return the first dozen words of each text."""
    queries = []
    for number, text in enumerate(texts_of(folder, language)[:36]):
        end = word_spans(text, language)[:12][-1][1]
        queries.append(Query(f"{language}:{number}", language, text[:end], str(number)))
    return tuple(queries)


@pytest.mark.parametrize("language", sorted({*UDHR, *OWN}))
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
