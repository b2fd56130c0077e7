"""The pages on which people judge what recipes make of real queries: one for each language, and an index.

A page is one file that loads nothing and sends nothing. Its script shows one item at a time, keeps the answers in the
browser under the identity of the set of items, and writes them to a file that `robustbench_ir.reports.review.answers`
reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from robustbench_ir._base.showing import json_text
from robustbench_ir._version import __version__
from robustbench_ir.reports.review.answers import ANSWERS, KIND, LEVELS, SCHEMA_VERSION
from robustbench_ir.reports.review.items import LanguageReview, ReviewItem
from robustbench_ir.reports.review.texts import READ_BY_DEFAULT, Texts, filled
from robustbench_ir.reports.shown_queries import TextPiece, cut_at_edits, text_direction, with_visible_code_points
from robustbench_ir.reports.templates import inlined, rendered
from robustbench_ir.resources.languages import languages, name_in


def review_pages(reviews: Sequence[LanguageReview], texts: Mapping[str, Texts], number: int) -> dict[str, str]:
    """Return the pages by the names of their files, ``index.html`` first; every text is escaped.

    Parameters
    ----------
    reviews : sequence of LanguageReview
        One for each language, in order.
    texts : mapping of str to Texts
        Texts of the pages, by the language in which they are read.
    number : int
        Number of queries for each recipe that was asked for.
    """
    pages = {f"{one.language.code}.html": _page(one, texts, number) for one in reviews}
    return {"index.html": _index(reviews, texts), **pages}


def _index(reviews: Sequence[LanguageReview], texts: Mapping[str, Texts]) -> str:
    functions: dict[str, Callable[..., str]] = {"named": name_in}
    rows = [(one, texts[_read_in(one, texts)].name) for one in reviews]
    return rendered(
        "review/index.html.jinja", functions, rows=rows, version=__version__, **inlined("review/review.css")
    )


def _read_in(review: LanguageReview, texts: Mapping[str, Texts]) -> str:
    """Return the language in which a page is read at first."""
    return review.language.code if review.language.code in texts else READ_BY_DEFAULT


def _page(review: LanguageReview, texts: Mapping[str, Texts], number: int) -> str:
    code, read_in = review.language.code, _read_in(review, texts)
    first = review.items[0].key
    values = {
        "queries": number,
        "seed": first.seed,
        "severity": first.severity,
        "task": review.task,
        "total": len(review.items),
    }
    known = {
        other: {key: filled(text, {**values, "language": name_in(code, other)}) for key, text in vars(one).items()}
        for other, one in texts.items()
    }
    data = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "irbench": __version__,
        "language": code,
        "set": review.identity,
        "answers": ANSWERS,
        "levels": LEVELS,
        "read_in": read_in,
        "texts": known,
        "directions": {other: languages()[other].direction for other in texts},
        "items": [_shown(item) for item in review.items],
    }
    return rendered(
        "review/page.html.jinja",
        {},
        review=review,
        texts=known[read_in],
        names={other: one.name for other, one in texts.items()},
        read_in=read_in,
        direction=languages()[read_in].direction,
        answers=ANSWERS,
        levels=LEVELS,
        # The page reads it as JSON, and a text in it cannot end the block.
        data=Markup(json_text(data).replace("<", "\\u003c")),  # noqa: S704
        version=__version__,
        **inlined("review/review.css", "review/review.js"),
    )


def _shown(item: ReviewItem) -> dict[str, object]:
    """Return an item as the script reads it: what it is, and how it is shown."""
    one, code = item.perturbation, item.key.language
    before, after = cut_at_edits(one)
    card = item.recipe.card
    return {
        "id": item.key.identity,
        "key": {**item.key._asdict(), "clean": one.clean, "text": one.text},
        "title": card.title,
        "about": card.look_for or card.description,
        "clean": _pieces(before),
        "changed": _pieces(after),
        "directions": [text_direction(code, one.clean), text_direction(code, one.text)],
        "edits": [[with_visible_code_points(part) for part in (edit.before, edit.after)] for edit in one.edits],
    }


def _pieces(pieces: Sequence[TextPiece]) -> list[tuple[str, bool]]:
    """Return stretches of text, each with whether it was changed."""
    return [(piece.text, bool(piece.operation)) for piece in pieces]
