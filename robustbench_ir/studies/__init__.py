"""Studies: train encoders in several ways, attack each of them, and test the differences with statistics."""
