"""Print the most frequent words of real text that `attacks/_stop_words.toml` does not hold, to be read.

    python tools/stop_word_candidates.py [--languages hi,ur] [--words 60] [--data "$ROBUSTBENCH_IR_DATA"]

The text is NTREX-128 (1,997 sentences of news in each language) and, where there are any, the questions of AfriQA.
Function words are the most frequent words of any text; the content words of news and of questions differ. Those that
are closed class belong into the table: pronouns, auxiliaries, question words, adpositions, conjunctions, particles,
determiners.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from robustbench_ir._base.text import lower, nfc, word_spans
from robustbench_ir.perturb.constraints import stop_word_test
from robustbench_ir.resources.languages import languages

NTREX = {  # NTREX names its files by ISO 639-3
    "am": "amh", "ar": "arb", "az": "aze-Latn", "bem": "bem", "bn": "ben", "ckb": "ckb-Arab", "de": "deu", "ee": "ewe",
    "el": "ell", "en": "eng-US", "es": "spa",
    "fa": "fas", "ff": "fuc", "fi": "fin", "fil": "fil", "fr": "fra", "gu": "guj",
    "ha": "hau", "hi": "hin", "hy": "hye", "id": "ind", "ig": "ibo", "ja": "jpn", "ka": "kat", "kk": "kaz",
    "km": "khm", "kn": "kan", "ko": "kor", "lo": "lao", "mg": "mlg", "ml": "mal", "mr": "mar", "my": "mya",
    "nd": "nde", "ne": "nep", "nso": "nso", "ny": "nya", "om": "orm", "pa": "pan", "ps": "pus", "ru": "rus",
    "rw": "kin", "sd": "snd-Arab", "si": "sin", "sn": "sna-Latn", "so": "som", "ss": "ssw", "sw": "swa", "ta": "tam",
    "te": "tel", "th": "tha", "ti": "tir", "tn": "tsn", "tr": "tur", "ug": "uig", "ur": "urd", "uz": "uzb",
    "ve": "ven", "vi": "vie", "wo": "wol", "xh": "xho", "yo": "yor", "zh": "zho-CN", "zu": "zul",
}  # fmt: skip

AFRIQA = {"tw": "twi", "fon": "fon"}


def ntrex_lines(data: Path, language: str) -> Iterator[str]:
    """Yield the sentences of NTREX in a language."""
    path = data / "ntrex" / f"newstest2019-ref.{NTREX.get(language, language)}.txt"
    if path.is_file():
        yield from path.read_text(encoding="utf-8").splitlines()


def afriqa_questions(data: Path, language: str) -> Iterator[str]:
    """Yield the questions of AfriQA in a language."""
    code = AFRIQA.get(language, NTREX.get(language, language))
    for path in sorted((data / "afriqa" / "queries" / code).glob("*.json")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["question"]


def frequent_words(lines: Iterator[str], language: str) -> Counter[str]:
    """Count the words in lower case, without numbers."""
    counts: Counter[str] = Counter()
    for line in map(nfc, lines):
        counts.update(lower(line[start:end], language) for start, end in word_spans(line, language))
    return Counter({word: count for word, count in counts.items() if any(map(str.isalpha, word))})


def main() -> None:
    """Print a line for each language and each kind of text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ROBUSTBENCH_IR_DATA", "../shared/data")))
    parser.add_argument("--languages", default=",".join(sorted({*NTREX, *languages()})))
    parser.add_argument("--words", type=int, default=60)
    options = parser.parse_args()
    for language in options.languages.split(","):
        is_stop_word = stop_word_test(language)
        for name, read in (("NTREX", ntrex_lines), ("AfriQA", afriqa_questions)):
            counts = frequent_words(read(options.data, language), language)
            missing = [(word, count) for word, count in counts.most_common() if not is_stop_word(word)]
            if missing:
                print(f"{language} {name}: " + " ".join(f"{word}:{count}" for word, count in missing[: options.words]))


if __name__ == "__main__":
    main()
