"""All queries advance together: a round asks the encoder about the new texts of every query that is still searched.

A search method is written for one query, as a generator that yields candidates and is sent their values. What it does
depends on nothing but its own query, so a query alone gives the same as among others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from robustbench_ir.adversary.candidates import Candidate, Edits, SearchSpace
from robustbench_ir.adversary.goals import Goal, TargetRanks
from robustbench_ir.adversary.victim import Victim

_TIE = 1e-10  # below any difference of two values: of APs in a pool of 13,014 the least is 6e-9

Search = Generator[Sequence[Candidate], Sequence[float], None]
"""Yields candidates, is sent the value of each, smaller is better; ends when it has nothing more to try."""


class Measurement(NamedTuple):
    """What a text does: the value of each aim, whether all are reached, and the ranks of the relevant passages.

    `score_margin` is the score of the best relevant passage minus that of the best other one; 0 where the search does
    not use scores.
    """

    values: tuple[float, ...]
    reached: bool
    in_pool: tuple[int, ...]
    in_language: tuple[int, ...]
    score_margin: float = 0.0

    @property
    def value(self) -> float:
        """What an adversary wants smaller: the mean over the aims."""
        return sum(self.values) / len(self.values)

    def worth(self, by_score: bool) -> float:
        """Return what a search makes smaller: the value and, where scores are seen and values equal, the margin."""
        return self.value + by_score * _TIE * self.score_margin / (1 + abs(self.score_margin))


class QueryOutcome(NamedTuple):
    """What a search found for one query.

    Attributes
    ----------
    edits : tuple of Edit
        Of the best text that was tried; empty if none was better than the clean query.
    text : str
        That text.
    clean, best : Measurement
        What the clean query does, and what the best text does.
    encodings : int
        Distinct texts that the encoder was asked about, besides the clean one.
    """

    edits: Edits
    text: str
    clean: Measurement
    best: Measurement
    encodings: int

    @property
    def attackable(self) -> bool:
        """Whether there was something to attack: the goal applies to the query, and the clean one does not reach it."""
        return not self.clean.reached and not np.isnan(self.clean.value)


class QuerySearch(NamedTuple):
    """One query to be searched: its row, what may be done to it, the method at its start, what the clean text does."""

    row: int
    space: SearchSpace
    search: Search
    clean: Measurement


Allowed = Callable[[Sequence[tuple[str, str]]], list[bool]]
"""Takes clean and perturbed texts and says of each pair whether the perturbed one may be tried."""

Measurements = dict[tuple[int, str], Measurement]
"""What texts do, by row of the query: all that searches of the same queries have learnt."""


class SearchLimits(NamedTuple):
    """What holds for the search of every query.

    Attributes
    ----------
    budget : int
        Distinct texts.
    stops : bool
        Whether a query is left once the goal is reached.
    any_will_do : bool
        Whether the first perturbation counts even if the clean query is worse: no adversary, the average case.
    allowed : Allowed, optional
        What may be tried; deletions, which are never a result, are not asked about.
    by_score : bool
        Whether scores may be looked at where ranks say nothing.
    """

    budget: int
    stops: bool = False
    any_will_do: bool = False
    allowed: Allowed | None = None
    by_score: bool = False


class _QueryState:
    """One query under attack: what is known of it, and what is wanted next."""

    def __init__(self, query_search: QuerySearch, limits: SearchLimits) -> None:
        self.row, self.space, self.search, self.clean = query_search
        self.stops, self.by_score = limits.stops, limits.by_score
        self.known = {self.space.clean: self.clean.worth(self.by_score)}
        self.best, self.best_candidate = self.clean, Candidate(self.space.clean, ())
        self.bound = np.inf if limits.any_will_do else self.clean.worth(self.by_score)
        self.budget = self.left = limits.budget
        self.request: Sequence[Candidate] = ()
        self.new: list[str] = []

    def begin(self) -> bool:
        """Ask for the first candidates; False if there is nothing to attack."""
        if np.isnan(self.clean.value) or (self.clean.reached and self.stops):
            return False
        return self._asks_for(next(self.search, None))

    def _asks_for(self, request: Sequence[Candidate] | None) -> bool:
        """Note what must be encoded for a request, and answer at once one of which everything is known."""
        while request is not None:
            self.request = request
            self.new = list(dict.fromkeys(candidate.text for candidate in request if candidate.text not in self.known))
            if self.new:
                return True
            request = self._next()
        return False

    def _next(self) -> Sequence[Candidate] | None:
        try:
            return self.search.send([self.known[candidate.text] for candidate in self.request])
        except StopIteration:
            return None

    @property
    def perturbed(self) -> list[str]:
        """The new texts that are no deletions."""
        probes = {candidate.text for candidate in self.request if candidate.probe}
        return [text for text in self.new if text not in probes]

    def forbidden(self, texts: Sequence[str]) -> bool:
        """Take that some new texts must not be tried: nothing is worse; False if the search is over."""
        self.known |= dict.fromkeys(texts, np.inf)
        self.new = [text for text in self.new if text not in self.known]
        return bool(self.new) or self._asks_for(self._next())

    def within_budget(self) -> bool:
        """Leave out the new texts for which the budget does not reach; False if it reaches for none."""
        self.new = self.new[: self.left]
        return bool(self.new)

    def answered(self, found: Sequence[Measurement]) -> bool:
        """Take what the new texts do; False if the search of this query is over."""
        of_text = dict(zip(self.new, found, strict=True))
        self.left -= len(found)
        self.known |= {text: one.worth(self.by_score) for text, one in of_text.items()}
        for candidate in sorted(self.request):  # of equals the first in the alphabet
            one = of_text.get(candidate.text)
            if one is not None and not candidate.probe and self.known[candidate.text] < self.bound:
                self.best, self.best_candidate, self.bound = one, candidate, self.known[candidate.text]
        if self.best.reached and self.stops:
            return False
        complete = all(candidate.text in self.known for candidate in self.request)
        return complete and self._asks_for(self._next())

    def outcome(self) -> QueryOutcome:
        text, edits, _ = self.best_candidate
        clean, best = (one._replace(score_margin=0.0) for one in (self.clean, self.best))
        return QueryOutcome(edits, text, clean, best, self.budget - self.left)


def advance_together(
    victim: Victim,
    goal: Goal,
    searches: Sequence[QuerySearch],
    limits: SearchLimits,
    known: Measurements,
    told: Callable[[int], None] = lambda _: None,
) -> list[QueryOutcome]:
    """Search queries to the end, in lock step: each round encodes the new texts of all of them together.

    Parameters
    ----------
    victim : Victim
        Who is asked.
    goal : Goal
        What is wanted.
    searches : sequence of QuerySearch
        The queries.
    limits : SearchLimits
        What holds for each of them.
    known : Measurements
        What other searches have learnt, which is not encoded again and yet counted; what this one learns is added.
    told : callable, optional
        Told the number of queries done since the last call.

    Returns
    -------
    list of QueryOutcome
        In the order of `searches`, the same as one by one, and whatever is known.
    """
    states = [_QueryState(one, limits) for one in searches]
    clean = {one.row: one.clean for one in searches}
    active = [one for one in states if one.begin()]
    told(len(states) - len(active))
    while active:
        asking = [one for one in _permitted(active, limits.allowed) if one.within_budget()]
        asked = [(one.row, text) for one in asking for text in one.new]
        new = [pair for pair in asked if pair not in known]
        found = measure_texts(victim, goal, [row for row, _ in new], [text for _, text in new], clean)
        known.update(zip(new, found, strict=True))
        left = [one for one in asking if one.answered([known[one.row, text] for text in one.new])]
        told(len(active) - len(left))
        active = left
    return [one.outcome() for one in states]


def _permitted(active: Sequence[_QueryState], allowed: Allowed | None) -> list[_QueryState]:
    """Return the states that still want something when what must not be tried is taken out."""
    if allowed is None:
        return list(active)
    ready: set[int] = set()
    waiting = list(active)
    while waiting:
        pairs = [(one.space.clean, text) for one in waiting for text in one.perturbed]
        verdict = dict(zip(pairs, allowed(pairs), strict=True))
        again = []
        for one in waiting:
            below = [text for text in one.perturbed if not verdict[one.space.clean, text]]
            rest = len(one.new) > len(below)
            if one.forbidden(below):
                # Where something of the request is left it is judged; else the next request has come.
                if rest:
                    ready.add(id(one))
                else:
                    again.append(one)
        waiting = again
    return [one for one in active if id(one) in ready]


def measure_texts(
    victim: Victim,
    goal: Goal,
    rows: Sequence[int],
    texts: Sequence[str],
    clean: Mapping[int, Measurement] | None = None,
) -> list[Measurement]:
    """Measure what texts do.

    Parameters
    ----------
    victim : Victim
        Who is asked.
    goal : Goal
        What is wanted.
    rows : sequence of int
        Row of the query that each text stands for.
    texts : sequence of str
        As many.
    clean : mapping, optional
        What the clean queries do, by row; none if the texts are the clean queries.
    """
    found: dict[int, Measurement] = {}
    for places, target_ranks in victim.target_ranks(rows, texts):
        before = [clean[rows[place]] for place in places] if clean else None
        found |= zip(places, measure_ranks(goal, target_ranks, before), strict=True)
    return [found[place] for place in range(len(texts))]


def measure_ranks(goal: Goal, found: TargetRanks, clean: Sequence[Measurement] | None = None) -> list[Measurement]:
    """Say what target_ranks are worth to an adversary.

    Parameters
    ----------
    goal : Goal
        What is wanted.
    found : TargetRanks
        Of some texts.
    clean : sequence of Measurement, optional
        What the clean query of each text does; none if the texts are the clean queries.
    """
    values = goal.aim_values(found)
    before = np.array([one.values for one in clean]).reshape(values.shape) if clean else values
    reached = goal.reached(found, values, before)
    picked = found.relevant
    cuts = np.searchsorted(found.text[picked], np.arange(1, found.texts))
    in_pool = np.split(found.rank[picked], cuts)
    in_language = np.split(found.rank_in_language[picked], cuts)
    margins = [0.0] * found.texts if found.score_margin is None else found.score_margin.tolist()
    each = zip(values.tolist(), reached.tolist(), in_pool, in_language, margins, strict=True)
    return [
        Measurement(tuple(value), flag, tuple(pool.tolist()), tuple(language.tolist()), score_margin)
        for value, flag, pool, language, score_margin in each
    ]
