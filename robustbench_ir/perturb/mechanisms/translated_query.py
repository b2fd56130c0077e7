"""Words and phrases of a query replaced by those of its human translation, which a task has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from robustbench_ir._base.text import Span, nfc
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.perturb.lexicons.catalogue import lexicon_source
from robustbench_ir.perturb.lexicons.evidence import Evidence, sentence_pairs
from robustbench_ir.perturb.lexicons.inflection import words_behind_elisions
from robustbench_ir.perturb.lexicons.query_alignment import (
    AlignedPhrase,
    AlignedQueries,
    LanguagePair,
    align_queries,
    cached_alignment,
)
from robustbench_ir.perturb.lexicons.store import Lexicon
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.resources.cards import Tables

OF_TRANSLATION = "-translated"
"""End of the operation's name where the words are those of the query's translation."""


@dataclass(frozen=True)
class TranslatedQueries:
    """Replacement by the aligned words of the translation; of those of a lexicon where there is none.

    Attributes
    ----------
    aligned : AlignedQueries
        Query to its phrases. Of those that are less sure, only the first is used, where no other may be changed.
    lexicon : Transformation
        What is done to queries without a phrase that may be changed.
    operation : str
        Name of the operation in the edits.
    elided : tuple of str
        What stays at the beginning of a word, before an apostrophe.
    """

    aligned: AlignedQueries
    lexicon: Transformation
    operation: str
    elided: tuple[str, ...] = ()

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer the aligned words and phrases, the longest first; see `Transformation.targets`."""
        likely, others = self.aligned.get(text, ((), ()))
        allowed = frozenset(words_behind_elisions(text, words, self.elided))
        phrases = _chosen(text, likely, allowed) or _chosen(text, others, allowed)[:1]
        if not phrases:
            return self.lexicon.targets(text, words, random)
        new = {text[one.span[0] : one.span[1]]: one.translation for one in phrases}
        return Targets([one.span for one in phrases], lambda before, _: (new[before], self.operation))


def _chosen(text: str, phrases: Sequence[AlignedPhrase], words: frozenset[Span]) -> list[AlignedPhrase]:
    """Return phrases whose words may be changed, apart from function words inside, from left to right.

    Equal stretches must be rewritten in the same way: only the first of two that have different translations is kept.
    """
    found: list[AlignedPhrase] = []
    new: dict[str, str] = {}
    reached = 0
    for one in phrases:
        start, end = one.span
        if start >= reached and words.issuperset(one.contents):
            if new.setdefault(text[start:end], one.translation) == one.translation:
                found.append(one)
            reached = end
    return found


@dataclass(frozen=True)
class OneOfSeveral:
    """One of several mechanisms, such as those of several embedded languages, drawn for each query.

    Attributes
    ----------
    parts : tuple of Transformation
        At least one.
    kind : KindOfChange
        The languages that are mixed in.
    """

    parts: tuple[Transformation, ...]
    kind: KindOfChange

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer what one of the mechanisms can rewrite; see `Transformation.targets`."""
        part = pick(self.parts, random) if len(self.parts) > 1 else self.parts[0]
        return part.targets(text, words, random)


def aligned_queries(
    language: str,
    other: str,
    translations: Mapping[str, str],
    evidence: Evidence,
    lexicon: Lexicon,
    tables: Tables,
) -> AlignedQueries:
    """Return the phrases of queries and their translations, from the cache if they are there.

    Parameters
    ----------
    language, other : str
        Codes of the language of the queries and of that of the translations.
    translations : mapping of str to str
        Each query of the task to its translation, which may be empty.
    evidence : Evidence
        Sources of the lexicon; their parallel text is aligned too.
    lexicon : Lexicon
        A lexicon of the two languages, which decides where the text is silent.
    tables : Tables
        Where the sources and the function words are found.

    Raises
    ------
    DataUnavailableError
        If a file of parallel text is not available.
    """
    texts = {nfc(query): nfc(translation) for query, translation in translations.items()}
    function_words = stop_words(language, tables), stop_words(other, tables)
    what = {
        "languages": [language, other],
        "translations": sha256(json.dumps(texts).encode()).hexdigest(),
        "lexicon": lexicon.digest,
        "sources": {name: lexicon_source(name, tables).digest(tables) for name in evidence.names},
        "function words": [sorted(words) for words in function_words],
    }
    pair = LanguagePair(language, other, function_words, lexicon.find, tuple(lexicon.rules.elided))
    return cached_alignment(what, lambda: align_queries(pair, texts, sentence_pairs(evidence, tables)))
