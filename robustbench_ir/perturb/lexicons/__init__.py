"""Lexicons: where words come from, how they are compiled and kept."""
