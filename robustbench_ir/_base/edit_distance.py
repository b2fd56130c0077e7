"""How many edits lie between two texts, counted in grapheme clusters."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from robustbench_ir._base.text import graphemes


def edit_distance(before: Sequence[Hashable], after: Sequence[Hashable]) -> int:
    """Return the optimal string alignment distance of two sequences.

    This is the smallest number of elements that are inserted, deleted, replaced, or swapped with their neighbour, where
    no element is edited twice. Each column of the table of Levenshtein is one integer, with one bit for each element
    of `before` (Hyyrö 2003, A bit-vector algorithm for computing Levenshtein and Damerau edit distances, Nordic Journal
    of Computing 10), so that a column costs a dozen operations.

    Parameters
    ----------
    before, after : sequence of hashable
        The sequences; a string counts as its code points.

    Examples
    --------
    >>> edit_distance("from", "form"), edit_distance("ca", "abc")
    (1, 3)
    """
    before, after = _without_common_ends(before, after)
    if not before:
        return len(after)
    places: dict[Hashable, int] = {}
    for place, element in enumerate(before):
        places[element] = places.get(element, 0) | 1 << place
    whole, last = (1 << len(before)) - 1, 1 << len(before) - 1
    distance, rises, falls, diagonal, matches_before = len(before), whole, 0, 0, 0
    for element in after:
        matches = places.get(element, 0)
        swapped = ((~diagonal & matches) << 1) & matches_before
        diagonal = ((((matches & rises) + rises) ^ rises) | matches | falls | swapped) & whole
        right_rises, right_falls = falls | (whole & ~(diagonal | rises)), diagonal & rises
        distance += bool(right_rises & last) - bool(right_falls & last)
        right_rises = right_rises << 1 | 1
        rises = (right_falls << 1 | ~(diagonal | right_rises)) & whole
        falls = right_rises & diagonal
        matches_before = matches
    return distance


def edit_rate(before: str, after: str) -> float:
    """Return the edit distance of two texts divided by the length of the first, both in grapheme clusters.

    0 for equal texts, 1 where as much was edited as there was; a longer second text can bring it above 1.

    Parameters
    ----------
    before, after : str
        Texts, NFC.

    Examples
    --------
    >>> edit_rate("क्षा", "क्षी")  # two spellings of one cluster
    1.0
    """
    if before == after:
        return 0.0
    clusters = graphemes(before)
    return edit_distance(clusters, graphemes(after)) / max(len(clusters), 1)


def _without_common_ends(
    before: Sequence[Hashable], after: Sequence[Hashable]
) -> tuple[Sequence[Hashable], Sequence[Hashable]]:
    """Return two sequences without what they begin and end with in common, which no alignment edits."""
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]
