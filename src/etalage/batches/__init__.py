"""Rows of an index to uint8 batches: in which order, and decoded on every core."""
