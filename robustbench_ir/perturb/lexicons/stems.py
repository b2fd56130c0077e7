"""Stems: what the forms of a word have in common, so that what is counted for one form counts for all of them.

A few thousand sentence pairs show most forms of a word once. Lemmas come from the dictionaries of simplemma where there
is one. In languages whose words begin with class and agreement prefixes, such as the Bantu languages, a prefix is
removed if the text has the remainder in other words too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache

from robustbench_ir.perturb.lexicons.inflection import Inflection, without_proclitic

Stemmer = Callable[[str], str]
"""Takes a word in lower case; returns its stem."""

STEM = "-"
"""Mark before entries of a lexicon that are stems, and no words."""

_REMEMBERED = 1 << 17
_SHORTEST_WORD, _SHORTEST_STEM = 5, 3
_ENOUGH_FORMS, _LONG_STEM = 4, 5


def stemmer(language: str, words: Iterable[str], rules: Inflection) -> Stemmer:
    """Return a function that finds the stem of a word.

    Parameters
    ----------
    language : str
        Code of the language.
    words : iterable of str
        Words of a text, in lower case; they show which stems there are.
    rules : Inflection
        The language's row in `attacks/_inflection.toml`.
    """
    if rules.lemmas:
        return _lemmatiser(language, tuple(rules.proclitics))
    if rules.prefixes:
        return _attested(words, rules.prefixes)
    return lambda word: without_proclitic(word, rules.proclitics)


@cache
def _lemmatiser(language: str, proclitics: Sequence[str]) -> Stemmer:
    from simplemma import lemmatize

    @lru_cache(maxsize=_REMEMBERED)
    def lemma(word: str) -> str:
        found = lemmatize(word, lang=language).lower()
        bare = without_proclitic(word, proclitics)
        return lemmatize(bare, lang=language).lower() if found == word != bare else found

    return lemma


def _attested(words: Iterable[str], prefixes: Sequence[str]) -> Stemmer:
    """Return a stemmer that prefers the stem with the most forms, a longer one where the text shows several."""
    forms = Counter(stem for word in set(words) for stem in {word, *remainders(word, prefixes)})

    @lru_cache(maxsize=_REMEMBERED)
    def stem(word: str) -> str:
        if len(word) < _SHORTEST_WORD:
            return word
        attested = (one for one in remainders(word, prefixes) if forms[one] > 1)
        weighed = ((min(forms[one], _ENOUGH_FORMS) * min(len(one), _LONG_STEM), one) for one in attested)
        best, found = max(weighed, default=(0, word))
        return found if best > forms[word] else word

    return stem


def remainders(word: str, prefixes: Sequence[str]) -> Iterator[str]:
    """Yield what is left of a word without each of the prefixes that it begins with, at least three code points.

    Parameters
    ----------
    word : str
        The word, in lower case.
    prefixes : sequence of str
        The longest first.
    """
    for prefix in prefixes:
        if word.startswith(prefix) and len(word) - len(prefix) >= _SHORTEST_STEM:
            yield word[len(prefix) :]
