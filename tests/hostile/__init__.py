"""Break-in attempts: each kind has a file, and each attempt stands there with what must come of it."""
