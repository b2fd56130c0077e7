"""The name in a question survives; capitals that say nothing do not protect."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from robustbench_ir._base.text import word_spans
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.constraints import Constraints, stop_word_test, word_finder
from robustbench_ir.perturb.names import name_finder
from robustbench_ir.tasks import Query

FACTS = tomllib.loads((Path(__file__).parent / "names.toml").read_text(encoding="utf-8"))
PROTECTED = Constraints(protect=["numbers", "addresses", "capitalised", "stop-words"])
RECIPES = ("code-switching", "synonym")


def questions(language: str) -> Iterator[tuple[str, str]]:
    for template in FACTS[language]["templates"]:
        for name in FACTS[language]["names"]:
            yield name, template.format(name)


def names_in(language: str, text: str) -> list[str]:
    spans = word_spans(text, language)
    found = name_finder(language, stop_word_test(language))(text, spans)
    return [text[start:end] for start, end in spans if start in found]


def eligible(language: str, text: str) -> list[str]:
    return [text[start:end] for start, end in word_finder(language, PROTECTED)(text)]


def perturbed(recipe: str, language: str, text: str, seed: int = 0) -> str:
    return load_recipe(recipe).perturb([Query(text, language, text, text)], 5, seed)[0].text


def test_there_are_three_hundred_questions() -> None:
    assert sum(1 for language in FACTS for _ in questions(language)) >= 300
    assert len(FACTS) == 10


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("language", FACTS)
def test_the_name_in_a_question_survives(language: str, recipe: str, shared_data: Path) -> None:
    loaded = load_recipe(recipe)
    asked = list(questions(language))
    queries = [Query(text, language, text, text) for _, text in asked]
    for seed in (0, 1):
        found = loaded.perturb(queries, 5, seed)
        assert [(name, one.text) for (name, _), one in zip(asked, found, strict=True) if name not in one.text] == []
    if recipe == "code-switching":
        assert sum(one.changed for one in found) > len(found) / 2, "the rest of the question is switched"


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Wann wurde Johann Sebastian Bach geboren?", ["Johann", "Sebastian", "Bach"]),
        ("de", "Wer ist der Komponist Hans Zimmer?", ["Hans", "Zimmer"]),
        ("de", "Kohl starb wann?", ["Kohl"]),
        ("de", "Wo lebte Otto von Bismarck?", ["Otto", "Bismarck"]),
        ("de", "Wann starb J. S. Bach?", ["S", "Bach"]),
        ("de", "Die Größe der Stadt", []),
        ("de", "Was frisst der große Wolf im Zimmer?", []),
        ("de", "Wie heißt die Hauptstadt, Menschen fragen das?", []),
        ("en", "Bach was born when?", ["Bach"]),
        ("en", "Barack Obama was born when?", ["Barack", "Obama"]),
        ("en", "Grace's birthday is when?", ["Grace's"]),
        ("en", "The king of which country?", []),
        ("en", "Cities with many people?", []),
        ("en", "Where is The Hague?", ["The", "Hague"]),
        ("tr", "Tesla'nın doğum yeri neresi?", ["Tesla'nın"]),
        ("tr", "Şehir nerede?", []),
        ("en", "Johann Sebastian Bach Carl Philipp", ["Johann", "Sebastian", "Bach", "Carl", "Philipp"]),
        ("zu", "uSihle ungene nini kuKhongolose?", ["uSihle", "kuKhongolose"]),
        ("zu", "Ungowasiphi isizwe uSho Madjozi?", ["uSho", "Madjozi"]),
        ("sn", "Mutungamiri weZimbabwe ndiani?", ["weZimbabwe"]),
        ("en", "is george bush a president", []),
        ("en", "WAS GEORGE BUSH A PRESIDENT", ["GEORGE", "BUSH"]),
        ("hi", "तेमुजिन कौन था", []),
    ],
)
def test_names_are_found_by_their_capitals(language: str, text: str, expected: list[str]) -> None:
    assert names_in(language, text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "WHO WON THE WORLD CUP IN 1998", ["WON", "WORLD", "CUP"]),
        ("en", "SET THE ALARM FOR 12 MINUTES", ["SET", "ALARM", "MINUTES"]),
        ("en", "How Many People Live In The Big City", ["People", "Live", "Big", "City"]),
        ("en", "How Many People Live in the Big City", ["People", "Live", "Big", "City"]),
        ("tr", "BÜYÜK ŞEHİR NEREDE", ["BÜYÜK", "ŞEHİR"]),
        (
            "sn",
            "Varimi Vonetseka neMbeu neZvikwereti zveKurimisa Mbeu",
            ["Varimi", "Vonetseka", "neMbeu", "neZvikwereti", "zveKurimisa", "Mbeu"],
        ),
        ("de", "Wie Viele Menschen Leben In Der Stadt", ["Menschen", "Leben", "Stadt"]),
    ],
)
def test_capitals_of_a_whole_query_say_nothing(language: str, text: str, expected: list[str]) -> None:
    assert eligible(language, text) == expected


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "who won the world cup in 1998"),
        ("en", "set the alarm for 12 minutes"),
        ("en", "how many people live in the big city"),
        ("ru", "кто построил большой дом"),
        ("tr", "büyük şehir nerede"),
    ],
)
def test_capitals_change_as_small_letters_do_and_stay_capitals(
    recipe: str, language: str, text: str, shared_data: Path
) -> None:
    def written(one: str) -> str:
        key = Query("same", language, one, "same")
        return load_recipe(recipe).perturb([key], 5, 0)[0].text

    capitals = text.upper() if language != "tr" else "BÜYÜK ŞEHİR NEREDE"
    assert written(capitals).lower().replace("i̇", "i") == written(text).lower()
    assert written(capitals) == written(capitals).upper()


def test_a_question_in_capitals_is_switched(shared_data: Path) -> None:
    assert perturbed("code-switching", "en", "WHO WON THE WORLD CUP IN 1998") != "WHO WON THE WORLD CUP IN 1998"
    assert perturbed("code-switching", "en", "How Many People Live In The Big City").endswith("Ciudad")
