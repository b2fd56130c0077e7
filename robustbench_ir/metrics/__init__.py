"""Scores: measures on ranks, and language bias."""
