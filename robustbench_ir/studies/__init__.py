"""Studies: train encoders in several ways, attack each of them, and say with statistics what the difference made."""
