"""What a recipe really does: its most frequent edits on real queries, and how many agree with human translations.

An edit that puts in a word of another language agrees where a human translation of the same question into that language
has the word: its dictionary form, or a word with the same first five letters. A right paraphrase can disagree, so that
shares well below 1 can be good; what the share tells is which of two lexicons is nearer to what people say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import regex

from robustbench_ir._base.showing import csv_text, json_text
from robustbench_ir._base.text import nfc
from robustbench_ir._version import __version__
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import Edit, Perturbation, Recipe
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.lexicons.audit import audited_pairs
from robustbench_ir.perturb.lexicons.evidence import sources_of_pairs
from robustbench_ir.perturb.lexicons.offensive import is_offensive, offensive_words
from robustbench_ir.perturb.mechanisms.substitution import lexicon_rows
from robustbench_ir.reports.shown_queries import text_direction, with_visible_code_points
from robustbench_ir.reports.templates import rendered
from robustbench_ir.reports.terminal import language_name
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Query, Task

_WORD = regex.compile(r"[\p{L}\p{M}]+")
_LETTERS_OF_A_STEM = 5
_EXAMPLES = 2


@dataclass(frozen=True)
class FrequentEdit:
    """An edit that a recipe makes often.

    Attributes
    ----------
    before, after : str
        Text before and after.
    operation : str
        Name of the operation.
    count : int
        Number of times that it was made.
    judged, agreeing : int
        Number of times that a human translation could be asked, and that it agreed.
    function_word, name : bool
        Whether `before` is in the language's list of function words, and whether it is written with a capital inside a
        query, as names are.
    examples : tuple of (str, str)
        Queries before and after.
    sources : tuple of str
        Names of the lexicons and texts that have the pair; empty for edits that are not from a lexicon.
    mark : str
        What a reader found: ``right``, ``wrong``, ``unsure``; empty if the pair was not read.
    offensive : bool
        Whether `after` is in the list of offensive words of its language.
    """

    before: str
    after: str
    operation: str
    count: int
    judged: int
    agreeing: int
    function_word: bool
    name: bool
    examples: tuple[tuple[str, str], ...]
    sources: tuple[str, ...] = ()
    mark: str = ""
    offensive: bool = False

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should look at, in words."""
        said = (
            ("function word", self.function_word),
            ("name?", self.name),
            ("offensive", self.offensive),
            (f"read: {self.mark}", bool(self.mark)),
        )
        return tuple(text for text, holds in said if holds)


@dataclass(frozen=True)
class EditAudit:
    """What a recipe does to the queries of one language.

    Attributes
    ----------
    recipe, language : str
        Identity of the recipe, and code of the language.
    queries, changed, edits : int
        Number of queries, of those that changed, and of edits in all of them.
    judged, agreeing : int
        Number of edits that a human translation could be asked about, and of those that agree.
    function_words, names : int
        Number of edits of function words, and of words that are written like names.
    frequent : tuple of FrequentEdit
        The most frequent edits, by falling number.
    """

    recipe: str
    language: str
    queries: int
    changed: int
    edits: int
    judged: int
    agreeing: int
    function_words: int
    names: int
    frequent: tuple[FrequentEdit, ...]

    @property
    def agreement(self) -> float:
        """Share of the judged edits that agree with a translation, 0 to 1; NaN if there is none."""
        return self.agreeing / self.judged if self.judged else float("nan")


def audit_edits(
    recipe: Recipe, task: Task, languages: Iterable[str] | None, severity: int, seeds: int, top: int
) -> list[EditAudit]:
    """Return an audit for each language that the recipe covers.

    Parameters
    ----------
    recipe : Recipe
        The recipe, with the task's own lexicons.
    task : Task
        Task with the queries; its parallel queries are the translations.
    languages : iterable of str, optional
        Query languages. Default: all.
    severity, seeds : int
        Severity of the perturbation, and number of seeds.
    top : int
        Number of edits to return for each language.

    Raises
    ------
    OptionError
        If the recipe covers none of the languages.
    """
    wanted = task.query_languages if languages is None else tuple(languages)
    covered = [language for language in wanted if recipe.covers(language)]
    if not covered:
        reasons = "; ".join(f"{language}: {recipe.reason_not_covered(language)}" for language in wanted)
        raise OptionError(f"{recipe.name} covers none of these languages ({reasons}); name others")
    parallel: dict[str, dict[str, str]] = {}
    for query in task.queries:
        parallel.setdefault(query.parallel_id, {})[query.language] = query.text
    kinds = recipe.kinds(covered)
    found = []
    for language in covered:
        queries = [query for query in task.queries if query.language == language]
        made = [
            pair for seed in range(seeds) for pair in zip(queries, recipe.perturb(queries, severity, seed), strict=True)
        ]
        into = [one for one in (kinds[language].languages if language in kinds else ()) if one != language]
        found.append(_read(_audit(str(recipe.identity), language, made, into, parallel, top), into, recipe))
    return found


def _read(one: EditAudit, into: Sequence[str], recipe: Recipe) -> EditAudit:
    """Return an audit of a recipe that replaces words, with sources, readers' marks and offences."""
    tables = recipe.tables
    switches = [edit for edit in one.frequent if edit.operation in {"switch", "synonym"}]
    if not switches:
        return one
    pairs = {(edit.before.lower(), edit.after.lower()) for edit in switches}
    sources = {
        pair: names
        for row in lexicon_rows(one.language, recipe.card.languages[one.language])
        if row.by_evidence and row.embedded
        for pair, names in sources_of_pairs(one.language, row.embedded, pairs, tables).items()
    }
    marks = {
        (pair.word, pair.substitute): pair.mark
        for name in (("code-switching",) if into else ("synonym",))
        for pair in audited_pairs(name, one.language, tables)
    }
    offensive = frozenset[str]().union(*(offensive_words(code, tables) for code in (into or [one.language])))

    def known(edit: FrequentEdit) -> FrequentEdit:
        pair = edit.before.lower(), edit.after.lower()
        of_lexicon = sources.get(pair, ()) if edit.operation == "switch" else ()
        return replace(edit, sources=of_lexicon, mark=marks.get(pair, ""), offensive=is_offensive(pair[1], offensive))

    return replace(one, frequent=tuple(map(known, one.frequent)))


def _audit(
    recipe: str,
    language: str,
    made: Sequence[tuple[Query, Perturbation]],
    into: Collection[str],
    parallel: Mapping[str, Mapping[str, str]],
    top: int,
) -> EditAudit:
    """Count the edits of one language."""
    count: Counter[tuple[str, str, str]] = Counter()
    judged, agreeing = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    examples: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    named: Counter[str] = Counter()
    facts = languages().get(language)
    nouns = facts is not None and facts.capitalised_nouns
    for query, one in made:
        translations = {
            other: parallel[query.parallel_id][other] for other in into if other in parallel[query.parallel_id]
        }
        known = {other: _forms(text, other) for other, text in translations.items()}
        for edit in one.edits:
            key = edit.before, edit.after, edit.operation
            count[key] += 1
            named[edit.before] += not nouns and _is_written_like_a_name(one.clean, edit)
            if known:
                judged[key] += 1
                agreeing[key] += any(_forms(edit.after, other) & words for other, words in known.items())
            if len(examples.setdefault(key, [])) < _EXAMPLES:
                examples[key].append((one.clean, one.text))
    closed = stop_words(language)
    frequent = [
        FrequentEdit(*key, number, judged[key], agreeing[key], key[0].lower() in closed, named[key[0]] > 0,
                     tuple(examples[key]))
        for key, number in sorted(count.items(), key=lambda item: (-item[1], item[0]))
    ]  # fmt: skip
    return EditAudit(
        recipe=recipe,
        language=language,
        queries=len(made),
        changed=sum(one.changed for _, one in made),
        edits=count.total(),
        judged=judged.total(),
        agreeing=agreeing.total(),
        function_words=sum(one.count for one in frequent if one.function_word),
        names=named.total(),
        frequent=tuple(frequent[:top]),
    )


def _is_written_like_a_name(clean: str, edit: Edit) -> bool:
    """Return True for a word with a capital that does not begin the query, in a query that is not all in capitals."""
    first = edit.before[:1]
    return first.isupper() and bool(clean[: edit.span[0]].strip(" ¿¡\"'«“")) and not clean.isupper()


@lru_cache(maxsize=1 << 16)
def _forms(text: str, language: str) -> frozenset[str]:
    """Return what stands for the words of a text: their dictionary forms and their first letters, in lower case."""
    from simplemma import lemmatize

    words = _WORD.findall(nfc(text).lower())
    stems = {word[:_LETTERS_OF_A_STEM] for word in words}
    try:
        return frozenset({lemmatize(word, lang=language).lower() for word in words} | stems)
    except ValueError:  # there is no dictionary of this language
        return frozenset({*words, *stems})


# Forms of an audit for other programs.

_COLUMNS = (
    *("recipe", "language", "before", "after", "operation", "count", "judged", "agreeing", "function_word", "name"),
    *("clean_example", "changed_example", "sources", "mark", "offensive"),
)


def audits_to_csv(audits: Sequence[EditAudit]) -> str:
    """Return the frequent edits as CSV, one row each; a cell that a spreadsheet would calculate gets an apostrophe."""
    rows: list[Sequence[object]] = [_COLUMNS]
    for one in audits:
        for edit in one.frequent:
            clean, changed = edit.examples[0]
            row = (
                *(one.recipe, one.language, edit.before, edit.after, edit.operation, edit.count, edit.judged),
                *(edit.agreeing, edit.function_word, edit.name, clean, changed, " ".join(edit.sources), edit.mark),
                edit.offensive,
            )
            rows.append(row)
    return csv_text(rows)


def audits_to_json(audits: Sequence[EditAudit]) -> str:
    """Return audits as JSON."""
    found = [
        {
            **vars(one),
            "agreement": one.agreement if one.judged else None,
            "frequent": [vars(edit) for edit in one.frequent],
        }
        for one in audits
    ]
    return json_text(found, indent=1) + "\n"


def audits_to_html(audits: Sequence[EditAudit]) -> str:
    """Return a page with a table for each language."""
    functions: dict[str, Callable[..., str]] = {
        "visible": with_visible_code_points,
        "named": language_name,
        "direction": text_direction,
    }
    return rendered("audit.html.jinja", functions, audits=audits, version=__version__)
