"""Write attacks/lexicons/gatitos/en-synonyms.tsv: English words that many languages translate by one word.

    python tools/english_synonyms.py

GATITOS translates one list of English words into 172 languages. Two English words that a large share of them translate
by the same word are synonyms (paraphrases by pivot, Bannard & Callison-Burch 2005, with one witness for each language).
A synset that they share is a further witness, with which a smaller share is enough. Some pairs are one word in many
languages and two in English, such as "arm" and "hand" (colexification); the pairs that a
reader has struck out in attacks/audit/synonym.tsv are left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from simplemma import lemmatize

from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.lexicons.catalogue import lexicon_sources, word_pairs

ATTACKS = Path(__file__).parents[1] / "attacks"
PAGE = ATTACKS / "lexicons" / "gatitos" / "en-synonyms.tsv"
AUDIT = ATTACKS / "audit" / "synonym.tsv"
FEWEST_LANGUAGES, FEWEST_AGREE = 8, 4
SHARE, SHARE_IN_SYNSET = 0.17, 0.07
MOST_MEANINGS = 6  # words with more translations are clitics and errors


def meanings(members: list[tuple[str, bool]]) -> dict[str, set[str]]:
    """Return the English words that each word of a language stands for.

    Parameters
    ----------
    members : list of (str, bool)
        Lists of GATITOS, and whether their words are English.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for name, from_english in members:
        for word, translation in word_pairs(name):
            foreign, english = (translation.lower(), word) if from_english else (word, translation.lower())
            found[foreign].add(english)
    return found


def of_languages() -> Iterator[dict[str, set[str]]]:
    """Yield the meanings of the words of each language."""
    members: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for name in sorted(lexicon_sources()):
        collection, _, pair = name.partition("/")
        if collection == "gatitos":
            language = pair.removeprefix("en-").removesuffix("-en")
            members[language].append((name, pair.startswith("en-")))
    return map(meanings, members.values())


def struck_out() -> frozenset[tuple[str, str]]:
    """Return the English pairs that a reader has found to be wrong, in both orders."""
    rows = (line.split("\t") for line in AUDIT.read_text(encoding="utf-8").splitlines())
    wrong = [(word, other) for language, word, other, mark, _ in rows if language == "en" and mark == "wrong"]
    return frozenset(wrong + [(other, word) for word, other in wrong])


def synonyms() -> list[tuple[float, str, str]]:
    """Return the share of languages that agree, and the two words in order, the largest share first."""
    agree: Counter[tuple[str, str]] = Counter()
    languages_of: dict[str, set[int]] = defaultdict(set)
    for number, found in enumerate(of_languages()):
        for english in found.values():
            for word in english:
                languages_of[word].add(number)
        agree.update(
            {pair for words in found.values() if len(words) <= MOST_MEANINGS for pair in combinations(sorted(words), 2)}
        )
    synsets: dict[str, set[str]] = defaultdict(set)
    for word, synset in word_pairs("wordnet/en"):
        synsets[word].add(synset)
    function_words, wrong = stop_words("en"), struck_out()
    rows = []
    for (one, other), count in agree.items():
        whole = len(languages_of[one] & languages_of[other])
        if count < FEWEST_AGREE or whole < FEWEST_LANGUAGES or (one, other) in wrong:
            continue
        if " " in one + other or {one, other} & function_words or _lemma(one) == _lemma(other):
            continue
        in_synset = bool(synsets[one] & synsets[other])
        same_part = bool(_parts(one, synsets) & _parts(other, synsets))
        if count / whole >= (SHARE_IN_SYNSET if in_synset else SHARE) and same_part:
            rows.append((count / whole, one, other))
    return sorted(rows, key=lambda row: (-row[0], *row[1:]))


def _lemma(word: str) -> str:
    return str(lemmatize(word, lang="en"))


def _parts(word: str, synsets: dict[str, set[str]]) -> set[str]:
    """Return the parts of speech of a word; WordNet's satellite adjectives are adjectives."""
    return {synset[-1].replace("s", "a") for synset in synsets[word] | synsets[_lemma(word)]}


def main() -> None:
    """Write the table: each word with its synonyms, those that most languages agree about first."""
    rows = synonyms()
    both = [(one, -share, other) for share, one, other in rows] + [(other, -share, one) for share, one, other in rows]
    PAGE.write_text("".join(f"{one}\t{other}\n" for one, _, other in sorted(both)), encoding="utf-8")


if __name__ == "__main__":
    main()
