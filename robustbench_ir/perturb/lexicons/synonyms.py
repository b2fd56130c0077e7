"""Synonyms by two independent witnesses.

Two words that are translated by the same words mean the same (paraphrases by pivot, Bannard & Callison-Burch 2005,
https://aclanthology.org/P05-1074). How much of their translations two words share is estimated from the words that
parallel text links to them and from dictionaries. Two English words count as one translation, at a discount, if many
languages translate both by one word. A pair needs a second witness: a synset that is among the first senses of the
word, judged by its translations, or a second sentence or dictionary that gives one of the words. Forms of one word are
no synonyms, and the words have to be of one part of speech.

A list of proposed pairs, written by a reader, is a witness of its own. A pair of such a list needs only one source that
supports it: a synset or a translation that both words have.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

from robustbench_ir._base.text import script
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.lexicons.catalogue import lexicon_sources, word_pairs
from robustbench_ir.perturb.lexicons.evidence import find_evidence
from robustbench_ir.perturb.lexicons.inflection import Entries, Inflection, inflection
from robustbench_ir.perturb.lexicons.links import Counts, LinkedWords, linked_words
from robustbench_ir.perturb.lexicons.sources import Pair
from robustbench_ir.perturb.lexicons.stems import stemmer
from robustbench_ir.perturb.spelling import spelling
from robustbench_ir.resources.cards import SHIPPED, Tables
from robustbench_ir.resources.languages import languages

_PIVOT_SYNONYMS = "gatitos-synonyms/{}"
_OF_DICTIONARY = 2.0  # links that a dictionary counts for
_UNSEEN = 1.0  # links to words that were not seen
_SMALLEST_LINKS = 0.3
_OF_NEAR = 0.7  # what a synonym of a translation counts for
_WITH_SYNSET, _WITHOUT_SYNSET, _IN_TEXT_ALONE = 0.12, 0.25, 0.35  # smallest shares of translations
_MOSTLY_ONE = 0.6  # share from which two words mean the same, whatever a wordnet has
_OF_BEST = 0.15  # share of the substitute's translations that the word's best one has to have
_TEXT_ALONE = 1.6  # links of a word that no dictionary has: two sentence pairs, since no link is certain
_TEXT_AND_SYNSET = 0.6  # the same, where a synset has both words
_TEXT_AND_DICTIONARY = 0.5  # the same, where a dictionary has it as one of several
_TOGETHER = 0.15  # share of the sentences of the rarer word from which two words are parts of a phrase
_LARGE_TEXT = 1500  # sentences in which every everyday word is seen
_LARGE_DICTIONARY = 20_000  # entries among which every word of the standard spelling is
_FIRST_SENSES = 2
_NAME = 0.5  # share of links to words with a capital from which a word is a name
_ONE_WORD = 0.7  # share of letters in common, in order, from which two words are forms of one
_SUBSTITUTES_KEPT = 3
_LONG_WORD, _ENDING, _SHORTEST_ROOT = 4, 2, 3
_MARK = re.compile(r"[\u0300-\u036f\s'’-]")
_HOOKS = str.maketrans("ƙɗɓƴ", "kdby")
_HAN = re.compile(r"[\u3400-\u9fff]")
_VOWEL = re.compile(r"[aeiouɛɔạẹịọụ]", re.IGNORECASE)


@dataclass(frozen=True)
class _Wordnet:
    """Synsets of the words of a language, and their words in the pivot.

    Attributes
    ----------
    synsets : mapping of str to frozenset of str
        Word to synsets; the last character of a synset is its part of speech.
    glosses : mapping of str to frozenset of str
        Synset to words of the pivot.
    """

    synsets: Mapping[str, frozenset[str]]
    glosses: Mapping[str, frozenset[str]]

    def first_senses(self, word: str, meanings: Mapping[str, float]) -> list[str]:
        """Return the synsets of a word that its translations support most."""
        weighed = sorted(
            (
                (sum(meanings.get(gloss, 0.0) for gloss in self.glosses.get(one, ())), one)
                for one in self.synsets.get(word, ())
            ),
            reverse=True,
        )
        return [one for weight, one in weighed[:_FIRST_SENSES] if weight > 0]

    def parts(self, word: str) -> frozenset[str]:
        """Return the parts of speech of a word; satellite adjectives are adjectives."""
        return frozenset(synset[-1].replace("s", "a") for synset in self.synsets.get(word, ()))

    def share_a_synset(self, word: str, other: str) -> bool:
        """Return True if two words are synonyms in any sense."""
        return not self.synsets.get(word, frozenset()).isdisjoint(self.synsets.get(other, ()))


@dataclass(frozen=True)
class _Judge:
    """Chooses synonyms among the stems of a language.

    Attributes
    ----------
    known : LinkedWords
        Links and dictionaries.
    near : mapping
        Word of the pivot to its synonyms.
    wordnet : _Wordnet
        Synsets; none for languages without a wordnet.
    function_words : frozenset of str
        Words of the language that are not replaced.
    nouns_have_capitals : bool
        Whether a capital is that of a noun rather than of a name.
    cased : bool
        Whether the script has capitals.
    pivot_synsets : mapping
        Word of the pivot to its synsets, which support what a reader proposes.
    """

    known: LinkedWords
    near: Mapping[str, tuple[str, ...]]
    wordnet: _Wordnet
    function_words: frozenset[str]
    nouns_have_capitals: bool
    cased: bool
    pivot_synsets: Mapping[str, frozenset[str]]

    @cached_property
    def meanings(self) -> Counts:
        """Stem to translation to probability."""
        return {
            stem: self._probabilities(stem)
            for stem in {*self.known.links.stems, *self.known.listed}
            if stem not in self.function_words and not self._is_name(stem)
        }

    def _probabilities(self, stem: str) -> dict[str, float]:
        links, listed = self.known.links.stems.get(stem, {}), self.known.listed.get(stem, {})
        whole = self.known.links.frequency.get(stem, 0) + _OF_DICTIONARY * sum(listed.values()) + _UNSEEN
        found = {one: count for one, count in links.items() if count >= _SMALLEST_LINKS}
        for one, weight in listed.items():
            found[one] = found.get(one, 0.0) + _OF_DICTIONARY * weight
        return {one: count / whole for one, count in found.items() if self.known.other.is_sayable(one)}

    def _is_name(self, stem: str) -> bool:
        links = self.known.links
        if links.capitals.get(stem, 0.0) > _NAME * sum(links.stems.get(stem, {}).values()):
            return True
        if not self.cased or self.nouns_have_capitals:
            return False
        return links.frequency.get(stem, 0) > 0 and stem not in self.known.small

    @cached_property
    def _words_of(self) -> Mapping[str, Sequence[str]]:
        """Translation to the stems that have it or a synonym of it."""
        found: dict[str, list[str]] = defaultdict(list)
        for stem, meanings in self.meanings.items():
            for one, probability in meanings.items():
                if probability >= _OF_BEST / 2:
                    for meaning in (one, *self.near.get(one, ())):
                        found[meaning].append(stem)
        return found

    def chosen(self, stem: str) -> list[tuple[float, str]]:
        """Return the synonyms of a stem and their shares of its translations, the best first."""
        meanings = self.meanings.get(stem, {})
        if not meanings:
            return []
        best = max(meanings, key=lambda one: (meanings[one], one))
        first = self.wordnet.first_senses(stem, self._widened(meanings))
        found = []
        for other in dict.fromkeys(self._words_of.get(best, ())):
            if other == stem or same_root(stem, other) or not self._can_replace(stem, other):
                continue
            theirs = self.meanings[other]
            widened = self._widened(theirs)
            share = sum(min(probability, widened.get(one, 0.0)) for one, probability in meanings.items())
            in_synset = not self.wordnet.synsets.get(other, frozenset()).isdisjoint(first)
            mutual = max(theirs, key=lambda one: (theirs[one], one)) in {best, *self.near.get(best, ())}
            if not (in_synset or mutual) or widened.get(best, 0.0) < _OF_BEST:
                continue
            if self._is_enough(stem, other, share, in_synset=in_synset) and (
                share >= _MOSTLY_ONE or not self._told_apart(stem, other, best)
            ):
                found.append((share + in_synset, other))
        return sorted(found, key=lambda one: (-one[0], one[1]))[:_SUBSTITUTES_KEPT]

    def supports(self, word: str, other: str) -> bool:
        """Return True if the sources have one meaning for two words: a synset, or translations that are synonyms."""
        return not self._senses(word).isdisjoint(self._senses(other))

    def _senses(self, word: str) -> set[str]:
        """Return the synsets of a word, its translations, their synonyms, and the synsets that those are in.

        A wordnet translates too: by the words that its synsets have in the pivot. What a text or dictionary says of
        one word and a wordnet of the other thus agrees.
        """
        stem = self.known.stem(word)
        synsets = {*self.wordnet.synsets.get(word, ()), *self.wordnet.synsets.get(stem, ())}
        meanings = self._widened(self.meanings.get(stem, {})).keys()
        return {*synsets, *meanings, *(synset for one in meanings for synset in self.pivot_synsets.get(one, ()))}

    def _told_apart(self, stem: str, other: str, meaning: str) -> bool:
        """Return True if the wordnet has two words in different senses of one translation, such as "time"."""
        left, right = (
            {one for one in self.wordnet.synsets.get(word, ()) if meaning in self.wordnet.glosses.get(one, ())}
            for word in (stem, other)
        )
        return bool(left and right and not left & right)

    def _widened(self, meanings: Mapping[str, float]) -> dict[str, float]:
        """Return the probabilities of translations, each with a part of those of its synonyms."""
        found = dict(meanings)
        for one, probability in meanings.items():
            for near in self.near.get(one, ()):
                found[near] = found.get(near, 0.0) + _OF_NEAR * probability
        return found

    def _is_enough(self, stem: str, other: str, share: float, *, in_synset: bool) -> bool:
        if not in_synset and not self._is_everyday(other):
            return False
        shared = self.meanings[stem].keys() & self._widened(self.meanings[other]).keys()
        theirs = {*shared, *(near for one in shared for near in self.near.get(one, ()))}
        enough = _TEXT_AND_SYNSET if in_synset else _TEXT_ALONE
        if not (self._is_proven(stem, shared, enough) and self._is_proven(other, theirs, enough)):
            return False
        if in_synset:
            return share >= _WITH_SYNSET
        if _HAN.match(stem) and not set(stem) & set(other) and share < _MOSTLY_ONE:
            return False  # Chinese synonyms mostly have a character, which is a morpheme, in common
        in_dictionary = any(one in self.known.listed.get(word, {}) for word in (stem, other) for one in theirs)
        return share >= (_WITHOUT_SYNSET if in_dictionary else _IN_TEXT_ALONE)

    def _is_everyday(self, word: str) -> bool:
        """Return False for words that a large text or a large dictionary does not have."""
        seen = self.known.links.size < _LARGE_TEXT or word in self.known.links.frequency
        return seen and (len(self.known.listed) < _LARGE_DICTIONARY or word in self.known.listed)

    def _is_proven(self, word: str, said: Collection[str], enough: float) -> bool:
        """Return True if the sources give a word one of some translations.

        One of several translations in a dictionary is the sense of a rare word, unless the text has it too.
        """
        links, listed = self.known.links.stems.get(word, {}), self.known.listed.get(word, {})
        seen, named = sum(links.get(one, 0.0) for one in said), sum(one in listed for one in said)
        return seen >= enough or (bool(named) and (named > 1 or len(listed) == 1 or seen >= _TEXT_AND_DICTIONARY))

    def _can_replace(self, stem: str, other: str) -> bool:
        """Return False for words of different parts of speech, and for words that stand together in a phrase."""
        left, right = (self.known.links.sentences.get(word, frozenset()) for word in (stem, other))
        together = len(left & right) > _TOGETHER * min(len(left), len(right))
        return not together and self._same_part(stem, other)

    def _same_part(self, stem: str, other: str) -> bool:
        """Return False if the wordnet, or the capitals of nouns, say that two words differ in part of speech."""
        if self.nouns_have_capitals:
            seen = [one for one in (stem, other) if one in self.known.links.frequency]
            if len({one in self.known.small for one in seen}) > 1:
                return False
        left, right = self.wordnet.parts(stem), self.wordnet.parts(other)
        return not left or not right or bool(left & right)


def synonyms_by_evidence(language: str, pivot: str, tables: Tables = SHIPPED, proposed: str | None = None) -> Entries:
    """Return the synonyms of words, the most probable first.

    Parameters
    ----------
    language, pivot : str
        Codes of the language, and of that whose words prove that two words mean the same. They are equal for English,
        whose synonyms are those that many languages translate by one word.
    tables : Tables
        Where the sources are found.
    proposed : str, optional
        Name of a list of pairs that a reader wrote. Its words are replaced by those of its pairs that a source
        supports, before any that the sources alone would give.

    Returns
    -------
    mapping of str to tuple of str
        Entries in lower case: lemmas where there is a dictionary of them, else forms that the sources have. A compound
        without synonyms has an empty tuple, so that its parts are not replaced either.

    Raises
    ------
    DataUnavailableError
        If a source is not available.
    """
    pairs = word_pairs(proposed, tables) if proposed else ()
    if language == pivot:
        return _synonyms_of_pivot(pivot, pairs, tables)
    known, rules = linked_words(language, pivot, tables), inflection(language, tables)
    facts = languages().get(language)
    same = spelling(language, tables).same
    function_words = frozenset(map(same, stop_words(language, tables)))
    judge = _Judge(
        known,
        pivot_synonyms(pivot, tables),
        _wordnet(language, pivot, tables),
        function_words | frozenset(map(known.stem, function_words)),
        bool(facts and facts.capitalised_nouns),
        bool(facts and facts.script in {"Latn", "Cyrl", "Grek", "Armn"}),
        _wordnet(pivot, pivot, tables).synsets if proposed else {},
    )
    chosen = {stem: [other for _, other in judge.chosen(stem)] for stem in judge.meanings}
    forms = _forms(known, judge.wordnet, rules)
    found = {}
    for stem, others in chosen.items():
        for form in forms.get(stem, ()):
            candidates = (one for other in others for one in forms.get(other, ()))
            kept = [one for one in candidates if agree(form, one, rules) and script(form) == script(one)]
            if kept:
                found[form] = tuple(dict.fromkeys(map(known.as_written, kept)))[:_SUBSTITUTES_KEPT]

    def supports(word: str, other: str) -> bool:
        return agree(word, other, rules) and judge.supports(same(word), same(other))

    proposals = {same(word): others for word, others in _supported(pairs, supports).items()}
    merged = {**dict.fromkeys(known.compounds, ()), **found, **proposals}
    return {known.as_written(word): others for word, others in merged.items()}


def _synonyms_of_pivot(pivot: str, proposed: Iterable[Pair], tables: Tables) -> Entries:
    near, wordnet = pivot_synonyms(pivot, tables), _wordnet(pivot, pivot, tables)
    lemma = stemmer(pivot, (), inflection(pivot, tables))

    def supports(word: str, other: str) -> bool:
        forms = ((word, other), (lemma(word), lemma(other)))
        return any(right in near.get(left, ()) or wordnet.share_a_synset(left, right) for left, right in forms)

    counted = {word: others[:_SUBSTITUTES_KEPT] for word, others in near.items()}
    return {**counted, **_supported(proposed, supports)}


def _supported(proposed: Iterable[Pair], supports: Callable[[str, str], bool]) -> Entries:
    """Return the proposed synonyms that a source supports, in the order of the list."""
    found: dict[str, list[str]] = defaultdict(list)
    for word, other in proposed:
        if supports(word, other):
            found[word].append(other)
    return {word: tuple(others[:_SUBSTITUTES_KEPT]) for word, others in found.items()}


def sources_of_synonyms(language: str, pivot: str, tables: Tables = SHIPPED) -> tuple[str, ...]:
    """Return the names of the sources that `synonyms_by_evidence` reads."""
    counted = _PIVOT_SYNONYMS.format(pivot)
    evidence = find_evidence(language, pivot, tables).names if language != pivot else ()
    synsets = (name for pair in find_evidence(pivot, pivot, tables).wordnets for name in pair)
    return tuple(name for name in dict.fromkeys((*evidence, *synsets, counted)) if name in lexicon_sources(tables))


def pivot_synonyms(pivot: str, tables: Tables = SHIPPED) -> Mapping[str, tuple[str, ...]]:
    """Return the words of the pivot that many languages translate by the same word; none if that was not counted."""
    name = _PIVOT_SYNONYMS.format(pivot)
    found: dict[str, list[str]] = defaultdict(list)
    for word, other in word_pairs(name, tables) if name in lexicon_sources(tables) else ():
        found[word].append(other)
    return {word: tuple(others) for word, others in found.items()}


def _wordnet(language: str, pivot: str, tables: Tables) -> _Wordnet:
    same = spelling(language, tables).same
    synsets: dict[str, set[str]] = defaultdict(set)
    glosses: dict[str, set[str]] = defaultdict(set)
    for name, other in find_evidence(language, pivot, tables).wordnets:
        for word, synset in word_pairs(name, tables):
            synsets[same(word)].add(synset)
        for word, synset in word_pairs(other, tables):
            glosses[synset].add(word)
    return _Wordnet(*({key: frozenset(values) for key, values in one.items()} for one in (synsets, glosses)))


def _forms(known: LinkedWords, wordnet: _Wordnet, rules: Inflection) -> Mapping[str, Iterable[str]]:
    """Return the forms of each stem that the sources have; of stems that are lemmas only the lemma itself."""
    words = {*known.links.forms, *known.words}
    if rules.lemmas:
        return {stem: (stem,) for stem in {*words, *wordnet.synsets} if known.stem(stem) == stem}
    found: dict[str, list[str]] = defaultdict(list)
    for word in sorted(words):
        found[known.stem(word)].append(word)
    return found


def agree(word: str, other: str, rules: Inflection) -> bool:
    """Return True if two words have the same class prefix, and endings of the same kind where words take endings.

    Parameters
    ----------
    word, other : str
        The words, in lower case.
    rules : Inflection
        The row of their language in `attacks/_inflection.toml`.
    """
    if rules.prefixes and _class_prefix(word, rules.prefixes) != _class_prefix(other, rules.prefixes):
        return False
    if rules.beginning and not rules.lemmas:
        return _ending(word) == _ending(other)
    return True


def _class_prefix(word: str, prefixes: Sequence[str]) -> str:
    return next((one for one in prefixes if word.startswith(one) and len(word) >= len(one) + 2), "")


def _ending(word: str) -> str:
    """Return the last letter, one vowel standing for all: "garin" has the linker that "birni" has not."""
    last = unicodedata.normalize("NFD", word)[-1]
    bare = _MARK.sub("", unicodedata.normalize("NFD", word))[-1:]
    return "a" if _VOWEL.fullmatch(bare) else last


def same_word(word: str, other: str) -> bool:
    """Return True if two words are forms of one word: equal except for marks, spaces and the last letters."""
    left, right = sorted((_bare(word), _bare(other)), key=len)
    stem = left[:-1] if len(left) > _LONG_WORD else left
    return right.startswith(stem) and len(right) - len(left) <= _ENDING


def same_root(word: str, other: str) -> bool:
    """Return True if two words are forms of one, or derived from one: most letters, in order, are the same."""
    left, right = sorted((_bare(word), _bare(other)), key=len)
    remaining = iter(right)
    within = len(left) >= _SHORTEST_ROOT and all(letter in remaining for letter in left)
    return same_word(word, other) or within or SequenceMatcher(None, left, right).ratio() >= _ONE_WORD


def _bare(word: str) -> str:
    return _MARK.sub("", unicodedata.normalize("NFD", word.lower().translate(_HOOKS)))


def with_proclitics(
    entries: Entries, proclitics: Sequence[str], is_attested: Callable[[str], bool]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the entries behind each proclitic, with the substitutes that are attested behind it.

    An article stands before a noun, and never before a verb that is written as a noun is.

    Parameters
    ----------
    entries : mapping
        The lexicon.
    proclitics : sequence of str
        What is written together with the next word.
    is_attested : callable
        Returns True for a word that a text has.
    """
    for word, others in entries.items():
        for clitic in proclitics:
            kept = tuple(clitic + other for other in others if is_attested(clitic + other))
            if kept:
                yield clitic + word, kept
