"""The contract of the recipes for every language that has a row, on the Universal Declaration of Human Rights."""

from __future__ import annotations

from pathlib import Path

import pytest

from robustbench_ir.perturb import coverage, load_recipe
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import load_task
from tests.support.recipes import NEWS, OWN, UDHR, covered, keeps_the_contract, queries_of

FEW = {
    "diacritics": 0,
    "synonym": 0.02,
    "code-switching": 0.05,
    "code-switching-mixed": 0.05,
    "homoglyph": 0.3,
    "encoding": 0.05,
    "misspelling": 0.5,
    "ocr": 0.5,  # at severity 3, six characters of a hundred
    "orthography": 0.02,  # the lists are small
    "search-box": 0,  # the Declaration asks no questions, and many scripts have no capitals
    "transliteration": 0.05,
    "wrong-layout": 0.7,
}
"""Share of queries that a recipe changes at least in every language that it covers; 0.9 for the others."""


READ = sorted(code for code, row in load_recipe("synonym").card.languages.items() if row.get("read"))
SYNONYMS_OF_QUESTIONS = {("synonym", code) for code in ("th", *READ)}
"""Their few pairs are words of questions or of the news, and hardly any is in the Declaration."""


def test_every_language_has_text_to_be_tested_on() -> None:
    assert set(UDHR).isdisjoint(OWN)
    assert set(NEWS).isdisjoint({*UDHR, *OWN})
    assert {*UDHR, *OWN, *NEWS} == set(languages())


@pytest.mark.parametrize("language", READ)
def test_pairs_that_were_read_change_the_news(language: str, shared_data: Path) -> None:
    del shared_data
    queries = [one for one in load_task("ntrex", [language, "en"]).queries if one.language == language][::4]
    assert coverage(keeps_the_contract(load_recipe("synonym"), queries)) >= 0.03


@pytest.mark.parametrize(("name", "language"), covered(languages()))
def test_contract(name: str, language: str, shared_data: Path) -> None:
    perturbed = keeps_the_contract(load_recipe(name), queries_of(shared_data, language))
    if (name, language) not in SYNONYMS_OF_QUESTIONS:
        assert coverage(perturbed) >= FEW.get(name, 0.9)
    if name == "typo":
        assert coverage(perturbed) == 1
