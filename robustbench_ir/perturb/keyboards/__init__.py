"""Keyboard layouts, and the slips that people make on them."""
