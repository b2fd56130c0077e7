"""Names in a query, found by their capitals, in scripts that have them.

A capital says nothing at the beginning of a query, in a query whose words all have one, and, where all nouns have
capitals, on a noun. Neighbouring capitals and `attacks/_names.toml`, names that are also words, decide there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import regex

from robustbench_ir._base.text import Span, lower
from robustbench_ir.resources.cards import SHIPPED, Card, Tables, validate
from robustbench_ir.resources.languages import languages

_NEARLY_ALL = 0.8
_TITLE_WORDS = 3  # as few content words with capitals may be one long name
_HEADLINE_WORDS = 6  # more words with capitals than a name has, in languages that write titles without function words
_BETWEEN_NAMES = regex.compile(r"\s|-|\.\s?")  # "Johann S. Bach", "Marie-Curie"
_PARTICLES = {"von", "van", "vom", "zu", "der", "den", "de", "da", "di", "del", "du", "dos", "la", "bin", "ibn", "al"}
_CAPITAL = regex.compile(r"\p{Ll}{0,4}[\p{Lu}\p{Lt}]")  # in Bantu languages behind a prefix: Zulu "uMandela"
_APOSTROPHE = regex.compile("['’ʼ]")
_SUFFIX_AFTER_APOSTROPHE = {"tr", "az", "kk"}  # only names are written so
IsStopWord = Callable[[str], bool]


class NameRules(Card):
    """A language's row in `attacks/_names.toml`.

    Attributes
    ----------
    names : str
        Names that are also words, in lower case, between spaces.
    determiners : str
        Words that come before a common noun but not before a name, in lower case, between spaces.
    """

    names: str = ""
    determiners: str = ""


@cache
def _rules(language: str, tables: Tables) -> tuple[frozenset[str], frozenset[str]]:
    row = tables.rows("_names.toml").get(language, {})
    rules = validate(NameRules, row, f"attacks/_names.toml: [{language}]")
    return frozenset(rules.names.split()), frozenset(rules.determiners.split())


def name_finder(
    language: str, is_stop_word: IsStopWord, tables: Tables = SHIPPED
) -> Callable[[str, Sequence[Span]], frozenset[int]]:
    """Return a function that finds the names among the words of a query: the places where they start.

    Parameters
    ----------
    language : str
        Code of the query language.
    is_stop_word : callable
        Returns True for a closed-class word of the language.
    tables : Tables
        Where the table of names is found.
    """
    names, determiners = _rules(language, tables)
    facts = languages().get(language)
    nouns_too = bool(facts and facts.capitalised_nouns)

    def find(text: str, spans: Sequence[Span]) -> frozenset[int]:
        query = _Query(text, spans, language, is_stop_word, names, determiners)
        if query.capitals_say_nothing():
            found = query.runs_of_listed_names()
        elif nouns_too:
            found = query.names_among_nouns()
        else:
            found = query.capitalised_names()
        return frozenset(spans[place][0] for place in found)

    return find


class _Query:
    """The words of one query, asked about by their number."""

    def __init__(
        self,
        text: str,
        spans: Sequence[Span],
        language: str,
        is_stop_word: IsStopWord,
        names: frozenset[str],
        determiners: frozenset[str],
    ) -> None:
        self._text = text
        self._spans = spans
        self._language = language
        self._is_stop_word = is_stop_word
        self._names = names
        self._determiners = determiners
        self._words = [text[start:end] for start, end in spans]
        self._capital = [bool(_CAPITAL.match(word)) for word in self._words]

    def capitals_say_nothing(self) -> bool:
        """Return True if all words have capitals, or those of a title: all but its small function words."""
        cased = [place for place, word in enumerate(self._words) if word.lower() != word.upper()]
        if cased and sum(self._words[place].isupper() for place in cased) >= _NEARLY_ALL * len(cased):
            return True
        if sum(map(self._capital.__getitem__, cased)) >= max(_HEADLINE_WORDS, _NEARLY_ALL * len(cased)):
            return True
        content = [place for place in cased if not self._is_stop_word(self._words[place])]
        with_capital = [place for place in content if self._capital[place]]
        function_word = any(self._capital[place] for place in set(cased[1:]) - set(content))
        return (
            function_word
            and len(with_capital) >= _NEARLY_ALL * len(content)
            and (
                len(with_capital) >= _TITLE_WORDS
                or sum(map(self._capital.__getitem__, cased)) >= _NEARLY_ALL * len(cased)
            )
        )

    def runs_of_listed_names(self) -> set[int]:
        """Return neighbours that are both in the table."""
        pairs = (
            place
            for place in range(1, len(self._words))
            if self._touch(place) and self._listed(place) and self._listed(place - 1)
        )
        return {one for place in pairs for one in (place - 1, place)}

    def capitalised_names(self) -> set[int]:
        """Return the words with a capital, the first one only if something else says that it is a name."""
        found = {place for place, capital in enumerate(self._capital) if capital and place}
        if self._capital and self._capital[0] and not self._is_stop_word(self._words[0]):
            suffix = self._language in _SUFFIX_AFTER_APOSTROPHE and _APOSTROPHE.search(self._words[0])
            behind_prefix = self._words[0][0].islower()
            if suffix or behind_prefix or self._listed(0) or self._second_has_capital():
                found.add(0)
        return found

    def _second_has_capital(self) -> bool:
        second = self._words[1:2]
        return bool(second) and second[0][0].isupper() and self._touch(1) and not self._is_stop_word(second[0])

    def names_among_nouns(self) -> set[int]:
        """Return names where all nouns have capitals: listed ones without a determiner, and what follows a noun."""
        found: set[int] = set()
        for place in range(len(self._words)):
            if not self._capital[place] or (not place and self._is_stop_word(self._words[0])):
                continue
            follows_noun = place > 0 and self._touch(place) and self._capital[place - 1]
            after_name = place - 1 in found or place > 1
            if (
                (self._listed(place) and not self._has_determiner(place))
                or (follows_noun and after_name)
                or self._follows_particle(place, found)
            ):
                found.add(place)
                if follows_noun and self._listed(place - 1):
                    found.add(place - 1)
        return found

    def _touch(self, place: int) -> bool:
        """Return True if only a space, a hyphen or an abbreviation's full stop separates a word from the last."""
        between = self._text[self._spans[place - 1][1] : self._spans[place][0]]
        short = len(self._words[place - 1]) <= 2
        return bool(_BETWEEN_NAMES.fullmatch(between)) and (short or "." not in between)

    def _listed(self, place: int) -> bool:
        word = lower(self._words[place], self._language)
        bare = _APOSTROPHE.split(word)[0]
        return not self._names.isdisjoint((word, bare, bare.removesuffix("s")))

    def _has_determiner(self, place: int) -> bool:
        """Return True for "der Wolf" and "der große Wolf"."""
        for before in range(place - 1, max(place - 3, -1), -1):
            word = self._words[before]
            if word.lower() in self._determiners or word[0].isdigit():
                return True
            if self._capital[before] or not word.endswith(("e", "en", "er", "es", "em")):
                return False
        return False

    def _follows_particle(self, place: int, found: set[int]) -> bool:
        """Return True for the last word of "Otto von Bismarck"."""
        before = place - 1
        while before > 0 and self._words[before] in _PARTICLES:
            before -= 1
        return before < place - 1 and before in found
