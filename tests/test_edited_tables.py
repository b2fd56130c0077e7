"""A table that is edited while Python runs, as in a notebook, is read again: each kind of table, in one process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from robustbench_ir import load_recipe
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.keyboards.layouts import key_places, keyboard, neighbours
from robustbench_ir.perturb.keyboards.typist import keyboard_model
from robustbench_ir.perturb.lexicons.build import merged_bilingual
from robustbench_ir.perturb.lexicons.catalogue import lexicon_source
from robustbench_ir.perturb.lexicons.inflection import inflection
from robustbench_ir.perturb.romanisation import romaniser
from robustbench_ir.resources.cards import Tables, packaged
from robustbench_ir.tasks.task import Query

US = (packaged("attacks") / "keyboards" / "us.toml").read_text(encoding="utf-8")
LEXICON = '["mine"]\nformat = "tsv"\ntable = "lexicons/mine.tsv"\nlicence = "CC0"\nattribution = "me"\n'


def swapped(text: str, one: str, other: str) -> str:
    """Exchange two keys of a keyboard, both cases of each."""
    table = str.maketrans({one: other, other: one, one.upper(): other.upper(), other.upper(): one.upper()})
    head, rows, rest = text.partition("rows = [")
    keys, end, tail = rest.partition("\n]")
    return head + rows + keys.translate(table) + end + tail


@dataclass(frozen=True)
class Edit:
    """A table, what it becomes, and what is read from it."""

    file: str
    before: str
    after: str
    read: Callable[[Tables], object]
    beside: tuple[tuple[str, str], ...] = ()


KEYBOARD = ("keyboards/mine.toml", US, swapped(US, "a", "p"))
ROMANISATION = 'title = "t"\nsource = "s"\nrules = "а > {};"\n'
EDITS = {
    "keyboard": Edit(*KEYBOARD, lambda tables: keyboard("mine", tables).rows),
    "neighbours": Edit(*KEYBOARD, lambda tables: neighbours("mine", tables)["a"]),
    "places of keys": Edit(*KEYBOARD, lambda tables: key_places("mine", tables)["a"]),
    "typist": Edit(*KEYBOARD, lambda tables: sorted(keyboard_model("mine", tables).instead("a"))),
    "romanisation": Edit(
        "romanisation/mine.toml",
        ROMANISATION.format("a"),
        ROMANISATION.format("o"),
        lambda tables: romaniser("mine", tables)("а").texts,
    ),
    "stop words": Edit("_stop_words.toml", 'en = "one"', 'en = "two"', lambda tables: stop_words("en", tables)),
    "inflection": Edit(
        "_inflection.toml", "en = { beginning = 4 }", "en = { beginning = 5 }", lambda tables: inflection("en", tables)
    ),
    "row of a lexicon": Edit(
        "_lexicons.toml",
        LEXICON,
        LEXICON + 'wrong = ["one"]\n',
        lambda tables: lexicon_source("mine", tables).wrong,
        (("lexicons/mine.tsv", "one\tuno\n"),),
    ),
    "table of a lexicon": Edit(
        "lexicons/mine.tsv",
        "one\tuno\n",
        "one\tdue\n",
        lambda tables: merged_bilingual(["mine"], tables),
        (("_lexicons.toml", LEXICON),),
    ),
}


def write(folder: Path, file: str, text: str) -> None:
    path = folder / "attacks" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_table_is_read_again(name: str, tmp_path: Path) -> None:
    edit = EDITS[name]

    def read() -> object:
        return edit.read(load_recipe("typo", tmp_path).tables)

    for file, text in (*edit.beside, (edit.file, edit.before)):
        write(tmp_path, file, text)
    before = read()
    assert read() == before
    write(tmp_path, edit.file, edit.after)
    assert read() != before
    write(tmp_path, edit.file, edit.before)
    assert read() == before


def test_what_a_recipe_makes_follows_an_edited_keyboard(tmp_path: Path) -> None:
    """Swap two keys in a file, and perturb again in the same process."""
    queries = [Query(str(number), "en", f"a paper about maps, part {number}", str(number)) for number in range(50)]

    def perturbed() -> list[str]:
        return [one.text for one in load_recipe("typo", tmp_path).perturb(queries, 3, 0)]

    write(tmp_path, "keyboards/us.toml", US)
    before = perturbed()
    assert perturbed() == before
    write(tmp_path, "keyboards/us.toml", swapped(US, "a", "p"))
    assert perturbed() != before


def test_a_table_that_only_looks_edited_is_read_again_and_gives_the_same(tmp_path: Path) -> None:
    write(tmp_path, "keyboards/mine.toml", US)
    first = load_recipe("typo", tmp_path).tables
    os.utime(tmp_path / "attacks" / "keyboards" / "mine.toml", (1, 1))
    second = load_recipe("typo", tmp_path).tables
    assert first != second
    assert keyboard("mine", first) == keyboard("mine", second)
