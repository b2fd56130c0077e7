"""What a task that loads may still have that makes its numbers say something else than one thinks."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np

from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks.task import Passage, Query, Task

_SHINGLE = 3  # words
_SKETCH = 6  # hashes; the share of equal ones estimates the share of equal shingles
_SIMILAR = 5
_SHORT_WORDS = 3
_LONG_WORDS = 300
_MINORITY = 0.2


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes
    ----------
    what : str
        In a few words.
    ids : tuple of str
        Ids of the queries or passages that it is about.
    harm : str
        What it does to the numbers.
    """

    what: str
    ids: tuple[str, ...]
    harm: str

    def __str__(self) -> str:
        return f"{self.what}: {len(self.ids):,}, such as {self.ids[0]!r}; {self.harm}"


def audit(task: Task) -> list[Finding]:
    """Look a task through; only what was found is returned."""
    looks = (
        _copies_of_relevant(task),
        _self_matches(task),
        _near_duplicates(task),
        _long_or_short(task),
        _not_for_trec(task),
        _in_other_scripts(task),
    )
    return [finding for look in looks for finding in look if finding.ids]


def copies_of_relevant(task: Task) -> dict[str, str]:
    """Return the passages that no query finds relevant, though they have the text of one that is, and that one's id."""
    judged = set(task.qrels.passage.tolist())
    first: dict[tuple[str, str], str] = {}
    for row in sorted(judged):
        first.setdefault((task.passages[row].language, task.passages[row].text), task.passages[row].passage_id)
    others = (one for row, one in enumerate(task.passages) if row not in judged)
    return {one.passage_id: first[one.language, one.text] for one in others if (one.language, one.text) in first}


def _copies_of_relevant(task: Task) -> Iterator[Finding]:
    harm = "an encoder cannot rank the judged one before its copy"
    yield Finding("passages with the text of a relevant one, and not judged", tuple(copies_of_relevant(task)), harm)


def self_matches(task: Task) -> dict[str, str]:
    """Return the queries whose text is that of a passage that is in their ranking and not relevant, and its id."""
    by_text = {one.text.strip(): row for row, one in enumerate(task.passages)}
    pairs = set(zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True))
    found = {}
    for row, query in enumerate(task.queries):
        passage = by_text.get(query.text.strip())
        own = -1 if task.own_passage is None else int(task.own_passage[row])
        if passage is not None and passage != own and (row, passage) not in pairs:
            found[query.query_id] = task.passages[passage].passage_id
    return found


def _self_matches(task: Task) -> Iterator[Finding]:
    harm = "it is found first, and no attack on it is seen"
    yield Finding("queries that stand in the pool as a passage that is not relevant", tuple(self_matches(task)), harm)


def _near_duplicates(task: Task) -> Iterator[Finding]:
    """Compare sketches of word shingles: pairs that are alike in nine of ten shingles are found nearly always."""
    buckets: dict[tuple[str, int], list[int]] = {}
    sketches = [_sketch(one.text) for one in task.passages]
    for row, (passage, sketch) in enumerate(zip(task.passages, sketches, strict=True)):
        for one in sketch[:2]:
            buckets.setdefault((passage.language, one), []).append(row)
    texts = [one.text for one in task.passages]
    found: dict[str, None] = {}
    for rows in buckets.values():
        for row, other in pairwise(rows):
            alike = len(set(sketches[row]) & set(sketches[other])) >= _SIMILAR
            if alike and texts[row] != texts[other]:
                found[task.passages[other].passage_id] = None
    yield Finding("passages that are nearly another one", tuple(found), "where one is relevant, the other may be too")


def _sketch(text: str) -> Sequence[int]:
    words = re.findall(r"\w+", text.casefold())
    if len(words) < _SHINGLE + _SKETCH:
        return ()
    shingles = {" ".join(words[start : start + _SHINGLE]) for start in range(len(words) - _SHINGLE + 1)}
    hashes = (int.from_bytes(blake2b(one.encode(), digest_size=8).digest()) for one in shingles)
    return sorted(hashes)[:_SKETCH]


def _long_or_short(task: Task) -> Iterator[Finding]:
    spaced = [one for one in task.queries if one.language not in languages() or languages()[one.language].has_spaces]
    short = tuple(one.query_id for one in spaced if len(one.text.split()) < _SHORT_WORDS)
    long = tuple(one.passage_id for one in task.passages if len(one.text.split()) > _LONG_WORDS)
    yield Finding(f"queries of fewer than {_SHORT_WORDS} words", short, "an attack finds little in them to change")
    harm = "many encoders cut them; `irbench encoders check MODEL --task TASK` counts"
    yield Finding(f"passages of more than {_LONG_WORDS} words", long, harm)


def _not_for_trec(task: Task) -> Iterator[Finding]:
    ids = (*(one.query_id for one in task.queries), *(one.passage_id for one in task.passages))
    harm = "a TREC run cannot hold them, so that --run-out is refused"
    yield Finding("ids with white space in them", tuple(one for one in ids if len(one.split()) != 1), harm)


def _in_other_scripts(task: Task) -> Iterator[Finding]:
    for what, texts in (("queries", task.queries), ("passages", task.passages)):
        found = tuple(_in_minority_scripts([(_id(one), one.language, one.text) for one in texts]))
        harm = "one language has then two ways of writing; tag them as two, such as hi and hi-Latn"
        yield Finding(f"{what} mostly in another script than most of their language", found, harm)


def _id(one: Query | Passage) -> str:
    return one.query_id if isinstance(one, Query) else one.passage_id


def _in_minority_scripts(texts: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    scripts: dict[str, list[tuple[str, str]]] = {}
    for text_id, language, text in texts:
        scripts.setdefault(language, []).append((text_id, _script(text)))
    for found in scripts.values():
        usual = Counter(script for _, script in found if script).most_common(1)
        yield from (text_id for text_id, script in found if usual and script and script != usual[0][0])


def _script(text: str) -> str:
    """Return the script that most letters of a text are in, by the first word of their Unicode names; empty if none."""
    counts = Counter(unicodedata.name(one, "?").split()[0] for one in text[:200] if one.isalpha())
    japanese = {"HIRAGANA", "KATAKANA", "CJK"}
    merged = Counter({"CJK" if name in japanese else name: 0 for name in counts})
    for name, count in counts.items():
        merged["CJK" if name in japanese else name] += count
    return merged.most_common(1)[0][0] if merged else ""


def lengths(task: Task) -> list[tuple[str, str]]:
    """Return how long queries and passages are, in lines of two cells."""
    return [
        ("words in a query", _spread(one.text for one in task.queries)),
        ("words in a passage", _spread(one.text for one in task.passages)),
    ]


def _spread(texts: Iterable[str]) -> str:
    counts = np.array([len(text.split()) for text in texts])
    low, middle, high = np.percentile(counts, (5, 50, 95)).round().astype(int).tolist()
    return f"median {middle}, from {low} to {high} in nine of ten"


def unique_ids(ids: Collection[str]) -> dict[str, str]:
    """Return ids that a TREC run can hold for those that it cannot, none of them taken already."""
    taken, found = set(ids), {}
    for one in ids:
        if len(one.split()) != 1:
            name = "_".join(one.split()) or "id"
            number = 2
            while name in taken:
                name, number = f"{'_'.join(one.split()) or 'id'}_{number}", number + 1
            taken.add(name)
            found[one] = name
    return found
