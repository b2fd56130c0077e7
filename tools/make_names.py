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
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

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
BY_HAND = tomllib.loads(Path(__file__).with_name("names_by_hand.toml").read_text(encoding="utf-8"))
NOTE = """\
# Names that are also words, so that a capital at the beginning of a query, or of a German noun, leaves open what it is.
# names: given names and family names from Faker (https://github.com/joke2k/faker, MIT licence), those that a dictionary
# of the language knows as words, and others added by hand; made by tools/make_names.py. determiners: where all nouns
# have capitals, words that come before a common noun but not before a name.
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
    words, by_hand = set(known_words(language)), BY_HAND.get(language, {})
    # A German noun may be a name anywhere in the query, and the questions are about people of all countries.
    bearers = faker_names("" if languages()[language].capitalised_nouns else language)
    ambiguous = {one for name in bearers if (one := lower(name, language)) in words}
    ambiguous -= set(by_hand.get("left_out", "").split())
    names = sorted(ambiguous | set(map(nfc, by_hand.get("added", "").split())))
    for key, found in (("names", names), ("determiners", by_hand.get("determiners", "").split())):
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
