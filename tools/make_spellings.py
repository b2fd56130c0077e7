"""Make the keyboard tables of Chinese and Japanese input methods from Unihan.

    python tools/make_spellings.py /usr/share/unicode "$ROBUSTBENCH_IR_DATA/tatoeba/tatoeba.jpn-eng.jpn"

Unihan 15.0 (Debian's unicode-data): kHanyuPinlu gives the readings of a Chinese character and how often each was
counted, kJapaneseOn the Chinese readings of a kanji, kJoyoKanji which kanji are in everyday use. Kanji are put in the
order of their number in the Japanese sentences of Tatoeba, then of their strokes.
"""

from __future__ import annotations

import bz2
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

TABLES = Path(__file__).parents[1] / "attacks" / "keyboards"
RARE = 0.05  # share of a character's uses below which a reading is left out
KANA = {
    "": "あいうえお", "k": "かきくけこ", "s": "さしすせそ", "t": "たちつてと", "n": "なにぬねの", "h": "はひふへほ",
    "m": "まみむめも", "y": "や ゆ よ", "r": "らりるれろ", "w": "わ   を", "g": "がぎぐげご", "z": "ざじずぜぞ",
    "d": "だぢづでど", "b": "ばびぶべぼ", "p": "ぱぴぷぺぽ",
}  # fmt: skip
OTHER_KANA = {"nn": "んン", "xtu": "っッ", "xya": "ゃャ", "xyu": "ゅュ", "xyo": "ょョ"}
HEPBURN = {"SH": "sy", "CH": "ty", "TSU": "tu", "FU": "hu", "J": "zy"}  # to the keys of JIS X 4063
HEADER = """\
title = "{title}"
source = "tools/make_spellings.py: {source}"
licence = "Unicode licence v3 (Unihan){licence}"
kind = "spelt"
script = "Latn"
on = "us"
{confused}
# Keys and the characters that they form, the likeliest first.
[spelling]
"""
CONFUSED = """\
# Spellings that speakers take for each other: beginnings and ends of syllables.
confused = [
    ["zh-", "z-"], ["ch-", "c-"], ["sh-", "s-"], ["n-", "l-"], ["f-", "h-"], ["r-", "l-"],
    ["-ang", "-an"], ["-eng", "-en"], ["-ing", "-in"],
]
"""


def unihan(folder: Path, file: str, wanted: str) -> dict[str, str]:
    """Read one property of Unihan."""
    found = {}
    for line in bz2.decompress((folder / f"Unihan_{file}.txt.bz2").read_bytes()).decode("utf-8").splitlines():
        if f"\t{wanted}\t" in line:
            code, _, value = line.split("\t")
            found[chr(int(code[2:], 16))] = value
    return found


def chinese(folder: Path) -> dict[str, str]:
    """Return the common characters (GB 2312 level 1) of each syllable, the most frequent first."""
    codes = [bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)]
    common = "".join(code.decode("gb2312", "ignore") for code in codes)
    counted, single = unihan(folder, "Readings", "kHanyuPinlu"), unihan(folder, "Readings", "kMandarin")
    frequency: dict[str, Counter[str]] = defaultdict(Counter)
    for character in common:
        readings: Counter[str] = Counter()
        for reading, times in re.findall(r"(\w+)\((\d+)\)", counted.get(character, "")):
            readings[keys_of(reading)] += int(times)
        for keys, times in (readings or Counter({keys_of(single[character].split()[0]): 0})).items():
            if times >= RARE * readings.total():
                frequency[keys][character] = times
    return {keys: "".join(one for one, _ in group.most_common()) for keys, group in frequency.items()}


def keys_of(reading: str) -> str:
    """Drop the tone; ü is typed as v."""
    decomposed = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(one for one in decomposed if unicodedata.category(one) != "Mn")


def japanese(folder: Path, sentences: str) -> dict[str, str]:
    """Return the kana and everyday kanji of each spelling."""
    spelling: dict[str, str] = {}
    for consonant, row in KANA.items():
        for vowel, kana in zip("aiueo", row, strict=True):
            if kana != " ":
                spelling[consonant + vowel] = kana + chr(ord(kana) + 0x60)
    spelling |= OTHER_KANA
    strokes = unihan(folder, "IRGSources", "kTotalStrokes") or unihan(folder, "DictionaryLikeData", "kTotalStrokes")
    used = Counter(sentences)
    readings = unihan(folder, "Readings", "kJapaneseOn")
    everyday = set(unihan(folder, "OtherMappings", "kJoyoKanji")) & set(readings)
    for kanji in sorted(everyday, key=lambda one: (-used[one], int(strokes[one].split()[0]), one)):
        for reading in readings[kanji].split():
            keys = romaji(reading)
            spelling[keys] = spelling.get(keys, "") + kanji
    return spelling


def romaji(reading: str) -> str:
    """Turn Hepburn into the keys that type it."""
    for hepburn, keys in HEPBURN.items():
        reading = reading.replace(hepburn, keys)
    return reading.lower().replace("yi", "i")


def table(header: Mapping[str, str], spelling: Iterable[tuple[str, str]]) -> str:
    """Write a table."""
    return HEADER.format(**header) + "".join(f'{keys} = "{characters}"\n' for keys, characters in spelling)


def main() -> None:
    """Write both tables."""
    folder, sentences = Path(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8")
    pinyin = {
        "title": "Pinyin input on QWERTY: the wrong homophone is chosen, or a neighbouring syllable is typed",
        "source": "GB 2312 level 1; Unihan 15.0 kHanyuPinlu; fuzzy syllables: options PINYIN_FUZZY of ibus-pinyin",
        "licence": "",
        "confused": CONFUSED,
    }
    kana = {
        "title": "Japanese kana and kanji spelt in romaji on QWERTY: a neighbouring key, or the wrong conversion",
        "source": "JIS X 4063:2000 (keys to kana); Unihan 15.0 kJapaneseOn, kJoyoKanji; order of kanji: Tatoeba",
        "licence": ", CC BY 2.0 FR (order of kanji: tatoeba.org)",
        "confused": "",
    }
    (TABLES / "zh-pinyin.toml").write_text(table(pinyin, sorted(chinese(folder).items())), encoding="utf-8")
    (TABLES / "ja-romaji.toml").write_text(table(kana, japanese(folder, sentences).items()), encoding="utf-8")


if __name__ == "__main__":
    main()
