"""Fit the weights of `attacks/romanisation/hi-chat.toml` to spellings that people typed.

    python tools/fit_spellings.py hinglish_train.tsv tools/hinglish_words.tsv [--write]

The first file has queries in English and as Hindi speakers typed them in Latin script (Hinglish-TOP, Apache-2.0). The
second lists words of Hindi with the spellings that stand for them there; spellings that are English words too are left
out. Half of the queries, every other line, is fitted to; the figures are of the other half. `[words]` gets the counted
spellings of frequent words, and each stretch of `[spellings]` the expected number of times that people chose each way
(EM; a word counts at most as often as `CAP`, so that a few words do not decide for all).
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from robustbench_ir._base.text import nfc
from robustbench_ir.perturb.romanisation import Respelling, respelling, romaniser

TABLE = Path(__file__).parents[1] / "attacks" / "romanisation" / "hi-chat.toml"
CAP = 30
LISTED = 8  # a word that was typed less often is left to the rules
RARE = 0.04  # share of a word's spellings below which one is left out
ROUNDS = 30
SMOOTHING = 0.5  # added to each way, in occurrences

Counts = Mapping[str, Counter[str]]


def counted(queries: Iterable[str], words: Mapping[str, list[str]]) -> Counts:
    """Count the spellings of each word."""
    tokens = Counter(token for query in queries for token in re.findall(r"[a-z']+", query.lower()))
    return {word: Counter({way: tokens[way] for way in ways if tokens[way]}) for word, ways in words.items()}


def probabilities(spellings: tuple[tuple[str, ...], tuple[float, ...]]) -> dict[str, float]:
    """Return the probability of each spelling."""
    texts, sums = spellings
    return {text: end - start for text, (start, end) in zip(texts, pairwise((0.0, *sums)), strict=True)}


def agreement(counts: Counts, first: int) -> tuple[float, float]:
    """Return, over the most frequent words, the mean probability of what people type most, and of what one typed."""
    convention = romaniser("hi-chat")
    rows = []
    for word, ways in sorted(counts.items(), key=lambda one: -one[1].total())[:first]:
        offered = probabilities(convention(nfc(word)))
        usual = ways.most_common(1)[0][0]
        rows.append(
            (offered.get(usual, 0.0), sum(offered.get(way, 0.0) * times for way, times in ways.items()) / ways.total())
        )
    return fmean(row[0] for row in rows), fmean(row[1] for row in rows)


def derivations(base: str, spelling: str, respell: Respelling, keys: list[str]) -> Iterator[list[tuple[str, str]]]:
    """Yield the ways in which a spelling comes of an output of the rules: pairs of stretch and what it became."""
    pieces: list[tuple[str, tuple[str, ...]]] = []
    end = 0
    for match in respell.pattern.finditer(base):
        if match.start() > end:
            pieces.append(("", (base[end : match.start()],)))
        end = match.end()
        place = (match.lastindex or 1) - 1
        pieces.append((keys[place], tuple(way for way, _ in respell.ways[place])))
    if end < len(base):
        pieces.append(("", (base[end:],)))

    def grown(place: int, reached: int) -> Iterator[list[tuple[str, str]]]:
        if place == len(pieces):
            if reached == len(spelling):
                yield []
            return
        key, ways = pieces[place]
        for way in ways:
            if spelling.startswith(way, reached):
                for rest in grown(place + 1, reached + len(way)):
                    yield [(key, way), *rest] if key else rest

    yield from grown(0, 0)


def fitted(counts: Counts, spellings: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the weights of the stretches after some rounds of expectation and maximisation."""
    keys = sorted(spellings, key=lambda key: (-len(key), key))
    respell = respelling(spellings)
    transform = romaniser("hi-chat").transform
    seen = []
    for word, ways in counts.items():
        base = nfc(transform.transliterate(nfc(word))).strip()
        scale = min(1.0, CAP / max(ways.total(), 1))
        for way, times in ways.items():
            found = list(derivations(base, way, respell, keys))
            if found:
                seen.append((times * scale, found))
    weights = {key: {way: 1.0 / len(ways) for way in ways} for key, ways in spellings.items()}
    for _ in range(ROUNDS):
        expected: dict[str, Counter[str]] = defaultdict(Counter)
        for times, found in seen:
            likely = [product(weights[key][way] for key, way in one) for one in found]
            for one, share in zip(found, likely, strict=True):
                for key, way in one:
                    expected[key][way] += times * share / (sum(likely) or 1.0)
        for key, ways in spellings.items():
            prior = sum(ways.values())
            raw = {way: expected[key][way] + 2 * SMOOTHING * weight / prior for way, weight in ways.items()}
            weights[key] = {way: value / sum(raw.values()) for way, value in raw.items()}
    told = {key: sum(expected[key].values()) for key in spellings}
    return {key: weights[key] if told[key] >= 3 and len(ways) > 1 else dict(ways) for key, ways in spellings.items()}


def product(values: Iterable[float]) -> float:
    """Return the product."""
    result = 1.0
    for value in values:
        result *= value
    return result


def row(key: str, ways: Mapping[str, float]) -> str:
    """Write a row of a table, with shares in per cent."""
    total = sum(ways.values())
    shares = {way: max(round(100 * value / total), 1) for way, value in sorted(ways.items(), key=lambda one: -one[1])}
    inner = ", ".join(
        f"{way if way.isascii() and way.isalpha() else chr(34) * 2} = {share}" for way, share in shares.items()
    )
    return f'"{key}" = {{ {inner} }}'


def written(text: str, counts: Counts, weights: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table with the new weights."""
    lines = []
    section = ""
    listed = {word: ways for word, ways in counts.items() if ways.total() >= LISTED}
    for line in text.splitlines():
        section = line if line.startswith("[") and "=" not in line else section
        key = line.split('"')[1] if line.startswith('"') else ""
        if section == "[spellings]" and key in weights:
            lines.append(row(key, weights[key]))
        elif not (section == "[words]" and key in listed):
            lines.append(line)
        if line == "[words]":
            for word, ways in listed.items():
                kept = {way: times for way, times in ways.items() if times >= RARE * ways.total()}
                lines.append(row(word, kept))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print agreement on the other half, before or after; write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("queries", type=Path)
    parser.add_argument("words", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    lines = arguments.queries.read_text(encoding="utf-8").splitlines()[1:]
    typed = [line.split("\t")[1] for line in lines]
    words = {
        nfc(word): ways.split()
        for word, ways in (line.split("\t") for line in arguments.words.read_text(encoding="utf-8").splitlines())
    }
    if arguments.write:
        text = TABLE.read_text(encoding="utf-8")
        half = counted(typed[::2], words)
        TABLE.write_text(written(text, half, fitted(half, tomllib.loads(text)["spellings"])), encoding="utf-8")
    other = counted(typed[1::2], words)
    for first in (50, len(other)):
        usual, one = agreement({word: ways for word, ways in other.items() if ways}, first)
        print(
            f"{first} words, held out: probability of the usual spelling {usual:.3f}, of one that was typed {one:.3f}"
        )


if __name__ == "__main__":
    main()
