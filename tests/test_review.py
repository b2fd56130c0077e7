"""The review: texts in every language, items that are drawn by a seed, answers of strangers, the audit, the cards."""

from __future__ import annotations

import copy
import csv
import io
import json
import re
import shutil
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner
from click.testing import Result as Answer

from robustbench_ir import attack, load_recipe
from robustbench_ir.cli import irbench
from robustbench_ir.errors import CardError, ResultError, RobustBenchError
from robustbench_ir.perturb import Edit, Perturbation, digest
from robustbench_ir.perturb.reviewed import Reviewed, read_reviews, reviews, reviews_to_toml, write_reviews
from robustbench_ir.reports.notes import notes, review_notes
from robustbench_ir.reports.review.answers import merge_answers, read_answers
from robustbench_ir.reports.review.audit import ALL_RECIPES, AUDIT_FORMATS, Audit, audit, audit_to_html
from robustbench_ir.reports.review.items import LanguageReview, review_items, set_identity
from robustbench_ir.reports.review.pages import review_pages
from robustbench_ir.reports.review.texts import Texts, filled, placeholders, review_texts
from robustbench_ir.reports.shown_queries import cut_at_edits
from robustbench_ir.resources.cards import packaged, tables_of
from tests.support.reviews import EVIL, answers, page, review, write

SIX = tuple(f"swali la {number}" for number in range(6))


def run(*arguments: object) -> Answer:
    return CliRunner().invoke(irbench, ["review", *map(str, arguments)])


# Texts.


def test_the_texts_are_in_eight_languages_and_agree_with_english() -> None:
    found = review_texts()
    assert {"en", "fr", "sw", "ha", "hi", "ar", "es", "pt"} <= found.keys()
    for code, texts in found.items():
        for key, text in vars(texts).items():
            english = getattr(found["en"], key)
            assert text.strip() == text != "", (code, key)
            # The name of the language may be left out where a sentence does without it, as in English.
            assert placeholders(text) - {"language"} == placeholders(english) - {"language"}, (code, key)
            assert placeholders(text) >= placeholders(english), (code, key)
        same = [key for key, text in vars(texts).items() if text == getattr(found["en"], key)]
        assert code == "en" or len(same) <= 1, (code, same)


def test_the_page_uses_every_text_and_no_other() -> None:
    folder = Path(__file__).parents[1] / "robustbench_ir" / "reports" / "review"
    template, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.html.jinja", "review.js"))
    said = set(re.findall(r'data-text="(\w+)"|say\("\w+", "(\w+)"', template))
    used = {one for pair in said for one in pair if one}
    used |= {one for pair in re.findall(r'tell\("[\w-]+", "(\w+)"|say\("(\w+)"', script) for one in pair if one}
    used |= set(re.findall(r'"(finished|recorded)"', script))
    answers_and_levels = {"real", "odd", "never", "real_about", "odd_about", "never_about", "native", "fluent", "some"}
    assert used | answers_and_levels == Texts.model_fields.keys() - {"name"}


def test_a_table_of_texts_with_a_fault_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "attacks").mkdir()
    own = tmp_path / "attacks" / "_review_texts.toml"
    own.write_text('[yo]\nname = "Yorùbá"\n', encoding="utf-8")
    with pytest.raises(CardError, match=r"\[yo\]: key '\w+' is missing"):
        review_texts(tmp_path)
    own.write_text('[xx]\nname = "?"\n', encoding="utf-8")
    with pytest.raises(CardError, match=r"\[xx\] has no row in attacks/_languages.toml"):
        review_texts(tmp_path)


def test_a_user_adds_a_language_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "attacks").mkdir()
    shipped = (packaged("attacks") / "_review_texts.toml").read_text(encoding="utf-8")
    english = shipped[shipped.index("\n[en]\n") : shipped.index("\n[fr]\n")]
    (tmp_path / "attacks" / "_review_texts.toml").write_text(english.replace("[en]", "[yo]"), encoding="utf-8")
    assert review_texts(tmp_path).keys() == {*review_texts(), "yo"}


def test_only_known_words_in_braces_are_filled_in() -> None:
    assert filled("{a} {b.__class__} {c}", {"a": "{c}", "c": 1}) == "{c} {b.__class__} 1"


# Items and pages.


@pytest.fixture(scope="module")
def mini() -> list[LanguageReview]:
    """Items of the task that ships, without any download."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_OFFLINE", "1")
        patch.setenv("ROBUSTBENCH_IR_DATA", "")
        return review_items([load_recipe("typo"), load_recipe("slip")], ["sw", "ar"], 5, 3, 1)


def test_items_are_what_the_recipe_makes_at_this_severity_and_seed(mini: list[LanguageReview]) -> None:
    assert [one.language.code for one in mini] == ["ar", "sw"]
    for one in mini:
        assert Counter(item.recipe.name for item in one.items) == {"typo": 5, "slip": 5}
        assert [item.recipe.name for item in one.items] != sorted(item.recipe.name for item in one.items)
        for item in one.items:
            assert item.perturbation.changed
            assert item.key.digest == digest([item.perturbation])
            assert (item.key.language, item.key.severity, item.key.seed) == (one.language.code, 3, 1)


def test_another_seed_is_another_set_and_the_order_makes_none(mini: list[LanguageReview]) -> None:
    keys = [item.key for item in mini[0].items]
    assert set_identity(keys) == set_identity(reversed(keys)) == mini[0].identity
    assert set_identity(keys[1:]) != mini[0].identity
    assert set_identity([keys[0]._replace(seed=7), *keys[1:]]) != mini[0].identity


def test_a_page_is_whole_small_and_in_the_readers_language(mini: list[LanguageReview]) -> None:
    pages = review_pages(mini, review_texts(), 5)
    assert list(pages) == ["index.html", "ar.html", "sw.html"]
    assert '<html lang="ar" dir="rtl">' in pages["ar.html"]
    assert "Je, watu huandika hivi?" in pages["sw.html"]
    for name, text in pages.items():
        assert len(text) < 150_000
        assert re.findall(r'(?:src|href)="(?!ar\.html|sw\.html)', text) == [], name
        assert "default-src 'none'" in text
    assert pages["index.html"].count("<li>") == 2


def test_a_text_cannot_leave_the_data_of_the_page() -> None:
    text = page(review())
    assert EVIL not in text
    assert text.count("</script>") == 2
    data = json.loads(re.findall(r'id="data">(.*?)</script>', text)[0])
    assert data["items"][2]["key"]["clean"] == EVIL


@pytest.mark.parametrize(
    ("before", "after", "marked"),
    [
        ("Who was the first?", "who was first", ["Who", "the", " ", "first?"]),
        ("to sail", "sail to", [" ", "sail"]),
        ("one", "two", ["one"]),
        ("what is", "vvhat", ["what", " ", "is"]),
    ],
)
def test_of_an_edit_of_several_words_those_that_differ_are_marked(before: str, after: str, marked: list[str]) -> None:
    clean, edit = f"so {before} now", Edit((3, 3 + len(before)), before, after, "rewrite")
    old, new = cut_at_edits(Perturbation("q", clean, f"so {after} now", (edit,), 1))
    assert "".join(piece.text for piece in old) == clean
    assert "".join(piece.text for piece in new) == f"so {after} now"
    assert "".join(piece.text for piece in old if piece.operation) == "".join(marked)


# Answers.


def test_what_a_page_saves_is_read(tmp_path: Path) -> None:
    found = review()
    read = read_answers(write(tmp_path / "a.json", answers(found, "ro.")))
    assert [item.answer for item in read.items] == ["real", "odd", None]
    assert [item.key for item in read.items] == [item.key for item in found.items]


FAULTS = {
    "unknown key": (lambda one: one.update(more=1), r"more: Extra inputs are not permitted"),
    "missing key": (lambda one: one.pop("reviewer"), r"reviewer: Field required"),
    "unknown answer": (lambda one: one["items"][0].update(answer="maybe"), r"items\.0\.answer: Input should be 'real'"),
    "a number for a text": (lambda one: one["items"][0].update(comment=3), r"items\.0\.comment: .*valid string"),
    "a text for a number": (lambda one: one["items"][0].update(severity="3"), r"severity: .*valid integer"),
    "no reviewer": (lambda one: one["reviewer"].update(name=" "), r"the reviewer has no name"),
    "a long name": (lambda one: one["reviewer"].update(name="A" * 81), r"at most 80 characters"),
    "a lone surrogate": (lambda one: one.update(remarks="\ud800"), r"remarks: .*unicode"),
    "another version": (
        lambda one: one.update(schema_version=2),
        r"answers of version 2; this release reads version 1",
    ),
    "another kind": (lambda one: one.update(kind="result"), r"not a file of answers; name what a page"),
    "another text": (lambda one: one["items"][1].update(text="y"), r"the text of item 2 is not the one"),
    "an item of another set": (lambda one: one["items"].pop(), r"the items are not those of the set"),
    "an item twice": (lambda one: one["items"].append(one["items"][0]), r"an item occurs twice"),
    "another language": (lambda one: one["items"][0].update(language="ha"), r"item 1 is of another language"),
    "an unknown language": (lambda one: one.update(language="xx"), r"unknown language xx"),
    "no day": (lambda one: one.update(saved="2026-13-29T10:00:00.000Z"), r"month must be in"),
    "no recipe": (lambda one: one["items"][0].update(recipe="typo"), r"typo"),
    "no items": (lambda one: one.update(items=[]), r"items: .*at least 1 item"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_with_a_fault_is_refused_in_one_line(tmp_path: Path, fault: str) -> None:
    table = copy.deepcopy(answers(review(), "ron"))
    spoil, message = FAULTS[fault]
    spoil(table)  # type: ignore[no-untyped-call]
    path = write(tmp_path / "a.json", table)
    with pytest.raises(ResultError, match=message) as raised:
        read_answers(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_large_file_a_link_and_no_json_are_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    large.write_bytes(b" " * ((8 << 20) + 1))
    with pytest.raises(ResultError, match="a file of answers has at most 8 MiB"):
        read_answers(large)
    link = tmp_path / "link.json"
    link.symlink_to(large)
    with pytest.raises(ResultError, match="not a link"):
        read_answers(link)
    for content in ("[", "[]", "NaN", '{"kind": 1, "kind": 2}', "[" * 100_000):
        large.write_text(content, encoding="utf-8")
        with pytest.raises(ResultError, match="not a file of answers"):
            read_answers(large)


# The audit.


def made(found: LanguageReview, *given: tuple[str, str], level: str = "native") -> Audit:
    files = {f"{name}.json": answers(found, letters, name, level) for name, letters in given}
    read = {name: _as_read(table) for name, table in files.items()}
    return audit(merge_answers(read), [load_recipe(name) for name in ("typo", "slip")])


def _as_read(table: dict[str, object]) -> object:
    from robustbench_ir.reports.review.answers import ReviewAnswers

    return ReviewAnswers.model_validate(table)


def test_the_rows_are_those_of_a_count_by_hand() -> None:
    given = {"A": "rrronn", "B": "rorro.", "C": "rnr..."}
    found = made(review(texts=SIX), *given.items())
    assert [(row.recipe, row.severity) for row in found.rows] == [("slip@2", 3), ("typo@5", 3), (ALL_RECIPES, None)]
    for row, places in zip(found.rows, ([1, 3, 5], [0, 2, 4], range(6)), strict=True):
        items = [[letters[place] for letters in given.values() if letters[place] != "."] for place in places]
        count = Counter(letter for item in items for letter in item)
        assert (row.real, row.odd, row.never) == (count["r"], count["o"], count["n"])
        assert (row.items, row.judgements) == (len(items), count.total())
        pairs = [one == other for item in items for one, other in combinations(item, 2)]
        assert row.agreement == pytest.approx(sum(pairs) / len(pairs))
        assert row.share("real").value == pytest.approx(count["r"] / count.total())
    # By another tool, krippendorff 0.9.0, of the same three lines.
    assert found.rows[-1].alpha == pytest.approx(0.4176223776223775, abs=1e-12)
    assert found.rows[-1].alpha_nominal == pytest.approx(0.08695652173913038, abs=1e-12)
    assert (found.rows[-1].reviewers, found.rows[-1].native) == (3, 3)


def test_one_reviewer_with_two_files_counts_once_and_contradictions_are_told() -> None:
    found = review()
    early = _as_read(answers(found, "rr.", "ab "))
    late = _as_read(answers(found, "r.n", "AB", saved="2026-11-30T10:00:00.000Z"))
    other = _as_read(answers(found, "ror", "AB", saved="2026-12-01T10:00:00.000Z"))
    merged = merge_answers({"2.json": late, "1.json": early})
    assert [one.item.answer for one in merged.judgements] == ["real", "real", "never"]
    assert merged.notes == ("AB (sw): 2 files (1.json, 2.json), each item counted once",)
    assert merged.date == "2026-11-30"
    merged = merge_answers({"1.json": early, "2.json": late, "3.json": other})
    assert [one.item.answer for one in merged.judgements] == ["real", "odd", "real"]
    (note,) = [one for one in merged.notes if "another answer" in one]
    assert note.startswith(
        "AB (sw): 2 items with another answer in an earlier file, the last one counts (x alishinda, x"
    )


def test_reviewers_who_know_little_are_left_out_unless_asked_for() -> None:
    found = review()
    files = {"a.json": _as_read(answers(found, "rrr")), "b.json": _as_read(answers(found, "nnn", "B", "some"))}
    merged = merge_answers(files)
    assert {one.reviewer.name for one in merged.judgements} == {"AB"}
    assert merged.notes == ("B (sw) knows the language less well (some) and is left out; --level some counts them",)
    assert len(merge_answers(files, "some").judgements) == 6
    with pytest.raises(ResultError, match="no reviewer is left"):
        merge_answers({"b.json": files["b.json"]})


def test_another_version_of_a_recipe_is_told() -> None:
    found = review()
    table = answers(found, "rrr")
    table["items"][0]["recipe"] = "typo@1"
    told = audit(merge_answers({"a.json": _as_read(table)}), [load_recipe("typo"), load_recipe("slip")])
    assert told.notes == (
        "typo@1 is no recipe of this release: its items are counted, and say nothing of another version",
    )
    assert "typo@1" in {row.recipe for row in told.rows}


def test_items_that_a_recipe_does_not_make_are_told_on_request(mini: list[LanguageReview]) -> None:
    recipes = [load_recipe("typo"), load_recipe("slip")]
    real = {"a.json": _as_read(answers(mini[1], "ronronrono"))}
    assert audit(merge_answers(real), recipes, verify=True).notes == ()
    invented = {"a.json": _as_read(answers(review(), "ron"))}
    assert audit(merge_answers(invented), recipes, verify=True).notes == (
        "slip@2 does not make 1 of its items",
        "typo@5 does not make 2 of its items",
    )
    (*_, note) = audit(merge_answers(real), recipes[:1], verify=True).notes
    assert note == "5 items of slip@2 cannot be made again here: another version, or lexicons of a task"


def test_the_forms_of_an_audit_agree_and_escape() -> None:
    found = review()
    table = answers(found, "ro.", name="<i>A")
    table["items"][2]["comment"] = "=1+1 <b>"
    table["remarks"] = "<u>"
    told = audit(merge_answers({"a.json": _as_read(table)}), [])
    rows = list(csv.DictReader(io.StringIO(AUDIT_FORMATS["csv"](told))))
    as_json = json.loads(AUDIT_FORMATS["json"](told))
    assert (
        [row["recipe"] for row in rows]
        == [row["recipe"] for row in as_json["rows"]]
        == ["slip@2", "typo@5", ALL_RECIPES]
    )
    assert [float(row["real_share"]) for row in rows] == [row["real_share"] for row in as_json["rows"]] == [0, 1, 0.5]
    assert as_json["rows"][0]["alpha"] is None
    assert as_json["comments"][0]["clean"] == EVIL
    page_of_audit = audit_to_html(told)
    assert EVIL not in page_of_audit
    assert not re.search(r"<(i|b|u)>", page_of_audit)
    assert "&lt;i&gt;A" in page_of_audit


# The command.


def test_pages_are_written_and_answers_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_OFFLINE", "1")
    out = tmp_path / "pages"
    done = run("pages", "--languages", "swahili", "--recipe", "slip", "--items", 2, "--out", out)
    assert done.exit_code == 0, done.output
    assert {one.name for one in out.iterdir()} == {"index.html", "sw.html"}
    assert "2 items in 1 language" in done.output


def test_merge_prints_a_table_that_fits_and_writes_cards(tmp_path: Path) -> None:
    found = review(texts=SIX)
    files = [
        write(tmp_path / f"{name}.json", answers(found, given, name))
        for name, given in (("A", "rrrrrr"), ("B", "rrrron"))
    ]
    (tmp_path / "attacks").mkdir()
    done = run("merge", *files, "--write-cards", tmp_path)
    assert done.exit_code == 0, done.output
    assert re.search(r"^typo@5 +3 +3 +2 +83% 31-98 +17% 2-69 +0% 0-56 +67% +0\.00$", done.output, re.M)
    assert max(len(line) for line in done.output.splitlines() if str(tmp_path) not in line) <= 100
    rows = reviews(tables_of(tmp_path))
    assert {key: (row.reviewers, row.real, row.odd, row.never, row.sources) for key, row in rows.items()} == {
        ("slip@2", "sw", 3): (2, 5, 0, 1, ["A.json", "B.json"]),
        ("typo@5", "sw", 3): (2, 5, 1, 0, ["A.json", "B.json"]),
    }
    shown = CliRunner().invoke(irbench, ["recipes", "--cards", str(tmp_path), "show", "typo"]).output
    shown = " ".join(shown.split())
    assert "reviewed by 2, 83% real of 6 judgements at severity 3; 2 of the reviewers native; 2026-11-29" in shown
    listed = CliRunner().invoke(irbench, ["recipes", "--cards", str(tmp_path)]).output
    assert re.search(r"^typo .* languages, 1 reviewed$", listed, re.M)
    assert re.search(r"^word-order .* languages$", listed, re.M)


def test_a_terminal_obeys_nothing_that_a_reviewer_wrote(tmp_path: Path) -> None:
    hostile = "\x1b[2J\u202e\u2028[red]A"
    table = answers(review(), "ro.", name=hostile)
    table["items"][0]["comment"] = table["remarks"] = hostile
    early = answers(review(), "nnn", name=hostile, saved="2026-11-28T10:00:00.000Z")
    output = run("merge", write(tmp_path / "a.json", table), write(tmp_path / "b.json", early)).output
    assert output.count("[red]A") >= 4
    assert not set(output) & set("\x1b\u202e\u2028")


def test_a_file_needs_a_form_and_errors_are_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", answers(review(), "rrr"))
    for arguments in (["--out", tmp_path / "x"], ["--write-cards", tmp_path], [path]):
        with pytest.raises(RobustBenchError):
            irbench.main(["review", "merge", str(path), *map(str, arguments)], standalone_mode=False)
    done = run("merge", path, "--format", "html", "--out", tmp_path / "x.html")
    assert (tmp_path / "x.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert done.exit_code == 0


# The table of the cards.


def test_no_review_ships_before_somebody_has_reviewed() -> None:
    """What ships is read, and a recipe without a review says nothing of one."""
    assert isinstance(reviews(), dict)
    reviewed = {language for recipe, language, _ in reviews() if recipe == str(load_recipe("typo").identity)}
    shown = CliRunner().invoke(irbench, ["recipes", "show", "typo"]).output
    assert len(re.findall(r"^  reviewed ", shown, re.M)) == len(reviewed)


ROW = {"reviewers": 2, "native": 1, "items": 4, "real": 6, "odd": 1, "never": 1, "date": "2026-11-29", "sources": ["a"]}


def test_the_table_is_written_as_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "attacks").mkdir()
    odd = Reviewed(**{**ROW, "sources": ['a "b" \\ \x7f é.json']})
    first = {("typo@5", "uz-Cyrl", 3): Reviewed(**ROW), ("code-switching@5+xquad-r", "hi", 1): odd}
    write_reviews(tmp_path, first)
    later = {("typo@5", "uz-Cyrl", 3): Reviewed(**{**ROW, "reviewers": 3})}
    path = write_reviews(tmp_path, later)
    assert reviews(tables_of(tmp_path)) == {**first, **later}
    assert path.read_text(encoding="utf-8") == reviews_to_toml({**later, ("code-switching@5+xquad-r", "hi", 1): odd})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"typo@5": {"sw": {"3": ROW}}}, r"severity-1 to severity-5 are needed"),
        ({"typo@5": {"sw": 3}}, r"a table is needed here"),
        ({"typo": {"sw": {"severity-3": ROW}}}, r"typo"),
        ({"typo@5": {"sw": {"severity-3": {**ROW, "more": 1}}}}, r"key 'more' is unknown"),
        ({"typo@5": {"sw": {"severity-3": {**ROW, "date": "soon"}}}}, r"key 'date'"),
    ],
)
def test_a_row_with_a_fault_is_one_line(table: dict[str, object], message: str) -> None:
    with pytest.raises(CardError, match=message):
        read_reviews(table, "attacks/_reviews.toml")


def test_a_review_changes_no_query_and_a_table_of_scores_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_recipe("typo")
    result = attack("char-ngram", languages=["sw"], recipes=["typo"])
    assert review_notes(result) == []
    shutil.copytree(str(packaged("attacks")), tmp_path / "attacks", dirs_exist_ok=True)
    write_reviews(tmp_path, {(str(before.identity), "sw", 3): Reviewed(**ROW), ("typo@1", "sw", 3): Reviewed(**ROW)})
    after = load_recipe("typo", tmp_path)
    assert after.identity == before.identity
    assert after.card == before.card
    monkeypatch.setattr("robustbench_ir.perturb.reviewed.reviews", lambda _: reviews(tables_of(tmp_path)))
    assert review_notes(result) == [
        "speakers on whether people type this: typo@5 at severity 3, sw reviewed by 2, 75% real"
    ]
    assert review_notes(result)[0] in notes(result)  # what terminal and report show above their numbers
