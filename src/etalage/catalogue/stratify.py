"""Deals whole groups of products to the parts of a split, category by category."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = 0, 1, 2
UNLABELLED = -1


def deal(
    product_group: NDArray[np.int32],
    labels: NDArray[np.int32],
    *,
    categories: int,
    validation: float,
    test: float,
    seed: int,
) -> NDArray[np.int8]:
    """Return the part of each product, -1 for one without a label, (P,).

    A group belongs to its most common label. In each category groups come in a random order; each
    goes to test while it fits into the rest of the quota there, else to validation while it fits,
    else to train. A category that is then not in every part asked for is moved to train entirely,
    with the groups it has a product in, and again until nothing changes: so whatever is tested is
    also trained.

    Args:
        product_group: group of each product, (P,).
        labels: leaf row of each product, -1 without one, (P,).
        categories: number of leaves.
        validation: share of each category's products to validate on, 0 for none.
        test: share of each category's products to test on, 0 for none.
        seed: of the random order.
    """
    group, label = product_group[labels >= 0], labels[labels >= 0]
    sizes = np.bincount(group)
    home = _home(group, label, sizes, categories)
    products = np.bincount(home[group], minlength=categories)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(sizes))
    part = _fill(order, home, sizes, _quota(test, products), _quota(validation, products))
    wanted = [TRAIN, *([VALIDATION] if validation else []), *([TEST] if test else [])]
    _keep_small_in_train(part, group, label, categories, wanted)
    dealt = np.full(len(labels), UNLABELLED, np.int8)
    dealt[labels >= 0] = part[group]
    return dealt


def _quota(fraction: float, products: NDArray[np.int64]) -> NDArray[np.int64]:
    quota = np.floor(fraction * products + 0.5)
    return np.asarray(quota, np.int64)


def _home(
    group: NDArray[np.int32],
    label: NDArray[np.int32],
    sizes: NDArray[np.int64],
    categories: int,
) -> NDArray[np.int32]:
    """Return the most common label of each group, the lowest of those that are equally common."""
    home = np.zeros(len(sizes), np.int32)
    home[group] = label
    several = sizes[group] > 1
    keys = group[several] * np.int64(categories) + label[several]
    pairs, count = np.unique(keys, return_counts=True)
    # The last write wins: the most common comes last, and of equals the lowest label.
    order = np.lexsort((-pairs, count))
    home[pairs[order] // categories] = pairs[order] % categories
    return home


@njit(cache=True)
def _fill(
    order: NDArray[np.int64],
    home: NDArray[np.int32],
    sizes: NDArray[np.int64],
    test: NDArray[np.int64],
    validation: NDArray[np.int64],
) -> NDArray[np.int8]:
    """First fit: return the part of each group; the two quotas are used up."""
    part = np.full(len(sizes), TRAIN, np.int8)
    for group in order:
        size, category = sizes[group], home[group]
        if size <= test[category]:
            part[group] = TEST
            test[category] -= size
        elif size <= validation[category]:
            part[group] = VALIDATION
            validation[category] -= size
    return part


def _keep_small_in_train(
    part: NDArray[np.int8],
    group: NDArray[np.int32],
    label: NDArray[np.int32],
    categories: int,
    wanted: list[int],
) -> None:
    """Move groups to train, in place, until every category is in all parts wanted or in train."""
    while True:
        keys = label * np.int64(3) + part[group]
        counts = np.bincount(keys, minlength=3 * categories).reshape(categories, 3)
        absent = (counts[:, wanted] == 0).any(axis=1)
        moving = absent & (counts[:, VALIDATION:].sum(axis=1) > 0)
        if not moving.any():
            return
        part[group[moving[label]]] = TRAIN
