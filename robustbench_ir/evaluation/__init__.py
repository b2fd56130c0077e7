"""One run: read `attack` first."""
