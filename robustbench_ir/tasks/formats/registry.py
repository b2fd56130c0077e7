"""The reader of each file format."""

from __future__ import annotations

from collections.abc import Mapping

from robustbench_ir.tasks.formats.articles import read_articles
from robustbench_ir.tasks.formats.belebele import read_belebele
from robustbench_ir.tasks.formats.bitext import read_bitext
from robustbench_ir.tasks.formats.mlqa import read_squad_archive
from robustbench_ir.tasks.formats.multiway import read_multiway
from robustbench_ir.tasks.formats.readers import Reader, read_afriqa, read_parallel_tsv, read_squad_sentences
from robustbench_ir.tasks.formats.trec import read_trec_collection

READERS: Mapping[str, Reader] = {
    "afriqa": read_afriqa,
    "articles": read_articles,
    "belebele": read_belebele,
    "bitext": read_bitext,
    "multiway": read_multiway,
    "parallel-tsv": read_parallel_tsv,
    "squad-archive": read_squad_archive,
    "squad-sentences": read_squad_sentences,
    "trec-collection": read_trec_collection,
}
