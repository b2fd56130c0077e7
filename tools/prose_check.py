"""Find turns of phrase that a reader who learnt English as a second language cannot look up.

    python tools/prose_check.py [FILE ...]    by default the package, the tools, the benchmarks and the pages
    python tools/prose_check.py --shrink      take out of the list of old lines what is no longer there

Old lines that still have one are listed in `tools/prose_allowed.txt`. The list only ever becomes shorter: a line that
was rewritten leaves it, and no line is added.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALLOWED = Path(__file__).with_name("prose_allowed.txt")
SEARCHED = ("robustbench_ir/**/*.py", "tools/*.py", "benchmarks/*.py", "docs/*.md", "*.md", ".github/**/*.md")
SUGGESTIONS = {
    r"\bOf what\.": "say what it is: 'Name of the recipe.'",
    r"\bWhence\b": "'where ... comes from', or name the source",
    r"\banew\b": "'again'",
    r"\b[Ss]ee to it that\b": "'ensure that', 'make sure that'",
    r"\b(is|are|was|were) told\b|\bTold\b": "'is reported', 'receives'",
    r"\b[Nn]obody\b|\b[Ss]omebody\b": "name who: 'no process', 'the user'",
    r"\bwanted and not here\b": "'is missing'",
    r"\b[Ss]ay whether\b": "'Return True if'",
    r"\bunless you say\b": "'unless you pass'",
    r"\bwins? over\b": "'overrides'",
    r"\b(can|could)(not)? be told\b": "'can be decided', 'can be distinguished'",
    r"\bso many (tokens|words|dimensions|bytes|entries)\b": "'N tokens'",
    r"\bin no time\b": "'quickly'",
    r"\bto be had\b": "'available'",
    r"\bvouch": "'guarantee', 'verify'",
}
# Stricter rules for the package, whose prose was rewritten as a whole.
REWRITTEN = ROOT / "robustbench_ir"
SUGGESTIONS_FOR_REWRITTEN = {
    r"^\s+Of [a-z]": "say what it is: 'Number of resamples.'",
    r"^\s+How many\b": "'Number of'",
    r"\bgoes? on there\b": "'continues'",
    r"\b[Ll]ock step\b": "'together'",
    r"\bthrown away\b": "'deleted'",
    r"\b[Aa]s of `": "'See `...`'",
    r"\"\"\"(Say|Tell)\b": "'Return' or 'Print'",
    r"^\s+(Of|For) (what|which|whom)\.": "a noun phrase: 'Name of the recipe.'",
    r"\bat hand\b": "'available'",
    r"\b(is|are) wanted\b": "'is needed'",
    r"\bmend(s|ed)? (the|it|them|such)\b": "'correct'",
    r"\bcan(not)? be had\b": "'is (not) available'",
    r"\bgo(es)? on (where|with|in)\b": "'continue'",
    r"\btold (apart|from)\b": "'distinguished'",
    r"\bstrangers?\b": "'an unknown author'",
    r"\b[Gg]oes up (when|whenever)\b": "'is raised whenever'",
}


def searched_files() -> list[Path]:
    """Return the files that are checked by default."""
    return [path for pattern in SEARCHED for path in sorted(ROOT.glob(pattern)) if path != Path(__file__)]


def findings(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yield each line that has one of the phrases, and a message that names its place and a better phrase."""
    for path in paths:
        suggestions = SUGGESTIONS | (SUGGESTIONS_FOR_REWRITTEN if REWRITTEN in path.absolute().parents else {})
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for phrase, suggestion in suggestions.items():
                if found := re.search(phrase, line):
                    yield line.strip(), f"{path}:{number}: {found[0]!r}: write {suggestion}"


def new_and_old(paths: Iterable[Path]) -> tuple[list[str], list[str]]:
    """Return the messages of new findings, and the old lines that were found, each as often as the list has it."""
    left = Counter(ALLOWED.read_text(encoding="utf-8").splitlines())
    new, old = [], []
    for line, message in findings(paths):
        if left[line]:
            left[line] -= 1
            old.append(line)
        else:
            new.append(message)
    return new, old


def main(arguments: list[str]) -> int:
    """Print what is found; return 1 if there is something that is not in the list of old lines."""
    shrink = arguments == ["--shrink"]
    new, old = new_and_old(searched_files() if shrink or not arguments else map(Path, arguments))
    if shrink:
        ALLOWED.write_text("".join(f"{line}\n" for line in sorted(old)), encoding="utf-8")
    print("\n".join(new), end="\n" if new else "")
    return int(bool(new))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
