"""Questions as they are typed into a search box."""

from __future__ import annotations

import pytest

from robustbench_ir.perturb import load_recipe
from robustbench_ir.tasks import Query


@pytest.mark.parametrize("severity", [1, 5])
@pytest.mark.parametrize(
    ("language", "text", "typed"),
    [
        ("en", "Please tell me, who won the World Cup in 1998?", "who won world cup in 1998"),
        ("en", "What is a black hole?", "what is black hole"),
        ("en", "Who sang in The Beatles?", "who sang in the beatles"),  # the article of a name
        ("en", "who won", "who won"),
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
def test_a_question_in_a_search_box(language: str, text: str, typed: str, severity: int) -> None:
    assert load_recipe("search-box").perturb([Query("q", language, text, "q")], severity, 0)[0].text == typed
