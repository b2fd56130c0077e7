"""What a run found, as a value and as a file, and the comparison of two."""
