"""Facts about languages, read from `attacks/_languages.toml`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from robustbench_ir._base.listed import listed
from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.resources.cards import SHIPPED, Card, validate

if TYPE_CHECKING:
    import icu


ResourceLevel = Literal["low", "middle", "high", "unknown"]
_ALIKE = 0.75
LOW_RESOURCE, HIGH_RESOURCE = 2, 4
"""The resource class up to which a language is low-resource, and that from which it is high-resource."""


class Language(Card):
    """One row of `attacks/_languages.toml`.

    Attributes
    ----------
    code : str
        BCP 47 language code, with two letters if there is such a code; with the script for a row in another script than
        the usual one, such as `uz-Cyrl`.
    name : str
        English name.
    script : str
        ISO 15924 code of its main script.
    resource_class : int
        0 (left behind) to 5 (winners), after Joshi et al. 2020, https://aclanthology.org/2020.acl-main.560.
    capitalised_nouns : bool
        Whether all nouns begin with a capital, so that a capital does not mark a name.
    varieties : tuple of str
        ISO 639-3 codes of its varieties that have no row of their own and take this one.
    """

    code: str
    name: str
    script: str = Field(pattern=r"^[A-Z][a-z]{3}$")
    resource_class: int = Field(ge=0, le=5)
    capitalised_nouns: bool = False
    varieties: tuple[str, ...] = ()

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Direction of its script, after Unicode's script metadata in ICU; the values of HTML's `dir`."""
        return "rtl" if self._script().isRightToLeft() else "ltr"

    @property
    def scripts(self) -> frozenset[str]:
        """ISO 15924 codes of the scripts that Unicode gives to its letters: kana and Han for Japanese."""
        return _UNICODE_SCRIPTS.get(self.script, frozenset([self.script]))

    @property
    def has_spaces(self) -> bool:
        """Whether it writes spaces between words; otherwise a dictionary of ICU finds the words."""
        return not self._script().breaksBetweenLetters()

    def _script(self) -> icu.Script:
        import icu

        (code,) = icu.Script.getCode(self.script)
        return icu.Script(code)


_UNICODE_SCRIPTS = {
    "Hang": frozenset(["Hang", "Hani"]),
    "Hans": frozenset(["Hani"]),
    "Hant": frozenset(["Hani"]),
    "Jpan": frozenset(["Hani", "Hira", "Kana"]),
    "Kore": frozenset(["Hang", "Hani"]),
}


@cache
def languages() -> dict[str, Language]:
    """Return every language that has a row, by code."""
    found = {}
    for code, row in SHIPPED.rows("_languages.toml").items():
        facts = row if isinstance(row, dict) else {"": row}
        found[code] = validate(Language, {"code": code, **facts}, f"attacks/_languages.toml: [{code}]")
    return found


def name_in(code: str, reader: str = "") -> str:
    """Return the name of a language as readers of another language know it.

    Parameters
    ----------
    code : str
        BCP 47 code of the language.
    reader : str
        That of the readers' language; by default the language itself.

    Examples
    --------
    >>> name_in("sw", "es"), name_in("el")
    ('suajili', 'Ελληνικά')
    """
    import icu

    return str(icu.Locale.forLanguageTag(code).getDisplayName(icu.Locale.forLanguageTag(reader or code)))


def resource_level(resource_class: int | None) -> ResourceLevel:
    """Return what a resource class is called; "unknown" for None."""
    if resource_class is None:
        return "unknown"
    if resource_class <= LOW_RESOURCE:
        return "low"
    return "high" if resource_class >= HIGH_RESOURCE else "middle"


def resource_groups(codes: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the low-resource and the high-resource languages among some.

    Parameters
    ----------
    codes : iterable of str
        Languages; those without a row in `attacks/_languages.toml` are in neither group.

    Examples
    --------
    >>> resource_groups(["en", "el", "sw"])
    (('sw',), ('en',))
    """
    known = {code: languages()[code].resource_class for code in codes if code in languages()}
    low = tuple(code for code, of in known.items() if of <= LOW_RESOURCE)
    return low, tuple(code for code, of in known.items() if of >= HIGH_RESOURCE)


def language_code(name: str) -> str:
    """Return the code of the row of `attacks/_languages.toml` for a language tag or name.

    Parameters
    ----------
    name : str
        Any BCP 47 or ISO 639-3 tag, with or without script: ``sw``, ``swa``, ``swh_Latn``; or the English name of a
        row, in capitals or not: ``Hindi``, ``hindi``. A variety without a row of its own has that of its language:
        ``arz`` is ``ar``.

    Returns
    -------
    str
        The short code, with the script where the language has a row for that script besides: ``uz-Cyrl``. A language
        that has no row at all keeps its short code.

    Raises
    ------
    UnknownNameError
        If it is not a language tag.
    OptionError
        If the tag names a script that the language is not usually written in, and there is no row for it.

    Examples
    --------
    >>> [language_code(name) for name in ("swh_Latn", "arz", "prs")]
    ['sw', 'ar', 'fa']
    """
    code, script, stated = _code_and_script(name)
    if script is None:
        return code
    if f"{code}-{script}" in languages():
        return f"{code}-{script}"
    if stated and code in languages():
        raise OptionError(_no_row(code, script))
    return code


def language_and_script(name: str) -> str:
    """Return the short code of a language tag, with its script where that is not the usual one of the language.

    Parameters
    ----------
    name : str
        Any BCP 47 or ISO 639-3 tag. There need not be a row for the language in this script.

    Raises
    ------
    UnknownNameError
        Not a language tag.

    Examples
    --------
    >>> [language_and_script(name) for name in ("hin_Deva", "hin_Latn", "zh-TW", "swh_Latn")]
    ['hi', 'hi-Latn', 'zh-Hant', 'sw']
    """
    code, script, _ = _code_and_script(name)
    return code if script is None else f"{code}-{script}"


def _code_and_script(name: str) -> tuple[str, str | None, bool]:
    """Return the short code, the script if it is not the usual one, and whether the tag itself says the script."""
    if name in languages():
        return name, None, False
    if (named := code_of_name(name)) is not None:
        return named, None, False
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    try:
        # The language itself where it has a row, such as Twi, and else the one that it is a kind of, such as Akan.
        found = [langcodes.get(langcodes.standardize_tag(name.replace("_", "-"), macro=kind)) for kind in (False, True)]
    except LanguageTagError:
        found = []
    codes = [row for one in found if (row := _of_variety(one.language or ""))]
    code = next((one for one in codes if one in languages()), codes[-1] if codes else "")
    if not code or not langcodes.tag_is_valid(code):
        raise _unknown(name, languages())
    code, _, script_of_row = code.partition("-")
    tag = found[-1]
    script = tag.script or script_of_row or (tag.maximize().script if tag.territory else None)
    usual = languages()[code].script if code in languages() else langcodes.get(code).maximize().script
    other = script is not None and script not in {usual, *_SAME_SCRIPT.get(usual or "", ())}
    return code, script if other else None, tag.script is not None


def code_of_name(name: str) -> str | None:
    """Return the code of a row by its English name, in capitals or not; None if there is none.

    Examples
    --------
    >>> code_of_name("hindi"), code_of_name("hi")
    ('hi', None)
    """
    return _codes_of_names().get(name.strip().casefold())


@cache
def _codes_of_names() -> dict[str, str]:
    return {one.name.casefold(): code for code, one in languages().items()}


@cache
def _varieties() -> dict[str, str]:
    return {variety: code for code, one in languages().items() for variety in one.varieties}


def _of_variety(code: str) -> str:
    return code if code in languages() else _varieties().get(code, code)


def _no_row(code: str, script: str) -> str:
    """Return a message that a language has no row in a script, and what to do."""
    import icu

    def called(one: str) -> str:
        return str(icu.Script(icu.Script.getCode(one)[0]).getName()).replace("_", " ")

    return (
        f"{code} in {called(script)} script has no row in attacks/_languages.toml, where {code} is in "
        f"{called(languages()[code].script)} script; add a row {code}-{script} (docs/add-a-language.md)"
    )


_SAME_SCRIPT = {"Jpan": ("Hrkt", "Hira", "Kana", "Hani"), "Hang": ("Kore",), "Hans": ("Hani",)}
"""Scripts that a tag may say for one that holds them."""


def select_languages(chosen: Iterable[str] | None, available: Iterable[str]) -> list[str]:
    """Return the chosen languages of a task, in the task's own order.

    Parameters
    ----------
    chosen : iterable of str, str or None
        Language tags or English names, as a list or as a string with commas; None or ``all`` stands for all languages.
    available : iterable of str
        Languages of the task.

    Raises
    ------
    UnknownNameError
        If one of them is not in the task; the message shows the nearest one.
    OptionError
        If the list is empty.
    """
    offered = list(available)
    named = None if chosen is None else list(map(str, listed(chosen)))
    if named is None or named == ["all"]:
        return offered
    if not named:
        raise OptionError(f"no language is given; name one or more of {', '.join(offered)}")
    codes = set()
    for name in named:
        codes.add(name if name in offered else _offered(name, offered))
    return [code for code in offered if code in codes]


def _unknown(name: str, offered: Iterable[str]) -> UnknownNameError:
    """Return the error that shows the nearest code or English name."""
    codes = list(offered)
    names = {languages()[code].name.casefold(): code for code in codes if code in languages()}
    near = get_close_matches(name.casefold(), names, n=1, cutoff=_ALIKE)
    code = names[near[0]] if near else ""
    return UnknownNameError(
        "language", name, codes, f"did you mean {code!r} ({languages()[code].name})?" if code else ""
    )


def _offered(name: str, offered: list[str]) -> str:
    """Return the code of a tag among those that a task offers."""
    try:
        code = language_and_script(name)
        row = language_code(name) if code not in offered else code
    except UnknownNameError:
        code = row = ""
    except OptionError as error:
        if code.partition("-")[0] in offered:
            raise
        raise _unknown(name, offered) from error
    found = next((one for one in (code, row) if one in offered), None)
    if found is None:
        raise _unknown(name, offered)
    return found
