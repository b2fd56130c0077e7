"""Retrieval tasks of the library `mteb` (extra `mteb`), such as ``mteb:NFCorpus``."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, cast

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError, DataUnavailableError, OptionError, UnknownNameError
from robustbench_ir.resources.languages import language_and_script, language_code, select_languages
from robustbench_ir.tasks.formats.pool import task_of
from robustbench_ir.tasks.formats.qrels import grade_of
from robustbench_ir.tasks.formats.readers import RawTask
from robustbench_ir.tasks.task import Passage, Query, Task

_PREFIX = "mteb:"
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


def facts(name: str) -> dict[str, object]:
    """Return the keys of the `TaskCard` of a task such as ``mteb:NFCorpus``; see `mteb_task` for the errors raised."""
    return {"name": "mteb", "version": 1, "format": "mteb", **mteb_facts(mteb_task(name))}


def load(name: str, languages: Iterable[str] | None) -> Task:
    """Load a task such as ``mteb:NFCorpus``; see `mteb_task` and `load_mteb` for the errors raised."""
    return load_mteb(mteb_task(name), languages)


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


def mteb_facts(task: MtebTask) -> dict[str, object]:
    """Return the keys of a `TaskCard` for the task."""
    about = task.metadata
    return {
        "title": about.name,
        "description": about.description.strip(),
        "licence": about.license or "not stated by mteb",
        "citation": (about.bibtex_citation or about.reference or "not stated by mteb").strip(),
        "homepage": about.reference or "https://github.com/embeddings-benchmark/mteb",
        "notes": ["Queries of different languages are not known to be parallel: rank distance says little."],
        "languages": {language: {"subset": subset} for language, subset in _subsets(task).items()},
    }


def load_mteb(task: MtebTask, languages: Iterable[str] | None) -> Task:
    """Convert a retrieval task of mteb to a `Task`, called ``mteb:<name>@<revision>``.

    Only monolingual subsets are taken, one for each language: mteb does not say which of two languages is that of the
    queries.

    Parameters
    ----------
    task : MtebTask
        From `mteb_task`, or a task of your own.
    languages : iterable of str, optional
        Only these languages; all by default.

    Raises
    ------
    DataError
        If no subset is monolingual, if the task has more than text, or if its scoring is not supported here.
    DataUnavailableError
        If mteb cannot load the data.
    """
    about = task.metadata
    name = f"{_PREFIX}{about.name}"
    if list(about.modalities) != ["text"]:
        raise DataError(f"{name}: has {', '.join(about.modalities)}; only tasks with nothing but text can be attacked")
    if about.dataset.get("trust_remote_code"):
        raise DataError(f"{name}: needs code from the hub, which this package never runs")
    subsets = _subsets(task)
    wanted = select_languages(languages, subsets)
    if not wanted:
        raise DataError(f"{name}: every subset has queries and passages in different languages; mteb mixes their order")
    task.hf_subsets = [subsets[language] for language in wanted]
    _load(task, name)
    split = _PREFERRED_SPLIT if _PREFERRED_SPLIT in about.eval_splits else about.eval_splits[0]
    raw = RawTask()
    for language in wanted:
        _read_subset(raw, language, task.dataset[subsets[language]][split], name)
    revision = str(about.dataset.get("revision", ""))[:_REVISION_DIGITS]
    return task_of(raw, name, revision or "unpinned", ignore_identical_ids=task.ignore_identical_ids)


def _load(task: MtebTask, name: str) -> None:
    try:
        task.load_data()
        task.convert_v1_dataset_format_to_v2(num_proc=None)
    except Exception as error:  # of any library below mteb
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataUnavailableError(f"{name}: mteb cannot load it ({first}); connect to the network once") from error


def _subsets(task: MtebTask) -> dict[str, str]:
    """Return language code to the subset in that language; the tag's own where a variety of it comes first."""
    found: dict[str, str] = {}
    for subset, tags in task.metadata.hf_subsets_to_langscripts.items():
        if len(set(tags)) != 1:
            continue
        language, _, script = tags[0].partition("-")
        try:
            usual = language_and_script(tags[0])
            code = language_code(language)
        except UnknownNameError:  # such as programming languages
            usual = code = language
        free = (one for one in (usual, language, f"{code}-{script}", subset) if one not in found)
        found[next(free, subset)] = subset
    return found


def _read_subset(raw: RawTask, language: str, data: Mapping[str, object], name: str) -> None:
    if data.get("top_ranked"):
        raise DataError(
            f"{name}: reranks a list given for each query; only tasks that rank a whole pool can be attacked"
        )
    queries = cast("Iterable[Mapping[str, object]]", data["queries"])
    corpus = cast("Iterable[Mapping[str, object]]", data["corpus"])
    relevant = cast("Mapping[str, Mapping[str, int]]", data["relevant_docs"])
    for one in corpus:
        text = nfc(f"{one.get('title') or ''} {one.get('text') or ''}".strip())
        raw.passages.append(Passage(f"{language}:{nfc(str(one['id']))}", language, text))
    for one in queries:
        query_id, question = str(one["id"]), one["text"]
        if not isinstance(question, str) or one.get("instruction"):
            raise DataError(
                f"{name}: query {query_id!r} is a conversation or has an instruction; neither can be attacked"
            )
        own_id = f"{language}:{nfc(query_id)}"
        raw.queries.append(Query(own_id, language, nfc(question.strip()), own_id))
    for query_id, grades in relevant.items():
        for passage_id, written in grades.items():
            grade = grade_of(str(written))
            if grade is None:
                raise DataError(
                    f"{name}: query {query_id!r} has a grade of {written!r}; only whole numbers are measured"
                )
            raw.relevant.setdefault(f"{language}:{nfc(query_id)}", {})[f"{language}:{nfc(passage_id)}"] = grade
