"""Measure how near the conventions come to what people type: character error rate against attested romanisations.

    python benchmarks/romanisation.py hi=hi.translit.sampled.dev.tsv ar=pairs.tsv [--conventions hi-iso,hi-chat]

A file has a line per pair: native word, attested romanisation, and if known how often, between tabs; Dakshina's Hindi
files, which have the Latin word first, are understood too. Columns, means over the distinct native words: the error
rate of the most likely spelling, of the drawn one (mean by probability) and of the best of those offered, each against
the nearest attested romanisation (Levenshtein distance / length of the attested one); the share of words whose most
likely spelling is attested; the mean number of spellings offered. Without --conventions: all tables whose name begins
with the language, and uroman where it is installed.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from langcodes import Language

from robustbench_ir._base.text import nfc
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.romanisation import Spellings, romaniser
from robustbench_ir.resources.cards import packaged


def distance(one: str, two: str) -> int:
    """Return the Levenshtein distance in code points."""
    row = list(range(len(two) + 1))
    for line, left in enumerate(one, start=1):
        above, row = row, [line]
        for (diagonal, over), right in zip(pairwise(above), two, strict=True):
            row.append(min(diagonal + (left != right), over + 1, row[-1] + 1))
    return row[-1]


def error_rate(spelling: str, attested: Sequence[str]) -> float:
    """Return the error rate against the nearest attested romanisation."""
    return min(distance(spelling.lower(), one) / len(one) for one in attested)


def read_pairs(path: Path) -> dict[str, list[str]]:
    """Read native word to attested romanisations; a pair of words both or neither in Latin letters is left out."""
    pairs: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        one, two = [nfc(field.strip()) for field in (*line.split("\t"), "")[:2]]
        native, latin = (two, one) if one.isascii() else (one, two)
        if latin.isascii() and latin and not native.isascii():
            pairs.setdefault(native, []).append(latin.lower())
    return pairs


def conventions_of(language: str) -> list[str]:
    """List the tables whose name begins with the language, but for those that lead into another script than Latin."""
    swap = load_recipe("script-swap").card.languages.get(language, {"conventions": []})["conventions"]
    folder = packaged("attacks") / "romanisation"
    names = {entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.startswith(f"{language}-")}
    return sorted(name for name in names if name not in str(swap))


def uroman(language: str) -> dict[str, Callable[[str], Spellings]]:
    """Return uroman as one more convention, if it is installed."""
    try:
        romanise = importlib.import_module("uroman").Uroman().romanize_string
    except ImportError:
        return {}
    code = Language.get(language).to_alpha3()
    return {"uroman": lambda word: Spellings((romanise(word, lcode=code),), (1.0,))}


def measure(convention: Callable[[str], Spellings], pairs: Mapping[str, Sequence[str]]) -> tuple[float, ...]:
    """Return the five columns."""
    rows = []
    for word, attested in pairs.items():
        texts, sums = convention(word)
        errors = [error_rate(text, attested) for text in texts]
        drawn = sum(error * (end - start) for error, (start, end) in zip(errors, pairwise((0.0, *sums)), strict=True))
        rows.append((errors[0], drawn, min(errors), float(errors[0] == 0), float(len(texts))))
    return tuple(map(fmean, zip(*rows, strict=True)))


def main() -> None:
    """Print a table for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="LANGUAGE=FILE")
    parser.add_argument("--conventions", default="")
    arguments = parser.parse_args()
    for language, _, path in (one.partition("=") for one in arguments.files):
        pairs = read_pairs(Path(path))
        print(f"{language}: {sum(map(len, pairs.values()))} pairs of {len(pairs)} words in {path}")
        print(f"{'convention':16}{'likeliest':>10}{'drawn':>8}{'best':>8}{'attested':>10}{'spellings':>11}")
        names = arguments.conventions.split(",") if arguments.conventions else conventions_of(language)
        tried: dict[str, Callable[[str], Spellings]] = {name: romaniser(name) for name in names}
        for name, convention in {**tried, **uroman(language)}.items():
            first, drawn, best, share, number = measure(convention, pairs)
            print(f"{name:16}{first:10.3f}{drawn:8.3f}{best:8.3f}{share:10.0%}{number:11.1f}", flush=True)


if __name__ == "__main__":
    main()
