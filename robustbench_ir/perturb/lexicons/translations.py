"""Translations ranked by evidence: parallel text before dictionaries, dictionaries before wordnets.

The probability of a translation is estimated from the words of parallel text that are linked to each other. What a
dictionary says counts like a few more links, so that it decides where the text is silent and yields where the text
speaks. A wordnet or a sentiment list, whose first sense is often a rare one, counts only for translations that another
source has too, or whose letters are alike. Precision comes first: a wrong word in a query is worse than an unchanged
word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import regex

from robustbench_ir._base.edit_distance import edit_distance
from robustbench_ir._base.text import nfc, word_spans
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.lexicons.catalogue import lexicon_sources, word_pairs
from robustbench_ir.perturb.lexicons.compounds import collocations, joined
from robustbench_ir.perturb.lexicons.evidence import Weights, dictionary, find_evidence, hints, sentence_pairs
from robustbench_ir.perturb.lexicons.hidden_markov import link_posteriors
from robustbench_ir.perturb.lexicons.inflection import Entries, Inflection, inflection
from robustbench_ir.perturb.lexicons.sources import Pair
from robustbench_ir.perturb.lexicons.stems import STEM, Stemmer, stemmer
from robustbench_ir.perturb.spelling import Rewriting, spelling
from robustbench_ir.resources.cards import SHIPPED, Tables
from robustbench_ir.resources.languages import languages

_LONGEST_SENTENCE = 80
_SMALLEST_LINK = 0.05
_OF_DICTIONARY, _OF_HINT = 2.0, 1.0  # links that a source counts for
_HINTED = 0.15  # links that a hint needs, unless a dictionary has it
_UNSEEN = 1.5  # links to words that were not seen
_ENOUGH_LINKS = 1.6  # two sentence pairs, since no link is certain
_LONG_WORD, _DIFFERENT_LETTERS = 6, 0.4  # words of one origin
_OF_THE_BEST = 0.8
_SUBSTITUTES_KEPT = 3
_CAPITAL = 0.6  # share of capitals within sentences from which a word is a name
_NAMESAKE = 0.3  # share of links to names from which a word of a script without case may be a name
_WORD = regex.compile(r"[\p{L}\p{M}\p{Pd}'’\u200c\u200d ]{2,}|\p{Han}|\p{Hangul}")
_CASED = frozenset({"Latn", "Cyrl", "Grek", "Armn"})
_ADJECTIVE = ("-a", "-s")

Counts = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class _Text:
    """Parallel text, word by word; no sentence is empty.

    Attributes
    ----------
    words : sequence of sequence of str
        Words of the query's language, in lower case.
    small : frozenset of str
        Those that are mostly written without a capital within sentences; none in scripts without case.
    others : sequence of sequence of str
        Words of the translations, as they are written.
    """

    words: Sequence[Sequence[str]]
    small: frozenset[str]
    others: Sequence[Sequence[str]]


@dataclass(frozen=True)
class _Links:
    """Sums of the posterior probabilities of links.

    Attributes
    ----------
    stems : mapping
        Stem to lemma of the translation to links.
    forms : mapping
        Word in lower case to translation in lower case to links.
    frequency : mapping
        Number of occurrences of a stem.
    """

    stems: Counts
    forms: Counts
    frequency: Mapping[str, int]


@dataclass(frozen=True)
class _Embedded:
    """The language that is mixed in, as its side of the parallel text shows it.

    Attributes
    ----------
    lemma : callable
        Takes a word in lower case; returns its lemma.
    frequency : mapping
        Number of occurrences of a lemma.
    capitals : mapping
        Share of capitals among the occurrences of a lemma within sentences.
    function_words, adjectives : frozenset of str
        Words in lower case. "German" is an adjective, and no name.
    """

    lemma: Stemmer
    frequency: Mapping[str, int]
    capitals: Mapping[str, float]
    function_words: frozenset[str]
    adjectives: frozenset[str]

    def is_name(self, lemma: str) -> bool:
        """Return True if a lemma is the name of a person, a place or an organisation."""
        return self.capitals.get(lemma, 0.0) > _CAPITAL and lemma not in self.adjectives

    def is_sayable(self, lemma: str) -> bool:
        """Return True if a lemma can stand for a content word."""
        return lemma not in self.function_words and bool(_WORD.fullmatch(lemma))

    def written(self, word: str) -> str:
        """Return a word in lower case as it is written within a sentence."""
        capital = self.capitals.get(self.lemma(word), 0.0) > _CAPITAL
        return word[0].upper() + word[1:] if capital else word


def _alike(word: str, other: str) -> bool:
    """Return True if two words are likely to be of one origin: "Demokratie" and "democracy"."""
    longest = max(len(word), len(other))
    return longest >= _LONG_WORD and edit_distance(word, other) <= _DIFFERENT_LETTERS * longest


@dataclass(frozen=True)
class _Judge:
    """Chooses translations.

    Attributes
    ----------
    links : _Links
        What the text shows.
    listed, hinted : mapping
        Stem to lemma to weight, of dictionaries and of sources that prove nothing by themselves.
    other : _Embedded
        The language that is mixed in.
    small : frozenset of str
        Stems that are written without a capital.
    cased : bool
        Whether the script of the words has capitals.
    """

    links: _Links
    listed: Counts
    hinted: Counts
    other: _Embedded
    small: frozenset[str]
    cased: bool

    def chosen(self, stem: str, minimum: float) -> list[str]:
        """Return the probable translations, the best first; none for names."""
        ranked = sorted(self._probabilities(stem).items(), key=lambda one: (-one[1], one[0]))
        if not ranked or ranked[0][1] < minimum or self._is_name(stem, ranked[0][0]):
            return []
        best = ranked[0][1]
        kept = [lemma for lemma, probability in ranked if probability >= best * _OF_THE_BEST]
        return [lemma for lemma in kept if lemma != stem and self.other.is_sayable(lemma)][:_SUBSTITUTES_KEPT]

    def _probabilities(self, stem: str) -> dict[str, float]:
        links, listed = self.links.stems.get(stem, {}), self.listed.get(stem, {})
        said = {lemma: _OF_DICTIONARY * weight for lemma, weight in listed.items()}
        for lemma, weight in self.hinted.get(stem, {}).items():
            if lemma in listed or links.get(lemma, 0) >= _HINTED or _alike(stem, lemma):
                said[lemma] = said.get(lemma, 0.0) + _OF_HINT * (1 + min(weight, 1)) / 2
        whole = self.links.frequency.get(stem, 0) + sum(said.values()) + _UNSEEN
        enough = {lemma for lemma, count in links.items() if count >= _ENOUGH_LINKS} | said.keys()
        return {lemma: (links.get(lemma, 0) + said.get(lemma, 0)) / whole for lemma in enough}

    def _is_name(self, stem: str, best: str) -> bool:
        if self.cased:
            return self.other.is_name(best) and stem not in self.small
        links = self.links.stems.get(stem, {})
        names = sum(count for lemma, count in links.items() if self.other.is_name(lemma))
        return self.other.is_name(best) or names > _NAMESAKE * sum(links.values())


def translations(language: str, embedded: str, minimum: float, tables: Tables = SHIPPED) -> Entries:
    """Return the translations of words and phrases, the most probable first.

    Parameters
    ----------
    language, embedded : str
        Codes of the language of the words and of that of the translations.
    minimum : float
        Smallest probability of a translation, 0 to 1.
    tables : Tables
        Where the sources are found.

    Returns
    -------
    mapping of str to tuple of str
        Entries in lower case; those after a hyphen are stems. A compound without a translation has an empty tuple, so
        that its parts are not translated either.

    Raises
    ------
    DataUnavailableError
        If a source is not available.
    """
    evidence = find_evidence(language, embedded, tables)
    same = spelling(language, tables).same
    listed, hinted = (_spelt(one, same) for one in (dictionary(evidence, tables), hints(evidence, tables)))
    rules = inflection(language, tables)
    text = _read(sentence_pairs(evidence, tables), language, embedded, same)
    compounds = _compounds(text, (*listed, *hinted)) if rules.compounds else frozenset[str]()
    if compounds:
        text = _Text([joined(words, compounds) for words in text.words], text.small, text.others)
    stem = stemmer(language, (word for words in text.words for word in words), rules)
    other = _embedded(text, embedded, tables)
    listed_stems, hinted_stems = (_by_stem(one, stem, other, compounds) for one in (listed, hinted))
    links = _linked(text, stem, other, listed_stems)
    judge = _Judge(links, listed_stems, hinted_stems, other, frozenset(map(stem, text.small)), _is_cased(language))
    chosen = {one: judge.chosen(one, minimum) for one in {*links.stems, *listed_stems, *hinted_stems}}
    found = _entries({one: best for one, best in chosen.items() if best}, links, stem, other, rules)
    return {**dict.fromkeys(compounds, ()), **_phrases(listed, other), **found}


def _spelt(listed: Weights, same: Rewriting) -> Weights:
    """Return weights under the spellings that are looked up."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for word, others in listed.items():
        found[same(word)].update(others)
    return found


def _is_cased(language: str) -> bool:
    facts = languages().get(language)
    return facts is not None and facts.script in _CASED


def _read(pairs: Iterable[Pair], language: str, embedded: str, same: Rewriting) -> _Text:
    words, others = [], []
    small: Counter[str] = Counter()
    for text, translation in pairs:
        left, right = _words(text, language), _words(translation, embedded)
        if 0 < len(left) <= _LONGEST_SENTENCE and 0 < len(right) <= _LONGEST_SENTENCE:
            words.append([same(word) for word in left])
            others.append(right)
            small.update({same(word): 1 if word[0].islower() else -1 for word in left[1:]})
    return _Text(words, frozenset(word for word, surplus in small.items() if surplus > 0), others)


def _words(text: str, language: str) -> list[str]:
    whole = nfc(text)
    return [whole[start:end] for start, end in word_spans(whole, language)]


def _compounds(text: _Text, listed: Iterable[str]) -> frozenset[str]:
    return collocations(text.words) | {word for word in listed if " " in word}


def _embedded(text: _Text, embedded: str, tables: Tables) -> _Embedded:
    lemma = stemmer(embedded, (), inflection(embedded, tables))
    frequency = Counter(lemma(word.lower()) for words in text.others for word in words)
    within = Counter(lemma(word.lower()) for words in text.others for word in words[1:])
    capitals = Counter(lemma(word.lower()) for words in text.others for word in words[1:] if word[0].isupper())
    wordnet = f"wordnet/{embedded}"
    synsets = word_pairs(wordnet, tables) if wordnet in lexicon_sources(tables) else ()
    adjectives = frozenset(word for word, synset in synsets if synset.endswith(_ADJECTIVE))
    function_words = stop_words(embedded, tables)
    return _Embedded(
        lemma,
        frequency,
        {word: count / within[word] for word, count in capitals.items()},
        function_words | frozenset(map(lemma, function_words)),
        adjectives,
    )


def _by_stem(listed: Weights, stem: Stemmer, other: _Embedded, compounds: frozenset[str]) -> Counts:
    """Return weights by stem and lemma; of several translations the more frequent ones weigh more."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for word, translations_of in listed.items():
        if not translations_of or (" " in word and word not in compounds):
            continue
        weights = {
            one: weight * sqrt(1 + other.frequency.get(other.lemma(one.lower()), 0))
            for one, weight in translations_of.items()
        }
        share = sum(translations_of.values()) / sum(weights.values())
        for one, weight in weights.items():
            found[stem(word)][other.lemma(one.lower())] += weight * share
    return found


def _linked(text: _Text, stem: Stemmer, other: _Embedded, listed: Counts) -> _Links:
    pairs = [
        (tuple(map(stem, words)), tuple(other.lemma(one.lower()) for one in translation))
        for words, translation in zip(text.words, text.others, strict=True)
    ]
    posteriors = link_posteriors(pairs, lambda word, one: listed.get(word, {}).get(one, 0.0)) if pairs else []
    stems: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    forms: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for place, (forth, back) in enumerate(posteriors):
        links = np.sqrt(forth * back)
        words, written = text.words[place], text.others[place]
        for left, right in zip(*np.nonzero(links > _SMALLEST_LINK), strict=True):
            weight = float(links[left, right])
            stems[pairs[place][0][left]][pairs[place][1][right]] += weight
            forms[words[left]][written[right].lower()] += weight
    return _Links(stems, forms, Counter(word for words, _ in pairs for word in words))


def _entries(
    chosen: Mapping[str, Sequence[str]], links: _Links, stem: Stemmer, other: _Embedded, rules: Inflection
) -> Entries:
    """Return entries for stems, and for each form in the text, translated by the forms that it is linked to."""
    found = {
        STEM + one if rules.prefixes else one: tuple(other.written(best) for best in lemmas)
        for one, lemmas in chosen.items()
    }
    for form, linked in links.forms.items():
        lemmas = chosen.get(stem(form))
        if lemmas:
            found[form] = tuple(dict.fromkeys(other.written(_form_of(lemma, linked, other.lemma)) for lemma in lemmas))
    return found


def _form_of(lemma: str, linked: Mapping[str, float], lemma_of: Stemmer) -> str:
    """Return the form of a lemma that a word is linked to most; the lemma itself if to none."""
    return max((form for form in linked if lemma_of(form) == lemma), key=linked.__getitem__, default=lemma)


def _phrases(listed: Weights, other: _Embedded) -> Entries:
    """Return the phrases that dictionaries have, with their translations."""
    plain = {
        word: tuple(one for one in translations_of if other.is_sayable(one.lower()) and not one[0].isupper())
        for word, translations_of in listed.items()
        if " " in word
    }
    return {word: found[:_SUBSTITUTES_KEPT] for word, found in plain.items() if found}
