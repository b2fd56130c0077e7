"""Search for the words of injected passages: all of them advance together, in one call of the encoder each round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from robustbench_ir._base.text import Span, replace_spans, word_spans
from robustbench_ir.encoders.encoder import Dense
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.resources.languages import languages

_EACH_ROUND = 10  # texts of a passage that are encoded before the best of them is chosen
_MOST_CHANGES = 256  # changes of one word that are kept in order; a budget reaches few of them
_DECIMALS = 6  # digits of an estimate that the order of a sum cannot change

_Thing = TypeVar("_Thing")


class Draft(NamedTuple):
    """A passage before it is crafted.

    Attributes
    ----------
    question : int
        Number of the question that it aims at.
    language : str
        Its language.
    text : str
        The text whose words may be changed.
    ending : str
        What follows, and stays.
    """

    question: int
    language: str
    text: str
    ending: str = ""


class Crafted(NamedTuple):
    """A crafted passage.

    Attributes
    ----------
    text : str
        The best text that was tried, with its ending.
    before, after : float
        The mean similarity of the draft and of the text with the question's texts in all query languages.
    encodings : int
        Number of texts that were encoded for it, besides the draft; a gradient counts as one.
    """

    text: str
    before: float
    after: float
    encodings: int


class Gains(NamedTuple):
    """Estimates of how much a change of one word adds to the similarity of a text.

    Attributes
    ----------
    replace : float array of shape (words of the text, words of the vocabulary)
        For each word, what another one in its place adds.
    remove : float array of shape (words of the text,)
        What leaving it out adds.
    """

    replace: Floats | Dense
    remove: Floats | Dense


class Guide(Protocol):
    """Says which changes are promising. Whatever it says, the encoder decides."""

    @property
    def vocabulary(self) -> Mapping[str, Sequence[str]]:
        """The words of each language that may be used."""

    @property
    def cost(self) -> int:
        """Number of encodings that it takes for each text."""

    def gains(self, drafts: Sequence[Draft], texts: Sequence[str]) -> list[Gains]:
        """Return the estimates for some texts without their endings, each of which has come from a draft."""


Measure = Callable[[Sequence[Draft], Sequence[str]], Floats]
"""Takes drafts and a whole text for each; returns the mean similarity of each text with the draft's question."""


@dataclass
class _State:
    """The search for one passage.

    Attributes
    ----------
    draft : Draft
        What it began with.
    known : dict of str to float
        Similarity of every text that was measured, without its ending.
    front : list of str
        The best texts, whose changes are tried next.
    left : int
        Number of encodings that are left.
    untried : dict of str to iterator of str
        For each text of the front, those that differ from it in one word, the most promising first.
    """

    draft: Draft
    known: dict[str, float]
    front: list[str]
    left: int
    untried: dict[str, Iterator[str]] = field(default_factory=dict)

    def next_texts(self) -> list[str]:
        """Return new texts to be measured: in turn from each text of the front."""
        wanted = min(_EACH_ROUND, self.left)
        found: dict[str, None] = {}
        sources = [self.untried[text] for text in self.front]
        while sources and len(found) < wanted:
            source = sources.pop(0)
            text = next((one for one in source if one not in self.known and one not in found), None)
            if text is not None:
                found[text] = None
                sources.append(source)
        return list(found)

    def answer(self, texts: Sequence[str], values: Sequence[float], width: int) -> None:
        """Take the similarities of new texts, and keep the best texts."""
        self.known |= zip(texts, values, strict=True)
        self.left -= len(texts)
        # Of equally good texts, the one that was tried first.
        self.front = sorted([*self.front, *texts], key=lambda text: -self.known[text])[:width]


def craft_passages(
    drafts: Sequence[Draft],
    measure: Measure,
    guide: Guide,
    encodings: int,
    width: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Crafted]:
    """Change one word after the other, so that the texts become more similar to their questions.

    A round takes the `width` best texts of each passage, tries their most promising changes (another word, a word
    more at the end, a word less), and keeps the best. No passage ends with a text that is worse than its draft.

    Parameters
    ----------
    drafts : sequence of Draft
        The passages.
    measure : callable
        See `Measure`. It is called once in each round, with the texts of all passages.
    guide : Guide
        Orders the changes.
    encodings : int
        Number of encodings for each passage, besides its draft.
    width : int
        Number of texts of each passage that a round begins with: 1 is greedy search, more is beam search.
    advance : callable, optional
        Called with the number of encodings that were made, or that a passage does not need, since the last call.

    Returns
    -------
    list of Crafted
        In the order of `drafts`. Each depends on its own draft only.
    """
    before = measure(drafts, [one.text + one.ending for one in drafts]).tolist()
    states = [_State(one, {one.text: value}, [one.text], encodings) for one, value in zip(drafts, before, strict=True)]
    active = states
    while active:
        reached = sum(state.left for state in active)
        _look_for_changes(active, guide)
        asked = [(state, state.next_texts()) for state in active]
        pairs = [(state.draft, text + state.draft.ending) for state, texts in asked for text in texts]
        values = iter(measure([draft for draft, _ in pairs], [text for _, text in pairs]).tolist() if pairs else [])
        for state, texts in asked:
            state.answer(texts, [next(values) for _ in texts], width)
        active = [state for state, texts in asked if texts and state.left]
        advance(reached - sum(state.left for state in active))
    return [
        Crafted(state.front[0] + state.draft.ending, value, state.known[state.front[0]], encodings - state.left)
        for state, value in zip(states, before, strict=True)
    ]


def _look_for_changes(states: Sequence[_State], guide: Guide) -> None:
    """Have the guide order the changes of the texts that are new in the front, as far as encodings are left."""
    asked: list[tuple[_State, str]] = []
    for state in states:
        for text in state.front:
            if text in state.untried:
                continue
            if state.left > guide.cost:
                state.left -= guide.cost
                asked.append((state, text))
            else:
                state.untried[text] = iter(())
    gains = guide.gains([state.draft for state, _ in asked], [text for _, text in asked]) if asked else []
    for (state, text), estimate in zip(asked, gains, strict=True):
        language = state.draft.language
        state.untried[text] = changes(text, language, estimate, guide.vocabulary[language])


def changes(text: str, language: str, gains: Gains, words: Sequence[str]) -> Iterator[str]:
    """Yield the texts that differ in one word: the most promising change of each word in turn, then the next ones.

    Estimates of different places do not compare well: where a gradient is large, a text depends on the word that is
    there. A word that the text has already is not used again. An added word stands behind the last one; what it adds is
    taken to be what it adds in the place of the others, on average.

    Parameters
    ----------
    text : str
        The text.
    language : str
        Its language.
    gains : Gains
        Estimates for its words.
    words : sequence of str
        The vocabulary.
    """
    spans = word_spans(text, language)
    if not spans:
        return
    there = {text[start:end] for start, end in spans}
    free = np.array([word not in there for word in words])
    replace = np.where(free, gains.replace, -np.inf)
    behind, blank = spans[-1][1], " " * spaced(language)
    ways = [[(span, word) for word in _likely(row, words)] for span, row in zip(spans, replace, strict=True)]
    ways.append([((behind, behind), blank + word) for word in _likely(replace.mean(axis=0), words)])
    if len(spans) > 1:
        ways.append([(_with_blank(text, span), "") for span in _likely(gains.remove, spans)])
    for turn in zip_longest(*ways):
        for change in turn:
            if change is not None:
                yield replace_spans(text, [change])


def _likely(promise: Floats | Dense, of: Sequence[_Thing]) -> list[_Thing]:
    """Return the most promising of some things, the best first; of equal ones, the first."""
    rounded = promise.round(_DECIMALS)
    most = min(_MOST_CHANGES, len(of))
    places = np.sort(np.argpartition(-rounded, most - 1)[:most])
    ordered = places[np.argsort(-rounded[places], kind="stable")]
    return [of[place] for place in ordered[np.isfinite(rounded[ordered])].tolist()]


def _with_blank(text: str, span: Span) -> Span:
    """Return the span of a word with one of the blanks beside it."""
    start, end = span
    if text[end : end + 1].isspace():
        return start, end + 1
    return (start - 1, end) if start and text[start - 1].isspace() else span


def spaced(language: str) -> bool:
    """Return whether a language has spaces between its words."""
    facts = languages().get(language)
    return facts is None or facts.has_spaces
