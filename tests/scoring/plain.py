"""Answers and truths by chance, and what is said of them one product at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.scoring.answers import Compared

TREE = Taxonomy(
    np.arange(7, dtype=np.int64) * 3 + 10,
    (
        ("FOOD", "TEA", "GREEN"),
        ("FOOD", "TEA", "BLACK"),
        ("FOOD", "CAKE", "GREEN"),
        ("GARDEN", "TEA", "SEED"),
        ("GARDEN", "TOOL", "SPADE"),
        ("GARDEN", "TOOL", "RAKE"),
        ("TOYS", "TOOL", "SPADE"),
    ),
)
LEAF = st.integers(0, len(TREE) - 1)
PRODUCTS = st.lists(st.tuples(LEAF, st.integers(-1, len(TREE) - 1), LEAF), min_size=1, max_size=40)
"""For each product the right leaf, the one answered (or none), and its unit."""


def compared(
    truth: Sequence[int] | NDArray[Any],
    answer: Sequence[int] | NDArray[Any],
    taxonomy: Taxonomy = TREE,
) -> Compared:
    """Return products with one answer each, -1 for none."""
    right, said = np.array(truth, np.int32), np.array(answer, np.int32)
    answered = int((said >= 0).sum())
    place = np.where(right == said, 0, -1).astype(np.int8)
    return Compared(taxonomy, right, said, place, 1, None, answered, 0)


def path(row: int, level: int) -> tuple[str, ...]:
    """Return the node of a leaf on a level; of no answer what no leaf has."""
    return TREE.paths[row][:level] if row >= 0 else ("nothing",)


def columns(products: list[tuple[int, int, int]]) -> tuple[list[int], list[int], list[int]]:
    """Return the three columns of ``PRODUCTS``."""
    truth, answer, unit = zip(*products, strict=True)
    return list(truth), list(answer), list(unit)
