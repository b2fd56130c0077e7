"""Transformations and augmenters of TextAttack as recipes, such as ``textattack:WordSwapQWERTY``.

TextAttack is an extra with an environment of its own (docs/textattack.md). It also has its own rules for words: words
of Hindi or Thai that it does not change stay unchanged here, and the coverage shows how many queries changed.
"""

from __future__ import annotations

import random as python_random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from inspect import getmembers, isabstract, isclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from robustbench_ir._base.cache import current_cache
from robustbench_ir._base.text import Span
from robustbench_ir.errors import DataUnavailableError, OptionError, UnknownNameError
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.recipe import Recipe, RecipeCard
from robustbench_ir.perturb.transformation import Targets
from robustbench_ir.resources.cards import Tables
from robustbench_ir.resources.languages import languages

if TYPE_CHECKING:
    from textattack.constraints import Constraint, PreTransformationConstraint
    from textattack.shared import AttackedText
    from textattack.transformations import Transformation as TheirTransformation

_PREFIX = "textattack:"
_SEEDS = 1 << 32
_NOT_WORD_BY_WORD = ("SentenceTransformation", "WordInnerSwapRandom", "WordMergeMaskedLM")


class TextAttackTransformation(NamedTuple):
    """The parts of a transformation of TextAttack that a recipe uses.

    Attributes
    ----------
    transformation : textattack.transformations.Transformation
        Rewrites words.
    open_words : sequence of PreTransformationConstraint
        Which words it may change.
    constraints : sequence of Constraint
        Which results are accepted.
    """

    transformation: TheirTransformation
    open_words: Sequence[PreTransformationConstraint]
    constraints: Sequence[Constraint]


@dataclass(frozen=True)
class WordByWord:
    """A transformation of TextAttack, applied to one word at a time. A `Transformation`.

    TextAttack draws from the global generators of Python, numpy and torch. Before each call they are seeded from the
    recipe's own generator, and afterwards their state is restored.
    """

    wrapped: TextAttackTransformation

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the words of TextAttack that its constraints allow; see `Transformation.targets`."""
        from textattack.shared import AttackedText

        clean = AttackedText(text)
        spans = word_places(clean)
        opened = set(range(len(spans)))
        for constraint in self.wrapped.open_words:
            opened &= constraint(clean, self.wrapped.transformation)
        first: dict[str, int] = {}
        for number in sorted(opened):
            first.setdefault(text[spans[number][0] : spans[number][1]], number)

        def rewrite(word: str, random: Random) -> tuple[str, str] | None:
            number = first[word]
            found = sorted(_rewritings(clean, spans[number], self._texts(clean, number, random)))
            return (pick(found, random), type(self.wrapped.transformation).__name__) if found else None

        return Targets([spans[number] for number in sorted(opened)], rewrite)

    def _texts(self, clean: AttackedText, number: int, random: Random) -> Sequence[AttackedText]:
        try:
            with seeded(random):
                found = self.wrapped.transformation(clean, self.wrapped.open_words, indices_to_modify=[number])
                for constraint in self.wrapped.constraints:
                    found = constraint.call_many(found, clean) if found else found
        except (OSError, LookupError) as error:  # models and word lists that are loaded on first use
            raise _no_data(type(self.wrapped.transformation).__name__, error) from None
        return list(found)


def word_places(text: AttackedText) -> list[Span]:
    """Return where TextAttack's words stand in its text, in order."""
    places: list[Span] = []
    reached = 0
    for word in text.words:
        start = text.text.index(word, reached)
        reached = start + len(word)
        places.append((start, reached))
    return places


def _rewritings(clean: AttackedText, place: Span, found: Sequence[AttackedText]) -> set[str]:
    """Return the replacements of a word, from texts that differ from the clean one only there."""
    text = clean.text
    before, word, after = text[: place[0]], text[place[0] : place[1]], text[place[1] :]
    rewritings = set()
    for new in (one.text for one in found):
        if len(new) >= len(before) + len(after) and new.startswith(before) and new.endswith(after):
            rewritings.add(new[len(before) : len(new) - len(after)])
        elif new.split() == f"{before} {after}".split():  # a deletion takes a space with it
            rewritings.add("")
    return rewritings - {word}


@contextmanager
def seeded(random: Random) -> Iterator[None]:
    """Seed the global generators of Python, numpy and torch for a while, and restore their state afterwards."""
    import torch

    seed = int(random.random() * _SEEDS)
    states = python_random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    python_random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
    try:
        yield
    finally:
        python_random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])


def load_textattack_recipe(name: str) -> Recipe:
    """Return the recipe that runs a transformation or an augmenter of TextAttack.

    Parameters
    ----------
    name : str
        ``textattack:`` and the name of a class of `textattack.transformations` or `textattack.augmentation`. Its
        severity is the share of the words that change, as for other recipes; an augmenter's own share is ignored.

    Raises
    ------
    DataUnavailableError
        If TextAttack is not installed, or the data that the class needs is missing.
    UnknownNameError
        If there is no such class.
    OptionError
        If the class needs arguments, or does not work word by word.
    """
    wrapped = _made(name)
    rows: Mapping[str, dict[str, object]] = {code: {} for code in languages()}
    card = RecipeCard.model_construct(
        name=name,
        version=1,
        title=name.removeprefix(_PREFIX),
        description=f"{name.removeprefix(_PREFIX)} of TextAttack {version('textattack')}.",
        transformation="textattack",
        sources=["TextAttack (Morris et al. 2020), https://arxiv.org/abs/2005.05909"],
        languages=dict(rows),
    )

    def factory(
        language: str,  # noqa: ARG001
        parameters: Mapping[str, object],  # noqa: ARG001
        options: Mapping[str, object],  # noqa: ARG001
        tables: Tables,  # noqa: ARG001
    ) -> WordByWord:
        return WordByWord(wrapped)

    return Recipe(card, factory, release=version("textattack"))


@cache
def _made(name: str) -> TextAttackTransformation:
    make_textattack_importable()
    from textattack import augmentation, transformations

    classes = {
        key: value
        for module in (transformations, augmentation)
        for key, value in getmembers(module, isclass)
        if not isabstract(value) and issubclass(value, (transformations.Transformation, augmentation.Augmenter))
    }
    wanted = name.removeprefix(_PREFIX)
    if wanted not in classes:
        raise UnknownNameError("recipe", name, [f"{_PREFIX}{key}" for key in classes])
    try:
        made = classes[wanted]()
    except TypeError as error:
        raise OptionError(
            f"{name}: needs arguments; make it yourself and attack by robustbench_ir.integrations.textattack"
        ) from error
    except Exception as error:  # a download that fails shows as any error of half a dozen libraries
        raise _no_data(name, error) from None
    parts = vars(made)  # an augmenter has constraints beside its transformation
    wrapped = TextAttackTransformation(
        parts.get("transformation", made), parts.get("pre_transformation_constraints", ()), parts.get("constraints", ())
    )
    _check_word_by_word(name, wrapped.transformation)
    return wrapped


def _no_data(name: str, error: Exception) -> DataUnavailableError:
    reason = " ".join(str(error).replace("*", "").split())
    if len(reason) > 160:  # NLTK names what is missing at the start, an OSError at the end of a path of any length
        reason = f"{reason[:80]} ... {reason[-80:]}"
    return DataUnavailableError(
        f"{name}: TextAttack cannot load its data ({type(error).__name__}: {reason}); it looks into TA_CACHE_DIR, "
        f"NLTK_DATA and the model hub's cache first"
    )


def _check_word_by_word(name: str, transformation: object) -> None:
    parts = getattr(transformation, "transformations", [transformation])
    for part in parts:
        kinds = {kind.__name__ for kind in type(part).__mro__}
        if kinds & set(_NOT_WORD_BY_WORD) or "Transformation" not in kinds:
            raise OptionError(
                f"{name}: {type(part).__name__} rewrites more than one word at a time, and a recipe goes word by word; "
                f"use it in TextAttack, with robustbench_ir.integrations.textattack"
            )


def make_textattack_importable() -> None:
    """Let TextAttack be imported without a network: its import needs NLTK's stop words and would download them.

    If NLTK has none, it gets the English words of `attacks/_stop_words.toml`, in a folder of the cache.

    Raises
    ------
    DataUnavailableError
        If TextAttack is not installed.
    """
    try:
        import nltk.data

        version("textattack")
    except ImportError as error:
        raise DataUnavailableError(
            "TextAttack is not installed; it needs an environment of its own: see docs/textattack.md"
        ) from error
    try:
        nltk.data.find("corpora/stopwords")
    except LookupError:
        folder = current_cache().of("nltk")
        _write_stop_words(folder / "corpora" / "stopwords" / "english")
        nltk.data.path.append(str(folder))


def _write_stop_words(path: Path) -> None:
    from robustbench_ir._base.files import write_whole

    write_whole(path, ("\n".join(sorted(stop_words("en"))) + "\n").encode())
