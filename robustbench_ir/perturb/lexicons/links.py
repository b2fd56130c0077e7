"""Words of a language linked to their translations, from parallel text and what dictionaries say.

Translations and synonyms are both chosen from it: `translations` takes the words that a word is linked to, `synonyms`
the words that are linked to the same words.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from itertools import islice, pairwise
from math import sqrt

import numpy as np
import regex

from robustbench_ir._base.cache import current_cache, read_cached
from robustbench_ir._base.files import write_checked
from robustbench_ir._base.text import nfc, word_spans
from robustbench_ir.errors import ResultError
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.lexicons.catalogue import lexicon_sources, word_pairs
from robustbench_ir.perturb.lexicons.compounds import collocations, joined
from robustbench_ir.perturb.lexicons.evidence import Weights, dictionary, find_evidence, hints, sentence_pairs
from robustbench_ir.perturb.lexicons.hidden_markov import Floats, link_posteriors
from robustbench_ir.perturb.lexicons.inflection import behind_elision, inflection
from robustbench_ir.perturb.lexicons.sources import Pair
from robustbench_ir.perturb.lexicons.stems import Stemmer, stemmer
from robustbench_ir.perturb.spelling import Rewriting, spelling
from robustbench_ir.resources.cards import SHIPPED, Tables

_LONGEST_SENTENCE = 80
_SMALLEST_LINK = 0.05
_CAPITAL = 0.6  # share of capitals within sentences from which a word is a name
_WORD = regex.compile(r"[\p{L}\p{M}\p{Pd}'’\u200c\u200d ]{2,}|\p{Han}|\p{Hangul}")
_FINAL_SIGMA = regex.compile(r"(?<=\p{Greek})σ\b")
_ADJECTIVE = ("-a", "-s")
_OFTEN_TOGETHER = 3  # sentences from which two words are a pair of neighbours
_MADE = 0.5  # probability from which a word of the translation has made a word

Counts = Mapping[str, Mapping[str, float]]

_REMEMBERED = 1 << 17
_FORMAT = 3  # raised when the same texts would give other links


@dataclass(frozen=True)
class _Text:
    """Parallel text, word by word; no sentence is empty.

    Attributes
    ----------
    words : sequence of sequence of str
        Words of the query's language, in lower case.
    small_letters : sequence of sequence of bool
        Whether each word begins with a small letter; never in scripts without case.
    others : sequence of sequence of str
        Words of the translations, as they are written.
    written : mapping
        Words in the spelling of the look-up to what the text mostly writes, in lower case.
    """

    words: Sequence[Sequence[str]]
    small_letters: Sequence[Sequence[bool]]
    others: Sequence[Sequence[str]]
    written: Mapping[str, str]

    @property
    def small(self) -> frozenset[str]:
        """Words that are mostly written without a capital within sentences."""
        surplus: Counter[str] = Counter()
        for words, letters in zip(self.words, self.small_letters, strict=True):
            surplus.update({word: 1 if small else -1 for word, small in zip(words[1:], letters[1:], strict=True)})
        return frozenset(word for word, count in surplus.items() if count > 0)

    def with_compounds(self, compounds: Collection[str]) -> _Text:
        """Return the text with each compound as one word; it begins with a small letter if all its syllables do."""
        words = [joined(syllables, compounds) for syllables in self.words]
        letters = []
        for whole, of_syllables in zip(words, self.small_letters, strict=True):
            remaining = iter(of_syllables)
            letters.append([all(list(islice(remaining, word.count(" ") + 1))) for word in whole])
        return _Text(words, letters, self.others, self.written)


@dataclass(frozen=True)
class Neighbours:
    """Two words that stand side by side at least three times.

    Attributes
    ----------
    count : int
        How often they do.
    left, right : mapping
        Lemma of the translation to links of the left and of the right word there.
    shared : mapping
        Word of the translation in lower case to how often it has made both.
    """

    count: int
    left: Mapping[str, float]
    right: Mapping[str, float]
    shared: Mapping[str, float]


@dataclass(frozen=True)
class Sums:
    """Sums over a text of links: by stem and lemma, by form and form, to words with a capital, and of neighbours."""

    stems: Counts
    forms: Counts
    capitals: Mapping[str, float]
    neighbours: Mapping[tuple[str, str], Neighbours]

    def to_json(self) -> bytes:
        """Return the sums as JSON."""
        beside = [[*words, one.count, one.left, one.right, one.shared] for words, one in self.neighbours.items()]
        return json.dumps([self.stems, self.forms, self.capitals, beside], ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Sums:
        """Return the sums that `to_json` has written."""
        stems, forms, capitals, beside = json.loads(content)
        return cls(stems, forms, capitals, {(left, right): Neighbours(*one) for left, right, *one in beside})


@dataclass(frozen=True)
class Links:
    """Sums of the posterior probabilities of links.

    Attributes
    ----------
    stems : mapping
        Stem to lemma of the translation to links.
    forms : mapping
        Word in lower case to translation in lower case to links.
    frequency : mapping
        Number of occurrences of a stem.
    sentences : mapping
        Numbers of the sentences that have a stem.
    size : int
        Number of sentences.
    capitals : mapping
        Links of a stem to words with a capital within sentences.
    neighbours : mapping
        Two words in lower case that often stand side by side.
    """

    stems: Counts
    forms: Counts
    frequency: Mapping[str, int]
    sentences: Mapping[str, frozenset[int]]
    size: int
    capitals: Mapping[str, float]
    neighbours: Mapping[tuple[str, str], Neighbours]


@dataclass(frozen=True)
class OtherLanguage:
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


@dataclass(frozen=True)
class LinkedWords:
    """What is known of the words of a language and their translations.

    Attributes
    ----------
    links : Links
        What the text shows.
    listed, hinted : mapping
        Stem to lemma to weight, of dictionaries and of sources that prove nothing by themselves.
    words : mapping
        Word in lower case to translations and weights, as the dictionaries list them.
    stem : callable
        Takes a word in lower case; returns its stem.
    small : frozenset of str
        Stems that are written without a capital.
    other : OtherLanguage
        The language of the translations.
    compounds : frozenset of str
        Words of several syllables that are written apart.
    written : mapping
        Words in the spelling of the look-up to what the text mostly writes, in lower case.
    """

    links: Links
    listed: Counts
    hinted: Counts
    words: Weights
    stem: Stemmer
    small: frozenset[str]
    other: OtherLanguage
    compounds: frozenset[str]
    written: Mapping[str, str] = field(default_factory=dict)

    def as_written(self, word: str) -> str:
        """Return a word as people write it: with the final sigma or the ß that the look-up spells in another way."""
        return _as_written(word, self.written)


def _as_written(word: str, written: Mapping[str, str]) -> str:
    return written.get(word) or _FINAL_SIGMA.sub("ς", word)


@lru_cache(maxsize=1)  # the lexicons of one row, and the words behind its proclitics, need the same
def linked_words(language: str, embedded: str, tables: Tables = SHIPPED) -> LinkedWords:
    """Link the words of two languages by all the evidence that there is.

    Parameters
    ----------
    language, embedded : str
        Codes of the language of the words and of that of the translations.
    tables : Tables
        Where the sources are found.

    Raises
    ------
    DataUnavailableError
        If a source is not available.
    """
    evidence = find_evidence(language, embedded, tables)
    same = spelling(language, tables).same
    listed, hinted = (_spelt(one, same) for one in (dictionary(evidence, tables), hints(evidence, tables)))
    rules = inflection(language, tables)
    text = _read(sentence_pairs(evidence, tables), language, embedded, same, rules.elided)
    compounds = _compounds(text, (*listed, *hinted)) if rules.compounds else frozenset[str]()
    if compounds:
        text = text.with_compounds(compounds)
    stem = stemmer(language, (word for words in text.words for word in words), rules)
    if rules.lemmas:
        stem = _of_written_words(stem, text.written, same)
    other = _embedded(text, embedded, tables)
    listed_stems, hinted_stems = (_by_stem(one, stem, other, compounds) for one in (listed, hinted))
    links = _linked(text, stem, other, listed_stems)
    small = frozenset(map(stem, text.small))
    return LinkedWords(links, listed_stems, hinted_stems, listed, stem, small, other, compounds, text.written)


def _of_written_words(lemma: Stemmer, written: Mapping[str, str], same: Rewriting) -> Stemmer:
    """Return a stemmer of words in the spelling of the look-up; simplemma knows them as people write them."""

    @lru_cache(maxsize=_REMEMBERED)
    def stem(word: str) -> str:
        return same(lemma(_as_written(word, written)))

    return stem


def _spelt(listed: Weights, same: Rewriting) -> Weights:
    """Return weights under the spellings that are looked up."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for word, others in listed.items():
        if key := same(word):
            found[key].update(others)
    return found


def _read(pairs: Iterable[Pair], language: str, embedded: str, same: Rewriting, elided: Sequence[str]) -> _Text:
    words, letters, others = [], [], []
    spelt: dict[str, Counter[str]] = defaultdict(Counter)
    for text, translation in pairs:
        left, right = _words(text, language, elided), _words(translation, embedded)
        if 0 < len(left) <= _LONGEST_SENTENCE and 0 < len(right) <= _LONGEST_SENTENCE:
            kept = [word for word in left if same(word)]
            words.append([same(word) for word in kept])
            letters.append([word[0].islower() for word in kept])
            for word in left:
                spelt[same(word)][word.lower()] += 1
            others.append(right)
    written = {one: min(found, key=lambda word: (-found[word], word)) for one, found in spelt.items()}
    return _Text(words, letters, others, written)


def _words(text: str, language: str, elided: Sequence[str] = ()) -> list[str]:
    whole = nfc(text)
    spans = (behind_elision(whole, span, elided) for span in word_spans(whole, language))
    return [whole[start:end] for start, end in spans]


def _compounds(text: _Text, listed: Iterable[str]) -> frozenset[str]:
    return collocations(text.words) | {word for word in listed if " " in word}


def _embedded(text: _Text, embedded: str, tables: Tables) -> OtherLanguage:
    lemma = stemmer(embedded, (), inflection(embedded, tables))
    frequency = Counter(lemma(word.lower()) for words in text.others for word in words)
    within = Counter(lemma(word.lower()) for words in text.others for word in words[1:])
    capitals = Counter(lemma(word.lower()) for words in text.others for word in words[1:] if word[0].isupper())
    wordnet = f"wordnet/{embedded}"
    synsets = word_pairs(wordnet, tables) if wordnet in lexicon_sources(tables) else ()
    adjectives = frozenset(word for word, synset in synsets if synset.endswith(_ADJECTIVE))
    function_words = stop_words(embedded, tables)
    return OtherLanguage(
        lemma,
        frequency,
        {word: count / within[word] for word, count in capitals.items()},
        function_words | frozenset(map(lemma, function_words)),
        adjectives,
    )


def _by_stem(listed: Weights, stem: Stemmer, other: OtherLanguage, compounds: frozenset[str]) -> Counts:
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


def _linked(text: _Text, stem: Stemmer, other: OtherLanguage, listed: Counts) -> Links:
    pairs = [
        (tuple(map(stem, words)), tuple(other.lemma(one.lower()) for one in translation))
        for words, translation in zip(text.words, text.others, strict=True)
    ]
    known = sorted((word, sorted(others.items())) for word, others in listed.items())
    texts = sha256(repr((pairs, text.words, text.others, known)).encode()).hexdigest()
    sums = _kept_sums(texts, lambda: _sums(text, pairs, listed))
    frequency: Counter[str] = Counter()
    sentences: dict[str, set[int]] = defaultdict(set)
    for place, (words_of_line, _) in enumerate(pairs):
        frequency.update(words_of_line)
        for word in words_of_line:
            sentences[word].add(place)
    places = {word: frozenset(found) for word, found in sentences.items()}
    return Links(sums.stems, sums.forms, frequency, places, len(pairs), sums.capitals, sums.neighbours)


def _kept_sums(texts: str, sums: Callable[[], Sums]) -> Sums:
    """Return sums from the cache, or make them and keep them there: code-switching and synonyms need the same."""
    path = current_cache().path("lexicons", "links", _FORMAT, texts)
    content = read_cached(path)
    if content is not None:
        return Sums.from_json(content)
    made = sums()
    with contextlib.suppress(ResultError):
        write_checked(path, made.to_json())
    return made


def _sums(text: _Text, pairs: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], listed: Counts) -> Sums:
    posteriors = link_posteriors(pairs, lambda word, one: listed.get(word, {}).get(one, 0.0)) if pairs else []
    stems: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    forms: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    capitals: dict[str, float] = defaultdict(float)
    for place, (forth, back) in enumerate(posteriors):
        links = np.sqrt(forth * back)
        words, written = text.words[place], text.others[place]
        for left, right in zip(*np.nonzero(links > _SMALLEST_LINK), strict=True):
            weight = float(links[left, right])
            stems[pairs[place][0][left]][pairs[place][1][right]] += weight
            forms[words[left]][written[right].lower()] += weight
            if right and written[right][0].isupper():
                capitals[pairs[place][0][left]] += weight
    return Sums(stems, forms, capitals, _neighbours(text, [lemmas for _, lemmas in pairs], posteriors))


def _neighbours(
    text: _Text, lemmas: Sequence[Sequence[str]], posteriors: Sequence[tuple[Floats, Floats]]
) -> dict[tuple[str, str], Neighbours]:
    """Return the words that often stand side by side, with their links there."""
    counts = Counter(two for words in text.words for two in pairwise(words))
    found = {two: Neighbours(count, {}, {}, {}) for two, count in counts.items() if count >= _OFTEN_TOGETHER}
    sums = {two: tuple(defaultdict[str, float](float) for _ in range(3)) for two in found}
    for place, (forth, back) in enumerate(posteriors):
        links = np.sqrt(forth * back)
        for left, two in enumerate(pairwise(text.words[place])):
            if two not in found:
                continue
            for side in (0, 1):
                for right in np.flatnonzero(links[left + side] > _SMALLEST_LINK):
                    sums[two][side][lemmas[place][int(right)]] += float(links[left + side, right])
            both = np.minimum(back[left], back[left + 1])
            if both.max() > _MADE:
                sums[two][2][text.others[place][int(both.argmax())].lower()] += 1
    return {two: Neighbours(one.count, *map(dict, sums[two])) for two, one in found.items()}
