"""Contracts of recipes, encoders and tasks, for the tests of whoever writes one.

Each function runs what it checks, and raises `ContractError` with one line that says what is broken and where. The
package's own recipes, encoders and tasks are held to the same.

>>> from robustbench_ir import recipe
>>> check_recipe(recipe(lambda text: text.replace("e", "3"), name="leet"), languages=["en"])
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
import regex

from robustbench_ir._base.text import nfc, replace_spans
from robustbench_ir.encoders import Embeddings, Encoder, PoolEncoder, TokenEmbeddings, as_encoder
from robustbench_ir.encoders.batches import EncodeTexts, encode_texts
from robustbench_ir.errors import RobustBenchError
from robustbench_ir.perturb import Perturbation, RecipeLike, as_recipe
from robustbench_ir.perturb.perturbation import QueryLike
from robustbench_ir.perturb.recipe import SEVERITIES, Recipe, number_to_change
from robustbench_ir.tasks import Task, load_task

__all__ = ["ContractError", "check_encoder", "check_recipe", "check_task"]

TEXTS = ("When does the market open?", "The market opens at six.", "ሰላም", "谁", "a" * 300, "The market opens at six.")
_DIGIT = regex.compile(r"\p{N}")


class ContractError(RobustBenchError):
    """A recipe, encoder or task that does not keep its contract."""


def _check(holds: bool, what: str, *, otherwise: str) -> None:
    if not holds:
        raise ContractError(f"{what}: {otherwise}")


def check_recipe(
    recipe: RecipeLike, queries: Sequence[QueryLike] | None = None, *, languages: Iterable[str] | None = None
) -> list[Perturbation]:
    """Check what holds for every recipe in every language.

    Severity 0 changes nothing; a higher severity makes all edits of a lower one; no more places are edited than the
    severity allows; the edits alone give the text; texts are NFC and never empty; protected numbers stay; and the same
    query is perturbed in the same way alone, in company, in any order, and whatever the state of Python's and numpy's
    global generators.

    Parameters
    ----------
    recipe : str, Recipe or callable
        Whatever `robustbench_ir.attack` takes as a recipe.
    queries : sequence of objects with `query_id`, `language` and `text`, optional
        NFC; by default those of the task `mini`.
    languages : iterable of str, optional
        Use the queries in these languages only.

    Returns
    -------
    list of Perturbation
        The queries at severity 3, for checks of your own.

    Raises
    ------
    ContractError
        The recipe breaks the contract; the message says how, and for which query.
    """
    loaded = as_recipe(recipe)
    chosen: Sequence[QueryLike] = load_task("mini").queries if queries is None else queries
    if languages is not None:
        wanted = set(languages)
        chosen = [query for query in chosen if query.language in wanted]
    _check(len(chosen) > 0, loaded.name, otherwise="there are no queries to check it on")
    by_severity = [loaded.perturb(chosen, severity, 0) for severity in SEVERITIES]
    for severity, perturbed in enumerate(by_severity):
        _check(len(perturbed) == len(chosen), loaded.name, otherwise="it does not return one perturbation for a query")
        for query, one in zip(chosen, perturbed, strict=True):
            _check_perturbation(loaded, query, one, severity)
    for lower, higher in pairwise(by_severity):
        for one, more in zip(lower, higher, strict=True):
            nested = {edit.span for edit in one.edits} <= {edit.span for edit in more.edits}
            where = f"{loaded.name}: query {one.query_id!r}"
            _check(nested, where, otherwise="a higher severity does not make the edits of the one below it")
    _check_purity(loaded, chosen, by_severity[3])
    return by_severity[3]


def _check_perturbation(recipe: Recipe, query: QueryLike, one: Perturbation, severity: int) -> None:
    where = f"{recipe.name}, severity {severity}: query {query.query_id!r}"
    _check(one.query_id == query.query_id, where, otherwise=f"the perturbation is of {one.query_id!r}")
    _check(one.clean == nfc(query.text), where, otherwise="the clean text is not that of the query")
    _check(nfc(one.text) == one.text, where, otherwise=f"{one.text!r} is not in Unicode normal form C")
    _check(bool(one.text.strip()) or not one.clean.strip(), where, otherwise="nothing is left of the text")
    if severity == 0:
        _check(not one.changed and not one.edits, where, otherwise="severity 0 must change nothing")
        return
    allowed = number_to_change(one.eligible, recipe.card.ladder[severity - 1])
    _check(len(one.edits) <= allowed, where, otherwise=f"{len(one.edits)} edits, {allowed} of {one.eligible} allowed")
    made = replace_spans(one.clean, [(edit.span, edit.after) for edit in one.edits])
    _check(made == one.text, where, otherwise=f"the edits give {made!r}, the text is {one.text!r}")
    for before, after in pairwise(one.edits):
        _check(before.span[1] <= after.span[0], where, otherwise=f"edits {before.span} and {after.span} overlap")
    for edit in one.edits:
        there = one.clean[slice(*edit.span)]
        _check(there == edit.before, where, otherwise=f"at {edit.span} there is {there!r}, not {edit.before!r}")
        if "numbers" in recipe.card.constraints.protect:
            _check(not _DIGIT.search(edit.before), where, otherwise=f"the number in {edit.before!r} is not left alone")


def _check_purity(recipe: Recipe, queries: Sequence[QueryLike], expected: list[Perturbation]) -> None:
    """Check that global generators, order and company make no difference."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    before = _seeded_globals()
    again = recipe.perturb(queries, 3, 0)
    after = str((random.getstate(), np.random.get_state()))  # noqa: NPY002
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    _check(after == before, recipe.name, otherwise="it draws from a global generator; draw from what is passed")
    _check(again == expected, recipe.name, otherwise="the second run makes other queries; draw from what is passed")
    backwards = recipe.perturb(queries[::-1], 3, 0)[::-1]
    _check(backwards == expected, recipe.name, otherwise="the order of the queries makes a difference")
    _check(recipe.perturb(queries[:1], 3, 0) == expected[:1], recipe.name, otherwise="company makes a difference")


def _seeded_globals() -> str:
    """Seed the global generators of Python and numpy, and return what their states look like."""
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    return str((random.getstate(), np.random.get_state()))  # noqa: NPY002


def check_encoder(
    encoder: str | Encoder | EncodeTexts, texts: Sequence[str] = TEXTS, *, tolerance: float = 1e-5
) -> None:
    """Check what holds for every encoder.

    Rows are finite float32, one for each text in order; queries and passages have as many columns; a text has the same
    row alone, in company and in any order; rows of cosine encoders have length 1; no texts give no rows.

    Parameters
    ----------
    encoder : str, Encoder or callable
        Whatever `robustbench_ir.attack` takes as an encoder.
    texts : sequence of str
        Two texts at least.
    tolerance : float
        How far the elements of a row may differ between batches; half precision needs more than the default.

    Raises
    ------
    ContractError
        The encoder breaks the contract; the message says how.
    """
    loaded = as_encoder(encoder)
    who = loaded.description
    ready = loaded.fitted(texts) if isinstance(loaded, PoolEncoder) else loaded
    rows = {"queries": ready.encode_queries, "passages": ready.encode_passages}
    widths = set()
    for kind, encode in rows.items():
        together = encode_texts(encode, texts)
        widths.add(together.shape[1])
        _check_rows(f"{who.name}, {kind}", encode, texts, together, tolerance)
        if who.similarity == "cosine":
            lengths = np.array([np.linalg.norm(row) for row in _by_text(together)])
            unit = np.allclose(lengths[lengths > 0], 1, atol=tolerance)
            _check(unit, who.name, otherwise="its similarity is cosine, and its rows do not have length 1")
    _check(len(widths) == 1, who.name, otherwise=f"queries and passages have {sorted(widths)} columns")
    if who.dimensions:
        said = f"its description says {who.dimensions} dimensions, its rows have {sorted(widths)}"
        _check(widths == {who.dimensions}, who.name, otherwise=said)


def _check_rows(
    where: str, encode: Callable[[Sequence[str]], Embeddings], texts: Sequence[str], together: Embeddings, atol: float
) -> None:
    _check(together.dtype == np.float32, where, otherwise=f"rows are {together.dtype}, they must be float32")
    _check(together.shape[0] == len(texts), where, otherwise=f"{len(texts)} texts give {together.shape[0]} rows")
    rows = _by_text(together)
    _check(all(np.isfinite(row).all() for row in rows), where, otherwise="a row has a value that is not finite")
    alone = [_by_text(encode([text]))[0] for text in texts]
    _check(_close(alone, rows, atol), where, otherwise="a text has another row alone than in company")
    backwards = _by_text(encode(list(texts)[::-1]))[::-1]
    _check(_close(backwards, rows, atol), where, otherwise="the order of the texts makes a difference")
    _check(encode_texts(encode, []).shape[0] == 0, where, otherwise="no texts give rows")


def _by_text(rows: Embeddings) -> list[np.ndarray]:
    if isinstance(rows, TokenEmbeddings):
        return [rows[[place]].gathered() for place in range(rows.shape[0])]
    return list(rows if isinstance(rows, np.ndarray) else rows.toarray())


def _close(left: Sequence[np.ndarray], right: Sequence[np.ndarray], atol: float) -> bool:
    return all(
        one.shape == other.shape and np.allclose(one, other, atol=atol) for one, other in zip(left, right, strict=True)
    )


def check_task(task: str | Task, *, languages: Iterable[str] | None = None) -> None:
    """Check what holds for every task.

    Ids are unique; queries and passages stand together by language; every query has a relevant passage of grade 1 or
    more; judgements are sorted; texts are NFC and not empty.

    Parameters
    ----------
    task : str or Task
        Whatever `robustbench_ir.attack` takes as a task.
    languages : iterable of str, optional
        In these languages only.

    Raises
    ------
    ContractError
        The task breaks the contract; the message says how.
    """
    loaded = load_task(task, languages) if isinstance(task, str) else task.select(languages)
    name = loaded.identity
    for kind, ids in (
        ("query", [query.query_id for query in loaded.queries]),
        ("passage", [passage.passage_id for passage in loaded.passages]),
    ):
        _check(len(set(ids)) == len(ids), name, otherwise=f"two have the same {kind} id")
    for kind, codes in (
        ("queries", [query.language for query in loaded.queries]),
        ("passages", [passage.language for passage in loaded.passages]),
    ):
        runs = [code for code, before in zip(codes, [None, *codes], strict=False) if code != before]
        _check(len(runs) == len(set(runs)), name, otherwise=f"the {kind} of a language do not stand together")
    qrels = loaded.qrels
    _check(set(qrels.query.tolist()) == set(range(len(loaded.queries))), name, otherwise="a query is not answered")
    _check(bool((qrels.grade >= 1).all()), name, otherwise="a judgement has a grade below 1")
    pairs = list(zip(qrels.query.tolist(), qrels.passage.tolist(), strict=True))
    _check(pairs == sorted(set(pairs)), name, otherwise="the judgements are not sorted, or one stands twice")
    for text in [*(query.text for query in loaded.queries), *(passage.text for passage in loaded.passages)]:
        _check(bool(text.strip()), name, otherwise="a text is empty")
        _check(nfc(text) == text, name, otherwise=f"{text[:40]!r} is not in Unicode normal form C")
