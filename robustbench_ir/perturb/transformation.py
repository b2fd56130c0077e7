"""What a mechanism of perturbation must be: something that finds targets in a query and rewrites them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple, Protocol, TypeVar

from robustbench_ir.cards import Card, Tables, validate
from robustbench_ir.text import Span

Parameters = TypeVar("Parameters", bound=Card)
Rewriter = Callable[[Random], tuple[str, str] | None]
"""Draws one rewriting: the new text and the name of the operation, or None where nothing fits."""


def always(after: str, operation: str) -> Rewriter:
    """Return the rewriter that has no choice."""
    rewriting = (after, operation)
    return lambda _: rewriting


class Target(NamedTuple):
    """A stretch of the query that the mechanism can rewrite."""

    span: Span
    rewrite: Rewriter


class Transformation(Protocol):
    """One mechanism, ready for one language."""

    def targets(self, text: str, words: Sequence[Span], random: Random) -> list[Target]:
        """Find what can be rewritten.

        Parameters
        ----------
        text : str
            The query, NFC.
        words : sequence of Span
            Its words that the recipe's constraints leave open, in order.
        random : random.Random
            For choices that hold for the whole query, such as a romanisation convention.

        Returns
        -------
        list of Target
            In order, without overlap.
        """


class TransformationFactory(Protocol):
    """Makes a mechanism ready for one language; this is what a plug-in registers."""

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
            A key or value of the card that the mechanism does not know.
        """


class NoOptions(Card):
    """A language's row in the card: empty."""


class NoParameters(Card):
    """The card's `[parameters]`: none."""


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
