"""Readers of the file formats that task cards name by a key."""
