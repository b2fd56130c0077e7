"""Exact ranks, top-k search and TREC runs."""
