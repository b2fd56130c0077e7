"""Sentences of documents with their translations, line by line in one file a language, as a retrieval task (NTREX)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError
from robustbench_ir.resources.cards import Card, validate
from robustbench_ir.resources.downloads import DataFile, locate
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.tasks.formats.readers import CardRows, RawTask
from robustbench_ir.tasks.task import Passage, Query


class _Row(Card):
    sentences: DataFile
    documents: DataFile


def read_multiway(
    rows: CardRows,
    wanted: Sequence[str],
    cards: Path | None,  # noqa: ARG001
    progress: DownloadProgress | None,
) -> RawTask:
    """Read files whose lines n are translations of each other. A `Reader`.

    Every sentence is a query and a passage. Relevant to a query are the translations of its sentence; a query does not
    find itself. So the hardest wrong answers are the neighbours of the right ones in their document. A line whose
    sentence stands on several lines of a file is left out in all languages: its translations would be judged wrong.
    """
    texts = {}
    documents: list[str] = []
    for language in wanted:
        row = validate(_Row, rows[language], f"[languages.{language}]")
        path = locate(row.sentences, progress)
        texts[language], documents = _lines(path), _lines(locate(row.documents, progress))
        if len(texts[language]) != len(documents):
            raise DataError(
                f"{path}: {len(texts[language])} lines, but {len(documents)} lines name their documents; "
                f"download the files of one version again"
            )
    repeated = {line for lines in texts.values() for line in _repeated(lines)}
    raw = RawTask()
    if repeated:
        raw.notes.append(f"lines left out, since a language has the same sentence on another line: {len(repeated):,}")
    relevant: dict[str, dict[str, int]] = defaultdict(dict)
    for language, lines in texts.items():
        for number, (text, document) in enumerate(zip(lines, documents, strict=True)):
            if number in repeated:
                continue
            own = f"{language}:{number + 1}"
            raw.queries.append(Query(own, language, text, str(number + 1)))
            raw.passages.append(Passage(own, language, text, document))
            relevant[own] = {f"{other}:{number + 1}": 1 for other in texts if other != language}
    raw.relevant = dict(relevant)
    return raw


def _repeated(lines: Sequence[str]) -> set[int]:
    times = Counter(lines)
    return {number for number, line in enumerate(lines) if times[line] > 1}


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start + 1} is not UTF-8; download it again") from error
    lines = [nfc(line.strip()) for line in text.removesuffix("\n").split("\n")]
    if "" in lines:
        raise DataError(f"{path}:{lines.index('') + 1}: an empty line; download the file again")
    return lines
