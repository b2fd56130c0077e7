"""Exact ranks, search for the best passages, and TREC runs."""
