"""Wrong labels: one in ten, by careless resellers more than by careful ones, mostly plausible.

A wrong label mostly falls on a whole series (a classifier of titles errs alike on like titles).
In a few series only some offers are wrong, so that about 1.5 % of the image hashes lie under more
than one category, as published (114,209 of 7,772,910).
"""

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy

WRONG = 0.10
AMBIGUOUS = 114_209 / 7_772_910
_COPIED = 1 - 7_772_910 / 12_371_293
_LARGEST_WRONG = 0.05  # of all wrong labels, in one series
_SIBLING, _COUSIN = 0.7, 0.2  # the rest goes anywhere


def wrong_labels(
    taxonomy: Taxonomy,
    leaf: NDArray[np.int32],
    series: NDArray[np.int32],
    shared: NDArray[np.uint8],
    test: NDArray[np.bool_],
    care: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """Return the given leaf of every product, shape (P,).

    Args:
        taxonomy: the tree.
        leaf: true leaf of every product, products of a series side by side, shape (P,).
        series: series of every product, ascending, shape (P,).
        shared: bits of the ranks each series shares, shape (series,).
        test: whether a product is in the test file, shape (P,).
        care: relative error rate of who offers the product, shape (P,).
        rng: draws.
    """
    size = np.bincount(series)
    first = np.cumsum(size) - size
    other = _other_leaf(taxonomy, leaf[first], rng)
    hashes = (1 - _COPIED) * 1.75 * float((~test).sum())
    cut = _cut_series(
        shared, np.bincount(series[~test], minlength=len(size)), AMBIGUOUS * hashes, rng
    )
    wrong = _some_of(cut, series, test, rng)
    budget = WRONG * len(leaf) - wrong.sum()
    # Priority sampling: the smallest draw/rate first, until the budget is spent.
    urgency = rng.exponential(size=len(size)) / care[first]
    urgency[cut | (size > _LARGEST_WRONG * budget + 1)] = np.inf
    order = np.argsort(urgency)
    spent = np.cumsum(size[order])
    whole = np.zeros(len(size), np.bool_)
    whole[order[: int(np.searchsorted(spent, budget))]] = True
    whole &= np.isfinite(urgency)
    return np.where(wrong | whole[series], other[series], leaf).astype(np.int32)


def _cut_series(
    shared: NDArray[np.uint8], train: NDArray[np.int64], hashes: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose series of two or more train products until they share so many ``hashes``."""
    able = np.flatnonzero((shared > 0) & (train >= 2))
    order = rng.permutation(able)
    reached = np.cumsum(np.bitwise_count(shared[order]))
    cut = np.zeros(len(shared), np.bool_)
    cut[order[: int(np.searchsorted(reached, hashes))]] = True
    return cut


def _some_of(
    cut: NDArray[np.bool_],
    series: NDArray[np.int32],
    test: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Mark a quarter of the products of the cut series: one train product is, another is not."""
    wrong = cut[series] & (rng.random(len(series)) < 0.25)
    order = np.lexsort((rng.random(len(series)), test, series))
    size = np.bincount(series)
    first = (np.cumsum(size) - size)[cut]
    wrong[order[first]] = True
    wrong[order[first + 1]] = False
    return wrong


def _other_leaf(
    taxonomy: Taxonomy, leaf: NDArray[np.int32], rng: np.random.Generator
) -> NDArray[np.int32]:
    """Return another leaf for each: mostly of the same level-2 branch, else near, else anywhere."""
    other = _within(np.zeros(len(taxonomy), np.int32), leaf, rng)
    kind = rng.random(len(leaf))
    for level, share in ((1, _SIBLING + _COUSIN), (2, _SIBLING)):
        near = _within(taxonomy.nodes(level), leaf, rng)
        other = np.where((kind < share) & (near >= 0), near, other)
    return other.astype(np.int32)


def _within(
    nodes: NDArray[np.int32], leaf: NDArray[np.int32], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return another leaf of the same node for each, -1 where a node has only one."""
    order = np.argsort(nodes, kind="stable")
    place = np.empty(len(nodes), np.int64)
    place[order] = np.arange(len(nodes))
    size = np.bincount(nodes)
    first = (np.cumsum(size) - size)[nodes[leaf]]
    width = size[nodes[leaf]]
    step = 1 + np.floor(rng.random(len(leaf)) * np.maximum(width - 1, 1)).astype(np.int64)
    chosen = order[first + (place[leaf] - first + step) % width]
    return np.where(width > 1, chosen, -1)
