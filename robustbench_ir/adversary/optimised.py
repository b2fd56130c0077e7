"""Injected passages whose words are chosen with the scores or gradients of an encoder."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from robustbench_ir._base.cache import read_cached, write_cached
from robustbench_ir._base.progress import Clock
from robustbench_ir.adversary.crafting import Crafted, Draft, craft_passages
from robustbench_ir.adversary.crafts import Craft
from robustbench_ir.adversary.guides import Aim, GradientGuide, ScoreGuide
from robustbench_ir.adversary.injection import Injection, check_not_relevant, ending, question_texts
from robustbench_ir.adversary.vocabulary import vocabulary
from robustbench_ir.encoders import Embeddings
from robustbench_ir.evaluation.cell_cache import scored_path
from robustbench_ir.evaluation.runner import Runner


@dataclass(frozen=True)
class Crafting:
    """How passages are crafted.

    Attributes
    ----------
    runner : Runner
        The encoder that crafts, with the task.
    queries : Embeddings
        Embeddings of the task's queries by this encoder.
    craft : Craft
        The search.
    encodings : int
        Number of encodings for each passage.
    unseen : collection of str
        Questions that the attacker does not know, by their `parallel_id`.
    resume : bool
        Whether passages of earlier runs are used.
    """

    runner: Runner
    queries: Embeddings
    craft: Craft
    encodings: int
    unseen: Collection[str] = ()
    resume: bool = True

    @property
    def by_gradients(self) -> bool:
        """Whether gradients order the changes."""
        return self.craft.search == "hotflip"

    def cost(self, passages: int, words: int) -> int:
        """Return the number of encodings for passages in a language whose vocabulary has that many words."""
        return self.encodings * passages + (0 if self.by_gradients else words)

    def file(self, drafts: Sequence[Draft], aims: Sequence[tuple[str, ...]]) -> Path | None:
        """Return the cache file of some passages, named by everything that decides them; None if nothing is kept."""
        who, task = self.runner.encoder.description.fingerprint, self.runner.task
        if not who:
            return None
        begun = sha256(repr((drafts, aims, sorted(self.unseen))).encode("utf-8", "surrogatepass")).hexdigest()
        return scored_path("searches", "passages", who, task.digest, str(self.craft), self.encodings, begun)


def optimised(injection: Injection, crafting: Crafting) -> tuple[Injection, list[Crafted]]:
    """Return passages that were optimised, and how near to their questions they came.

    Each begins with what `injection` has, and takes words of its own language from the task's texts. The attacker
    knows the questions in all query languages. The passages of each language are kept in the cache, so that a stopped
    run resumes, and what was crafted on one encoder can be injected for many.

    Parameters
    ----------
    injection : Injection
        The passages before.
    crafting : Crafting
        How they are crafted.

    Raises
    ------
    DataError
        If a language has no words, or if a crafted passage is a relevant one.
    """
    runner, clock = crafting.runner, crafting.runner.clock
    number = {aims: place for place, aims in enumerate(dict.fromkeys(injection.aims))}
    of = {question: place for aims, place in number.items() for question in aims}
    aim = Aim.at(runner, crafting.queries, np.array([of.get(query.parallel_id, -1) for query in runner.task.queries]))
    rows: dict[str, list[int]] = defaultdict(list)
    for row, passage in enumerate(injection.passages):
        rows[passage.language].append(row)
    words = {language: _words(crafting, language) for language in rows}
    costs = {language: crafting.cost(len(own), len(words[language])) for language, own in rows.items()}
    clock.expect_more(sum(costs.values()))
    crafted: dict[int, Crafted] = {}
    with clock.stage("craft passages", sum(costs.values())):
        for language, own in rows.items():
            drafts = _drafts(injection, own, number, ending(crafting.craft, language))
            path = crafting.file(drafts, [injection.aims[row] for row in own])
            found = _kept(path) if path and crafting.resume else None
            if found is None:
                found = _crafted(crafting, aim, drafts, {language: words[language]})
                if path:
                    write_cached(path, json.dumps(found, ensure_ascii=False).encode())
            else:
                clock.advance(costs[language])
            crafted |= zip(own, found, strict=True)
    ordered = [crafted[row] for row in range(len(crafted))]
    passages = tuple(replace(passage, text=one.text) for passage, one in zip(injection.passages, ordered, strict=True))
    changed = replace(injection, passages=passages)
    check_not_relevant(runner.task, changed)
    return changed, ordered


def _drafts(
    injection: Injection, rows: Sequence[int], number: Mapping[tuple[str, ...], int], behind: str
) -> list[Draft]:
    """Return some passages as drafts, which know the number of what they aim at."""
    return [
        Draft(number[injection.aims[row]], passage.language, passage.text.removesuffix(behind), behind)
        for row, passage in ((row, injection.passages[row]) for row in rows)
    ]


def _kept(path: Path) -> list[Crafted] | None:
    content = read_cached(path)
    return None if content is None else [Crafted(*one) for one in json.loads(content)]


def _crafted(
    crafting: Crafting, aim: Aim, drafts: Sequence[Draft], words: Mapping[str, Sequence[str]]
) -> list[Crafted]:
    clock = crafting.runner.clock
    guide = (
        GradientGuide.of(aim, words, _teller(clock))
        if crafting.by_gradients
        else ScoreGuide.of(aim, drafts, words, clock.advance)
    )
    return craft_passages(drafts, aim.measure, guide, crafting.encodings, crafting.craft.width, clock.advance)


def _words(crafting: Crafting, language: str) -> Sequence[str]:
    """Return the vocabulary of a language, for which the questions are read that the attacker knows."""
    task, texts = crafting.runner.task, question_texts(crafting.runner.task, [language])
    return vocabulary(task, language, [text for (one, _), text in texts.items() if one not in crafting.unseen])


def _teller(clock: Clock) -> Callable[[int], None]:
    """Return a function that tells of smaller batches, of each size once."""
    told: set[int] = set()

    def tell(size: int) -> None:
        if size not in told:
            told.add(size)
            clock.progress.stage(f"craft passages: memory is too small, {size} gradients at once")

    return tell
