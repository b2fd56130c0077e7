"""Which of several encoders is best, as one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from robustbench_ir._base.listed import in_words
from robustbench_ir.errors import OptionError
from robustbench_ir.reports.content import Sheet
from robustbench_ir.reports.terminal import short_name
from robustbench_ir.results.compare import Standing, standing

_SIGNIFICANT = 0.05


def standing_sentence(standing: Standing) -> str:
    """Return one sentence on which encoder is best, and which others are as good as far as the data show."""
    measure = "mAP" if standing.measure == "AP" else standing.measure
    attacks = f"{standing.attacks} attack{'' if standing.attacks == 1 else 's'}"
    what = f"mean {measure} under {attacks}" if standing.attacks else f"clean {measure}"
    (best, score), *others = ((short_name(name), value) for name, value in standing.scores)
    p = list(zip([name for name, _ in others], [value for _, value in others], standing.p, strict=True))
    beaten = [f"{name} ({value:.3f}, {_p(one)})" for name, value, one in p if one < _SIGNIFICANT]
    near = [f"{name} ({value:.3f}, {_p(one)})" for name, value, one in p if not one < _SIGNIFICANT]
    where = f"{what}, {standing.setting}"
    if not near:
        return f"{best} is best: {where}, {score:.3f}; significantly above {in_words(beaten)}."
    over = f", and is significantly above {in_words(beaten)}" if beaten else ""
    highest = f"{best} has the highest {where}, {score:.3f}"
    return f"No single winner: {highest}, but cannot be distinguished from {in_words(near)}{over}."


def winner_sentence(sheets: Sequence[Sheet]) -> str:
    """Return one sentence on which of several results is best in what a report shows, or why that cannot be said.

    Parameters
    ----------
    sheets : sequence of Sheet
        One for each result; the first decides setting, severity and measure.
    """
    first = sheets[0]
    asked = first.severity if first.result.groups else None
    try:
        found = standing(
            [sheet.result.named(sheet.name) for sheet in sheets],
            first.measure,
            setting=first.setting,
            severity=asked,
            resamples=first.resamples,
        )
    except OptionError as error:
        return f"Which one is best cannot be said: {error}."
    return standing_sentence(found)


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
