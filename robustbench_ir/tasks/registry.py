"""Which reader reads which file format."""

from __future__ import annotations

from collections.abc import Mapping

from robustbench_ir.tasks import readers
from robustbench_ir.tasks.belebele import read_belebele
from robustbench_ir.tasks.bitext import read_bitext
from robustbench_ir.tasks.mlqa import read_squad_archive
from robustbench_ir.tasks.readers import Reader

READERS: Mapping[str, Reader] = {
    **readers.READERS,
    "belebele": read_belebele,
    "bitext": read_bitext,
    "squad-archive": read_squad_archive,
}
