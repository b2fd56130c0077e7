"""Make the tables of readings under `attacks/romanisation/readings/`.

    python tools/make_readings.py zh cedict_ts.u8
    python tools/make_readings.py ja ipadic.tsv read.tsv

`zh.tsv`: words of CC-CEDICT (MDBG, CC BY-SA 4.0) whose reading is not that of their characters one by one, which ICU's
Han-Latin writes. `ja.tsv`: words and single kanji of IPADIC 2.7.0. The first file has surface, cost, reading and
part of speech, the second surface, number and reading of the words of a text, as janome reads it (NTREX, Tatoeba);
words of the dictionary are taken if the text has their kanji. ``^X$`` is a kanji alone. Of words in several readings
the first, the most frequent, or the one of least cost, is kept. A word is left out if the shorter words of the table
already give its reading.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import icu

from robustbench_ir._base.text import nfc
from robustbench_ir.perturb.readings import Readings

TABLES = Path(__file__).parents[1] / "attacks" / "romanisation" / "readings"
LONGEST = 5  # code points; hardly an idiom of more is asked for
ENTRY = re.compile(r"\S+ (\S+) \[([^\]]+)\] /(.*)/")
SECONDARY = re.compile(r"(?:surname|variant of|old variant|used in|see|archaic|also pr\.|\(old\)|\(Tw\))")
PREFERRED = {
    "便宜": "pian yi", "朝阳": "chao yang", "大夫": "dai fu", "地方": "di fang", "东西": "dong xi",
    "栉": "zhi", "栉水母": "zhi shui mu",
    "触地": "chu di", "地热能": "di re neng", "移民地": "yi min di",
}  # fmt: skip
RARE_WORD, RARE_NAME = 9000, 6000  # costs of IPADIC above which a word is left out
SPLIT = frozenset(["中的"])  # mostly two words side by side, with another reading


def cedict_readings(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return the toneless readings of each word, first that of the first entry that is no name and no variant."""
    ranked: dict[str, list[tuple[bool, str]]] = defaultdict(list)
    for line in lines:
        found = ENTRY.match(line)
        if not found or not all("\u4e00" <= one <= "\u9fff" for one in found[1]):
            continue
        word, pinyin, glosses = found.groups()
        syllables = [re.sub(r"\d", "", one).lower().replace("u:", "ü") for one in pinyin.split()]
        if len(syllables) == len(word) and "xx" not in syllables:
            ranked[word].append((bool(SECONDARY.match(glosses)), " ".join(syllables)))
    return {word: [one for _, one in sorted(found, key=lambda one: one[0])] for word, found in ranked.items()}


def chinese(path: Path) -> dict[str, str]:
    """Return the words whose reading the characters do not give."""
    transform = icu.Transliterator.createInstance("Han-Latin")
    toneless = icu.Transliterator.createFromRules(
        "toneless", "::NFC; [üǖǘǚǜ] > ü; ::Null; ::[^ü] Latin-ASCII;", icu.UTransDirection.FORWARD
    )

    def by_characters(text: str) -> str:
        return " ".join(str(toneless.transliterate(transform.transliterate(text))).split())

    all_readings = cedict_readings(path.read_text(encoding="utf-8").splitlines())
    words = {word: found[0] for word, found in all_readings.items()} | PREFERRED
    singles = {word: {one for one in every if " " not in one} for word, every in all_readings.items()}
    wrong = {
        word: words[word] for word, of in singles.items() if of and (by_characters(word) not in of or word in PREFERRED)
    }
    longer = {word: one for word, one in words.items() if 2 <= len(word) <= LONGEST and word not in SPLIT}
    return needed(wrong | longer, by_characters)


def needed(words: Mapping[str, str], otherwise: Callable[[str], str]) -> dict[str, str]:
    """Return the words that shorter words of the table do not give already."""
    kept: dict[str, str] = {}
    for word, reading in sorted(words.items(), key=lambda one: (len(one[0]), one[0])):
        shorter = Readings(kept, max(map(len, kept), default=0)).read(word)
        if otherwise(shorter) != reading:
            kept[word] = reading
    return kept


def japanese(dictionary: Path, text: Path) -> dict[str, str]:
    """Return words with kanji in hiragana: those of the text, and those of the dictionary in its kanji."""
    cheapest: dict[str, tuple[int, str, str]] = {}
    for line in dictionary.read_text(encoding="utf-8").splitlines():
        word, cost, reading, part = line.split("\t")
        cheapest[word] = min(cheapest.get(word, (10**6, "", "")), (int(cost), hiragana(reading), part))
    read: dict[str, Counter[str]] = defaultdict(Counter)
    for line in text.read_text(encoding="utf-8").splitlines():
        word, times, reading = line.split("\t")
        read[word][hiragana(reading)] += int(times)
    kanji = {one for word in read for one in word if one >= "\u4e00"}
    chosen = {word: counts.most_common(1)[0][0] for word, counts in read.items()}
    for word, (cost, reading, part) in cheapest.items():
        known = all(one in kanji or one < "\u4e00" for one in word)
        if known and 1 < len(word) <= LONGEST and cost <= (RARE_NAME if "固有名詞" in part else RARE_WORD):
            chosen.setdefault(word, reading)
    compounds = sounds_in_compounds({word: one for word, (_, one, part) in cheapest.items() if "固有" not in part})
    alone = {word: chosen.get(word) or cheapest[word][1] for word in {*chosen, *cheapest} if len(word) == 1}
    single = compounds | {word: one for word, one in alone.items() if word not in compounds}
    longer = {word: one for word, one in chosen.items() if len(word) > 1}
    table = needed(single | longer, lambda one: one.replace(" ", ""))
    return table | {f"^{word}$": one for word, one in alone.items() if table.get(word) != one}


def sounds_in_compounds(words: Mapping[str, str]) -> dict[str, str]:
    """Return how a kanji is read most often beside another one, by the words of two kanji, in a few rounds."""
    sounds: dict[str, str] = {}
    pairs = [(word, one) for word, one in words.items() if len(word) == 2 and all(k >= "\u4e00" for k in word)]
    cuts = {word: {one[:place]: one[place:] for place in range(1, len(one))} for word, one in pairs}
    for _ in range(4):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for word, ways in cuts.items():
            fits = [way for way in ways.items() if sounds.get(word[0]) == way[0] or sounds.get(word[1]) == way[1]]
            for head, tail in fits or ways.items():
                counts[word[0]][head] += 1 / len(fits or ways)
                counts[word[1]][tail] += 1 / len(fits or ways)
        sounds = {one: max(sorted(found), key=found.__getitem__) for one, found in counts.items()}
    return sounds


def hiragana(katakana: str) -> str:
    """Write katakana in hiragana."""
    return "".join(chr(ord(one) - 0x60) if "ァ" <= one <= "ヶ" else one for one in katakana)


def written(table: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a table."""
    for word, reading in sorted(table.items()):
        yield f"{nfc(word)}\t{reading}\n"


def main() -> None:
    """Write one table."""
    language, paths = sys.argv[1], map(Path, sys.argv[2:])
    TABLES.mkdir(exist_ok=True)
    table = chinese(*paths) if language == "zh" else japanese(*paths)
    (TABLES / f"{language}.tsv").write_text("".join(written(table)), encoding="utf-8")
    print(f"{language}: {len(table)} words")


if __name__ == "__main__":
    main()
