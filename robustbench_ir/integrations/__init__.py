"""Tasks and attacks of other packages here, and those of this package there."""
