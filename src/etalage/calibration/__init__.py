"""Honest probabilities: what a confidence is worth, and how to mend it; nothing of torch."""
