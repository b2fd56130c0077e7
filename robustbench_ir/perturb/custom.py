"""Recipes made from functions: an attack of your own without a card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature

from robustbench_ir._base.text import Span, nfc
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb.changed_words import changed_words
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.recipe import EVERY_LANGUAGE, Recipe, RecipeCard
from robustbench_ir.perturb.transformation import Targets
from robustbench_ir.resources.cards import Tables

Rewrite = Callable[[str], str] | Callable[[str, Random], str]
"""Takes a query, and a source of random numbers if it has a second parameter; returns the rewritten query."""

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def recipe(
    function: Rewrite,
    *,
    name: str | None = None,
    version: int = 1,
    languages: Iterable[str] | None = None,
    description: str = "",
    whole: bool = False,
) -> Recipe:
    """Make a recipe from a function that rewrites a query.

    The function returns the query as it would be at severity 5. What it changed is found by comparison, word by word,
    and a lower severity makes a share of these changes: 10, 20, 35 or 50 %, at least one.

    Parameters
    ----------
    function : callable
        Takes the text of a query, NFC, and returns the rewritten text, or the same text if there is nothing to change.
        If it has a second parameter, it receives a source of random numbers there, whose method `random` draws from
        [0, 1). It should use no other source, so that the same seed gives the same queries.
    name : str, optional
        Part of the identity, under which results are reported; by default the name of the function.
    version : int
        Raise it whenever a perturbed query could change.
    languages : iterable of str, optional
        Codes of the query languages that the function can change; by default all.
    description : str
        One sentence for readers; by default the first line of the function's docstring.
    whole : bool
        Whether the changes make sense only together, as in a paraphrase; every severity then makes all of them.

    Returns
    -------
    Recipe
        Accepted wherever the name of a recipe is.

    Raises
    ------
    OptionError
        If the function has no usable name, or takes no text.

    Examples
    --------
    >>> shout = recipe(str.upper, name="shout")
    >>> shout.identity
    'shout@1'
    """
    title = name or getattr(function, "__name__", type(function).__name__).strip("<>")
    if not title.strip():
        raise OptionError("a recipe needs a name: recipe(function, name=...)")
    first_line = (getattr(function, "__doc__", None) or "").strip().split("\n")[0]
    rows: dict[str, dict[str, object]] = {code: {} for code in languages or (EVERY_LANGUAGE,)}
    card = RecipeCard.model_construct(
        name=title,
        version=version,
        title=title,
        description=description or first_line,
        transformation="function",
        sources=[],
        languages=rows,
    )
    return Recipe(card, _FunctionFactory(FunctionTransformation(title, _with_random(title, function), whole)))


@dataclass(frozen=True)
class FunctionTransformation:
    """The changes that a function makes to a query. A `Transformation`.

    Attributes
    ----------
    name : str
        Name of the recipe, and the operation of every edit.
    rewrite : callable
        Takes a text and a source of random numbers; returns the rewritten text.
    whole : bool
        Whether the changes are made all together or not at all.
    """

    name: str
    rewrite: Callable[[str, Random], str]
    whole: bool

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer each stretch that the function changes; see `Transformation.targets`."""
        new = self._rewritten(text, random)
        changes = {} if new == text else {(0, len(text)): new} if self.whole else changed_words(text, new)
        after = {text[start:end]: new for (start, end), new in changes.items()}
        if any(after[text[start:end]] != new for (start, end), new in changes.items()):
            # Two equal stretches are changed in different ways, and a rewriter sees only the stretch.
            changes, after = {(0, len(text)): new}, {text: new}
        return Targets(list(changes), lambda before, _: (after[before], self.name))

    def _rewritten(self, text: str, random: Random) -> str:
        try:
            new = self.rewrite(text, random)
        except Exception as error:
            raise OptionError(
                f"recipe {self.name}: its function raised {type(error).__name__} ({error}) for the query {text!r}"
            ) from error
        if not isinstance(new, str):
            raise OptionError(f"recipe {self.name}: its function returned {type(new).__name__}; it must return a str")
        return nfc(new)


@dataclass(frozen=True)
class _FunctionFactory:
    """Gives the same transformation in every language. A `TransformationFactory`."""

    transformation: FunctionTransformation

    def __call__(
        self,
        language: str,  # noqa: ARG002
        parameters: Mapping[str, object],  # noqa: ARG002
        options: Mapping[str, object],  # noqa: ARG002
        tables: Tables,  # noqa: ARG002
    ) -> FunctionTransformation:
        return self.transformation


def _with_random(name: str, function: Rewrite) -> Callable[[str, Random], str]:
    """Return a function of text and random numbers."""
    try:
        given = list(signature(function).parameters.values())
    except ValueError:  # some built-in functions have no signature
        given = [Parameter("text", Parameter.POSITIONAL_ONLY)]
    variable = any(one.kind is Parameter.VAR_POSITIONAL for one in given)
    positional = [one for one in given if one.kind in _POSITIONAL]
    if not positional and not variable:
        raise OptionError(f"recipe {name}: its function takes no text; give it one parameter, or two with a generator")
    wants_random = len(positional) > 1 and (positional[1].default is Parameter.empty or positional[1].name == "random")
    return _Called(function, wants_random)


@dataclass(frozen=True)
class _Called:
    """A function called with as many arguments as it takes; a class, so that it can be sent to another process."""

    function: Callable[..., str]
    wants_random: bool

    def __call__(self, text: str, random: Random) -> str:
        return self.function(text, random) if self.wants_random else self.function(text)
