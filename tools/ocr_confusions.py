"""Measures what an OCR program reads in place of what stands on a page, and writes a table of attacks/ocr/.

python tools/ocr_confusions.py DATA LANGUAGE > attacks/ocr/LANGUAGE.toml
python tools/ocr_confusions.py --merge Latn attacks/ocr/de.toml attacks/ocr/tr.toml ... > attacks/ocr/Latn.toml

DATA is a folder with `ntrex` (NTREX-128) and `udhr` (the Universal Declaration of Human Rights). Lines of these texts
are rendered with Pillow in fonts of Debian (fonts-noto-core, fonts-noto-cjk, fonts-dejavu, fonts-liberation), blurred,
soiled and thresholded as a poor scan is, and read by Tesseract 5 (Debian: tesseract-ocr-*). A rate is the number of
times that something else was read in place of a letter, in ten thousand of that letter. --merge takes what several
languages share. What such pages cannot show is estimated, and stands apart.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import icu
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from robustbench_ir._base.text import nfc
from robustbench_ir.resources.languages import languages

LINES = 40
WIDTH = 46
MOST = 3
FEWEST = 2
RATE = 8.0
_FONTS = Path("/usr/share/fonts")
_LATIN = ("truetype/liberation/LiberationSerif-Regular.ttf", "truetype/liberation/LiberationSans-Regular.ttf",
          "truetype/dejavu/DejaVuSerif.ttf")  # fmt: skip
_CJK = ("opentype/noto/NotoSansCJK-Regular.ttc",)


def _noto(*names: str) -> tuple[str, ...]:
    return tuple(f"truetype/noto/Noto{name}-Regular.ttf" for name in names)


LANGUAGES = {
    # code: (model of Tesseract, text, fonts)
    **{
        code: (model, text, _LATIN)
        for code, model, text in (
            ("en", "eng", "eng"),
            ("de", "deu", "deu"),
            ("fr", "fra", "fra"),
            ("es", "spa", "spa"),
            ("tr", "tur", "tur"),
            ("vi", "vie", "vie"),
            ("yo", "yor", "yor"),
            ("sw", "swa", "swa"),
            ("pt", "por", "por_PT"),
            ("cs", "ces", "ces"),
            ("pl", "pol", "pol"),
            ("ru", "rus", "rus"),
            ("kk", "kaz", "kaz"),
            ("uk", "ukr", "ukr"),
            ("sr", "srp", "srp_cyrl"),
            ("el", "ell", "ell"),
        )
    },
    "ar": ("ara", "arb", _noto("NaskhArabic", "SansArabic")),
    "fa": ("fas", "fas", _noto("NaskhArabic", "SansArabic")),
    "ur": ("urd", "urd", _noto("NaskhArabic", "SansArabic")),
    "he": ("heb", "heb", _noto("SerifHebrew", "SansHebrew")),
    "hi": ("hin", "hin", _noto("SerifDevanagari", "SansDevanagari")),
    "mr": ("mar", "mar", _noto("SerifDevanagari", "SansDevanagari")),
    "ne": ("nep", "nep", _noto("SerifDevanagari", "SansDevanagari")),
    "bn": ("ben", "ben", _noto("SerifBengali", "SansBengali")),
    "gu": ("guj", "guj", _noto("SerifGujarati", "SansGujarati")),
    "pa": ("pan", "pan", _noto("SerifGurmukhi", "SansGurmukhi")),
    "ta": ("tam", "tam", _noto("SerifTamil", "SansTamil")),
    "te": ("tel", "tel", _noto("SerifTelugu", "SansTelugu")),
    "kn": ("kan", "kan", _noto("SerifKannada", "SansKannada")),
    "ml": ("mal", "mal", _noto("SerifMalayalam", "SansMalayalam")),
    "si": ("sin", "sin", _noto("SerifSinhala", "SansSinhala")),
    "th": ("tha", "tha", _noto("SerifThai", "SansThai")),
    "lo": ("lao", "lao", _noto("SerifLao", "SansLao")),
    "km": ("khm", "khm", _noto("SerifKhmer", "SansKhmer")),
    "my": ("mya", "mya", _noto("SerifMyanmar", "SansMyanmar")),
    "am": ("amh", "amh", _noto("SerifEthiopic", "SansEthiopic")),
    "ka": ("kat", "kat", _noto("SerifGeorgian", "SansGeorgian")),
    "hy": ("hye", "hye", _noto("SerifArmenian", "SansArmenian")),
    "zh": ("chi_sim", "zho-CN", _CJK),
    "ja": ("jpn", "jpn", _CJK),
    "ko": ("kor", "kor", _CJK),
}
_SCANS = ((0.8, 34, 150), (1.1, 30, 170), (1.2, 38, 160))
"""Blur in pixels, deviation of the noise, and the grey from which on a pixel is white."""


def _origin(data: Path, name: str) -> str:
    return "NTREX-128" if [*data.glob(f"ntrex/newstest2019-*.{name}.txt")] else "the UDHR"


def _texts(data: Path, name: str) -> list[str]:
    found = [*data.glob(f"ntrex/newstest2019-*.{name}.txt")]
    if found:
        return found[0].read_text(encoding="utf-8").splitlines()[:700]
    return [
        one["text"] for one in json.loads((data / "udhr" / f"{name}.json").read_text(encoding="utf-8"))["paragraphs"]
    ]


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Cut texts into lines, between words where the script has spaces, else between graphemes."""
    for text in texts:
        places = icu.BreakIterator.createLineInstance(icu.Locale.getRoot())
        whole = icu.UnicodeString(" ".join(text.split()))
        places.setText(whole)
        start = last = 0
        for end in places:
            if end - start > WIDTH and last > start:
                yield str(whole[start:last]).strip()
                start = last
            last = end


def _page(lines: Sequence[str], font: Path, scan: tuple[float, int, int], right_to_left: bool) -> Image.Image:
    dense = font.suffix == ".ttc"
    face = ImageFont.truetype(str(font), 27 if dense else 21)
    height, width = 46 if dense else 40, 24 + max(int(face.getlength(line)) for line in lines) + 24
    page = Image.new("L", (width, height * len(lines) + 40), 255)
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        at, anchor = (width - 24, "ra") if right_to_left else (24, "la")
        draw.text((at, 20 + number * height), line, fill=0, font=face, anchor=anchor)
    blur, deviation, white = scan
    grey = np.asarray(page.filter(ImageFilter.GaussianBlur(blur)), dtype=float)
    grey = grey + np.random.default_rng(len(lines) + deviation).normal(0, deviation, grey.shape)
    return Image.fromarray(np.where(grey >= white, 255, 0).astype(np.uint8))


def _read(page: Image.Image, model: str) -> list[str]:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        page.save(file.name, dpi=(200, 200))
        command = ["/usr/bin/tesseract", file.name, "-", "-l", model, "--psm", "6"]
        said = subprocess.run(command, capture_output=True, check=True, env={"OMP_THREAD_LIMIT": "1"}).stdout  # noqa: S603
    return [" ".join(line.split()) for line in said.decode().splitlines() if line.strip()]


def _edits(right: str, wrong: str) -> list[tuple[str, str]]:
    """Return what differs, by a shortest alignment: neighbouring edits are one stretch."""
    costs = np.zeros((len(right) + 1, len(wrong) + 1), dtype=int)
    costs[:, 0], costs[0, :] = np.arange(len(right) + 1), np.arange(len(wrong) + 1)
    for row, one in enumerate(right, 1):
        for column, other in enumerate(wrong, 1):
            costs[row, column] = min(
                costs[row - 1, column - 1] + (one != other), costs[row - 1, column] + 1, costs[row, column - 1] + 1
            )
    if costs[-1, -1] > len(right) / 3:
        return [("", "unreadable")]
    found: list[tuple[str, str]] = []
    row, column, before, after = len(right), len(wrong), "", ""
    while row or column:
        equal = row and column and right[row - 1] == wrong[column - 1]
        if equal and costs[row, column] == costs[row - 1, column - 1]:
            found += [(before, after)] if before or after else []
            before = after = ""
            row, column = row - 1, column - 1
        elif row and column and costs[row, column] == costs[row - 1, column - 1] + 1:
            row, column = row - 1, column - 1
            before, after = right[row] + before, wrong[column] + after
        elif row and costs[row, column] == costs[row - 1, column] + 1:
            row -= 1
            before = right[row] + before
        else:
            column -= 1
            after = wrong[column] + after
    return found + ([(before, after)] if before or after else [])


def measure(data: Path, code: str) -> str:
    """Return the table of a language."""
    model, text, fonts = LANGUAGES[code]
    seen, wrong = Counter[str](), Counter[tuple[str, str]]()
    letters = errors = 0
    for right, said in _read_lines(data, code):
        edits = _edits(right, said)
        if edits == [("", "unreadable")]:
            continue
        letters += len(right)
        errors += sum(max(len(before), len(after)) for before, after in edits)
        for size in range(1, MOST + 1):
            seen.update(right[place : place + size] for place in range(len(right)))
        wrong.update(
            (one, other)
            for one, other in edits
            if one and max(len(one), len(other)) <= MOST and any(char.isalnum() or char == " " for char in one)
        )
    rows: dict[str, dict[str, float]] = defaultdict(dict)
    for (one, other), count in sorted(wrong.items(), key=lambda item: (-item[1], item[0])):
        rate = 1e4 * count / seen[one]
        same = unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other)  # two codes of one sign
        if count >= FEWEST + (len(one) > 1) and rate >= RATE and not same:
            rows[one][other] = round(rate, 1)
    source = (
        f"Tesseract 5.3 ({model}, tessdata 4.1.0) on {letters:,} characters of {_origin(data, text)} in soiled pages, "
        f"{errors / max(letters, 1):.1%} of them wrong; tools/ocr_confusions.py"
    )
    return _toml(code, source, rows, "Latn" if fonts == _LATIN and text in _IN_LATIN else "")


def _read_lines(data: Path, code: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of some pages, and what was read for each; a page in which lines were lost is left out."""
    model, text, fonts = LANGUAGES[code]
    lines = [line for line in _lines(_texts(data, text)) if len(line) > WIDTH // 2]
    random.Random(0).shuffle(lines)
    pages = 0
    for font in fonts * (4 if fonts == _CJK else 1):  # thousands of signs want more pages
        for scan in _SCANS:
            block = [lines[(pages * LINES + place) % len(lines)] for place in range(LINES)]
            pages += 1
            read = _read(_page(block, _FONTS / font, scan, code in {"ar", "fa", "ur", "he"}), model)
            if len(read) == len(block):
                yield from zip(map(nfc, block), map(nfc, read), strict=True)
            else:
                print(f"{code}: {font}: {len(read)} lines of {len(block)}; page left out", file=sys.stderr)


def merge(script: str, paths: Sequence[Path]) -> str:
    """Return one table for the other languages of a script: what two tables have, and lost marks that one has."""
    tables = [tomllib.loads(path.read_text(encoding="utf-8")) for path in paths]
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for table in tables:
        for right, readings in table["measured"].items():
            for other, rate in readings.items():
                found[right][other].append(rate)
    rows: dict[str, dict[str, float]] = {}
    for right, readings in found.items():
        common = {*map(chr, range(128)), *right}
        shared = {
            one: round(sum(rates) / len(tables), 1)
            for one, rates in readings.items()
            if (len(rates) > 1 and (script != "Latn" or set(one) <= common))
            or (script == "Latn" and one.isascii() and not right.isascii())
        }
        if shared:
            rows[right] = dict(sorted(shared.items(), key=lambda item: -item[1]))
    names = ", ".join(path.stem for path in paths)
    source = f"the mean of {names}: what two of them have, and marks that letters lose; tools/ocr_confusions.py"
    return _toml(script, source, rows, script)


_IN_LATIN = {"eng", "deu", "fra", "spa", "tur", "vie", "yor", "swa", "por_PT", "ces", "pol"}
_ALPHABETS = "Armn", "Cyrl", "Geor", "Grek", "Latn"
_ESTIMATED = {
    "Latn": """
# The pairs are those of the manual of Tesseract (unicharambigs) and of Oxford University Press's list of common OCR
# errors; the rates are guesses of this project.
"rn" = { "m" = 100 }
"m" = { "rn" = 40 }
"cl" = { "d" = 60 }
"li" = { "h" = 30 }
"h" = { "li" = 10, "b" = 20 }
"in" = { "m" = 20 }
"ni" = { "m" = 20 }
"vv" = { "w" = 50 }
"e" = { "c" = 30 }
"c" = { "e" = 30 }
"l" = { "1" = 20, "I" = 20 }
"I" = { "l" = 100, "1" = 60 }
"1" = { "l" = 100, "I" = 50 }
"O" = { "0" = 100 }
"0" = { "O" = 100 }
"5" = { "S" = 60 }
"S" = { "5" = 30 }
"8" = { "B" = 50 }
"B" = { "8" = 40 }
""",
}


def _toml(title: str, source: str, rows: dict[str, dict[str, float]], script: str = "") -> str:
    lines = [f"title = {json.dumps(title)}", f"source = {json.dumps(source, ensure_ascii=False)}"]
    lines += _rates(title)
    lines += ["", "[measured]"]
    for one, others in rows.items():
        inner = ", ".join(f"{json.dumps(other, ensure_ascii=False)} = {rate:g}" for other, rate in others.items())
        lines.append(f"{json.dumps(one, ensure_ascii=False)} = {{ {inner} }}")
    if script in _ESTIMATED:
        lines += ["", "[estimated]", _ESTIMATED[script].strip()]
    return "\n".join(lines) + "\n"


def _rates(code: str) -> list[str]:
    """Return the rates that such pages cannot show: their lines break no words, and rare marks are in few of them."""
    facts = languages().get(code)
    script = facts.script if facts else code
    spaces = facts is None or facts.has_spaces
    rates = {"marks": 300 if script in {"Latn", "Grek", "Cyrl"} else 0, "split": 4 if spaces else 0}
    rates["hyphen"] = 150 if script in _ALPHABETS else 0
    found = [f"{name} = {rate}" for name, rate in rates.items() if rate]
    return ["# Guesses of this project.", *found] if found else []


if __name__ == "__main__":
    if sys.argv[1] == "--merge":
        print(merge(sys.argv[2], [Path(one) for one in sys.argv[3:]]), end="")
    else:
        print(measure(Path(sys.argv[1]), sys.argv[2]), end="")
