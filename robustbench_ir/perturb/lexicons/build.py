"""Lexicons: possible substitutes of a word, combined from published tables.

A lexicon maps an entry (lower case, NFC, one space between words) to its substitutes, the best first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from robustbench_ir._base.text import script
from robustbench_ir.perturb.lexicons.catalogue import word_pairs
from robustbench_ir.perturb.lexicons.evidence import plain_translation
from robustbench_ir.perturb.lexicons.inflection import Entries
from robustbench_ir.perturb.lexicons.synonyms import same_word
from robustbench_ir.resources.cards import SHIPPED, Tables

_SUBSTITUTES_KEPT = 3
_PHRASE_FOR_WORD = 0.2
_OF_ALL_SENSES = 0.25


def merged_bilingual(names: Iterable[str], tables: Tables = SHIPPED, function_words: Collection[str] = ()) -> Entries:
    """Merge lexicons of (word, translation) pairs.

    Parameters
    ----------
    names : iterable of str
        Lexicons. A word of an earlier one is not looked up in a later one.
    tables : Tables
        Where the lexicons are found.
    function_words : collection of str
        Translations that are left out.
    """
    merged: dict[str, tuple[str, ...]] = {}
    for name in names:
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for word, translation in word_pairs(name, tables):
            if translation.lower() != word:
                found[word][translation] = None
        merged = {**_kept(found, function_words), **merged}
    return merged


def _shared(matrix: str, embedded: str, tables: Tables) -> dict[str, dict[str, float]]:
    """Return the share of a word's synsets that contain another word, weighted by the place of that word in them."""
    words_of: dict[str, list[str]] = defaultdict(list)
    for word, synset in word_pairs(embedded, tables):
        words_of[synset].append(word)
    senses = Counter(word for word, _ in word_pairs(matrix, tables))
    shared: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for word, synset in word_pairs(matrix, tables):
        for place, other in enumerate(words_of.get(synset, ())):
            if other != word:
                # A synset lists its words by how often they mean it: the first counts most. Where a word exists,
                # people do not switch to a phrase: "pressure", not "force per unit area".
                wordy = " " in other and " " not in word
                shared[word][other] += (_PHRASE_FOR_WORD if wordy else 1) / (1 + place) / senses[word]
    return shared


def synonyms(name: str, tables: Tables = SHIPPED, function_words: Collection[str] = ()) -> Entries:
    """Return words of the same synsets and script; those that share most synsets come first.

    A word has many senses, and the intended one is unknown, so a synonym must be one in many of them.

    Parameters
    ----------
    name : str
        Lexicon of format `synsets`.
    tables : Tables
        Where the lexicon is found.
    function_words : collection of str
        Synonyms that are left out.
    """
    likely = {
        word: sorted(
            (other for other, share in shared.items() if share >= _OF_ALL_SENSES and not same_word(word, other)),
            key=shared.__getitem__,
            reverse=True,
        )
        for word, shared in _shared(name, name, tables).items()
    }
    return _same_script(_kept(likely, function_words))


def _same_script(lexicon: Entries) -> Entries:
    """Leave out substitutes in another script than the word: Wiktionary lists Han words beside Vietnamese ones."""
    kept = (
        (word, tuple(other for other in others if script(other) == script(word))) for word, others in lexicon.items()
    )
    return {word: others for word, others in kept if others}


def _kept(found: Mapping[str, Iterable[str]], function_words: Collection[str] = ()) -> Entries:
    """Keep the best substitutes: words before phrases, without dictionary remarks."""
    kept = {}
    for word, others in found.items():
        plain = map(plain_translation, others)
        sayable = [one for one in plain if one and one.lower() not in function_words and one != word]
        short = [one for one in sayable if " " not in one] or sayable
        if short:
            kept[word] = tuple(dict.fromkeys(short if " " not in word else sayable))[:_SUBSTITUTES_KEPT]
    return kept
