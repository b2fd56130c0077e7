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
_BLOCK = 1 << 13  # word pairs at a time, so that the steps between them stay in the processor's cache


@dataclass(frozen=True)
class _Group:
    """Sentence pairs whose source sentences are equally long, so that one array holds them all.

    Attributes
    ----------
    places : int array of shape (pairs,)
        Number of each pair.
    real : bool array of shape (pairs, target words)
        Whether there is such a target word; shorter sentences are padded.
    met : int array of shape (word pairs,)
        Numbers of the word pairs of the group.
    cells : int array of shape (real target words, 1 + source words)
        Place in `met` of the word pair; column 0 is the empty word.
    """

    places: NDArray[np.int64]
    real: NDArray[np.bool_]
    met: NDArray[np.int64]
    cells: NDArray[np.int64]

    def emissions(self, probability: Floats) -> Floats:
        """Return probabilities of word pairs, of shape (pairs, target words, 1 + source words); 1 in padding."""
        found = np.ones((*self.real.shape, self.cells.shape[1]))
        found[self.real] = probability[self.met][self.cells]
        return found

    def count(self, posterior: Floats, counts: Floats) -> None:
        """Add posteriors of shape (pairs, target words, 1 + source words) to the counts of all word pairs."""
        of_words = posterior[self.real]
        counts[self.met] += np.bincount(self.cells.ravel(), of_words.ravel(), minlength=len(self.met))


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
                posterior = _without_places(emissions)
            else:
                posterior, moved = _forward_backward(emissions, group.real, jumps)
                jump_counts += moved
            group.count(posterior, counts)
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
    own: list[tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]] = []
    for _, places in sorted(by_length.items()):
        left = np.array([[0, *(sources[word] for word in pairs[place][0])] for place in places])
        right = np.array([targets[word] for place in places for word in pairs[place][1]])
        lengths = np.array([len(pairs[place][1]) for place in places])
        numbers = np.repeat(left, lengths, axis=0) * len(targets) + right[:, None]
        own.append(
            (np.array(places), np.arange(lengths.max()) < lengths[:, None], *np.unique(numbers, return_inverse=True))
        )
    met = np.unique(np.concatenate([numbers for _, _, numbers, _ in own]))
    groups = [_Group(places, real, np.searchsorted(met, numbers), cells) for places, real, numbers, cells in own]
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
