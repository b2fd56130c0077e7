"""Search all queries together: each round encodes the new texts of every query whose search is not finished.

A search method handles one query: it is a generator that yields candidates and receives their values. It depends only
on its own query, so that a query searched alone gives the same result as among others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from robustbench_ir.adversary.candidates import Candidate, Edits, SearchSpace
from robustbench_ir.adversary.goals import Goal, TargetRanks
from robustbench_ir.adversary.victim import Victim

_TIE = 1e-10  # smaller than any difference of two values: the smallest difference of APs in a pool of 13,014 is 6e-9

Search = Generator[Sequence[Candidate], Sequence[float], None]
"""Yields candidates and receives the value of each; smaller is better. Ends when there is nothing more to try."""


class Measurement(NamedTuple):
    """The effect of a text on the goal.

    Attributes
    ----------
    values : tuple of float
        Value of each aim, 0 to 1; smaller is better for the adversary.
    reached : bool
        Whether all aims are reached.
    in_pool, in_language : tuple of int
        Ranks of the relevant passages in the pool and among the passages of their language, 1-based.
    score_margin : float
        Score of the best relevant passage minus that of the best other one; 0 where the search does not use scores.
    """

    values: tuple[float, ...]
    reached: bool
    in_pool: tuple[int, ...]
    in_language: tuple[int, ...]
    score_margin: float = 0.0

    @property
    def value(self) -> float:
        """Mean of the values of the aims, which an adversary minimises."""
        return sum(self.values) / len(self.values)

    def worth(self, by_score: bool) -> float:
        """Return what a search minimises: the value; with `by_score`, the score margin decides between equal values."""
        return self.value + by_score * _TIE * self.score_margin / (1 + abs(self.score_margin))


class QueryOutcome(NamedTuple):
    """Result of the search for one query.

    Attributes
    ----------
    edits : tuple of Edit
        Edits of the best text that was tried; empty if no text was better than the clean query.
    text : str
        The best text.
    clean, best : Measurement
        Effects of the clean query and of the best text.
    encodings : int
        Number of distinct texts that were encoded, besides the clean query.
    """

    edits: Edits
    text: str
    clean: Measurement
    best: Measurement
    encodings: int

    @property
    def attackable(self) -> bool:
        """Whether the goal applies to the query and the clean query does not reach it already."""
        return not self.clean.reached and not np.isnan(self.clean.value)


class QuerySearch(NamedTuple):
    """One query to be searched.

    Attributes
    ----------
    row : int
        Row of the query in the task.
    space : SearchSpace
        Its rewritings.
    search : Search
        The search method at its start.
    clean : Measurement
        Effect of the clean query.
    """

    row: int
    space: SearchSpace
    search: Search
    clean: Measurement


Allowed = Callable[[Sequence[tuple[str, str]]], list[bool]]
"""Takes pairs of clean and perturbed text; returns for each pair whether the perturbed text may be tried."""

Measurements = dict[tuple[int, str], Measurement]
"""Measurements by row of the query and text, shared by all searches of the same queries."""


class SearchLimits(NamedTuple):
    """Settings that hold for the search of every query.

    Attributes
    ----------
    budget : int
        Largest number of distinct texts.
    stops : bool
        Whether the search of a query ends once the goal is reached.
    any_will_do : bool
        Whether the first perturbation counts even if the clean query is worse: the average case, without an adversary.
    allowed : Allowed, optional
        Decides which texts may be tried. It is not called for probes, which are never a result.
    by_score : bool
        Whether scores decide between texts whose ranks are equal.
    """

    budget: int
    stops: bool = False
    any_will_do: bool = False
    allowed: Allowed | None = None
    by_score: bool = False


class _QueryState:
    """State of the search for one query: the known texts, and the texts that it asks for next."""

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
        """Ask for the first candidates; return False if there is nothing to attack."""
        if np.isnan(self.clean.value) or (self.clean.reached and self.stops):
            return False
        return self._asks_for(next(self.search, None))

    def _asks_for(self, request: Sequence[Candidate] | None) -> bool:
        """Note the new texts of a request, or answer it if there are none; return False if the search has ended."""
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
        """The new texts that are not probes."""
        probes = {candidate.text for candidate in self.request if candidate.probe}
        return [text for text in self.new if text not in probes]

    def forbidden(self, texts: Sequence[str]) -> bool:
        """Record that some new texts must not be tried; return False if the search has ended."""
        self.known |= dict.fromkeys(texts, np.inf)
        self.new = [text for text in self.new if text not in self.known]
        return bool(self.new) or self._asks_for(self._next())

    def within_budget(self) -> bool:
        """Keep as many new texts as the budget allows; return False if it allows none."""
        self.new = self.new[: self.left]
        return bool(self.new)

    def answered(self, found: Sequence[Measurement]) -> bool:
        """Record the measurements of the new texts; return False if the search of this query has ended."""
        of_text = dict(zip(self.new, found, strict=True))
        self.left -= len(found)
        self.known |= {text: one.worth(self.by_score) for text, one in of_text.items()}
        for candidate in sorted(self.request):  # of equally good texts, the first in alphabetical order wins
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
    advance: Callable[[int], None] = lambda _: None,
) -> list[QueryOutcome]:
    """Search all queries to the end; each round encodes the new texts of all of them together.

    Parameters
    ----------
    victim : Victim
        The encoder that is attacked.
    goal : Goal
        What the search minimises.
    searches : sequence of QuerySearch
        The queries.
    limits : SearchLimits
        Settings for every query.
    known : Measurements
        Texts that other searches have measured. They are not encoded again, but count in the budget. New ones are
        added.
    advance : callable, optional
        Called with the number of queries that were finished since the last call.

    Returns
    -------
    list of QueryOutcome
        In the order of `searches`; the same as if each query were searched alone, whatever is in `known`.
    """
    states = [_QueryState(one, limits) for one in searches]
    clean = {one.row: one.clean for one in searches}
    active = [one for one in states if one.begin()]
    advance(len(states) - len(active))
    while active:
        asking = [one for one in _permitted(active, limits.allowed) if one.within_budget()]
        asked = [(one.row, text) for one in asking for text in one.new]
        new = [pair for pair in asked if pair not in known]
        found = measure_texts(victim, goal, [row for row, _ in new], [text for _, text in new], clean)
        known.update(zip(new, found, strict=True))
        left = [one for one in asking if one.answered([known[one.row, text] for text in one.new])]
        advance(len(active) - len(left))
        active = left
    return [one.outcome() for one in states]


def _permitted(active: Sequence[_QueryState], allowed: Allowed | None) -> list[_QueryState]:
    """Return the searches that still need texts encoded after the forbidden texts are taken out."""
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
                # If some texts of the request remain, they are ranked; otherwise the search has made its next request.
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
    """Rank the target passages for texts, and return the effect of each text.

    Parameters
    ----------
    victim : Victim
        The encoder that is attacked.
    goal : Goal
        What the search minimises.
    rows : sequence of int
        Row of the query that each text stands for.
    texts : sequence of str
        As many texts as rows.
    clean : mapping of int to Measurement, optional
        Effects of the clean queries by row; None if the texts are the clean queries.
    """
    found: dict[int, Measurement] = {}
    for places, target_ranks in victim.target_ranks(rows, texts):
        before = [clean[rows[place]] for place in places] if clean else None
        found |= zip(places, measure_ranks(goal, target_ranks, before), strict=True)
    return [found[place] for place in range(len(texts))]


def measure_ranks(goal: Goal, found: TargetRanks, clean: Sequence[Measurement] | None = None) -> list[Measurement]:
    """Return the effect of each text, given its target ranks.

    Parameters
    ----------
    goal : Goal
        What the search minimises.
    found : TargetRanks
        Ranks of the target passages for the texts.
    clean : sequence of Measurement, optional
        Effect of the clean query of each text; None if the texts are the clean queries.
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
