"""Other orthographies of a language, against spellings that were looked up by hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

import robustbench_ir as rb
from robustbench_ir.errors import CardError
from robustbench_ir.tasks import Query
from robustbench_ir.testing import check_recipe


def spellings(text: str, language: str, seeds: Iterable[int] = range(12)) -> set[str]:
    """Return what some seeds make of a text."""
    return {rb.perturb(text, "orthography", language=language, severity=1, seed=seed).text for seed in seeds}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Die Straße ist groß.", {"Die Strasse ist gross."}),
        ("Er wusste, dass der Fluss flussabwärts fließt", {
            "Er wusste, dass der Fluss flussabwärts fliesst",
            "Er wußte, daß der Fluß flußabwärts fließt",
        }),
        ("Ausschuss, Ausschusses, Missverständnis", {"Ausschuß, Ausschusses, Mißverständnis"}),
        ("Das Schloss der Russen in Russland, Nussbaum", {"Das Schloß der Russen in Rußland, Nußbaum"}),
        # What is the same in all of them, and what only looks like one of these words.
        ("Ausstieg, lassen, Flüsse, Passagier, Mussolini, Fassbinder, Interesse", {
            "Ausstieg, lassen, Flüsse, Passagier, Mussolini, Fassbinder, Interesse",
        }),
        ("STRASSE UND FLUSS", {"STRASSE UND FLUSS"}),
    ],
)  # fmt: skip
def test_german(text: str, expected: set[str]) -> None:
    assert spellings(text, "de") == expected


def test_portuguese_is_one_orthography_at_a_time() -> None:
    assert spellings("A ideia econômica do projeto, a informação", "pt") == {
        "A ideia económica do projeto, a informação",
        "A ideia econômica do projecto, a informação",
        "A idéia econômica do projeto, a informação",
    }
    assert spellings("O facto económico", "pt") == {"O fato econômico"}


@pytest.mark.parametrize(
    ("latin", "cyrillic"),
    [
        ("Ljubav i mržnja, džep, Đorđe", "Љубав и мржња, џеп, Ђорђе"),
        ("LJUBLJANA, Njujork, NJEGOŠ", "ЉУБЉАНА, Њујорк, ЊЕГОШ"),
        ("injekcija, konjugacija, nadživeti, odžaliti", "инјекција, конјугација, надживети, оджалити"),
        ("ćao šta čitaš", "ћао шта читаш"),
    ],
)
def test_serbian(latin: str, cyrillic: str) -> None:
    assert spellings(latin, "sr-Latn") == {cyrillic}


def test_serbian_is_the_inverse_of_the_cyrillic_alphabet() -> None:
    """The letters by ICU, from Cyrillic to Latin: back to where it began."""
    import icu

    to_latin = icu.Transliterator.createInstance("Serbian-Latin/BGN").transliterate
    alphabet = "абвгдђежзијклљмнњопрстћуфхцчџш"
    words = " ".join(f"{letter}а" for letter in alphabet)
    assert spellings(to_latin(words), "sr-Latn") == {words}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Wie groß ist der Fluss, und was muss man wissen?"),
        ("pt", "Qual é a ideia do projeto econômico?"),
        ("sr-Latn", "Koliko ljudi živi u Njujorku?"),
    ],
)
def test_contract(language: str, text: str) -> None:
    check_recipe("orthography", [Query("1", language, text, "1")])


def test_a_table_with_a_fault_is_named(tmp_path: Path) -> None:
    (tmp_path / "attacks" / "orthography").mkdir(parents=True)
    table = 'title = "x"\nsource = "x"\n[conventions.a.words]\n"Fluss" = "Fluß"\n'
    (tmp_path / "attacks" / "orthography" / "de.toml").write_text(table, encoding="utf-8")
    with pytest.raises(CardError, match=r"key 'conventions\.a': 'Fluss' must be lower case and spelt otherwise"):
        rb.perturb("Fluss", "orthography", language="de", cards=tmp_path)
