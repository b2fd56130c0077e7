"""Facts about languages, read from `attacks/_languages.toml`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.resources.cards import SHIPPED, Card, validate

if TYPE_CHECKING:
    import icu


ResourceLevel = Literal["low", "middle", "high", "unknown"]
LOW_RESOURCE, HIGH_RESOURCE = 2, 4
"""The resource class up to which a language is low-resource, and that from which it is high-resource."""


class Language(Card):
    """One row of `attacks/_languages.toml`.

    Attributes
    ----------
    code : str
        BCP 47 language code, with two letters if there is such a code.
    name : str
        English name.
    script : str
        ISO 15924 code of its main script.
    resource_class : int
        0 (left behind) to 5 (winners), after Joshi et al. 2020, https://aclanthology.org/2020.acl-main.560.
    capitalised_nouns : bool
        Whether all nouns begin with a capital, so that a capital does not mark a name.
    """

    code: str
    name: str
    script: str = Field(pattern=r"^[A-Z][a-z]{3}$")
    resource_class: int = Field(ge=0, le=5)
    capitalised_nouns: bool = False

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
    """Return the short code that this package uses for a language tag or name.

    Parameters
    ----------
    name : str
        Any BCP 47 or ISO 639-3 tag, with or without script: ``sw``, ``swa``, ``swh_Latn``.

    Raises
    ------
    UnknownNameError
        If it is not a language tag.

    Examples
    --------
    >>> language_code("swh_Latn")
    'sw'
    """
    if name in languages():
        return name
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    try:
        # The language itself where it has a row, such as Twi, and else the one that it is a kind of, such as Akan.
        found = [langcodes.get(langcodes.standardize_tag(name.replace("_", "-"), macro=kind)) for kind in (False, True)]
        codes = [one.language for one in found]
    except LanguageTagError:
        codes = [None]
    code = next((one for one in codes if one in languages()), codes[-1])
    if not code or not langcodes.tag_is_valid(code):
        raise UnknownNameError("language", name, languages())
    return code


def language_and_script(name: str) -> str:
    """Return the short code of a language tag, with its script where that is not the usual one of the language.

    Raises
    ------
    UnknownNameError
        Not a language tag.

    Examples
    --------
    >>> [language_and_script(name) for name in ("hin_Deva", "hin_Latn", "zh-TW", "swh_Latn")]
    ['hi', 'hi-Latn', 'zh-Hant', 'sw']
    """
    code = language_code(name)
    if name == code:
        return code
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    try:
        tag = langcodes.get(langcodes.standardize_tag(name.replace("_", "-"), macro=True))
    except LanguageTagError:
        return code
    script = tag.script or (tag.maximize().script if tag.territory else None)
    usual = languages()[code].script if code in languages() else langcodes.get(code).maximize().script
    return code if script is None or script in {usual, *_SAME_SCRIPT.get(usual or "", ())} else f"{code}-{script}"


_SAME_SCRIPT = {"Jpan": ("Hrkt", "Hira", "Kana", "Hani"), "Hang": ("Kore",), "Hans": ("Hani",)}
"""Scripts that a tag may say for one that holds them."""


def select_languages(chosen: Iterable[str] | None, available: Iterable[str]) -> list[str]:
    """Return the chosen languages of a task, in the task's own order.

    Parameters
    ----------
    chosen : iterable of str or None
        Language tags; None or ``all`` stands for all languages.
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
    named = None if chosen is None else list(chosen)
    if named is None or named == ["all"]:
        return offered
    if not named:
        raise OptionError(f"no language is given; name one or more of {', '.join(offered)}")
    codes = set()
    for name in named:
        try:
            code = name if name in offered else language_and_script(name)
        except UnknownNameError:
            code = ""
        if code not in offered:
            raise UnknownNameError("language", name, offered)
        codes.add(code)
    return [code for code in offered if code in codes]
