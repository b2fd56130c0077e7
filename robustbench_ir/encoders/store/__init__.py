"""Embeddings stored on disk, so that each text is encoded only once."""
