"""The query as a person wrote it in another form: looked up as a whole, in a table that the task has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustbench_ir._base.text import Span, nfc
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.transformation import NoParameters, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate


class PairedQueryOptions(Card):
    """A language's row, which only a task can have: the text of each query to that of its paired query."""

    twins: dict[str, str]


@dataclass(frozen=True)
class PairedQuery:
    """The whole query replaced by its paired query. A `Transformation`."""

    twins: Mapping[str, str]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the query as a whole, if it has a paired query; see `Transformation.targets`."""
        found = [(0, len(text))] if self.twins.get(text, text) != text else []
        return Targets(found, lambda query, _: (self.twins[query], "twin"))


def make_paired_query(
    language: str,
    parameters: Mapping[str, object],
    options: Mapping[str, object],
    tables: Tables,  # noqa: ARG001
) -> Transformation:
    """Make the mechanism `paired-query` for a language; see `TransformationFactory`."""
    validate(NoParameters, dict(parameters), "[parameters]")
    twins = validate(PairedQueryOptions, dict(options), f"[languages.{language}]").twins
    return PairedQuery({nfc(query): nfc(other) for query, other in twins.items()})
