"""Make the two lexical tables that ship with the project and come from other people's work.

    python tools/make_lexicons.py --wordnet DIR/package/dict --omw "$ROBUSTBENCH_IR_DATA/omw-wikt" \
                                  --cedict cedict_ts.u8 --out attacks/lexicons

`wordnet/eng.tab`: English lemmas by WordNet 3.0 synset, from the npm package `WNdb` (WordNet
licence). Debian's `wordnet-base` is patched: its offsets of verbs and adjectives are not those of WordNet 3.0, which
the Open Multilingual Wordnet refers to.
`cc-cedict/zh-en.tsv`: short glosses of common Chinese words, from CC-CEDICT (CC BY-SA 4.0).
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from pathlib import Path

SENSES_KEPT = 4  # a lemma's later senses are too rare to stand in for its synset
GLOSSES_KEPT = 2
NO_GLOSS = re.compile(r"\b(surname|variant|abbr|CL:|see|classifier|used|old|dialect|particle|idiom|lit\.|fig\.|Tw)\b")


def wordnet_rows(dict_folder: Path, omw_folder: Path) -> list[str]:
    """Return `synset<TAB>eng:lemma<TAB>word`, a lemma's most frequent synsets only, in order of frequency."""
    joined = set()
    for table in omw_folder.glob("*.tab"):
        for line in table.read_text(encoding="utf-8").splitlines()[1:]:
            joined.add(line.split("\t", 1)[0])
    lemmas: dict[str, list[tuple[int, str]]] = defaultdict(list)
    plain = lower_case_senses(dict_folder)
    for name, letter in (("noun", "n"), ("verb", "v"), ("adj", "a"), ("adv", "r")):
        for line in (dict_folder / f"index.{name}").read_text(encoding="ascii").splitlines():
            if line.startswith(" "):
                continue
            fields = line.split()
            count = int(fields[2])
            for rank, offset in enumerate(fields[-count:][:SENSES_KEPT]):
                if (f"{offset}-{letter}", fields[0]) in plain:
                    lemmas[f"{offset}-{letter}"].append((rank, fields[0].replace("_", " ")))
    rows = ["# Princeton WordNet 3.0\teng\thttps://wordnet.princeton.edu/\tWordNet licence\n"]
    for synset, found in sorted(lemmas.items()):
        if synset in joined or len(found) > 1:
            rows += [f"{synset}\teng:lemma\t{word}\n" for _, word in sorted(found)]
    return rows


def lower_case_senses(dict_folder: Path) -> set[tuple[str, str]]:
    """Return (synset, lemma) of the senses that are not written with capitals: names and abbreviations are none."""
    found = set()
    for name, letter in (("noun", "n"), ("verb", "v"), ("adj", "a"), ("adv", "r")):
        for line in (dict_folder / f"data.{name}").read_text(encoding="ascii").splitlines():
            if not line.startswith(" "):
                fields = line.split()
                words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
                found |= {(f"{fields[0]}-{letter}", word.split("(")[0]) for word in words if word.islower()}
    return found


def short_gloss(gloss: str) -> str:
    """Return the gloss as one or two words that could stand in a sentence, or nothing."""
    plain = re.sub(r"\([^)]*\)|\[[^]]*\]", " ", gloss)
    plain = re.sub(r"^\s*(to be|to|a|an|the)\s+", "", plain.strip()).strip(" .,!?~")
    fits = re.fullmatch(r"[A-Za-z][A-Za-z'-]*( [A-Za-z'-]+)?", plain)
    return plain if fits and not NO_GLOSS.search(gloss) else ""


def common(word: str) -> bool:
    """Say whether all characters are among the 3,755 of GB 2312 level 1."""
    try:
        encoded = word.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return all(0xB0 <= byte <= 0xD7 for byte in encoded[::2])


def cedict_rows(source: Path) -> list[str]:
    """Return `simplified<TAB>English` for common words of one to three characters."""
    kept: dict[str, list[str]] = defaultdict(list)
    for line in source.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"\S+ (\S+) \[([^]]*)\] /(.*)/", line.strip())
        if not match or match[2][:1].isupper() or len(match[1]) > 3 or not common(match[1]):
            continue
        glosses = [short_gloss(part) for entry in match[3].split("/") for part in entry.split(";")]
        for gloss in filter(None, glosses):
            if gloss not in kept[match[1]] and len(kept[match[1]]) < GLOSSES_KEPT:
                kept[match[1]].append(gloss)
    return [f"{word}\t{gloss}\n" for word in sorted(kept) for gloss in kept[word]]


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("wordnet", "omw", "cedict", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    for name, rows in (
        ("wordnet/eng.tab", wordnet_rows(arguments.wordnet, arguments.omw)),
        ("cc-cedict/zh-en.tsv", cedict_rows(arguments.cedict)),
    ):
        target = arguments.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
