"""What the cheap defences win back under the worst attack: each is compared, by question, with the encoder alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir.defences import normalised
from robustbench_ir.defences.choice import cheap_repairs
from robustbench_ir.encoders import Encoder
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.attack import run_request
from robustbench_ir.evaluation.request import Request, RunOptions
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.reports.content import Sheet
from robustbench_ir.reports.tables import Table, TableCell, interval_cell, number_cell
from robustbench_ir.reports.worst import perturbed_again, task_of_result
from robustbench_ir.results.compare import EncoderComparison, compare
from robustbench_ir.results.result import Result
from robustbench_ir.results.verdict import worst_of
from robustbench_ir.tasks import Task

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Defended:
    """What one defence wins back of an attack.

    Attributes
    ----------
    repairs : str
        The repairs, as ``--normalise`` takes them.
    recipe : AttackIdentity
        The attack.
    alone, attacked : float
        Attacked score without and with the repairs.
    won : Estimate
        The difference, with its 95% interval.
    p : float
        p value of the hypothesis that it is 0, adjusted for all repairs.
    of_drop : float
        `won` divided by the drop of the encoder alone.
    clean : Estimate
        What the repairs change of the clean score.
    """

    repairs: str
    recipe: AttackIdentity
    alone: float
    attacked: float
    won: Estimate
    p: float
    of_drop: float
    clean: Estimate

    @property
    def certain(self) -> bool:
        """Whether the repairs certainly win something back."""
        return self.won.low > 0 and self.p < _SIGNIFICANT


def try_defences(
    sheet: Sheet,
    encoders: Sequence[Encoder],
    task: str | None = None,
    cards: Path | None = None,
    progress: Progress | None = None,
) -> list[Defended]:
    """Run the cheap defences against the attack that costs most; none where no attack shakes the encoder.

    Parameters
    ----------
    sheet : Sheet
        The result.
    encoders : sequence of Encoder
        The encoder of the result, among others.
    task : str, optional
        Value of `irbench attack --task`; by default the name in the result.
    cards : pathlib.Path, optional
        A user's folder of cards.
    progress : Progress, optional
        Receives the stages of the runs.

    Raises
    ------
    OptionError
        If the encoder is not among those given, or the attack was found by a search.
    RobustBenchError
        If the texts are not on this machine, or are not those that were ranked.
    """
    worst = worst_of(sheet.verdicts)
    if worst is None:
        return []
    if worst.recipe.search:
        raise OptionError(f"{worst.recipe.label} was found by a search, which would have to run again for each defence")
    if worst.recipe.prompt:
        raise OptionError(f"{worst.recipe.label} changes the prompt, which no repair of queries can undo")
    if worst.recipe.on != "queries":
        raise OptionError(f"{worst.recipe.label} perturbed passages, and defences repair queries; attack the queries")
    only = replace(sheet.result, attacked=sheet.result.groups[worst.recipe, worst.severity])
    texts = task_of_result(sheet.result, task, cards)
    perturbed_again(texts, only.attacked[0], cards)  # refuses a recipe that is not the one that ran
    encoder = _encoder_of(only, encoders)
    run = RunOptions(cards=cards, progress=progress or Silence(), perturbed={})
    tried = cheap_repairs(only.judgements.query_languages)
    found = [run_request(_request(only, encoder, repairs, texts), run) for repairs in tried]
    rows = compare([only, *found], sheet.measure, setting=sheet.setting, resamples=sheet.resamples)
    each = [rows[place : place + 3] for place in range(0, len(rows), 3)]
    return [_defended(repairs, *three) for repairs, three in zip(tried, each, strict=True)]


def _encoder_of(result: Result, encoders: Sequence[Encoder]) -> Encoder:
    wanted = result.encoder.fingerprint
    found = next((one for one in encoders if one.description.fingerprint == wanted), None)
    if found is None:
        raise OptionError(f"{result.encoder.name} is not here as it was then (the fingerprints differ); give --model")
    return found


def _request(result: Result, encoder: Encoder, repairs: str, task: Task) -> Request:
    cell = result.attacked[0]
    floor = cell.recipe.floor
    return Request(
        encoder=normalised(encoder, repairs.split("+")),
        task=task,
        recipes=(cell.recipe.recipes[0].name,),
        severities=(cell.severity,),
        seeds=len(result.attacked),
        semantic_floor=SemanticFloor(floor.minimum, floor.encoder) if floor else None,
    )


def _defended(repairs: str, clean: EncoderComparison, score: EncoderComparison, drop: EncoderComparison) -> Defended:
    lost = drop.of_first.value
    return Defended(
        repairs=repairs,
        recipe=score.recipe,
        alone=score.of_first.value,
        attacked=score.of_second.value,
        won=score.difference,
        p=score.p_adjusted,
        of_drop=score.difference.value / lost if lost else float("nan"),
        clean=clean.difference,
    )


def defences_table(sheet: Sheet, tried: Sequence[Defended]) -> Table:
    """Return what each defence wins back, and what it costs where there is no attack."""
    name = sheet.measure_name
    columns = ("repairs", f"attacked {name} alone", "with the repairs", "won back", "95% interval", "p (adjusted)",
               "share of the drop", f"change of clean {name}", "95% interval of it")  # fmt: skip
    rows = tuple(
        (
            TableCell(one.repairs.replace("+", " + ")),
            number_cell(one.alone, ".3f"),
            number_cell(one.attacked, ".3f"),
            number_cell(one.won.value, "+z.3f"),
            interval_cell(one.won, "+z.3f"),
            number_cell(one.p, ".4f"),
            number_cell(one.of_drop, "+z.0%"),
            number_cell(one.clean.value, "+z.3f"),
            interval_cell(one.clean, "+z.3f"),
        )
        for one in tried
    )
    attack = sheet.recipe_names[tried[0].recipe]
    return Table(f"{sheet.name}: cheap repairs against {attack} at severity {sheet.severity}", columns, rows)


def defences_sentence(sheet: Sheet, tried: Sequence[Defended]) -> str:
    """Return one sentence on the best defence, as far as it is certain."""
    attack = sheet.recipe_names[tried[0].recipe]
    best = max((one for one in tried if one.certain), key=lambda one: one.won.value, default=None)
    if best is None:
        return f"No cheap repair certainly wins anything back of what {attack} costs."
    price = ""
    if best.clean.high < 0:
        price = f"; it costs {-best.clean.value:.3f} where nothing is attacked"
    return (
        f"{best.repairs} wins back {best.won.value:.3f} ({best.won.low:.3f} to {best.won.high:.3f}) of "
        f"{sheet.measure_name} under {attack}, {best.of_drop:.0%} of the drop{price}."
    )
