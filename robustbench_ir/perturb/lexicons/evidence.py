"""What is known of two languages: parallel text, dictionaries and wordnets, found by their names in the catalogue.

Dictionaries of any two languages are joined through English: GATITOS translates one English list into 173 languages.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from robustbench_ir.perturb.lexicons.catalogue import lexicon_source, lexicon_sources, word_pairs
from robustbench_ir.perturb.lexicons.inflection import inflection
from robustbench_ir.perturb.lexicons.parallel_text import (
    PARALLEL_FORMATS,
    read_parallel_files,
    read_translated_questions,
)
from robustbench_ir.perturb.lexicons.sources import Pair
from robustbench_ir.perturb.lexicons.stems import stemmer
from robustbench_ir.resources.cards import SHIPPED, Tables

Weights = Mapping[str, Mapping[str, float]]
"""Word, in lower case, to its translations and their weights, which are at most 1 in sum."""

_PIVOT = "en"
_LONGEST_TRANSLATION_WORDS = 3
_JOINED_TRANSLATIONS = 2
_REMARK = re.compile(r"\s*\([^)]*\)\s*|\[[^\]]*\]")
_GLOSS = re.compile(r"^to (?:be )?(?=\w)|[.!?…]+$")
_ODD = re.compile(r"[\d()\[\]{}=/,;:]|^.$|-$", re.ASCII)  # "Atomic number 87", lists, single Latin letters


@dataclass(frozen=True)
class Evidence:
    """Sources for translations from one language into another.

    Attributes
    ----------
    texts : tuple of (str, str)
        Names of the texts in the two languages whose lines are translations of each other.
    bitexts : tuple of (str, bool)
        Names of files of sentence pairs, and whether the languages are the other way round.
    dictionaries : tuple of (str, bool)
        Names of dictionaries, and whether the languages are the other way round.
    through : tuple of (str, bool)
        Dictionaries from the first language into English, if there is none into the second.
    onward : tuple of (str, bool)
        Dictionaries from English into the second language.
    hints : tuple of str
        Names of lists whose translations count only where another source has them too.
    wordnets : tuple of (str, str)
        Names of wordnets in the two languages.
    """

    texts: tuple[Pair, ...] = ()
    bitexts: tuple[tuple[str, bool], ...] = ()
    dictionaries: tuple[tuple[str, bool], ...] = ()
    through: tuple[tuple[str, bool], ...] = ()
    onward: tuple[tuple[str, bool], ...] = ()
    hints: tuple[str, ...] = ()
    wordnets: tuple[Pair, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every source."""
        directed = (*self.bitexts, *self.dictionaries, *self.through, *self.onward)
        pairs = (*self.texts, *self.wordnets)
        found = (*(name for pair in pairs for name in pair), *(name for name, _ in directed), *self.hints)
        return tuple(dict.fromkeys(found))

    @property
    def is_enough(self) -> bool:
        """Whether there is a source that proves a translation by itself."""
        return bool(self.texts or self.bitexts or self.dictionaries or (self.through and self.onward))


def find_evidence(language: str, embedded: str, tables: Tables = SHIPPED) -> Evidence:
    """Return the sources for translations from one language into another.

    Parameters
    ----------
    language, embedded : str
        Codes of the language of the words and of that of the translations.
    tables : Tables
        Where the catalogue is found.
    """
    general = {name: source.format for name, source in lexicon_sources(tables).items() if source.evidence}
    of_member: dict[str, list[str]] = defaultdict(list)
    for name in general:
        of_member[name.partition("/")[2]].append(name)

    def directed(one: str, other: str, *, texts: bool) -> tuple[tuple[str, bool], ...]:
        found = [(name, False) for name in of_member[f"{one}-{other}"]]
        found += [(name, True) for name in of_member[f"{other}-{one}"]]
        return tuple((name, turned) for name, turned in found if (general[name] in PARALLEL_FORMATS) == texts)

    def both(form: str) -> tuple[Pair, ...]:
        collections = [name.partition("/")[0] for name in of_member[language] if general[name] == form]
        pairs = [(f"{one}/{language}", other) for one in collections for other in of_member[embedded]]
        shared = form == "synsets"  # all wordnets share their synsets; lines belong to one text
        return tuple(
            (left, right)
            for left, right in pairs
            if general[right] == form and (shared or left.partition("/")[0] == right.partition("/")[0])
        )

    direct = directed(language, embedded, texts=False)
    by_pivot = not direct and _PIVOT not in {language, embedded}
    through = directed(language, _PIVOT, texts=False) if by_pivot else ()
    return Evidence(
        both("lines"),
        directed(language, embedded, texts=True),
        direct,
        through,
        directed(_PIVOT, embedded, texts=False) if through else (),
        tuple(
            name
            for name, form in general.items()
            if form == "naijasenti" and embedded == _PIVOT and name.partition("/")[2].startswith(f"{language}-")
        ),
        both("synsets"),
    )


def sentence_pairs(evidence: Evidence, tables: Tables = SHIPPED) -> list[Pair]:
    """Return sentences and their translations; the files are downloaded if they are missing.

    Parameters
    ----------
    evidence : Evidence
        The sources.
    tables : Tables
        Where the catalogue is found.

    Raises
    ------
    DataError
        If two texts have different numbers of lines.
    DataUnavailableError
        If a file is missing and cannot be downloaded.
    """
    found: list[Pair] = []
    for pair in evidence.texts:
        left, right = (lexicon_source(name, tables).places()[0] for name in pair)
        found += read_parallel_files(left, right)
    for name, turned in evidence.bitexts:
        source = lexicon_source(name, tables)
        places = source.places()
        pairs = read_parallel_files(*places) if source.format == "bitext" else read_translated_questions(places)
        found += [(other, one) for one, other in pairs] if turned else pairs
    return found


def dictionary(evidence: Evidence, tables: Tables = SHIPPED) -> Weights:
    """Return the translations that dictionaries give, each with an equal share of the word.

    Parameters
    ----------
    evidence : Evidence
        The sources.
    tables : Tables
        Where the catalogue is found.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for word, translation in _dictionary_pairs(evidence, tables):
        plain = plain_translation(translation)
        if plain:
            found[word][plain] = None
    return {word: dict.fromkeys(others, 1 / len(others)) for word, others in found.items()}


def _dictionary_pairs(evidence: Evidence, tables: Tables) -> Iterator[Pair]:
    yield from _directed_pairs(evidence.dictionaries, tables)
    onward: dict[str, list[str]] = defaultdict(list)
    for word, translation in _directed_pairs(evidence.onward, tables):
        onward[word].append(translation)
    for word, english in _directed_pairs(evidence.through, tables):
        for translation in onward[english.lower()][:_JOINED_TRANSLATIONS]:
            yield word, translation


def _directed_pairs(sources: tuple[tuple[str, bool], ...], tables: Tables) -> Iterator[Pair]:
    for name, turned in sources:
        for word, translation in word_pairs(name, tables):
            yield (translation.lower(), word) if turned else (word, translation)


def hints(evidence: Evidence, tables: Tables = SHIPPED) -> Weights:
    """Return the translations that wordnets and sentiment lists give, which prove nothing by themselves.

    Parameters
    ----------
    evidence : Evidence
        The sources.
    tables : Tables
        Where the catalogue is found.

    Returns
    -------
    mapping
        A translation weighs as much as the share of the word's synsets that have it, weighted by its place in them.
    """
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name in evidence.hints:
        for word, translation in word_pairs(name, tables):
            found[word][plain_translation(translation)] = 1.0
    for left, right in evidence.wordnets:
        words_of: dict[str, list[str]] = defaultdict(list)
        for word, synset in word_pairs(right, tables):
            words_of[synset].append(word)
        synsets_of: dict[str, list[str]] = defaultdict(list)
        for word, synset in word_pairs(left, tables):
            synsets_of[word].append(synset)
        for word, synsets in synsets_of.items():
            for synset in synsets:
                for place, other in enumerate(words_of.get(synset, ())):
                    if " " in word or " " not in other:
                        found[word][plain_translation(other)] += 1 / (1 + place) / len(synsets)
    return {word: {other: weight for other, weight in others.items() if other} for word, others in found.items()}


def plain_translation(translation: str) -> str:
    """Return the word in a dictionary's gloss: "run" for "to run (fast)"; empty if it is unclear.

    Parameters
    ----------
    translation : str
        The gloss.
    """
    bare = _GLOSS.sub("", _REMARK.sub("", translation)).strip()
    return "" if _ODD.search(bare) or bare.count(" ") >= _LONGEST_TRANSLATION_WORDS else bare


def sources_of_pairs(
    language: str, embedded: str, pairs: Collection[Pair], tables: Tables = SHIPPED
) -> dict[Pair, tuple[str, ...]]:
    """Return who says that words translate each other.

    Parameters
    ----------
    language, embedded : str
        Codes of the two languages.
    pairs : collection of (str, str)
        Words and translations, in lower case.
    tables : Tables
        Where the catalogue is found.

    Returns
    -------
    dict
        Each pair with the names of the dictionaries and wordnets that have it in some form; the pairs that none of them
        has are those of the texts.
    """
    evidence = find_evidence(language, embedded, tables)
    stem, lemma = (stemmer(code, (), inflection(code, tables)) for code in (language, embedded))
    wanted = {(stem(word), lemma(other)): (word, other) for word, other in pairs}
    found: dict[Pair, dict[str, None]] = {pair: {} for pair in pairs}
    parts = [
        *(Evidence(dictionaries=(one,)) for one in evidence.dictionaries),
        *([Evidence(through=evidence.through, onward=evidence.onward)] if evidence.through else []),
        *(Evidence(hints=(one,)) for one in evidence.hints),
        *(Evidence(wordnets=(one,)) for one in evidence.wordnets),
    ]
    for part in parts:
        listed = {**hints(part, tables), **dictionary(part, tables)}
        for word, others in listed.items():
            for other in others:
                pair = wanted.get((stem(word), lemma(other.lower())))
                if pair:
                    found[pair][" + ".join(part.names)] = None
    texts = tuple(dict.fromkeys(name.partition("/")[0] for name in evidence.names if name in _texts(evidence)))
    return {pair: tuple(names) or texts for pair, names in found.items()}


def _texts(evidence: Evidence) -> frozenset[str]:
    return frozenset((*(name for pair in evidence.texts for name in pair), *(name for name, _ in evidence.bitexts)))
