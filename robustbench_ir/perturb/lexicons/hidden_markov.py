"""Word alignment by a hidden Markov model, for a few thousand sentence pairs.

The model is that of Vogel, Ney & Tillmann 1996 (https://aclanthology.org/C96-2141), with the empty word of Och & Ney
2003 (https://aclanthology.org/J03-1002). Counts are made probabilities by variational Bayes, as by Riley & Gildea 2012
(https://aclanthology.org/P12-2060), so that a rare word is not explained by everything it stands beside. What is known
of two words before any counting, from a dictionary or from their letters, is a prior count of the pair.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = Sequence[str]
PriorCount = Callable[[str, str], float]
"""Takes a source word and a target word; returns how often they count as seen together, 0 for nothing known."""

NULL = ""
_CONCENTRATION = 0.01  # of the Dirichlet prior over the translations of a word
_OF_NULL = 0.1  # prior probability that a target word has no source
_FARTHEST = 6  # longer jumps are counted together
_ROUNDS_WITHOUT_PLACES, _ROUNDS = 5, 5
_SMALLEST = 1e-12


@dataclass(frozen=True)
class _Group:
    """Sentence pairs whose source sentences are equally long, so that one array holds them all.

    Attributes
    ----------
    places : int array of shape (pairs,)
        Number of each pair.
    cells : int array of shape (pairs, target words, 1 + source words)
        Number of the word pair; column 0 is the empty word. The target sentences are padded with any number.
    real : bool array of shape (pairs, target words)
        Whether there is such a target word.
    """

    places: NDArray[np.int64]
    cells: NDArray[np.int64]
    real: NDArray[np.bool_]


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
            emissions = probability[group.cells] * group.real[:, :, None] + ~group.real[:, :, None]
            if number < _ROUNDS_WITHOUT_PLACES:
                posterior = _without_places(emissions)
            else:
                posterior, moved = _forward_backward(emissions, group.real, jumps)
                jump_counts += moved
            posterior *= group.real[:, :, None]
            counts += np.bincount(group.cells.ravel(), posterior.ravel(), minlength=len(owners))
            if number == _ROUNDS_WITHOUT_PLACES + _ROUNDS - 1:
                for place, one, real in zip(group.places, posterior, group.real, strict=True):
                    found[place] = one[real, 1:].T
        probability = _normalised(prior_counts, counts, owners)
        if jump_counts.any():
            jumps = jump_counts / jump_counts.sum() + 1e-4
    return found


def _grouped(pairs: Sequence[tuple[Words, Words]], prior: PriorCount) -> tuple[list[_Group], NDArray[np.int64], Floats]:
    """Return the groups, and the number of the source word and the prior count of each word pair."""
    sources = {NULL: 0, **_numbered((source for source, _ in pairs), 1)}
    targets = _numbered((target for _, target in pairs), 0)
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, (source, _) in enumerate(pairs):
        by_length[len(source)].append(place)
    groups = []
    for length, places in sorted(by_length.items()):
        longest = max(len(pairs[place][1]) for place in places)
        numbers = np.zeros((len(places), longest, 1 + length), dtype=np.int64)
        real = np.zeros((len(places), longest), dtype=np.bool_)
        for row, place in enumerate(places):
            source, target = pairs[place]
            left = np.array([0, *(sources[word] for word in source)])
            right = np.array([targets[word] for word in target])
            real[row, : len(target)] = True
            numbers[row, : len(target)] = left * len(targets) + right[:, None]
        groups.append(_Group(np.array(places), numbers, real))
    met, cells = np.unique(np.concatenate([group.cells[group.real].ravel() for group in groups]), return_inverse=True)
    ends = np.cumsum([group.cells[group.real].size for group in groups])
    for group, own in zip(groups, np.split(cells, ends), strict=False):
        group.cells[group.real] = own.reshape(-1, group.cells.shape[2])
        group.cells[~group.real] = 0
    owners, others = np.divmod(met, len(targets))
    words, other_words = list(sources), list(targets)
    counts = [
        _CONCENTRATION + (prior(words[owner], other_words[other]) if owner else 0.0)
        for owner, other in zip(owners.tolist(), others.tolist(), strict=True)
    ]
    return groups, owners, np.array(counts)


def _numbered(sentences: Iterable[Words], first: int) -> dict[str, int]:
    words = dict.fromkeys(word for sentence in sentences for word in sentence)
    return {word: number for number, word in enumerate(words, start=first)}


def _normalised(prior_counts: Floats, counts: Floats, owners: NDArray[np.int64]) -> Floats:
    """Return the translation probabilities at which the variational bound is highest."""
    whole = prior_counts + counts
    of_source = np.bincount(owners, whole).astype(np.float64)[owners]
    return np.maximum(np.exp(_digamma(whole) - _digamma(of_source)), _SMALLEST)


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


def _without_places(emissions: Floats) -> Floats:
    """Return the posterior of model 1, all source places being equally likely."""
    weights = emissions.copy()
    weights[:, :, 0] *= _OF_NULL
    weights[:, :, 1:] *= (1 - _OF_NULL) / (emissions.shape[2] - 1)
    return np.asarray(weights / weights.sum(axis=2, keepdims=True))


def _forward_backward(emissions: Floats, real: NDArray[np.bool_], jumps: Floats) -> tuple[Floats, Floats]:
    """Return posteriors, of the shape of the emissions, and the expected number of jumps of each length.

    The empty word keeps the place from which the next jump starts.
    """
    pairs, longest, columns = emissions.shape
    distances = np.clip(np.subtract.outer(np.arange(columns - 1), np.arange(columns - 1)).T, -_FARTHEST, _FARTHEST)
    step = jumps[distances + _FARTHEST]
    step = (1 - _OF_NULL) * step / step.sum(axis=1, keepdims=True)
    forward = np.zeros((longest, 2, pairs, columns - 1))
    start = np.full(columns - 1, 1 / (columns - 1))
    for place in range(longest):
        before = forward[place - 1].sum(axis=0) if place else np.broadcast_to(start, (pairs, columns - 1))
        forward[place, 0] = (before @ step if place else before * (1 - _OF_NULL)) * emissions[:, place, 1:]
        forward[place, 1] = before * (_OF_NULL * emissions[:, place, :1])
        forward[place] /= forward[place].sum(axis=(0, 2))[:, None]
    backward = np.ones((pairs, columns - 1))
    posterior = np.zeros_like(emissions)
    moved = np.zeros(2 * _FARTHEST + 1)
    for place in range(longest - 1, -1, -1):
        joint = forward[place] * backward
        joint /= joint.sum(axis=(0, 2))[:, None]
        posterior[:, place, 0], posterior[:, place, 1:] = joint[1].sum(axis=1), joint[0]
        if not place:
            break
        ahead = emissions[:, place, 1:] * backward
        before = forward[place - 1].sum(axis=0)
        onward = ahead @ step.T
        still = _OF_NULL * emissions[:, place, :1] * backward
        whole = (before * (onward + still)).sum(axis=1) + _SMALLEST
        weight = (before / whole[:, None] * real[:, place, None]).T @ ahead * step
        moved += np.bincount((distances + _FARTHEST).ravel(), weight.ravel(), minlength=len(moved))
        backward = np.where(real[:, place, None], onward + still, backward)
        backward /= backward.sum(axis=1, keepdims=True)
    return posterior, moved
