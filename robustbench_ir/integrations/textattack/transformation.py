"""A recipe as a transformation of TextAttack."""

from __future__ import annotations

from collections.abc import Iterator, Set

from textattack.shared import AttackedText
from textattack.transformations import WordSwap

from robustbench_ir._base.text import nfc, replace_spans
from robustbench_ir.errors import OptionError
from robustbench_ir.integrations.textattack.recipes import word_places
from robustbench_ir.perturb import Recipe
from robustbench_ir.perturb.constraints import word_finder
from robustbench_ir.perturb.randomness import generator


class RecipeTransformation(WordSwap):
    """The rewritings of each word by a recipe, as a word swap of TextAttack.

    The draws depend only on the recipe, the seed and the text. A change that spans two of TextAttack's words is not
    offered. Several words of ours inside one word of TextAttack (Thai, Chinese) are offered one at a time.

    Parameters
    ----------
    recipe : Recipe
        Any recipe; see `robustbench_ir.load_recipe`.
    language : str
        Code of the language of the texts.
    alternatives : int
        Number of draws for each place, 1 or more; equal ones are offered once.
    seed : int
        Seed of the draws.

    Raises
    ------
    OptionError
        If the recipe does not cover the language.
    """

    def __init__(self, recipe: Recipe, language: str, alternatives: int = 8, seed: int = 0) -> None:
        super().__init__()
        if not recipe.covers(language):
            raise OptionError(f"{recipe.name} does not touch {language}: {recipe.reason_not_covered(language)}")
        self.name, self.recipe, self.alternatives, self.seed = str(recipe.identity), recipe, alternatives, seed
        self._find_words = word_finder(language, recipe.card.constraints, recipe.tables)
        self._transformation = recipe.transformation(language)

    def _get_transformations(self, current_text: AttackedText, indices_to_modify: Set[int]) -> list[AttackedText]:
        places = word_places(current_text)
        swaps = dict.fromkeys(
            (number, word)
            for stretch, rewriting in self._rewritings(current_text.text)
            for number in sorted(indices_to_modify)
            if places[number][0] <= stretch[0] and stretch[1] <= places[number][1]
            for word in [self._replaced(current_text.words[number], places[number][0], stretch, rewriting)]
        )
        return [current_text.replace_word_at_index(number, word) for number, word in sorted(swaps)]

    def _rewritings(self, text: str) -> Iterator[tuple[tuple[int, int], str]]:
        if nfc(text) != text:
            return
        words, constraints = self._find_words(text), self.recipe.card.constraints
        for number in range(self.alternatives):
            random = generator(self.name, self.seed, text, number)
            spans, rewrite, _ = self._transformation.targets(text, words, random)
            for span in spans:
                before = text[span[0] : span[1]]
                rewriting = rewrite(before, generator(self.name, self.seed, text, *span, number))
                if rewriting and rewriting[0] != before and not constraints.forbid(before, rewriting[0]):
                    yield span, rewriting[0]

    @staticmethod
    def _replaced(word: str, begins: int, stretch: tuple[int, int], rewriting: str) -> str:
        return replace_spans(word, [((stretch[0] - begins, stretch[1] - begins), rewriting)])

    def extra_repr_keys(self) -> list[str]:
        """Name what `repr` shows."""
        return ["name", "alternatives", "seed"]
