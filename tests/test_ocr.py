"""Text as it is read from a scan, with small tables whose rates are known."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from robustbench_ir._base.edit_distance import edit_distance
from robustbench_ir.errors import CardError
from robustbench_ir.perturb import Recipe, load_recipe
from robustbench_ir.perturb.mechanisms.scanning import confusions
from robustbench_ir.tasks import Query, load_task

SHARES = (0.01, 0.03, 0.06, 0.1, 0.2)


def recipe_with(folder: Path, table: str) -> Recipe:
    """Return the recipe with a table of one's own for English."""
    (folder / "attacks" / "ocr").mkdir(parents=True)
    (folder / "attacks" / "ocr" / "en.toml").write_text(f'title = "x"\nsource = "x"\n{table}', encoding="utf-8")
    return load_recipe("ocr", folder)


def read(recipe: Recipe, text: str, severity: int = 5, seeds: int = 1) -> list[str]:
    return [recipe.perturb([Query("1", "en", text, "1")], severity, seed)[0].text for seed in range(seeds)]


@pytest.mark.parametrize(("severity", "share"), list(enumerate(SHARES, start=1)))
def test_a_severity_is_the_share_of_characters_that_are_wrong(tmp_path: Path, severity: int, share: float) -> None:
    recipe = recipe_with(tmp_path, '[measured]\n"a" = { "o" = 5 }\n')
    assert [text.count("o") for text in read(recipe, "a" * 1000, severity)] == [round(1000 * share)]
    # Of a text in which that is no whole number, the mean over seeds.
    counts = [text.count("o") for text in read(recipe, "a" * 25, severity, seeds=800)]
    assert set(counts) <= {int(25 * share), int(25 * share) + 1}
    assert sum(counts) / len(counts) == pytest.approx(25 * share, abs=0.06)


def test_what_adds_a_letter_counts_as_two(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, '[measured]\n"m" = { "rn" = 5 }\n')
    (text,) = read(recipe, "m" * 1000)
    assert text.count("rn") == 100


def test_the_real_table_keeps_the_share_too() -> None:
    """Over the passages of `mini`, by an edit distance that has nothing to do with the tables."""
    texts = [Query(one.passage_id, one.language, one.text, "") for one in load_task("mini", ["en"]).passages]
    recipe = load_recipe("ocr")
    for severity, share in enumerate(SHARES, start=1):
        pairs = [(one.clean, one.text) for seed in range(4) for one in recipe.perturb(texts, severity, seed)]
        wrong = sum(edit_distance(*pair) for pair in pairs) / sum(len(clean) for clean, _ in pairs)
        assert wrong == pytest.approx(share, rel=0.15)


def test_likely_misreadings_come_in_proportion(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, '[measured]\n"a" = { "o" = 30, "e" = 10 }\n"n" = { "u" = 10 }\n')
    found = Counter("".join(read(recipe, "an" * 50, 1, seeds=2000)).translate(str.maketrans("", "", "an")))
    total = sum(found.values())
    assert total == 2000
    assert found["o"] / total == pytest.approx(30 / 50, abs=0.04)
    assert found["e"] / total == pytest.approx(10 / 50, abs=0.04)
    assert found["u"] / total == pytest.approx(10 / 50, abs=0.04)


def test_estimates_count_where_nothing_was_measured(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, '[measured]\n"a" = { "o" = 5 }\n[estimated]\n"a" = { "o" = 9999, "e" = 5 }\n')
    found = Counter(read(recipe, "a" * 500)[0])
    assert found["e"] == pytest.approx(50, abs=20)


@pytest.mark.parametrize(
    ("table", "text", "expected"),
    [
        ("split = 1\n", "river", {"r iver", "ri ver", "riv er", "rive r", "river"}),
        ("marks = 1\n", "mẹ́ta odò", {"meta odò", "mẹ́ta odo", "meta odo"}),
        ('[measured]\n" " = { "" = 1 }\n', "a new river", {"anewriver"}),
        ("hyphen = 1\n", "information", {"infor-mation", "infor- mation", "informa-tion", "informa- tion"}),
        # Other people's words are too short, or no words.
        ("hyphen = 1\n", "short words 12345678", {"short words 12345678"}),
        ("split = 1\n", "a1 b2", {"a1 b2"}),
        ('[measured]\n"i" = { "" = 1 }\n', "iii", {"iii"}),
    ],
)
def test_kinds_of_errors(tmp_path: Path, table: str, text: str, expected: set[str]) -> None:
    found = set(read(recipe_with(tmp_path, table), text, 5, seeds=200))
    assert found <= {*expected, text}
    assert found & expected


def test_no_sign_loses_its_letter(tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, '[measured]\n"न" = { "" = 5, "म" = 5 }\n')
    for text in read(recipe, "नि नो ना न", 5, seeds=60):
        assert not any(unicodedata.category(word[0])[0] == "M" for word in text.split())


def test_a_table_with_a_fault_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"key 'measured\.a': it must be NFC"):
        read(recipe_with(tmp_path, '[measured]\n"a" = { "a" = 1 }\n'), "aaaa")


def test_every_table_says_where_it_is_from() -> None:
    recipe = load_recipe("ocr")
    tables = {row["table"] for row in recipe.card.languages.values()}
    assert tables == {one.stem for one in (Path(__file__).parents[1] / "attacks" / "ocr").iterdir()}
    for name in tables:
        assert "tools/ocr_confusions.py" in confusions(str(name), recipe.tables).source
