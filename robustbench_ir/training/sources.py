"""Sources of parallel tables: Tatoeba, the training questions of AfriQA, a task, a file of your own, the hub."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ConfigDict

from robustbench_ir._base.text import nfc, word_spans
from robustbench_ir.errors import DataError, DataUnavailableError, UnknownNameError
from robustbench_ir.resources.cards import Card, validate
from robustbench_ir.resources.downloads import DataFile, locate
from robustbench_ir.resources.languages import select_languages
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.tasks import Passage, TaskCard, load_task, task_card, task_names
from robustbench_ir.tasks.folds import name_and_fold
from robustbench_ir.tasks.formats.readers import json_lines
from robustbench_ir.training.table import ParallelRow, ParallelTable, checked_row, join, text_hash

HUB_PREFIX = "hub:"
_HUB_NAME = re.compile(r"[\w\-]+/[\w\-.]+")
_ENDINGS = (".jsonl", ".tsv")
_NEIGHBOURS = "ntrex-next"
_OTHERS = ("afriqa-train", _NEIGHBOURS, "TASK:not1of2", "FILE.jsonl", "FILE.tsv", "hub:owner/dataset")


class _FileRow(Card):
    """A line of a user's table."""

    parallel_id: str
    language: str
    query: str
    passage: str
    negative: str | None = None
    passage_language: str | None = None

    def row(self) -> ParallelRow:
        return ParallelRow(
            self.parallel_id,
            self.language,
            self.query,
            self.passage,
            self.negative or "",
            self.passage_language or "",
        )


class _AfriqaLine(Card):
    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str
    context: str | None
    question_lang: str
    question_translated: str


def load_table(
    name: str | Iterable[str],
    languages: Iterable[str] | None = None,
    progress: DownloadProgress | None = None,
) -> ParallelTable:
    """Load a parallel table by name, or several tables as one.

    Parameters
    ----------
    name : str or iterable of str
        ``"tatoeba"``; ``"afriqa-train"``; ``"ntrex-next"``; a task, such as ``"masakhanews-dev"``, or a fold of one,
        such as ``"xquad-r:not1of2"``; the path of a JSON Lines or TSV file; or ``"hub:owner/dataset"``, whose train
        split has the columns of such a file. See docs/training.md.
    languages : iterable of str, optional
        Only queries in these languages; all by default.
    progress : callable, optional
        Receives the progress of downloads.

    Raises
    ------
    UnknownNameError
        If there is no such table or language.
    DataError
        If a file breaks the rules of its format; the message names file and line.
    DataUnavailableError
        If data is neither on this machine nor can be downloaded.
    """
    names = (name,) if isinstance(name, str) else tuple(dict.fromkeys(name))
    wanted = None if languages is None else tuple(languages)
    if len(names) == 1:
        return _load_one(names[0], wanted, progress)
    return join(_load_one(one, None, progress) for one in names).select(wanted)


def _load_one(name: str, languages: tuple[str, ...] | None, progress: DownloadProgress | None) -> ParallelTable:
    if name == "tatoeba":
        return _tatoeba(languages, progress)
    if name == "afriqa-train":
        return _afriqa(progress).select(languages)
    if name.startswith(HUB_PREFIX):
        return _hub(name).select(languages)
    if name.endswith(_ENDINGS) or "/" in name:
        return _file(name).select(languages)
    if name_and_fold(name)[0] == _NEIGHBOURS:
        return _neighbours(name, languages, progress)
    if name_and_fold(name)[1] is not None or name in task_names():
        return _task(name, languages, progress)
    raise UnknownNameError("training data", name, (*_OTHERS, *task_names()))


def _tatoeba(languages: tuple[str, ...] | None, progress: DownloadProgress | None) -> ParallelTable:
    """Sentences that translate the same English sentence share its id; a query is half of the words of its sentence."""
    card = task_card("tatoeba")
    wanted = select_languages(languages, card.languages)
    # The English sentences are known from their translations: for English alone all languages are read.
    task = load_task("tatoeba", wanted if set(wanted) - {"en"} else None, progress=progress)
    # A sentence with several translations is paired with the first, so that it is not a wrong answer for the others.
    sentences = {
        (query.language, query.text): task.passages[passage].passage_id
        for query, passage in reversed(
            [(task.queries[one], other) for one, other in zip(task.qrels.query, task.qrels.passage, strict=True)]
        )
    }
    found = [
        *((parallel_id, language, text) for (language, text), parallel_id in reversed(sentences.items())),
        *((passage.passage_id, "en", passage.text) for passage in task.passages),
    ]
    rows, short = [], 0
    for parallel_id, language, sentence in found:
        if language not in wanted:
            continue
        query = half_sentence(sentence, language, parallel_id)
        if query == sentence:
            short += 1
        else:
            rows.append(ParallelRow(parallel_id, language, query, sentence))
    notes = (f"tatoeba: {short} sentences of one word left out",) if short else ()
    return ParallelTable("tatoeba", tuple(rows), card.licence, notes)


def half_sentence(sentence: str, language: str, parallel_id: str) -> str:
    """Return a stretch of half of the words of a sentence, rounded up.

    Parameters
    ----------
    sentence : str
        The sentence.
    language : str
        Code of its language.
    parallel_id : str
        Its id; the place of the stretch depends only on id and language.

    Examples
    --------
    >>> half_sentence("the cat sat on the mat", "en", "1")
    'the cat sat'
    """
    spans = word_spans(sentence, language)
    length = (len(spans) + 1) // 2
    if length == len(spans):
        return sentence
    first = text_hash(f"{language}\x1f{parallel_id}") % (len(spans) - length + 1)
    return sentence[spans[first][0] : spans[first + length - 1][1]]


def _afriqa(progress: DownloadProgress | None) -> ParallelTable:
    card = task_card("afriqa")
    rows, without = [], 0
    for language, file in _afriqa_train_files(card):
        pivot = str(card.languages[language]["pivot"])
        for line in json_lines(locate(file, progress), _AfriqaLine):
            passage = nfc((line.context or "").strip())
            if not passage:
                without += 1
                continue
            parallel_id = f"{language}:{line.id}"
            rows += [
                ParallelRow(parallel_id, language, nfc(line.question_lang.strip()), passage, passage_language=pivot),
                ParallelRow(parallel_id, pivot, nfc(line.question_translated.strip()), passage),
            ]
    notes = (f"afriqa-train: {without} questions without a passage left out",) if without else ()
    return ParallelTable("afriqa-train", tuple(row for row in rows if row.query), card.licence, notes)


def _afriqa_train_files(card: TaskCard) -> Iterator[tuple[str, DataFile]]:
    """Yield the files of the train split; the card lists them among those whose passages only extend the pool."""
    for language, row in card.languages.items():
        distractors = row.get("distractors", [])
        for entry in distractors if isinstance(distractors, list) else []:
            file = validate(DataFile, entry, f"tasks/afriqa.toml: [languages.{language}]")
            if file.path.endswith(".train.json"):
                yield language, file


def _task(name: str, languages: tuple[str, ...] | None, progress: DownloadProgress | None) -> ParallelTable:
    """Pair each question with the passages that answer it in its own language, or in any if there are none."""
    card = task_card(name)
    task = load_task(name, languages, progress=progress)
    answers: dict[int, list[Passage]] = defaultdict(list)
    for query, passage in zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True):
        answers[query].append(task.passages[passage])
    rows = [
        ParallelRow(one.parallel_id, one.language, one.text, passage.text, passage_language=passage.language)
        for place, one in enumerate(task.queries)
        for passage in [each for each in answers[place] if each.language == one.language] or answers[place]
    ]
    return ParallelTable(name, tuple(rows), card.licence, task.notes)


def _neighbours(name: str, languages: tuple[str, ...] | None, progress: DownloadProgress | None) -> ParallelTable:
    """Pair each sentence of the news with the next one of its document; all translations of a pair share its id."""
    task = load_task(name.replace(_NEIGHBOURS, "ntrex"), languages, progress=progress)
    rows = [
        ParallelRow(one.parallel_id, one.language, one.text, after.text, passage_language=one.language)
        for one, after, here, there in zip(
            task.queries, task.queries[1:], task.passages, task.passages[1:], strict=False
        )
        if one.language == after.language and here.document == there.document
    ]
    return ParallelTable(name, tuple(rows), task_card("ntrex").licence)


def _file(name: str) -> ParallelTable:
    path = Path(name).expanduser()
    if path.suffix not in _ENDINGS:
        raise DataError(f"{name}: a table ends in .jsonl or .tsv; see docs/training.md for the columns")
    if not path.is_file():
        raise DataUnavailableError(f"{name}: no such file; check the path")
    lines = json_lines(path, _FileRow) if path.suffix == ".jsonl" else _tsv_lines(path)
    first = 1 if path.suffix == ".jsonl" else 2
    rows = (checked_row(f"{name}:{number}", line.row()) for number, line in enumerate(lines, start=first))
    return ParallelTable(name, tuple(dict.fromkeys(rows)))


def _tsv_lines(path: Path) -> Iterator[_FileRow]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
            for number, cells in enumerate(reader, start=2):
                if None in cells or None in cells.values():
                    raise DataError(f"{path}:{number}: not as many cells as the first line has names")
                yield validate(_FileRow, cells, f"{path}:{number}")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start + 1} is not UTF-8; save it as UTF-8") from error


def _hub(name: str) -> ParallelTable:
    repository = name.removeprefix(HUB_PREFIX)
    if not _HUB_NAME.fullmatch(repository):
        raise DataError(f"{name}: write hub:owner/dataset")
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise DataUnavailableError(f"{name}: datasets is missing; pip install 'robustbench-ir[train]'") from error
    try:
        found: Iterable[Mapping[str, object]] = load_dataset(repository, split="train")
    except Exception as error:  # the errors of the hub's libraries differ by version
        text = " ".join(str(error).split())[:160]
        raise DataUnavailableError(f"{name}: cannot be loaded ({text}); check the name and the network") from error
    kept = set(_FileRow.model_fields)
    rows = []
    for number, cells in enumerate(found):
        where = f"{name} row {number}"
        line = validate(_FileRow, {key: value for key, value in cells.items() if key in kept}, where)
        rows.append(checked_row(where, line.row()))
    return ParallelTable(name, tuple(dict.fromkeys(rows)))
