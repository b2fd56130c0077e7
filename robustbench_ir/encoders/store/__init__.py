"""Embeddings kept on disk, so that a text is encoded once."""
