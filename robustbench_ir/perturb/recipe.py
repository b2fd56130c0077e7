"""A recipe: a card with its mechanism. It perturbs queries, and depends on no encoder and no task."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Annotated, NamedTuple, Protocol

from pydantic import Field

from robustbench_ir._base.text import Span, nfc, replace_spans
from robustbench_ir.errors import CardError, OptionError, UnknownNameError
from robustbench_ir.perturb.changed_words import changed_words
from robustbench_ir.perturb.constraints import Constraints, WordFinder, word_finder
from robustbench_ir.perturb.identity import RecipeIdentity
from robustbench_ir.perturb.kinds import KindOfChange, kind_of
from robustbench_ir.perturb.perturbation import Edit, Perturbation, QueryLike, spaced, unchanged
from robustbench_ir.perturb.randomness import Random, generator, shuffled, side_by_side
from robustbench_ir.perturb.transformation import (
    BeginsAtTheStart,
    ChangesPartsOfWords,
    Targets,
    Transformation,
    TransformationFactory,
    at_severity,
)
from robustbench_ir.perturb.translated_rows import HasTranslations, TranslatedRows
from robustbench_ir.resources.cards import SHIPPED, NamedCard, Tables

SEVERITIES = range(6)
_Share = Annotated[float, Field(gt=0, le=1)]
_USUAL_SEVERITY = 3
_VARIANTS_DIGITS = 12
EVERY_LANGUAGE = "*"
"""Key of a row for every language that has no row of its own."""

LanguageRows = Mapping[str, Mapping[str, object]]
"""Language to the options of the mechanism for it."""


class HasLexicons(Protocol):
    """What a recipe needs of a task that may have lexicons of its own."""

    @property
    def name(self) -> str:
        """Name of the task."""

    @property
    def lexicons(self) -> Mapping[str, LanguageRows]:
        """Recipe name to the rows that replace those of the card."""

    @property
    def translations(self) -> HasTranslations | None:
        """Human translations of its queries; None if there are none."""

    @property
    def variants(self) -> Mapping[str, Sequence[QueryLike]]:
        """Name of a set of variants to what people wrote in place of its queries, with the ids of these."""


class RecipeCard(NamedCard):
    """One card under `attacks/`.

    Attributes
    ----------
    name : str
        Name of the recipe and of the file.
    version : int
        It is raised whenever a perturbed query could change.
    title, description : str
        A few words; one sentence.
    look_for : str
        What a native speaker who reviews the recipe should look for.
    transformation : str
        Key of the mechanism.
    default : bool
        Whether an attack runs it when no recipe is named.
    translated : bool
        Whether the words of another language are taken from a task's own human translations, where it has them.
    ladder : list of float
        Share of the eligible words that severity 1 to 5 changes, in (0, 1].
    sources : list of str
        Sources of numbers and tables.
    realism : str
        How far the edits are from what people do, where that was measured.
    constraints : Constraints
        Which words are not changed.
    parameters : dict
        Parameters of the mechanism, the same in all languages.
    languages : dict
        Language to the options of the mechanism.
    not_covered : dict
        Language to the reason why the recipe cannot change its queries.
    aliases : dict
        Further names, each with the rows of the one or more languages that the recipe of that name has.
    """

    version: int = Field(ge=1)
    title: str
    description: str
    look_for: str = ""
    transformation: str
    default: bool = False
    translated: bool = False
    ladder: list[_Share] = Field(default=[0.1, 0.2, 0.35, 0.5, 1.0], min_length=5, max_length=5)
    sources: list[str]
    realism: str = ""
    constraints: Constraints = Constraints()
    parameters: dict[str, object] = {}
    languages: dict[str, dict[str, object]]
    not_covered: dict[str, str] = {}
    aliases: dict[str, dict[str, dict[str, object]]] = {}

    def named(self, alias: str) -> RecipeCard:
        """Return the card of the recipe that has one of the further names, and only the languages of that name."""
        rows = self.aliases[alias]
        others = sorted({*self.languages, *self.not_covered} - rows.keys())
        reasons = dict.fromkeys(others, f"{alias} is for {', '.join(rows)}; {self.name} covers more languages")
        changes = {"name": alias, "default": False, "languages": rows, "not_covered": reasons, "aliases": {}}
        return self.model_copy(update=changes)

    @property
    def model_digest(self) -> str:
        """Eight hexadecimal digits that stand for the files of the model that the mechanism runs; empty without one."""
        files = self.parameters.get("files")
        return sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:8] if files else ""

    @property
    def needs_model(self) -> bool:
        """Whether the recipe works only if the files of a model are available."""
        return bool(self.model_digest)


class _Prepared(NamedTuple):
    """What a language and severity need for each query, so that it is found out once."""

    find_words: WordFinder
    find_targets: Callable[[str, Sequence[Span], Random], Targets]
    from_the_start: bool
    within_words: bool
    share: float
    constraints: Constraints


@dataclass(frozen=True, eq=False, repr=False)
class Recipe:
    """A card and its mechanism. Two recipes are equal only if they are the same object; compare their identities.

    Attributes
    ----------
    card : RecipeCard
        The card.
    factory : TransformationFactory
        Makes the mechanism.
    lexicons : str, optional
        Name of the task whose own lexicons or translations are used; part of the identity.
    tables : Tables
        Where the tables that the card names are found.
    release : str
        Release of the library that the mechanism is from; it replaces the card's version in the identity.
    variants : mapping of str to str, optional
        Query id to what a person wrote in its place, if that is what the recipe is; empty until `for_task` gives them.
    """

    card: RecipeCard
    factory: TransformationFactory = field(repr=False)
    lexicons: str | None = None
    tables: Tables = SHIPPED
    release: str = ""
    variants: Mapping[str, str] | None = field(default=None, repr=False)
    _ready: dict[str, tuple[WordFinder, Transformation]] = field(default_factory=dict, repr=False, compare=False)
    _at: dict[tuple[str, int], _Prepared] = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        """Return the identity, since a card is long."""
        return f"Recipe({str(self.identity)!r})"

    @property
    def name(self) -> str:
        """Name of the card."""
        return self.card.name

    @property
    def identity(self) -> RecipeIdentity:
        """Name and version, with model and lexicons: ``typo@1``, ``synonym-masked@1+d585f47b``, ``synonym@1+mini``."""
        version = self.release or str(self.card.version)
        return RecipeIdentity(self.card.name, version, self.card.model_digest, self.lexicons or "")

    def covers(self, language: str) -> bool:
        """Return True if the recipe can change queries of this language."""
        return language in self.card.languages or EVERY_LANGUAGE in self.card.languages

    def reason_not_covered(self, language: str) -> str:
        """Return the reason why the recipe cannot change queries of this language; empty if it can."""
        if self.covers(language):
            return ""
        if self.variants is not None:
            folder = f"`irbench perturb --task ./folder --recipe {self.name}` writes its queries"
            return f"{self.name} has none of its queries" if self.variants else f"it is a part of a folder; {folder}"
        return self.card.not_covered.get(language, f"no row for {language} in attacks/{self.name}.toml")

    def not_covered(self, languages: Iterable[str]) -> dict[str, str]:
        """Return those of the languages whose queries the recipe cannot change, with the reason."""
        return {language: self.reason_not_covered(language) for language in languages if not self.covers(language)}

    def kinds(self, languages: Iterable[str]) -> dict[str, KindOfChange]:
        """Return what the recipe does to each language, for those where its mechanism tells; empty for most recipes."""
        if self.variants is not None:
            return {}
        found = {language: kind_of(self.transformation(language)) for language in languages if self.covers(language)}
        return {language: kind for language, kind in found.items() if kind is not None}

    def for_task(self, task: HasLexicons) -> Recipe:
        """Return the recipe with the task's own language rows and translations; unchanged if the task has none.

        Raises
        ------
        UnknownNameError
            If the recipe is a set of variants that the task does not have.
        """
        if self.variants is not None:
            return self._with_variants(task)
        rows = task.lexicons.get(self.name)
        translations = task.translations if self.card.translated else None
        if rows is None and translations is None:
            return self
        rows = self.card.languages if rows is None else rows
        others = sorted(self.card.languages.keys() - rows.keys())
        reasons = dict.fromkeys(others, f"task {task.name} brings no lexicon for it")
        rows = rows if translations is None else TranslatedRows(rows, translations)
        card = self.card.model_copy(update={"languages": rows, "not_covered": {**self.card.not_covered, **reasons}})
        return Recipe(card, self.factory, task.name, self.tables, self.release)

    def _with_variants(self, task: HasLexicons) -> Recipe:
        scheme, _, name = self.name.partition(":")
        found = task.variants.get(name)
        if found is None:
            known = [f"{scheme}:{one}" for one in task.variants]
            hint = "" if known else f"{task.name} has none; write {scheme}/{name}.jsonl into a folder of your own"
            raise UnknownNameError("recipe", self.name, known, hint)
        rows: dict[str, dict[str, object]] = {one.language: {} for one in found}
        lines = (f"{one.query_id}\t{one.text}\n".encode() for one in found)
        release = sha256(b"".join(sorted(lines))).hexdigest()[:_VARIANTS_DIGITS]
        card = self.card.model_copy(update={"languages": rows})
        texts = {one.query_id: one.text for one in found}
        return replace(self, card=card, lexicons=task.name, release=release, variants=texts)

    def transformation(self, language: str) -> Transformation:
        """Return the mechanism for a covered language; its tables are loaded on first use."""
        return self._prepared(language)[1]

    def _prepared(self, language: str) -> tuple[WordFinder, Transformation]:
        if language not in self._ready:
            options = self.card.languages.get(language) or self.card.languages.get(EVERY_LANGUAGE, {})
            try:
                transformation = self.factory(language, self.card.parameters, options, self.tables)
            except CardError as error:
                raise CardError(f"recipe {self.name}: {error}") from error
            self._ready[language] = word_finder(language, self.card.constraints, self.tables), transformation
        return self._ready[language]

    def _prepared_at(self, language: str, severity: int) -> _Prepared:
        find_words, transformation = self._prepared(language)
        transformation = at_severity(transformation, severity)
        first = isinstance(transformation, BeginsAtTheStart) and transformation.from_the_start
        within = isinstance(transformation, ChangesPartsOfWords) and transformation.within_words
        share = self.card.ladder[severity - 1]
        ready = _Prepared(find_words, transformation.targets, first, within, share, self.card.constraints)
        self._at[language, severity] = ready
        return ready

    def perturb(self, queries: Iterable[QueryLike], severity: int, seed: int) -> list[Perturbation]:
        """Perturb queries, each independently: their order, the other queries and the process make no difference.

        A severity changes the places of the next lower one, and more; most recipes make the same edits there.

        Parameters
        ----------
        queries : iterable of QueryLike
            Objects with `query_id`, `language` and `text`.
        severity : int
            0 (no change) to 5.
        seed : int
            Seed of the perturbation.

        Returns
        -------
        list of Perturbation
            One for each query, in the same order.

        Raises
        ------
        OptionError
            If the severity is out of range.
        DataUnavailableError
            If a lexicon is needed that cannot be loaded.
        """
        if severity not in SEVERITIES:
            raise OptionError(f"severity {severity} is out of range; 1 to 5 (0 changes nothing)")
        if self.variants is not None:
            return [self._as_written(query, severity) for query in queries]
        if severity == 0:
            return [unchanged(query.query_id, nfc(query.text)) for query in queries]
        # The key has no severity, so that a higher severity changes everything that a lower one changes.
        key = f"{self.identity}\x1f{seed}"
        return [
            self._perturb_one(query, severity, generator(key, query.query_id))
            if self.covers(query.language)
            else unchanged(query.query_id, nfc(query.text))
            for query in queries
        ]

    def _as_written(self, query: QueryLike, severity: int) -> Perturbation:
        if not self.variants:
            raise OptionError(f"{self.name} are variants of a task's queries; attack the task, such as --task ./folder")
        clean = nfc(query.text)
        text = self.variants.get(query.query_id, clean) if severity else clean
        changes = changed_words(clean, text).items() if text != clean else ()
        edits = [Edit((start, end), clean[start:end], new, "variant") for (start, end), new in changes]
        return Perturbation(query.query_id, clean, text, tuple(edits), 0)

    def _perturb_one(self, query: QueryLike, severity: int, random: Random) -> Perturbation:
        text, language = nfc(query.text), query.language
        ready = self._at.get((language, severity)) or self._prepared_at(language, severity)
        constraints = ready.constraints
        spans, rewrite, together = ready.find_targets(text, ready.find_words(text), random)
        wanted = number_to_change(len(spans), ready.share)
        replaceable = constraints.maximum_edit_rate * len(text)
        edits: list[Edit] = []
        if ready.from_the_start:
            ordered: Sequence[Span] = spans
        else:
            ordered = list(side_by_side(spans, random)) if together else shuffled(spans, random)
        for span in ordered:
            before = text[span[0] : span[1]]
            rewriting = rewrite(before, random) if len(before) <= replaceable else None
            if rewriting is None or (constraints.keep_script and constraints.forbid(before, rewriting[0])):
                continue
            replaceable -= len(before)
            edits.append(Edit(span, before, *rewriting))
            if len(edits) == wanted:
                break
        edits = sorted(edits) if ready.within_words else spaced(text, sorted(edits))
        new = replace_spans(text, [(span, after) for span, _, after, _ in edits])
        return Perturbation(query.query_id, text, new, tuple(edits), len(spans))


def usual_severity(severities: Sequence[int]) -> int:
    """Return the severity that stands for all where one has to: 3 where it was run, else the middle one."""
    if _USUAL_SEVERITY in severities or not severities:
        return _USUAL_SEVERITY
    return sorted(severities)[len(severities) // 2]


def number_to_change(eligible: int, share: float) -> int:
    """Return the number of places to change: the share, rounded, and at least one if there is a place.

    Parameters
    ----------
    eligible : int
        Number of places that can be changed.
    share : float
        Share of them, in (0, 1].
    """
    return min(eligible, max(1, int(eligible * share + 0.5)))
