"""The audit of a recipe counts its edits and asks human translations about them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import Edit, Perturbation, unchanged
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.reports.edit_audit import audit_edits, audits_to_csv, audits_to_html
from robustbench_ir.resources.cards import SHIPPED, Tables
from robustbench_ir.tasks import Passage, Query, Task, build_task

QUESTIONS = {
    "es": ("¿En qué año nació Marie Curie?", "¿Quién descubrió el radio?", "¿Cuántos años vivió?"),
    "en": ("In which year was Marie Curie born?", "Who discovered radium?", "For how many years did she live?"),
}
WORDS = {
    "año": "year",
    "nació": "she was born",
    "Curie": "priest",
    "descubrió": "invented",
    "años": "=years",
    "el": "the",
}


@dataclass(frozen=True)
class Dictionary:
    """A recipe that replaces the words of a dictionary, and says what it mixes in."""

    name: str = "dictionary"
    identity: str = "dictionary@1"
    into: tuple[str, ...] = field(default=("en",))
    tables: Tables = SHIPPED

    @property
    def card(self) -> SimpleNamespace:
        return SimpleNamespace(languages={"es": {"embedded": "en", "lexicons": ["mini/es-en"]}})

    def covers(self, language: str) -> bool:
        return language == "es"

    def reason_not_covered(self, language: str) -> str:
        return f"no dictionary of {language}"

    def kinds(self, languages: Iterable[str]) -> dict[str, KindOfChange]:
        return {language: KindOfChange("embedded", self.into) for language in languages}

    def perturb(self, queries: Sequence[Query], severity: int, seed: int) -> list[Perturbation]:
        del severity, seed
        return [self._switched(query) for query in queries]

    def _switched(self, query: Query) -> Perturbation:
        edits, text, place = [], query.text, 0
        for word in query.text.strip("¿?").split():
            place = query.text.index(word, place)
            if word in WORDS:
                edits.append(Edit((place, place + len(word)), word, WORDS[word], "switch"))
        for edit in reversed(edits):
            text = f"{text[: edit.span[0]]}{edit.after}{text[edit.span[1] :]}"
        return (
            Perturbation(query.query_id, query.text, text, tuple(edits), len(edits))
            if edits
            else unchanged(query.query_id, query.text)
        )


@pytest.fixture(scope="module")
def task() -> Task:
    queries = [
        Query(f"{language}:{number}", language, text, str(number))
        for language, texts in QUESTIONS.items()
        for number, text in enumerate(texts)
    ]
    passages = [Passage(str(number), "en", f"passage {number}") for number in range(3)]
    return build_task("hand", 1, queries, passages, {query.query_id: {query.parallel_id: 1} for query in queries})


def test_edits_are_counted_and_translations_are_asked(task: Task) -> None:
    (found,) = audit_edits(Dictionary(), task, None, 5, 2, 10)  # type: ignore[arg-type]
    assert (found.language, found.queries, found.changed, found.edits) == ("es", 6, 6, 12)
    counted = {edit.before: edit for edit in found.frequent}
    assert {edit.count for edit in found.frequent} == {2}
    # "born" stands in the translation; "year" does, and "years" by its dictionary form; the others do not.
    agreeing = {before for before, edit in counted.items() if edit.agreeing == edit.judged}
    assert agreeing == {"año", "nació", "años"}
    assert found.agreement == pytest.approx(6 / 12)
    assert counted["el"].function_word
    assert found.function_words == 2
    assert counted["Curie"].name
    assert found.names == 2
    assert counted["año"].examples[0] == (QUESTIONS["es"][0], "¿En qué year she was born Marie priest?")


def test_without_a_translation_nothing_is_judged(task: Task) -> None:
    (found,) = audit_edits(Dictionary(into=("fr",)), task, ["es"], 5, 1, 2)  # type: ignore[arg-type]
    assert (found.judged, len(found.frequent)) == (0, 2)
    assert str(found.agreement) == "nan"
    with pytest.raises(OptionError, match=r"covers none of these languages \(en: no dictionary of en\); name others"):
        audit_edits(Dictionary(), task, ["en"], 5, 1, 2)  # type: ignore[arg-type]


def test_a_cell_that_a_spreadsheet_would_calculate_gets_an_apostrophe(task: Task) -> None:
    rows = list(csv.DictReader(io.StringIO(audits_to_csv(audit_edits(Dictionary(), task, None, 5, 1, 10)))))  # type: ignore[arg-type]
    assert "'=years" in {row["after"] for row in rows}


def test_the_command_prints_tables_and_writes_files(tmp_path: Path) -> None:
    shown = CliRunner().invoke(irbench, ["audit", "code-switching", "--languages", "sw", "--top", "3"])
    assert shown.exit_code == 0, shown.output
    assert "Swahili: " in shown.output
    assert "agreement " in " ".join(shown.output.split())
    out = tmp_path / "audit.json"
    words = [
        "audit",
        "typo",
        "--languages",
        "sw,en",
        "--top",
        "4",
        "--seeds",
        "2",
        "--format",
        "json",
        "--out",
        str(out),
    ]
    assert CliRunner().invoke(irbench, words).exit_code == 0
    audits = json.loads(out.read_text(encoding="utf-8"))
    assert [one["language"] for one in audits] == ["sw", "en"]
    task = rb.load_task("mini", ["en"])
    sets = [rb.load_recipe("typo").perturb(task.queries, 5, seed) for seed in range(2)]
    assert audits[1]["edits"] == sum(len(one.edits) for perturbed in sets for one in perturbed)
    assert audits[1]["agreement"] is None
    refused = CliRunner().invoke(irbench, ["audit", "typo", "--out", str(out)])
    assert "a file needs a format" in str(refused.exception)


def test_a_page_shows_where_a_pair_is_from_and_escapes_what_queries_hold(shared_data: Path) -> None:
    texts = {"es": "¿Qué <b>escuela</b> es?", "en": "Which <b>school</b> is it?"}
    queries = [Query(code, code, text, "0") for code, text in texts.items()]
    judged = {query.query_id: {"p": 1} for query in queries}
    task = build_task("hand", 1, queries, [Passage("p", "en", "a school")], judged)
    recipe = rb.load_recipe("code-switching")
    (found,) = audit_edits(recipe, task, ["es"], 5, 1, 10)
    (edit,) = found.frequent
    assert (edit.before, edit.after, edit.offensive) == ("escuela", "school", False)
    assert {"gatitos/es-en", "omw-wikt/es + wordnet/en"} <= set(edit.sources)
    page = audits_to_html([found])
    assert "gatitos/es-en" in page
    assert "&lt;b&gt;escuela&lt;/b&gt;" in page
    assert "<b>" not in page
