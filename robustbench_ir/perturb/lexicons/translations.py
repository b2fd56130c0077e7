"""Translations ranked by evidence: parallel text before dictionaries, dictionaries before wordnets.

The probability of a translation is estimated from the words of parallel text that are linked to each other. What a
dictionary says counts like a few more links, so that it decides where the text is silent and yields where the text
speaks. A wordnet or a sentiment list, whose first sense is often a rare one, counts only for translations that another
source has too, or whose letters are alike. Precision comes first: a wrong word in a query is worse than an unchanged
word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustbench_ir._base.edit_distance import edit_distance
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.lexicons.evidence import Weights
from robustbench_ir.perturb.lexicons.inflection import Entries, Inflection, inflection
from robustbench_ir.perturb.lexicons.links import Counts, LinkedWords, Links, Neighbours, OtherLanguage, linked_words
from robustbench_ir.perturb.lexicons.stems import STEM, Stemmer
from robustbench_ir.resources.cards import SHIPPED, Tables
from robustbench_ir.resources.languages import languages

_OF_DICTIONARY, _OF_HINT = 2.0, 1.0  # links that a source counts for
_HINTED = 0.15  # links that a hint needs, unless a dictionary has it
_UNSEEN = 1.5  # links to words that were not seen
_ENOUGH_LINKS = 1.6  # two sentence pairs, since no link is certain
_LONG_WORD, _DIFFERENT_LETTERS = 6, 0.4  # words of one origin
_OF_THE_BEST = 0.8
_SUBSTITUTES_KEPT = 3
_HARDLY_EVER = 0.1  # share of the occurrences beside a word below which a translation is not meant there
_MOSTLY = 0.5  # share of the occurrences of two words from which one word is their translation
_NAMESAKE = 0.3  # share of links to names from which a word of a script without case may be a name
_CASED = frozenset({"Latn", "Cyrl", "Grek", "Armn"})


def _alike(word: str, other: str) -> bool:
    """Return True if two words are likely to be of one origin: "Demokratie" and "democracy"."""
    longest = max(len(word), len(other))
    return longest >= _LONG_WORD and edit_distance(word, other) <= _DIFFERENT_LETTERS * longest


@dataclass(frozen=True)
class _Judge:
    """Chooses translations.

    Attributes
    ----------
    links : Links
        What the text shows.
    listed, hinted : mapping
        Stem to lemma to weight, of dictionaries and of sources that prove nothing by themselves.
    other : OtherLanguage
        The language that is mixed in.
    small : frozenset of str
        Stems that are written without a capital.
    cased : bool
        Whether the script of the words has capitals.
    """

    links: Links
    listed: Counts
    hinted: Counts
    other: OtherLanguage
    small: frozenset[str]
    cased: bool

    def chosen(self, stem: str, minimum: float) -> list[str]:
        """Return the probable translations, the best first; none for names and for words of both languages."""
        ranked = sorted(self._probabilities(stem).items(), key=lambda one: (-one[1], one[0]))
        if not ranked or ranked[0][1] < minimum:
            return []
        word, best = ranked[0]
        if word == stem or self._is_name(stem, word):
            return []
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
    known = linked_words(language, embedded, tables)
    judge = _Judge(known.links, known.listed, known.hinted, known.other, known.small, _is_cased(language))
    chosen = {one: judge.chosen(one, minimum) for one in {*known.links.stems, *known.listed, *known.hinted}}
    rules = inflection(language, tables)
    found = _entries({one: best for one, best in chosen.items() if best}, known.links, known.stem, known.other, rules)
    space = " " if has_spaces(language) else ""
    fixed = {space.join(two): others for two, others in _fixed(chosen, known, stop_words(language, tables)).items()}
    return {**dict.fromkeys(known.compounds, ()), **fixed, **_phrases(known.words, known.other), **found}


def has_spaces(language: str) -> bool:
    """Return True if a language has spaces between its words."""
    facts = languages().get(language)
    return facts is None or facts.has_spaces


def _fixed(
    chosen: Mapping[str, Sequence[str]], known: LinkedWords, function_words: frozenset[str]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return two words that are translated as a whole, and such beside which one is not meant as it mostly is.

    Vietnamese "nhà lãnh đạo" is a leader as a whole, of which "lãnh đạo" is a part. In Spanish "a punto" the word is no
    point: such words have an empty tuple.
    """
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for two, one in known.links.neighbours.items():
        own = [() if word in function_words else chosen.get(known.stem(word), ()) for word in two]
        whole = _whole(one, own, known.other.lemma)
        if whole and function_words.isdisjoint(two):
            found[two] = (known.other.written(whole),)
        elif any(
            lemmas and sum(links.get(lemma, 0.0) for lemma in lemmas) < _HARDLY_EVER * one.count
            for lemmas, links in zip(own, (one.left, one.right), strict=True)
        ):
            found[two] = ()
    return found


def _whole(one: Neighbours, own: Sequence[Sequence[str]], lemma_of: Stemmer) -> str:
    """Return the word that mostly translates two words, if it is a translation of one and the other has no other."""
    whole = max(one.shared, key=lambda word: (one.shared[word], word), default="")
    if not whole or one.shared[whole] < _MOSTLY * one.count or all(own):
        return ""
    return whole if any(lemma_of(whole) in lemmas for lemmas in own) else ""


def _is_cased(language: str) -> bool:
    facts = languages().get(language)
    return facts is not None and facts.script in _CASED


def _entries(
    chosen: Mapping[str, Sequence[str]], links: Links, stem: Stemmer, other: OtherLanguage, rules: Inflection
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


def _phrases(listed: Weights, other: OtherLanguage) -> Entries:
    """Return the phrases that dictionaries have, with their translations."""
    plain = {
        word: tuple(one for one in translations_of if other.is_sayable(one.lower()) and not one[0].isupper())
        for word, translations_of in listed.items()
        if " " in word
    }
    return {word: found[:_SUBSTITUTES_KEPT] for word, found in plain.items() if found}
