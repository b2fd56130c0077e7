"""Training: batches that are monolingual, cross-lingual or both in turn (arXiv 2408.10536), and perturbed queries.

Read `training.train` first; `samplers` has the question itself.
"""

from robustbench_ir.train.overlap import overlap
from robustbench_ir.train.record import Outcome, Overlap, Record, Trained, Training, make_training, read_trained
from robustbench_ir.train.sources import load_table
from robustbench_ir.train.table import ParallelTable, Row
from robustbench_ir.train.training import train

__all__ = [
    "Outcome",
    "Overlap",
    "ParallelTable",
    "Record",
    "Row",
    "Trained",
    "Training",
    "load_table",
    "make_training",
    "overlap",
    "read_trained",
    "train",
]
