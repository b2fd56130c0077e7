"""The tables under `attacks/keyboards/`, and the layouts of other people that each is compared with."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "attacks" / "keyboards"
NAMES = sorted(entry.stem for entry in SHIPPED.glob("*.toml"))
OURS = {"vi": "vi-tcvn", "uz": "uz-cyrl", "yo": "yo-ng", "ig": "ig-ng", "sw": "us", "ha": "ha-ng", "fil": "us"}
"""The table for a layout of xkb_layouts.json that has another name than the language."""
DUMPED = (
    "hi", "bn", "te", "ta", "ur", "ne", "si", "my", "km", "th", "lo", "vi", "tr", "el", "ar", "ru", "kk", "uz", "am",
    "sw", "yo", "ha", "ig", "wo", "ka", "hy", "ug", "ps", "fil",
)  # fmt: skip
INSTALLED = {
    "us": "us", "de": "de", "fr": "fr", "es": "es", "fi": "fi", "tr": "tr", "fa": "ir", "ja-romaji": "jp", "ru": "ru",
    "el": "gr", "th": "th", "uz": "uz:latin", "vi-tcvn": "vn", "wo": "sn", "ka": "ge", "kk": "kz", "my": "mm",
    "km": "kh", "ug": "cn:ug", "ps": "af:ps", "hi": "in:deva", "yo-ng": "ng:yoruba", "ig-ng": "ng:igbo",
    "ha-ng": "ng:hausa", "gu": "in:guj", "kn": "in:kan", "ml": "in:mal_enhanced", "mr": "in:marathi", "or": "in:ori",
    "pa": "in:guru", "sd": "pk:snd", "ckb": "iq:ku_ara", "pt": "br", "it": "it",
    "pl": "pl", "cs": "cz", "uk": "ua", "sr": "rs", "sr-latn": "rs:latin", "he": "il", "az": "az", "ku": "tr:ku",
    "sv": "se", "da": "dk", "nb": "no", "ro": "ro", "hu": "hu", "bg": "bg", "bg-phonetic": "bg:bas_phonetic",
    "hr": "hr", "sk": "sk",
}  # fmt: skip
"""The layout of xkb-data, and its variant, for our tables."""
