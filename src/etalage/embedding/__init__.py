"""Embeddings: one vector for each distinct image, computed once, read by many."""
