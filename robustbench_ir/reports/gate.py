"""The outcome of a gate as text, JSON, JUnit and messages of GitHub."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from xml.etree import ElementTree as ET

from robustbench_ir._base.showing import json_text, terminal_text
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.reports.terminal import counted, language_name
from robustbench_ir.results.gate import Checked, Outcome, Verdict
from robustbench_ir.results.rules import ALL, CLEAN_QUERIES

_WORDS: Mapping[Verdict, str] = {"passed": "passed", "failed": "FAILED", "undecided": "cannot tell"}
_MOSTLY_COVERED = 0.95


def title(one: Outcome, *, short: bool = False) -> str:
    """Return what an outcome is about.

    Parameters
    ----------
    one : Outcome
        The outcome.
    short : bool
        Leave out the setting.

    Examples
    --------
    ``drop in mAP under typo at severity 3 in Hindi, multilingual``
    """
    measure = "mAP" if one.measure == "AP" else one.measure
    what = {"max-drop": f"drop in {measure}", "min": measure, "no-worse": f"loss in {measure} against the baseline"}
    attack = "clean" if one.recipe == CLEAN_QUERIES else f"{one.recipe} at severity {one.severity}"
    language = "" if one.language == ALL else f" in {language_name(one.language)}"
    return f"{what[one.rule.kind]}, {attack}{language}" + ("" if short else f", {one.setting}")


def explanation(one: Outcome, *, short: bool = False) -> str:
    """Return the number, its interval, the limit, and what follows.

    Parameters
    ----------
    one : Outcome
        The outcome.
    short : bool
        Leave out what kind of interval it is.
    """
    limit = f"{'at least' if one.rule.kind == 'min' else 'at most'} {one.rule.shown_limit}"
    parts = [f"{_interval(one.estimate, one.rule.relative, short)}, {limit if short else f'must be {limit}'}"]
    if one.coverage < _MOSTLY_COVERED:
        parts.append(f"only {one.coverage:.0%} of the queries changed")
    if one.verdict == "undecided":
        parts.append(_needed(one))
    return "; ".join(parts)


def _interval(estimate: Estimate, relative: bool, short: bool) -> str:
    def shown(value: float) -> str:
        return f"{value:z.1%}" if relative else f"{value:z.3f}"

    if math.isnan(estimate.low):
        return f"{shown(estimate.value)} (one question has no interval)"
    kind = "" if short else "95% interval "
    return f"{shown(estimate.value)} ({kind}{shown(estimate.low)} to {shown(estimate.high)})"


def _needed(one: Outcome) -> str:
    few = f"{counted(one.questions, 'question')} cannot tell"
    if one.needed is None:
        few += ", because the number is so near the limit; more than 100,000 would be needed"
    else:
        few += f", about {one.needed:,} could"
    return few if one.supported is None else f"{few}; a limit of {one.supported.shown_limit} would hold"


def verdict_sentence(checked: Checked) -> str:
    """Return one sentence on the whole gate."""
    total = counted(len(checked.outcomes), "check")
    failed, undecided = checked.count("failed"), checked.count("undecided")
    if failed:
        more = f", {undecided} cannot be decided" if undecided else ""
        return f"The gate failed: {failed} of {total} failed for certain{more}."
    if undecided:
        return f"The gate is undecided: {undecided} of {total} cannot be decided with so few questions."
    return f"The gate passed: {total} held for certain."


def heading(checked: Checked) -> str:
    """Return what was checked, and what the numbers in brackets are."""
    against = f" against {checked.baseline}" if checked.baseline else ""
    settings = ", ".join(dict.fromkeys(one.setting for one in checked.outcomes))
    return f"{checked.encoder} on {checked.task}{against}, {settings} (in brackets: 95% intervals)"


def lines_of(checked: Checked) -> list[tuple[Verdict, str, str]]:
    """Return for each outcome the verdict, the word for it, and what it is about with its numbers."""
    short = len({one.setting for one in checked.outcomes}) == 1
    width = max(map(len, _WORDS.values()))
    return [
        (one.verdict, f"{_WORDS[one.verdict]:{width}}", f"{title(one, short=short)}: {explanation(one, short=True)}")
        for one in checked.outcomes
    ]


def to_text(checked: Checked) -> str:
    """Return a line for each outcome, the notes, and a sentence on the whole."""
    lines = [f"{word}  {line}" for _, word, line in lines_of(checked)]
    notes = [f"note: {note}" for note in checked.notes]
    whole = (heading(checked), *lines, *notes, verdict_sentence(checked))
    return "".join(f"{terminal_text(line)}\n" for line in whole)


def to_json(checked: Checked) -> str:
    """Return all fields of the outcomes, and the status."""
    table = {
        "verdict": checked.verdict,
        "status": checked.status,
        "encoder": checked.encoder,
        "task": checked.task,
        "baseline": checked.baseline or None,
        "outcomes": [_record(one) for one in checked.outcomes],
        "notes": list(checked.notes),
    }
    return json_text(table, indent=1) + "\n"


def _record(one: Outcome) -> dict[str, object]:
    numbers = {name: None if math.isnan(value) else round(value, 6) for name, value in vars(one.estimate).items()}
    return {
        "rule": str(one.rule),
        "verdict": one.verdict,
        "setting": one.setting,
        "measure": one.measure,
        "recipe": one.recipe,
        "severity": one.severity,
        "language": one.language,
        **numbers,
        "limit": one.rule.limit,
        "relative": one.rule.relative,
        "questions": one.questions,
        "questions_needed": one.needed,
        "supported_limit": None if one.supported is None else one.supported.limit,
        "coverage": round(one.coverage, 6),
        "message": f"{title(one)}: {explanation(one)}",
        "signature": one.signature,
    }


def to_junit(checked: Checked) -> str:
    """Return JUnit XML: a test case for each outcome; what cannot be decided is an error and not a failure."""
    counts = {
        "tests": str(len(checked.outcomes)),
        "failures": str(checked.count("failed")),
        "errors": str(checked.count("undecided")),
    }
    who = terminal_text(f"{checked.encoder} on {checked.task}")
    suites = ET.Element("testsuites", {"name": "irbench check", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": who, **counts})
    for one in checked.outcomes:
        # No text may have a character that XML cannot hold.
        names = {"classname": terminal_text(str(one.rule)), "name": terminal_text(title(one)), "time": "0"}
        case = ET.SubElement(suite, "testcase", names)
        message = terminal_text(explanation(one))
        if one.verdict == "failed":
            ET.SubElement(case, "failure", type="limit", message=message)
        elif one.verdict == "undecided":
            ET.SubElement(case, "error", type="not enough questions", message=message)
        else:
            ET.SubElement(case, "system-out").text = message
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def to_github(checked: Checked) -> str:
    """Return commands of GitHub Actions, which become annotations: errors, warnings for what is undecided, notices."""
    kinds: Mapping[Verdict, str] = {"passed": "notice", "failed": "error", "undecided": "warning"}
    said = [(kinds[one.verdict], str(one.rule), f"{title(one)}: {explanation(one)}") for one in checked.outcomes]
    said += [("notice", "note", note) for note in checked.notes]
    lines = [f"::{kind} title={_property(f'irbench {what}')}::{_message(text)}" for kind, what, text in said]
    return "".join(f"{line}\n" for line in (*lines, _plain(verdict_sentence(checked))))


def _message(text: str) -> str:
    """Return the text of a command, escaped as GitHub's own toolkit does it (packages/core/src/command.ts)."""
    return terminal_text(text).replace("%", "%25")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """Return a line that is no command, whatever stands in it."""
    return terminal_text(text).replace("::", ": :")


GATE_FORMATS: Mapping[str, Callable[[Checked], str]] = {
    "text": to_text,
    "json": to_json,
    "junit": to_junit,
    "github": to_github,
}
