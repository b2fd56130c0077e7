"""Which row of `attacks/_languages.toml` a language tag takes."""

from __future__ import annotations

import pytest

from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.resources.languages import language_and_script, language_code, languages, select_languages


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("swh_Latn", "sw"),
        ("hin_Deva", "hi"),
        ("uz-Cyrl", "uz-Cyrl"),
        ("uzn_Cyrl", "uz-Cyrl"),
        ("sr-Latn", "sr-Latn"),
        ("srp_Cyrl", "sr"),
        ("pa-Arab", "pa-Arab"),
        ("pa-PK", "pa-Arab"),  # CLDR, likely subtags: pa-PK is pa-Arab
        ("pa", "pa"),
        ("zh-TW", "zh"),
        ("jpn_Hira", "ja"),
    ],
)
def test_a_tag_takes_the_row_of_its_script(tag: str, code: str) -> None:
    assert language_code(tag) == code


@pytest.mark.parametrize(
    ("tag", "code"),
    [("arz", "ar"), ("ary", "ar"), ("apc", "ar"), ("arb", "ar"), ("arz_Arab", "ar"), ("prs", "fa"), ("pnb", "pa-Arab")],
)
def test_a_variety_takes_the_row_of_its_language(tag: str, code: str) -> None:
    assert language_code(tag) == language_and_script(tag) == code


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("hi-Latn", r"^hi in Latin script has no row .*, where hi is in Devanagari script; add a row hi-Latn .*$"),
        ("kaz_Latn", r"^kk in Latin script has no row .*, where kk is in Cyrillic script; add a row kk-Latn .*$"),
        ("arz-Latn", r"^ar in Latin script has no row .*, where ar is in Arabic script; add a row ar-Latn .*$"),
    ],
)
def test_a_script_without_a_row_is_refused_in_one_line(tag: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        language_code(tag)


def test_a_language_of_a_task_is_chosen_with_its_script() -> None:
    assert select_languages(["uzn_Cyrl"], ["uz", "uz-Cyrl"]) == ["uz-Cyrl"]
    assert select_languages(["hin_Latn"], ["hi", "hi-Latn"]) == ["hi-Latn"], "a task may have what no recipe covers"
    assert select_languages(["arz"], ["ar", "en"]) == ["ar"]
    with pytest.raises(OptionError, match=r"^hi in Latin script has no row"):
        select_languages(["hi-Latn"], ["en", "hi"])
    with pytest.raises(UnknownNameError, match=r"unknown language 'uz-Cyrl'"):
        select_languages(["uz-Cyrl"], ["uz", "en"])
    with pytest.raises(UnknownNameError, match=r"unknown language 'hi-Latn'"):
        select_languages(["hi-Latn"], ["en"])


def test_varieties_belong_to_one_row_and_have_none_of_their_own() -> None:
    varieties = [variety for one in languages().values() for variety in one.varieties]
    assert len(varieties) == len(set(varieties))
    assert languages().keys().isdisjoint(varieties)


def test_at_least_85_languages_have_a_row_and_are_typed_on_a_keyboard() -> None:
    assert len(languages()) >= 85
    assert len(load_recipe("slip").card.languages) >= 85


@pytest.mark.parametrize(
    ("language", "resource_class"),  # lang2tax.txt of Joshi et al. 2020
    [("pt", 4), ("pl", 4), ("cs", 4), ("sr", 4), ("uk", 3), ("he", 3), ("ht", 2), ("yue", 1), ("ve", 1)],
)
def test_resource_classes_are_those_of_joshi(language: str, resource_class: int) -> None:
    assert languages()[language].resource_class == resource_class
