"""Print docs/hybrid-batch-numbers.md from the records of real studies.

python tools/study_page.py hybrid-batch/study.json > docs/hybrid-batch-numbers.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from robustbench_ir.studies.page import study_page
from robustbench_ir.studies.record import load_study_record

HEAD = """\
# The numbers of the hybrid-batch studies

<!-- Made by tools/study_page.py from study.json files; do not edit. -->

[hybrid-batch.md](hybrid-batch.md) has the question, the design and the answer. To do it again from a clean clone:

```
pip install '.[train]'
{commands}
python tools/study_page.py {records} > docs/hybrid-batch-numbers.md
```
"""


def deeper(page: str) -> str:
    """Return a page with each heading one level down, outside of code."""
    parts = re.split(r"(^```.*?^```$)", page, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else re.sub(r"^#", "##", part, flags=re.MULTILINE) for part in parts)


def main() -> None:
    """Print the page."""
    studies = [load_study_record(Path(name)) for name in sys.argv[1:]]
    commands = "\n".join(f"{study.command} --out {study.name}" for study in studies)
    records = " ".join(f"{study.name}/study.json" for study in studies)
    print(HEAD.format(commands=commands, records=records))
    print("\n".join(deeper(study_page(study)) for study in studies), end="")


if __name__ == "__main__":
    main()
