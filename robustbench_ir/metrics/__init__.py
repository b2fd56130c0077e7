"""Measures on ranks, language bias, and statistics."""
