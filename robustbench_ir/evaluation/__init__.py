"""One run: what is asked, how each cell is made, kept and exported. Read `attack` first."""
