"""Repair of romanised words: the tables of `attacks/romanisation/`, reversed with the words of the pool.

Chat spellings cannot be reversed letter by letter, but words can: each word of the pool is spelt in all ways that its
language's conventions allow, and a word of the query that is one of these spellings becomes that word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import regex

from robustbench_ir._base.text import nfc, scripts, word_spans
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.romanisation import romaniser
from robustbench_ir.resources.languages import languages

_LATIN_WORD = regex.compile(r"(?V1)[\p{Latin}\p{M}]+(?:['’0-9]*[\p{Latin}\p{M}]+)*")


@cache
def deromanised_languages() -> tuple[str, ...]:
    """Return the languages that `transliteration` romanises and whose own script is not Latin."""
    rows, known = load_recipe("transliteration").card.languages, languages()
    return tuple(code for code in sorted(rows) if code in known and known[code].script != "Latn")


def deromanise(language: str, pool: Sequence[str]) -> Callable[[str], str]:
    """Return the repair of romanised words for a language and a pool.

    Parameters
    ----------
    language : str
        One of `deromanised_languages`.
    pool : sequence of str
        Texts of all passages. Latin words that they contain are left unchanged.

    Returns
    -------
    callable
        Takes a text; returns it repaired, in NFC. Words that are not a spelling of a word of the pool stay.
    """
    native, latin = _words_of(pool, language)
    spellings = _spellings(language, native)

    def read(word: str) -> str:
        return word if word.lower() in latin else spellings.get(word.lower(), word)

    return lambda text: nfc(_LATIN_WORD.sub(lambda match: read(match[0]), nfc(text)))


def _words_of(pool: Sequence[str], language: str) -> tuple[Counter[str], frozenset[str]]:
    own = languages()[language].scripts
    native: Counter[str] = Counter()
    latin: set[str] = set()
    for text in map(nfc, pool):
        latin.update(word.lower() for word in _LATIN_WORD.findall(text))
        if not text.isascii():
            native.update(text[start:end] for start, end in word_spans(text, language))
    return Counter({word: count for word, count in native.items() if scripts(word) & own}), frozenset(latin)


def _spellings(language: str, native: Mapping[str, int]) -> Mapping[str, str]:
    """Return each spelling with the word it stands for most often, by the frequencies of word and convention."""
    conventions = load_recipe("transliteration").card.languages[language]["conventions"]
    weight: dict[str, tuple[float, str]] = {}
    for name in conventions if isinstance(conventions, list) else ():
        convention = romaniser(str(name))
        for word, count in native.items():
            spelt = convention(word)
            before = 0.0
            for text, reached in zip(spelt.texts, spelt.sums, strict=True):
                likely, before = (reached - before) * count, reached
                if text.lower() != word.lower():
                    weight[text.lower()] = max(weight.get(text.lower(), (0.0, "")), (likely, word))
    return {spelling: word for spelling, (_, word) in weight.items()}
