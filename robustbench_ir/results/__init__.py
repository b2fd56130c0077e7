"""Results as values and as files, and the comparison of results."""
