"""Make `attacks/keyboards/zh-pinyin.toml`: the characters of each syllable, the most frequent first.

    python tools/make_pinyin.py jieba/dict.txt > attacks/keyboards/zh-pinyin.toml

The 3,755 common characters of GB 2312 level 1, their readings from ICU (Han-Latin), in the order of their frequency in
the words of jieba's dictionary (https://github.com/fxsjy/jieba, MIT).
"""

from __future__ import annotations

import sys
import unicodedata
from collections import Counter
from pathlib import Path

import icu

HEADER = """\
title = "Pinyin input on QWERTY: the wrong homophone is chosen, or a neighbouring syllable is typed"
source = "tools/make_pinyin.py: characters of GB 2312-1980 level 1; readings: Unicode CLDR Han-Latin in ICU; order: \
word frequencies of jieba 0.42.1 (MIT); fuzzy syllables: the fuzzy pinyin settings of ibus-libpinyin and Google Pinyin"
licence = "Unicode licence v3 (readings), MIT (order)"
kind = "spelt"
script = "Latn"
on = "us"
# Spellings that speakers take for each other: beginnings and ends of syllables.
confused = [
    ["zh-", "z-"], ["ch-", "c-"], ["sh-", "s-"], ["n-", "l-"], ["f-", "h-"], ["r-", "l-"],
    ["-ang", "-an"], ["-eng", "-en"], ["-ing", "-in"],
]

# Syllables without tone and their characters, the most frequent first.
[spelling]"""


def keys_of(reading: str) -> str:
    """Drop the tone; ü is typed as v."""
    decomposed = unicodedata.normalize("NFD", reading.strip())
    return "".join(one for one in decomposed.replace("u\u0308", "v") if unicodedata.category(one) != "Mn")


def main() -> None:
    """Write the table to standard output."""
    frequency: Counter[str] = Counter()
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        word, times, _ = line.split(" ")
        for character in word:
            frequency[character] += int(times)
    codes = [bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)]
    characters = "".join(code.decode("gb2312", "ignore") for code in codes)
    romanise = icu.Transliterator.createInstance("Han-Latin")
    readings = [keys_of(reading) for reading in romanise.transliterate("\n".join(characters)).split("\n")]
    syllables: dict[str, list[str]] = {}
    for character, reading in zip(characters, readings, strict=True):
        syllables.setdefault(reading, []).append(character)
    print(HEADER)
    for syllable, group in sorted(syllables.items()):
        print(f'{syllable} = "{"".join(sorted(group, key=lambda one: -frequency[one]))}"')


if __name__ == "__main__":
    main()
