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
from functools import lru_cache, partial
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
import regex

from robustbench_ir._base.cache import current_cache, read_cached
from robustbench_ir._base.files import write_checked
from robustbench_ir._base.text import Span, word_spans
from robustbench_ir.errors import ResultError
from robustbench_ir.perturb.lexicons.alignment import Sentence, WordLink, names_among, sentence
from robustbench_ir.perturb.lexicons.hidden_markov import Floats, PriorCount, link_posteriors
from robustbench_ir.perturb.lexicons.inflection import behind_elision
from robustbench_ir.perturb.lexicons.sources import Pair
from robustbench_ir.resources.languages import languages

_FORMAT = 6  # raised when the same queries would give other phrases
_LIKELY, _POSSIBLE = 0.5, 0.2
_SURE = 0.9
_NEIGHBOURS = 2  # places between words that have one translation, with a function word between them
_DECIMALS = 6  # what floating-point arithmetic may change from machine to machine is rounded away
_LETTERS_OF_A_STEM = 4
_LONGEST_SENTENCE = 60  # words
_LONGEST_PHRASE = 4  # words on either side
_FURTHER_TEXTS = 1_500  # pairs of sentences
_IN_THE_LEXICON = 3.0  # how often a pair of words counts as seen together
_ALIKE = 2.0
_HYPHEN = regex.compile(r"\p{Pd}")
_LETTERS_ALIKE, _SHORTEST_NAME, _FEWEST_CONSONANTS = 0.7, 4, 3
_VOWELS = str.maketrans(dict.fromkeys("aeiouyhw'", ""))

Translate = Callable[[str], Sequence[str] | None]
"""Takes a word in lower case; returns its translations in a lexicon, None if it is unknown."""


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


AlignedPhrases = tuple[AlignedPhrase, ...]
"""Phrases of one query, in order of their beginning, the longer of two first."""
AlignedQueries = dict[str, tuple[AlignedPhrases, AlignedPhrases]]
"""Text of each query, NFC, to its likely phrases and to those that are less sure."""
Posteriors = tuple[Floats, Floats]
"""Arrays of shape (query words, translation words); see `link_posteriors`."""


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
    elided : tuple of str
        Words of the query's language that are written together with the next word, with an apostrophe.
    """

    language: str
    other: str
    function_words: tuple[frozenset[str], frozenset[str]]
    translate: Translate
    elided: tuple[str, ...] = ()


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
        text: (_read_phrases(likely), _read_phrases(others)) for text, (likely, others) in json.loads(content).items()
    }


def _read_phrases(written: Sequence[tuple[Span, Sequence[Span], str]]) -> AlignedPhrases:
    return tuple(
        AlignedPhrase((span[0], span[1]), tuple((start, end) for start, end in contents), translation)
        for span, contents, translation in written
    )


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
    AlignedQueries
        Queries with at least one phrase.
    """
    queries = [one for text, translation in translations.items() if (one := _sentences(pair, text, translation))]
    texts = [one for text, translation in _shortest(further) if (one := _sentences(pair, text, translation))]
    names = names_among(translation for _, translation in (*queries, *texts))
    found = {}
    for (query, translation), posteriors in zip(queries, _posteriors(pair, [*queries, *texts]), strict=False):
        phrases = _Phrases(pair, query, translation, names)
        likely, others = (phrases.found(posteriors, least) for least in (_LIKELY, _POSSIBLE))
        if others:
            found[query.text] = likely, others
    return found


def _shortest(texts: Sequence[Pair]) -> list[Pair]:
    """Return as many texts as help: short ones are like questions, and long ones cost most of the time."""
    return sorted(texts, key=lambda pair: (len(pair[0]) + len(pair[1]), pair))[:_FURTHER_TEXTS]


def _sentences(pair: LanguagePair, text: str, translation: str) -> tuple[Sentence, Sentence] | None:
    """Return both sentences; None if one of them has no words, or too many for the models."""
    both = (
        _behind_elisions(_hyphenated(sentence(text, pair.language)), pair.elided),
        _hyphenated(sentence(translation, pair.other)),
    )
    return both if all(0 < len(one.words) <= _LONGEST_SENTENCE for one in both) else None


def _hyphenated(one: Sentence) -> Sentence:
    """Return the sentence with words that are joined by a hyphen as one word."""
    spans: list[Span] = []
    for span in one.spans:
        follows = spans and _HYPHEN.fullmatch(one.text[spans[-1][1] : span[0]])
        spans.append((spans.pop()[0], span[1]) if follows else span)
    return Sentence(one.text, tuple(spans), tuple(one.text[start:end].lower() for start, end in spans))


def _behind_elisions(one: Sentence, elided: Sequence[str]) -> Sentence:
    spans = tuple(behind_elision(one.text, span, elided) for span in one.spans)
    return Sentence(one.text, spans, tuple(one.text[start:end].lower() for start, end in spans))


def _posteriors(pair: LanguagePair, texts: Sequence[tuple[Sentence, Sentence]]) -> list[Posteriors]:
    """Return the means of the posteriors of the model of dictionary forms and of that of first letters."""
    found = []
    for view in (dictionary_form, _beginning):
        seen = partial(_seen, view, pair)
        found.append(link_posteriors(list(map(seen, texts)), _prior_of(pair, texts, view)))
    return [
        (np.round((forth + other_forth) / 2, _DECIMALS), np.round((back + other_back) / 2, _DECIMALS))
        for (forth, back), (other_forth, other_back) in zip(*found, strict=True)
    ]


def _seen(
    view: Callable[[str, str], str], pair: LanguagePair, texts: tuple[Sentence, Sentence]
) -> tuple[list[str], list[str]]:
    one, other = texts
    return [view(word, pair.language) for word in one.words], [view(word, pair.other) for word in other.words]


def _beginning(word: str, language: str) -> str:  # noqa: ARG001
    return word[:_LETTERS_OF_A_STEM]


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
        dictionary_form(part, pair.other) for other in pair.translate(word) or () for part in other.lower().split(" ")
    ]


@lru_cache(maxsize=1 << 18)
def sound_alike(word: str, other: str) -> bool:
    """Return True if two words have most of their letters, or consonants, in common in Latin script."""
    left, right = _latin(word), _latin(other)
    if left == right:
        return True
    if min(len(left), len(right)) < _SHORTEST_NAME:
        return False
    consonants = left.translate(_VOWELS), right.translate(_VOWELS)
    compared = [(left, right), *([consonants] if min(map(len, consonants)) >= _FEWEST_CONSONANTS else [])]
    return any(
        SequenceMatcher(None, one, another, autojunk=False).ratio() >= _LETTERS_ALIKE for one, another in compared
    )


@lru_cache(maxsize=1 << 16)
def _latin(word: str) -> str:
    if word.isascii():
        return word
    import icu

    return str(icu.Transliterator.createInstance("Any-Latin; Latin-ASCII; Lower").transliterate(word))


@dataclass(frozen=True)
class _Unit:
    """Words of a query and of its translation that stand for each other: first and last place of each."""

    source: WordLink
    target: WordLink


@dataclass(frozen=True)
class _Phrases:
    """Makes phrases of the links of one query."""

    pair: LanguagePair
    query: Sentence
    translation: Sentence
    names: frozenset[str]

    def found(self, posteriors: Posteriors, least: float) -> tuple[AlignedPhrase, ...]:
        """Return the phrases of links whose probability is not less than a number, 0 to 1."""
        units = [unit for unit in _units(self._links(posteriors, least)) if not self._is_name(unit)]
        agreed = np.sqrt(posteriors[0] * posteriors[1])
        joined = [one for left, right in pairwise(units) if (one := self._joined(left, right, agreed))]
        phrases = [self._phrase(unit) for unit in (*units, *joined)]
        kept = [one for one in phrases if one.translation.lower() != self._text(one.span).lower()]
        return tuple(sorted(kept, key=lambda one: (one.span[0], -one.span[1])))

    def _is_name(self, unit: _Unit) -> bool:
        """Return True if the translation of some words is a name, which stays as the query has it."""
        facts = languages().get(self.pair.other)
        if facts and facts.capitalised_nouns:
            return False
        contents = self._content_words(1, unit.target)
        return all(self.translation.words[place] in self.names for place in contents)

    def _links(self, posteriors: Posteriors, least: float) -> set[WordLink]:
        """Return the links between words that are no function words."""
        contents = [self._content_words(side, (0, len(one.words) - 1)) for side, one in enumerate(self._both)]
        agreed = np.sqrt(posteriors[0] * posteriors[1])
        likely = {
            (left, right)
            for left, right in product(*contents)
            if agreed[left, right] >= least and (len(self.query.words[left]) > 1 or self._in_lexicon(left, right))
        }
        links = _without_strays(_without_strays(likely, agreed, 0), agreed, 1)
        return links | _grown(links, contents[0], posteriors[1])

    def _in_lexicon(self, left: int, right: int) -> bool:
        word = dictionary_form(self.translation.words[right], self.pair.other)
        return word in _forms_in_lexicon(self.pair, self.query.words[left])

    @property
    def _both(self) -> tuple[Sentence, Sentence]:
        return self.query, self.translation

    def _content_words(self, side: int, places: WordLink) -> list[int]:
        words, function_words = self._both[side].words, self.pair.function_words[side]
        return [place for place in range(places[0], places[1] + 1) if words[place] not in function_words]

    def _joined(self, left: _Unit, right: _Unit, agreed: Floats) -> _Unit | None:
        """Return both as one phrase if they stand together in the query and in the translation.

        They do so with a function word and its translation between them, as in "number of people", or side by side in
        the other order, as in "prime number" and "número primo".
        """
        joined = _Unit((left.source[0], right.source[1]), _hull((*left.target, *right.target)))
        between = right.source[0] - left.source[1] - 1
        first, second = sorted((left.target, right.target))
        apart = second[0] - first[1] - 1
        turned = first == right.target
        inside = (left.source[1] + 1, right.source[0] - 1), (first[1] + 1, second[0] - 1)
        closed = not any(self._content_words(side, places) for side, places in enumerate(inside))
        if between == apart == 1:
            together = agreed[left.source[1] + 1, first[1] + 1] >= _POSSIBLE
        else:
            together = between == apart == 0 and turned
        return joined if together and closed and _is_short(joined) else None

    def _phrase(self, unit: _Unit) -> AlignedPhrase:
        spans = self.query.spans
        span = spans[unit.source[0]][0], spans[unit.source[1]][1]
        places = self.translation.spans
        new = self.translation.text[places[unit.target[0]][0] : places[unit.target[1]][1]]
        if unit.target[0] == 0 and self.translation.words[0] not in self.names:
            new = new[0].lower() + new[1:]
        if unit.source[0] == 0 and self._text(span)[0].isupper():
            new = new[0].upper() + new[1:]
        return AlignedPhrase(span, tuple(self._parts(self._content_words(0, unit.source))), new)

    def _parts(self, places: Sequence[int]) -> Iterator[Span]:
        """Yield the words in which the recipe cuts a query; with hyphens between them they are one here."""
        for start, end in (self.query.spans[place] for place in places):
            for left, right in word_spans(self.query.text[start:end], self.pair.language):
                yield start + left, start + right

    def _text(self, span: Span) -> str:
        return self.query.text[span[0] : span[1]]


def _without_strays(links: set[WordLink], agreed: Floats, side: int) -> set[WordLink]:
    """Return the links of each word of a side to its best word, and to others in a row with that."""
    kept: set[WordLink] = set()
    for place in {link[side] for link in links}:
        own = {link[1 - side]: link for link in links if link[side] == place}
        best = max(own, key=lambda other: (agreed[own[other]], -other))
        for step in (-1, 1):
            other = best
            while other in own:
                kept.add(own[other])
                other += step
    return kept


def _grown(links: set[WordLink], contents: Sequence[int], posterior: Floats) -> set[WordLink]:
    """Return links of words of the query that have none: to the word to which a neighbour is linked.

    The model in which the translation makes the words of the query must be sure of it. So "mji mkuu" is "capital" as a
    whole.
    """
    linked = {left for left, _ in links}
    return {
        (place, right)
        for left, right in links
        for place in contents
        if place not in linked and abs(place - left) <= _NEIGHBOURS and posterior[place, right] >= _SURE
    }


def _units(links: set[WordLink]) -> list[_Unit]:
    """Return the smallest consistent phrase pairs that are short, in order, without overlap."""
    found, done = list[_Unit](), -1
    for first in sorted({left for left, _ in links}):
        unit, wider = None, _Unit((first, first), (0, -1))
        while unit != wider:
            unit = wider
            inside = [link for link in links if _within(link[0], unit.source) or _within(link[1], unit.target)]
            wider = _Unit(_hull([left for left, _ in inside]), _hull([right for _, right in inside]))
        if wider.source[0] > done and _is_short(wider):
            found.append(wider)
        done = max(done, wider.source[1])
    return found


def _is_short(unit: _Unit) -> bool:
    return all(last - first < _LONGEST_PHRASE for first, last in (unit.source, unit.target))


def _within(place: int, places: WordLink) -> bool:
    return places[0] <= place <= places[1]


def _hull(places: Sequence[int]) -> WordLink:
    return min(places), max(places)
