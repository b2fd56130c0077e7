"""Questions as they are typed into a search box."""

from __future__ import annotations

import pytest

from robustbench_ir.errors import CardError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.mechanisms.search_box import SearchBox, make_search_box
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.tasks import Query


@pytest.mark.parametrize(
    ("language", "text", "typed"),
    [
        ("en", "Please tell me, who won the World Cup in 1998?", "who won world cup in 1998"),
        ("en", "What is a black hole?", "what is black hole"),
        ("en", "Who sang in The Beatles?", "who sang in the beatles"),  # the article of a name
        ("en", "who won", "who won"),
        ("en", 'Which film, "Alien" (1979), came first?', "which film alien 1979 came first"),
        ("en", "Who left, at 3:30, for Rome?", "who left at 3:30 for rome"),
        ("zh", "在北京，谁写了《红楼梦》？", "在北京 谁写了 红楼梦"),
        ("en", "Do you know?", "do you know"),
        ("en", "Is example.com/A down?", "is example.com/A down"),
        ("es", "¿Quién escribió el Quijote?", "quién escribió quijote"),
        ("es", "¿Dónde está Los Ángeles?", "dónde está los ángeles"),
        ("es", "¿Por favor, dime cuándo nació Borges?", "cuándo nació borges"),
        ("de", "Wann wurde der Berliner Dom gebaut?", "wann wurde berliner dom gebaut"),
        ("fr", "Où se trouve la tour Eiffel ?", "où se trouve tour eiffel"),
        ("el", "Πού είναι η Αθήνα;", "πού είναι αθήνα"),
        ("tr", "İstanbul nerede?", "istanbul nerede"),
        ("ru", "Скажите, пожалуйста, кто такой Пушкин?", "кто такой пушкин"),
        ("hi", "कृपया बताइए भारत की राजधानी क्या है?", "भारत की राजधानी क्या है"),
        ("ar", "من فضلك، أخبرني ما هي عاصمة مصر؟", "ما هي عاصمة مصر"),
        ("zh", "请问中国的首都在哪里？", "中国的首都在哪里"),
        ("hy", "Որտե՞ղ է ծնվել Չարենցը", "որտեղ է ծնվել չարենցը"),
        ("am", "የኢትዮጵያ ዋና ከተማ ማን ናት፧", "የኢትዮጵያ ዋና ከተማ ማን ናት"),
        ("ka", "სად არის თბილისი?", "სად არის თბილისი"),
        ("my", "မြန်မာနိုင်ငံ မြို့တော် ဘယ်မှာလဲ။", "မြန်မာနိုင်ငံ မြို့တော် ဘယ်မှာလဲ"),
    ],
)
def test_a_question_in_a_search_box(language: str, text: str, typed: str) -> None:
    assert load_recipe("search-box").perturb([Query("q", language, text, "q")], 5, 0)[0].text == typed


STEPS = {
    "en": (
        'Please tell me, who is the author of "Dune"?',
        'Please tell me, who is the author of "Dune"',
        'please tell me, who is the author of "dune"',
        "please tell me who is the author of dune",
        "who is the author of dune",
        "who is author of dune",
    ),
    "es": (
        "¿Por favor, dime quién escribió el Quijote?",
        "Por favor, dime quién escribió el Quijote",
        "por favor, dime quién escribió el quijote",
        "por favor dime quién escribió el quijote",
        "quién escribió el quijote",
        "quién escribió quijote",
    ),
}


@pytest.mark.parametrize("language", STEPS)
def test_each_severity_adds_a_habit(language: str) -> None:
    query = Query("q", language, STEPS[language][0], "q")
    made = [load_recipe("search-box").perturb([query], severity, 0)[0].text for severity in range(6)]
    assert made == list(STEPS[language])


def test_a_card_may_order_the_habits_otherwise() -> None:
    habits = ["lower-case", "question-marks", "articles", "openings", "punctuation"]
    mechanism = make_search_box("en", {"habits": habits}, {"articles": "a"}, SHIPPED)
    assert isinstance(mechanism, SearchBox)
    made = mechanism.at_severity(1)
    text = "What is a Cat?"
    spans, rewrite, _ = made.targets(text, [(0, 4), (5, 7), (8, 9), (10, 13)], generator("any"))
    assert [rewrite(text[slice(*span)], generator("any")) for span in spans] == [("what is a cat?", "search box")]


@pytest.mark.parametrize(
    ("habits", "message"),
    [
        (["lower-case"], "key 'habits': List should have at least 5 items"),
        (["lower-case"] * 4 + ["lower"], "key 'habits.4'"),
    ],
)
def test_a_faulty_card_is_refused(habits: list[str], message: str) -> None:
    with pytest.raises(CardError, match=message):
        make_search_box("en", {"habits": habits}, {}, SHIPPED)
