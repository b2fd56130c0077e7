"""Which cheap repairs to try against an attack."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from robustbench_ir.defences.deromanise import deromanised_languages

NORMALISATION = "nfkc+invisible+confusables"
SPELLING = "spelling"

_AGAINST = {
    "typo": SPELLING,
    "slip": SPELLING,
    "misspelling": SPELLING,
    "search-box": SPELLING,
    "homoglyph": NORMALISATION,
    "invisible": NORMALISATION,
    "encoding": NORMALISATION,
    "combined": f"{NORMALISATION}+{SPELLING}",
}


def deromanisation(languages: Collection[str]) -> str:
    """Return the repairs of romanised words for all of some languages that have one; empty if none has.

    Parameters
    ----------
    languages : collection of str
        Codes of languages.
    """
    return "+".join(f"deromanise-{code}" for code in deromanised_languages() if code in languages)


def repairs_against(recipes: Sequence[str], romanised: Collection[str]) -> str:
    """Return the repairs that are made for an attack, as ``--normalise`` takes them; empty if there are none.

    Parameters
    ----------
    recipes : sequence of str
        Names of the attack's recipes.
    romanised : collection of str
        Codes of the languages that it writes in Latin script.
    """
    found = [_AGAINST.get(name, "") for name in recipes]
    parts = [part for repairs in (*found, deromanisation(romanised)) for part in repairs.split("+") if part]
    return "+".join(dict.fromkeys(parts))


def cheap_repairs(languages: Collection[str]) -> list[str]:
    """Return the repairs that cost no more than a look-up for each word, one after the other to be tried.

    Parameters
    ----------
    languages : collection of str
        Codes of the languages of the queries.
    """
    return [one for one in (SPELLING, NORMALISATION, deromanisation(languages)) if one]
