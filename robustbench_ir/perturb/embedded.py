"""`code-switching:fr`: a recipe that mixes in another language than the one that its card names."""

from __future__ import annotations

from robustbench_ir.errors import OptionError
from robustbench_ir.perturb.lexicons.evidence import find_evidence
from robustbench_ir.perturb.recipe import RecipeCard
from robustbench_ir.resources.cards import Tables
from robustbench_ir.resources.languages import language_code

SEPARATOR = ":"


def into_language(card: RecipeCard, language: str, tables: Tables) -> RecipeCard:
    """Return the card of a recipe that mixes in a language of the user's choice.

    Parameters
    ----------
    card : RecipeCard
        A recipe whose rows name the language that is mixed in.
    language : str
        The other language: ``fr``, ``fra``.
    tables : Tables
        Where the sources of translations are found.

    Raises
    ------
    OptionError
        If the recipe mixes in no language, or if nothing translates into this one.
    """
    if not any("embedded" in row for row in card.languages.values()):
        raise OptionError(f"{card.name} mixes in no language; write {card.name} without {SEPARATOR}{language}")
    other = language_code(language)
    rows: dict[str, dict[str, object]] = {}
    reasons: dict[str, str] = {}
    for code in sorted({*card.languages, *card.not_covered}):
        if code == other:
            reasons[code] = "it is the language that is mixed in"
        elif find_evidence(code, other, tables).is_enough:
            rows[code] = {**card.languages.get(code, {}), "embedded": other, "source": "the user's choice"}
        else:
            reasons[code] = f"no parallel text and no dictionary joins it to {other}; bring a lexicon with --cards"
    if not rows:
        raise OptionError(f"{card.name}{SEPARATOR}{language}: nothing translates into {other}; name another language")
    name = f"{card.name}{SEPARATOR}{other}"
    return card.model_copy(update={"name": name, "default": False, "languages": rows, "not_covered": reasons})
