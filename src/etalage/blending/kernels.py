"""The mean of one product after the other, compiled: see ``means`` for what is computed."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

LEAST = 1e-10
"""What a probability counts as at least, for all but the arithmetic mean."""


@njit(cache=True, nogil=True)
def blend_products(
    categories: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    fill: NDArray[np.float64],
    kept: NDArray[np.int64],
    weights: NDArray[np.float64],
    exponent: float,
    leaves: int,
    out: tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """Fill in the categories, probabilities and rest of ``out``: see ``means.blended``."""
    members, products, most = categories.shape
    where = np.full(leaves, -1, np.int32)
    union = np.empty(members * most, np.int32)
    values = np.empty(members * most, np.float64)
    rank = np.empty(members * most, np.int64)
    for product in range(products):
        count = gather_union(categories, kept, product, where, union)
        values[:count] = 0.0
        others = 0.0
        for member in range(members):
            if weights[product, member] > 0.0:
                others += weights[product, member] * forward(fill[member, product], exponent)
                for at in range(count):
                    rank[at] = -1
                for place in range(kept[member]):
                    rank[where[categories[member, product, place]]] = place
                _add(
                    probabilities[member, product],
                    fill[member, product],
                    weights[product, member],
                    exponent,
                    rank[:count],
                    values,
                )
        total = (leaves - count) * backward(others, exponent)
        for at in range(count):
            values[at] = backward(values[at], exponent)
            total += values[at]
            where[union[at]] = -1
        _keep(union, values, count, total, out[0][product], out[1][product])
        outside = 1.0
        for place in range(len(out[1][product])):
            outside -= out[1][product, place]
        out[2][product] = max(0.0, outside)


@njit(cache=True, nogil=True)
def _add(
    probabilities: NDArray[np.float32],
    fill: float,
    weight: float,
    exponent: float,
    rank: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Add what one model says of each candidate, which it has at ``rank``, -1 for nowhere."""
    unnamed = weight * forward(fill, exponent)
    for at in range(len(rank)):
        if rank[at] < 0:
            values[at] += unnamed
        else:
            values[at] += weight * forward(probabilities[rank[at]], exponent)


@njit(cache=True, nogil=True)
def gather_union(
    categories: NDArray[np.int32],
    kept: NDArray[np.int64],
    product: int,
    where: NDArray[np.int32],
    union: NDArray[np.int32],
) -> int:
    """List the categories that any model names in ``union``, their places in ``where``."""
    count = 0
    for member in range(categories.shape[0]):
        for place in range(kept[member]):
            category = categories[member, product, place]
            if where[category] < 0:
                where[category] = count
                union[count] = category
                count += 1
    return count


@njit(cache=True, nogil=True)
def forward(probability: float, exponent: float) -> float:
    """Return what is averaged."""
    if exponent == 1.0:
        return np.float64(probability)
    if exponent == 0.0:
        return np.log(max(np.float64(probability), LEAST))
    return max(np.float64(probability), LEAST) ** exponent


@njit(cache=True, nogil=True)
def backward(value: float, exponent: float) -> float:
    """Return the probability, not yet divided by the sum, that an average stands for."""
    if exponent == 1.0:
        return value
    if exponent == 0.0:
        return np.exp(value)
    return value ** (1.0 / exponent)


@njit(cache=True, nogil=True)
def _keep(
    union: NDArray[np.int32],
    values: NDArray[np.float64],
    count: int,
    total: float,
    categories: NDArray[np.int32],
    probabilities: NDArray[np.float32],
) -> None:
    """Insert the candidates one by one into those kept so far, in order."""
    top, held = len(categories), 0
    for at in range(count):
        share, category = np.float32(values[at] / total), union[at]
        if held == top:
            last = probabilities[top - 1]
            if share < last or (share == last and category > categories[top - 1]):
                continue
        place = min(held, top - 1)
        while place > 0 and (
            share > probabilities[place - 1]
            or (share == probabilities[place - 1] and category < categories[place - 1])
        ):
            probabilities[place] = probabilities[place - 1]
            categories[place] = categories[place - 1]
            place -= 1
        probabilities[place], categories[place] = share, category
        held = min(held + 1, top)
