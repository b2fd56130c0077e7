"""Topics: the questions about one document, of which the attacker knows some, and is judged by the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from robustbench_ir._base.numbers import share_between
from robustbench_ir.errors import DataError
from robustbench_ir.tasks import Task


def check_unseen(unseen: object) -> None:
    """Check a share of unseen questions.

    Raises
    ------
    OptionError
        If it is not between 0 and 1.
    """
    share_between(unseen, "of the questions unseen")


@dataclass(frozen=True)
class Topics:
    """The questions of a task, cut within each topic.

    Attributes
    ----------
    of : mapping of str to str
        The topic of each question, both by their ids.
    known, unseen : mapping of str to tuple of str
        For each topic with two questions or more, those that passages are crafted for, and those that are attacked.
    """

    of: Mapping[str, str]
    known: Mapping[str, tuple[str, ...]]
    unseen: Mapping[str, tuple[str, ...]]

    @property
    def attacked(self) -> frozenset[str]:
        """All unseen questions."""
        return frozenset(question for own in self.unseen.values() for question in own)


def split_topics(task: Task, unseen: float) -> Topics:
    """Cut the questions of each topic by a hash of their ids, so that other questions make no difference to the order.

    Parameters
    ----------
    task : Task
        A task whose passages name their documents: a question's topic is the document of its first relevant passage.
    unseen : float
        Share of the questions of a topic that are attacked, between 0 and 1; at least one, and one is known.

    Raises
    ------
    OptionError
        If the share is out of range.
    DataError
        If the task does not know its documents, or has no two questions about one.
    """
    check_unseen(unseen)
    of: dict[str, str] = {}
    for query, passage in zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True):
        of.setdefault(task.queries[query].parallel_id, task.passages[passage].document)
    if "" in of.values():
        raise DataError(
            f"{task.name}: its passages do not name their documents, so that it has no topics; leave out --unseen, or "
            "take a task such as xquad-r"
        )
    questions: dict[str, list[str]] = defaultdict(list)
    for question in sorted(of, key=lambda one: blake2b(one.encode(), digest_size=8).digest()):
        questions[of[question]].append(question)
    known, attacked = {}, {}
    for topic, own in questions.items():
        if len(own) > 1:
            number = min(max(round(unseen * len(own)), 1), len(own) - 1)
            known[topic], attacked[topic] = tuple(own[number:]), tuple(own[:number])
    if not known:
        raise DataError(f"{task.name}: no two of the questions are about one document; take more of them")
    return Topics(of, known, attacked)
