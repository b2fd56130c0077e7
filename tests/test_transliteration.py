"""Conventions: what they write, that they leave nothing behind, that a draw is repeatable, and where they are wrong."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import regex

from robustbench_ir._base.text import nfc, word_spans
from robustbench_ir.errors import CardError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.perturb.romanisation import Romaniser, ordered_spellings, respelling, romaniser
from robustbench_ir.resources.cards import Tables
from robustbench_ir.tasks import Query
from tests.support.recipes import texts_of

ATTESTED = {
    "am-chat": {"ሰላም": "selam", "ነው": "new", "አዲስ": "adis", "አበባ": "abeba"},
    "ar-arabizi": {"حبيبي": "7bibi 7abibi", "صباح": "9ba7 saba7", "شكرا": "shkra shokra", "عربي": "3rbi 3arabi"},
    "ar-plain": {"سلام": "salam", "كتاب": "katab ketab", "القاهرة": "alqahira elqahira", "شارع": "share shari"},
    "as-chat": {"অসম": "asom oxom", "আছে": "ase ache", "কেনেকৈ": "kenekoi", "গুৱাহাটী": "guwahati", "মানুহ": "manuh"},
    "bho-chat": {"भोजपुरी": "bhojpuri", "कइसे": "kaise", "नइखे": "naikhe"},
    "bn-chat": {
        "অ্যাসেম্বলি": "asemboli", "কেমন": "kemon", "ভালো": "bhalo valo", "আমার": "amar", "তোমাকে": "tomake",
        "করতে": "korte",
    },
    "ckb-chat": {"کوردستان": "kurdistan", "هەولێر": "hawler", "سوپاس": "supas", "چۆنی": "choni", "باشە": "basha"},
    "el-greeklish": {"καλημέρα": "kalimera", "ευχαριστώ": "efxaristo efharisto", "θέλω": "thelo", "ξέρω": "ksero xero"},
    "el-ungegn": {"καλημέρα": "kalimera", "ψυχή": "psychi"},
    "el-visual": {"καλημέρα": "kalhmera", "θέλω": "8elw thelw", "ξέρω": "3erw xerw", "ευχαριστώ": "euxaristw"},
    "fa-chat": {
        "کاملاً": "kamelan", "صادقاً": "sadeghan", "مثلا": "masalan",
        "سلام": "salam", "تهران": "tehran", "داره": "dare dareh", "دوست": "doost dust",
    },
    "gu-chat": {
        "પ્રશ્નોમાંનો": "prashnomano", "ઘરમાંથી": "gharmathi", "ગુજરાત": "gujarat gujrat",
        "શું": "shu", "મારું": "maru", "વ્યક્તિ": "vyakti", "અમદાવાદ": "amdavad",
    },
    "hi-chat": {
        "कितने": "kitne", "करना": "karna", "लड़का": "ladka larka", "नमस्ते": "namaste", "समझना": "samajhna",
        "बचपन": "bachpan", "सड़कें": "sadken sadkein", "मित्र": "mitra", "शहर": "shahar shehar", "मतलब": "matlab",
        "लक्ष्मण": "lakshman laxman", "ज्ञान": "gyan gyaan", "नहीं": "nahi nahin", "अच्छा": "achha acha", "कमल": "kamal",
        "वाला": "wala", "आज": "aaj aj", "प्रधानमंत्री": "pradhanmantri pradhaanmantri",
    },
    "hy-chat": {"բարև": "barev", "ինչպես": "inchpes", "որտեղ": "vortegh ortegh"},
    "ja-kana": {"ありがとう": "arigatou", "しかし": "shikashi", "ラーメン": "ramen raamen", "日本": "nihon nippon"},
    "ka-chat": {"გამარჯობა": "gamarjoba", "საქართველო": "sakartvelo saqartvelo", "წყალი": "wyali tskali"},
    "kk-chat": {"қазақ": "kazak qazaq", "шығыс": "shygys shigis", "әке": "ake eke"},
    "km-chat": {"កម្ពុជា": "kampuchea", "ស្រី": "srey srei", "បាន": "ban"},
    "kn-chat": {"ಕನ್ನಡ": "kannada", "ಬೆಂಗಳೂರು": "bengaluru", "ಚೆನ್ನಾಗಿದೆ": "chennagide", "ನಮಸ್ಕಾರ": "namaskara"},
    "ko-chat": {"한국": "hanguk", "독립": "dongnip", "서울": "seoul", "신라": "silla", "학교에": "hakgyoe hakkyoe"},
    "lo-chat": {"ສະບາຍດີ": "sabaidee sabaidi", "ວຽງຈັນ": "viangchan", "ຂອບໃຈ": "khopchai khopjai"},
    "mai-chat": {"मैथिली": "maithili", "अछि": "achi achhi", "हमर": "hamar"},
    "ml-chat": {"മലയാളം": "malayalam", "ഞാൻ": "njan", "നിങ്ങൾ": "ningal", "കൊച്ചി": "kochi", "വീട്": "veedu"},
    "mr-chat": {"मराठी": "marathi", "महाराष्ट्र": "maharashtra", "ज्ञान": "dnyan", "पाणी": "pani paani", "मुलगा": "mulga"},
    "my-chat": {"မင်္ဂလာပါ": "mingalapa mingalarpar", "ကျောင်း": "kyaung", "ဘာ": "ba bar", "ရန်ကုန်": "yangon"},
    "ne-chat": {"नेपाल": "nepal", "कसरी": "kasari kasri", "गर्छ": "garchha garcha", "तपाईं": "tapai tapain"},
    "or-chat": {"ଓଡ଼ିଶା": "odisha", "ନମସ୍କାର": "namaskar", "ଭୁବନେଶ୍ୱର": "bhubaneswar", "ଭଲ": "bhala"},
    "pa-chat": {"ਪੰਜਾਬ": "panjab", "ਵਿੱਚ": "vich", "ਪੱਕਾ": "pakka", "ਨੂੰ": "nu", "ਅੰਮ੍ਰਿਤਸਰ": "amritsar"},
    "ps-chat": {"پښتو": "pashto pakhto", "زما": "zma", "ستا": "sta", "نوم": "num", "ژوند": "zhwand"},
    "ru-bgn": {"почему": "pochemu", "щука": "shchuka"},
    "ru-chat": {"почему": "pochemu po4emu", "ещё": "esche eshe", "хороший": "horoshiy horoshij", "что": "chto 4to"},
    "sd-chat": {"سنڌي": "sindhi", "آهي": "ahe aahe", "ڪراچي": "karachi", "نالو": "nalo"},
    "si-chat": {"කොහොමද": "kohomada kohomadha", "ලංකාව": "lankava lankawa", "බලන්න": "balanna", "වගකීම": "vagakima"},
    "ta-chat": {"வணக்கம்": "vanakkam vanakam", "தமிழ்": "tamil thamizh", "நன்றி": "nandri", "எப்படி": "eppadi"},
    "te-chat": {"తెలుగు": "telugu thelugu", "నమస్కారం": "namaskaram", "ఎప్పుడు": "eppudu", "చాలా": "chala chaala"},
    "th-karaoke": {"สวัสดี": "sawatdee sawaddee", "ครับ": "krub krap", "กิน": "kin keen", "เพื่อน": "puean pheuan"},
    "th-rtgs": {
        "ประเทศ": "prathet", "ถนน": "thanon", "เมือง": "mueang", "โรงเรียน": "rongrian", "คน": "khon", "แก้ว": "kaeo",
        "เดือน": "duean", "สามารถ": "samat", "ใหญ่": "yai", "กรรม": "kam", "ตำบล": "tambon", "จริง": "ching",
    },
    "ti-chat": {"ሰላም": "selam", "ትግርኛ": "tigrigna tigrinya", "ኣስመራ": "asmera", "ከመይ": "kemey"},
    "ug-chat": {"ئۇيغۇر": "uyghur", "ئادەم": "adem", "تىل": "til"},
    "ur-chat": {"کتاب": "kitab kitaab", "زندگی": "zandagi", "سبق": "sabaq", "سمجھے": "samjhe samjhay", "ہے": "hai"},
    "zh-pinyin": {"学校": "xuexiao", "女性": "nvxing nuxing"},
    "zh-syllables": {"学校": "xue xiao"},
}  # fmt: skip
"""Well-known spellings; each must be among those offered."""

SWAPS = {
    "ha-ajami": {"gida": "غِدَا", "makaranta": "مَكَرَنْتَا"},
    "hi-urdu": {"भारत": "بھارت", "लड़कियाँ": "لڑکیاں", "कितने": "کتنے", "अच्छा": "اچھا", "हुआ": "ہوا", "गए": "گئے"},
    "kk-latin": {"қазақстан": "qazaqstan", "шығыс": "şyğys", "әке": "äke", "ұлы": "ūly"},
    "sw-ajami": {"habari": "هَبَارِ", "haki": "هَاكِ"},
    "ug-cyrillic": {"ئۇيغۇر": "уйғур", "دۆلەت": "дөләт", "يۇرت": "юрт"},
    "ur-hindi": {"بھارت": "भारत", "لڑکیاں": "लड़कियां", "کتنے": "कितने", "آدمی": "आदमी", "دوست": "दोस्त"},
    "uz-cyrillic": {"oʻzbekiston": "ўзбекистон", "yo‘q": "йўқ", "erkin": "эркин", "maʼno": "маъно", "g'arb": "ғарб"},
    "zh-traditional": {"汉语": "漢語"},
}


@pytest.mark.parametrize(("name", "word"), [(name, word) for name, words in ATTESTED.items() for word in words])
def test_well_known_spellings_are_offered(name: str, word: str) -> None:
    attested = ATTESTED[name][word].split(" ") if name != "zh-syllables" else [ATTESTED[name][word]]
    offered = romaniser(name)(nfc(word)).texts
    assert set(attested) <= set(offered), f"{word}: {attested} are not all in {offered}"


@pytest.mark.parametrize(("name", "word", "there"), [(name, *pair) for name in SWAPS for pair in SWAPS[name].items()])
def test_the_other_script(name: str, word: str, there: str) -> None:
    assert romaniser(name)(nfc(word)).texts == (nfc(there),)


def conventions(recipe: str) -> list[tuple[str, str]]:
    rows = load_recipe(recipe).card.languages.items()
    return [(language, str(name)) for language, row in rows for name in row["conventions"]]  # type: ignore[attr-defined]


def words_of(folder: Path, language: str, document: str = "") -> list[str]:
    """Return the words of the Universal Declaration of Human Rights."""
    texts = texts_of(folder, language)
    if document:
        file = folder / "udhr" / f"{document}.json"
        texts = [nfc(one["text"]) for one in json.loads(file.read_text(encoding="utf-8"))["paragraphs"]]
    return [text[start:end] for text in texts for start, end in word_spans(text, language)]


@pytest.mark.parametrize(("language", "name"), conventions("transliteration"))
def test_nothing_of_the_script_is_left(language: str, name: str, shared_data: Path) -> None:
    """No word keeps a letter, a mark or a working symbol."""
    convention = romaniser(name)
    allowed = {"Cyrl": r"[а-яёғқўҳ'’.:-]+"}.get(convention.script, r"[$a-z0-9'’‐.:-]+( [a-z]+)*")
    if name == "sr-latin":
        allowed = r"[a-zčćđšž0-9.:-]+"  # the Latin alphabet of Serbian has marks
    for word in set(words_of(shared_data, language)):
        offered = convention(word).texts
        if offered in {(word,), ("",)} and regex.fullmatch(r"\p{Lm}|\p{P}+|[0-9.:-]+", word):
            continue
        for text in offered:
            assert regex.fullmatch(allowed, text, regex.IGNORECASE), f"{word}: {text}"


@pytest.mark.parametrize("name", ["ar-plain", "fa-chat", "ur-chat", "am-chat", "th-rtgs", "lo-chat", "km-chat"])
def test_words_can_be_said(name: str, shared_data: Path) -> None:
    """Where the script leaves vowels out, plausible ones stand: hardly a word has four consonants in a row."""
    words = set(words_of(shared_data, name[:2]))
    likeliest = [romaniser(name)(word).texts[0].lower() for word in words]
    crowded = [text for text in likeliest if regex.search("[bcdfghjklmnpqrstvwxz]{5}", regex.sub("[hg]", "", text))]
    assert len(crowded) <= 0.01 * len(words), crowded[:5]


def test_uzbek_in_cyrillic_agrees_with_the_parallel_text(shared_data: Path) -> None:
    """Nearly all words of the declaration in Latin script become words of the one in Cyrillic."""
    convention = romaniser("uz-cyrillic")
    theirs = {word.lower() for word in words_of(shared_data, "uz", "uzn_cyrl")}
    ours = [convention(word).texts[0].lower() for word in words_of(shared_data, "uz", "uzn_latn")]
    agreed = sum(word in theirs for word in ours) / len(ours)
    assert agreed > 0.99, sorted({word for word in ours if word not in theirs})[:20]


@pytest.mark.parametrize(
    ("name", "word", "expected"),
    [
        ("ru-chat", "Москва", "Moskva"),
        ("ru-chat", "США", "SSHA"),
        ("ascii", "ONU", "ONU"),
        ("ascii", "d’État", "d’Etat"),
        ("ru-chat", "ПриВЕТ", "PriVET"),
        ("ru-chat", "МГУшник", "MGUshnik"),
    ],
)
def test_capitals_and_apostrophes_are_kept(name: str, word: str, expected: str) -> None:
    assert romaniser(name)(word).texts[0] == expected


def test_spellings_come_most_likely_first_and_their_probabilities_sum_to_one() -> None:
    spellings = respelling({"v": {"v": 2, "w": 1}, "aa": {"a": 1, "aa": 3}, "i$": {"ee": 1}, "^i": {"e": 1}})("ivaai")
    assert spellings.texts == ("evaaee", "ewaaee", "evaee", "ewaee")
    assert [after - before for before, after in pairwise((0, *spellings.sums))] == pytest.approx(
        [1 / 2, 1 / 4, 1 / 6, 1 / 12]
    )


def test_the_longest_stretch_is_respelt() -> None:
    assert respelling({"k": {"q": 1}, "ksh": {"x": 1}})("kkshk").texts == ("qxq",)


def test_the_number_of_spellings_is_bounded() -> None:
    assert len(respelling({"a": {"a": 1, "b": 1}})("a" * 40).texts) == 16


def test_spellings_are_drawn_by_weight_and_the_same_again() -> None:
    spellings = ordered_spellings({"wala": 3, "vala": 1})
    draws = [spellings.draw(generator("test", number)) for number in range(2000)]
    assert 0.7 < draws.count("wala") / 2000 < 0.8
    assert draws == [spellings.draw(generator("test", number)) for number in range(2000)]


def test_one_person_spells_a_word_in_several_ways() -> None:
    recipe = load_recipe("transliteration")
    query = Query("q", "hi", "मुझे " * 20, "q")
    first, again, other = (recipe.perturb([query], 4, seed)[0].text for seed in (0, 0, 1))
    assert {"mujhe", "muje"} == set(first.split())
    assert first == again != other


def test_words_with_kanji_are_read_as_a_whole() -> None:
    assert romaniser("ja-kana")("食べる").texts == ("taberu",)
    assert romaniser("ja-kana")("言った").texts == ("itta",)


@pytest.mark.parametrize(
    ("text", "romanised"),
    [
        ("25,000人が", "25,000 nin ga"),
        ("2012年3月5日", "2012 nen 3 gatsu 5 nichi"),
        ("10時30分", "10 ji 30 fun"),
        ("２０人", "20 nin"),
        ("5番目の日", "5 banme no hi"),
        ("3人の日", "3 nin no hi"),
        ("3人の人", "3 hito no hito"),  # equal stretches are written alike, wherever they stand in a query
    ],
)
def test_what_is_counted_has_its_chinese_reading_behind_digits(text: str, romanised: str) -> None:
    """Readings of counters: any dictionary of Japanese; ICU cuts 番目 as one word."""
    assert load_recipe("transliteration").perturb([Query("q", "ja", text, "q")], 3, 0)[0].text == romanised


@pytest.mark.parametrize(
    ("text", "romanised"),
    [
        ("見た", "mita"),
        ("食べました", "tabemashita"),
        ("行きません", "ikimasen"),
        ("祝っていた", "iwatte ita"),
        ("書かれた本", "kakareta hon"),
        ("ハッチンソンが", "hatchinson ga"),
        ("ジンク氏", "jinku shi"),
        ("食べなかった", "tabenakatta"),
        ("本はなかった", "hon wa nakatta"),  # a particle, and no ending
        ("本で", "hon de"),
    ],
)
def test_endings_and_names_that_icu_cuts_are_one_word(text: str, romanised: str) -> None:
    """Words as Hepburn's romanisation is written: endings of verbs with the verb, particles apart."""
    assert load_recipe("transliteration").perturb([Query("q", "ja", text, "q")], 3, 0)[0].text == romanised


def own_table(folder: Path, text: str) -> Romaniser:
    tables = folder / "attacks" / "romanisation"
    tables.mkdir(parents=True)
    (tables / "mine.toml").write_text(f'title = "t"\nsource = "s"\n{text}', encoding="utf-8")
    return romaniser("mine", Tables(folder))


def test_words_of_the_table_come_before_its_rules(tmp_path: Path) -> None:
    mine = own_table(tmp_path, "rules = 'а > a;'\n[words]\n\"аа\" = { uh = 1 }\n")
    assert (mine("Аа").texts, mine("ааа").texts) == (("Uh",), ("aaa",))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rules = 'a > b; a > c;'\n", r"mine.toml: key 'rules': ICU says .*hidden"),
        ("rules = 'a > b;'\n[spellings]\n\"b\" = { b = 0 }\n", r"mine.toml: key 'spellings.b.b'"),
        ("rules = 'a > b;'\n[spellings]\n\"b\" = {}\n", r"mine.toml: key 'spellings.b'"),
        ("rules = 'a > b;'\nspelling = 1\n", r"mine.toml: key 'spelling' is unknown: did you mean 'spellings'\?"),
    ],
)
def test_a_faulty_table_is_named(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(CardError, match=fault):
        own_table(tmp_path, text)
