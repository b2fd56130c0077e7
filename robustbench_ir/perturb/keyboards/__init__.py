"""Keyboard layouts, and the typos that people make on them."""
