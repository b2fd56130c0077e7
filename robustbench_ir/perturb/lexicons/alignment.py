"""Lexicons induced from parallel queries: word alignment by IBM model 1, which needs no download.

Model 1 is by Brown et al. 1993 (https://aclanthology.org/J93-2003). Alignments are made symmetric by grow-diag, and
phrase pairs are extracted, as by Koehn, Och & Marcu 2003 (https://aclanthology.org/N03-1017).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import regex
from numpy.typing import NDArray

from robustbench_ir._base.text import Span, nfc, word_spans

WordLink = tuple[int, int]
Probabilities = dict[tuple[str, str], float]
"""(Source word, target word) to the probability of the target word given the source word."""

NULL = ""
_ROUNDS = 10
_LONGEST_PHRASE = 4
_INTERRUPTED = regex.compile(r"[\p{N}\p{P}--[\p{Pd}'’]]", regex.VERSION1)  # a phrase that contains a number or a comma
_STEPS = tuple(step for step in product((-1, 0, 1), repeat=2) if step != (0, 0))


@dataclass(frozen=True)
class Sentence:
    """A text and its words.

    Attributes
    ----------
    text : str
        The text, NFC.
    spans : tuple of (int, int)
        Place of each word.
    words : tuple of str
        Each word in lower case, for comparison.
    """

    text: str
    spans: tuple[Span, ...]
    words: tuple[str, ...]


def sentence(text: str, language: str) -> Sentence:
    """Split a text into words.

    Parameters
    ----------
    text : str
        The text.
    language : str
        Code of its language; it decides the segmentation.
    """
    whole = nfc(text)
    spans = tuple(word_spans(whole, language))
    return Sentence(whole, spans, tuple(whole[start:end].lower() for start, end in spans))


def ibm_model_1(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], rounds: int = _ROUNDS) -> Probabilities:
    """Estimate word translation probabilities by expectation maximisation.

    Parameters
    ----------
    pairs : sequence of (sequence of str, sequence of str)
        Source and target words of each sentence pair. `NULL` among the source words allows target words without a
        source.
    rounds : int
        Number of iterations, 1 or more; the start is uniform.

    Returns
    -------
    dict
        Probability, 0 to 1, of each target word given each source word of the same sentence pair.
    """
    cells: dict[tuple[str, str], int] = {}
    sources: dict[str, int] = {}
    source_of_cell: list[int] = []
    cell_of, group_of = [], []
    groups = 0
    for source, target in pairs:
        for word in target:
            for other in source:
                cell = cells.setdefault((other, word), len(cells))
                if cell == len(source_of_cell):
                    source_of_cell.append(sources.setdefault(other, len(sources)))
                cell_of.append(cell)
                group_of.append(groups)
            groups += 1
    rows, words, owners = (np.array(one, dtype=np.int64) for one in (cell_of, group_of, source_of_cell))
    probability = np.ones(len(cells))
    for _ in range(rounds):
        probability = _one_round(probability, rows, words, owners)
    return dict(zip(cells, probability.tolist(), strict=True))


def _one_round(
    probability: NDArray[np.float64], cell: NDArray[np.int64], group: NDArray[np.int64], source: NDArray[np.int64]
) -> NDArray[np.float64]:
    weight = probability[cell]
    expected = weight / np.bincount(group, weight)[group]
    counts = np.bincount(cell, expected, minlength=len(probability))
    return np.asarray(counts / np.bincount(source, counts)[source])


def align(source: Sequence[str], target: Sequence[str], forth: Probabilities, back: Probabilities) -> set[WordLink]:
    """Return the links between source and target places, made symmetric by grow-diag.

    Parameters
    ----------
    source, target : sequence of str
        Words of one sentence pair.
    forth, back : dict
        Probabilities of model 1 from source to target, and from target to source.
    """
    one = {(_best(word, source, forth), place) for place, word in enumerate(target)}
    other = {(place, _best(word, target, back)) for place, word in enumerate(source)}
    sure, union = one & other, {link for link in one | other if -1 not in link}
    links = {link for link in sure if -1 not in link}
    grown = True
    while grown:
        grown = False
        for left, right in sorted(links):
            for step_left, step_right in _STEPS:
                link = left + step_left, right + step_right
                free = all(link[0] != a for a, _ in links) or all(link[1] != b for _, b in links)
                if link in union and link not in links and free:
                    links.add(link)
                    grown = True
    return links


def _best(word: str, others: Sequence[str], probabilities: Probabilities) -> int:
    """Return the place of the word that explains this one best; -1 if that is the null word."""
    scores = [probabilities.get((other, word), 0.0) for other in others]
    best = max(range(len(scores)), key=scores.__getitem__, default=-1)
    return best if best >= 0 and scores[best] > probabilities.get((NULL, word), 0.0) else -1


def phrase_pairs(links: set[WordLink], source_length: int, target_length: int) -> Iterator[tuple[WordLink, WordLink]]:
    """Yield the consistent phrase pairs of up to four words a side.

    A pair is consistent if at least one link is inside it, and no link goes from inside one phrase to outside the
    other.

    Parameters
    ----------
    links : set of (int, int)
        Source place and target place of each link.
    source_length, target_length : int
        Number of words.

    Yields
    ------
    (int, int), (int, int)
        First and last source place, first and last target place.
    """
    for first in range(source_length):
        for last in range(first, min(first + _LONGEST_PHRASE, source_length)):
            inside = [right for left, right in links if first <= left <= last]
            if not inside:
                continue
            low, high = min(inside), max(inside)
            closed = all(first <= left <= last for left, right in links if low <= right <= high)
            if closed and high - low < _LONGEST_PHRASE and high < target_length:
                yield (first, last), (low, high)


@dataclass(frozen=True)
class InducedPair:
    """One pair of an induced lexicon.

    Attributes
    ----------
    entry, substitute : str
        Word or phrase in lower case; its translation in its most frequent form.
    count : int
        Number of sentence pairs that show the pair.
    score : float
        Geometric mean of the two relative frequencies, 0 to 1.
    probability : float
        Geometric mean of the probabilities of the two translation models, 0 to 1; 0 for phrases, which they lack.
    """

    entry: str
    substitute: str
    count: int
    score: float
    probability: float = 0.0


def induce(
    pairs: Sequence[tuple[Sentence, Sentence]], *, phrases: bool = False, minimum_score: float = 0.3
) -> list[InducedPair]:
    """Induce a bilingual lexicon from sentence pairs.

    Parameters
    ----------
    pairs : sequence of (Sentence, Sentence)
        Translations of each other.
    phrases : bool
        Whether phrases of up to four words are induced too.
    minimum_score : float
        Pairs with a smaller score are left out.

    Returns
    -------
    list of Induced
        Sorted by entry, the best substitute first.
    """
    forth = ibm_model_1([((NULL, *source.words), target.words) for source, target in pairs])
    back = ibm_model_1([((NULL, *target.words), source.words) for source, target in pairs])
    together: Counter[tuple[str, str]] = Counter()
    written: dict[str, Counter[str]] = defaultdict(Counter)
    for source, target in pairs:
        links = align(source.words, target.words, forth, back)
        for inside, outside in set(phrase_pairs(links, len(source.words), len(target.words))):
            entry, surface = _stretch(source, inside).lower(), _stretch(target, outside)
            single = inside[0] == inside[1] and outside[0] == outside[1]
            if (phrases or single) and not _INTERRUPTED.search(entry + surface):
                together[entry, surface.lower()] += 1
                written[surface.lower()].update(_as_written(surface, first=outside[0] == 0))
    return sorted(
        (
            InducedPair(entry, _usual(written[other]), count, score, _both(entry, other, forth, back))
            for (entry, other), count, score in _scored(together)
            if score >= minimum_score and entry != other
        ),
        key=lambda one: (one.entry, -one.score, -one.count, one.substitute),
    )


def _both(entry: str, other: str, forth: Probabilities, back: Probabilities) -> float:
    return float(np.sqrt(forth.get((entry, other), 0.0) * back.get((other, entry), 0.0)))


def _as_written(surface: str, *, first: bool) -> dict[str, int]:
    """Return the form of a phrase and its weight: the capital at the beginning of a sentence does not count."""
    return {surface[0].lower() + surface[1:]: 0} if first else {surface: 1}


def names_among(sentences: Iterable[Sentence]) -> frozenset[str]:
    """Return the words, in lower case, that mostly have a capital within a sentence: Mandela, uMandela."""
    capitals: Counter[str] = Counter()
    for one in sentences:
        for span, word in list(zip(one.spans, one.words, strict=True))[1:]:
            capitals[word] += 1 if any(map(str.isupper, one.text[span[0] : span[1]])) else -1
    return frozenset(word for word, surplus in capitals.items() if surplus > 0)


def _scored(together: Counter[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], int, float]]:
    of_entry: Counter[str] = Counter()
    of_other: Counter[str] = Counter()
    for (entry, other), count in together.items():
        of_entry[entry] += count
        of_other[other] += count
    for pair, count in together.items():
        yield pair, count, count / float(np.sqrt(of_entry[pair[0]] * of_other[pair[1]]))


def _stretch(one: Sentence, places: WordLink) -> str:
    return one.text[one.spans[places[0]][0] : one.spans[places[1]][1]]


def _usual(written: Counter[str]) -> str:
    """Return the most frequent form of a phrase; without a capital if it ever occurs so, since titles use capitals."""
    return min(written, key=lambda text: (not written[text], text[0].isupper(), -written[text], text))
