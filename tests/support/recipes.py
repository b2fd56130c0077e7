"""What every recipe keeps in every language, and texts to try it on."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

import regex

from robustbench_ir._base.text import nfc, word_spans
from robustbench_ir.perturb import Perturbation, Recipe, load_recipe, recipe_names
from robustbench_ir.perturb.recipe import number_to_change
from robustbench_ir.tasks import Query, load_task

UDHR = {
    "am": "amh", "ar": "arb", "bem": "bem", "bho": "bho", "bm": "bam", "bn": "ben", "de": "deu_1996", "ee": "ewe",
    "el": "ell_monotonic", "en": "eng", "es": "spa", "fa": "pes_1", "fi": "fin", "fil": "tgl", "fon": "fon",
    "fr": "fra", "gn": "gug", "gu": "guj", "ha": "hau_NG", "hi": "hin", "hy": "hye", "id": "ind", "ig": "ibo",
    "ja": "jpn", "ka": "kat", "kk": "kaz", "km": "khm", "kn": "kan", "ko": "kor", "lg": "lug", "ln": "lin",
    "lo": "lao", "mai": "mai", "ml": "mal_chillus", "mr": "mar", "my": "mya", "ne": "nep", "nso": "nso", "om": "gax",
    "pa": "pan", "ps": "pbu", "ru": "rus", "rw": "kin", "si": "sin", "sn": "sna", "so": "som", "st": "sot",
    "sw": "swh", "ta": "tam", "te": "tel", "th": "tha", "ti": "tir", "tn": "tsn", "tr": "tur", "ts": "tso_ZW",
    "tw": "aka_asante", "ug": "uig_arab", "ur": "urd", "uz": "uzn_latn", "vi": "vie", "wo": "wol", "xh": "xho",
    "yo": "yor", "zh": "cmn_hans", "zu": "zul",
}  # fmt: skip
OWN: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parents[1] / "own_questions.toml").read_text(encoding="utf-8"),
)
"""Questions in the languages that have no Declaration in the shared data."""


def texts_of(folder: Path, language: str) -> list[str]:
    """Return the paragraphs of the Declaration; five of the Luganda ones are a stray "&1"."""
    if language in OWN:
        return [nfc(question) for question in OWN[language]]
    paragraphs = json.loads((folder / "udhr" / f"{UDHR[language]}.json").read_text(encoding="utf-8"))["paragraphs"]
    return [nfc(one["text"]) for one in paragraphs if any(map(str.isalpha, one["text"]))]


@cache
def queries_of(folder: Path, language: str) -> tuple[Query, ...]:
    """Return the first dozen words of each text."""
    queries = []
    for number, text in enumerate(texts_of(folder, language)[:36]):
        end = word_spans(text, language)[:12][-1][1]
        queries.append(Query(f"{language}:{number}", language, text[:end], str(number)))
    return tuple(queries)


def recipe_for(name: str, task: str) -> Recipe:
    """Return a recipe with the lexicons that a task brings."""
    return load_recipe(name).with_lexicons_of(task, load_task(task).lexicons.get(name))


def covered(languages: Iterable[str], task: str = "") -> list[tuple[str, str]]:
    """Pair each recipe that needs no model with the languages that it covers, in general or on a task."""
    recipes = [recipe_for(name, task) if task else load_recipe(name) for name in recipe_names()]
    return [
        (recipe.name, language)
        for recipe in recipes
        if not recipe.card.needs_model
        for language in sorted(languages)
        if recipe.covers(language)
    ]


def is_whole_on_mini(name: str) -> bool:
    """Say whether a recipe covers languages by itself, and needs neither a model nor lexicons that `mini` lacks."""
    card = load_recipe(name).card
    own_lexicons = card.transformation != "substitution" or name in load_task("mini").lexicons
    return bool(card.languages) and not card.needs_model and own_lexicons


def keeps_the_contract(recipe: Recipe, queries: tuple[Query, ...]) -> list[Perturbation]:
    """Check what holds for every recipe in every language; return severity 3."""
    by_severity = [recipe.perturb(queries, severity, 0) for severity in range(6)]
    assert all(not one.changed and not one.edits for one in by_severity[0]), "severity 0 is the identity"
    for severity, perturbed in enumerate(by_severity[1:], start=1):
        for query, one in zip(queries, perturbed, strict=True):
            assert nfc(one.text) == one.text
            assert one.text.strip()
            assert one.clean == query.text
            if one.eligible:
                assert len(one.edits) <= number_to_change(one.eligible, recipe.card.ladder[severity - 1]), "budget kept"
            for before, after in pairwise(one.edits):
                assert before.span[1] <= after.span[0]
            for edit in one.edits:
                assert one.clean[edit.span[0] : edit.span[1]] == edit.before
                assert not regex.search(r"\p{N}", edit.before), "numbers are left alone"
    rates = [sum(one.edit_rate for one in perturbed) for perturbed in by_severity]
    assert rates == sorted(rates), "severity is monotone in the edit rate"
    backwards = recipe.perturb(queries[::-1], 3, 0)[::-1]
    alone = recipe.perturb(queries[:1], 3, 0)
    assert backwards == by_severity[3], "the order of the queries is no matter"
    assert alone == by_severity[3][:1], "nor is their company"
    return by_severity[3]
