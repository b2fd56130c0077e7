"""Identities of attacks and signatures of numbers: values, with one way to write them and one way to read them.

The grammar is in docs/identity.md, for other tools that write or read identities.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal, cast, get_args

from robustbench_ir._base.escaping import escaped, unescaped
from robustbench_ir.errors import DataError

Threat = Literal["average case", "worst case", "transfer"]
PerturbedSide = Literal["queries", "passages", "both"]
"""Which texts an attack changes."""

PERTURBED_SIDES: tuple[PerturbedSide, ...] = get_args(PerturbedSide)

_NO_RECIPE = "none"
PROMPT = "prompt-"
"""What the names of prompt variants begin with: they change what stands before a query, and no text."""

_ON = "|on="
_FIRST_WRITTEN = 2  # the first scoring version that a signature names

# What is escaped: in a goal and in the fields of a signature; in the items of a list there.
_FIELD = "%|"
_ITEM = "%|,"

_DIGEST = re.compile("[0-9a-f]{8}")
_TEXT = r"[^|\x00-\x1f\x7f]"
_NAME = r"[^|~(),+@=>\x00-\x1f\x7f]+"
_COUNT = "[0-9]{1,18}"
_DECIMAL = r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[+-]?[0-9]{1,3})?"
_RECIPE = re.compile(
    rf"(?P<name>{_NAME})@(?P<version>{_NAME})(?:\+(?P<digest>{_DIGEST.pattern}))?(?:\+(?P<lexicons>{_NAME}))?"
    rf"(?:~(?P<encoder>{_TEXT}+)>=(?P<minimum>{_DECIMAL}))?"
)
_SEARCH = re.compile(
    rf"(?P<method>{_NAME})\((?P<recipes>{_TEXT}+)\)\|goal=(?P<goal>{_TEXT}*)\|words=(?P<words>{_COUNT})"
    rf"\|queries=(?P<queries>{_COUNT})(?:\|edit-rate=(?P<edit_rate>{_DECIMAL}))?(?P<until_reached>\|until-reached)?"
    rf"(?:\|starts=(?P<starts>{_COUNT}))?(?:\|alternatives=(?P<alternatives>{_COUNT}))?"
    rf"(?:\|crafted-on=(?P<crafted_on>{_TEXT}+))?"
)


@dataclass(frozen=True)
class RecipeIdentity:
    """A recipe in one version, with everything that its queries depend on.

    Attributes
    ----------
    name : str
        Name of the card, or of a transformation of another library.
    version : str
        Version of the card, or release of the library that the transformation is from.
    model_digest : str
        Eight hexadecimal digits that stand for the files of the recipe's model; empty without one.
    lexicons : str
        Name of the task whose own lexicons are used; empty for those of the card.

    Raises
    ------
    DataError
        If the digest is not eight hexadecimal digits.

    Examples
    --------
    >>> str(RecipeIdentity("synonym-masked", "1", model_digest="d585f47b"))
    'synonym-masked@1+d585f47b'
    """

    name: str
    version: str
    model_digest: str = ""
    lexicons: str = ""

    def __post_init__(self) -> None:
        if self.model_digest and not _DIGEST.fullmatch(self.model_digest):
            raise DataError(f"model digest {self.model_digest!r}: eight hexadecimal digits are needed")

    def __str__(self) -> str:
        lexicons = escaped(self.lexicons)
        if not self.model_digest and _DIGEST.fullmatch(lexicons):
            # It would be read as the digest of a model.
            lexicons = f"%{ord(lexicons[0]):02X}{lexicons[1:]}"
        extras = [f"+{part}" for part in (self.model_digest, lexicons) if part]
        return f"{escaped(self.name)}@{escaped(self.version)}{''.join(extras)}"

    @classmethod
    def parse(cls, text: str) -> RecipeIdentity:
        """Read what `str` has written.

        Raises
        ------
        DataError
            If the text is not such an identity.
        """
        recipe, floor = _recipe(text, text)
        if floor is not None:
            raise _unreadable("the identity of a recipe, such as typo@3", text)
        return recipe


@dataclass(frozen=True)
class FloorIdentity:
    """The smallest cosine of a query with the clean one, under an encoder: ``use-multilingual>=0.8``.

    Attributes
    ----------
    encoder : str
        Name of the encoder that judges.
    minimum : float
        Smallest cosine, in (0, 1].
    """

    encoder: str
    minimum: float

    def __str__(self) -> str:
        return f"{escaped(self.encoder)}>={_decimal(self.minimum)}"


@dataclass(frozen=True)
class SearchIdentity:
    """How an adversary searched.

    Attributes
    ----------
    method, goal : str
        Such as ``"beam-4"`` and ``"map+language=en"``.
    words, queries : int
        Budget for each query: number of places that may be changed, and of texts that may be encoded.
    edit_rate : float
        Share of the query's code points that may be replaced.
    until_reached : bool
        Whether the search of a query ends at its first success.
    starts, alternatives : int, optional
        Number of random perturbations to begin with, and of rewritings of a place; None for the method's own number.
    crafted_on : str
        Name of the encoder that was searched, if another encoder was scored; else empty.
    """

    method: str
    goal: str
    words: int
    queries: int
    edit_rate: float = 1.0
    until_reached: bool = False
    starts: int | None = None
    alternatives: int | None = None
    crafted_on: str = ""

    @property
    def means(self) -> str:
        """Goal, budget and further settings, as they follow the recipes."""
        parts = [
            f"goal={escaped(self.goal, _FIELD)}",
            f"words={self.words}",
            f"queries={self.queries}",
            *([f"edit-rate={_decimal(self.edit_rate)}"] if self.edit_rate != 1 else []),
            *(["until-reached"] if self.until_reached else []),
            *([f"starts={self.starts}"] if self.starts is not None else []),
            *([f"alternatives={self.alternatives}"] if self.alternatives is not None else []),
            *([f"crafted-on={escaped(self.crafted_on)}"] if self.crafted_on else []),
        ]
        return "|".join(parts)


@dataclass(frozen=True, eq=False)
class AttackIdentity:
    """How the queries of a cell were changed; without a recipe, they are the clean queries.

    It is equal to its own text, and has the same hash, so that ``result.groups["typo@3", 3]`` finds its cells and
    ``finding.recipe == "typo@3"`` holds.

    Attributes
    ----------
    recipes : tuple of RecipeIdentity
        Empty for the clean queries, one for random perturbations, one or more for a search.
    floor : FloorIdentity, optional
        Sentence-encoder constraint on every perturbation.
    search : SearchIdentity, optional
        How an adversary searched; None for random perturbations.
    on : {"queries", "passages", "both"}
        Which texts were changed.

    Raises
    ------
    DataError
        If there are several recipes without a search, a floor, a search or passages without a recipe, or a search on
        passages.

    Examples
    --------
    >>> AttackIdentity.parse("greedy(typo@3)|goal=map|words=2|queries=500").search.words
    2
    """

    recipes: tuple[RecipeIdentity, ...] = ()
    floor: FloorIdentity | None = None
    search: SearchIdentity | None = None
    on: PerturbedSide = "queries"

    def __post_init__(self) -> None:
        if self.on != "queries" and (self.search or not self.recipes):
            raise DataError(f"an attack on {_IN_WORDS[self.on]} has one recipe and no search; name it")
        if len(self.recipes) > 1 and self.search is None:
            raise DataError("an attack with several recipes is a search; say which")
        if not self.recipes and (self.floor or self.search):
            raise DataError("an attack with a floor or a search has a recipe; name it")

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        return f"{self.head}|{self.search.means}" if self.search else self.head

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self._text == other
        if not isinstance(other, AttackIdentity):
            return NotImplemented
        return self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._text)

    @property
    def _parts(self) -> tuple[object, ...]:
        return self.recipes, self.floor, self.search, self.on

    @classmethod
    def parse(cls, text: str) -> AttackIdentity:
        """Read an identity.

        Older versions wrote names of encoders without escapes. They are read where the meaning is clear.

        Parameters
        ----------
        text : str
            As `str` writes it: ``"clean"``, ``"typo@3"``, ``"greedy(typo@3)|goal=map|words=2|queries=500"``.

        Raises
        ------
        DataError
            If the text is not an identity.
        """
        return _attack(text)

    @classmethod
    def of(cls, identity: AttackIdentity | str) -> AttackIdentity:
        """Return an identity that is given as such or as its text."""
        return identity if isinstance(identity, AttackIdentity) else cls.parse(identity)

    @property
    def head(self) -> str:
        """The identity without goal and budget: ``typo@3``, ``typo@3|on=passages``, ``greedy(typo@3,synonym@2)``."""
        floor = f"~{self.floor}" if self.floor else ""
        recipes = ",".join(f"{recipe}{floor}" for recipe in self.recipes)
        if self.search:
            return f"{escaped(self.search.method)}({recipes})"
        return f"{recipes or 'clean'}{'' if self.on == 'queries' else f'{_ON}{self.on}'}"

    @property
    def label(self) -> str:
        """Names only, for tables: ``typo``, ``typo on passages``, ``greedy(typo,synonym)``, ``clean``."""
        names = ",".join(recipe.name for recipe in self.recipes)
        if self.search:
            return f"{self.search.method}({names})"
        return f"{names or 'clean'}{'' if self.on == 'queries' else f' on {_IN_WORDS[self.on]}'}"

    def crafted_on(self, encoder: str) -> AttackIdentity:
        """Return the identity of the same queries, found by this search on `encoder` and scored on another one.

        Raises
        ------
        DataError
            If there was no search.
        """
        if self.search is None:
            raise DataError(f"{self} is no search, so that its queries were crafted on no encoder")
        return replace(self, search=replace(self.search, crafted_on=encoder))

    @property
    def slug(self) -> str:
        """Names only, for files: ``typo``, ``typo-on-passages``, ``greedy-typo+synonym``, ``clean``."""
        names = "+".join(recipe.name for recipe in self.recipes).replace(":", "-")  # Windows has no colons there
        if self.search:
            return f"{self.search.method}-{names}"
        return f"{names or 'clean'}{'' if self.on == 'queries' else f'-on-{self.on}'}"

    @property
    def prompt(self) -> str:
        """Name of the prompt variant, such as ``none``; empty where the attack changes texts."""
        name = self.recipes[0].name if len(self.recipes) == 1 else ""
        return name.removeprefix(PROMPT) if name.startswith(PROMPT) else ""

    @property
    def threat(self) -> Threat:
        """Threat model: random perturbations, a search on the encoder itself, or one on another encoder."""
        if self.search is None:
            return "average case"
        return "transfer" if self.search.crafted_on else "worst case"


_IN_WORDS = {"queries": "queries", "passages": "passages", "both": "queries and passages"}
CLEAN = AttackIdentity()
"""The clean queries."""


@dataclass(frozen=True)
class Signature:
    """Everything that a number depends on.

    Attributes
    ----------
    task : str
        Identity of the task.
    languages : tuple of str
        Query languages.
    pool, measure : str
        Setting and measure, such as ``"multilingual"`` and ``"AP"``.
    irbench : str
        Version of this package.
    recipes : tuple of AttackIdentity
        Empty for a clean number; several if a table shares its signature.
    severity : int
        0 for a clean number.
    seeds : tuple of int
        Empty for a clean number.
    defence : str
        Defence before the encoder; empty without one.
    scoring : int
        Version of the scoring that made the ranks, 1 or more; 1 is not written.
    further_severities : tuple of int
        Those besides `severity`, if a table shares its signature.

    Raises
    ------
    DataError
        If there is a severity or a seed without a recipe.
    """

    task: str
    languages: tuple[str, ...]
    pool: str
    measure: str
    irbench: str
    recipes: tuple[AttackIdentity, ...] = ()
    severity: int = 0
    seeds: tuple[int, ...] = ()
    defence: str = ""
    scoring: int = 1
    further_severities: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.recipes and (self.severity or self.seeds or self.further_severities):
            raise DataError("a signature with a severity or seeds has a recipe; name it")

    def __str__(self) -> str:
        severities = _joined((self.severity, *self.further_severities))
        attack = {"severity": severities, "seeds": _joined(self.seeds)} if self.recipes else {}
        fields = {
            "task": escaped(self.task, _FIELD),
            "languages": _joined(self.languages),
            "recipe": _joined(self.recipes) or _NO_RECIPE,
            **attack,
            "pool": escaped(self.pool, _FIELD),
            "measure": escaped(self.measure, _FIELD),
            **({"defence": escaped(self.defence, _FIELD)} if self.defence else {}),
            **({"scoring": str(self.scoring)} if self.scoring != 1 else {}),
            "irbench": escaped(self.irbench, _FIELD),
        }
        return "|".join(f"{key}={value}" for key, value in fields.items())

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Read a signature.

        Raises
        ------
        DataError
            If `str` does not write such a text.

        Examples
        --------
        >>> Signature.parse("task=mini@1|languages=en|recipe=none|pool=monolingual|measure=AP|irbench=0.1.0").task
        'mini@1'
        """
        pairs = [part.partition("=") for part in text.split("|")]
        fields = {key: value for key, _, value in pairs}
        attacked = fields.get("recipe") != _NO_RECIPE
        keys = ["task", "languages", "recipe", *(["severity", "seeds"] if attacked else []), "pool", "measure"]
        keys += [*(key for key in ("defence", "scoring") if key in fields), "irbench"]
        severities = _items(fields.get("severity", "0")) or [""]
        counts = [fields.get("scoring", "2"), *severities, *_items(fields.get("seeds", ""))]
        numeric = all(re.fullmatch(_COUNT, count) for count in counts)
        if [key for key, _, _ in pairs] != keys or not fields["recipe"] or not numeric:
            raise _unreadable("a signature", text)
        scoring, severity, *further = map(int, counts)
        seeds = further[len(severities) - 1 :]
        if scoring < _FIRST_WRITTEN:
            raise _unreadable("a signature", text)
        return cls(
            task=unescaped(fields["task"]),
            languages=tuple(_items(fields["languages"])),
            pool=unescaped(fields["pool"]),
            measure=unescaped(fields["measure"]),
            irbench=unescaped(fields["irbench"]),
            recipes=tuple(map(AttackIdentity.parse, _items(fields["recipe"]))) if attacked else (),
            severity=severity,
            seeds=tuple(seeds),
            defence=unescaped(fields.get("defence", "")),
            scoring=scoring if "scoring" in fields else 1,
            further_severities=tuple(further[: len(severities) - 1]),
        )


def _joined(items: tuple[object, ...]) -> str:
    return ",".join(escaped(str(item), _ITEM) for item in items)


def _items(text: str) -> list[str]:
    return [unescaped(item) for item in text.split(",")] if text else []


@lru_cache(maxsize=4096)
def _attack(text: str) -> AttackIdentity:
    if text == "clean":
        return CLEAN
    found = _SEARCH.fullmatch(text)
    plain, named, side = text.partition(_ON)
    pairs = [_recipe(one, text) for one in found["recipes"].split(",")] if found else [_recipe(plain, text)]
    recipes, floors = zip(*pairs, strict=True)
    if len(set(floors)) > 1 or (named and side not in PERTURBED_SIDES[1:]):
        raise _unreadable("the identity of an attack, such as typo@3", text)
    on = cast("PerturbedSide", side or PERTURBED_SIDES[0])
    return AttackIdentity(recipes, floors[0], _search(found) if found else None, on)


def _search(found: re.Match[str]) -> SearchIdentity:
    return SearchIdentity(
        method=unescaped(found["method"]),
        goal=unescaped(found["goal"]),
        words=int(found["words"]),
        queries=int(found["queries"]),
        edit_rate=float(found["edit_rate"] or 1),
        until_reached=bool(found["until_reached"]),
        starts=int(found["starts"]) if found["starts"] else None,
        alternatives=int(found["alternatives"]) if found["alternatives"] else None,
        crafted_on=unescaped(found["crafted_on"] or ""),
    )


def _recipe(text: str, whole: str) -> tuple[RecipeIdentity, FloorIdentity | None]:
    found = _RECIPE.fullmatch(text)
    if found is None:
        raise _unreadable("the identity of an attack, such as typo@3", whole)
    name, version, lexicons = (unescaped(found[part] or "") for part in ("name", "version", "lexicons"))
    floor = FloorIdentity(unescaped(found["encoder"]), float(found["minimum"])) if found["encoder"] else None
    return RecipeIdentity(name, version, found["digest"] or "", lexicons), floor


def _unreadable(what: str, text: str) -> DataError:
    return DataError(f"{text[:100]!a} is not {what}; docs/identity.md has the grammar")


def _decimal(value: float) -> str:
    """Return a short form that gives the same number when it is read."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
