"""What a mechanism of perturbation must be: something that finds targets in a query and rewrites them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from robustbench_ir._base.text import Span
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.resources.cards import Card, Tables, validate

Parameters = TypeVar("Parameters", bound=Card)
Rewriter = Callable[[str, Random], tuple[str, str] | None]
"""Takes a stretch of text and draws one rewriting: the new text and the name of the operation; None if nothing fits."""


class Targets(NamedTuple):
    """What a mechanism can rewrite in one query: stretches in order, without overlap, and how."""

    spans: Sequence[Span]
    rewrite: Rewriter


class Transformation(Protocol):
    """One mechanism, ready for one language."""

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Find what can be rewritten.

        Parameters
        ----------
        text : str
            The query, NFC.
        words : sequence of (int, int)
            Its words that the recipe's constraints leave open, in order.
        random : random.Random
            For choices that hold for the whole query, such as a romanisation convention.

        Returns
        -------
        Targets
            The same text is rewritten in the same way wherever in the query it stands, but for the draws.
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
