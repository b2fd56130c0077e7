"""Keyboard tables: checked against other people's, refused where they cannot be, and what fingers make of them."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from ctypes import CDLL, POINTER, Structure, byref, c_char_p, c_int, c_uint32, c_void_p
from ctypes.util import find_library
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from robustbench_ir._base.text import graphemes, nfc
from robustbench_ir.errors import CardError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.keyboards.layouts import key_places, keyboard, neighbours
from robustbench_ir.perturb.keyboards.typist import keyboard_model
from robustbench_ir.resources.cards import Tables
from robustbench_ir.tasks import Query
from tests.support.recipes import queries_of
from tools.keyboard_references import DUMPED, INSTALLED, NAMES, OURS, SHIPPED

KEYS = [
    [b"TLDE", *(b"AE%02d" % number for number in range(1, 13))],
    [b"AD%02d" % number for number in range(1, 13)],
    [*(b"AC%02d" % number for number in range(1, 12)), b"BKSL"],
    [b"AB%02d" % number for number in range(1, 11)],
]
GOOD = 'title = "Two keys"\nsource = "this test"\nlicence = "none"\nrows = [["a", "b"]]\n'


def is_letter_or_mark(character: str) -> bool:
    """Leave out Arabic presentation forms, and the tatweel, which is no letter."""
    return unicodedata.category(character)[0] in "LM" and not "\ufb50" <= character <= "\ufeff"


@pytest.mark.parametrize("layout", DUMPED)
def test_tables_agree_with_the_dump_of_xkb_data(layout: str, shared_data: Path) -> None:
    """Every letter of the layout stands where Debian's xkb-data has it, and the other way round."""
    rows = json.loads((shared_data / "xkb" / "xkb_layouts.json").read_text(encoding="utf-8"))
    assert set(rows) == set(DUMPED)
    theirs: dict[str, tuple[int, int]] = {}
    for line, row in enumerate(reversed(rows[layout])):
        for column, key in enumerate(row):
            for character in key[:2]:
                if len(character) == 1 and is_letter_or_mark(character):
                    theirs.setdefault(character, (line, column))
    ours = key_places(OURS.get(layout, layout))
    dead = {"\u0301", "\u0308"} if layout == "el" else set()  # the dump leaves dead keys out
    assert {one: place[:2] for one, place in ours.items() if is_letter_or_mark(one) and one not in dead} == theirs


class _Names(Structure):
    _fields_ = [(name, c_char_p) for name in ("rules", "model", "layout", "variant", "options")]


def installed_letters(layout: str, variant: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the letters of a layout of the installed xkb-data as libxkbcommon compiles it, and their places."""
    library = CDLL(find_library("xkbcommon"))
    library.xkb_context_new.restype = library.xkb_keymap_new_from_names.restype = c_void_p
    library.xkb_keymap_new_from_names.argtypes = [c_void_p, POINTER(_Names), c_int]
    library.xkb_keymap_key_by_name.argtypes = [c_void_p, c_char_p]
    library.xkb_keymap_key_get_syms_by_level.argtypes = [c_void_p, *[c_uint32] * 3, POINTER(POINTER(c_uint32))]
    names = _Names(b"evdev", b"pc105", layout.encode(), variant.encode(), None)
    keymap = library.xkb_keymap_new_from_names(library.xkb_context_new(0), byref(names), 0)
    assert keymap, f"xkb-data has no layout {layout} {variant}"
    for line, row in enumerate(reversed(KEYS)):
        for column, name in enumerate(row):
            for level in (0, 1):
                symbols = POINTER(c_uint32)()
                key = library.xkb_keymap_key_by_name(keymap, name)
                if library.xkb_keymap_key_get_syms_by_level(keymap, key, 0, level, byref(symbols)) == 1:
                    code = library.xkb_keysym_to_utf32(symbols[0])
                    if code and is_letter_or_mark(chr(code)):
                        yield chr(code), (line, column)


@pytest.mark.skipif(
    not find_library("xkbcommon") or not Path("/usr/share/X11/xkb/symbols").is_dir(),
    reason="NOT CHECKED against xkb-data: apt-get install xkb-data libxkbcommon0",
)
@pytest.mark.parametrize("layout", sorted(INSTALLED))
def test_tables_agree_with_the_installed_xkb_data(layout: str) -> None:
    name, _, variant = INSTALLED[layout].partition(":")
    theirs: dict[str, tuple[int, int]] = {}
    for letter, place in installed_letters(name, variant):
        theirs.setdefault(letter, place)
    assert len(theirs) > 25
    ours = {one: place[:2] for one, place in key_places(layout).items() if place[2] < 2 and is_letter_or_mark(one)}
    dead = {one for one in ours if "\u0300" <= one <= "\u036f"} - set(theirs)  # libxkbcommon: a symbol, no character
    assert {one: place for one, place in ours.items() if one not in dead} == theirs


@pytest.mark.parametrize("layout", NAMES)
def test_every_table_names_its_source_and_its_slips_are_never_what_was_meant(layout: str) -> None:
    card = keyboard(layout)
    assert card.source
    assert card.licence
    fingers = keyboard_model(layout)
    known = [*neighbours(layout), *card.missed, *"".join(card.spelling.values()), *"".join(card.marks.values())]
    for letter in known:
        for slip in fingers.instead(letter):
            assert slip != letter
            assert nfc(slip) == slip
        assert all(extra and nfc(extra) == extra for extra in fingers.besides(letter))


@pytest.mark.parametrize(
    ("layout", "grapheme", "slips"),
    [
        # Telex: â is aa, tones are s f r x j; help of Keyman's vietnamese_telex.
        ("vi-telex", "ộ", {"ô", "ọ", "ôj", "ôk"}),  # tone key missed, o typed once, tone key twice, key beside j
        ("vi-telex", "á", {"a", "ã", "as"}),  # missed; x lies beside s; twice
        ("vi-telex", "đ", {"d", "dd"}),
        ("vi-telex", "ư", {"u", "uw", "ú"}),  # s lies beside w
        ("vi-telex", "à", {"ả"}),  # r lies beside f
        ("vi-telex", "Đ", {"D", "Dd"}),
        ("vi-telex", "n", {"m", "b"}),
        ("yo", "ọ̀", {"ọ", "ò", "ọ́"}),  # tone missed, dot missed, other tone
        ("yo", "Ṣ", {"S"}),
        ("ig", "ị", {"i", "ụ"}),
        ("ha", "ɗ", {"d", "s", "f"}),
        ("ha", "Ƙ", {"K", "J"}),
        ("fon", "ɖ", {"d"}),
        ("tw", "ɛ", {"e", "3"}),
        ("wo", "ñ", {"n"}),
        ("el", "ά", {"α", "σ"}),
        ("el", "ΐ", {"ί", "ϊ"}),
        ("es", "é", {"e", "w"}),
        ("fr", "ê", {"e", "é", "è"}),
        ("de", "ß", {"s", "ss"}),
        ("tr", "ı", {"i", "u"}),
        ("uz", "ʻ", {"'", "’"}),
        ("us", "é", {"e", "w"}),
        ("ar", "أ", {"ا"}),
        ("hi", "कि", {"की", "क", "खि"}),
        ("hi", "प्र", {"पर"}),  # virama missed
        ("th", "ที่", {"ที", "ที้"}),
        ("ja", "が", {"か", "ぎ", "だ"}),
        ("ja", "っ", {"つ"}),
        ("ja-romaji", "き", {"い", "く", "こ"}),  # k missed; u and o lie beside i
        ("ko", "한", {"하", "란", "헌", "함"}),  # tail missed, and a neighbour of each jamo
        ("ko", "값", {"갑", "갓"}),
        ("ko", "하", {"해", "허"}),
        ("am", "ለ", {"ሉ", "ላ", "ከ"}),
        ("zh-pinyin", "中", {"种", "重", "总"}),  # the same syllable; zh for z
        ("zh-pinyin", "您", {"林"}),  # l for n
        ("zh-pinyin", "音", {"应"}),  # -ing for -in
        ("zh-pinyin", "行", {"形", "航"}),  # a character of two readings
        ("ja-romaji", "個", {"古", "故"}),  # the wrong conversion of ko
    ],
)
def test_what_fingers_type_instead(layout: str, grapheme: str, slips: set[str]) -> None:
    assert slips <= set(keyboard_model(layout).instead(grapheme))


@pytest.mark.parametrize(
    ("layout", "grapheme", "never"),
    [
        ("yo", "Ẹ́", r"[^E]\u0301|[ẂŔ]"),  # a consonant carries no tone
        ("us", "é", r"[ẃŕś]"),
        ("tr", "i", r"[Iİ]"),
        ("tr", "ı", r"[Iİ]"),
        ("ka", "ქ", r"\p{Latin}"),
        ("ar", "ت", "\u0640"),
        ("el", "ς", r"\p{Lu}"),
        ("hi", "कि", r".*\p{InSC=Virama}.*|.+\p{InSC=Vowel_Independent}"),
        ("si", "කි", r"\p{InSC=Vowel_Independent}.+"),
        ("lo", "ອີ", r"[ເແ].+"),
        ("my", "ကို", r".*ိာ"),
        ("my", "တ်", r".*္"),
        ("ja", "か", r"\p{Katakana}"),
        ("ja-romaji", "か", r".*\p{Latin}.*"),
        ("ko", "한", r"[^가-힣]"),
        ("zh-pinyin", "是", r".*\p{Latin}.*"),
        ("de", "ß", r"SS|ẞ"),
    ],
)
def test_what_nobody_would_leave(layout: str, grapheme: str, never: str) -> None:
    slips = keyboard_model(layout).instead(grapheme)
    assert slips
    assert [slip for slip in slips if regex.fullmatch(never, slip)] == []


@pytest.mark.parametrize(
    ("layout", "grapheme", "extra", "never"),
    [
        ("ko", "한", "ㅁ", "ㅏ"),  # a further consonant stays alone, a vowel would take the tail along
        ("ko", "하", "ㅓ", "ㅁ"),  # and a consonant would become the tail
        ("am", "ለ", "ክ", "ከ"),  # a consonant key alone is its sixth order
        ("vi-telex", "a", "z", "s"),  # s is a tone key: á
        ("ha", "ɗ", "f", "d"),
    ],
)
def test_what_fingers_type_besides(layout: str, grapheme: str, extra: str, never: str) -> None:
    found = keyboard_model(layout).besides(grapheme)
    assert extra in found
    assert never not in found


@pytest.mark.parametrize("language", ["hi", "ne", "bn", "te", "ta", "si", "th", "lo", "km", "my"])
def test_slips_keep_the_order_of_marks(language: str, shared_data: Path) -> None:
    """No vowel sign after a virama or an independent vowel, no mark twice in a row, where the question had none."""
    impossible = regex.compile(
        r"(?:\p{InSC=Virama}|\p{InSC=Invisible_Stacker})[\p{M}--\p{InSC=Virama}]|(\p{M})\1"
        r"|[\p{InSC=Vowel_Independent}--[\u1021]][\p{InSC=Vowel_Dependent}&&\p{M}]",
        regex.VERSION1,
    )
    queries = [query for query in queries_of(shared_data, language) if not impossible.search(query.text)]
    assert len(queries) > 15
    for seed in range(3):
        for one in load_recipe("slip").perturb(queries, 5, seed):
            assert [(edit.before, edit.after) for edit in one.edits if impossible.search(edit.after)] == []


def test_neighbours_stand_beside_each_other_on_the_layout() -> None:
    assert {"q", "e", "a", "s"} <= set(neighbours("us")["w"])
    assert "z" in neighbours("de")["t"]
    assert "y" not in neighbours("de")["t"]
    assert "ฟ" in neighbours("th")["ห"]
    # InScript marks stand beside marks, letters beside letters.
    assert set(neighbours("hi")["ि"]) <= set("ेुॆं्ूॢा़ौैीोॊॉँ")
    assert set(neighbours("hi")["क"]) & set("तरख")


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ('kind = "typewriter"', "key 'kind': Input should be 'keys', 'ethiopic', 'hangul' or 'spelt'"),
        ('script = "Klingon"', "key 'script': .*no script 'Klingon'; use an ISO 15924 code such as 'Latn'"),
        ('script = "Xyzq"', "key 'script': .*no script 'Xyzq'"),
        ('on = "us"', r"key 'rows': give rows, or the table that has them \('on'\), not both"),
        ('missed = { "é" = ["e"] }', "key 'missed.é': 'e' cannot be typed on the keys of 'rows'"),
        ('missed = { "a" = ["a"] }', "key 'missed.a': 'a' cannot be typed"),
        ('missed = { "á" = [] }', "key 'missed.á'"),
        ('marks = { "x" = "ab" }', "key 'marks': .*'x' is not a combining mark"),
        ('marks = { "\\u0301" = "a", "\\u0300\\u0301" = "b" }', "key 'marks': .*occurs twice"),
        ('spelling = { ab = "c" }', "key 'spelling': a keyboard of kind 'keys' has none"),
        ('kind = "spelt"', "key 'spelling': a keyboard of kind 'spelt' has none, 'spelt' and 'hangul' do"),
        ('kind = "spelt"\nspelling = { ax = "c" }', "key 'spelling': 'ax' cannot be typed on the keys of 'rows'"),
        ("neighbors = 1", "key 'neighbors' is unknown"),
    ],
)
def test_a_faulty_table_is_refused_with_file_and_key(added: str, message: str, tmp_path: Path) -> None:
    check_refused(GOOD + added, message, tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('[["a", "b"], ["c", "a"]]', r"key 'rows.1': 'a' is on the keys 'a' and 'a'; .* name it in 'twice'"),
        (f"[{json.dumps(list('abcdefghijklmn'))}]", "key 'rows.0': List should have at most 13 items"),
        ('[["a"], ["b"], ["c"], ["d"], ["e"]]', "key 'rows': List should have at most 4 items"),
        ('[["a", "1"]]', "key 'rows': no two letters lie side by side"),
        ("[]", "key 'rows': give rows"),
    ],
)
def test_faulty_rows_are_refused(rows: str, message: str, tmp_path: Path) -> None:
    check_refused(GOOD.replace('[["a", "b"]]', rows), message, tmp_path)


def check_refused(table: str, message: str, folder: Path) -> None:
    (folder / "attacks" / "keyboards").mkdir(parents=True)
    (folder / "attacks" / "keyboards" / "mine.toml").write_text(table, encoding="utf-8")
    with pytest.raises(CardError, match=rf"keyboards/mine\.toml: {message}"):
        keyboard("mine", Tables(folder))


def test_a_table_may_stand_on_one_with_rows_only(tmp_path: Path) -> None:
    check_refused(GOOD.replace('rows = [["a", "b"]]', 'on = "yo"'), "key 'on': 'yo' has no rows of its own", tmp_path)


def test_a_letter_may_be_on_two_keys_where_the_table_says_so(tmp_path: Path) -> None:
    (tmp_path / "attacks" / "keyboards").mkdir(parents=True)
    table = GOOD.replace('[["a", "b"]]', '[["a", "b", "a"]]') + 'twice = "a"\n'
    (tmp_path / "attacks" / "keyboards" / "mine.toml").write_text(table, encoding="utf-8")
    assert neighbours("mine", Tables(tmp_path))["b"] == ("a",)


@given(text=st.text(min_size=1, max_size=6).map(nfc), layout=st.sampled_from(NAMES))
def test_any_grapheme_on_any_keyboard(text: str, layout: str) -> None:
    fingers = keyboard_model(layout)
    for grapheme in graphemes(text):
        assert all(slip and slip != grapheme and nfc(slip) == slip for slip in fingers.instead(grapheme))
        assert all(fingers.besides(grapheme))
        assert isinstance(fingers.keys(grapheme[0]), str)


def test_typing_errors_of_a_language_load_its_tables_only() -> None:
    """Neither Pinyin (404 syllables) nor Hangul (11,172) needs a table computed, nor ICU, nor another keyboard."""
    program = """
import sys
from robustbench_ir.perturb.keyboards.layouts import keyboard
from robustbench_ir.perturb.keyboards.typist import keyboard_model
keyboard_model("zh-pinyin").instead("中"), keyboard_model("ko").instead("한")
assert "icu" not in sys.modules
print(keyboard.cache_info().currsize)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"


def test_one_language_may_type_on_several_keyboards(tmp_path: Path) -> None:
    (tmp_path / "attacks").mkdir()
    card = (SHIPPED.parent / "slip.toml").read_text(encoding="utf-8").replace('name = "slip"', 'name = "both"')
    card = regex.sub(r"(?m)^en = .*$", 'en = { layout = ["us", "fr"] }', card)
    (tmp_path / "attacks" / "both.toml").write_text(card, encoding="utf-8")
    recipe = load_recipe("both", tmp_path)
    found = {recipe.perturb([Query("q", "en", "aa", "q")], 5, seed)[0].text for seed in range(300)}
    assert {"sa", "za"} <= found, "s lies beside a on QWERTY only"


@pytest.mark.parametrize(
    ("language", "text", "typed"),
    [
        ("vi", "Đội thủ", "Ddooji thur"),
        ("ko", "한국 값 과", "gksrnr rkqt rhk"),
        ("el", "Καλημέρα", "Kalhm;era"),
        ("fi", "tässä", "t'ss'"),
        ("fr", "maman qui", ";q;qn aui"),
        ("tr", "ışık", "i;ik"),
        ("ru", "привет Мир", "ghbdtn Vbh"),
        ("el", "Αθήνα;", "Au;hnaq"),  # the Greek question mark is on the Q key
        ("ru", "кто, когда и «где»?", "rnj? rjulf b «ult»&"),
        ("ru", "в 1998, да?", "d 1998? lf&"),
        ("fa", "می‌روم؟", "ld v,l?"),  # the joiner is typed with the space bar
        ("ka", "სად?", "sad?"),
    ],
)
def test_the_wrong_layout_is_active(language: str, text: str, typed: str) -> None:
    assert load_recipe("wrong-layout").perturb([Query("q", language, text, "q")], 5, 0)[0].text == typed


@pytest.mark.parametrize(
    ("severity", "typed"), [(1, "rnj выиграл матч вчера"), (4, "rnj dsbuhfk матч вчера"), (5, "rnj dsbuhfk vfnx dxthf")]
)
def test_the_wrong_layout_is_active_from_the_beginning(severity: int, typed: str) -> None:
    query = Query("q", "ru", "кто выиграл матч вчера", "q")
    assert {load_recipe("wrong-layout").perturb([query], severity, seed)[0].text for seed in range(9)} == {typed}
