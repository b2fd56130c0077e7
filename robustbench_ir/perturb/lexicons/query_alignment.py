"""Queries aligned with their human translations: which word or phrase of the translation stands for which of the query.

All queries that have a translation are aligned together, whichever of them are perturbed, with further parallel text of
the two languages. Two models, one of dictionary forms and one of the first letters of words, must agree on a link.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from robustbench_ir._base.cache import current_cache, read_cached
from robustbench_ir._base.files import write_checked
from robustbench_ir._base.text import Span, nfc
from robustbench_ir.errors import ResultError
from robustbench_ir.perturb.lexicons.alignment import Sentence, WordLink, names_among, sentence
from robustbench_ir.perturb.lexicons.hidden_markov import Floats, PriorCount, link_posteriors
from robustbench_ir.perturb.lexicons.sources import Pair

_FORMAT = 1  # raised when the same queries would give other phrases
_LIKELY = 0.5
_DECIMALS = 6  # what floating-point arithmetic may change from machine to machine is rounded away
_LETTERS_OF_A_STEM = 4
_LONGEST_SENTENCE = 60  # words
_LONGEST_PHRASE = 4  # words on either side
_IN_THE_LEXICON = 3.0  # how often a pair of words counts as seen together
_ALIKE = 2.0
_LETTERS_ALIKE, _SHORTEST_NAME = 0.7, 4

Translate = Callable[[str], Sequence[str]]
"""Takes a word in lower case; returns its translations in a lexicon, none if it is unknown."""


class AlignedPhrase(NamedTuple):
    """A word or phrase of a query and what stands for it in the translation.

    Attributes
    ----------
    span : (int, int)
        Place in the query.
    contents : tuple of (int, int)
        Place of each of its words that is no function word.
    translation : str
        The words of the translation.
    """

    span: Span
    contents: tuple[Span, ...]
    translation: str


AlignedQueries = dict[str, tuple[AlignedPhrase, ...]]
"""Text of each query, NFC, to its phrases, in order of their beginning, the longer of two first."""


@dataclass(frozen=True)
class LanguagePair:
    """Two languages, with what is known of their words.

    Attributes
    ----------
    language, other : str
        Codes of the language of the queries and of that of the translations.
    function_words : (frozenset of str, frozenset of str)
        Function words of both, in lower case.
    translate : callable
        A lexicon.
    """

    language: str
    other: str
    function_words: tuple[frozenset[str], frozenset[str]]
    translate: Translate


def cached_alignment(what: Mapping[str, object], align: Callable[[], AlignedQueries]) -> AlignedQueries:
    """Return aligned queries from the cache, or align them and keep them there if the cache is writable.

    Parameters
    ----------
    what : mapping
        Everything that decides the alignment, as JSON.
    align : callable
        Aligns the queries.
    """
    path = current_cache().path("lexicons", "aligned queries", _FORMAT, what)
    content = read_cached(path)
    if content is None:
        found = align()
        with contextlib.suppress(ResultError):
            write_checked(path, json.dumps(found, ensure_ascii=False).encode())
        return found
    return {
        text: tuple(
            AlignedPhrase((span[0], span[1]), tuple((start, end) for start, end in contents), translation)
            for span, contents, translation in phrases
        )
        for text, phrases in json.loads(content).items()
    }


def align_queries(pair: LanguagePair, translations: Mapping[str, str], further: Sequence[Pair]) -> AlignedQueries:
    """Align queries with their translations.

    Parameters
    ----------
    pair : LanguagePair
        The languages.
    translations : mapping of str to str
        Each query to its translation; those with an empty one are left out.
    further : sequence of (str, str)
        Further parallel text, from which the models learn.

    Returns
    -------
    dict of str to tuple of AlignedPhrase
        Queries with at least one phrase.
    """
    queries = [one for text, translation in translations.items() if (one := _sentences(pair, text, translation))]
    texts = [one for text, translation in further if (one := _sentences(pair, text, translation))]
    names = names_among(translation for _, translation in (*queries, *texts))
    posteriors = _agreed_posteriors(pair, [*queries, *texts])
    found = {}
    for (query, translation), posterior in zip(queries, posteriors, strict=False):
        phrases = _QueryPhrases(pair, query, translation, names).found(posterior)
        if phrases:
            found[query.text] = phrases
    return found


def _sentences(pair: LanguagePair, text: str, translation: str) -> tuple[Sentence, Sentence] | None:
    """Return both sentences; None if one of them has no words, or too many for the models."""
    both = sentence(text, pair.language), sentence(translation, pair.other)
    return both if all(0 < len(one.words) <= _LONGEST_SENTENCE for one in both) else None


def _agreed_posteriors(pair: LanguagePair, texts: Sequence[tuple[Sentence, Sentence]]) -> list[Floats]:
    """Return the mean of the posteriors of the model of dictionary forms and of that of first letters."""
    views = (dictionary_form, lambda word, language: word[:_LETTERS_OF_A_STEM])  # noqa: ARG005
    found = []
    for view in views:
        words = [
            (tuple(view(word, pair.language) for word in one.words), tuple(view(word, pair.other) for word in other.words))
            for one, other in texts
        ]
        found.append(link_posteriors(words, _prior_of(pair, texts, view)))
    return [np.round((one + other) / len(views), _DECIMALS) for one, other in zip(*found, strict=True)]


@lru_cache(maxsize=1 << 16)
def dictionary_form(word: str, language: str) -> str:
    """Return the dictionary form of a word in lower case; the word itself where the language has no dictionary."""
    from simplemma import lemmatize

    try:
        return lemmatize(word, lang=language).lower()
    except ValueError:
        return word


def _prior_of(
    pair: LanguagePair, texts: Sequence[tuple[Sentence, Sentence]], view: Callable[[str, str], str]
) -> PriorCount:
    """Return prior counts of the forms of a view: of words that a lexicon joins, and of words that look alike."""
    translations: dict[str, set[str]] = {}
    words_of: dict[str, set[str]] = {}
    for one, other in texts:
        for word in one.words:
            translations.setdefault(view(word, pair.language), set()).update(_forms_in_lexicon(pair, word))
        for word in other.words:
            words_of.setdefault(view(word, pair.other), set()).add(dictionary_form(word, pair.other))

    def prior(source: str, target: str) -> float:
        in_lexicon = not words_of[target].isdisjoint(translations[source])
        return _IN_THE_LEXICON * in_lexicon + _ALIKE * (sound_alike(source, target) + (source == target))

    return prior


def _forms_in_lexicon(pair: LanguagePair, word: str) -> list[str]:
    return [
        dictionary_form(part, pair.other) for other in pair.translate(word) for part in other.lower().split(" ")
    ]


@lru_cache(maxsize=1 << 18)
def sound_alike(word: str, other: str) -> bool:
    """Return True if two words are equal, or most of their letters are in Latin script: नेपोलियन and napoleon."""
    left, right = _latin(word), _latin(other)
    if left == right:
        return True
    if min(len(left), len(right)) < _SHORTEST_NAME:
        return False
    return SequenceMatcher(None, left, right, autojunk=False).ratio() >= _LETTERS_ALIKE


@lru_cache(maxsize=1 << 16)
def _latin(word: str) -> str:
    if word.isascii():
        return word
    import icu

    return str(icu.Transliterator.createInstance("Any-Latin; Latin-ASCII; Lower").transliterate(word))


@dataclass(frozen=True)
class _Unit:
    """Words of a query and of its translation that stand for each other: first and last place of each.

    `contents` are the places of the query's words that are no function words.
    """

    source: WordLink
    target: WordLink
    contents: tuple[int, ...]


@dataclass(frozen=True)
class _QueryPhrases:
    """Makes phrases of the links of one query."""

    pair: LanguagePair
    query: Sentence
    translation: Sentence
    names: frozenset[str]

    def found(self, posterior: Floats) -> tuple[AlignedPhrase, ...]:
        """Return the phrases; links between function words, or with one, are none."""
        units = list(self._units(self._links(posterior)))
        joined = [one for left, right in zip(units, units[1:], strict=False) if (one := self._joined(left, right))]
        phrases = [self._phrase(unit) for unit in (*units, *joined)]
        kept = [one for one in phrases if one.translation.lower() != self._text(one.span).lower()]
        return tuple(sorted(kept, key=lambda one: (one.span[0], -one.span[1])))

    def _links(self, posterior: Floats) -> set[WordLink]:
        likely = zip(*np.nonzero(posterior >= _LIKELY), strict=True)
        links = {(int(left), int(right)) for left, right in likely}
        return {link for link in links if not self._is_function_word(link[0], 0) | self._is_function_word(link[1], 1)}

    def _is_function_word(self, place: int, side: int) -> bool:
        return (self.query, self.translation)[side].words[place] in self.pair.function_words[side]

    def _units(self, links: set[WordLink]) -> Iterator[_Unit]:
        """Yield the smallest consistent phrase pairs, in order, without overlap."""
        done = -1
        for first in sorted({left for left, _ in links}):
            source, target = (first, first), (0, -1)
            grown = True
            while grown:
                inside = {link for link in links if _within(link[0], source) or _within(link[1], target)}
                wider = _hull(left for left, _ in inside), _hull(right for _, right in inside)
                grown = wider != (source, target)
                source, target = wider
            if source[0] > done and max(source[1] - source[0], target[1] - target[0]) < _LONGEST_PHRASE:
                yield _Unit(source, target, tuple(self._content_words(source)))
            done = max(done, source[1])

    def _content_words(self, places: WordLink, side: int = 0) -> list[int]:
        return [place for place in range(places[0], places[1] + 1) if not self._is_function_word(place, side)]

    def _joined(self, left: _Unit, right: _Unit) -> _Unit | None:
        """Return both as one phrase if they stand together in the query and in the translation.

        They do so with function words between them, as in "number of people", or side by side in the other order.
        """
        source = left.source[0], right.source[1]
        target = _hull((*left.target, *right.target))
        between = right.source[0] - left.source[1] - 1
        turned = right.target[1] < left.target[0]
        apart = target[1] - target[0] + 1 - sum(one.target[1] - one.target[0] + 1 for one in (left, right))
        contents = (*left.contents, *right.contents)
        closed = len(self._content_words(source)) == len(contents) and len(self._content_words(target, 1)) == sum(
            len(self._content_words(one.target, 1)) for one in (left, right)
        )
        fits = max(source[1] - source[0], target[1] - target[0]) < _LONGEST_PHRASE
        together = (between > 0 and apart > 0) or (between == 0 and apart == 0 and turned)
        return _Unit(source, target, contents) if fits and closed and together else None

    def _phrase(self, unit: _Unit) -> AlignedPhrase:
        spans = self.query.spans
        span = spans[unit.source[0]][0], spans[unit.source[1]][1]
        places = self.translation.spans
        new = self.translation.text[places[unit.target[0]][0] : places[unit.target[1]][1]]
        if unit.target[0] == 0 and self.translation.words[0] not in self.names:
            new = new[0].lower() + new[1:]
        if unit.source[0] == 0 and self._text(span)[0].isupper():
            new = new[0].upper() + new[1:]
        return AlignedPhrase(span, tuple(spans[place] for place in unit.contents), nfc(new))

    def _text(self, span: Span) -> str:
        return self.query.text[span[0] : span[1]]


def _within(place: int, places: WordLink) -> bool:
    return places[0] <= place <= places[1]


def _hull(places: Iterator[int] | Sequence[int]) -> WordLink:
    among = tuple(places)
    return min(among), max(among)

