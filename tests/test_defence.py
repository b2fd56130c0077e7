"""Defences: what a repair undoes, what it leaves alone, and that a defended encoder says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.defences import load_repair, normalised, smoothed
from robustbench_ir.defences.smoothed import copies_of
from robustbench_ir.encoders.encoder import PoolEncoder
from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.reports.terminal import short_name

POOL = [
    "Who won the match in Iowa? I know little of it.",
    "Кто выиграл матч в субботу в Казани?",
    "Ποιος κέρδισε τον αγώνα; Πόσοι σκόραραν;",
    "मैच किसने जीता और कितने रन बने",
]
EVERY = ["nfkc", "invisible", "confusables", "spelling", "deromanise-hi", "deromanise-ru"]


def repaired(name: str, text: str) -> str:
    return load_repair(name).make(POOL)(text)


@pytest.mark.parametrize(
    ("name", "typed", "meant"),
    [
        ("nfkc", "ｗｈｏ ﬁnds ①？", "who finds 1?"),
        ("invisible", "w\u200bho\u2060 w\u00adon\u200e", "who won"),
        ("invisible", "\u202ewho\u202c \ufeffwon\u200d", "who won"),  # bidi override, byte order mark, stray joiner
        ("confusables", "Whо wоn thе mаtсh", "Who won the match"),  # Cyrillic o, e, a, c
        ("confusables", "lowa", "Iowa"),
        ("confusables", "Kтo выигpaл мaтч", "Кто выиграл матч"),  # Latin K, o, p, a
        ("confusables", "Πόοοι", "Πόσοι"),  # TR39: sigma looks like omicron
        ("spelling", "Who won the mtach, kmow litttle?", "Who won the match, kmow little?"),  # four letters: left alone
        ("spelling", "ВЫИГРЛАЛ", "ВЫИГРАЛ"),
        ("deromanise-hi", "match kisne jeeta", "match किसने जीता"),  # "match" is a word of the pool
        ("deromanise-ru", "Kto vyigral match", "Кто выиграл match"),
    ],
)
def test_a_repair_gives_what_was_meant(name: str, typed: str, meant: str) -> None:
    assert repaired(name, typed) == meant


def test_joiners_stay_where_they_are_letters_business() -> None:
    for text in ("می‌خواهم", "क्‍ष", "ශ්‍රී", "👩‍🚀"):
        assert repaired("invisible", text) == text


@pytest.mark.parametrize(("recipe", "name"), [("homoglyph", "confusables"), ("invisible", "invisible")])
def test_disguises_are_undone_exactly(recipe: str, name: str) -> None:
    task = rb.load_task("mini")
    undo = load_repair(name).make([passage.text for passage in task.passages])
    attacked = [one for one in rb.load_recipe(recipe).perturb(task.queries, 5, 0) if one.changed]
    assert len(attacked) > 100
    assert [undo(one.text) for one in attacked] == [undo(one.clean) for one in attacked]


@pytest.mark.parametrize("name", EVERY)
def test_repairs_are_idempotent_and_leave_clean_queries_nearly_unchanged(name: str) -> None:
    task = rb.load_task("mini")
    undo = load_repair(name).make([passage.text for passage in task.passages])
    queries = [query.text for query in task.queries if query.language not in {"tr", "th", "zh"}]
    # Turkish dotless i is a look-alike of i; NFKC rewrites Thai sara am and the wide question mark of Chinese.
    changed = [text for text in queries if undo(text) != text]
    assert len(changed) <= 0.05 * len(queries)
    once = [undo(query.text) for query in task.queries]
    assert [undo(text) for text in once] == once


def test_a_defended_encoder_says_so() -> None:
    plain, encoder = rb.load_encoder("char-ngram"), rb.load_encoder("normalised:nfkc+invisible:char-ngram")
    who = encoder.description
    assert who.name == "normalised:nfkc+invisible:char-ngram"
    assert who.preprocessing == "normalised:nfkc+invisible"
    assert who.fingerprint != plain.description.fingerprint
    result = rb.attack(encoder, "mini", ["invisible"], languages=["en", "sw"])
    assert "|defence=normalised:nfkc+invisible|" in result.signature("multilingual")
    both = rb.load_encoder("smoothed:normalised:nfkc:char-ngram").description
    assert both.preprocessing == "smoothed-8|normalised:nfkc"


def test_what_a_repair_wins() -> None:
    plain = rb.attack("char-ngram", "mini", ["homoglyph"], languages=["en"], severities=[5])
    guarded = rb.attack("normalised:confusables:char-ngram", "mini", ["homoglyph"], languages=["en"], severities=[5])

    def scores(result: rb.Result) -> tuple[float, float]:
        return result.score(result.clean, "monolingual"), result.score(result.attacked[0], "monolingual")

    assert scores(plain)[1] < 0.9 * scores(plain)[0]
    assert scores(guarded)[0] == scores(guarded)[1] == pytest.approx(scores(plain)[0], abs=0.01)


def test_the_defence_of_an_encoder_that_is_fitted_on_the_pool() -> None:
    encoder = normalised(rb.load_encoder("bm25"), ["invisible"])
    assert isinstance(encoder, PoolEncoder)
    fitted = encoder.fitted(POOL)
    scores = fitted.encode_queries(["mat\u200bch"]) @ fitted.encode_passages(POOL).T
    assert scores.toarray().argmax() == 0
    with pytest.raises(OptionError, match="fitted"):
        encoder.encode_queries(["match"])


def test_smoothing_is_the_mean_over_seeded_copies() -> None:
    plain, encoder = rb.load_encoder("char-ngram"), smoothed(rb.load_encoder("char-ngram"), 4)
    text = "Who won the match on Saturday?"
    copies = copies_of(text, 4)
    assert copies == copies_of(text, 4)
    assert text not in copies
    mean = plain.encode_queries([text, *copies]).toarray().mean(axis=0)
    rows = encoder.encode_queries([text, "another", text]).toarray()
    np.testing.assert_allclose(rows[0], mean / np.linalg.norm(mean), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(rows[0], rows[2])
    assert encoder.description.name == "smoothed-4:char-ngram"
    assert encoder.encode_queries([]).shape[0] == 0
    assert copies_of("???", 2) == ["???", "???"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("normalised:nkfc:char-ngram", "did you mean 'nfkc'"),
        ("normalised:deromanise-en:char-ngram", "deromanise"),
        ("normalised:nfkc", "names no model"),
        ("normalised:nfkc:char-ngrm", "char-ngram"),
        ("normalised:nfkc+nfkc:char-ngram", "once"),
        ("smoothed-0:char-ngram", "1 to 100"),
        ("smoothed-x:char-ngram", "smoothed-16:MODEL"),
    ],
)
def test_bad_names_say_the_next_step(name: str, message: str) -> None:
    with pytest.raises((OptionError, UnknownNameError), match=message) as error:
        rb.load_encoder(name)
    assert "\n" not in str(error.value)


def test_irbench_attack_tells_with_and_without(tmp_path: Path) -> None:
    out = tmp_path / "guarded.json"
    arguments = (
        "attack --model char-ngram --task mini --languages en,sw --recipe invisible --normalise nfkc+invisible --out"
    )
    answer = CliRunner().invoke(irbench, [*arguments.split(), str(out)], catch_exceptions=False)
    assert answer.exit_code == 0
    assert "a preprocessor repairs the queries" in answer.output
    guarded, plain = rb.load_result(out), rb.load_result(tmp_path / "guarded-without.json")
    assert guarded.encoder.preprocessing == "normalised:nfkc+invisible"
    assert plain.encoder.preprocessing == ""
    assert guarded.score(guarded.attacked[0], "monolingual") == guarded.score(guarded.clean, "monolingual")
    assert plain.score(plain.attacked[0], "monolingual") < plain.score(plain.clean, "monolingual")


def test_functions_are_repairs_too() -> None:
    encoder = rb.load_encoder("char-ngram")
    lower = rb.repair(str.lower, name="lower", version=2)
    guarded = normalised(encoder, ["nfkc", lower])
    assert guarded.description.name == "normalised:nfkc+lower:char-ngram"
    np.testing.assert_array_equal(guarded.encode_queries(["ABC"]).toarray(), encoder.encode_queries(["abc"]).toarray())
    older = normalised(encoder, ["nfkc", rb.repair(str.lower, name="lower")])
    assert guarded.description.fingerprint != older.description.fingerprint != ""
    assert normalised(encoder, [str.lower]).description.fingerprint == "", "what has no version is not kept"
    result = rb.attack(guarded, "mini", ["casing-spacing"], languages=["en"])
    assert "|defence=normalised:nfkc+lower|" in result.signature("multilingual")
    with pytest.raises(OptionError, match="a new name of letters"):
        rb.repair(str.lower, name="nfkc")


@pytest.mark.parametrize(
    ("repairs", "name"), [("nfkc+invisible", "nfkc+invisible"), (["nfkc"], "nfkc"), (str.lower, "lower")]
)
def test_one_repair_is_a_list_of_one(repairs: Any, name: str) -> None:
    assert normalised(rb.load_encoder("char-ngram"), repairs).description.name == f"normalised:{name}:char-ngram"


@pytest.mark.parametrize(
    ("encoder", "shown"),
    [
        ("/home/me/models/e5-small/", "e5-small"),
        ("C:\\models\\e5", "e5"),
        ("normalised:nfkc+spelling:sentence-transformers/LaBSE", "normalised:nfkc+spelling:LaBSE"),
        ("reranked:BAAI/bge@100:org/first", "reranked:bge@100:first"),
        ("openai:qwen3@http://localhost:8000/v1", "openai:qwen3"),
        ("bm25", "bm25"),
        ("/", "encoder"),
    ],
)
def test_a_table_keeps_the_defence_and_drops_folders_and_addresses(encoder: str, shown: str) -> None:
    assert short_name(encoder) == shown
