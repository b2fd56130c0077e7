"""Retrieval tasks of the library `mteb` (extra `mteb`), such as ``mteb:NFCorpus`` and ``mteb:MLQARetrieval:pairs``."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple, Protocol, cast

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError, DataUnavailableError, OptionError, UnknownNameError
from robustbench_ir.resources.languages import language_and_script, language_code, select_languages
from robustbench_ir.tasks.formats.pool import task_of
from robustbench_ir.tasks.formats.qrels import grade_of
from robustbench_ir.tasks.formats.readers import RawTask
from robustbench_ir.tasks.task import Passage, Query, Task

_PREFIX = "mteb:"
_PAIRS = ":pairs"
_PASSAGES_FIRST = {"BelebeleRetrieval", "MLQARetrieval", "XPQARetrieval"}
_QUERIES_FIRST = {"CUREv1"}
"""Order of the two languages of a subset, as the loaders of mteb 1 and 2 read it; mteb's metadata do not say it."""
_REVISION_DIGITS = 12
_PREFERRED_SPLIT = "test"


class Metadata(Protocol):
    """Those metadata of a task in mteb that are read here."""

    name: str
    description: str
    license: str | None
    reference: str | None
    bibtex_citation: str | None
    modalities: Sequence[str]
    eval_splits: Sequence[str]
    dataset: Mapping[str, object]

    @property
    def hf_subsets_to_langscripts(self) -> Mapping[str, Sequence[str]]:
        """Subset to its languages, such as ``swh-Latn``."""


class MtebTask(Protocol):
    """Those parts of a retrieval task in mteb 2 that are used here."""

    metadata: Metadata
    hf_subsets: Sequence[str]
    ignore_identical_ids: bool
    dataset: Mapping[str, Mapping[str, Mapping[str, object]]]

    def load_data(self) -> None:
        """Fill `dataset`: subset, split, then `corpus`, `queries`, `relevant_docs` and `top_ranked`."""

    def convert_v1_dataset_format_to_v2(self, num_proc: int | None) -> None:
        """Fill `dataset` where `load_data` of an older task has filled other attributes."""


class _Subset(NamedTuple):
    """A subset of a task, and the languages of its queries and passages."""

    name: str
    queries: str
    passages: str


def facts(name: str) -> dict[str, object]:
    """Return the keys of the `TaskCard` of a task such as ``mteb:NFCorpus``; see `mteb_task` for the errors raised."""
    plain = name.removesuffix(_PAIRS)
    return {"name": "mteb", "version": 1, "format": "mteb", **mteb_facts(mteb_task(plain), pairs=plain != name)}


def load(name: str, languages: Iterable[str] | None) -> Task:
    """Load a task such as ``mteb:NFCorpus``; see `mteb_task` and `load_mteb` for the errors raised."""
    plain = name.removesuffix(_PAIRS)
    return load_mteb(mteb_task(plain), languages, pairs=plain != name)


def mteb_task(name: str) -> MtebTask:
    """Return the task object of mteb, without its data.

    Raises
    ------
    OptionError
        If the extra `mteb` is not installed.
    UnknownNameError
        If mteb has no retrieval task of that name; the message shows the nearest name.
    """
    wanted = name.removeprefix(_PREFIX)
    try:
        import mteb
        from mteb.abstasks.retrieval import AbsTaskRetrieval
    except ImportError as error:
        advice = "pip install 'robustbench-ir[mteb]'"
        raise OptionError(f"{name}: tasks of mteb need the library mteb, version 2; {advice}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = {task.metadata.name: task for task in mteb.get_tasks() if isinstance(task, AbsTaskRetrieval)}
    if wanted not in known:
        raise UnknownNameError("mteb task", wanted, known)
    return cast("MtebTask", known[wanted])


def mteb_facts(task: MtebTask, *, pairs: bool = False) -> dict[str, object]:
    """Return the keys of a `TaskCard` for the task."""
    about = task.metadata
    subsets = _subsets(task, pairs=pairs)
    languages = dict.fromkeys(one for subset in subsets for one in (subset.queries, subset.passages))
    note = (
        "Rank distance is defined where the questions of several languages are the same ones."
        if pairs
        else "Queries of different languages are not known to be parallel: rank distance says little."
    )
    return {
        "title": about.name,
        "description": about.description.strip(),
        "licence": about.license or "not stated by mteb",
        "citation": (about.bibtex_citation or about.reference or "not stated by mteb").strip(),
        "homepage": about.reference or "https://github.com/embeddings-benchmark/mteb",
        "notes": [note],
        "languages": {
            language: {"subsets": [one.name for one in subsets if language in one[1:]]} for language in languages
        },
    }


def load_mteb(task: MtebTask, languages: Iterable[str] | None, *, pairs: bool = False) -> Task:
    """Convert a retrieval task of mteb to a `Task`, called ``mteb:<name>@<revision>``.

    Parameters
    ----------
    task : MtebTask
        From `mteb_task`, or a task of your own.
    languages : iterable of str, optional
        Only subsets whose queries and passages are in these languages; all by default.
    pairs : bool
        Whether the subsets are taken whose queries and passages may be in different languages, too, as one task
        ``mteb:<name>:pairs``. Otherwise only monolingual ones are, one for each language.

    Raises
    ------
    DataError
        If there is no such subset, if the task has more than text, or if its scoring is not supported here.
    DataUnavailableError
        If mteb cannot load the data.
    """
    about = task.metadata
    name = f"{_PREFIX}{about.name}{_PAIRS if pairs else ''}"
    if list(about.modalities) != ["text"]:
        raise DataError(f"{name}: has {', '.join(about.modalities)}; only tasks with nothing but text can be attacked")
    if about.dataset.get("trust_remote_code"):
        raise DataError(f"{name}: needs code from the hub, which this package never runs")
    subsets = _subsets(task, pairs=pairs)
    if not subsets:
        raise DataError(
            f"{name}: every subset has queries and passages in different languages, and it is not known here which is "
            f"which; {', '.join(sorted(_PASSAGES_FIRST | _QUERIES_FIRST))} are known, with {_PAIRS} behind the name"
        )
    offered = dict.fromkeys(one for subset in subsets for one in (subset.queries, subset.passages))
    wanted = set(select_languages(languages, offered))
    subsets = [one for one in subsets if {one.queries, one.passages} <= wanted]
    if not subsets:
        raise DataError(f"{name}: has no subset in {', '.join(sorted(wanted))} alone; name more languages")
    task.hf_subsets = [one.name for one in subsets]
    _load(task, name)
    split = _PREFERRED_SPLIT if _PREFERRED_SPLIT in about.eval_splits else about.eval_splits[0]
    raw = _Gathered()
    for subset in subsets:
        raw.add(subset, task.dataset[subset.name][split], name)
    revision = str(about.dataset.get("revision", ""))[:_REVISION_DIGITS]
    return task_of(raw.task(), name, revision or "unpinned", ignore_identical_ids=task.ignore_identical_ids)


def _load(task: MtebTask, name: str) -> None:
    try:
        task.load_data()
        task.convert_v1_dataset_format_to_v2(num_proc=None)
    except Exception as error:  # of any library below mteb
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataUnavailableError(f"{name}: mteb cannot load it ({first}); connect to the network once") from None


def _subsets(task: MtebTask, *, pairs: bool) -> list[_Subset]:
    """Return the subsets that can be taken, with the codes of their languages."""
    listed = {name: [*dict.fromkeys(tags)] for name, tags in task.metadata.hf_subsets_to_langscripts.items()}
    if not pairs:
        codes = _codes((tags[0], name) for name, tags in listed.items() if len(tags) == 1)
        return [_Subset(name, code, code) for name, code in codes.items()]
    known = task.metadata.name in _PASSAGES_FIRST, task.metadata.name in _QUERIES_FIRST
    if not any(known):
        return []
    by_tag = _codes((tag, tag) for tag in dict.fromkeys(tag for tags in listed.values() for tag in tags))
    found = []
    for name, tags in listed.items():
        if len(tags) <= 2:
            first, second = by_tag[tags[0]], by_tag[tags[-1]]
            found.append(_Subset(name, second, first) if known[0] else _Subset(name, first, second))
    return found


def _codes(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return name to the code of its language tag; the tag's own language where another name has the code already."""
    found: dict[str, str] = {}
    for tag, name in named:
        language, _, script = tag.partition("-")
        try:
            usual = language_and_script(tag)
            code = language_code(language)
        except UnknownNameError:  # such as programming languages
            usual = code = language
        taken = set(found.values())
        free = (one for one in (usual, language, f"{code}-{script}", name) if one not in taken)
        found[name] = next(free, name)
    return found


class _Gathered:
    """The texts and judgements of several subsets, which may share their passages or their queries."""

    def __init__(self) -> None:
        self._passages: dict[str, Passage] = {}
        self._queries: dict[str, Query] = {}
        self._own: dict[str, str] = {}
        self._relevant: dict[str, dict[str, int]] = {}
        # Languages of queries and passages to the relevant passages of each query, by mteb's own ids.
        self._of_pair: dict[tuple[str, str], dict[str, frozenset[str]]] = {}

    def add(self, subset: _Subset, data: Mapping[str, object], name: str) -> None:
        """Add the texts and judgements of a subset of the task called `name`."""
        if data.get("top_ranked"):
            raise DataError(
                f"{name}: reranks a list given for each query; only tasks that rank a whole pool can be attacked"
            )
        passages = {}
        for one in cast("Iterable[Mapping[str, object]]", data["corpus"]):
            text = nfc(f"{one.get('title') or ''} {one.get('text') or ''}".strip())
            made = Passage(f"{subset.passages}:{nfc(str(one['id']))}", subset.passages, text)
            if self._passages.setdefault(made.passage_id, made) != made:
                made = Passage(f"{subset.name}:{nfc(str(one['id']))}", subset.passages, text)
                self._passages[made.passage_id] = made
            passages[str(one["id"])] = made.passage_id
        queries = {str(one["id"]): self._query(subset, one, name) for one in cast("_Records", data["queries"])}
        relevant = cast("Mapping[str, Mapping[str, object]]", data["relevant_docs"])
        for query_id, written in relevant.items():
            grades = {passage_id: _grade(grade, query_id, name) for passage_id, grade in written.items()}
            found = self._relevant.setdefault(queries.get(query_id, f"{subset.queries}:{nfc(query_id)}"), {})
            for passage_id, grade in grades.items():
                found[passages.get(passage_id, f"{subset.passages}:{nfc(passage_id)}")] = grade
            pair = self._of_pair.setdefault((subset.queries, subset.passages), {})
            pair[query_id] = frozenset(one for one, grade in grades.items() if grade > 0)

    def _query(self, subset: _Subset, one: Mapping[str, object], name: str) -> str:
        query_id, question = str(one["id"]), one["text"]
        if not isinstance(question, str) or one.get("instruction"):
            raise DataError(
                f"{name}: query {query_id!r} is a conversation or has an instruction; neither can be attacked"
            )
        text = nfc(question.strip())
        own = f"{subset.queries}:{nfc(query_id)}"
        if own in self._queries and self._queries[own].text != text:
            own = f"{subset.name}:{nfc(query_id)}"
        self._queries[own] = Query(own, subset.queries, text, own)
        self._own[own] = query_id
        return own

    def task(self) -> RawTask:
        """Return everything; queries with the same id are parallel where their judgements say so."""
        queries = [*self._queries.values()]
        if self._is_parallel():
            queries = [replace(one, parallel_id=self._own[one.query_id]) for one in queries]
        return RawTask(queries=queries, passages=[*self._passages.values()], relevant=self._relevant)

    def _is_parallel(self) -> bool:
        """Whether queries of different languages with the same id have the same relevant passages, all of them."""
        shared = [
            (one[query_id], other[query_id])
            for (first, one), (second, other) in combinations(self._of_pair.items(), 2)
            if first[1] == second[1]
            for query_id in one.keys() & other.keys()
        ]
        return bool(shared) and all(one == other for one, other in shared)


_Records = Iterable[Mapping[str, object]]


def _grade(written: object, query_id: str, name: str) -> int:
    grade = grade_of(str(written))
    if grade is None:
        raise DataError(f"{name}: query {query_id!r} has a grade of {written!r}; only whole numbers are measured")
    return grade
