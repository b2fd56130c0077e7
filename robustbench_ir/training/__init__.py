"""Training: batches that are monolingual, cross-lingual or both in turn (arXiv 2408.10536), and perturbed queries.

Read `training.train` first; `samplers` has the question itself.
"""
