"""Word alignment by a hidden Markov model, for a few thousand sentence pairs.

The model is that of Vogel, Ney & Tillmann 1996 (https://aclanthology.org/C96-2141), with the empty word of Och & Ney
2003 (https://aclanthology.org/J03-1002). Counts are made probabilities by variational Bayes, as by Riley & Gildea 2012
(https://aclanthology.org/P12-2060), so that a rare word is not explained by everything it stands beside. What is known
of two words before any counting, from a dictionary or from their letters, is a prior count of the pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_Numbers = NDArray[np.int64]
Words = Sequence[str]
PriorCount = Callable[[str, str], float]
"""Takes a source word and a target word; returns how often they count as seen together, 0 for nothing known."""

NULL = ""
_CONCENTRATION = 0.01  # of the Dirichlet prior over the translations of a word
_OF_NULL = 0.1  # prior probability that a target word has no source
_FARTHEST = 6  # longer jumps are counted together
_ROUNDS_WITHOUT_PLACES, _ROUNDS = 5, 5
_SMALLEST = 1e-12
_BAND = 1.25  # how many times longer a source sentence of a group may be than the shortest one
_BEYOND = np.iinfo(np.int64).max
_BLOCK = 1 << 13  # word pairs at a time, so that the steps between them stay in the processor's cache


@dataclass(frozen=True)
class _Group:
    """Sentence pairs whose source sentences are about equally long, the longest target sentence first.

    The rows of its arrays are the target words: the first word of each pair, then the second one of each pair that has
    one, and so on.

    Attributes
    ----------
    places : int array of shape (pairs,)
        Number of each pair.
    lengths : int array of shape (pairs,)
        Number of its source words.
    alive : int array of shape (target words of the longest,)
        Number of pairs that have such a target word.
    met : int array of shape (word pairs,)
        Numbers of the word pairs of the group.
    cells : int array of shape (rows, 1 + source words of the longest)
        Place in `met` of the word pair, and the length of `met` beyond the source sentence; column 0 is the empty word.
    """

    places: _Numbers
    lengths: _Numbers
    alive: _Numbers
    met: _Numbers
    cells: _Numbers

    def emissions(self, probability: Floats) -> Floats:
        """Return the probability of each cell, 0 beyond the source sentence."""
        return np.append(probability[self.met], 0.0)[self.cells]

    def count(self, posterior: Floats, counts: Floats) -> None:
        """Add the posteriors of all cells to the counts of word pairs."""
        found = np.bincount(self.cells.ravel(), posterior.ravel(), minlength=len(self.met) + 1)
        counts[self.met] += found[:-1]

    def of_pairs(self, posterior: Floats) -> Iterator[tuple[int, Floats]]:
        """Yield the number of each pair and its posteriors, of shape (source words, target words)."""
        first = np.cumsum(self.alive) - self.alive
        for row, (place, length) in enumerate(zip(self.places.tolist(), self.lengths.tolist(), strict=True)):
            yield place, posterior[first[self.alive > row] + row, 1 : 1 + length].T


def link_posteriors(
    pairs: Sequence[tuple[Words, Words]], prior: PriorCount | None = None
) -> list[tuple[Floats, Floats]]:
    """Return the probability that a word is the translation of another, by models in both directions.

    Parameters
    ----------
    pairs : sequence of (words, words)
        Source and target words of each sentence pair; none of them empty.
    prior : callable, optional
        Prior counts of word pairs.

    Returns
    -------
    list of (float array, float array), each of shape (source words, target words)
        For each pair, the posterior probability that the source word made the target word, and the reverse. The sum of
        the first over the source words is at most 1, as is that of the second over the target words.
    """
    known = prior or _nothing_known
    forth = _posteriors(pairs, known)
    back = _posteriors([(target, source) for source, target in pairs], lambda one, other: known(other, one))
    return [(one, other.T) for one, other in zip(forth, back, strict=True)]


def _nothing_known(source: str, target: str) -> float:  # noqa: ARG001
    return 0.0


def _posteriors(pairs: Sequence[tuple[Words, Words]], prior: PriorCount) -> list[Floats]:
    """Return arrays of shape (source words, target words): the probability that the source made the target word."""
    groups, owners, prior_counts = _grouped(pairs, prior)
    probability = _normalised(prior_counts, np.zeros(len(owners)), owners)
    jumps = np.ones(2 * _FARTHEST + 1)
    found: list[Floats] = [np.empty(0)] * len(pairs)
    for number in range(_ROUNDS_WITHOUT_PLACES + _ROUNDS):
        counts, jump_counts = np.zeros(len(owners)), np.zeros(2 * _FARTHEST + 1)
        for group in groups:
            emissions = group.emissions(probability)
            if number < _ROUNDS_WITHOUT_PLACES:
                posterior = _without_places(emissions, group.alive, group.lengths)
            else:
                posterior, moved = _forward_backward(emissions, group.alive, group.lengths, jumps)
                jump_counts += moved
            group.count(posterior, counts)
            if number == _ROUNDS_WITHOUT_PLACES + _ROUNDS - 1:
                for place, of_pair in group.of_pairs(posterior):
                    found[place] = of_pair
        probability = _normalised(prior_counts, counts, owners)
        if jump_counts.any():
            jumps = jump_counts / jump_counts.sum() + 1e-4
    return found


def _grouped(pairs: Sequence[tuple[Words, Words]], prior: PriorCount) -> tuple[list[_Group], _Numbers, Floats]:
    """Return the groups, and the number of the source word and the prior count of each word pair."""
    sources = {NULL: 0, **_numbered((source for source, _ in pairs), 1)}
    targets = _numbered((target for _, target in pairs), 0)
    numbered = [
        (np.array([0, *map(sources.__getitem__, source)]), np.array([*map(targets.__getitem__, target)]))
        for source, target in pairs
    ]
    shapes = [
        _shape(places, numbered, len(targets)) for places in _bands([len(source) for source, _ in pairs], numbered)
    ]
    met = np.unique(np.concatenate([numbers for *_, numbers, _ in shapes]))
    groups = [
        _Group(places, lengths, alive, np.searchsorted(met, numbers), cells)
        for places, lengths, alive, numbers, cells in shapes
    ]
    owners, others = np.divmod(met, len(targets))
    words, other_words = list(sources), list(targets)
    counts = [
        _CONCENTRATION + (prior(words[owner], other_words[other]) if owner else 0.0)
        for owner, other in zip(owners.tolist(), others.tolist(), strict=True)
    ]
    return groups, owners, np.array(counts)


def _bands(lengths: Sequence[int], numbered: Sequence[tuple[_Numbers, _Numbers]]) -> Iterator[list[int]]:
    """Yield the numbers of pairs whose source sentences are about equally long, the longest target sentence first."""
    band: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if band and lengths[place] > _BAND * lengths[band[0]]:
            yield sorted(band, key=lambda one: -len(numbered[one][1]))
            band = []
        band.append(place)
    yield sorted(band, key=lambda one: -len(numbered[one][1]))


def _shape(
    places: Sequence[int], numbered: Sequence[tuple[_Numbers, _Numbers]], targets: int
) -> tuple[_Numbers, _Numbers, _Numbers, _Numbers, _Numbers]:
    """Return the arrays of a group; instead of places among all word pairs, its word pairs by their numbers."""
    left = [numbered[place][0] for place in places]
    right = [numbered[place][1] for place in places]
    lengths, others = (np.array([len(one) for one in side]) for side in (left, right))
    columns, rows = np.arange(lengths.max()), np.arange(others.max())
    sources = np.zeros((len(places), len(columns)), dtype=np.int64)
    sources[columns < lengths[:, None]] = np.concatenate(left)
    padded = np.zeros((len(places), len(rows)), dtype=np.int64)
    padded[rows < others[:, None]] = np.concatenate(right)
    word, pair = np.nonzero(rows[:, None] < others)
    numbers = np.where(columns < lengths[pair, None], sources[pair] * targets + padded[pair, word][:, None], _BEYOND)
    found, cells = np.unique(numbers, return_inverse=True)
    inside = found[found != _BEYOND]
    return np.array(places), lengths - 1, (rows[:, None] < others).sum(axis=1), inside, cells.reshape(numbers.shape)


def _numbered(sentences: Iterable[Words], first: int) -> dict[str, int]:
    words = dict.fromkeys(word for sentence in sentences for word in sentence)
    return {word: number for number, word in enumerate(words, start=first)}


def _normalised(prior_counts: Floats, counts: Floats, owners: _Numbers) -> Floats:
    """Return the translation probabilities at which the variational bound is highest."""
    whole = prior_counts + counts
    of_sources = _digamma(np.bincount(owners, whole).astype(np.float64))
    return np.concatenate(
        [
            np.maximum(
                np.exp(_digamma(whole[start : start + _BLOCK]) - of_sources[owners[start : start + _BLOCK]]), _SMALLEST
            )
            for start in range(0, len(whole), _BLOCK)
        ]
    )


def _digamma(values: Floats) -> Floats:
    """Return the logarithmic derivative of the gamma function, by recurrence up to 6 and the asymptotic series."""
    shifted, less = values.copy(), np.zeros_like(values)
    for _ in range(6):
        less += 1 / shifted
        shifted += 1
    square = 1 / shifted**2
    series = (
        np.log(shifted) - 0.5 / shifted - square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))
    )
    return np.asarray(series - less)


def _without_places(emissions: Floats, alive: _Numbers, lengths: _Numbers) -> Floats:
    """Return the posterior of model 1, all source places being equally likely; see `_forward_backward`."""
    of_rows = np.concatenate([lengths[:count] for count in alive.tolist()])
    weights = emissions * ((1 - _OF_NULL) / of_rows)[:, None]
    weights[:, 0] = emissions[:, 0] * _OF_NULL
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _forward_backward(emissions: Floats, alive: _Numbers, lengths: _Numbers, jumps: Floats) -> tuple[Floats, Floats]:
    """Return posteriors, of the shape of the emissions, and the expected number of jumps of each length.

    The empty word keeps the place from which the next jump starts. Rows and columns are those of a `_Group`.
    """
    columns = emissions.shape[1] - 1
    distances = np.clip(np.subtract.outer(np.arange(columns), np.arange(columns)).T, -_FARTHEST, _FARTHEST) + _FARTHEST
    jump = jumps[distances]
    inside = (np.arange(columns) < lengths[:, None]).astype(np.float64)
    level = inside / lengths[:, None]
    # A jump leads to some place of the sentence: the sum over those of each pair is 1.
    leave = inside * (1 - _OF_NULL) / np.cumsum(jump, axis=1)[:, lengths - 1].T
    steps = [
        (emissions[end - count : end], count)
        for end, count in zip(np.cumsum(alive).tolist(), alive.tolist(), strict=True)
    ]
    forward: list[tuple[Floats, Floats, Floats]] = []
    for place, (emission, count) in enumerate(steps):
        before = forward[-1][2][:count] if place else level
        linked = ((before * leave[:count]) @ jump if place else before * (1 - _OF_NULL)) * emission[:, 1:]
        unlinked = before * (_OF_NULL * emission[:, :1])
        both = linked + unlinked
        whole = both.sum(axis=1, keepdims=True)
        forward.append((linked / whole, unlinked / whole, both / whole))
    posterior, moved = np.empty_like(emissions), np.zeros_like(jump)
    backward, end = level[:0], len(emissions)
    for place, (emission, count) in reversed(list(enumerate(steps))):
        backward = np.concatenate([backward, level[len(backward) : count]])
        linked, unlinked, both = forward[place]
        whole = (both * backward).sum(axis=1, keepdims=True)
        posterior[end - count : end, 1:] = linked * backward / whole
        posterior[end - count : end, 0] = (unlinked * backward).sum(axis=1) / whole[:, 0]
        end -= count
        if place:
            ahead, before = emission[:, 1:] * backward, forward[place - 1][2][:count]
            backward = (ahead @ jump.T) * leave[:count] + _OF_NULL * emission[:, :1] * backward
            whole = (before * backward).sum(axis=1, keepdims=True) + _SMALLEST
            moved += (before * leave[:count] / whole).T @ ahead
            backward /= backward.sum(axis=1, keepdims=True)
    return posterior, np.bincount(distances.ravel(), (moved * jump).ravel(), minlength=len(jumps)).astype(np.float64)
