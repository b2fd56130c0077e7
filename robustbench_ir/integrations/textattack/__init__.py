"""Tasks, encoders and recipes of this package in TextAttack: data set, model wrapper, goal function, transformation.

TextAttack must be installed, in its own environment: see docs/textattack.md. Importing this package makes TextAttack
importable without a network.

>>> from textattack import Attack  # doctest: +SKIP
>>> task = load_task("mini", ["en"])  # doctest: +SKIP
>>> goal = RetrievalGoal(EncoderWrapper(load_encoder("char-ngram"), task))  # doctest: +SKIP
>>> attack = Attack(goal, [RepeatModification()], WordSwapQWERTY(), GreedyWordSwapWIR("delete"))  # doctest: +SKIP
>>> for result in Attacker(attack, TaskDataset(task)).attack_dataset():
...     ...  # doctest: +SKIP
"""

from __future__ import annotations

from robustbench_ir.integrations.textattack.recipes import make_textattack_importable

make_textattack_importable()

from robustbench_ir.integrations.textattack.dataset import TaskDataset  # noqa: E402
from robustbench_ir.integrations.textattack.goal import EncoderWrapper, RetrievalGoal, RetrievalGoalResult  # noqa: E402
from robustbench_ir.integrations.textattack.transformation import RecipeTransformation  # noqa: E402

__all__ = ["EncoderWrapper", "RecipeTransformation", "RetrievalGoal", "RetrievalGoalResult", "TaskDataset"]
