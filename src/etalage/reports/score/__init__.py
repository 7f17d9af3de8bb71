"""The page of a score: answers against a truth, in every view."""
