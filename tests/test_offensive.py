"""No substitute is offensive."""

from __future__ import annotations

from pathlib import Path

import pytest

from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.lexicons.offensive import is_offensive, offensive_words, without_offensive
from robustbench_ir.perturb.mechanisms.substitution import LexiconSubstitution, lexicon_rows
from robustbench_ir.resources.cards import tables_of

RECIPES = ("code-switching", "synonym")
ROWS = [
    (name, language, place)
    for name in RECIPES
    for language, options in load_recipe(name).card.languages.items()
    for place, _ in enumerate(lexicon_rows(language, options))
]


def test_coarse_words_are_listed() -> None:
    # Read off the source's own lists, and off the edits that a reader of docs/lexicons.md would object to.
    assert {"fuck", "bitch", "cocksucker"} <= offensive_words("en")
    assert {"penes", "pene", "mierda"} <= offensive_words("es")
    assert {"хуй", "сука"} <= offensive_words("ru")
    assert not {"house", "cardsharp", "tahúr", "casa"} & (offensive_words("en") | offensive_words("es"))
    assert offensive_words("xx") == frozenset()


def test_a_phrase_with_an_offensive_word_is_offensive() -> None:
    assert is_offensive("Big Ass", {"ass"})
    assert not is_offensive("assassin", {"ass"})
    assert is_offensive("son of a bitch", {"son of a bitch"})


def test_entries_stay_and_substitutes_go() -> None:
    lexicon = {"ass": ("burro", "culo"), "shit": ("mierda",), "house": ("casa",)}
    assert without_offensive(lexicon, {"culo", "mierda", "house"}) == {"ass": ("burro",), "house": ("casa",)}


def test_a_folder_of_cards_adds_words(tmp_path: Path) -> None:
    folder = tmp_path / "attacks" / "lexicons" / "offensive"
    folder.mkdir(parents=True)
    (folder / "en.txt").write_text("# ours\nHouse\n", encoding="utf-8")
    assert {"house", "fuck"} <= offensive_words("en", tables_of(tmp_path))


@pytest.mark.parametrize(("name", "language", "place"), ROWS)
def test_no_compiled_lexicon_has_an_offensive_substitute(
    name: str, language: str, place: int, shared_data: Path
) -> None:
    recipe = load_recipe(name)
    transformation = recipe.transformation(language)
    assert isinstance(transformation, LexiconSubstitution)
    row = lexicon_rows(language, recipe.card.languages[language])[place]
    offensive = offensive_words(row.embedded or language)
    for lexicon in transformation.lexicons[place]:
        forms = (line.split("\t")[1:] for line in lexicon.forms.decode().splitlines())
        substitutes = {one for others in (*lexicon.entries.values(), *forms) for one in others}
        assert substitutes
        assert sorted(one for one in substitutes if is_offensive(one, offensive)) == []
