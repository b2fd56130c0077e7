"""Other packages' tasks and attacks, in both directions."""
