"""The versions of this release and of its scoring: the only place that names them."""

__version__ = "0.2.0"

SCORING_VERSION = 5
"""Raised with every change of the code after which a rank could be another one, so that none of before is mixed in."""
