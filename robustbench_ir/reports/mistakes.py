"""Do the mistakes of a recipe look like people's? Pairs of what is right and what people wrote, and the recipe's own.

Words of four letters or more count whose two forms are one to three operations apart (optimal string alignment:
Damerau 1964) and fewer than half of the word. Place is the fifth of the word, class is that of the letter: vowel,
consonant, mark.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import NamedTuple

import regex

from robustbench_ir._base.showing import json_text, terminal_text
from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError
from robustbench_ir.perturb import Recipe
from robustbench_ir.perturb.keyboards.orthography import is_vowel
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.tasks import Query

_SHORTEST, _FURTHEST, _FIFTHS = 4, 3, 5
_WORD = regex.compile(r"[\p{L}\p{M}'’\u200c-]+")
_LIKELY_SUBSTITUTIONS = 8
_DRAWS = 200

WordPair = tuple[str, str]
"""A word as it is right, and as it was written."""


class Operation(NamedTuple):
    """One operation between two words.

    Attributes
    ----------
    kind : str
        ``delete``, ``insert``, ``substitute`` or ``transpose``.
    place : int
        Place in the right word.
    before, after : str
        Letters at that place before and after.
    """

    kind: str
    place: int
    before: str
    after: str


Cell = tuple[str, int, str]
"""Operation, fifth of the word, class of the letter."""


@dataclass(frozen=True)
class MistakeProfile:
    """How people, or a recipe, misspell.

    Attributes
    ----------
    words, operations : int
        Number of misspelt words that count, and of operations in them.
    kinds : mapping
        Share of each operation.
    first : float
        Share in the first letter of a word.
    fifths : tuple of float
        Share in each fifth of the word.
    doubled, undoubled : float
        Share of doubled letters among the inserted ones, and of undoubled letters among those left out.
    substitutions : tuple of (str, str)
        The commonest ones.
    cells : mapping
        Share of each operation, fifth and class.
    """

    words: int
    operations: int
    kinds: Mapping[str, float]
    first: float
    fifths: tuple[float, ...]
    doubled: float
    undoubled: float
    substitutions: tuple[tuple[str, str], ...]
    cells: Mapping[Cell, float]


@dataclass(frozen=True)
class MistakeAudit:
    """A recipe's mistakes beside people's.

    Attributes
    ----------
    recipe, language : str
        Identity of the recipe, and code of the language.
    people, ours : MistakeProfile
        Profile of the people's mistakes, and of the recipe's on the same texts.
    divergence : float
        Jensen-Shannon divergence in bits, 0 to 1, over operation and fifth of the word.
    divergence_by_class : float
        The same over operation, fifth and class of the letter.
    reached : float
        Share of the people's mistakes that the recipe makes at least once when it draws 200 mistakes for the word.
    likelihood : float
        Probability that the recipe makes of a word what a person made of it, on average over the pairs.
    """

    recipe: str
    language: str
    people: MistakeProfile
    ours: MistakeProfile
    divergence: float
    divergence_by_class: float
    reached: float
    likelihood: float


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Read a file of pairs: a line each, what is right and what was written, with a tab between.

    Raises
    ------
    DataError
        If the file has no such line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error}); give a file of pairs") from error
    found = [(nfc(parts[0]), nfc(parts[1])) for parts in (line.split("\t") for line in lines) if len(parts) > 1]
    if not found:
        raise DataError(f"{path}: no line has a tab; write the right text, a tab, and what was written")
    return found


def word_pairs(lines: Iterable[tuple[str, str]]) -> list[WordPair]:
    """Return the words in which right and written texts differ, in lower case, where as many words stand for as many.

    Parameters
    ----------
    lines : iterable of (str, str)
        Right and written texts.
    """
    found: list[WordPair] = []
    for right, written in lines:
        before, after = _WORD.findall(right.lower()), _WORD.findall(written.lower())
        for kind, i, i_end, j, j_end in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
            if kind == "replace" and i_end - i == j_end - j:
                found += zip(before[i:i_end], after[j:j_end], strict=True)
    return found


def operations(right: str, written: str) -> list[Operation]:
    """Return the operations of an optimal string alignment, from the end of the word to its beginning.

    Parameters
    ----------
    right, written : str
        The two forms of a word.

    Examples
    --------
    >>> operations("корова", "карова")
    [Operation(kind='substitute', place=1, before='о', after='а')]
    """
    cost = _costs(right, written)
    found: list[Operation] = []
    i, j = len(right), len(written)
    while i or j:
        differ = not (i and j) or right[i - 1] != written[j - 1]
        if _are_exchanged(right, written, i, j) and cost[i][j] == cost[i - 2][j - 2] + 1:
            found.append(Operation("transpose", i - 2, right[i - 2 : i], written[j - 2 : j]))
            i, j = i - 2, j - 2
        elif i and j and cost[i][j] == cost[i - 1][j - 1] + differ:
            if differ:
                found.append(Operation("substitute", i - 1, right[i - 1], written[j - 1]))
            i, j = i - 1, j - 1
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            found.append(Operation("delete", i - 1, right[i - 1], ""))
            i -= 1
        else:
            found.append(Operation("insert", i, "", written[j - 1]))
            j -= 1
    return found


def _are_exchanged(right: str, written: str, i: int, j: int) -> bool:
    two = i > 1 and j > 1 and right[i - 1] != written[j - 1]
    return two and right[i - 1] == written[j - 2] and right[i - 2] == written[j - 1]


def _costs(right: str, written: str) -> list[list[int]]:
    n, m = len(right), len(written)
    cost = [[max(i, j) if not i or not j else 0 for j in range(m + 1)] for i in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            differ = right[i - 1] != written[j - 1]
            cost[i][j] = min(cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + differ)
            if _are_exchanged(right, written, i, j):
                cost[i][j] = min(cost[i][j], cost[i - 2][j - 2] + 1)
    return cost


def counted(pairs: Iterable[WordPair]) -> list[tuple[str, list[Operation]]]:
    """Return the right words that count, with their operations; see the top of this module.

    Parameters
    ----------
    pairs : iterable of (str, str)
        Words in lower case.
    """
    long = [(right, operations(right, written)) for right, written in pairs if len(right) >= _SHORTEST]
    return [(right, found) for right, found in long if 0 < len(found) <= _FURTHEST and len(found) < len(right) / 2]


def mistake_profile(pairs: Iterable[WordPair]) -> MistakeProfile:
    """Return the profile of pairs of words.

    Parameters
    ----------
    pairs : iterable of (str, str)
        Words in lower case: right, and as written.
    """
    kept = counted(pairs)
    made = [(right, one) for right, found in kept for one in found]
    total = len(made) or 1
    kinds = Counter(one.kind for _, one in made)
    cells = Counter((one.kind, fifth(right, one.place), _class(one.before or one.after)) for right, one in made)
    doubled = sum(one.kind == "insert" and one.after in _beside(right, one.place, one.place) for right, one in made)
    undoubled = sum(
        one.kind == "delete" and one.before in _beside(right, one.place, one.place + 1) for right, one in made
    )
    return MistakeProfile(
        words=len(kept),
        operations=len(made),
        kinds={kind: number / total for kind, number in sorted(kinds.items())},
        first=sum(one.place == 0 for _, one in made) / total,
        fifths=tuple(sum(n for (_, part, _), n in cells.items() if part == k) / total for k in range(_FIFTHS)),
        doubled=doubled / max(1, kinds["insert"]),
        undoubled=undoubled / max(1, kinds["delete"]),
        substitutions=tuple(
            pair
            for pair, _ in Counter((one.before, one.after) for _, one in made if one.kind == "substitute").most_common(
                _LIKELY_SUBSTITUTIONS
            )
        ),
        cells={cell: number / total for cell, number in cells.items()},
    )


def _beside(right: str, place: int, after: int) -> tuple[str, str]:
    """Return the letter before a place, and that at another one; empty beyond the word."""
    return right[max(place - 1, 0) : place], right[after : after + 1]


def fifth(right: str, place: int) -> int:
    """Return the fifth of a word, 0 to 4, in which a place lies."""
    return min(_FIFTHS - 1, _FIFTHS * min(place, len(right) - 1) // len(right))


@cache
def _class(letters: str) -> str:
    """Return the class of the first letter: vowel, mark, consonant or other."""
    base = unicodedata.normalize("NFD", letters[:1])[:1]
    if is_vowel(base):
        return "vowel"
    category = unicodedata.category(base)[0] if base else "Z"
    return {"L": "consonant", "M": "mark"}.get(category, "other")


def divergence(one: Mapping[Cell, float], other: Mapping[Cell, float], by_class: bool) -> float:
    """Return the Jensen-Shannon divergence of two profiles, in bits: 0 if they are the same, at most 1.

    Parameters
    ----------
    one, other : mapping
        Shares of the cells of two profiles.
    by_class : bool
        Whether the class of the letter counts, besides operation and fifth.
    """
    left, right = _merged(one, by_class), _merged(other, by_class)
    total = 0.0
    for cell in {*left, *right}:
        p, q = left[cell], right[cell]
        total += sum(x / 2 * math.log2(2 * x / (p + q)) for x in (p, q) if x)
    return total


def _merged(cells: Mapping[Cell, float], by_class: bool) -> Counter[tuple[str, int, str]]:
    merged: Counter[tuple[str, int, str]] = Counter()
    for (kind, part, letters), share in cells.items():
        merged[kind, part, letters if by_class else ""] += share  # type: ignore[assignment]
    return merged


def audit_mistakes(
    recipe: Recipe, language: str, lines: Sequence[tuple[str, str]], severity: int, seeds: int
) -> MistakeAudit:
    """Compare a recipe's mistakes with those that people made in the same texts.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    language : str
        Code of the language of the pairs.
    lines : sequence of (str, str)
        Right texts, and the same as people wrote them.
    severity, seeds : int
        Severity, and number of perturbations of each text.

    Raises
    ------
    DataError
        If no word differs in a way that counts.
    """
    human = word_pairs(lines)
    people = mistake_profile(human)
    if not people.words:
        raise DataError(
            "no word of four letters or more differs by one to three letters; are the columns right and written?"
        )
    texts = sorted({right for right, _ in lines if right.strip()})
    queries = [Query(str(place), language, text, str(place)) for place, text in enumerate(texts)]
    ours = mistake_profile(
        (edit.before.lower(), edit.after.lower())
        for seed in range(seeds)
        for one in recipe.perturb(queries, severity, seed)
        for edit in one.edits
    )
    chances = _chances(recipe, language, [pair for pair in human if counted([pair])])
    return MistakeAudit(
        recipe=str(recipe.identity),
        language=language,
        people=people,
        ours=ours,
        divergence=divergence(people.cells, ours.cells, by_class=False),
        divergence_by_class=divergence(people.cells, ours.cells, by_class=True),
        reached=sum(chance > 0 for chance in chances) / len(chances),
        likelihood=sum(chances) / len(chances),
    )


def _chances(recipe: Recipe, language: str, pairs: Sequence[WordPair]) -> list[float]:
    """Return, for each pair, the share of the recipe's draws that make of the word what the person made of it."""
    mechanism = recipe.transformation(language)
    found = []
    for right, written in pairs:
        random = generator("chances", right)
        hits = 0
        for _ in range(_DRAWS):
            spans, rewrite, _ = mechanism.targets(right, [(0, len(right))], random)
            made = rewrite(right, random) if spans else None
            hits += made is not None and made[0] == written
        found.append(hits / _DRAWS)
    return found


def mistakes_to_text(found: MistakeAudit) -> str:
    """Return a comparison as lines: the profile of people, that of the recipe, and how far they are apart."""
    rows = [tuple(map(terminal_text, row)) for row in (("", "people", found.recipe), *_facts(found))]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{name:<{widths[0]}}  {people:<{widths[1]}}  {ours}".rstrip() for name, people, ours in rows]
    return "\n".join(
        [
            *lines,
            "",
            f"divergence {found.divergence:.3f} bits over operation and fifth of the word, "
            f"{found.divergence_by_class:.3f} with the class of the letter (0: the same)",
            f"likelihood {found.likelihood:.3f} of what a person wrote, {found.reached:.0%} of it made at least once "
            f"in {_DRAWS} draws",
            "",
        ]
    )


def _facts(found: MistakeAudit) -> list[tuple[str, str, str]]:
    """Return the facts of both profiles, a row each."""
    both = (found.people, found.ours)
    kinds = sorted({*found.people.kinds, *found.ours.kinds})
    rows = [
        ("words that count", *(str(one.words) for one in both)),
        *((f"{kind}, of operations", *(f"{one.kinds.get(kind, 0):.2f}" for one in both)) for kind in kinds),
        ("in the first letter", *(f"{one.first:.1%}" for one in both)),
        ("by fifths of the word", *(" ".join(f"{share:.2f}" for share in one.fifths) for one in both)),
        ("doubled, of insertions", *(f"{one.doubled:.2f}" for one in both)),
        ("undoubled, of deletions", *(f"{one.undoubled:.2f}" for one in both)),
        ("commonest substitutions", *(" ".join(f"{a}→{b}" for a, b in one.substitutions) for one in both)),
    ]
    return [(name, people, ours) for name, people, ours in rows]


def mistakes_to_json(found: MistakeAudit) -> str:
    """Return a comparison as JSON."""

    def plain(profile: MistakeProfile) -> dict[str, object]:
        cells = [[*cell, round(share, 6)] for cell, share in sorted(profile.cells.items())]
        return {**vars(profile), "cells": cells}

    whole = {**vars(found), "people": plain(found.people), "ours": plain(found.ours)}
    return json_text(whole, indent=1) + "\n"
