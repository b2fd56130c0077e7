"""Attempts to break in, one file for each kind; each is refused, or harmless."""
