"""Synthetic items, pages and answers of a review. Nobody has reviewed anything yet: none of this ships."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from robustbench_ir.perturb import Edit, Perturbation, digest, load_recipe
from robustbench_ir.reports.review.answers import KIND, SCHEMA_VERSION
from robustbench_ir.reports.review.items import ItemKey, LanguageReview, ReviewItem, set_identity
from robustbench_ir.reports.review.pages import review_pages
from robustbench_ir.reports.review.texts import review_texts
from robustbench_ir.resources.languages import languages

EVIL = "</script><script>document.title='evil'</script><b onclick=x>"


def review(language: str = "sw", texts: Sequence[str] = ("habari ya leo", "nani alishinda", EVIL)) -> LanguageReview:
    """Return items whose first word became `x`, half of them by each of two recipes."""
    items = []
    for number, text in enumerate(texts):
        recipe = load_recipe(("typo", "slip")[number % 2])
        word = text.split(" ")[0]
        changed = "x" + text.removeprefix(word)
        one = Perturbation(f"q{number}", text, changed, (Edit((0, len(word)), word, "x", "slip"),), 1)
        key = ItemKey(str(recipe.identity), 3, 0, "own@1", language, one.query_id, digest([one]))
        items.append(ReviewItem(recipe, key, one))
    return LanguageReview(languages()[language], "own@1", tuple(items))


def page(found: LanguageReview) -> str:
    return review_pages([found], review_texts(), 2)[f"{found.language.code}.html"]


def answers(
    found: LanguageReview, given: str, name: str = "AB", level: str = "native", saved: str = "2026-11-29T10:00:00.000Z"
) -> dict[str, object]:
    """Return a file of answers: a letter for each item, r, o, n, or a point for none."""
    words = {"r": "real", "o": "odd", "n": "never", ".": None}
    items = [
        {
            **item.key._asdict(),
            "clean": item.perturbation.clean,
            "text": item.perturbation.text,
            "answer": words[letter],
            "comment": "",
        }
        for item, letter in zip(found.items, given, strict=True)
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "irbench": "0.2.0",
        "language": found.language.code,
        "set": set_identity(item.key for item in found.items),
        "saved": saved,
        "reviewer": {"name": name, "level": level},
        "remarks": "",
        "items": items,
    }


def write(path: Path, table: object) -> Path:
    path.write_text(json.dumps(table), encoding="utf-8")
    return path
