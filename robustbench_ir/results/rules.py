"""Rules of a gate: what a result must hold, as values with one way to write them and one way to read them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from robustbench_ir.errors import OptionError, UnknownNameError, nearest
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.metrics.settings import SETTINGS, Setting

RuleKind = Literal["max-drop", "min", "no-worse"]
KINDS: tuple[RuleKind, ...] = get_args(RuleKind)

ALL = "all"
CLEAN_QUERIES = "clean"
EACH = "each"

_EXAMPLES: Mapping[RuleKind, str] = {
    "max-drop": "typo=10%",
    "min": "nDCG@10=0.6",
    "no-worse": "2%",
}
_SUCH_LIMITS: Mapping[RuleKind, str] = {"max-drop": "10%", "min": "0.6", "no-worse": "2%"}
_LIMIT = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?P<percent>%?)")
_TARGET = re.compile(r"[\w@:/.,()-]+")
_SEVERITY = re.compile(r"(?P<name>.+)@(?P<severity>[0-9]{1,9})")
_UNQUOTED_KEY = re.compile(r"(?:^|[{,])\s*([\w-]*[@/:][\w@/:.-]*)\s*=")
_UNQUOTED_PERCENTAGE = re.compile(r"=\s*([0-9.]+%)")
_BETWEEN_RULES = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True)
class Rule:
    """What a result must hold.

    Attributes
    ----------
    kind : {"max-drop", "min", "no-worse"}
        A drop is at most `limit`; a score is at least `limit`; a score is below that of the baseline by at most
        `limit`.
    limit : float
        Above 0 and at most 1.
    relative : bool
        Whether `limit` is a share of the clean score, or of the baseline's score, instead of a difference of scores.
    recipe : str
        Name of a recipe; ``"all"`` for every attack of the result, and, in rules on scores, for the clean queries
        too; ``"clean"`` for the clean queries.
    severity : int, optional
        Severity; by default every one that was run.
    language : str
        Query language; ``"all"`` for the macro average, ``"each"`` for each language by itself.
    measure : str
        Name of the measure, such as ``"nDCG@10"``; empty for that of the gate.

    Examples
    --------
    >>> rule = Rule.parse("max-drop typo@3/hi=10%")
    >>> rule.limit, rule.recipe, rule.severity, rule.language
    (0.1, 'typo', 3, 'hi')
    """

    kind: RuleKind
    limit: float
    relative: bool = False
    recipe: str = ALL
    severity: int | None = None
    language: str = ALL
    measure: str = ""

    def __str__(self) -> str:
        target = self.recipe if self.severity is None else f"{self.recipe}@{self.severity}"
        if self.kind == "min":
            target = self.measure if target == CLEAN_QUERIES else f"{target}:{self.measure}"
        language = "" if self.language == ALL else f"/{self.language}"
        return f"{self.kind} {target}{language}={self.shown_limit}"

    @property
    def shown_limit(self) -> str:
        """The limit as it is written: ``10%`` of another score, or ``0.05``."""
        return f"{_decimal(self.limit * 100)}%" if self.relative else _decimal(self.limit)

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read a rule.

        Parameters
        ----------
        text : str
            ``max-drop [RECIPE[@SEVERITY]][/LANGUAGE]=LIMIT``, ``min [RECIPE[@SEVERITY]:]MEASURE[/LANGUAGE]=LIMIT``, or
            ``no-worse`` like ``max-drop``, where a limit alone is for everything. ``10%`` is a share of the clean
            score or of the baseline's, ``0.05`` a difference of scores.

        Raises
        ------
        OptionError
            If the text is not a rule; the message shows one that is.
        UnknownNameError
            If there is no such measure.
        """
        kind, _, rest = text.strip().partition(" ")
        if kind not in KINDS:
            raise OptionError(f"rule {text!r}: {kind!r} is not a kind of rule; {nearest(kind, KINDS)}")
        return _rule(kind, rest.strip())


def _decimal(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")


def _rule(kind: RuleKind, text: str) -> Rule:
    """Read a rule without its kind, as on the command line."""
    target, equals, limit = text.rpartition("=")
    target, limit = target.strip(), limit.strip()
    if not equals and (kind == "min" or limit) and not _LIMIT.fullmatch(limit):
        such = f"{text}={_SUCH_LIMITS[kind]}" if _TARGET.fullmatch(text) else _EXAMPLES[kind]
        raise OptionError(f"rule {kind} {text!r} has no limit; write such as {kind} {such}")
    if not target and (equals or kind == "min"):
        raise OptionError(f"rule {kind} {text!r} names nothing to check; write such as {kind} {_EXAMPLES[kind]}")
    name, _, language = target.partition("/")
    if "/" in target and not language:
        raise OptionError(f"rule {kind} {text!r} names no language after the slash; write such as typo/hi=10%")
    measure = ""
    if kind == "min":
        _check_order(text, name, language, limit)
        name, _, measure = name.rpartition(":")
        look_up_measure(measure)
    number, relative = _limit(kind, text, limit)
    found = _SEVERITY.fullmatch(name)
    recipe = found["name"] if found else name or (CLEAN_QUERIES if kind == "min" else ALL)
    severity = int(found["severity"]) if found else None
    if recipe == CLEAN_QUERIES and (kind == "max-drop" or severity is not None):
        raise OptionError(f"rule {kind} {text!r}: the clean queries have no drop and no severity; name a recipe")
    return Rule(kind, number, relative and kind != "min", recipe, severity, language or ALL, measure)


def _check_order(rule: str, name: str, language: str, limit: str) -> None:
    """Raise OptionError if the measure of a rule on a score does not stand between its recipe and its language."""
    if ":" in language:
        code, _, measure = language.partition(":")
        right = f"{name}:{measure}/{code}"
    elif ":" in name and _is_measure(name.partition(":")[0]) and not _is_measure(name.rpartition(":")[2]):
        measure, _, recipe = name.partition(":")
        right = f"{recipe}:{measure}{'/' if language else ''}{language}"
    else:
        return
    raise OptionError(f"rule min {rule!r}: the order is RECIPE:MEASURE/LANGUAGE; write min {right}={limit}")


def _is_measure(text: str) -> bool:
    try:
        look_up_measure(text)
    except UnknownNameError:
        return False
    return True


def _limit(kind: RuleKind, rule: str, text: str) -> tuple[float, bool]:
    """Return a limit as a share, and whether it is written in percent."""
    found = _LIMIT.fullmatch(text)
    if found is None:
        raise OptionError(
            f"rule {kind} {rule!r}: {text!r} is not a limit; write a percentage such as 10%, or a number such as 0.05"
        )
    number = float(found["number"])
    value = number / 100 if found["percent"] else number
    if value == 0:
        raise OptionError(
            f"rule {kind} {rule!r}: a limit of 0 can never be shown to hold; give one above 0, such as 2%"
            if kind != "min"
            else f"rule {kind} {rule!r}: every score is at least 0; give a limit above 0, such as 0.6"
        )
    if value > 1:
        percent = f"{number:g}% or " if not found["percent"] and number <= 100 else ""
        such = _decimal(number / 100) if percent else "0.05"
        raise OptionError(f"rule {kind} {rule!r}: a limit is at most 1; write {percent}a number such as {such}")
    return value, bool(found["percent"])


def read_rules(kind: RuleKind, text: str) -> list[Rule]:
    """Return the rules of one option: ``typo=10%,synonym=5%``.

    Parameters
    ----------
    kind : {"max-drop", "min", "no-worse"}
        Kind of the rules.
    text : str
        Rules without their kind, with commas between them.

    Raises
    ------
    OptionError, UnknownNameError
        See `Rule.parse`.
    """
    return [_rule(kind, part.strip()) for part in _BETWEEN_RULES.split(text)]


@dataclass(frozen=True)
class Gate:
    """Rules, and what they are applied to; a file such as ``gate.toml`` has these fields.

    Attributes
    ----------
    rules : tuple of Rule
        What must hold.
    measure : str
        Measure of drops and of comparisons with the baseline.
    settings : tuple of str
        Settings in which the rules must hold; empty for the widest one of the result.
    baseline : pathlib.Path, optional
        Result file that ``no-worse`` compares with.
    """

    rules: tuple[Rule, ...]
    measure: str = "AP"
    settings: tuple[Setting, ...] = ()
    baseline: Path | None = None

    @classmethod
    def read(cls, path: Path) -> Gate:
        """Read a TOML file.

        ::

            baseline = "main.json"       # from the folder of this file
            no-worse = "2%"
            max-drop = { typo = "10%", "synonym@3/hi" = 0.05 }
            min = { "nDCG@10" = 0.6 }

        Parameters
        ----------
        path : pathlib.Path
            The file.

        Raises
        ------
        OptionError
            If it cannot be read, or has a key or a rule that does not exist.
        UnknownNameError
            If there is no such measure.
        """
        table = _table(path)
        try:
            return _gate(table, path.parent)
        except OptionError as error:
            raise OptionError(f"{path}: {error}") from None

    def check_names(self, recipes: Collection[str], severities: Collection[int]) -> None:
        """Raise OptionError if a rule names a recipe or a severity that will not be run.

        Parameters
        ----------
        recipes : collection of str
            Names of the recipes.
        severities : collection of int
            Severities.
        """
        for rule in self.rules:
            if rule.recipe not in {ALL, CLEAN_QUERIES, *recipes}:
                raise OptionError(
                    f"rule {rule}: this run has no recipe {rule.recipe!r}; {nearest(rule.recipe, recipes)}"
                )
            if rule.severity not in {None, *severities}:
                there = ", ".join(map(str, severities))
                raise OptionError(f"rule {rule}: this run has no severity {rule.severity}; there are: {there}")


def _table(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror}); name a file with rules") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: is not TOML ({error}); {_hint(path, str(error))}") from None


def _hint(path: Path, error: str) -> str:
    """Return what to write instead: most often quotation marks are missing, around a key or a percentage."""
    place = re.search(r"at line (\d+)", error)
    if place:
        line = path.read_text(encoding="utf-8").split("\n")[int(place[1]) - 1]
        unquoted = [*_UNQUOTED_KEY.findall(line), *_UNQUOTED_PERCENTAGE.findall(line)]
        if unquoted:
            return "write quotation marks around it: " + " = ".join(f'"{text}"' for text in unquoted)
    return "docs/ci.md shows a file with rules"


def _gate(table: Mapping[str, object], folder: Path) -> Gate:
    known = (*KINDS, "baseline", "measure", "setting")
    for key in table:
        if key not in known:
            raise OptionError(f"unknown key {key!r}; {nearest(key, known)}")
    measure, baseline = table.get("measure", "AP"), table.get("baseline")
    for key, value in (("measure", measure), ("baseline", baseline or "")):
        if not isinstance(value, str):
            raise OptionError(f"{key} is {value!r}; write a text between quotation marks")
    look_up_measure(str(measure))
    return Gate(
        rules=tuple(rule for kind in KINDS if kind in table for rule in _rules_of(kind, table[kind])),
        measure=str(measure),
        settings=_settings(table.get("setting", [])),
        baseline=folder / str(baseline) if baseline else None,
    )


def _rules_of(kind: RuleKind, value: object) -> list[Rule]:
    """Return the rules of one kind: a table of targets, or a limit alone."""
    if isinstance(value, Mapping):
        return [_rule(kind, f"{target}={_written(limit)}") for target, limit in value.items()]
    return [_rule(kind, _written(value))]


def _written(limit: object) -> str:
    if isinstance(limit, bool) or not isinstance(limit, int | float | str):
        raise OptionError(f'{limit!r} is not a limit; write such as "10%" or 0.05')
    return limit if isinstance(limit, str) else _decimal(limit)


def _settings(value: object) -> tuple[Setting, ...]:
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, Sequence):
        raise OptionError(f'setting is {value!r}; write one such as "multilingual", or a list of them')
    return read_settings([str(one) for one in named])


def read_settings(names: Sequence[str]) -> tuple[Setting, ...]:
    """Return settings by their names; ``all`` stands for all of them.

    Parameters
    ----------
    names : sequence of str
        Names.

    Raises
    ------
    OptionError
        If there is no such setting.
    """
    for name in names:
        if name not in {*SETTINGS, ALL}:
            raise OptionError(f"there is no setting {name!r}; {nearest(name, [*SETTINGS, ALL])}")
    return tuple(one for one in SETTINGS if one in names or ALL in names)
