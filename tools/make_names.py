"""Make the table of names that are also words, attacks/_names.toml, from the name lists of Faker (MIT licence).

    pip install faker; python tools/make_names.py > attacks/_names.toml

A name is kept if a dictionary of the language knows it as a word: simplemma's, or one of the lexicons that ship or are
in ROBUSTBENCH_IR_DATA. Any other name is in no lexicon, so nothing would replace it.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache

import faker.providers.person
from simplemma.strategies.dictionaries import DefaultDictionaryFactory

from robustbench_ir._base.text import lower, nfc
from robustbench_ir.errors import RobustBenchError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.lexicons.build import lexicon_source
from robustbench_ir.perturb.lexicons.inflection import inflection
from robustbench_ir.perturb.mechanisms.substitution import lexicon_rows, sources_of
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.resources.languages import languages

CASED = {"Latn", "Cyrl", "Grek", "Armn"}
# Famous bearers, and given names of languages of which Faker has few or none. Each is a word of the language.
BY_HAND = {
    "de": "bach brandt bush gates lion jung grass mann frisch roth benn loest händel wagner brahms bohr planck blüm kinski engel gott hitler wels ebert heuss lübke rau gauck wulff köhler",
    "el": "άγγελος αγγελος σταύρος ήλιος βασίλης αστέρης λέων δόξα χαρά ζωή",
    "en": "bush lion bach gates jobs swift rose grace wolf blanco church wood sting prince pink drake usher nelly ice musk page rice bolt brown woods earhart",
    "es": "blanco rossi rey rosa león paz lorca delgado calvo rojo cruz mar sol luz dolores consuelo amparo iglesias nieves cortés maduro castillo moreno rubio guerra casa casas torres ríos ríos pino romero",
    "fil": "luningning ligaya bayani dalisay mayumi liwayway tala bituin luzviminda magsaysay",
    "fr": "hollande roi rose blanc noir petit grand lion macron fleur pierre rivière fontaine charpentier boulanger mercier lemaire",
    "ha": "sani bello sarki gambo danjuma yaro tanko lawal musa garba barau baraka nasara shehu rose wada bala dare rabo sule tafida maigari hassan kande",
    "ru": "лев вера надежда любовь роза слава мир май волк заяц соловей бык грач гусь медведь козёл лебедь голубь воробей сокол мороз зима король князь кузнец мельник шевчук пушкин",
    "sw": "baraka neema rehema amani furaha tumaini upendo imani zawadi jabali simba juma bahati subira sifa zuhura mwezi nyota mosi kiongozi zuri shujaa rose hekima nuru pendo safari",
    "tr": "deniz güneş barış savaş toprak umut yağmur bulut çiçek gül aslan kaya demir yıldız ay gökhan özgür sevgi sevinç hayat yaprak eylül nisan devrim evren ateş rüzgar su ışık bahar pınar poyraz doğan şahin koç kurt bilge ömür",
    "vi": "hoa mai lan hùng dũng hương hồng thu xuân sơn hải long phượng ngọc kim bình an minh tuấn trang thảo nga yến hà giang nam bắc đông tây thủy cúc đào liên linh lộc phúc phú quý tâm tài thành thắng tiến trung vinh cường quang đức lê hồ bùi dương đặng đỗ nguyễn trần phạm võ lý mạc đinh trịnh",
    "yo": "ayo adé ade bọla bola tọla ire ife ifẹ ayọ ọla ola rose grace dare kunle tunde wale sola femi akin oba oyin oluwa olú ọba ọmọ",
    "id": "budi wati bunga intan bulan bintang surya cahaya mega dewi putri putra ratu raja harimau gajah wulan sari melati mawar indah setia agung",
    "fi": "kivi koski ranta mäki järvi lahti niemi salo laine virta halonen koivisto niinistö kekkonen susi leijona ruusu toivo urho onni armo rauha lahja",
    "kk": "арман айжан күн ай гүл тас темір болат қайрат ерлан жібек алма бақыт дос",
    "ig": "chukwu obi eze ngozi uche nkem ada ike ifeanyi okoro",
    "zu": "themba thandi nomvula sipho jabulani nkosi zulu bheki inkosi",
}
# Words that a question asks about far more often than their bearers.
NO_NAMES = {
    "de": frozenset("april art baum buch fall fisch gott juli juni kind mai mann salz tor".split()),
    "id": frozenset("among hari jaga jail juli labuh lega timbul utama wage".split()),
    "sw": frozenset(
        "angalia arusi bahari baharia chuki dalili duma dunia ekundu enzi goma hadithi halisi jangwa jina jua kaskazi "
        "kiapo kijana kijani kimbilio kimya kinubi kipepeo kisima kiume kovu kuchanua kurunzi kweli laini madini madoa "
        "mahali majani makini makuu maliza matunda maua misuli ngamia ngeni nyasi nyoka nyuki panya risasi rubani safiri "
        "sauti siku sinema sungara swala takatifu tamu tisa tufani umoja usiku waseme".split()
    ),
}
DETERMINERS = {
    "de": "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner keines mein meine "
    "meinen meinem meiner meines dein deine deinen deinem deiner sein seine seinen seinem seiner seines ihr ihre ihren "
    "ihrem ihrer ihres unser unsere unseren unserem unserer euer eure dies diese diesen diesem dieser dieses jene jenen "
    "jenem jener jenes jede jeden jedem jeder jedes welche welchen welchem welcher welches manche mancher alle allen "
    "aller alles viel viele vielen vieler wenig wenige weniger mehr mehrere mehreren einige einigen einiger beide beiden "
    "im am zum zur beim vom ins ans aufs fürs zwei drei vier fünf sechs sieben acht neun zehn kilo gramm liter"
}
NOTE = """\
# Names that are also words, so that a capital at the beginning of a query, or of a German noun, leaves open what it is.
# names: given names and family names from Faker (https://github.com/joke2k/faker, MIT licence), those that a dictionary
# of the language knows as words, and others added by hand; made by tools/make_names.py. determiners: where all nouns have
# capitals, words that come before a common noun but not before a name.
"""


@cache
def faker_names(language: str = "") -> frozenset[str]:
    """Return the single-word names of all of Faker's locales of a language, or of all languages."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(faker.providers.person.__path__):
        if not language or module.name.split("_")[0] == language:
            provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
            for attribute in dir(provider):
                if attribute.startswith(("first_names", "last_names")):
                    value = getattr(provider, attribute)
                    if isinstance(value, (tuple, list, set, dict)):
                        found |= {nfc(one) for one in value if isinstance(one, str)}
    return frozenset(one for one in found if one.isalpha() and len(one) > 2 and one[0].isupper())


def known_words(language: str) -> Iterator[str]:
    """Yield the words of the language that a dictionary has."""
    if inflection(language).lemmas:
        yield from (word.lower() for word in DefaultDictionaryFactory().get_dictionary(language))
    for recipe in ("code-switching", "synonym"):
        options = load_recipe(recipe).card.languages.get(language)
        for row in lexicon_rows(language, options) if options else ():
            for name in sources_of(row):
                try:
                    yield from (word for word, _ in lexicon_source(name).pairs(SHIPPED))
                except RobustBenchError as error:
                    print(error, file=sys.stderr)


def row(language: str) -> Iterable[str]:
    """Yield the lines of a language in the table."""
    words = set(known_words(language))
    # A German noun may be a name anywhere in the query, and the questions are about people of all countries.
    bearers = faker_names("" if languages()[language].capitalised_nouns else language)
    ambiguous = {one for name in bearers if (one := lower(name, language)) in words}
    ambiguous -= NO_NAMES.get(language, frozenset())
    names = sorted(ambiguous | set(map(nfc, BY_HAND.get(language, "").split())))
    for key, found in (("names", names), ("determiners", DETERMINERS.get(language, "").split())):
        if found:
            yield f'{key} = """\\'
            yield from (f"{line} \\" for line in textwrap.wrap(" ".join(found), 116))
            yield '"""'


def main() -> None:
    """Print the table."""
    tables: dict[str, list[str]] = defaultdict(list)
    for code, facts in languages().items():
        if facts.script in CASED:
            tables[code] = list(row(code))
    print(NOTE + "".join(f"\n[{code}]\n" + "\n".join(lines) + "\n" for code, lines in tables.items() if lines), end="")


if __name__ == "__main__":
    main()
