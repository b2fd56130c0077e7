"""Universal triggers: the same words at every query of a language, found on some questions and tried on others.

As in Wallace et al. (2019, https://arxiv.org/abs/1908.07125), an attacker looks for one text that does harm wherever it
stands. Here it is made of words of the language, and random words of the same vocabulary stand beside it: what they do
is the price of any additional text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from robustbench_ir._base.cache import using_cache
from robustbench_ir._base.numbers import whole_number
from robustbench_ir._base.shown_progress import shown
from robustbench_ir.adversary.crafting import spaced
from robustbench_ir.adversary.goals import make_goal
from robustbench_ir.adversary.promise import rivals
from robustbench_ir.adversary.topics import check_unseen
from robustbench_ir.adversary.victim import Victim, check_access, target_passages
from robustbench_ir.adversary.vocabulary import vocabulary
from robustbench_ir.encoders import Encoder, EncoderOptions
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.evaluation.attack import run_request
from robustbench_ir.evaluation.evaluation import Evaluation, open_evaluation
from robustbench_ir.evaluation.request import DEFAULT_RUN, Request, RunOptions
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.perturb.randomness import generator, shuffled
from robustbench_ir.perturb.variants import variants_name
from robustbench_ir.results.result import Result
from robustbench_ir.results.trigger_identity import PLACES, Place, TriggerIdentity
from robustbench_ir.retrieval.similarity import pair_scores, product_with
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.questions import Questions
from robustbench_ir.tasks.task import IntArray, Variant, with_questions

TRIGGER, RANDOM_WORDS = "trigger", "random-words"
_MOST_WORDS = 10
_TRIED_ON = 64  # known queries of a language on which candidates are tried
_CANDIDATES = 24  # words that are tried at each place, those that harm most when they are encoded alone


@dataclass(frozen=True)
class Trigger:
    """What was found for a language.

    Attributes
    ----------
    language : str
        Query language.
    words, random_words : tuple of str
        The trigger, and as many random words of the same vocabulary.
    before, after : float
        Score of the best relevant passage minus that of the best other one of the clean query, as a mean over the
        known queries that were tried: without the trigger, and with it.
    encodings : int
        Number of texts that were encoded.
    """

    language: str
    words: tuple[str, ...]
    random_words: tuple[str, ...]
    before: float
    after: float
    encodings: int


@dataclass(frozen=True)
class Triggered:
    """Triggers, and what they do to questions that were not used to find them.

    Attributes
    ----------
    triggers : tuple of Trigger
        One for each query language.
    result : Result
        The unseen questions, attacked by ``variants:trigger`` and ``variants:random-words``.
    known : int
        Number of questions that the triggers were found on.
    """

    triggers: tuple[Trigger, ...]
    result: Result
    known: int


def find_triggers(
    encoder: str | Encoder | EncodeTexts | None = None,
    task: str | Path | Task = "mini",
    *,
    words: int = 3,
    unseen: float = 0.5,
    languages: Iterable[str] | None = None,
    options: EncoderOptions | None = None,
    questions: Questions | int | None = None,
    seed: int = 0,
    place: Place = "suffix",
    run: RunOptions = DEFAULT_RUN,
) -> Triggered:
    """Find words that do harm behind or before every query of a language, and attack unseen questions with them.

    Black box with scores: each word in turn is the one that lowers the margin of the relevant passages most, over a
    sample of the known questions.

    Parameters
    ----------
    encoder, task, languages, options, questions, run
        See `robustbench_ir.attack`.
    words : int
        Number of words of a trigger, 1 to 10.
    unseen : float
        Share of the questions that are attacked, between 0 and 1; the triggers are found on the others.
    seed : int
        Seed of the random words.
    place : {"suffix", "prefix"}
        Where the words stand: behind the query, or before it.

    Raises
    ------
    RobustBenchError
        See `robustbench_ir.errors`.
    """
    check_unseen(unseen)
    whole_number(seed, "seed")
    if not 1 <= whole_number(words, "number of words") <= _MOST_WORDS:
        raise OptionError(f"a trigger of {words} words; 1 to {_MOST_WORDS} are possible")
    if place not in PLACES:
        raise OptionError(f"{place!r} as the place of a trigger: give suffix or prefix")
    how = TriggerIdentity(words, unseen, seed, place)
    request = Request(encoder, task, [], languages, options=options, questions=questions)
    with using_cache(run.cache), shown(run.progress) as progress:
        asked = replace(run, progress=progress)
        evaluation = open_evaluation(request, asked)
        check_access(evaluation.runner.encoder, "score", "a trigger")
        whole = evaluation.runner.task
        known, attacked = _split(whole, unseen)
        triggers = tuple(_found(evaluation, known, how))
        result = run_request(
            Request(evaluation.runner.encoder, _attacked(whole, attacked, triggers, how), _RECIPES), asked
        )
        result = replace(result, options=evaluation.options)
    return Triggered(triggers, result, len(known))


_RECIPES = (variants_name(TRIGGER), variants_name(RANDOM_WORDS))


def _split(task: Task, unseen: float) -> tuple[frozenset[str], frozenset[str]]:
    """Return known and unseen questions, cut by a hash of their ids, so that other questions make no difference."""
    questions = sorted(
        {query.parallel_id for query in task.queries}, key=lambda one: (sha256(one.encode()).digest(), one)
    )
    if len(questions) < 2:
        raise DataError(f"{task.name}: has one question, and a trigger needs known and unseen ones; draw more")
    cut = min(max(round(unseen * len(questions)), 1), len(questions) - 1)
    return frozenset(questions[cut:]), frozenset(questions[:cut])


def _found(evaluation: Evaluation, known: frozenset[str], how: TriggerIdentity) -> list[Trigger]:
    runner = evaluation.runner
    task, clock = runner.task, runner.clock
    victim = Victim(runner, target_passages(task, make_goal("map", task)))
    found = []
    for language in task.query_languages:
        rows = [row for row, one in enumerate(task.queries) if one.language == language and one.parallel_id in known]
        if not rows:
            raise DataError(f"{task.name}: none of the known questions is in {language}; draw more questions")
        rows = [rows[place] for place in np.unique(np.linspace(0, len(rows) - 1, _TRIED_ON).astype(int))]
        texts = [task.queries[row].text for row in rows]
        every = vocabulary(task, language, texts)
        with clock.stage("find a trigger", len(every) + how.words * _CANDIDATES * len(rows), language):
            search = _Search(victim, language, texts, *rivals(victim, rows, runner.encode(texts)), how.place)
            found.append(search.greedy(every, how.words, how.seed))
    return found


@dataclass(frozen=True)
class _Search:
    """The search for the trigger of a language.

    Attributes
    ----------
    victim : Victim
        The encoder that is attacked.
    language : str
        Query language.
    texts : sequence of str
        Known queries.
    relevant, rival : integer arrays of shape (texts,)
        Rows of the best relevant passage and of the best other one for each clean query; -1 where there is none.
    place : {"suffix", "prefix"}
        Where the words stand.
    """

    victim: Victim
    language: str
    texts: Sequence[str]
    relevant: IntArray
    rival: IntArray
    place: Place

    def greedy(self, every: Sequence[str], words: int, seed: int) -> Trigger:
        """Return the trigger whose words are chosen one after the other."""
        before = float(self.margins([()])[0])
        shortlist = self._shortlist(every)
        chosen: tuple[str, ...] = ()
        after, encodings = before, len(every) + len(self.texts)
        for _ in range(words):
            tried = [(*chosen, word) for word in shortlist if word not in chosen]
            margins = self.margins(tried)
            encodings += len(tried) * len(self.texts)
            best = int(margins.argmin())
            chosen, after = tried[best], float(margins[best])
        drawn = tuple(shuffled(every, generator("trigger", seed, self.language))[:words])
        return Trigger(self.language, chosen, drawn, before, after, encodings)

    def margins(self, triggers: Sequence[tuple[str, ...]]) -> Floats:
        """Return the mean margin over the queries under each trigger; shape (triggers,)."""
        runner = self.victim.runner
        texts = [with_trigger(text, words, self.language, self.place) for words in triggers for text in self.texts]
        rows = runner.encode(texts)
        runner.clock.advance(len(texts))
        there = np.flatnonzero((self.relevant >= 0) & (self.rival >= 0))
        each = (there + len(self.texts) * np.arange(len(triggers))[:, None]).ravel()
        relevant, rival = (np.tile(one[there], len(triggers)) for one in (self.relevant, self.rival))
        margins = pair_scores(rows, each, runner.pool, relevant) - pair_scores(rows, each, runner.pool, rival)
        return np.asarray(margins.reshape(len(triggers), -1).mean(axis=1).round(6))

    def _shortlist(self, every: Sequence[str]) -> list[str]:
        """Return the words that, encoded alone, are nearest to the rivals and farthest from the relevant passages."""
        runner = self.victim.runner
        there = (self.relevant >= 0) & (self.rival >= 0)
        rows = runner.encode(every)
        runner.clock.advance(len(every))
        towards, away = (product_with(runner.pool[one[there]])(rows) for one in (self.rival, self.relevant))
        harm = (towards - away).mean(axis=1).round(6)
        return [every[place] for place in np.argsort(-harm, kind="stable")[:_CANDIDATES]]


def with_trigger(text: str, words: Sequence[str], language: str, place: Place) -> str:
    """Return a query with words behind or before it."""
    blank = " " if spaced(language) else ""
    return blank.join([text, *words] if place == "suffix" else [*words, text])


def _attacked(task: Task, questions: frozenset[str], triggers: Sequence[Trigger], how: TriggerIdentity) -> Task:
    """Return the task of the unseen questions, with the triggers as variants of its queries."""
    unseen = with_questions(task, questions)
    of = {one.language: one for one in triggers}

    def variants(name: str) -> tuple[Variant, ...]:
        return tuple(
            Variant(
                query.query_id,
                query.language,
                with_trigger(
                    query.text,
                    of[query.language].words if name == TRIGGER else of[query.language].random_words,
                    query.language,
                    how.place,
                ),
                "irbench trigger",
            )
            for query in unseen.queries
        )

    return replace(
        unseen, version=f"{task.version}-{how}", variants={name: variants(name) for name in (TRIGGER, RANDOM_WORDS)}
    )
