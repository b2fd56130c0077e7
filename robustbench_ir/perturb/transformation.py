"""The protocol of a mechanism of perturbation: it finds targets in a query and rewrites them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from robustbench_ir._base.text import Span
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.resources.cards import Card, Tables, validate

Parameters = TypeVar("Parameters", bound=Card)
Rewriter = Callable[[str, Random], tuple[str, str] | None]
"""Takes a stretch of text and draws one rewriting: new text and name of the operation; None if there is none."""


class Targets(NamedTuple):
    """What a mechanism can rewrite in one query.

    Attributes
    ----------
    spans : sequence of (int, int)
        Stretches of the query, in order, without overlap.
    rewrite : callable
        Rewrites a stretch.
    side_by_side : bool
        Whether the stretches that a low severity changes stand side by side; else they are anywhere.
    """

    spans: Sequence[Span]
    rewrite: Rewriter
    side_by_side: bool = False


class Transformation(Protocol):
    """One mechanism, prepared for one language."""

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Find what can be rewritten.

        Parameters
        ----------
        text : str
            The query, NFC.
        words : sequence of (int, int)
            Those of its words that the constraints of the recipe allow to change, in order.
        random : random.Random
            For choices that hold for the whole query, such as a romanisation convention.

        Returns
        -------
        Targets
            Equal stretches are rewritten in the same way, up to random draws, wherever they stand in the query.
        """


@runtime_checkable
class BeginsAtTheStart(Protocol):
    """What a `Transformation` may have besides, if its places are not chosen at random."""

    @property
    def from_the_start(self) -> bool:
        """Whether the first places of a query change, as many as the severity asks for."""


@runtime_checkable
class ChangesPartsOfWords(Protocol):
    """What a `Transformation` may have besides, if its stretches are parts of words."""

    @property
    def within_words(self) -> bool:
        """Whether no space is missing between what is rewritten and what stands beside it."""


@runtime_checkable
class HasSeverities(Protocol):
    """What a `Transformation` may have besides, if a severity decides more than how many places change."""

    def at_severity(self, severity: int) -> Transformation:
        """Return the mechanism as it is at a severity, 1 to 5; it offers at least the places of a lower one."""


def at_severity(transformation: Transformation, severity: int) -> Transformation:
    """Return a mechanism as it is at a severity; most are the same at all.

    Parameters
    ----------
    transformation : Transformation
        The mechanism.
    severity : int
        1 to 5.
    """
    return transformation.at_severity(severity) if isinstance(transformation, HasSeverities) else transformation


class TransformationFactory(Protocol):
    """Prepares a mechanism for one language. A plug-in registers such a factory."""

    def __call__(
        self, language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
    ) -> Transformation:
        """Build the transformation.

        Parameters
        ----------
        language : str
            Code of the query language.
        parameters : mapping
            The recipe card's `[parameters]`.
        options : mapping
            The recipe card's row for this language.
        tables : Tables
            Where the tables that the card names are found.

        Raises
        ------
        CardError
            If the card has a key or value that the mechanism does not know.
        """


class NoOptions(Card):
    """A language's row in the card, which must be empty."""


class NoParameters(Card):
    """The card's `[parameters]`, which must be empty."""


def for_every_language(
    make: Callable[[str, Parameters], Transformation], model: type[Parameters]
) -> TransformationFactory:
    """Return the factory of a mechanism whose card has nothing but `{}` in its language rows.

    Parameters
    ----------
    make : callable
        Makes the mechanism from the language's code and the checked `[parameters]`.
    model : type of Card
        What `[parameters]` must be.
    """

    def factory(
        language: str,
        parameters: Mapping[str, object],
        options: Mapping[str, object],
        tables: Tables,  # noqa: ARG001
    ) -> Transformation:
        validate(NoOptions, dict(options), f"[languages.{language}]")
        return make(language, validate(model, dict(parameters), "[parameters]"))

    return factory
