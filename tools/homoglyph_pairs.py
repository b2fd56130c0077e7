"""Measures which letters look the same, and writes attacks/_homoglyphs.toml.

python tools/homoglyph_pairs.py intentional.txt > attacks/_homoglyphs.toml

The file is https://www.unicode.org/Public/security/latest/intentional.txt. Letters with the TR39 skeleton of one of its
pairs are rendered with Pillow in the Noto fonts (Debian: fonts-noto-core), the forms of Arabic letters one by one.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

import icu
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from robustbench_ir._base.text import script
from robustbench_ir.perturb.joining import joining_type

FONTS = Path("/usr/share/fonts/truetype/noto")
BOUND = 0.05
"""Largest difference of two letters that look the same, as a share of the ink of the larger."""
_FILES = {
    "Armn": ("NotoSansArmenian-Regular.ttf", "NotoSerifArmenian-Regular.ttf"),
    "Arab": ("NotoSansArabic-Regular.ttf", "NotoNaskhArabic-Regular.ttf"),
}
_ALPHABETS = ("NotoSans-Regular.ttf", "NotoSerif-Regular.ttf")
_HEAD = (
    "# Written by tools/homoglyph_pairs.py; do not edit. Letters that look the same: those of Unicode's list of",
    "# letters made alike (UTS 39, intentional.txt 17.0.0, Unicode License v3), those of the same skeleton, and the",
    "# forms of Arabic letters with equal joining type and dots. The number is the difference of the two glyphs as a",
    "# share of the ink, the larger of Noto Sans and Noto Serif (Noto Sans Arabic, Noto Naskh Arabic) at 96 pixels.",
)
_SIZE, _CANVAS, _ORIGIN = 96, (280, 280), (70, 60)
_LAST_CODE_POINT = 0x3000
_ARABIC = "كکڪيیىېےهھہەةۃنں"
"""Arabic letters that share a shape in one of their forms; dots and joining decide which of them look the same."""


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / name), _SIZE, layout_engine=ImageFont.Layout.BASIC)


def _ink(font: str, text: str) -> np.ndarray:
    image = Image.new("L", _CANVAS, 0)
    ImageDraw.Draw(image).text(_ORIGIN, text, font=_font(font), fill=255)
    return np.asarray(image, dtype=float) / 255


def difference(left: str, right: str) -> float:
    """Return the largest difference of two glyphs over the fonts, as a share of the ink of the larger; 0 is the same.

    Raises
    ------
    ValueError
        If a font has no glyph for one of them.
    """
    found = []
    for one, other in zip(_fonts_of(left), _fonts_of(right), strict=True):
        for font, letter in ((one, left), (other, right)):
            if _ink(font, letter).sum() == 0 or np.array_equal(_ink(font, letter), _ink(font, "\U0010ffff")):
                raise ValueError(f"{font} has no glyph for U+{ord(letter):04X}")
        ink = _ink(one, left), _ink(other, right)
        found.append(float(np.abs(ink[0] - ink[1]).sum() / max(ink[0].sum(), ink[1].sum())))
    return max(found)


def _fonts_of(letter: str) -> tuple[str, str]:
    return _FILES.get(script(unicodedata.normalize("NFKC", letter)), _ALPHABETS)


@cache
def presentation_forms() -> dict[tuple[str, str], str]:
    """Return (letter, form) to the presentation form, a character of its own."""
    blocks = (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFEFD))
    parts = {chr(code): unicodedata.decomposition(chr(code)).split() for code in blocks}
    return {(chr(int(two[1], 16)), two[0][1:-1]): shape for shape, two in parts.items() if len(two) == 2}


def pairs(intentional: Path) -> Iterator[tuple[str, str, float]]:
    """Yield letters of two alphabets with the skeleton of an intentional pair, and their difference."""
    checker = icu.SpoofChecker()
    lines = [line.split("#")[0] for line in intentional.read_text(encoding="utf-8-sig").splitlines()]
    designed = [chr(int(code, 16)) for line in lines if line.strip() for code in line.split(";")]
    skeletons = {checker.getSkeleton(0, letter) for letter in designed}
    groups: dict[str, list[str]] = {}
    for letter in map(chr, range(ord("A"), _LAST_CODE_POINT)):
        plain = unicodedata.category(letter) in {"Lu", "Ll"} and unicodedata.normalize("NFKC", letter) == letter
        if plain and script(letter) in {"Latn", "Grek", "Cyrl", "Armn"}:
            groups.setdefault(checker.getSkeleton(0, letter), []).append(letter)
    for skeleton in sorted(skeletons & groups.keys()):
        for left, right in combinations(groups[skeleton], 2):
            if script(left) != script(right) and left.isupper() == right.isupper():
                try:
                    yield left, right, difference(left, right)
                except ValueError as error:
                    print(error, file=sys.stderr)


def forms() -> Iterator[tuple[str, str, str, float]]:
    """Yield Arabic letters of equal joining type, a form in which both exist, and the difference of the two."""
    shapes = presentation_forms()
    for left, right in combinations(_ARABIC, 2):
        if joining_type(left) == joining_type(right):
            for form in ("isolated", "final", "initial", "medial"):
                if (left, form) in shapes and (right, form) in shapes:
                    yield left, right, form, difference(shapes[left, form], shapes[right, form])


def _table(intentional: Path) -> Iterator[str]:
    yield from _HEAD
    yield f"bound = {BOUND}"
    yield "pairs = ["
    yield from (f'  ["{left}", "{right}", {far:.3f}],' for left, right, far in pairs(intentional) if far <= BOUND)
    yield "]"
    yield "forms = ["
    yield from (f'  ["{left}", "{right}", "{form}", {far:.3f}],' for left, right, form, far in forms() if far <= BOUND)
    yield "]"


if __name__ == "__main__":
    print("\n".join(_table(Path(sys.argv[1]))))
