"""Lexicons: their sources, how they are compiled, and where they are kept."""
